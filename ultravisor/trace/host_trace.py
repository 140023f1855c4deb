# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace of one host, written while it runs.

Owns the beginning and the end of a trace, and which part takes which record. Called by
ultravisor.host between two pieces of a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.machine.interface import TimingEvent, TimingPath
from ultravisor.trace.counters import ProcessorCounters, Sample
from ultravisor.trace.flows import EventFlows
from ultravisor.trace.layout import HOST_TRACK
from ultravisor.trace.packets import PacketSequence
from ultravisor.trace.timeline import ProcessorTimeline

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine
    from ultravisor.trace.layout import HostLayout
    from ultravisor.trace.trace_file import TraceFile

HOST_SEQUENCE = 200
# A guest enters the monitor at most about once a cycle: so many records fit the machine's queue.
PIECE_CYCLES = 500_000


class HostTrace:
    """The trace of a machine that has just booted, or been restored."""

    def __init__(
        self, machine: Machine, layout: HostLayout, file: TraceFile, *, booted: bool
    ) -> None:
        """Write what the trace is of, and begin it: where the machine stands, or with its boot."""
        self._machine = machine
        self._layout = layout
        self._file = file
        self._is_open = True
        flows = EventFlows(layout)
        for track in layout.tracks():
            file.write(track)
        samples = self._samples()
        self._host = PacketSequence(HOST_SEQUENCE, file.write)
        self._timelines = [
            ProcessorTimeline(number, layout, flows, file.write) for number in range(len(samples))
        ]
        self._counters = [
            ProcessorCounters(number, layout, sample, file.write)
            for number, sample in enumerate(samples)
        ]
        for timeline, sample in zip(self._timelines, samples, strict=True):
            row = sample.statistics
            if booted:
                timeline.boot(row.machine_cycles)
            timeline.start(row.clock_cycles, row.virtual_processor)
        self._host.instant(self._now(), HOST_TRACK, "trace of a host", "host", layout.facts)
        machine.trace_set(True)
        file.flush()

    @property
    def piece_cycles(self) -> int:
        """Return how far the machine may run before its records are taken."""
        return max(1, PIECE_CYCLES // len(self._timelines))

    def take(self, dropped_count: int) -> None:
        """Write what the machine recorded; raise OutputError when there is no room for it."""
        if not self._is_open:
            return
        for record in self._machine.trace():
            self._timelines[record.processor].add(record)
        if dropped_count:
            lost = (("records", dropped_count),)
            self._host.instant(self._now(), HOST_TRACK, "records lost", "lost", lost)
        for counters, sample in zip(self._counters, self._samples(), strict=True):
            counters.add(sample)
        self._file.flush()

    def finish(self) -> None:
        """Close what is open, and the file; finishing twice is allowed."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            for timeline, sample in zip(self._timelines, self._samples(), strict=True):
                timeline.finish(sample.statistics.clock_cycles)
            self._file.flush()
        finally:
            self._machine.trace_set(False)
            self._file.close()

    def _now(self) -> int:
        return self._layout.nanoseconds(max(timeline.cycles for timeline in self._timelines))

    def _samples(self) -> list[Sample]:
        return [
            Sample(self._machine.processor_statistics(number), self._events(number))
            for number in range(self._layout.processor_count)
        ]

    def _events(self, processor: int) -> tuple[int, ...]:
        """Return what a core counted so far, for everybody and in everything."""
        if not self._layout.has_core:
            return ()
        rows = [
            self._machine.timing_statistics(processor, partition, path).events
            for partition in range(len(self._layout.partitions) + 1)
            for path in TimingPath
        ]
        return tuple(sum(row[event] for row in rows) for event in TimingEvent)
