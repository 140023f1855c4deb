# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests' volumes, compiled for this host and driven over a pipe.

Owns the compiling of guest_kernels/common's FAT with runner.c, once plainly and once with
sanitizers, and the commands of that program.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from contextlib import contextmanager
from enum import IntEnum
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from tests.channels.c_ends import COMMON, VARIANTS, WARNINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("volume", "table", "name", "directory", "path", "reader", "writer")
SMALL_SIZE_BYTES = 5120 * 512
LARGE_SIZE_BYTES = 20480 * 512  # two sectors a cluster


class Status(IntEnum):
    """What an operation says; the numbers of fat_volume.h."""

    OK = 0
    DISK_FAILED = 1
    NO_VOLUME = 2
    BAD_SIZE = 3
    DAMAGED = 4
    NOT_FOUND = 5
    EXISTS = 6
    IS_DIRECTORY = 7
    NO_DIRECTORY = 8
    NOT_EMPTY = 9
    BAD_NAME = 10
    FULL = 11
    ROOT_FULL = 12
    TOO_LARGE = 13
    READ_ONLY = 14
    OTHER_DIRECTORY = 15


@cache
def runner(variant: str) -> Path:
    """Return the program, compiled once a session."""
    target = Path(mkdtemp(prefix="ultravisor-fat-")) / f"runner-{variant}"
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(f"-std=c11 -D_GNU_SOURCE {WARNINGS}"),
        *VARIANTS[variant],
        *("-iquote", str(COMMON), "-o", str(target)),
        str(Path(__file__).with_name("runner.c")),
        *(str(COMMON / f"fat_{name}.c") for name in SOURCES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


class Volume:
    """A disk with a volume, under the guests' code; the image has what is durable."""

    def __init__(self, image: Path, variant: str) -> None:
        self.image = image
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        self._process = subprocess.Popen(
            [str(runner(variant)), str(image)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, *words: str | int) -> str:
        """Do one command and return its whole answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the runner died at {words[:2]}: {self._process.stderr.read()}"
        return answer.rstrip("\n")

    def do(self, *words: str | int) -> Status:
        """Do one command that has no answer but its status."""
        return Status(int(self.ask(*words)))

    def mount(self) -> tuple[Status, str]:
        """Mount it anew; the second is why there is no volume."""
        _, reason, status = self.ask("mount").split("=")
        return Status(int(status)), reason

    def start(self) -> None:
        """Make a volume and mount it."""
        assert self.do("format", 1) == Status.OK
        assert self.mount() == (Status.OK, "")

    def write(self, path: str, content: bytes) -> Status:
        """Write a file, or replace it."""
        return self.do("write", path, content.hex() or "-")

    def append(self, path: str, content: bytes) -> Status:
        """Add to a file."""
        return self.do("append", path, content.hex() or "-")

    def read(self, path: str) -> tuple[Status, bytes]:
        """Read a whole file."""
        content, status = self.ask("read", path)[1:].split(" ")
        return Status(int(status)), bytes.fromhex(content)

    def list(self, path: str) -> dict[str, tuple[bool, int]]:
        """Return what a directory has: whether each is one, and its size."""
        *entries, status = self.ask("list", path).split(" ")
        assert Status(int(status)) == Status.OK
        return {
            name: (kind == "1", int(size))
            for name, kind, size in (entry.rsplit(":", 2) for entry in entries)
        }

    def number(self, *words: str) -> int:
        """Do a command that answers with a number."""
        return int(self.ask(*words).split(" ")[0])

    def tree(self, path: str = "") -> dict[str, bytes | None]:
        """Return all files with their contents, and all directories with none."""
        found: dict[str, bytes | None] = {}
        for name, (is_directory, _) in self.list(path or "/").items():
            whole = f"{path}/{name}"
            if is_directory:
                found |= {whole: None, **self.tree(whole)}
            else:
                status, found[whole] = self.read(whole)
                assert status == Status.OK, whole
        return found

    def close(self) -> None:
        """End the process; it must not have failed."""
        _, errors = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, errors


@contextmanager
def c_volume(
    folder: Path, size_bytes: int = SMALL_SIZE_BYTES, variant: str = "sanitized"
) -> Iterator[Volume]:
    """Start with an empty disk, or with the one that the folder has, and end it."""
    image = folder / "disk.img"
    if not image.exists():
        image.write_bytes(bytes(size_bytes))
    volume = Volume(image, variant)
    try:
        yield volume
    finally:
        volume.close()
