# SPDX-License-Identifier: GPL-2.0-or-later
"""A processor's counters as tracks.

Owns which there are and what they say: of a piece of the run, from its beginning on. They are
sampled when the machine is looked at, between two pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ultravisor.machine.interface import TimingEvent
from ultravisor.trace.layout import PROCESSOR_TRACKS
from ultravisor.trace.packets import PacketSequence, track

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.machine.records import ProcessorStatistics
    from ultravisor.trace.layout import HostLayout

COUNTER_TRACKS = 0x2000
TRACKS_A_PROCESSOR = 64
COUNTER_SEQUENCES = 100


class Counter(NamedTuple):
    """A counter's name, its unit, and its value of a piece of the run."""

    name: str
    unit: str
    value: Callable[[Piece], float]


@dataclass(frozen=True, slots=True)
class Sample:
    """A processor's counters at one moment."""

    statistics: ProcessorStatistics
    events: tuple[int, ...]
    """By TimingEvent; empty without a cycle-level core."""


class Piece:
    """What passed between two samples."""

    def __init__(self, before: Sample, after: Sample) -> None:
        first, last = before.statistics, after.statistics
        self.guest_cycles = last.guest_cycles - first.guest_cycles
        self.cycles = last.machine_cycles - first.machine_cycles
        self.busy_cycles = self.cycles - (last.idle_cycles - first.idle_cycles)
        self.switches = last.switches - first.switches
        self._events = [new - old for old, new in zip(before.events, after.events, strict=True)]

    def count(self, event: TimingEvent) -> int:
        """Return how often the core counted this."""
        return self._events[event]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


COUNTERS = (
    Counter("guest share", "%", lambda piece: 100 * _share(piece.guest_cycles, piece.cycles)),
    Counter("guest cycles", "cycles", lambda piece: piece.guest_cycles),
    Counter("switches", "switches", lambda piece: piece.switches),
)
CORE_COUNTERS = (
    Counter(
        "instructions per busy cycle",
        "IPC",
        lambda piece: _share(piece.count(TimingEvent.INSTRUCTION), piece.busy_cycles),
    ),
    *(
        Counter(name, "events", lambda piece, event=event: piece.count(event))  # type: ignore[misc]
        for name, event in (
            ("data cache misses", TimingEvent.DATA_CACHE_MISS),
            ("second cache misses", TimingEvent.SECOND_CACHE_MISS),
            ("shared cache misses", TimingEvent.SHARED_CACHE_MISS),
            ("code cache misses", TimingEvent.CODE_CACHE_MISS),
            ("page walks", TimingEvent.PAGE_WALK),
            ("mispredicted branches", TimingEvent.MISPREDICT),
        )
    ),
)


class ProcessorCounters:
    """The counters of one processor."""

    def __init__(
        self,
        number: int,
        layout: HostLayout,
        sample: Sample,
        write: Callable[[bytes], None],
    ) -> None:
        self._layout = layout
        self._last = sample
        self._last_cycles = sample.statistics.clock_cycles
        self._counters = COUNTERS + (CORE_COUNTERS if sample.events else ())
        self._shown: list[float | None] = [None] * len(self._counters)
        self._first_track = COUNTER_TRACKS + number * TRACKS_A_PROCESSOR
        self._sequence = PacketSequence(COUNTER_SEQUENCES + number, write)
        for rank, counter in enumerate(self._counters):
            parent = PROCESSOR_TRACKS + number
            write(
                track(
                    self._first_track + rank,
                    counter.name,
                    parent=parent,
                    rank=rank,
                    unit=counter.unit,
                )
            )

    def add(self, sample: Sample) -> None:
        """Write what passed since the last sample, from that moment on."""
        if sample.statistics.clock_cycles <= self._last_cycles:
            return
        piece = Piece(self._last, sample)
        time_ns = self._layout.nanoseconds(self._last_cycles)
        for rank, counter in enumerate(self._counters):
            value = counter.value(piece)
            # Long idling is told once.
            if value or self._shown[rank] != 0:
                self._sequence.counter(time_ns, self._first_track + rank, value)
            self._shown[rank] = value
        self._last = sample
        self._last_cycles = sample.statistics.clock_cycles
