# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host consists of, gathered from one state of its resource database.

Owns the data that `ultravisor topology` draws; knows nothing of pictures. The order of everything
is that of the keys, so that one state gives one result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from ultravisor.channels.statistics import type_name
from ultravisor.machine.abi import GUID_CONTROL
from ultravisor.partitions.media import medium_of, medium_of_channel
from ultravisor.resources.records import (
    Block,
    BlockState,
    Channel,
    ChannelEnd,
    Device,
    DeviceState,
    Extent,
    Machine,
    Partition,
    PartitionKind,
    Processor,
    Slot,
    VirtualProcessor,
    Zone,
)

if TYPE_CHECKING:
    from ultravisor.resources.queries import Queries

FRAME_KIB = 4


def gather(state: Queries, host: str) -> dict[str, Any]:
    """Return a host as data: sizes in KiB, quanta in cycles."""
    machine = state.get(Machine, 1)
    return {
        "host": host,
        "generation": state.generation,
        "memory_kib": machine.frame_count * FRAME_KIB,
        "memory": _memory(state, machine.frame_count),
        "processors": [_processor(state, found) for found in state.records(Processor)],
        "zones": [zone.name for zone in state.records(Zone)],
        "partitions": [_partition(state, found) for found in state.records(Partition)],
        "channels": [_channel(state, found) for found in state.records(Channel)],
        "devices": [_device(found) for found in state.records(Device)],
    }


def _memory(state: Queries, frame_count: int) -> list[dict[str, Any]]:
    """Return who has how much of the machine's memory; what no block says is free."""
    owned: dict[tuple[str, int | None], int] = {}
    for block in state.records(Block):
        if block.state in (BlockState.SPLIT, BlockState.FREE):
            continue
        partition = block.owner if block.state is BlockState.OWNED else None
        key = (block.state.value, partition)
        owned[key] = owned.get(key, 0) + block.frame_count
    rows = [
        {"use": use, "partition": partition, "size_kib": frames * FRAME_KIB}
        for (use, partition), frames in sorted(
            owned.items(), key=lambda item: (item[0][1] is None, item[0][1] or 0, item[0][0])
        )
    ]
    free = frame_count - sum(owned.values())
    return [*rows, {"use": "free", "partition": None, "size_kib": free * FRAME_KIB}]


def _processor(state: Queries, processor: Processor) -> dict[str, Any]:
    slots = state.records_of(Slot, processor.number)
    return {
        "number": processor.number,
        "slots": [
            {
                "partition": slot.partition,
                "virtual_processor": slot.index,
                "quantum_cycles": slot.quantum_cycles,
                "donates": slot.donates,
            }
            for slot in slots
        ],
    }


def group_of(partition: Partition) -> str:
    """Return the heading that a partition stands under."""
    if partition.kind in (PartitionKind.HOSTED, PartitionKind.IDLE):
        return "infrastructure"
    if partition.kind is PartitionKind.IO:
        return "I/O"
    return f"zone {partition.zone}" if partition.zone else "no zone"


def _partition(state: Queries, partition: Partition) -> dict[str, Any]:
    extents = state.records_of(Extent, partition.number)
    return {
        "number": partition.number,
        "name": partition.name,
        "group": group_of(partition),
        "kind": partition.kind.value,
        "state": partition.state.value,
        "zone": partition.zone,
        "width": partition.width,
        "memory_kib": sum(extent.frame_count for extent in extents) * FRAME_KIB,
        "virtual_processors": [
            {"index": found.index, "processor": found.processor, "state": found.state.value}
            for found in state.records_of(VirtualProcessor, partition.number)
        ],
    }


def _channel(state: Queries, channel: Channel) -> dict[str, Any]:
    ends = {end.side: end.partition for end in state.records_of(ChannelEnd, channel.id)}
    type_guid = UUID(channel.type_guid)
    return {
        "id": channel.id,
        "client": ends.get(0),
        "server": ends.get(1),
        "type": type_name(type_guid),
        "policy": channel.policy,
        "control": type_guid == GUID_CONTROL,
        "state": channel.state.value,
        "stands_by": _stands_by(state, medium_of_channel(channel), ends.get(1)),
        "size_kib": channel.frame_count * FRAME_KIB,
    }


def _stands_by(state: Queries, medium: str, server: int | None) -> bool:
    """Say whether a channel is a path that does not operate: the medium's port at its server."""
    if not medium:
        return False
    ports = (row for row in state.records(Device) if medium_of(row.name) == medium)
    return all(row.state is not DeviceState.OPERATING for row in ports if row.owner == server)


def _device(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "kind": device.kind,
        "name": device.name,
        "medium": medium_of(device.name),
        "owner": device.owner,
        "guest_frame": device.guest_frame,
        "port": device.port,
        "state": device.state.value,
    }
