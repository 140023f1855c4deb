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
from ultravisor.partitions.media import PHYSICAL_BUS, device_type, medium_of, medium_of_channel
from ultravisor.resources.records import (
    FRAME_SIZE_BYTES,
    ChannelState,
    DeviceState,
    PartitionState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.partitions.path_gates import PathGates
    from ultravisor.partitions.record_mirror import RecordMirror
    from ultravisor.resources.records import Device

CLIENT: Final = 0
SERVER: Final = 1
# From which instances are made: the same channel, the same GUID.
_NAMESPACE: Final = uuid.UUID("0d3c95a4-7c0e-5b8f-8a51-64f2c1d7e9b3")


def instance_of(noun: str, name: int | str) -> uuid.UUID:
    """Return the GUID that names a channel or medium to a partition."""
    return uuid.uuid5(_NAMESPACE, f"{noun} {name}")


def is_control(type_guid: str) -> bool:
    """Say whether a channel is a partition's control channel."""
    return type_guid == str(TYPE_CONTROL)


def introductions_of(
    mirror: RecordMirror, number: int, reachable: Callable[[int], bool], gates: PathGates
) -> dict[tuple[int, int], Introduction]:
    """Return what a partition is to know, by bus and device; `reachable` says of which channels.

    The other end of a channel is away unless its partition runs; of media, `gates` says what may
    be said.
    """
    found = [
        row
        for channel in mirror.channels_of(number)
        if reachable(channel)
        and not is_leaving(mirror, channel)
        and (row := _of_channel(mirror, number, channel, gates)) is not None
    ]
    found += [
        _of_device(device, gates)
        for device in mirror.devices_of(number)
        if device.state is not DeviceState.REVOKED
    ]
    return {row.key: row for row in found}


def _of_device(device: Device, gates: PathGates) -> Introduction:
    return Introduction(
        device=device.id,
        type=device_type(device.kind),
        instance=instance_of("medium", medium_of(device.name)),
        address=device.guest_frame * FRAME_SIZE_BYTES,
        size_bytes=device.frame_count * FRAME_SIZE_BYTES,
        port=device.port,
        server=True,
        operating=gates.of_device(device),
        bus=PHYSICAL_BUS,
        told_apart=True,
    )


def is_leaving(mirror: RecordMirror, channel: int) -> bool:
    """Say whether the ends of a channel are to let go of it."""
    row = mirror.channel(channel)
    return row is not None and row.state is ChannelState.LEAVING


def leaving_of(mirror: RecordMirror, number: int) -> frozenset[tuple[int, int]]:
    """Return what a partition is to let go of, by bus and device."""
    channels = mirror.channels_of(number)
    return frozenset((BUS, channel) for channel in channels if is_leaving(mirror, channel))


def _of_channel(
    mirror: RecordMirror, number: int, channel: int, gates: PathGates
) -> Introduction | None:
    row, ends = mirror.channel(channel), mirror.ends(channel)
    if row is None or is_control(row.type_guid):
        return None
    side = CLIENT if ends[CLIENT].partition == number else SERVER
    medium = medium_of_channel(row)
    if medium:
        instance = instance_of("medium", medium)
        operating = gates.of_path(channel, is_server=side == SERVER)
    else:
        instance = instance_of("channel", channel)
        peer = mirror.partition(ends[1 - side].partition)
        operating = peer is not None and peer.state is PartitionState.RUNNING
    return Introduction(
        device=channel,
        type=uuid.UUID(row.type_guid),
        instance=instance,
        address=ends[side].guest_frame * FRAME_SIZE_BYTES,
        size_bytes=row.frame_count * FRAME_SIZE_BYTES,
        port=ends[side].port,
        server=side == SERVER,
        operating=operating,
        told_apart=bool(medium),
    )
