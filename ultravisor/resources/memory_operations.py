# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations on memory: frames come to a partition, and go.

Owns the table `extent`, in step with the tiered map. Called inside a commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.resources import tiered_map
from ultravisor.resources.errors import InvalidError, OwnershipError
from ultravisor.resources.lookups import require_partition
from ultravisor.resources.records import BlockState, Extent, FrameRange, Machine

if TYPE_CHECKING:
    from ultravisor.resources.store import Store

Run = tuple[int, int, int]
"""An extent as an answer has it: guest frame, machine frame, count of frames."""


def assign(
    store: Store,
    number: int,
    frame_count: int,
    guest_frame: int | None = None,
    machine_frame: int | None = None,
) -> tuple[Run, ...]:
    """Give a partition frames: the best fit, or those named; return its new extents.

    They lie one after another from `guest_frame`, or above what the partition has.
    """
    partition = require_partition(store, number)
    if frame_count <= 0:
        raise InvalidError(f"table extent, partition {number}: {frame_count} frames to assign")
    extents = store.select(Extent, "partition = ?", number)
    holder = (BlockState.OWNED, number)
    if machine_frame is not None:
        runs = [FrameRange(machine_frame, frame_count)]
        tiered_map.assign(store, runs[0], tiered_map.FREE, holder)
    else:
        machine = store.get(Machine, 1)
        assert machine is not None
        most = machine.partition_extent_limit
        runs = tiered_map.allocate(store, frame_count, holder, most)
    last = extents[-1] if extents else None
    place = guest_frame
    if place is None:
        place = last.guest_frame + last.frame_count if last else 0
    added = []
    for run in runs:
        added.append((place, run.machine_frame, run.frame_count))
        _extend(store, number, place, run)
        place += run.frame_count
    store.touch(partition)
    return tuple(added)


def _extend(store: Store, number: int, guest_frame: int, run: FrameRange) -> None:
    """Add a run of frames: to the extent that it continues, or as one of its own."""
    before = store.select(
        Extent,
        "partition = ? AND guest_frame < ? ORDER BY guest_frame DESC LIMIT 1",
        number,
        guest_frame,
    )
    for extent in before:
        if (extent.guest_frame + extent.frame_count, extent.machine_frame + extent.frame_count) == (
            guest_frame,
            run.machine_frame,
        ):
            store.update(extent, frame_count=extent.frame_count + run.frame_count)
            return
    if store.get(Extent, number, guest_frame) is not None:
        raise InvalidError(
            f"table extent, key ({number}, {guest_frame}): guest frame {guest_frame} is used",
            "guest-frames-once",
        )
    store.insert(Extent(number, guest_frame, run.machine_frame, run.frame_count, 0))


def release(store: Store, number: int, guest_frame: int, frame_count: int) -> None:
    """Take frames from a partition, by their guest-physical place; they must all be its own."""
    partition = require_partition(store, number)
    if frame_count <= 0:
        raise InvalidError(f"table extent, partition {number}: {frame_count} frames to release")
    end = guest_frame + frame_count
    found = 0
    for extent in store.select(
        Extent,
        "partition = ? AND guest_frame < ? AND guest_frame + frame_count > ?",
        number,
        end,
        guest_frame,
    ):
        first = max(guest_frame, extent.guest_frame)
        last = min(end, extent.guest_frame + extent.frame_count)
        _cut(store, extent, first, last)
        found += last - first
    if found != frame_count:
        raise OwnershipError(
            f"table extent, partition {number}: of guest frames {guest_frame} to {end} only "
            f"{found} are its own",
            "extent-on-own-blocks",
        )
    store.touch(partition)


def _cut(store: Store, extent: Extent, first: int, last: int) -> None:
    """Take guest frames [first, last) out of an extent."""
    offset = extent.machine_frame - extent.guest_frame
    end = extent.guest_frame + extent.frame_count
    if first > extent.guest_frame:
        store.update(extent, frame_count=first - extent.guest_frame)
    else:
        store.delete(extent)
    if last < end:
        store.insert(Extent(extent.partition, last, last + offset, end - last, 0))
    run = FrameRange(first + offset, last - first)
    tiered_map.assign(store, run, (BlockState.OWNED, extent.partition), tiered_map.FREE)


def release_all(store: Store, number: int) -> None:
    """Take everything from a partition that is being destroyed."""
    for extent in store.select(Extent, "partition = ?", number):
        _cut(store, extent, extent.guest_frame, extent.guest_frame + extent.frame_count)
