# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of a run, instruction by instruction, and the paths in it.

Owns how a path and a guest's own work are found in the record. Used by switch_measure;
it must not run anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ultravisor.bench.switch_paths import Point, Where
from ultravisor.bench.switch_phases import is_monitor
from ultravisor.errors import MachineError
from ultravisor.machine.cycle_records import WINDOW_ROW
from ultravisor.machine.interface import TimingCause, TimingEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ultravisor.bench.switch_paths import Path

# Places in a WINDOW_ROW.
_TRANSITION, _EVENTS = 5, 6
_CAUSES = _EVENTS + len(TimingEvent)
_CODE = _CAUSES + len(TimingCause)


class Row(NamedTuple):
    """An instruction, or with `transition` what happened without one (1 + its number)."""

    address: int
    partition: int
    width_bits: int
    transition: int
    cycles: int
    causes: tuple[int, ...]
    events: tuple[int, ...]
    code: bytes
    path: int = 0
    """Of enum timing_path: what the processor worked for."""

    @property
    def is_guest(self) -> bool:
        """Say whether a guest executed it."""
        return not self.transition and not is_monitor(self.address)


class Record(NamedTuple):
    """The rows of one round, and where the image has its symbols."""

    rows: Sequence[Row]
    symbols: Mapping[str, int]
    user_offset: int
    """From where the image has the user program to where it runs."""


def read_rows(data: bytes) -> list[Row]:
    """Read what Machine.window_data returns."""
    return [
        Row(
            row[0],
            row[1],
            row[3],
            row[_TRANSITION],
            sum(row[_CAUSES:_CODE]),
            row[_CAUSES:_CODE],
            row[_EVENTS:_CAUSES],
            row[_CODE][: row[4]],
            row[2],
        )
        for row in WINDOW_ROW.iter_unpack(data)
    ]


def path_rows(record: Record, path: Path) -> list[Row]:
    """Return what the path executed, without the other partition's own work meanwhile."""
    begin, end = path_bounds(record, path)
    other = path.resumed
    return [
        row for row in record.rows[begin:end] if row.partition != other or not _works(record, row)
    ]


def path_bounds(record: Record, path: Path) -> tuple[int, int]:
    """Return the places of the path's first row, and of the first that is no longer of it."""
    if path.end.where == Where.OTHER:
        end = _find(record, path.end, 0)
        begin = end
        while begin > 0 and not record.rows[begin - 1].is_guest:
            begin -= 1
        return begin, end
    begin = _find(record, path.begin, 0)
    return begin, _find(record, path.end, begin)


def work_cycles(record: Record, partition: int, first: int) -> int:
    """Return the cycles of the partition's first whole work from a row on."""
    total: int | None = None
    last = 0
    for row in record.rows[first:]:
        if row.partition == partition and _works(record, row):
            # Where it begins is in the loop, too.
            if total is None and row.address in _work_begins(record):
                total = 0
            if total is not None:
                total += row.cycles
                last = row.address + len(row.code)
        elif total is not None:
            if last in _work_ends(record):
                return total
            # Interrupted: the next one counts.
            total = None
    raise _incomplete("the guest's own work")


def _work_begins(record: Record) -> tuple[int, int]:
    user = record.symbols["user_work"] + record.user_offset
    return record.symbols["path_work"], user


def _work_ends(record: Record) -> tuple[int, int]:
    user = record.symbols["user_work_end"] + record.user_offset
    return record.symbols["path_work_end"], user


def _works(record: Record, row: Row) -> bool:
    return row.is_guest and any(
        begin <= row.address < end
        for begin, end in zip(_work_begins(record), _work_ends(record), strict=True)
    )


def _find(record: Record, point: Point, first: int) -> int:
    address = record.symbols.get(point.symbol, 0)
    if point.where == Where.USER:
        address += record.user_offset
    interrupted = record.rows[first].partition if record.rows else 0
    for place in range(first, len(record.rows)):
        row = record.rows[place]
        if point.where == Where.MONITOR:
            found = not row.is_guest
        elif point.where == Where.OTHER:
            found = row.is_guest and row.partition != interrupted
        else:
            found = (
                row.address == address and not row.transition and row.partition == point.partition
            )
        if found:
            return place
    raise _incomplete(point.symbol or f"an instruction of the kind `{point.where.value}`")


def _incomplete(what: str) -> MachineError:
    return MachineError(
        f"the record of a path has no end: {what} is not in it",
        "an entry path of your own may have lost the way back; boot `bench` with it",
    )
