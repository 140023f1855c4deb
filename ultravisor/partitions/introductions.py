# SPDX-License-Identifier: GPL-2.0-or-later
"""What each partition is to know of its channels and devices.

Owns the step from records to introductions. Called by the ultravisor program after a publication;
the desks say it to the partitions.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from ultravisor.partitions.channel_types import TYPE_CONTROL
from ultravisor.partitions.control_desk import BUS, Introduction
from ultravisor.resources.records import (
    FRAME_SIZE_BYTES,
    ChannelState,
    DeviceState,
    PartitionState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.partitions.record_mirror import RecordMirror

CLIENT: Final = 0
SERVER: Final = 1
# From which instances are made: the same channel, the same GUID.
_NAMESPACE: Final = uuid.UUID("0d3c95a4-7c0e-5b8f-8a51-64f2c1d7e9b3")


def instance_of(noun: str, number: int) -> uuid.UUID:
    """Return the GUID that names a channel or device to a partition."""
    return uuid.uuid5(_NAMESPACE, f"{noun} {number}")


def is_control(type_guid: str) -> bool:
    """Say whether a channel is a partition's control channel."""
    return type_guid == str(TYPE_CONTROL)


def introductions_of(
    mirror: RecordMirror, number: int, reachable: Callable[[int], bool]
) -> dict[tuple[int, int], Introduction]:
    """Return what a partition is to know, by bus and device; `reachable` says of which channels.

    The other end of a channel is away unless its partition runs.
    """
    found = [
        row
        for channel in mirror.channels_of(number)
        if reachable(channel)
        and not is_leaving(mirror, channel)
        and (row := _of_channel(mirror, number, channel)) is not None
    ]
    found += [
        Introduction(
            device=device.id,
            type=uuid.UUID(int=0),
            instance=instance_of("device", device.id),
            address=0,
            size_bytes=0,
            port=0,
            server=False,
        )
        for device in mirror.devices_of(number)
        if device.state is not DeviceState.REVOKED
    ]
    return {row.key: row for row in found}


def is_leaving(mirror: RecordMirror, channel: int) -> bool:
    """Say whether the ends of a channel are to let go of it."""
    row = mirror.channel(channel)
    return row is not None and row.state is ChannelState.LEAVING


def leaving_of(mirror: RecordMirror, number: int) -> frozenset[tuple[int, int]]:
    """Return what a partition is to let go of, by bus and device."""
    channels = mirror.channels_of(number)
    return frozenset((BUS, channel) for channel in channels if is_leaving(mirror, channel))


def _of_channel(mirror: RecordMirror, number: int, channel: int) -> Introduction | None:
    row, ends = mirror.channel(channel), mirror.ends(channel)
    if row is None or is_control(row.type_guid):
        return None
    side = CLIENT if ends[CLIENT].partition == number else SERVER
    peer = mirror.partition(ends[1 - side].partition)
    return Introduction(
        device=channel,
        type=uuid.UUID(row.type_guid),
        instance=instance_of("channel", channel),
        address=ends[side].guest_frame * FRAME_SIZE_BYTES,
        size_bytes=row.frame_count * FRAME_SIZE_BYTES,
        port=ends[side].port,
        server=side == SERVER,
        operating=peer is not None and peer.state is PartitionState.RUNNING,
    )
