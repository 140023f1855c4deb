# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cycle-level core counts and records, as typed records.

Owns the records and how each is read from its C structure. Used by cycle_core, by
machine, and by whoever shows or compares them; it does not load the extension.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ultravisor.machine.interface import (
    TimingCause,
    TimingEvent,
    TimingPath,
    TimingTransition,
)

if TYPE_CHECKING:
    from ultravisor.machine._native import CData

NO_PORT = 255
# A struct window_instruction, for readers of so many that a record each takes too long: address,
# partition, path, width, size, transition, events, cycles by cause, bytes.
WINDOW_ROW: Final = struct.Struct(f"@Q5I{len(TimingEvent)}I{len(TimingCause)}Q16s")


@dataclass(frozen=True, slots=True)
class Step:
    """One micro-op on its way; `instruction` counts from the first one recorded."""

    instruction: int
    port: int | None
    issue: int
    dispatch: int
    done: int
    retire: int


@dataclass(frozen=True, slots=True)
class TimingStatistics:
    """Cycles by cause, and events."""

    cycles: dict[TimingCause, int]
    events: dict[TimingEvent, int]


@dataclass(frozen=True, slots=True)
class WindowInstruction:
    """One instruction of a window of a run; partition 0 is the monitor's own."""

    address: int
    partition: int
    path: TimingPath
    width_bits: int
    code: bytes


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What an instruction of a window took, or what happened between two of them.

    The rows of a window add up to what the processor counted while it was open.
    """

    instruction: WindowInstruction
    transition: TimingTransition | None
    """None: an instruction; else the instruction has neither address nor code."""
    statistics: TimingStatistics


def read_step(step: CData) -> Step:
    """Read a struct timing_step."""
    return Step(
        instruction=step.instruction,
        port=None if step.port == NO_PORT else step.port,
        issue=step.issue,
        dispatch=step.dispatch,
        done=step.done,
        retire=step.retire,
    )


def read_statistics(statistics: CData) -> TimingStatistics:
    """Read a struct timing_statistics."""
    return TimingStatistics(
        {cause: statistics.cycles[cause] for cause in TimingCause},
        {event: statistics.events[event] for event in TimingEvent},
    )


def read_window_row(row: CData) -> WindowRow:
    """Read a struct window_instruction with what it took."""
    return WindowRow(
        instruction=read_window_instruction(row),
        transition=TimingTransition(row.transition - 1) if row.transition != 0 else None,
        statistics=read_statistics(row),
    )


def read_window_instruction(instruction: CData) -> WindowInstruction:
    """Read a struct window_instruction."""
    return WindowInstruction(
        address=instruction.address,
        partition=instruction.partition,
        path=TimingPath(instruction.path),
        width_bits=instruction.width_bits,
        code=bytes(instruction.bytes)[: instruction.size_bytes],
    )
