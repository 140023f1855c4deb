# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of a trace: written in whole packets while a host runs.

Owns opening without destroying, the lock against a second writer, buffering, and what is left
after a failure: a file that ends with a whole packet.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING

from ultravisor.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

BUFFER_BYTES = 1 << 20


class TraceFile:
    """A file that grows by whole packets."""

    def __init__(self, path: Path) -> None:
        """Open the file; raise OutputError when it cannot be written, or is being written."""
        self._path = path
        self._buffer = bytearray()
        self._began = False
        existed = path.exists()
        try:
            self._number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as failure:
            raise self._error(failure) from None
        self._made_here = not existed
        self._is_regular = stat.S_ISREG(os.fstat(self._number).st_mode)
        try:
            if self._is_regular:
                fcntl.flock(self._number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._number)
            message = f"{path}: another trace is being written to it"
            raise OutputError(message, "name another file") from None

    def write(self, data: bytes) -> None:
        """Add a whole packet; raise OutputError when there is no room for it."""
        if self._number < 0:
            return
        self._buffer += data
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Bring everything so far into the file."""
        if self._number < 0:
            return
        data, self._buffer = self._buffer, bytearray()
        rest = memoryview(data)
        start = 0
        try:
            if self._is_regular:
                if not self._began:
                    os.ftruncate(self._number, 0)
                start = os.lseek(self._number, 0, os.SEEK_CUR)
            self._began = True
            while rest:
                rest = rest[os.write(self._number, rest) :]
        except OSError as failure:
            self._give_up(start)
            raise self._error(failure) from None

    def close(self) -> None:
        """Close the file; one that was made here and never written is removed."""
        if self._number < 0:
            return
        os.close(self._number)
        self._number = -1
        if self._made_here and not self._began:
            self._path.unlink(missing_ok=True)

    def _give_up(self, size_bytes: int) -> None:
        """Leave what ends with a whole packet; nothing is written any more."""
        if self._is_regular:
            os.ftruncate(self._number, size_bytes)
        self.close()

    def _error(self, failure: OSError) -> OutputError:
        message = f"{self._path}: cannot be written: {failure.strerror}"
        return OutputError(message, "name a file in a folder where there is room")
