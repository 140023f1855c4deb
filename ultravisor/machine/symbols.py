# SPDX-License-Identifier: GPL-2.0-or-later
"""Names for addresses.

Owns the search for the nearest symbol. Used where an address is shown to a person; it
must not know where symbols come from.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SymbolTable:
    """The symbols of one image, searched by address."""

    def __init__(self, rows: Iterable[tuple[int, int, str]]) -> None:
        """Keep (address, size in bytes, name) rows; size 0 means up to the next symbol."""
        ordered = sorted({row for row in rows if row[2]})
        self._addresses = [address for address, _, _ in ordered]
        self._sizes = [size for _, size, _ in ordered]
        self._names = [name for _, _, name in ordered]

    def __len__(self) -> int:
        return len(self._addresses)

    def nearest(self, address: int) -> str:
        """Return `name` or `name+0x12` for an address; '' where no symbol covers it."""
        last = bisect_right(self._addresses, address) - 1
        for index in range(last, -1, -1):
            offset = address - self._addresses[index]
            if self._sizes[index] == 0 and self._addresses[index] == self._addresses[last]:
                return self._label(index, offset)
            if offset < self._sizes[index]:
                return self._label(index, offset)
            if last - index > 64:
                break
        return ""

    def describe(self, address: int) -> str:
        """Return the address with its symbol where there is one."""
        symbol = self.nearest(address)
        return f"{address:#x} ({symbol})" if symbol else f"{address:#x}"

    def _label(self, index: int, offset: int) -> str:
        return f"{self._names[index]}+{offset:#x}" if offset else self._names[index]
