# SPDX-License-Identifier: GPL-2.0-or-later
"""A window of a run: some instructions of one processor, and the way of their micro-ops.

Owns what such a window is, what one may be asked for, and its Kanata file. Used by hosts
and by the command; it must not run anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.configuration import INTEGER_MAXIMUM
from ultravisor.cycles import path_name
from ultravisor.errors import UsageError
from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_records import Step, WindowInstruction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.configuration import Configuration

INSTRUCTION_LIMIT = 100_000


class WindowRequest(Struct, frozen=True, tag="window"):
    """Which instructions of a processor to record, counted from when the window is opened."""

    processor: int
    first: int
    count: int


class PipelineWindow(Struct, frozen=True):
    """What a window recorded: instructions as executed, and their micro-ops."""

    instructions: tuple[WindowInstruction, ...]
    steps: tuple[Step, ...]
    """`instruction` counts from the window's first."""


def require_window(configuration: Configuration, request: WindowRequest) -> None:
    """Refuse a window that this host cannot record; raise UsageError."""
    host = configuration.host
    if host.core is None:
        raise UsageError(
            f"a pipeline needs a cycle-level core; the timing model is `{host.timing}`",
            f"choose a core with --timing: {', '.join(CORES)}",
        )
    processors = configuration.processor_count
    if not 0 <= request.processor < processors:
        raise UsageError(
            f"there is no processor {request.processor} to record a pipeline of",
            f"the host has {processors}, counted from 0",
        )
    if not 0 <= request.first <= INTEGER_MAXIMUM:
        raise UsageError(f"a window cannot begin with instruction {request.first:,}")
    if not 1 <= request.count <= INSTRUCTION_LIMIT:
        raise UsageError(
            f"a window cannot have {request.count:,} instructions",
            f"give 1 to {INSTRUCTION_LIMIT:,}",
        )


def window_kanata(window: PipelineWindow, partitions: Sequence[str]) -> str:
    """Return the window as a Kanata file; a thread is a partition, 0 the monitor's own."""
    from ultravisor.timing.disassembly import instruction_text
    from ultravisor.timing.kanata import Label, kanata

    labels = []
    for row in window.instructions:
        text = instruction_text(row.code, row.address, row.width_bits)
        whose = partitions[row.partition - 1] if row.partition else "monitor"
        path = path_name(row.partition, row.path)
        labels.append(Label(f"{row.address:#x} {text}", f"{whose} {path}", row.partition))
    return kanata(window.steps, labels)
