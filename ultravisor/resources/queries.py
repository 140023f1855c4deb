# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to a state of the database, the one in force or one of the past.

Owns reading for people and programs outside a transaction: nothing here is validated by a
commit later.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

import apsw
import msgspec

from ultravisor.errors import OutputError
from ultravisor.resources.errors import UnknownIdError
from ultravisor.resources.invariants import check_all
from ultravisor.resources.lookups import require
from ultravisor.resources.records import Record
from ultravisor.resources.tables import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ultravisor.resources.store import Store

R = TypeVar("R", bound=Record)


class Queries:
    """A state that can be asked."""

    def __init__(self, store: Store, generation: int) -> None:
        self._store = store
        self._generation = generation

    @property
    def generation(self) -> int:
        """Return the generation of this state."""
        return self._generation

    def get(self, record: type[R], *key: int | str) -> R:
        """Return a record; raise UnknownIdError."""
        return require(self._store, record, *key)

    def find(self, record: type[R], *key: int | str) -> R | None:
        """Return a record, or None."""
        return self._store.get(record, *key)

    def records(self, record: type[R]) -> list[R]:
        """Return all records of a table in the order of their keys."""
        return self._store.select(record)

    def records_of(self, record: type[R], root: int) -> list[R]:
        """Return the records whose key begins with a number, in the order of their keys."""
        return self._store.select(record, f"{_table(record).key[0]} = ?", root)

    def table(self, name: str) -> Table:
        """Return a table by its name; raise UnknownIdError."""
        if name not in TABLES:
            raise UnknownIdError(
                f"table {name}: there is none of this name", hint=f"one of {', '.join(TABLES)}"
            )
        return TABLES[name]

    def dump(self) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Return all rows of all tables, in a fixed order."""
        for name, table in TABLES.items():
            for row in self._store.execute(table.select + table.order):
                yield name, tuple(row)

    def state_hash(self) -> str:
        """Return a hash of all rows: equal states have equal hashes."""
        digest = hashlib.blake2b(digest_size=16)
        encode = msgspec.msgpack.Encoder().encode
        for row in self.dump():
            digest.update(encode(row))
        return digest.hexdigest()

    def check(self) -> list[str]:
        """Return which invariants do not hold, over everything; nothing when all do."""
        return check_all(self._store)

    def export(self, path: Path) -> None:
        """Write the state to a new SQLite file, for any tool that reads such files."""
        if path.exists():
            raise OutputError(f"{path}: exists already", "name a new file")
        try:
            target = apsw.Connection(str(path))
            with target, target.backup("main", self._store.connection, "main") as backup:
                backup.step()
            target.close()
        except apsw.Error as failure:
            raise OutputError(f"{path}: cannot be written: {failure}") from failure


def _table(record: type[Record]) -> Table:
    return next(table for table in TABLES.values() if table.record is record)
