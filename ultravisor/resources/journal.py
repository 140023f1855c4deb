# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal: what a database is rebuilt from, a record for each commit.

Owns the protocol that the database needs, and the journal in memory, which outlives the
database object but not the process. `file_journal.py` has the one that outlives power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Entry(NamedTuple):
    """One commit: the changeset that made this generation of the one before."""

    generation: int
    changeset: bytes


class Base(NamedTuple):
    """What the entries build on."""

    description: bytes
    """The machine's description, encoded."""
    generation: int
    snapshot: bytes
    """All records at that generation, as a changeset of an empty database; empty at 0."""


class Journal(Protocol):
    """Where changesets are kept. All calls may raise JournalError."""

    @property
    def base(self) -> Base | None:
        """Return what the entries build on; None while the journal is new."""

    @property
    def last(self) -> int:
        """Return the last generation that was appended, or the base's."""

    @property
    def durable(self) -> int:
        """Return the last generation that is kept whatever happens."""

    def start(self, base: Base) -> None:
        """Begin a new journal."""

    def append(self, generation: int, changeset: bytes) -> None:
        """Add a commit; it is durable after the next `sync`. Adds all of it or nothing."""

    def retract(self) -> None:
        """Take back the last commit, which was not synced."""

    def sync(self) -> None:
        """Make everything durable that was appended."""

    def entries(self, after: int, last: int) -> Iterator[Entry]:
        """Return the commits after one generation up to another, in order."""

    def compact(self, base: Base) -> None:
        """Forget all commits up to the base's generation; build on it from now on."""

    def close(self) -> None:
        """Let go of files and locks."""


class MemoryJournal:
    """A journal in memory: durable as long as the process lives."""

    def __init__(self) -> None:
        self.base: Base | None = None
        self._entries: list[Entry] = []

    @property
    def last(self) -> int:
        """Return the last generation."""
        if self._entries:
            return self._entries[-1].generation
        return self.base.generation if self.base else 0

    @property
    def durable(self) -> int:
        """Return the last generation: memory has no more to promise."""
        return self.last

    def start(self, base: Base) -> None:
        """Begin a new journal."""
        self.base = base

    def append(self, generation: int, changeset: bytes) -> None:
        """Add a commit."""
        assert generation == self.last + 1, "a generation is missing"
        self._entries.append(Entry(generation, changeset))

    def retract(self) -> None:
        """Take back the last commit."""
        self._entries.pop()

    def sync(self) -> None:
        """Do nothing: memory has no more to promise."""

    def entries(self, after: int, last: int) -> Iterator[Entry]:
        """Return the commits after one generation up to another."""
        first = self.base.generation if self.base else 0
        yield from self._entries[after - first : last - first]

    def compact(self, base: Base) -> None:
        """Forget all commits up to the base's generation."""
        first = self.base.generation if self.base else 0
        del self._entries[: base.generation - first]
        self.base = base

    def close(self) -> None:
        """Do nothing: the entries stay for the next database."""
