# SPDX-License-Identifier: GPL-2.0-or-later
"""The file under a journal: positioned writes, durability, one owner, atomic replacement.

Owns all system calls on journal files; tests put another layer in its place that records
writes and makes every image that a crash can leave. It must not know what is written.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Protocol

from ultravisor.resources.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path


class Storage(Protocol):
    """A file that can be replaced as a whole. All calls may raise OSError."""

    name: str

    def read(self) -> bytes:
        """Return all of it."""

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Return a part of it."""

    def write(self, offset: int, data: bytes) -> None:
        """Write all of the data at an offset."""

    def truncate(self, size_bytes: int) -> None:
        """Cut it off."""

    def sync(self) -> None:
        """Return when all that was written, and the file's size, survive a loss of power."""

    def replace(self, data: bytes) -> None:
        """Put another content in its place, durably: the old one or the new, never a mixture."""

    def close(self) -> None:
        """Let go of it."""


class DiskStorage:
    """A file on disk, locked: one process at a time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.name = str(path)
        self._descriptor = _open_locked(path, read_only)

    def read(self) -> bytes:
        """Return all of it."""
        return self.read_at(0, os.fstat(self._descriptor).st_size)

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Return a part of it."""
        parts = []
        while size_bytes and (part := os.pread(self._descriptor, size_bytes, offset)):
            parts.append(part)
            offset += len(part)
            size_bytes -= len(part)
        return b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of the data at an offset."""
        _write_all(self._descriptor, offset, data)

    def truncate(self, size_bytes: int) -> None:
        """Cut it off."""
        os.ftruncate(self._descriptor, size_bytes)

    def sync(self) -> None:
        """Wait for the disk; fdatasync covers the size that is needed to read the data."""
        os.fdatasync(self._descriptor)

    def replace(self, data: bytes) -> None:
        """Write a new file, lock it, and give it the name of the old one."""
        new = self.path.with_name(self.path.name + ".new")
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(descriptor, 0, data)
            os.fsync(descriptor)
            new.replace(self.path)
        except BaseException:
            os.close(descriptor)
            new.unlink(missing_ok=True)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor
        _sync_folder(self.path)

    def close(self) -> None:
        """Close it, which gives up the lock."""
        os.close(self._descriptor)


def _write_all(descriptor: int, offset: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        offset += written
        rest = rest[written:]


def _sync_folder(path: Path) -> None:
    """Make a file's name durable."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_locked(path: Path, read_only: bool) -> int:
    """Open and lock a file; again where it was replaced in between."""
    flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
    while True:
        new = not path.exists()
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            raise JournalError(f"{path}: cannot be opened: {failure.strerror}") from None
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            same = path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())
        except BlockingIOError:
            os.close(descriptor)
            raise JournalError(
                f"{path}: another process uses this journal", "end it first, or name another file"
            ) from None
        if same:
            if new:
                _sync_folder(path)
            return descriptor
        os.close(descriptor)
