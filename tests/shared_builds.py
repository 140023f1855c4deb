# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that tests compile, built once a run, however many processes share the tests.

Owns the lock that makes the second process wait, and the compiling of several sources at once.
Knows nothing of what is built.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pytest

TIME_LIMIT_SECONDS = 300


def built_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a file of this run; the first process that asks for it makes it."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The folder of the run; each worker has one of its own in it.
        folder = folder.parent
    target = folder / name
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            make(unfinished)
            unfinished.rename(target)
    return target


def build(
    compiler: Sequence[str], options: Sequence[str], sources: Sequence[Path], target: Path
) -> None:
    """Compile C sources, as many at once as there are processors, and link them."""
    objects = [f"{target}.{number}.o" for number in range(len(sources))]

    def compile_one(number: int) -> None:
        _run([*compiler, *options, "-c", str(sources[number]), "-o", objects[number]])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, range(len(sources))))
    _run([*compiler, *options, *objects, "-o", str(target)])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stderr
