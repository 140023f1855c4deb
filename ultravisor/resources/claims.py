# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers that open transactions were promised, so that two do not get the same.

Owns the choice of a new partition's number and of new ids. A promise ends with its
transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ultravisor.resources.store import Store

_FREE = "SELECT number FROM partition WHERE state = 'destroyed' ORDER BY number"


class Claims:
    """The promises of all open transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._promised: dict[str, set[int]] = {
            "partition": set(),
            "channel": set(),
            "device": set(),
        }

    def claim(self, table: str) -> int:
        """Promise a number of a table that nobody has."""
        number = self._free_number() if table == "partition" else self._next_id(table)
        self._promised[table].add(number)
        return number

    def release(self, table: str, number: int) -> None:
        """Take a promise back."""
        self._promised[table].discard(number)

    def _free_number(self) -> int:
        """Return the lowest number of a destroyed partition, or one that was never used."""
        promised = self._promised["partition"]
        for (number,) in self._store.execute(_FREE):
            if number not in promised:
                return int(str(number))
        highest: int = self._store.value("SELECT coalesce(max(number), 0) FROM partition")
        return max([highest, *promised]) + 1

    def _next_id(self, table: str) -> int:
        """Return an id that was never used: ids do not come again."""
        kept: int = self._store.value(f"SELECT next_{table} FROM machine")
        return max([kept, *(number + 1 for number in self._promised[table])])
