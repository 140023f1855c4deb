# SPDX-License-Identifier: GPL-2.0-or-later
"""Random bytes as user code: nobody escapes, nothing aborts, and both builds agree on all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, make_lazy_machine, make_machine
from tests.guests.random_code import SLOT_COUNT, random_code
from tests.guests.test_builds_agree import usually
from ultravisor.machine.abi import StopReason
from ultravisor.machine.interface import ExitReason, MonitorBuild

if TYPE_CHECKING:
    from ultravisor.machine.records import PartitionStatistics

pytestmark = pytest.mark.guest

UNTIL_CYCLES = 2_000_000
ENDS = (StopReason.EXIT, StopReason.UNSUPPORTED, StopReason.TRAP_IN_DELIVERY)


def run(
    seed: int, width: int, build: MonitorBuild, *, lazily: bool = False
) -> tuple[ExitReason, int, PartitionStatistics]:
    """Run the random code of a seed under one build."""
    with make_lazy_machine() if lazily else make_machine(build) as machine:
        number = machine.partition_add(random_code(seed, width))
        machine.slot_add(processor=0, partition=number, virtual_processor=0, quantum_cycles=100_000)
        machine.boot()
        reason = machine.run(UNTIL_CYCLES).reason
        assert reason <= ExitReason.IDLE, machine.error()
        return reason, machine.state_hash(), machine.partition_statistics(number)


def assert_harmless(seed: int, width: int) -> None:
    """Both builds come to the same end, which is one that a guest may come to."""
    native, simulated = (run(seed, width, build) for build in BUILDS)
    assert native == simulated, seed
    assert native == run(seed, width, MonitorBuild.SIMULATED, lazily=True), seed
    assert native[2].stop_reason in ENDS or native[0] == ExitReason.PAUSED, seed


@pytest.mark.parametrize("block", usually(range(4), (0, 1)))
@pytest.mark.parametrize("width", [64, 32])
def test_random_code_is_harmless_and_agrees(width: int, block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        assert_harmless(seed, width)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
@pytest.mark.parametrize("width", [64, 32])
def test_much_random_code_is_harmless_and_agrees(width: int, block: int) -> None:
    for seed in range(1000 + block * 100, 1100 + block * 100):
        assert_harmless(seed, width)


@pytest.mark.parametrize("width", [64, 32])
def test_every_slot_is_run(width: int) -> None:
    """A guest that only stopped early would prove nothing: this one goes through them all."""
    _, _, statistics = run(0, width, MonitorBuild.NATIVE)
    assert statistics.stop_reason == StopReason.EXIT
    assert statistics.hypercalls[9] == SLOT_COUNT
