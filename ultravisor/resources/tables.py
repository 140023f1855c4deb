# SPDX-License-Identifier: GPL-2.0-or-later
"""How records lie in tables: keys, statements and the way from a row to a record.

Owns the list of tables; all statements on single records are made here from the records'
fields. It must not know what any column means.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from ultravisor.resources import records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultravisor.resources.records import Record

Key = tuple[int | str, ...]


class Table:
    """One table: its record's class, its key and its statements."""

    def __init__(self, name: str, record: type[Record], *key: str) -> None:
        self.name = name
        self.record = record
        self.key = key
        self.columns: tuple[str, ...] = record.__struct_fields__
        self.key_places = tuple(self.columns.index(column) for column in key)
        self.rest = tuple(column for column in self.columns if column not in key)
        names = ", ".join(map(quoted, self.columns))
        self.where_key = " AND ".join(f"{quoted(column)} = ?" for column in key)
        marks = ", ".join("?" * len(self.columns))
        self.select: str = f"SELECT {names} FROM {name}"
        self.get: str = f"{self.select} WHERE {self.where_key}"
        self.insert: str = f"INSERT INTO {name} ({names}) VALUES ({marks})"
        self.delete: str = f"DELETE FROM {name} WHERE {self.where_key}"
        self.order: str = " ORDER BY " + ", ".join(map(quoted, key))
        self._converters = _converters(record)
        self.update = cache(self._update)
        self._key_of = _key_getter(key)

    def _update(self, changed: tuple[str, ...]) -> str:
        """Return the statement that sets these columns of one record."""
        settings = ", ".join(f"{quoted(column)} = ?" for column in changed)
        return f"UPDATE {self.name} SET {settings} WHERE {self.where_key}"

    def of_row(self, row: Sequence[Any]) -> Any:
        """Return the record of a row that `select` or `get` gave."""
        if not self._converters:
            return self.record(*row)
        values = list(row)
        for place, convert in self._converters:
            values[place] = convert(values[place])
        return self.record(*values)

    def key_of(self, record: Record) -> Key:
        """Return a record's key."""
        key: Key = self._key_of(record)
        return key


def _key_getter(key: tuple[str, ...]) -> Callable[[Record], Any]:
    getter = attrgetter(*key)
    return getter if len(key) > 1 else lambda record: (getter(record),)


def quoted(column: str) -> str:
    """Return a column's name as SQL needs it: `index` is one of its words."""
    return '"index"' if column == "index" else column


def _converters(record: type[Record]) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """Return how the columns whose SQL value is not the field's value are read."""
    hints = get_type_hints(record)
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for place, column in enumerate(record.__struct_fields__):
        hint = hints[column]
        if hint is bool:
            found.append((place, bool))
        elif isinstance(hint, type) and issubclass(hint, StrEnum):
            found.append((place, {member.value: member for member in hint}.__getitem__))
    return tuple(found)


_LIST: Final = (
    Table("machine", records.Machine, "id"),
    Table("zone", records.Zone, "name"),
    Table("quota", records.Quota, "scope", "subject", "resource"),
    Table("domain", records.Domain, "name"),
    Table("block", records.Block, "tier", "machine_frame"),
    Table("partition", records.Partition, "number"),
    Table("extent", records.Extent, "partition", "guest_frame"),
    Table("processor", records.Processor, "number"),
    Table("virtual_processor", records.VirtualProcessor, "partition", "index"),
    Table("slot", records.Slot, "processor", "position"),
    Table("channel", records.Channel, "id"),
    Table("channel_end", records.ChannelEnd, "channel", "side"),
    Table("link", records.Link, "partition", "port"),
    Table("device", records.Device, "id"),
    Table("request", records.Request, "asker", "request_id"),
)
TABLES: Final[dict[str, Table]] = {table.name: table for table in _LIST}
TABLE_OF: Final[dict[type[Record], Table]] = {table.record: table for table in _LIST}
