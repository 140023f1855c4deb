# SPDX-License-Identifier: GPL-2.0-or-later
"""What a transaction changed, in SQLite's own changeset format.

Owns the encoding. SQLite's session extension applies, inverts and joins these bytes; it
could also write them, but prepares several statements for every table of every commit,
which costs more than all the rest. Tests hold these bytes against the session's.
"""

from __future__ import annotations

import struct
from functools import cache, partial
from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ultravisor.resources.tables import TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ultravisor.resources.changes import Change

# An operation's code, and that nothing made it but its statement.
_INSERT: Final = b"\x12\x00"
_DELETE: Final = b"\x09\x00"
_UPDATE: Final = b"\x17\x00"
_UNDEFINED: Final = b"\x00"
_NULL: Final = b"\x05"
_BYTES: Final = tuple(bytes((number,)) for number in range(128))
_integer = struct.Struct(">Bq").pack
_values = msgspec.structs.astuple


def encode(changes: Iterable[Change]) -> bytes:
    """Return the changeset of changes, of which each names another record."""
    by_table: dict[str, list[bytes]] = {}
    for change in changes:
        table = TABLES[change.table]
        rows = by_table.get(change.table)
        if rows is None:
            rows = by_table[change.table] = [_header(table)]
        before, after = change.before, change.after
        if after is None:
            assert before is not None, "a change of nothing"
            rows.append(_DELETE + _row(_values(before)))
        elif before is None:
            rows.append(_INSERT + _row(_values(after)))
        else:
            rows.append(_update(_values(before), _values(after), table.key_places))
    return b"".join([row for rows in by_table.values() for row in rows])


@cache
def _header(table: Table) -> bytes:
    """Return what names a table: the count of columns, which are the key, and its name."""
    flags = bytes(
        table.key.index(column) + 1 if column in table.key else 0 for column in table.columns
    )
    return b"T" + _varint(len(flags)) + flags + table.name.encode() + b"\x00"


def _update(before: tuple[Any, ...], after: tuple[Any, ...], key: tuple[int, ...]) -> bytes:
    """Return an update: of the old row key and what changed, of the new what changed."""
    old = [_UNDEFINED] * len(before)
    new = old.copy()
    encoders = _ENCODERS
    for place in key:
        value = before[place]
        old[place] = encoders[type(value)](value)
    for place in compress(range(len(before)), map(ne, before, after)):
        value, other = before[place], after[place]
        old[place] = encoders[type(value)](value)
        new[place] = encoders[type(other)](other)
    return _UPDATE + b"".join(old + new)


def _row(values: tuple[Any, ...]) -> bytes:
    encoders = _ENCODERS
    return b"".join([encoders[type(value)](value) for value in values])


def _text(value: str) -> bytes:
    data = value.encode()
    return b"\x03" + _varint(len(data)) + data


def _blob(value: bytes) -> bytes:
    return b"\x04" + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    """Return a length as SQLite writes it: seven bits a byte, the highest first."""
    if number < 128:
        return _BYTES[number]
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127 | 128)
    return bytes(reversed(groups))


class _Encoders(dict[type, "Callable[[Any], bytes]"]):
    """How values of a type are written; enumerations of text are found when they first come."""

    def __missing__(self, kind: type) -> Callable[[Any], bytes]:
        assert issubclass(kind, str), "no column is of this type"
        self[kind] = _text
        return _text


_ENCODERS: Final = _Encoders(
    {
        int: partial(_integer, 1),
        bool: partial(_integer, 1),
        type(None): lambda _value: _NULL,
        str: _text,
        bytes: _blob,
    }
)
