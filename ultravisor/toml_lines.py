# SPDX-License-Identifier: GPL-2.0-or-later
"""On which line of a TOML text a key stands.

Owns a scan of table headers and keys, good enough to point a person at a line: the
standard library's parser keeps no positions. Called by the configuration's reader and checker.
"""

from __future__ import annotations

import re

HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.-]+)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"""^\s*(?:([\w-]+)\s*\.\s*)?["']?([\w-]+)["']?\s*=""")


class TomlLines:
    """The lines of tables and keys of one text."""

    def __init__(self, text: str) -> None:
        """Scan the text once."""
        self._tables: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        counts: dict[str, int] = {}
        table, index = "", 0
        for number, line in enumerate(text.splitlines(), start=1):
            header = HEADER.match(line)
            if header is not None:
                table = header.group(2)
                index = counts.get(table, 0)
                counts[table] = index + 1
                self._tables[table, index] = number
                continue
            key = KEY.match(line)
            if key is not None:
                owner = (table, index) if key.group(1) is None else (key.group(1), 0)
                self._keys.setdefault((*owner, key.group(2)), number)

    def find(self, table: str, index: int, key: str | None) -> int | None:
        """Return the line of a key, or of its table where the key is not written out."""
        line = self._keys.get((table, index, key)) if key is not None else None
        if line is None and not table and key is not None:
            line = self._tables.get((key, index))
        return line if line is not None else self._tables.get((table, index))


def place(path: str, line: int | None) -> str:
    """Return `path:line`, or the path alone where the line cannot be told."""
    return f"{path}:{line}" if line is not None else path
