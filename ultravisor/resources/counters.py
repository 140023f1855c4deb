# SPDX-License-Identifier: GPL-2.0-or-later
"""What quotas count: kept up with every commit, so that no commit counts rows.

Owns which record counts for which resource, and for whom. `invariants.py` has the query
that counts anew, for the check over everything.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

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
    from collections.abc import Callable, Sequence

    from ultravisor.resources.changes import Change
    from ultravisor.resources.store import Store

Subject = tuple[str, str, str]
"""Scope, subject and resource: the key of a quota."""


def count_changes(store: Store, changes: Sequence[Change]) -> bool:
    """Add what changed to the quotas that there are; say whether any counter changed."""
    counting = [row for row in changes if row.table in _COUNTS_BY]
    moved = [row for row in counting if row.table == "partition" and not _stays(row)]
    if not moved:
        # What stays as it is counts as before, unless the zone of its partition is another.
        counting = [row for row in counting if not _stays(row)]
    if not counting:
        return False
    counted = False
    for subject, amount in _sums(store, counting, moved).items():
        quota = store.get(Quota, *subject) if amount else None
        if quota is not None:
            store.recount(quota, quota.used + amount)
            counted = True
    return counted


def _sums(store: Store, counting: Sequence[Change], moved: Sequence[Change]) -> dict[Subject, int]:
    """Return by how much each counter changes; `moved` are partitions that change their zone."""
    sums: dict[Subject, int] = {}
    zones = (_Zones(store), _Zones(store))
    for change in moved:
        for side, record in enumerate((change.before, change.after)):
            if isinstance(record, Partition):
                zones[side][record.number] = record.zone
    for change in counting:
        for side, record in enumerate((change.before, change.after)):
            if record is not None:
                _add(sums, zones[side], record, 1 if side else -1)
    return sums


class _Zones(dict[int, "str | None"]):
    """The zone of each partition before or after a transaction; most do not change theirs."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def __missing__(self, number: int) -> str | None:
        partition = self._store.get(Partition, number)
        self[number] = None if partition is None else partition.zone
        return self[number]


def _stays(change: Change) -> bool:
    """Say whether a record was there before and is there after, and counts for the same."""
    before, after = change.before, change.after
    return (
        before is not None
        and after is not None
        and _COUNTS_BY[change.table](before) == _COUNTS_BY[change.table](after)
    )


# What a record's part in the counters depends on, beside its partition's zone.
_COUNTS_BY: Final[dict[str, Callable[[Any], Any]]] = {
    "partition": lambda row: (row.state is PartitionState.DESTROYED, row.zone),
    "extent": attrgetter("partition", "frame_count"),
    "virtual_processor": attrgetter("partition"),
    "link": attrgetter("partition"),
    "channel": attrgetter("zone", "frame_count"),
    "channel_end": attrgetter("partition"),
}


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
