# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host is made of, as typed records.

Owns every setting with its default and its unit, and the limits that a type can say.
configuration_reader reads them from TOML, configuration_check checks what lies between
them; nothing here opens a file or knows the machine.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ultravisor.machine.abi import (
    COMMAND_LINE_LIMIT,
    MACHINE_MEMORY_MINIMUM_MIB,
    NAME_LIMIT,
    PARTITION_LIMIT,
    PARTITION_PROCESSOR_LIMIT,
    PROCESSOR_LIMIT,
    QUANTUM_MINIMUM_CYCLES,
)
from ultravisor.machine.cores import CoreName, TimingName, core_of

MEMORY_STEP_MIB = 2
QUANTUM_DEFAULT_CYCLES = 100_000
INTERLEAVE_DEFAULT_CYCLES = 10_000
CLOCK_FREQUENCY_DEFAULT_HZ = 1_000_000_000
# Bytes of console input that one [[input]] may hold.
INPUT_LIMIT_BYTES = 4096
# The kernel of hosted partitions, and of them alone.
HOSTED_IMAGE = "hosted"
# What a TOML integer holds.
INTEGER_MAXIMUM = (1 << 63) - 1

MonitorName = Literal["native", "simulated"]
FpuName = Literal["eager", "lazy"]
ClockName = Literal["guest", "machine"]
KindName = Literal["guest", "hosted"]
RightName = Literal["console", "memory", "events", "processors", "trace"]
RIGHT_NAMES: tuple[RightName, ...] = ("console", "memory", "events", "processors", "trace")

Cycles = Annotated[int, Meta(ge=0, le=INTEGER_MAXIMUM)]
Quantum = Annotated[int, Meta(ge=QUANTUM_MINIMUM_CYCLES, le=INTEGER_MAXIMUM)]
ProcessorNumber = Annotated[int, Meta(ge=0, lt=PROCESSOR_LIMIT)]
VirtualProcessorNumber = Annotated[int, Meta(ge=0, lt=PARTITION_PROCESSOR_LIMIT)]
PartitionName = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_LIMIT - 2}}}$")]
# Partition number 0 is never used.
PARTITION_COUNT_LIMIT = PARTITION_LIMIT - 1


class HostConfiguration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[host]: the emulated machine."""

    memory_mib: Annotated[int, Meta(ge=MACHINE_MEMORY_MINIMUM_MIB)] | None = None
    """Machine memory in MiB, a multiple of 2, 64 to 8192; by default what partitions need."""
    processors: Annotated[int, Meta(ge=1, le=PROCESSOR_LIMIT)] | None = None
    """Physical processors, 1 to 8; by default as many as partitions name, or 1."""
    seed: Annotated[int, Meta(ge=0, le=INTEGER_MAXIMUM)] = 0
    """The one source of randomness."""
    monitor: MonitorName = "native"
    """Which build of the monitor runs: `native` is fast, `simulated` is executed."""
    fpu: FpuName = "eager"
    """When guests get FPU and SSE: `eager`, at every switch; `lazy`, at the first use after one;
    simulated build only."""
    timing: TimingName = "off"
    """`off` counts bytes of code executed, `unit` each instruction as one cycle; the name of
    a cycle-level core, that core's cycles."""
    clock: ClockName | None = None
    """What slots and timers run by: guest work only, or the monitor's too; by default `guest`,
    and `machine` with a cycle-level core."""
    interleave_cycles: Annotated[int, Meta(ge=1, le=INTEGER_MAXIMUM)] = INTERLEAVE_DEFAULT_CYCLES
    """How far one processor runs before the next has its turn, in cycles."""
    clock_frequency_hz: Annotated[int, Meta(ge=1, le=INTEGER_MAXIMUM)] = CLOCK_FREQUENCY_DEFAULT_HZ
    """Nominal cycles in a second of guest time; told to guests, changes nothing else."""
    check_refusals: bool = False
    """Whether a refused call that changes anything ends the host; slow; native build only."""

    @property
    def core(self) -> CoreName | None:
        """Return the cycle-level core that counts; None where none does."""
        return core_of(self.timing)

    @property
    def clock_name(self) -> ClockName:
        """Return the clock in force: as given, or what goes with the timing model."""
        if self.clock is not None:
            return self.clock
        return "machine" if self.core is not None else "guest"


