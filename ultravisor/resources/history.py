# SPDX-License-Identifier: GPL-2.0-or-later
"""The past: any generation since the journal's base, and what lies between two of them.

Owns going back and forth by changesets, on a copy of the state in force. A changeset has
only what changed; whole records are read from the copy before and after each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from ultravisor.resources.changes import Change
from ultravisor.resources.connection import copy_of
from ultravisor.resources.errors import HistoryError
from ultravisor.resources.queries import Queries
from ultravisor.resources.store import Store
from ultravisor.resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ultravisor.resources.journal import Journal
    from ultravisor.resources.tables import Key


class History:
    """What a journal knows of a store's past."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal

    @property
    def first(self) -> int:
        """Return the oldest generation that can be asked for."""
        base = self._journal.base
        return base.generation if base is not None else 0

    def _require(self, generation: int) -> None:
        if 0 <= generation < self.first:
            raise HistoryError(
                f"generation {generation}: the journal was compacted and begins at {self.first}",
                "a host that is brought up with --journal FILE keeps all its generations",
            )
        if not 0 <= generation <= self._journal.last:
            raise HistoryError(
                f"generation {generation}: the journal knows {self.first} to {self._journal.last}"
            )

    def at(self, generation: int) -> Queries:
        """Return the state at a generation."""
        return Queries(self.store_at(generation), generation)

    def store_at(self, generation: int) -> Store:
        """Return a copy of the store, taken back to a generation."""
        self._require(generation)
        connection = copy_of(self._store.connection)
        entries = list(self._journal.entries(generation, self._journal.last))
        for entry in reversed(entries):
            apply(apsw.Changeset.invert(entry.changeset), connection)
        return Store(connection)

    def log(self, after: int, last: int) -> Iterator[tuple[int, tuple[Change, ...]]]:
        """Return each generation after one up to another, with what it changed."""
        self._require(last)
        store = self.store_at(after)
        for entry in self._journal.entries(after, last):
            keys = changed_keys([entry.changeset])
            before = [store.get(TABLES[table].record, *key) for table, key in keys]
            apply(entry.changeset, store.connection)
            found = (
                Change(table, key, old, store.get(TABLES[table].record, *key))
                for (table, key), old in zip(keys, before, strict=True)
            )
            yield entry.generation, tuple(change for change in found if _counts(change))

    def diff(self, first: int, last: int) -> tuple[Change, ...]:
        """Return how the state at one generation differs from that at another."""
        low, high = sorted((first, last))
        self._require(low)
        self._require(high)
        entries = self._journal.entries(low, high)
        keys = changed_keys(entry.changeset for entry in entries)
        before, after = self.store_at(first), self.store_at(last)
        found = []
        for table, key in keys:
            record = TABLES[table].record
            change = Change(table, key, before.get(record, *key), after.get(record, *key))
            if change.before != change.after and _counts(change):
                found.append(change)
        return tuple(found)


def _counts(change: Change) -> bool:
    """Say whether a change is worth telling: counters and stored answers are not."""
    if change.table == "request":
        return False
    versions = [getattr(record, "version", None) for record in (change.before, change.after)]
    return versions[0] != versions[1]


def changed_keys(changesets: Iterable[bytes]) -> list[tuple[str, Key]]:
    """Return tables and keys of all that changesets touch, sorted."""
    keys: set[tuple[str, Key]] = set()
    for changeset in changesets:
        for change in apsw.Changeset.iter(changeset):
            row: Any = change.new if change.op == "INSERT" else change.old
            places = TABLES[change.name].key_places
            keys.add((change.name, tuple(row[place] for place in places)))
    order = list(TABLES)
    return sorted(keys, key=lambda item: (order.index(item[0]), item[1]))


def apply(changeset: bytes, connection: apsw.Connection) -> None:
    """Apply a changeset to a state that has no triggers; it must fit exactly."""
    apsw.Changeset.apply(changeset, connection)
