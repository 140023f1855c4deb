# SPDX-License-Identifier: GPL-2.0-or-later
"""Who goes first when a request keeps meeting conflicts: nobody is starved.

Owns tickets. A request that met `AGED_AFTER` conflicts reserves what it touched: until it
commits, or is not retried for too long, nobody younger may change that. Age is the order of
first conflicts, so that the oldest is never held up by another and always gets through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ultravisor.resources.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ultravisor.resources.changes import Change

AGED_AFTER = 2
"""Conflicts of one request before others have to wait for it."""

Request = tuple[str, int]
"""Asker and request id: a retry has the same."""
Thing = tuple[str, object]
"""A table and a key in it; the key None stands for the whole table."""


class Ticket(NamedTuple):
    """A request that met a conflict."""

    age: int
    """Its place in the order of first conflicts: the lower, the older."""
    conflicts: int
    touched: frozenset[Thing]
    last_cycles: int


class Reservations:
    """The tickets of all requests that met conflicts and have not committed yet."""

    def __init__(self) -> None:
        self._tickets: dict[Request, Ticket] = {}
        self._next_age = 0
        self._held: dict[Thing, tuple[int, Request]] = {}

    def met_conflict(self, request: Request, touched: Iterable[Thing], now_cycles: int) -> None:
        """Count a conflict of a request that touched these things."""
        ticket = self._tickets.get(request)
        if ticket is None:
            ticket = Ticket(self._next_age, 0, frozenset(), now_cycles)
            self._next_age += 1
        self._tickets[request] = Ticket(
            ticket.age, ticket.conflicts + 1, ticket.touched | frozenset(touched), now_cycles
        )
        self._hold()

    def done(self, request: Request) -> None:
        """Forget a request that committed or was given up."""
        if self._tickets.pop(request, None) is not None:
            self._hold()

    def expire(self, before_cycles: int) -> None:
        """Forget the requests that were not retried since a time."""
        kept = {r: t for r, t in self._tickets.items() if t.last_cycles >= before_cycles}
        if len(kept) != len(self._tickets):
            self._tickets = kept
            self._hold()

    def _hold(self) -> None:
        """Work out who holds what: the oldest of those that are aged."""
        self._held = {}
        for request, ticket in self._tickets.items():
            if ticket.conflicts < AGED_AFTER:
                continue
            for thing in ticket.touched:
                holder = self._held.get(thing)
                if holder is None or ticket.age < holder[0]:
                    self._held[thing] = (ticket.age, request)

    def check(self, request: Request | None, changes: Iterable[Change]) -> None:
        """Raise ConflictError where a change would hold up an older request once more."""
        if not self._held:
            return
        own = self._tickets.get(request) if request is not None else None
        for change in changes:
            table, key = change.table, change.key
            for thing in ((table, key), (table, None)):
                holder = self._held.get(thing)
                if holder is not None and (own is None or holder[0] < own.age):
                    asker, number = holder[1]
                    raise ConflictError(
                        f"table {table}, key {key}: reserved for request {number} of {asker}, "
                        f"which met {self._tickets[holder[1]].conflicts} conflicts",
                        "reservation",
                    )
