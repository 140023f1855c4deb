# SPDX-License-Identifier: GPL-2.0-or-later
"""The command at a terminal: typed to, read from, interrupted, and gone when a test is over.

Owns the pseudo terminal. It is the command's controlling terminal, so that Ctrl-C that is typed is
the signal, and Ctrl-D the end of the input.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import time
from typing import Self

from tests.guests.living_processes import COMMAND, PATIENCE_SECONDS

CTRL_C = "\x03"
CTRL_D = "\x04"
READ_BYTES = 65536


class Terminal:
    """A command with a terminal of its own; a context manager."""

    def __init__(self, *words: str) -> None:
        self._shown = b""
        self._code: int | None = None
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.execv(COMMAND, [str(COMMAND), *words])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._code is None:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._terminal)

    @property
    def shown(self) -> str:
        """Return all that has been read so far, with lines that end as those of files."""
        return self._shown.decode("utf-8", "replace").replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def until(self, text: str, times: int = 1) -> None:
        """Wait until a text has been shown so often."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.shown.count(text) < times:
            assert time.monotonic() < end, f"{text!r} never came: {self.shown!r}"
            assert self._read(), f"ended without {text!r}: {self.shown!r}"

    def end(self) -> int:
        """Wait for the command's end; return its exit code, or minus the signal's number."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._read():
            assert time.monotonic() < end, f"it does not end: {self.shown!r}"
        _, status = os.waitpid(self._process, 0)
        self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def _read(self) -> bool:
        """Take what comes within a moment; False once the command has let go of the terminal."""
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return True
        data = b""
        # Linux says so by an error.
        with contextlib.suppress(OSError):
            data = os.read(self._terminal, READ_BYTES)
        self._shown += data
        return bool(data)
