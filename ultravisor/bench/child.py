# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that is started only to be measured.

Owns how its CPU time is told and how its failure is reported. Called by the benchmarks;
it must not know what they run.
"""

from __future__ import annotations

import resource
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from ultravisor.errors import UltravisorError

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME_LIMIT_SECONDS = 300.0


class ChildRun(NamedTuple):
    """What a process printed, and the CPU time of all its threads."""

    output: str
    cpu_seconds: float


def run_child(command: Sequence[str], *, status: int = 0) -> ChildRun:
    """Run a command to its end; raise when that is not the exit status expected."""
    before = _children_seconds()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_LIMIT_SECONDS,
        )
    except (subprocess.TimeoutExpired, OSError) as failure:
        raise UltravisorError(f"a benchmark cannot run {command[0]}: {failure}") from None
    seconds = _children_seconds() - before
    if done.returncode != status:
        raise failed_child(command, done.returncode, done.stderr or done.stdout)
    return ChildRun(done.stdout, seconds)


def failed_child(command: Sequence[str], status: int, said: str) -> UltravisorError:
    """Return the error that says how a child ended, and its last words."""
    words = said.strip() or "it said nothing"
    return UltravisorError(f"`{' '.join(command)}` ended with status {status}: {words}")


def _children_seconds() -> float:
    """Return the CPU time of all children that have ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
