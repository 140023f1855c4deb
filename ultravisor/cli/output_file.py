# SPDX-License-Identifier: GPL-2.0-or-later
"""A file that will be written at the end, proved writable at the start.

Owns the order: nothing runs for minutes only to find that its result has no place.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ultravisor.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def require_distinct(files: Mapping[str, Path | None]) -> None:
    """Refuse one file by two options, of which only the last written would be left.

    What is there and no regular file, as /dev/null, can be had more than once.
    """
    taken: dict[str, str] = {}
    for option, path in files.items():
        if path is None or (path.exists() and not path.is_file()):
            continue
        first = taken.setdefault(os.path.realpath(path), option)
        if first != option:
            raise UsageError(
                f"{first} and {option} are one file: {path}", "give each a file of its own"
            )


class OutputFile:
    """Opened at once without destroying anything; written once."""

    def __init__(self, path: Path) -> None:
        """Open the file; raise OutputError when it cannot be written."""
        self._path = path
        existed = path.exists()
        try:
            self._number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as failure:
            raise self._error(failure) from None
        self._remove_when_unused = not existed

    def write(self, data: bytes) -> None:
        """Replace the file's contents, and close it."""
        try:
            if stat.S_ISREG(os.fstat(self._number).st_mode):
                os.ftruncate(self._number, 0)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._number, rest) :]
        except OSError as failure:
            raise self._error(failure) from None
        self._remove_when_unused = False
        self.close()

    def close(self) -> None:
        """Close the file; one that was made here and never written is removed."""
        if self._number < 0:
            return
        os.close(self._number)
        self._number = -1
        if self._remove_when_unused:
            self._path.unlink(missing_ok=True)

    def _error(self, failure: OSError) -> OutputError:
        message = f"{self._path}: cannot be written: {failure.strerror}"
        return OutputError(message, "name a file in a folder where you may write")
