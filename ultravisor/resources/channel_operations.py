# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations on channels and on event links: what connects two partitions.

Owns the tables `channel`, `channel_end` and `link`. Called inside a commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ultravisor.resources import tiered_map
from ultravisor.resources.errors import InvalidError, LimitError
from ultravisor.resources.lookups import require, require_partition, require_step
from ultravisor.resources.records import (
    REACHABLE,
    BlockState,
    Channel,
    ChannelEnd,
    ChannelState,
    FrameRange,
    Link,
    Machine,
    VirtualProcessor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.resources.records import Partition
    from ultravisor.resources.store import Store


class EndPlan(msgspec.Struct, frozen=True):
    """An end that is wanted; the first of two is the client's, the second the server's."""

    partition: int
    guest_frame: int
    port: int
    writable: bool = True


def plan(  # noqa: PLR0913 - each is a column
    store: Store,
    id: int,
    type_guid: str,
    frame_count: int,
    ends: Sequence[EndPlan],
    policy: str = "",
    machine_frame: int | None = None,
) -> int:
    """Make a channel of fresh frames, the best fit or those named; it is in no view before mapped.

    Without a policy both ends must be of the same zone, which becomes the channel's.
    """
    if len(ends) != 2:
        raise InvalidError(
            f"table channel, key {id}: {len(ends)} ends, it takes exactly two",
            "channel-has-two-ends",
        )
    if frame_count <= 0:
        raise InvalidError(f"table channel, key {id}: {frame_count} frames")
    partitions = [require_partition(store, end.partition) for end in ends]
    machine = store.get(Machine, 1)
    assert machine is not None
    store.update(machine, next_channel=max(machine.next_channel, id + 1))
    holder = (BlockState.CHANNEL, id)
    if machine_frame is not None:
        run = FrameRange(machine_frame, frame_count)
        tiered_map.assign(store, run, tiered_map.FREE, holder)
    else:
        (run,) = tiered_map.allocate(store, frame_count, holder, 1)
    zone = partitions[0].zone if not policy else None
    store.insert(
        Channel(
            id, type_guid, zone, policy, ChannelState.PLANNED, run.machine_frame, frame_count, 0
        )
    )
    for side, end in enumerate(ends):
        _insert_end(store, id, side, end)
    for partition in partitions:
        store.touch(partition)
    return id


def _insert_end(store: Store, id: int, side: int, end: EndPlan) -> None:
    where = f"table channel_end, key ({id}, {side})"
    same = "SELECT channel FROM channel_end WHERE partition = ? AND {} = ?"
    for column, value in (("port", end.port), ("guest_frame", end.guest_frame)):
        other = store.value(same.format(column), end.partition, value)
        # Port 0 is none: an end that polls, of which a partition may have many.
        if other is not None and (column, value) != ("port", 0):
            raise InvalidError(
                f"{where}: {column} {value} of partition {end.partition} is channel {other}'s",
                f"{column}-once",
            )
    store.insert(ChannelEnd(id, side, end.partition, end.guest_frame, end.port, end.writable, 0))


def set_state(store: Store, id: int, state: str) -> None:
    """Move a channel on; `unmap` is what ends its life."""
    channel = require(store, Channel, id)
    if state == ChannelState.UNMAPPED:
        unmap(store, id)
        return
    require_step(channel, state)
    store.update(channel, state=ChannelState(state))
    _touch_ends(store, id)


def unmap(store: Store, id: int) -> None:
    """End a channel's life: out of the views, its frames free, its record gone."""
    channel = require(store, Channel, id)
    if channel.state in REACHABLE:
        channel = store.update(channel, state=ChannelState.REVOKED)
    require_step(channel, ChannelState.UNMAPPED)
    _touch_ends(store, id)
    for end in store.select(ChannelEnd, "channel = ?", id):
        store.delete(end)
    store.delete(channel)
    run = FrameRange(channel.machine_frame, channel.frame_count)
    tiered_map.assign(store, run, (BlockState.CHANNEL, id), tiered_map.FREE)


def _touch_ends(store: Store, id: int) -> list[Partition]:
    return [
        store.touch(require_partition(store, end.partition))
        for end in store.select(ChannelEnd, "channel = ?", id)
    ]


def unmap_all(store: Store, number: int) -> None:
    """End all channels of a partition that is being destroyed."""
    for end in store.select(ChannelEnd, "partition = ?", number):
        unmap(store, end.channel)


def set_link(
    store: Store, number: int, port: int, target: int, target_port: int, target_processor: int = 0
) -> None:
    """Let events sent on a port arrive at a virtual processor of another partition."""
    partition, other = require_partition(store, number), require_partition(store, target)
    require(store, VirtualProcessor, target, target_processor)
    if port < 0 or target_port < 0:
        raise LimitError(f"table link, key ({number}, {port}): ports begin at 0", "port-limit")
    present = store.get(Link, number, port)
    wanted = Link(number, port, target, target_port, target_processor, 0)
    if present is None:
        store.insert(wanted)
    else:
        columns = msgspec.structs.asdict(wanted)
        del columns["version"]
        store.update(present, **columns)
    store.touch(partition)
    if target != number:
        store.touch(other)


def drop_link(store: Store, number: int, port: int) -> None:
    """Let a port lead nowhere."""
    partition = require_partition(store, number)
    store.delete(require(store, Link, number, port))
    store.touch(partition)


def drop_links(store: Store, number: int) -> None:
    """Drop all links from and to a partition that is being destroyed."""
    for link in store.select(Link, "partition = ?1 OR target_partition = ?1", number):
        store.delete(link)
        if link.partition != number:
            store.touch(require_partition(store, link.partition))
