# SPDX-License-Identifier: GPL-2.0-or-later
"""What one life leaves to the next: the domains in its journal.

Owns the reading of the journal of a life that has ended, and its replacement by a new one. The
machine's memory is gone with its process; definitions and wanted states are not. At every moment
one of the two files holds them, whatever kills us.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ultravisor.errors import OutputError, UsageError
from ultravisor.partitions.definitions import Domain, decode_definition
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.records import Domain as DomainRecord

if TYPE_CHECKING:
    from pathlib import Path


class Inheritance(Struct, frozen=True):
    """What is taken over; nothing, where there was no life before."""

    domains: tuple[Domain, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Names of domains whose definitions this version cannot read."""
    source: str = ""
    """The file that they come from."""
    generation: int = 0
    """The last one of that file."""


def previous_path(path: Path) -> Path:
    """Return where the journal of the life before is kept."""
    return path.with_name(path.name + ".previous")


def read_inheritance(path: Path) -> Inheritance:
    """Return what a journal leaves, without changing it.

    Raises JournalError where another process has it, or it is no journal. One that was begun and
    holds nothing yet leaves what the one before it does.
    """
    if not path.exists():
        return Inheritance()
    found = _read(path)
    before = previous_path(path)
    if found.generation == 0 and before.exists():
        return _read(before)
    return found


def begin_journal(path: Path, inheritance: Inheritance) -> FileJournal:
    """Return a new journal in a file; that of an earlier life is kept beside it.

    Raises JournalError where another host has the file, UsageError where it is no longer what was
    inherited.
    """
    old = FileJournal.open(path)
    if old.base is None:
        return old
    try:
        if old.last and inheritance.source and old.last != inheritance.generation:
            raise UsageError(f"{path}: another host has used it meanwhile", "try again")
        _set_aside(path, keep=old.last > 0)
    except OSError as failure:
        message = f"{path}: cannot be set aside: {failure.strerror}"
        raise OutputError(message, "name a file in a folder where you may write") from None
    finally:
        old.close()
    return FileJournal.open(path)


def _read(path: Path) -> Inheritance:
    journal = FileJournal.open(path, read_only=True)
    try:
        if journal.base is None:
            return Inheritance()
        rows = ResourceDatabase.open(journal).records(DomainRecord)
        generation = journal.last
    finally:
        journal.close()
    domains, unreadable = [], []
    for row in rows:
        try:
            domains.append(decode_definition(row.definition))
        except msgspec.DecodeError:
            unreadable.append(row.name)
    return Inheritance(tuple(domains), tuple(unreadable), str(path), generation)


def _set_aside(path: Path, *, keep: bool) -> None:
    """Put an empty file in a journal's place; `keep` it under another name before that."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    if keep:
        new.hardlink_to(path)
        new.replace(previous_path(path))
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.close(descriptor)
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
