# SPDX-License-Identifier: GPL-2.0-or-later
"""What a commit did, as typed records: for the views, for watches and for the log.

Owns the two records only; `transaction.py` and `history.py` make them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ultravisor.resources.records import (
    REACHABLE,
    Channel,
    Device,
    DeviceState,
    Extent,
    Partition,
    PartitionState,
    Record,
)


class Change(msgspec.Struct, frozen=True):
    """One record that a commit inserted, updated or deleted."""

    table: str
    key: tuple[int | str, ...]
    before: Record | None
    """None where the commit inserted it."""
    after: Record | None
    """None where the commit deleted it."""


class Commit(msgspec.Struct, frozen=True):
    """An acknowledged transaction."""

    generation: int
    values: tuple[Any, ...]
    """What each operation answered, in their order: numbers, ids, extents, or None."""
    changes: tuple[Change, ...]
    """In the order they were made; empty in a repeated answer."""
    revokes: bool
    """Something left a view: frames, a channel, a partition, a device or its leave to act. All
    processors must acknowledge before what was revoked is handed on."""
    repeated: bool = False
    """The request had been committed before: this is its stored answer."""


def revokes(changes: tuple[Change, ...]) -> bool:
    """Say whether something that a view shows is gone: frames, a channel, a partition, a device."""
    return any(
        _revokes(row.before, row.after) for row in changes if row.table in _TABLES_THAT_REVOKE
    )


_TABLES_THAT_REVOKE = ("extent", "channel", "partition", "device")


def _revokes(before: Record | None, after: Record | None) -> bool:
    if isinstance(before, Extent):
        return not isinstance(after, Extent) or after.frame_count < before.frame_count
    if isinstance(before, Channel):
        after_state = after.state if isinstance(after, Channel) else None
        return before.state in REACHABLE and after_state not in REACHABLE
    if isinstance(before, Device):
        if not isinstance(after, Device):
            return before.owner is not None
        operated, operates = (row.state is DeviceState.OPERATING for row in (before, after))
        return before.owner not in {None, after.owner} or (operated and not operates)
    if isinstance(after, Partition):
        return before is not None and after.state is PartitionState.DESTROYED
    return False
