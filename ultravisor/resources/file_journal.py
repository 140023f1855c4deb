# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal in a file: what it acknowledged survives kill -9 and loss of power.

Owns the order of writes and syncs. Several commits may share one sync (group commit);
none of them is durable before it. After a failed sync nobody knows what the disk has: the
journal takes nothing more until it is opened again.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ultravisor.resources.errors import JournalError
from ultravisor.resources.journal import Base, Entry
from ultravisor.resources.journal_records import (
    JournalRecord,
    Kind,
    checksum_of,
    decode,
    encode,
    read_contents,
)
from ultravisor.resources.storage import DiskStorage, Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")


class FileJournal:
    """A journal in a storage; `notice` says what was cut off when it was opened."""

    def __init__(self, storage: Storage, *, read_only: bool = False) -> None:
        self._storage = storage
        self._broken = ""
        data = self._try("read", storage.read)
        contents = read_contents(data, storage.name)
        self.notice = contents.notice
        self._load(contents.records, data)
        if contents.notice and not read_only:
            self._try("cut", lambda: storage.truncate(contents.size_bytes))
        if not read_only:
            # A process that was killed may have written what nobody made durable.
            self.sync()

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> FileJournal:
        """Open or make a journal file; raise JournalError where another process has it."""
        storage = DiskStorage(path, read_only=read_only)
        try:
            return cls(storage, read_only=read_only)
        except BaseException:
            storage.close()
            raise

    def _load(self, records: list[JournalRecord], data: bytes) -> None:
        """Take the records over: those before the first changeset are the base."""
        self.base: Base | None = None
        self._records = [record for record in records if record.kind == Kind.CHANGESET]
        head = [record for record in records if record.kind != Kind.CHANGESET]
        self._head_end = head[-1].end if head else 0
        self._head_checksum = head[-1].checksum if head else 0
        if head:
            payloads = [data[r.payload_offset : r.payload_offset + r.length] for r in head]
            snapshot = payloads[1] if len(payloads) > 1 else b""
            self.base = Base(payloads[0], head[-1].generation, snapshot)
        self.durable = self.last

    @property
    def last(self) -> int:
        """Return the last generation."""
        if self._records:
            return self._records[-1].generation
        return self.base.generation if self.base else 0

    @property
    def _end(self) -> int:
        return self._records[-1].end if self._records else self._head_end

    def start(self, base: Base) -> None:
        """Begin a new journal, durably."""
        self._replace(base, [])

    def _replace(self, base: Base, entries: list[Entry]) -> None:
        last = entries[-1].generation if entries else base.generation
        parts = [encode(Kind.DESCRIPTION, 0, last, 0, base.description)]
        if base.snapshot:
            parts.append(
                encode(
                    Kind.SNAPSHOT,
                    base.generation,
                    last,
                    checksum_of(parts[-1]),
                    base.snapshot,
                )
            )
        for generation, changeset in entries:
            previous = checksum_of(parts[-1])
            parts.append(encode(Kind.CHANGESET, generation, last, previous, changeset))
        data = b"".join(parts)
        self._try("replace", lambda: self._storage.replace(data), fatal=True)
        self._load(read_contents(data, self._storage.name).records, data)

    def append(self, generation: int, changeset: bytes) -> None:
        """Write a commit behind the last one; what cannot be written whole is taken back."""
        self._refuse_broken()
        assert generation == self.last + 1, "a generation is missing"
        previous = self._records[-1].checksum if self._records else self._head_checksum
        data = encode(Kind.CHANGESET, generation, self.durable, previous, changeset)
        offset = self._end
        try:
            self._storage.write(offset, data)
        except OSError as failure:
            self._try("cut", lambda: self._storage.truncate(offset), fatal=True)
            raise self._failed("write", failure) from failure
        self._records.append(
            JournalRecord(
                offset,
                Kind.CHANGESET,
                generation,
                self.durable,
                len(changeset),
                previous,
                checksum_of(data),
            )
        )

    def retract(self) -> None:
        """Cut the last commit off, durably: its asker is told that it never was."""
        record = self._records.pop()
        assert record.generation > self.durable, "what is durable stays"
        self._try("cut", lambda: self._storage.truncate(record.offset), fatal=True)
        self.sync()

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        self._refuse_broken()
        last = self.last
        self._try("sync", self._storage.sync, fatal=True)
        self.durable = last

    def entries(self, after: int, last: int) -> Iterator[Entry]:
        """Read commits, each checked again."""
        first = self.base.generation if self.base else 0
        for record in self._records[after - first : last - first]:
            size_bytes = record.end - record.offset
            data = self._try("read", partial(self._storage.read_at, record.offset, size_bytes))
            if decode(data, 0) is None:
                raise JournalError(f"{self._storage.name}: damaged at offset {record.offset}")
            start = record.payload_offset - record.offset
            yield Entry(record.generation, data[start : start + record.length])

    def compact(self, base: Base) -> None:
        """Write a new file that builds on the base, in place of the old one."""
        self._refuse_broken()
        self._replace(base, list(self.entries(base.generation, self.last)))

    def close(self) -> None:
        """Close the file and give up the lock."""
        with suppress(OSError):
            self._storage.close()

    def _refuse_broken(self) -> None:
        if self._broken:
            raise JournalError(self._broken, "open the journal again: it says what is kept")

    def _failed(self, action: str, failure: OSError) -> JournalError:
        return JournalError(f"{self._storage.name}: cannot {action}: {failure.strerror}")

    def _try(self, action: str, call: Callable[[], T], *, fatal: bool = False) -> T:
        """Return what a storage call returns; after a fatal failure nothing more is taken."""
        try:
            return call()
        except OSError as failure:
            error = self._failed(action, failure)
            if fatal:
                self._broken = error.message
            raise error from failure
