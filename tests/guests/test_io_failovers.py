# SPDX-License-Identifier: GPL-2.0-or-later
"""Failovers in the middle of traffic: whatever goes wrong and when, no request is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.io_failovers import FAULTS, SECTOR, WARM_CYCLES, Failovers
from tests.io.disk_history import SECTOR_COUNT, judge
from ultravisor.machine.interface import MonitorBuild

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

CHUNK = 30


def check_seeds(folder: Path, build: MonitorBuild, width: int, first: int, count: int) -> None:
    """Run seeds from one snapshot; all must be right, and all faults must have happened."""
    failovers = Failovers.prepare(build, width, folder)
    happened = set()
    for seed in range(first, first + count):
        fault, wrong = failovers.run(seed)
        assert not wrong, f"seed {seed}, {fault}: {wrong}"
        happened.add(fault)
    assert len(happened) == min(count, len(FAULTS))


@pytest.mark.parametrize("chunk", range(5))
@pytest.mark.parametrize("width", [64, 32])
def test_no_request_is_lost_whatever_happens(tmp_path: Path, width: int, chunk: int) -> None:
    first = (chunk if width == 64 else chunk + 5) * CHUNK
    check_seeds(tmp_path, MonitorBuild.NATIVE, width, first, CHUNK)


def test_no_request_is_lost_under_the_simulated_monitor(tmp_path: Path) -> None:
    check_seeds(tmp_path, MonitorBuild.SIMULATED, 64, 0, len(FAULTS))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(20))
def test_no_request_is_lost_in_ten_thousand_more(tmp_path: Path, chunk: int) -> None:
    width = 64 if chunk % 2 == 0 else 32
    check_seeds(tmp_path, MonitorBuild.NATIVE, width, 1_000 + 500 * chunk, 500)


def test_a_seed_is_the_same_whenever_it_runs(tmp_path: Path) -> None:
    failovers = Failovers.prepare(MonitorBuild.NATIVE, 64, tmp_path)
    seen = []
    for seed in (3, 8, 3):
        failovers.run(seed)
        seen.append((failovers.host.events, failovers.host.machine.state_hash()))
    assert seen[0] == seen[2]
    assert seen[0] != seen[1]


def test_a_write_of_a_server_that_was_given_up_would_be_noticed(tmp_path: Path) -> None:
    failovers = Failovers.prepare(MonitorBuild.NATIVE, 64, tmp_path)
    host = failovers.host
    file = next(tmp_path.iterdir())
    old = file.read_bytes()
    host.run(WARM_CYCLES)
    assert host.is_running(4)
    new = file.read_bytes()
    changed = [n for n in range(SECTOR_COUNT) if old[n * SECTOR] != new[n * SECTOR]]
    # What a stale server would do: an old write arrives when a newer one has been acknowledged.
    with file.open("r+b") as stream:
        stream.seek(changed[0] * SECTOR)
        stream.write(old[changed[0] * SECTOR :][:SECTOR])
    host.run_until_ended(4)
    wrong = judge(host.events)
    assert any(f" to {changed[0]} after" in line for line in wrong), wrong