class PartitionConfiguration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[partition]]: one guest."""

    name: PartitionName
    """Up to 31 letters, digits, dots, dashes and underscores; unique."""
    kind: KindName = "guest"
    """`guest` runs its image; `hosted` carries a program, which only the library can give."""
    image: Annotated[str, Meta(min_length=1)]
    """Path of an ELF image, relative to the configuration, or the name of a bundled one."""
    memory_mib: Annotated[int, Meta(ge=1)] | None = None
    """Memory in MiB; by default what the image's note asks for."""
    processors: (
        Annotated[
            tuple[ProcessorNumber, ...], Meta(min_length=1, max_length=PARTITION_PROCESSOR_LIMIT)
        ]
        | None
    ) = None
    """The physical processor of each virtual one; by default one, spread round robin."""
    command_line: Annotated[str, Meta(max_length=COMMAND_LINE_LIMIT - 1)] = ""
    """Given to the guest on its start page; at most 1023 bytes."""
    rights: tuple[RightName, ...] = RIGHT_NAMES
    """What its view grants; by default everything that a guest can be granted."""
    quantum_cycles: Quantum = QUANTUM_DEFAULT_CYCLES
    """The length of its slot in each processor's map, in cycles; at least 16."""


class SlotConfiguration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[slot]]: one slot of a processor's cyclic map, in the order in which they stand.

    A processor with a slot of its own has exactly the slots given for it.
    """

    processor: ProcessorNumber
    partition: str
    virtual_processor: VirtualProcessorNumber = 0
    quantum_cycles: Quantum = QUANTUM_DEFAULT_CYCLES
    """The slot's length, in cycles; at least 16."""
    donates: bool = False
    """What the slot's owner does not use goes to the next that can run, not to idle."""


class LinkConfiguration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[link]]: an event port of one partition joined to one of another.

    An end is `partition:port`, or `partition:port:virtual_processor`.
    """

    from_: str = msgspec.field(name="from")
    to: str
    both: bool = True
    """Events go both ways; with false, from `from` to `to` only."""


class InputConfiguration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[input]]: console input that a partition sees at a moment."""

    partition: str
    at_cycles: Cycles = 0
    """The clock of processor 0 from which the partition sees it."""
    text: Annotated[str, Meta(min_length=1, max_length=INPUT_LIMIT_BYTES)]


class LinkEnd(Struct, frozen=True):
    """One end of a link."""

    partition: str
    port: int
    virtual_processor: int = 0


class Configuration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole host."""

    host: HostConfiguration = HostConfiguration()
    partition: tuple[PartitionConfiguration, ...] = ()
    slot: tuple[SlotConfiguration, ...] = ()
    link: tuple[LinkConfiguration, ...] = ()
    input: tuple[InputConfiguration, ...] = ()

    @property
    def processor_count(self) -> int:
        """Return the number of physical processors."""
        if self.host.processors is not None:
            return self.host.processors
        named = [number for row in self.partition for number in row.processors or ()]
        return max([*named, *(row.processor for row in self.slot), 0]) + 1

    def processors_of(self, index: int) -> tuple[int, ...]:
        """Return the physical processors of a partition's virtual ones."""
        given = self.partition[index].processors
        return given if given is not None else (index % self.processor_count,)


def parse_link_end(text: str) -> LinkEnd:
    """Read `partition:port` or `partition:port:virtual_processor`; raise ValueError."""
    match = re.fullmatch(r"([^:]+):(\d{1,9})(?::(\d{1,9}))?", text, re.ASCII)
    if match is None:
        raise ValueError(text)
    return LinkEnd(match.group(1), int(match.group(2)), int(match.group(3) or 0))
