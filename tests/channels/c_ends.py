# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests' ends of channels, compiled for this host and driven over a pipe.

Owns the compiling of guest_kernels/common's channel files with runner.c, once plainly and once
with sanitizers, and a process with a channel that both sides map.
"""

from __future__ import annotations

import mmap
import os
import shlex
import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
COMMON = ROOT / "guest_kernels" / "common"
SOURCES = ("signal_queue", "channel_client", "control", "control_message", "guid")
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wcast-qual -Werror"
VARIANTS = {
    "plain": ["-O2"],
    "sanitized": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


@cache
def runner(variant: str) -> Path:
    """Return the runner, compiled once a session."""
    target = Path(mkdtemp(prefix="ultravisor-channels-")) / f"runner-{variant}"
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(f"-std=c11 -D_GNU_SOURCE {WARNINGS}"),
        *VARIANTS[variant],
        *("-iquote", str(COMMON), "-iquote", str(ROOT / "monitor" / "abi")),
        *("-o", str(target), str(Path(__file__).with_name("runner.c"))),
        *(str(COMMON / f"{name}.c") for name in SOURCES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


class CEnds:
    """A process with the C ends, and the channel that it shares with this one."""

    def __init__(self, size_bytes: int, variant: str, folder: Path) -> None:
        """Start on the folder's channel; the first one makes it."""
        self.path = folder / "channel"
        if not self.path.exists():
            self.path.write_bytes(bytes(size_bytes))
        with self.path.open("r+b") as file:
            self.buffer = mmap.mmap(file.fileno(), size_bytes)
        # The inherited sanitizers of a sanitized interpreter are not the runner's.
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        self._process = subprocess.Popen(
            [str(runner(variant)), str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, line: str) -> str:
        """Send one line and return the answer."""
        self.begin(line)
        return self.answer()

    def begin(self, line: str) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Return the answer to the last line."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        answer = self._process.stdout.readline()
        assert answer, f"the runner died: {self._process.stderr.read()}"
        return answer.rstrip("\n")

    def number(self, line: str) -> int:
        """Send one line and return the number that is the answer."""
        return int(self.ask(line))

    def close(self) -> None:
        """End the process; it must not have failed."""
        _, errors = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, errors


@contextmanager
def c_ends(size_bytes: int, variant: str, folder: Path) -> Iterator[CEnds]:
    """Start a process with the C ends, and end it."""
    ends = CEnds(size_bytes, variant, folder)
    try:
        yield ends
    finally:
        ends.close()
