# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutations of valid images and calls: no harm to the host, none to a neighbour.

`python -m tests.guests.mutations` makes a million, and can be stopped and go on.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guests import mutations
from tests.guests.both_builds import BUILDS, make_machine
from ultravisor.errors import UltravisorError
from ultravisor.machine.image import Image, parse_image

if TYPE_CHECKING:
    from ultravisor.machine.interface import MonitorBuild

pytestmark = pytest.mark.guest

ROOT = Path(__file__).resolve().parents[2]
BLOCK_COUNT = 4
BLOCK_SIZE = 50
LONG_BLOCK_COUNT = 20
LONG_BLOCK_SIZE = 500


def check_block(first: int, count: int) -> None:
    """Check a run of mutations; most of them can run."""
    ran = sum(mutations.check(number) for number in range(first, first + count))
    assert ran > count // 2


@pytest.mark.parametrize("block", range(BLOCK_COUNT))
def test_mutations_do_no_harm(block: int) -> None:
    check_block(block * BLOCK_SIZE, BLOCK_SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(LONG_BLOCK_COUNT))
def test_ten_thousand_mutations_do_no_harm(block: int) -> None:
    check_block(block * LONG_BLOCK_SIZE, LONG_BLOCK_SIZE)


@pytest.mark.parametrize("build", BUILDS)
def test_the_sequence_that_is_mutated_is_valid(build: MonitorBuild) -> None:
    image = parse_image(
        mutations.calls_image(list(mutations.VALID_CALLS), mutations.valid_data()), "valid"
    )
    count = len(mutations.VALID_CALLS)
    with make_machine(build) as machine:
        mutations.partition(machine, "valid", image)
        machine.boot()
        machine.run(mutations.CYCLES)
        results = struct.unpack(f"<{count}q", machine.guest_read(1, mutations.RESULTS, 8 * count))
        assert machine.partition_statistics(1).exit_code == 0
    refused = [
        call
        for call, result in zip(mutations.VALID_CALLS, results, strict=True)
        if -100 < result < 0
    ]
    assert refused == []


def test_a_mutation_is_made_of_its_number() -> None:
    assert mutations.mutant(5) == mutations.mutant(5)
    assert len({mutations.mutant(number) for number in range(200)}) > 190


def test_a_neighbour_that_notices_is_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "beside_idle", lambda build: build.value)
    with pytest.raises(mutations.Harm, match="the neighbour noticed"):
        mutations.check(first_that_runs())


def test_builds_that_differ_are_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    real = mutations.run

    def differently(build: MonitorBuild, image: Image) -> mutations.Seen:
        return real(build, image)._replace(mutant_hash=build.value)

    monkeypatch.setattr(mutations, "run", differently)
    with pytest.raises(mutations.Harm, match="the builds differ"):
        mutations.check(first_that_runs())


def first_that_runs() -> int:
    """Return the number of a mutation that an image's reader accepts."""
    for number in range(100):
        try:
            parse_image(mutations.mutant(number), "mutation")
        except UltravisorError:
            continue
        return number
    raise AssertionError("none runs")


def test_the_program_stops_and_goes_on(tmp_path: Path) -> None:
    state = tmp_path / "state.json"

    def program(count: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.guests.mutations", "--state", str(state)]
        return subprocess.run(
            [*command, "--count", str(count), "--step", "4"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    first = program(8)
    assert (first.returncode, first.stdout) == (0, "8 mutations, no harm\n")
    second = program(12)
    assert "going on at mutation 8" in second.stderr
    assert second.stderr.count("mutations, 0 harms") == 1
