# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges the history of a disk: nothing lost, applied twice, reordered or stale, sector by sector.

Owns the rules of docs/io-channels.md, and knows of drivers and of failover nothing at all: only
what a user asked and was told, what reached the medium, and what is left after the host has died.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SECTOR_COUNT = 48
OK = 0
IO_ERROR = 1


class Operation(IntEnum):
    """What a request does; the numbers of the contract."""

    READ = 2
    WRITE = 3
    FLUSH = 4
    DISCARD = 5
    WRITE_ZEROES = 6


@dataclass(frozen=True, slots=True)
class Begin:
    """A request is submitted: requests are numbered from 0 on, in this order."""

    request: int
    operation: Operation
    sector: int = 0
    sector_count: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """A request ends with a status; a read that went well with what was in its sectors."""

    request: int
    status: int = OK
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """A sector of the medium gets this content."""

    sector: int
    value: int


@dataclass(frozen=True, slots=True)
class Kept:
    """All that has been applied is durable now."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The medium fails a transfer."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the medium holds, sector by sector, after the host has died."""

    values: tuple[int, ...]


Event = Begin | End | Applied | Kept | Failed | Left


@dataclass(slots=True)
class _Request:
    begin: Begin
    begin_time: int
    end_time: int | None = None
    status: int | None = None
    applied: set[int] = field(default_factory=set)

    def covers(self, sector: int) -> bool:
        return self.begin.sector <= sector < self.begin.sector + self.begin.sector_count

    def writes(self, sector: int) -> bool:
        operation = self.begin.operation
        return operation not in {Operation.READ, Operation.FLUSH} and self.covers(sector)

    def value(self, sector: int) -> int:
        """Return the content that it gives a sector; each write has contents of its own."""
        if self.begin.operation is Operation.WRITE:
            return (self.begin.request + 1) * SECTOR_COUNT + sector
        return 0


class History:
    """Takes events in the order of time and collects what is wrong with them."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._time = 0
        self._requests: dict[int, _Request] = {}
        # Of each sector: the requests that write it, in order; the last one that was applied.
        self._writers: list[list[_Request]] = [[] for _ in range(SECTOR_COUNT)]
        self._last_applied: list[int] = [-1] * SECTOR_COUNT
        # Of each sector: what it held, and since when.
        self._contents: list[list[tuple[int, int]]] = [[(0, 0)] for _ in range(SECTOR_COUNT)]
        self._kept_times: list[int] = []
        self._untold_failures = 0
        self._flushed_until = -1  # what had ended by then, an acknowledged flush keeps

    def take(self, event: Event) -> None:
        """Judge the next event."""
        self._time += 1
        if isinstance(event, Begin):
            self._begin(event)
        elif isinstance(event, End):
            self._end(event)
        elif isinstance(event, Applied):
            self._apply(event)
        elif isinstance(event, Kept):
            self._kept_times.append(self._time)
        elif isinstance(event, Failed):
            self._untold_failures += 1
        else:
            self._left(event)

    def finish(self) -> list[str]:
        """Return what was wrong, first things first; a request that never ended is."""
        self.violations += [
            f"request {number} never ended"
            for number, request in self._requests.items()
            if request.end_time is None
        ]
        return self.violations

    def _begin(self, event: Begin) -> None:
        request = _Request(event, self._time)
        self._requests[event.request] = request
        for sector in range(event.sector, event.sector + event.sector_count):
            if request.writes(sector):
                self._writers[sector].append(request)

    def _apply(self, event: Applied) -> None:
        sector = event.sector
        possible = [one for one in self._writers[sector] if one.value(sector) == event.value]
        under_way = [one for one in possible if one.end_time is None]
        last = self._last_applied[sector]
        in_order = [one for one in under_way if one.begin.request >= last]
        if not possible:
            self._say(f"sector {sector} was given {event.value}, which nobody asked for")
        elif not under_way:
            self._say(f"request {possible[-1].begin.request} applied to {sector} after its end")
        elif not in_order:
            self._say(f"request {under_way[-1].begin.request} applied to {sector} after {last}")
        else:
            in_order[0].applied.add(sector)
            self._last_applied[sector] = in_order[0].begin.request
        self._contents[sector].append((self._time, event.value))

    def _end(self, event: End) -> None:
        request = self._requests.get(event.request)
        if request is None or request.end_time is not None:
            self._say(f"request {event.request} ended and was not under way")
            return
        request.end_time, request.status = self._time, event.status
        if event.status != OK:
            self._fail(event)
        elif request.begin.operation is Operation.FLUSH:
            self._flush(request)
        else:
            self._succeed(request, event.values)

    def _fail(self, event: End) -> None:
        """Only the medium may fail; of a failover a user sees nothing."""
        self._untold_failures -= 1
        if event.status != IO_ERROR or self._untold_failures < 0:
            self._say(f"request {event.request} failed with {event.status}, the medium did not")

    def _succeed(self, request: _Request, values: tuple[int, ...]) -> None:
        begin = request.begin
        sectors = range(begin.sector, begin.sector + begin.sector_count)
        if begin.operation is Operation.READ:
            if len(values) != begin.sector_count:
                self._say(f"read {begin.request} returned {len(values)} sectors")
            for sector, value in zip(sectors, values, strict=False):
                self._read(request, sector, value)
        elif missing := [sector for sector in sectors if sector not in request.applied]:
            self._say(f"request {begin.request} ended and was not applied to {missing[0]}")

    def _read(self, request: _Request, sector: int, value: int) -> None:
        """A read sees the last write before it, or one that failed and came after that."""
        allowed = set()
        for writer in reversed(self._writers[sector]):
            if writer.begin.request < request.begin.request:
                allowed.add(writer.value(sector))
                if writer.status == OK:
                    break
        else:
            allowed.add(0)
        if value not in allowed:
            self._say(f"read {request.begin.request} saw {value} in {sector}: stale, or not asked")
        elif not self._was_there(sector, value, request.begin_time):
            self._say(f"read {request.begin.request} saw {value} in {sector}, which was not there")

    def _was_there(self, sector: int, value: int, since: int) -> bool:
        """Say whether a sector held a value at any time since then."""
        for time, content in reversed(self._contents[sector]):
            if content == value:
                return True
            if time <= since:
                break
        return False

    def _flush(self, request: _Request) -> None:
        if not self._kept_times or self._kept_times[-1] < request.begin_time:
            self._say(f"flush {request.begin.request} ended and nothing was kept")
        self._flushed_until = max(self._flushed_until, request.begin_time)

    def _left(self, event: Left) -> None:
        """Each sector has what a flush keeps, or what was written after that."""
        for sector, value in enumerate(event.values):
            kept = -1
            for writer in self._writers[sector]:
                ended = writer.end_time is not None and writer.end_time < self._flushed_until
                if ended and writer.status == OK:
                    kept = max(kept, writer.begin.request)
            allowed = {
                writer.value(sector)
                for writer in self._writers[sector]
                if writer.begin.request >= kept and sector in writer.applied
            }
            # Before any write that a flush keeps, and where one has failed, it may be as it was.
            if kept < 0:
                allowed.add(0)
            if value not in allowed:
                self._say(f"sector {sector} has {value} after the end: request {kept} was flushed")

    def _say(self, what: str) -> None:
        self.violations.append(what)


def judge(events: Iterable[Event]) -> list[str]:
    """Return what is wrong with a history."""
    history = History()
    for event in events:
        history.take(event)
    return history.finish()
