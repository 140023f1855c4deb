# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept of a living host beside its machine.

Owns the records only, and the step from a journal to one and back. Made by living_host and
infrastructure; life_state puts them into a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.hosted_programs import SavedProgram
from ultravisor.life.image_ledger import ImageRead
from ultravisor.life.life_inputs import LifeInput, Moment
from ultravisor.life.watch import SavedWatch
from ultravisor.machine.interface import ExitReason
from ultravisor.resources.journal import Base

if TYPE_CHECKING:
    from ultravisor.resources.journal import Journal


class SavedJournal(Struct, frozen=True):
    """A journal, whole; before the ultravisor's first turn there is no description."""

    description: bytes = b""
    generation: int = 0
    """Of the base."""
    snapshot: bytes = b""
    entries: tuple[tuple[int, bytes], ...] = ()


class SavedInfrastructure(Struct, frozen=True):
    """The programs, and what is kept outside them."""

    programs: tuple[SavedProgram, ...]
    journal: SavedJournal


class SavedConsole(Struct, frozen=True):
    """What the partitions of a name had written."""

    data: bytes
    dropped_bytes: int


class SavedLife(Struct, frozen=True, kw_only=True):
    """A living host at one moment, between two pieces of its run."""

    infrastructure: SavedInfrastructure
    watch: SavedWatch
    consoles: dict[str, SavedConsole]
    inputs: tuple[LifeInput, ...]
    images: tuple[ImageRead, ...]
    orders: int
    """How many were given."""
    position_cycles: Moment
    exit_reason: ExitReason
    """Why the machine last returned."""


def save_journal(journal: Journal) -> SavedJournal:
    """Return all of a journal."""
    base = journal.base
    if base is None:
        return SavedJournal()
    entries = tuple(
        (row.generation, row.changeset) for row in journal.entries(base.generation, journal.last)
    )
    return SavedJournal(base.description, base.generation, base.snapshot, entries)


def load_journal(journal: Journal, saved: SavedJournal) -> None:
    """Write a saved journal into a new one, durably."""
    if not saved.description:
        return
    journal.start(Base(saved.description, saved.generation, saved.snapshot))
    for generation, changeset in saved.entries:
        journal.append(generation, changeset)
    journal.sync()
