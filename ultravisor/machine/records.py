# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a machine and comes out of it, as typed records.

Owns records only: no calls, no C values. Used by machine, host and whatever prints
or compares results.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from ultravisor.machine.abi import PartitionKind, Right, StopReason
from ultravisor.machine.interface import (
    ClockSource,
    ExitReason,
    LogCategory,
    MonitorBuild,
    PartitionState,
    TimingModel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """How a machine is made."""

    memory_size_bytes: int
    processor_count: int = 1
    seed: int = 0
    clock_frequency_hz: int
    interleave_cycles: int
    monitor: MonitorBuild = MonitorBuild.NATIVE
    timing: int = TimingModel.OFF
    """A member of TimingModel, or `core_model` of a cycle-level core."""
    clock: ClockSource = ClockSource.GUEST
    model: int = 0
    """Bits of MachineModel; not 0 only with a cycle-level core."""
    check_refusals: bool = False
    """A refused call that changes anything is a panic; native build only."""
    device_frame_count: int = 0
    """The machine's last frames are registers of so many devices, at most DEVICE_LIMIT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of pages of an image; what `data` does not cover is zero."""

    address: int
    size_bytes: int
    data: bytes
    writable: bool
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionOptions:
    """How a partition is made."""

    name: str
    memory_size_bytes: int
    entry_address: int
    segments: tuple[Segment, ...]
    command_line: str = ""
    kind: PartitionKind = PartitionKind.GUEST
    width: int = 64
    rights: Right = Right.ALL
    processors: tuple[int, ...] = (0,)
    """The physical processor of each virtual one."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """The turn of a hosted partition's program."""

    partition: int
    time_cycles: int
    """The guest-visible clock."""
    page_address: int
    """Where its kernel says that its hosted_page is, guest-physical."""


@dataclass(frozen=True, slots=True)
class MachineExit:
    """Why the machine returned; the clock is processor 0's."""

    reason: ExitReason
    processor: int
    clock_cycles: int
    turn: TurnRecord | None = None
    """With ExitReason.HOSTED: whose turn it is."""


@dataclass(frozen=True, slots=True)
class ConsoleChunk:
    """Bytes that a partition wrote."""

    clock_cycles: int
    partition: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One event of the machine's log."""

    clock_cycles: int
    category: LogCategory
    processor: int
    virtual_processor: int
    number: int
    arguments: tuple[int, int, int]
    result: int


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """A mark that a guest set."""

    clock_cycles: int
    guest_cycles: int
    id: int
    value: int
    partition: int
    virtual_processor: int


# As native.h lays out struct trace_record.
TRACE_RECORD = Struct("<3Q6I5Qq")


class TraceRecord(NamedTuple):
    """One record of a trace; `kind` is a member of TraceKind."""

    enter_cycles: int
    """Clock of the processor; a slot's overshoot may set it back before it leaves."""
    leave_cycles: int
    machine_cycles: int
    """What the processor spent from entering to leaving."""
    kind: int
    processor: int
    virtual_processor: int
    """Who entered, by global number; 256 and up: idle."""
    next: int
    """Who goes on."""
    number: int
    delivers: int
    """Not 0: who goes on takes its event callback."""
    argument_0: int
    argument_1: int
    argument_2: int
    argument_3: int
    argument_4: int
    result: int

    @property
    def arguments(self) -> tuple[int, int, int, int, int]:
        """Return the five argument registers of a call, or what the kind puts there."""
        return self[9:14]


@dataclass(frozen=True, slots=True)
class DroppedRecords:
    """What found no room in the machine's queues."""

    log_records: int
    trace_records: int
    marks: int
    console_bytes: dict[int, int]
    """By partition; those that lost nothing are left out."""


@dataclass(frozen=True, slots=True)
class ProcessorStatistics:
    """Counters of a physical processor, in cycles."""

    guest_cycles: int
    machine_cycles: int
    idle_cycles: int
    clock_cycles: int
    switches: int
    virtual_processor: int
    """What it runs, by global number; 256 and up: idle."""


@dataclass(frozen=True, slots=True)
class PartitionStatistics:
    """State and counters of a partition."""

    state: PartitionState
    stop_reason: StopReason
    stop_vector: int
    stop_error_code: int
    stop_rip: int
    stop_address: int
    stop_text: str
    exit_code: int
    work: int
    events_sent: int
    events_delivered: int
    system_calls: int
    hypercalls: dict[int, int] = field(default_factory=dict)
    """Calls by number; those that were never made are left out."""
    traps: dict[int, int] = field(default_factory=dict)
    """Exceptions by vector; those that never came are left out."""
