# SPDX-License-Identifier: GPL-2.0-or-later
"""What the native build assumes for a path is near what the simulated build's code takes.

The assumptions stand in native/engine/costs.c. When a path or a core has changed and they are
stale, this says what to write there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import LONG_CYCLES, make_machine
from tests.guests.test_path_lengths import PAGE, TEXT, Path, partition
from ultravisor.machine.cores import CORES, CoreName, core_model
from ultravisor.machine.interface import (
    ClockSource,
    ExitReason,
    MonitorBuild,
    TimingModel,
    TimingPath,
)
from ultravisor.machine.records import PartitionOptions, Segment
from ultravisor.plan import MIB

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

pytestmark = pytest.mark.guest

FEW_ROUNDS = 100
MORE_ROUNDS = 200
QUANTUM_CYCLES = 100_000
TICKS = 20
# The paths of a real run differ more among themselves.
TOLERANCE = 0.05


def spent(machine: Machine, path: TimingPath) -> int:
    """Return the monitor's cycles on a path, for both partitions."""
    return sum(sum(machine.timing_statistics(0, number, path).cycles.values()) for number in (1, 2))


def rounds_cycles(timing: TimingModel, path: Path, account: TimingPath) -> float:
    """Return what one round takes of the monitor, warm."""
    found = []
    for rounds in (FEW_ROUNDS, FEW_ROUNDS + MORE_ROUNDS):
        with make_machine(MonitorBuild.SIMULATED, timing) as machine:
            for width in path.widths:
                number = machine.partition_add(partition(path, width, rounds))
                machine.slot_add(
                    processor=0,
                    partition=number,
                    virtual_processor=0,
                    quantum_cycles=LONG_CYCLES,
                    donates=True,
                )
            machine.boot()
            assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED
            found.append(spent(machine, account))
    return (found[1] - found[0]) / MORE_ROUNDS / len(path.widths)


def tick_cycles(timing: TimingModel) -> float:
    """Return what a tick takes that changes nothing."""
    endless = Segment(
        address=TEXT, size_bytes=PAGE, data=b"\xeb\xfe", writable=False, executable=True
    )
    options = PartitionOptions(
        name="endless", memory_size_bytes=MIB, entry_address=TEXT, width=64, segments=(endless,)
    )
    with make_machine(MonitorBuild.SIMULATED, timing, clock=ClockSource.MACHINE) as machine:
        number = machine.partition_add(options)
        machine.slot_add(
            processor=0, partition=number, virtual_processor=0, quantum_cycles=QUANTUM_CYCLES
        )
        machine.boot()
        until_cycles = (TICKS + 1) * QUANTUM_CYCLES + QUANTUM_CYCLES // 2
        machine.run(until_cycles)
        before = spent(machine, TimingPath.INTERRUPT)
        machine.run(until_cycles + TICKS * QUANTUM_CYCLES)
        return (spent(machine, TimingPath.INTERRUPT) - before) / TICKS


@pytest.mark.parametrize("core", CORES)
def test_the_native_build_assumes_what_the_simulated_one_takes(core: CoreName) -> None:
    timing = TimingModel(core_model(core))
    hypercall = rounds_cycles(timing, Path("version", (64,), 0), TimingPath.HYPERCALL)
    switching = rounds_cycles(timing, Path("yield", (64, 64), 0), TimingPath.HYPERCALL)
    measured = {
        "hypercall": hypercall,
        "trap": rounds_cycles(timing, Path("page_fault", (64,), 0), TimingPath.TRAP),
        "interrupt": tick_cycles(timing),
        "world_switch": switching - hypercall,
    }
    with make_machine(MonitorBuild.NATIVE, timing) as machine:
        assumed = machine.path_costs()
    rounded = {name: round(cycles) for name, cycles in measured.items()}
    assert assumed == pytest.approx(measured, rel=TOLERANCE), f"for {core}, costs.c: {rounded}"
