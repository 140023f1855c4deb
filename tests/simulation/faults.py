# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a program can be killed: every use of what it was given is a point.

Owns counting the points and the one at which it ends. A killed program leaves behind what it had
written, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.resources.journal import Base, Entry, Journal


class Killed(BaseException):
    """The program is gone; no handler of its own may keep it."""


class Fault:
    """Counts points; raises Killed at one of them."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.count = 0
        self.names: list[str] = []

    def arm(self, at: int | None) -> None:
        """Begin to count; kill at the given point, from 0."""
        self.at = at
        self.count = 0
        self.names = []

    def point(self, name: str) -> None:
        """Pass one point."""
        self.names.append(name)
        here = self.count
        self.count += 1
        if here == self.at:
            self.at = None
            raise Killed(name)


class FaultyJournal:
    """A journal whose uses are points, before and after."""

    def __init__(self, journal: Journal, fault: Fault) -> None:
        self._journal = journal
        self._fault = fault

    @property
    def base(self) -> Base | None:
        return self._journal.base

    @property
    def last(self) -> int:
        return self._journal.last

    @property
    def durable(self) -> int:
        return self._journal.durable

    def start(self, base: Base) -> None:
        self._journal.start(base)

    def append(self, generation: int, changeset: bytes) -> None:
        self._fault.point("journal append")
        self._journal.append(generation, changeset)
        self._fault.point("journal appended")

    def retract(self) -> None:
        self._journal.retract()

    def sync(self) -> None:
        self._fault.point("journal sync")
        self._journal.sync()
        self._fault.point("journal synced")

    def entries(self, after: int, last: int) -> Iterator[Entry]:
        return self._journal.entries(after, last)

    def compact(self, base: Base) -> None:
        self._journal.compact(base)

    def close(self) -> None:
        self._journal.close()
