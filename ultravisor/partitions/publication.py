# SPDX-License-Identifier: GPL-2.0-or-later
"""Commits on their way to the monitors: published together, acknowledged later.

Owns which generation of the view a commit is in, and how long its answer has to wait. Called by the
ultravisor program, once a turn; what rows there are is view_rows' affair.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from ultravisor.partitions.view_rows import ViewRows
from ultravisor.resources.changes import Change
from ultravisor.resources.records import (
    Channel,
    ChannelEnd,
    Device,
    Extent,
    Link,
    Partition,
    Record,
    Slot,
    VirtualProcessor,
)
from ultravisor.resources.tables import TABLE_OF

if TYPE_CHECKING:
    from ultravisor.partitions.view_records import Views
    from ultravisor.resources.changes import Commit
    from ultravisor.resources.database import ResourceDatabase

_SHOWN: Final[tuple[type[Record], ...]] = (
    Partition,
    Extent,
    VirtualProcessor,
    Slot,
    Channel,
    ChannelEnd,
    Link,
    Device,
)
_TAKES_FRAMES: Final = ("extent", "channel")


class Publisher:
    """The ultravisor's end of the views."""

    def __init__(self, views: Views) -> None:
        """Take the way to the monitors; `rebuild` comes first."""
        self.rows = ViewRows()
        self.generation = 0
        """Of the view, as last published."""
        self._views = views
        self._pending: list[Commit] = []
        self._revoked = 0

    def rebuild(self, database: ResourceDatabase, saved: tuple[int, int] | None = None) -> None:
        """Publish all that the database says: the first thing after a start or restart.

        With what `save` returned, know it without publishing: the view is in force already.
        """
        changes = [
            Change(table.name, table.key_of(record), None, record)
            for table in (TABLE_OF[kind] for kind in _SHOWN)
            for record in database.records(table.record)
        ]
        places = self._views.places()
        body = self._views.begin()
        self.rows.rebuild(changes, places, body)
        if saved is not None:
            # The view in force is the one of the snapshot: the candidate is dropped.
            self.generation, self._revoked = saved
            return
        self.generation = self._views.publish()
        # What the lost one revoked last may not have been acknowledged.
        self._revoked = self.generation

    def save(self) -> tuple[int, int]:
        """Return what must be known to go on: generations of the view."""
        return self.generation, self._revoked

    def add(self, commit: Commit) -> None:
        """Take a commit, to be published with the next."""
        self._pending.append(commit)

    @property
    def has_pending(self) -> bool:
        """Say whether something was taken that is not published."""
        return bool(self._pending)

    def publish(self) -> None:
        """Put all that was taken in force, as one generation of the view."""
        body = self._views.begin()
        # Together: what several commits changed is written once, as the last one left it.
        self.rows.patch(chain.from_iterable(row.changes for row in self._pending), body)
        revokes = self.rows.revokes or any(row.revokes for row in self._pending)
        self._pending.clear()
        if self.rows.row_count:
            self.generation = self._views.publish()
        if revokes:
            self._revoked = self.generation

    def acknowledged(self) -> int:
        """Return the generation up to which all processors have done their work."""
        return self._views.acknowledged()

    def wait_for(self, commit: Commit | None) -> int:
        """Return the generation that must be acknowledged before a commit is answered; 0: none.

        Asked after `publish`. What revokes waits, and so does what may have got the frames of an
        unfinished revocation; a commit that is not known any more (None: it was answered before a
        restart) waits as if it revoked.
        """
        if self._views.acknowledged() >= self._revoked:
            return 0
        unfinished = self._revoked
        if commit is None or commit.revokes:
            return unfinished
        takes = any(
            change.table in _TAKES_FRAMES and change.after is not None for change in commit.changes
        )
        leaves = any(isinstance(change.after, Partition) for change in commit.changes)
        return unfinished if takes or leaves else 0
