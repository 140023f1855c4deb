# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers that open transactions were promised, so that two do not get the same.

Owns the choice of a new partition's number and of new ids. A promise ends with its
transaction; ids that were promised are not promised again before a restart.
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
        self._partitions: set[int] = set()
        self._next: dict[str, int] = {}

    def partition(self) -> int:
        """Promise the lowest number of a destroyed partition, or one that was never used."""
        number = self._destroyed()
        if number is None:
            highest: int = self._store.value("SELECT coalesce(max(number), 0) FROM partition")
            number = max(highest, *self._partitions, 0) + 1
        self._partitions.add(number)
        return number

    def _destroyed(self) -> int | None:
        for (number,) in self._store.execute(_FREE):
            if number not in self._partitions:
                return int(str(number))
        return None

    def release(self, number: int) -> None:
        """Take a promise of a partition's number back."""
        self._partitions.discard(number)

    def next_id(self, table: str) -> int:
        """Promise the next id of a channel or device."""
        kept: int = self._store.value(f"SELECT next_{table} FROM machine")
        number = max(kept, self._next.get(table, 0))
        self._next[table] = number + 1
        return number
