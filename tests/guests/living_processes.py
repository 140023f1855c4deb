# SPDX-License-Identifier: GPL-2.0-or-later
"""Living hosts as processes: brought up by the command, and gone when a test is over.

Owns the folder that stands for the user's, and ending what a test has left. Used by the tests of
the command and of the documents.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ultravisor.life.client import connect
from ultravisor.life.places import RUNTIME_VARIABLE, living_places
from ultravisor.life.protocol import Down, Hello

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = Path(sys.executable).parent / "ultravisor"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        [str(COMMAND), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_of(process: subprocess.Popen[str]) -> Ended:
    """Wait for a command's end."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Ended(process.returncode, out, err)


def call(*words: str) -> Ended:
    """Run a command."""
    return end_of(start(*words))


def until(what: Callable[[], object]) -> None:
    """Wait until something holds; a test that waits in vain fails."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def machine_process(name: str) -> int:
    """Return the id of the process that has a host's machine."""
    with connect(name) as client:
        process: int = client.ask(Hello())["process"]
        return process


@contextlib.contextmanager
def runtime_folder(folder: Path) -> Iterator[None]:
    """Let hosts live in a folder meanwhile; end those that still do."""
    before = os.environ.get(RUNTIME_VARIABLE)
    os.environ[RUNTIME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        for place in living_places():
            with contextlib.suppress(Exception), connect(place.name) as client:
                client.ask(Down())
                client.wait_for_end()
        if before is None:
            del os.environ[RUNTIME_VARIABLE]
        else:
            os.environ[RUNTIME_VARIABLE] = before


def parent_of(process: int) -> int:
    """Return the process that watches over the machine's."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


def kill_group(process: int) -> None:
    """Kill a process with the one that watches over it, at once."""
    for number in (parent_of(process), process):
        os.kill(number, signal.SIGKILL)
