# SPDX-License-Identifier: GPL-2.0-or-later
"""What quotas count: kept up with every commit, so that no commit counts rows.

Owns which record counts for which resource, and for whom. `invariants.py` has the query
that counts anew, for the check over everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.resources.records import (
    Channel,
    ChannelEnd,
    Extent,
    Link,
    Partition,
    PartitionState,
    Quota,
    Record,
    VirtualProcessor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.resources.changes import Change
    from ultravisor.resources.store import Store

COUNTED_TABLES = frozenset(
    ("partition", "extent", "virtual_processor", "link", "channel", "channel_end")
)

Subject = tuple[str, str, str]
"""Scope, subject and resource: the key of a quota."""


def count_changes(store: Store, changes: Sequence[Change]) -> bool:
    """Add what changed to the quotas that there are; say whether any counter changed."""
    sums: dict[Subject, int] = {}
    zones = (_Zones(store), _Zones(store))
    for change in changes:
        for side, record in enumerate((change.before, change.after)):
            if isinstance(record, Partition):
                zones[side][record.number] = record.zone
    for change in changes:
        if change.table in COUNTED_TABLES and not _lives_on(change):
            for side, record in enumerate((change.before, change.after)):
                if record is not None:
                    _add(sums, zones[side], record, 1 if side else -1)
    counted = False
    for subject, amount in sums.items():
        quota = store.get(Quota, *subject) if amount else None
        if quota is not None:
            store.recount(quota, quota.used + amount)
            counted = True
    return counted


class _Zones(dict[int, "str | None"]):
    """The zone of each partition before or after a transaction; most do not change theirs."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def __missing__(self, number: int) -> str | None:
        partition = self._store.get(Partition, number)
        self[number] = None if partition is None else partition.zone
        return self[number]


def _lives_on(change: Change) -> bool:
    """Say whether it is a partition that was there before and is there after, in the same zone."""
    before, after = change.before, change.after
    return (
        isinstance(before, Partition)
        and isinstance(after, Partition)
        and (before.state is PartitionState.DESTROYED) == (after.state is PartitionState.DESTROYED)
        and before.zone == after.zone
    )


def _add(sums: dict[Subject, int], zones: _Zones, record: Record, sign: int) -> None:
    """Add one record to the sums of all whose quota it may count for."""
    if isinstance(record, Partition):
        if record.state is not PartitionState.DESTROYED:
            _sum(sums, "partitions", sign, None, record.zone)
    elif isinstance(record, Channel):
        _sum(sums, "channels", sign, None, record.zone)
        _sum(sums, "channel_frames", sign * record.frame_count, None, record.zone)
    elif isinstance(record, ChannelEnd):
        subject = ("partition", str(record.partition), "channels")
        sums[subject] = sums.get(subject, 0) + sign
    elif isinstance(record, Extent | VirtualProcessor | Link):
        number = record.partition
        if isinstance(record, Extent):
            _sum(sums, "frames", sign * record.frame_count, number, zones[number])
        _sum(sums, _RESOURCES[type(record)], sign, number, zones[number])


_RESOURCES = {Extent: "extents", VirtualProcessor: "virtual_processors", Link: "links"}


def _sum(
    sums: dict[Subject, int], resource: str, amount: int, number: int | None, zone: str | None
) -> None:
    subjects: list[Subject] = [("machine", "", resource)]
    if zone is not None:
        subjects.append(("zone", zone, resource))
    if number is not None:
        subjects.append(("partition", str(number), resource))
    for subject in subjects:
        sums[subject] = sums.get(subject, 0) + amount
