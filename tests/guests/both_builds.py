# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest, run under both builds of the monitor, which must agree in all that is canonical.

Owns how such a machine is made and what is compared. Used by the tests beside it and by
tests/native; knows nothing of instructions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from tests.guests import machine_code, machine_code_32
from tests.guests.machine_code import DATA_SIZE, PAGE
from ultravisor.machine.abi import PartitionKind
from ultravisor.machine.flat_image import FlatImage, read_flat_image
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel
from ultravisor.machine.machine import Machine
from ultravisor.machine.records import (
    MachineOptions,
    PartitionOptions,
    PartitionStatistics,
    ProcessorStatistics,
    Segment,
)
from ultravisor.plan import MIB
from ultravisor.resolution import monitor_image

if TYPE_CHECKING:
    from ultravisor.configuration import FpuName

LONG_CYCLES = 20_000_000
BUILDS = (MonitorBuild.NATIVE, MonitorBuild.SIMULATED)
TIMINGS = (TimingModel.OFF, TimingModel.UNIT)


@cache
def monitor(fpu: FpuName = "eager") -> FlatImage:
    """Return a simulated monitor, read once."""
    return read_flat_image(monitor_image(fpu))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A partition of one page of text and two of data, on one processor or more."""

    text: bytes
    data: bytes = b""
    name: str = "guest"
    quantum_cycles: int = 100_000
    processors: tuple[int, ...] = (0,)
    memory_size_bytes: int = MIB
    more: tuple[Segment, ...] = ()
    width: int = 64
    kind: PartitionKind = PartitionKind.GUEST

    @property
    def text_address(self) -> int:
        """Return where its text lies, and begins to run."""
        return machine_code_32.TEXT if self.width == 32 else machine_code.TEXT

    @property
    def data_address(self) -> int:
        """Return where its data lies."""
        return machine_code_32.DATA if self.width == 32 else machine_code.DATA

    def options(self) -> PartitionOptions:
        """Return what the machine is told of it."""
        text = Segment(
            address=self.text_address,
            size_bytes=PAGE,
            data=self.text,
            writable=False,
            executable=True,
        )
        data = Segment(
            address=self.data_address,
            size_bytes=DATA_SIZE,
            data=self.data,
            writable=True,
            executable=False,
        )
        return PartitionOptions(
            name=self.name,
            memory_size_bytes=self.memory_size_bytes,
            entry_address=self.text_address,
            segments=(text, data, *self.more),
            width=self.width,
            kind=self.kind,
            processors=self.processors,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is canonical of a partition when the machine has come to rest."""

    statistics: PartitionStatistics
    hash: int
    console: bytes
    data: bytes
    data_address: int = machine_code.DATA

    def word(self, address: int, size_bytes: int = 8) -> int:
        """Return a word of the guest's data."""
        return int.from_bytes(self.data[address - self.data_address :][:size_bytes], "little")


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both builds found alike."""

    reason: ExitReason
    state_hash: int
    outcomes: tuple[Outcome, ...]
    processors: tuple[ProcessorStatistics, ...] = field(default=())

    @property
    def outcome(self) -> Outcome:
        """Return the only partition's outcome."""
        (outcome,) = self.outcomes
        return outcome


def make_machine(
    build: MonitorBuild, timing: TimingModel = TimingModel.OFF, **changes: int
) -> Machine:
    """Return a machine without partitions; `changes` are fields of MachineOptions."""
    machine = _bare_machine(build, timing, changes)
    if build == MonitorBuild.SIMULATED:
        machine.monitor_load(monitor().data, monitor().entry_address)
    return machine


def make_lazy_machine(timing: TimingModel = TimingModel.OFF, **changes: int) -> Machine:
    """Return the same under the simulated monitor that takes FPU and SSE lazily."""
    machine = _bare_machine(MonitorBuild.SIMULATED, timing, changes)
    machine.monitor_load(monitor("lazy").data, monitor("lazy").entry_address)
    return machine


def _bare_machine(build: MonitorBuild, timing: TimingModel, changes: dict[str, int]) -> Machine:
    settings: dict[str, int] = {
        "memory_size_bytes": 64 * MIB,
        "clock_frequency_hz": 1_000_000_000,
        "interleave_cycles": 1_000,
    }
    return Machine(
        MachineOptions(monitor=build, timing=timing, **(settings | changes))  # type: ignore[arg-type]
    )


def boot(machine: Machine, guests: tuple[Guest, ...]) -> None:
    """Add guests, a slot for each virtual processor, and boot."""
    for guest in guests:
        number = machine.partition_add(guest.options())
        for index, processor in enumerate(guest.processors):
            machine.slot_add(
                processor=processor,
                partition=number,
                virtual_processor=index,
                quantum_cycles=guest.quantum_cycles,
            )
    machine.boot()


def observe(machine: Machine, reason: ExitReason, guests: tuple[Guest, ...]) -> Agreement:
    """Return what a machine says of its guests, which are its first partitions."""
    consoles = [b""] * len(guests)
    for chunk in machine.consoles():
        consoles[chunk.partition - 1] += chunk.data
    outcomes = tuple(
        Outcome(
            machine.partition_statistics(number),
            machine.partition_hash(number),
            consoles[number - 1],
            machine.guest_read(number, guest.data_address, DATA_SIZE),
            guest.data_address,
        )
        for number, guest in enumerate(guests, 1)
    )
    processors = tuple(
        replace(machine.processor_statistics(number), machine_cycles=0)
        for number in range(machine.options.processor_count)
    )
    return Agreement(reason, machine.state_hash(), outcomes, processors)


def run(
    build: MonitorBuild,
    *guests: Guest,
    timing: TimingModel = TimingModel.OFF,
    until_cycles: int = LONG_CYCLES,
    **changes: int,
) -> Agreement:
    """Run guests under one build."""
    with make_machine(build, timing, **changes) as machine:
        boot(machine, guests)
        reason = machine.run(until_cycles).reason
        assert reason <= ExitReason.IDLE, machine.error()
        return observe(machine, reason, guests)


def run_both(
    *guests: Guest,
    timing: TimingModel = TimingModel.OFF,
    until_cycles: int = LONG_CYCLES,
    **changes: int,
) -> Agreement:
    """Run guests under both builds; everything canonical must be equal."""
    native, simulated = (
        run(build, *guests, timing=timing, until_cycles=until_cycles, **changes) for build in BUILDS
    )
    assert native == simulated
    return native
