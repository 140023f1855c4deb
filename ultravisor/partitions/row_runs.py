# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rows of a table of the view belong to whom: runs of rows that stay where they are.

Owns the bookkeeping of a fixed number of rows. Called by view_rows; knows no rows' contents.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class RowLimitError(Exception):
    """There is no gap of that many rows."""


class RowRuns(Generic[Owner]):
    """Each owner has one run of consecutive rows."""

    def __init__(self, row_limit: int) -> None:
        """Begin with all rows free."""
        self._limit = row_limit
        self._runs: dict[Owner, range] = {}
        self._free: list[range] = [range(row_limit)]

    def get(self, owner: Owner) -> range:
        """Return an owner's rows; none: an empty run."""
        return self._runs.get(owner, range(0))

    @property
    def owners(self) -> frozenset[Owner]:
        """Return who has rows."""
        return frozenset(self._runs)

    @property
    def end(self) -> int:
        """Return the row behind the last one that is somebody's."""
        # Gaps are sorted, and joined where they touch: the last one says it, however many runs.
        last = self._free[-1] if self._free else range(0)
        return last.start if last.stop == self._limit else self._limit

    def seed(self, owner: Owner, run: range) -> None:
        """Give an owner the rows that it had before a restart; they must be free."""
        for place, gap in enumerate(self._free):
            if gap.start <= run.start and run.stop <= gap.stop:
                parts = (range(gap.start, run.start), range(run.stop, gap.stop))
                self._free[place : place + 1] = [part for part in parts if part]
                self._runs[owner] = run
                return
        raise RowLimitError(f"rows {run.start} to {run.stop} are not free")

    def resize(self, owner: Owner, count: int) -> range:
        """Give an owner this many rows, in place where they fit; raise RowLimitError."""
        present = self.get(owner)
        if len(present) == count:
            return present
        if count < len(present):
            run = range(present.start, present.start + count)
            self._release(range(run.stop, present.stop))
        else:
            run = self._grow(present, count)
        if count:
            self._runs[owner] = run
        else:
            self._runs.pop(owner, None)
        return run

    def _grow(self, present: range, count: int) -> range:
        """Return a larger run: the same start where the rows behind are free, or the first gap."""
        for place, gap in enumerate(self._free):
            if len(present) and gap.start == present.stop and len(present) + len(gap) >= count:
                run = range(present.start, present.start + count)
                self._take(place, range(gap.start, run.stop))
                return run
        for place, gap in enumerate(self._free):
            if len(gap) >= count:
                run = range(gap.start, gap.start + count)
                self._take(place, run)
                self._release(present)
                return run
        raise RowLimitError(f"{count} rows in one run, of {self._limit}")

    def _take(self, place: int, run: range) -> None:
        gap = self._free[place]
        rest = range(run.stop, gap.stop)
        self._free[place : place + 1] = [rest] if rest else []

    def _release(self, run: range) -> None:
        if not run:
            return
        gaps = sorted([*self._free, run], key=lambda gap: gap.start)
        joined = [gaps[0]]
        for gap in gaps[1:]:
            if gap.start == joined[-1].stop:
                joined[-1] = range(joined[-1].start, gap.stop)
            else:
                joined.append(gap)
        self._free = joined
