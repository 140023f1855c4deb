# SPDX-License-Identifier: GPL-2.0-or-later
"""The marks that guests set, and what passed between them.

Owns how many are kept, and the rule of what a span is: from a mark to the next one of the
same virtual processor. Called by ultravisor.host; it must not know the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ultravisor.results import Range, SpanResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ultravisor.results import Mark


# A guest that sets marks for ever must not fill the host's memory: further ones are dropped.
MARKS_KEPT = 65_536


class MarkLog:
    """The marks of a host, oldest first, and how many more there were."""

    def __init__(self) -> None:
        self.rows: list[Mark] = []
        self.dropped = 0

    def add(self, mark: Mark) -> None:
        """Keep a mark, or count it."""
        if len(self.rows) < MARKS_KEPT:
            self.rows.append(mark)
        else:
            self.dropped += 1

    def go_back(self, kept: int, dropped: int) -> None:
        """Forget what came after an earlier moment, when so many were kept and dropped."""
        del self.rows[kept:]
        self.dropped = dropped


class _Kind(NamedTuple):
    """Spans of one kind are told together."""

    partition: str
    virtual_processor: int
    start: int
    end: int


def span_results(marks: Iterable[Mark]) -> tuple[SpanResult, ...]:
    """Return a row for each pair of successive marks, in the order of their first spans."""
    last: dict[tuple[str, int], Mark] = {}
    spans: dict[_Kind, list[tuple[Mark, Mark]]] = {}
    for mark in marks:
        place = (mark.partition, mark.virtual_processor)
        if place in last:
            start = last[place]
            spans.setdefault(_Kind(*place, start.id, mark.id), []).append((start, mark))
        last[place] = mark
    return tuple(_result(kind, pairs) for kind, pairs in spans.items())


def _result(kind: _Kind, pairs: Sequence[tuple[Mark, Mark]]) -> SpanResult:
    return SpanResult(
        partition=kind.partition,
        virtual_processor=kind.virtual_processor,
        from_=kind.start,
        to=kind.end,
        count=len(pairs),
        guest_cycles=_range([end.guest_cycles - start.guest_cycles for start, end in pairs]),
        clock_cycles=_range([end.clock_cycles - start.clock_cycles for start, end in pairs]),
    )


def _range(counts: Sequence[int]) -> Range:
    """Return the extremes and the lower median: all three were really measured."""
    ordered = sorted(counts)
    return Range(ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])
