# SPDX-License-Identifier: GPL-2.0-or-later
"""A file that will be written at the end, proved writable at the start.

Owns the order: nothing runs for minutes only to find that its result has no place.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ultravisor.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


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
