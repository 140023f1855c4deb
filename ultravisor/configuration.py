# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host is made of, as typed records.

Owns every setting with its default and its unit, and the limits that a type can say.
configuration_reader reads them from TOML, configuration_check checks what lies between
them; nothing here opens a file or knows the machine.
"""

from __future__ import annotations

import hashlib
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
from ultravisor.machine.models import ModelName

MEMORY_STEP_MIB = 2
QUANTUM_DEFAULT_CYCLES = 100_000
INTERLEAVE_DEFAULT_CYCLES = 10_000
CLOCK_FREQUENCY_DEFAULT_HZ = 1_000_000_000
# Bytes of console input that one [[input]] may hold.
INPUT_LIMIT_BYTES = 4096
# From a notify to its completion: assumed, not measured.
DEVICE_LATENCY_DEFAULT_CYCLES = 10_000
DEVICE_LATENCY_MAXIMUM_CYCLES = 1_000_000_000_000
# Of a host file or of memory that is a disk: 1 TiB.
DISK_SIZE_MAXIMUM_MIB = 1 << 20
SWITCH_DEFAULT = "lan"
# The kernel of hosted partitions, and of them alone.
HOSTED_IMAGE = "hosted"
# What a TOML integer holds.
INTEGER_MAXIMUM = (1 << 63) - 1

MonitorName = Literal["native", "simulated"]
FpuName = Literal["eager", "lazy"]
ClockName = Literal["guest", "machine"]
KindName = Literal["guest", "hosted"]
DeviceKindName = Literal["block", "network", "console"]
RightName = Literal["console", "memory", "events", "processors", "trace"]
RIGHT_NAMES: tuple[RightName, ...] = ("console", "memory", "events", "processors", "trace")

Cycles = Annotated[int, Meta(ge=0, le=INTEGER_MAXIMUM)]
Quantum = Annotated[int, Meta(ge=QUANTUM_MINIMUM_CYCLES, le=INTEGER_MAXIMUM)]
ProcessorNumber = Annotated[int, Meta(ge=0, lt=PROCESSOR_LIMIT)]
VirtualProcessorNumber = Annotated[int, Meta(ge=0, lt=PARTITION_PROCESSOR_LIMIT)]
PartitionName = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_LIMIT - 2}}}$")]
# A device is named `<medium>.<port>`, and that is a name too.
MediumName = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_LIMIT - 4}}}$")]
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
    model: tuple[ModelName, ...] = ()
    """What the core counts around switches though the emulated machine lacks it: docs/timing.md."""
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


class DeviceConfiguration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[device]]: a medium, and the devices that are its ports; of living hosts only."""

    name: MediumName
    """Up to 29 letters, digits, dots, dashes and underscores; unique. Its devices are
    `<name>.0` and `<name>.1`."""
    kind: DeviceKindName
    """`block` is a disk, `network` a card on a switch, `console` a serial line."""
    ports: Annotated[int, Meta(ge=1, le=2)] | None = None
    """How many devices reach it, each for one I/O partition; by default 2, of a console 1."""
    latency_cycles: Annotated[int, Meta(ge=0, le=DEVICE_LATENCY_MAXIMUM_CYCLES)] = (
        DEVICE_LATENCY_DEFAULT_CYCLES
    )
    """From a notify to its completion, in cycles: assumed, and the same for any size."""
    file: Annotated[str, Meta(min_length=1)] | None = None
    """block: path of the host file that is the disk, relative to the configuration; by default the
    disk is memory."""
    size_mib: Annotated[int, Meta(ge=1, le=DISK_SIZE_MAXIMUM_MIB)] | None = None
    """block: size of the disk in MiB; an existing file has its own, a missing one is made."""
    read_only: bool = False
    """block: nothing is ever written to it."""
    switch: MediumName | None = None
    """network: the switch that it is on, made on first use; by default `lan`."""
    pcap: Annotated[str, Meta(min_length=1)] | None = None
    """network: path of a file for all frames of its switch, relative to the configuration."""
    address: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")] | None = None
    """network: MAC address of the card at both ports; by default made of the name."""

    @property
    def port_count(self) -> int:
        """Return the number of its devices."""
        return self.ports if self.ports is not None else 1 if self.kind == "console" else 2

    @property
    def device_names(self) -> tuple[str, ...]:
        """Return the names of its devices, by port."""
        return tuple(f"{self.name}.{port}" for port in range(self.port_count))

    @property
    def switch_name(self) -> str:
        """Return the switch that a network is on."""
        return SWITCH_DEFAULT if self.switch is None else self.switch

    @property
    def address_bytes(self) -> bytes:
        """Return the MAC address: as given, or a locally administered one made of the name."""
        if self.address is not None:
            return bytes.fromhex(self.address.replace(":", ""))
        return b"\x02" + hashlib.sha256(self.name.encode()).digest()[:5]


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
    device: tuple[DeviceConfiguration, ...] = ()

    @property
    def processor_count(self) -> int:
        """Return the number of physical processors."""
        if self.host.processors is not None:
            return self.host.processors
        named = [number for row in self.partition for number in row.processors or ()]
        return max([*named, *(row.processor for row in self.slot), 0]) + 1

    @property
    def device_names(self) -> tuple[str, ...]:
        """Return the names of all devices; a device's id is its place, from 1."""
        return tuple(name for row in self.device for name in row.device_names)

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
