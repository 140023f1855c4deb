# SPDX-License-Identifier: GPL-2.0-or-later
"""One processor's part of a trace: what ran on it, and every entry of the monitor.

Owns how records become slices that nest: on the processor's track who ran, without a gap; on
each virtual processor's track where it ran, and within that what made it enter the monitor.
Time on a processor never goes back, though its clock is set back by a slot's overshoot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.machine.abi import VIRTUAL_PROCESSOR_LIMIT
from ultravisor.machine.interface import TraceKind
from ultravisor.trace.layout import PARTITION_TRACKS, PROCESSOR_TRACKS
from ultravisor.trace.names import (
    entry_annotations,
    entry_category,
    entry_name,
    instant_annotations,
    instant_name,
)
from ultravisor.trace.packets import PacketSequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.machine.records import TraceRecord
    from ultravisor.trace.flows import EventFlows
    from ultravisor.trace.layout import HostLayout

ENTRIES = frozenset({TraceKind.HYPERCALL, TraceKind.TRAP, TraceKind.INTERRUPT})
NOBODY = 2 * VIRTUAL_PROCESSOR_LIMIT


class ProcessorTimeline:
    """What one physical processor did, as it is written."""

    def __init__(
        self,
        number: int,
        layout: HostLayout,
        flows: EventFlows,
        write: Callable[[bytes], None],
    ) -> None:
        self._layout = layout
        self._flows = flows
        self._track = PROCESSOR_TRACKS + number
        self._name = f"processor {number}"
        self._sequence = PacketSequence(1 + number, write)
        self._within: list[TraceRecord] = []
        self._running = VIRTUAL_PROCESSOR_LIMIT
        self.cycles = 0
        """How far its time has come."""

    def boot(self, machine_cycles: int) -> None:
        """Begin at the very beginning: the monitor starts."""
        cycles = (("monitor_cycles", machine_cycles),)
        self._sequence.begin(0, self._track, "monitor start", "start", cycles)
        self._running = NOBODY

    def start(self, cycles: int, running: int) -> None:
        """Go on, or begin in the middle, where the processor stands."""
        self.cycles = cycles
        if self._running == NOBODY:
            self._stop_running()
        self._run(running)

    def add(self, record: TraceRecord) -> None:
        """Write an entry of the monitor, or keep what happened within one that is to come."""
        if record.kind not in ENTRIES:
            self._within.append(record)
            return
        self.cycles = max(self.cycles, min(record.enter_cycles, record.leave_cycles))
        if record.virtual_processor != self._running:
            # Records were lost: what ran since then is not known any better.
            self._switch(record.virtual_processor)
        self._entry(record)
        if record.next != self._running:
            self._switch(record.next)
        if record.delivers:
            self._sequence.instant(
                self._now(),
                self._layout.virtual_processors[record.next].track,
                "event_callback",
                "event",
                ended_flows=self._flows.delivered(record.next),
            )

    def finish(self, cycles: int) -> None:
        """Close what is open."""
        self.cycles = max(self.cycles, cycles)
        self._stop_running()

    def _now(self) -> int:
        return self._layout.nanoseconds(self.cycles)

    def _entry(self, record: TraceRecord) -> None:
        track, width = self._track, 64
        if record.virtual_processor < VIRTUAL_PROCESSOR_LIMIT:
            _, _, width, track = self._layout.virtual_processors[record.virtual_processor]
        self._sequence.begin(
            self._now(),
            track,
            entry_name(record.kind, record.number),
            entry_category(record.kind, record.number),
            entry_annotations(record, width),
            self._flows.sent(record),
        )
        for instant in self._within:
            self._instant(instant, record.leave_cycles)
        self._within.clear()
        self.cycles = max(self.cycles, record.leave_cycles)
        self._sequence.end(self._now(), track)

    def _instant(self, record: TraceRecord, leave_cycles: int) -> None:
        self.cycles = max(self.cycles, min(record.enter_cycles, leave_cycles))
        if record.kind == TraceKind.STOP:
            track = PARTITION_TRACKS + record.argument_0
        elif record.virtual_processor < VIRTUAL_PROCESSOR_LIMIT:
            track = self._layout.virtual_processors[record.virtual_processor].track
        else:
            track = self._track
        kind = TraceKind(record.kind).name.lower()
        self._sequence.instant(
            self._now(), track, instant_name(record), kind, instant_annotations(record)
        )

    def _switch(self, running: int) -> None:
        self._stop_running()
        self._run(running)

    def _stop_running(self) -> None:
        self._sequence.end(self._now(), self._track)
        if self._running < VIRTUAL_PROCESSOR_LIMIT:
            track = self._layout.virtual_processors[self._running].track
            self._sequence.end(self._now(), track)

    def _run(self, running: int) -> None:
        self._running = running
        if running >= VIRTUAL_PROCESSOR_LIMIT:
            self._sequence.begin(self._now(), self._track, "idle", "idle")
            return
        processor = self._layout.virtual_processors[running]
        self._sequence.begin(self._now(), self._track, processor.name, "running")
        self._sequence.begin(self._now(), processor.track, f"on {self._name}", "running")
