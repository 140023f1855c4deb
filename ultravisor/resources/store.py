# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading and writing single records, and noting what a transaction wrote.

Owns the way between records and SQLite. Operations write through it alone, so that the
list of changes and the scopes of the invariants are complete. It must not know rules.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import apsw
import msgspec

from ultravisor.resources.changes import Change
from ultravisor.resources.errors import DatabaseError, InvalidError, StateError
from ultravisor.resources.records import Quota, Record
from ultravisor.resources.tables import TABLE_OF, Key, Table

if TYPE_CHECKING:
    from ultravisor.errors import UltravisorError

R = TypeVar("R", bound=Record)
_replace = msgspec.structs.replace
_values = msgspec.structs.astuple

# In SQLite's cache of prepared statements; all of ours fit.
STATEMENT_COUNT = 512


def explained(failure: Exception) -> UltravisorError:
    """Return an error of ours for one of SQLite's."""
    if isinstance(failure, apsw.ConstraintError):
        text = str(failure)
        if text in ("next state", "first state"):
            return StateError(f"a change of state that is not allowed: {text}", "transitions")
        return InvalidError(f"the schema refuses it: {text}", "schema")
    return DatabaseError(f"the database failed, and nothing was changed: {failure}")


class Store:
    """The records of one connection; `generation` is the version that writes get."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self._execute = connection.cursor().execute
        self.generation = 0
        self._before: dict[tuple[str, Key], Record | None] = {}
        self._after: dict[tuple[str, Key], Record | None] = {}

    def begin(self, generation: int) -> None:
        """Start a transaction whose writes get this version."""
        self._before.clear()
        self._after.clear()
        self.generation = generation
        self.execute("BEGIN IMMEDIATE")

    def execute(self, statement: str, bindings: tuple[Any, ...] = ()) -> apsw.Cursor:
        """Run a statement; raise an error of ours where SQLite refuses it or fails."""
        try:
            return self._execute(statement, bindings)
        except (apsw.Error, MemoryError) as failure:
            raise explained(failure) from failure

    def get(self, record: type[R], *key: int | str) -> R | None:
        """Return a record, or None."""
        table = TABLE_OF[record]
        row = self.execute(table.get, key).fetchone()
        found: R | None = None if row is None else table.of_row(row)
        return found

    def select(self, record: type[R], where: str = "", *bindings: Any) -> list[R]:
        """Return the records for which a condition holds, in the order of their keys.

        `where` is SQL of ours, with `?` for the bindings; it may end in an order of its own.
        """
        table = TABLE_OF[record]
        statement = table.select + (f" WHERE {where}" if where else "")
        if "ORDER BY" not in where:
            statement += table.order
        try:
            return [table.of_row(row) for row in self.execute(statement, bindings)]
        except (apsw.Error, MemoryError) as failure:
            raise explained(failure) from failure

    def value(self, statement: str, *bindings: Any) -> Any:
        """Return the first column of the first row, or None."""
        row = self.execute(statement, bindings).fetchone()
        return None if row is None else row[0]

    def insert(self, record: R) -> R:
        """Write a new record with this transaction's version; return it."""
        table = TABLE_OF[type(record)]
        if record.version != self.generation:  # type: ignore[attr-defined]
            record = _replace(record, version=self.generation)
        self.execute(table.insert, _values(record))
        self._note(table, table.key_of(record), None, record)
        return record

    def update(self, record: R, **columns: Any) -> R:
        """Write columns of a record that was read; return it with this version."""
        table = TABLE_OF[type(record)]
        columns["version"] = self.generation
        changed = _replace(record, **columns)
        key = table.key_of(record)
        self.execute(table.update(tuple(columns)), (*columns.values(), *key))
        self._note(table, key, record, changed)
        return changed

    def recount(self, quota: Quota, used: int) -> None:
        """Write a counter, which is no part of its record's version."""
        key = (quota.scope, quota.subject, quota.resource)
        table = TABLE_OF[Quota]
        self.execute(table.update(("used",)), (used, *key))
        self._note(table, key, quota, _replace(quota, used=used))

    def touch(self, record: R) -> R:
        """Give a record this version: something that belongs to it has changed."""
        version: int = record.version  # type: ignore[attr-defined]
        return record if version == self.generation else self.update(record)

    def delete(self, record: Record) -> None:
        """Delete a record that was read."""
        table = TABLE_OF[type(record)]
        key = table.key_of(record)
        self.execute(table.delete, key)
        self._note(table, key, record, None)

    def _note(self, table: Table, key: Key, before: Record | None, after: Record | None) -> None:
        place = (table.name, key)
        if place not in self._after:
            self._before[place] = before
        self._after[place] = after

    @property
    def note_count(self) -> int:
        """Return how many records were written since `begin`."""
        return len(self._after)

    def changes(self, start: int = 0) -> tuple[Change, ...]:
        """Return what was written since `begin`, in the order of the first write."""
        before = self._before
        return tuple(
            [
                Change(*place, was, after)
                for place, after in islice(self._after.items(), start, None)
                if after is not (was := before[place])
            ]
        )
