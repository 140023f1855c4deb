# SPDX-License-Identifier: GPL-2.0-or-later
"""What a living host says of its partitions: one row for a list, one record for a person.

Owns the step from the database's records and the machine's counters to both. Reads, and never
writes; the database is the ultravisor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ultravisor.errors import NotFoundError, UsageError
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.interface import PartitionState as MachineState
from ultravisor.machine.traps import trap_name
from ultravisor.resources.records import (
    FRAME_SIZE_BYTES,
    Channel,
    ChannelEnd,
    Device,
    Extent,
    Partition,
    PartitionKind,
    PartitionState,
    Slot,
    VirtualProcessor,
)

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import PartitionStatistics
    from ultravisor.resources.database import ResourceDatabase


class PartitionRow(Struct, frozen=True):
    """A partition in a list."""

    number: int
    name: str
    kind: str
    width: int
    state: str
    """As the database has it; `transitions` of the database says what may follow."""
    incarnation: int
    processors: tuple[int, ...]
    memory_size_bytes: int
    work: int
    """Guest cycles of the machine's timing model since its last start."""
    reason: str | None
    """Why it has ended."""


class PartitionDetails(Struct, frozen=True):
    """All that is known of a partition."""

    row: PartitionRow
    domain: str | None
    zone: str | None
    image: str
    command_line: str
    descriptor: str | None
    """The place of its descriptor in the tiered map, [G,M,K]."""
    extents: tuple[dict[str, Any], ...]
    slots: tuple[dict[str, Any], ...]
    channels: tuple[dict[str, Any], ...]
    devices: tuple[dict[str, Any], ...]
    hypercalls: dict[str, int]
    traps: dict[str, int]
    events_sent: int
    events_delivered: int
    version: int
    """The generation in which its record last changed."""


def partition_rows(database: ResourceDatabase, machine: Machine) -> tuple[PartitionRow, ...]:
    """Return a row for each partition that is not destroyed, by number."""
    return tuple(
        _row(database, machine, partition)
        for partition in database.records(Partition)
        if partition.state is not PartitionState.DESTROYED
    )


def find_partition(database: ResourceDatabase, name: str) -> Partition:
    """Return the partition of a name; raise NotFoundError."""
    found = [row for row in database.records(Partition) if row.name == name]
    living = [row for row in found if row.state is not PartitionState.DESTROYED]
    if not living:
        names = ", ".join(
            row.name
            for row in database.records(Partition)
            if row.state is not PartitionState.DESTROYED
        )
        raise NotFoundError(f"no partition is named `{name}`", f"there are {names}")
    return living[0]


def require_reader(machine: Machine, partition: Partition) -> None:
    """Refuse a partition that input would never reach: it would be dropped; raise UsageError."""
    name = partition.name
    if partition.state not in (PartitionState.RUNNING, PartitionState.PAUSED):
        message = f"`{name}` is {partition.state}: nobody reads what is typed"
        raise UsageError(message, f"ultravisor start {name}")
    if is_beginning(machine, partition):
        message = f"`{name}` has not begun: nobody reads what is typed yet"
        raise UsageError(message, "ask again in a moment")
    statistics = _statistics(machine, partition)
    if statistics is not None and statistics.state == MachineState.STOPPED:
        raise UsageError(f"`{name}` has just ended: nobody reads what is typed")


def is_beginning(machine: Machine, partition: Partition) -> bool:
    """Say whether a partition is to run, and the machine has not come to it."""
    running = partition.state is PartitionState.RUNNING
    return running and _statistics(machine, partition) is None


def partition_details(database: ResourceDatabase, machine: Machine, name: str) -> PartitionDetails:
    """Return all that is known of a partition; raise NotFoundError."""
    partition = find_partition(database, name)
    number = partition.number
    statistics = _statistics(machine, partition)
    ends = [row for row in database.records(ChannelEnd) if row.partition == number]
    return PartitionDetails(
        row=_row(database, machine, partition),
        domain=partition.domain,
        zone=partition.zone,
        image=partition.image,
        command_line=partition.command_line,
        descriptor=None if partition.descriptor is None else str(partition.descriptor),
        extents=_plain(database.records_of(Extent, number)),
        slots=_plain(row for row in database.records(Slot) if row.partition == number),
        channels=tuple(_channel(database, end) for end in ends),
        devices=_plain(row for row in database.records(Device) if row.owner == number),
        hypercalls={
            Hypercall(call).name.lower(): count
            for call, count in (statistics.hypercalls if statistics else {}).items()
        },
        traps={
            trap_name(vector): count
            for vector, count in (statistics.traps if statistics else {}).items()
        },
        events_sent=statistics.events_sent if statistics else 0,
        events_delivered=statistics.events_delivered if statistics else 0,
        version=partition.version,
    )


def _row(database: ResourceDatabase, machine: Machine, partition: Partition) -> PartitionRow:
    number = partition.number
    statistics = _statistics(machine, partition)
    extents = database.records_of(Extent, number)
    return PartitionRow(
        number=number,
        name=partition.name,
        kind=str(partition.kind),
        width=partition.width,
        state=str(partition.state),
        incarnation=partition.incarnation,
        processors=tuple(row.processor for row in database.records_of(VirtualProcessor, number)),
        memory_size_bytes=sum(row.frame_count for row in extents) * FRAME_SIZE_BYTES,
        work=statistics.work if statistics else 0,
        reason=partition.reason or None,
    )


def _statistics(machine: Machine, partition: Partition) -> PartitionStatistics | None:
    """Return the machine's counters; None where the machine does not run the partition."""
    if partition.kind is PartitionKind.IDLE or not partition.layout:
        return None
    statistics = machine.partition_statistics(partition.number)
    return None if statistics.state == MachineState.ABSENT else statistics


def _plain(records: Any) -> tuple[dict[str, Any], ...]:
    """Return records as JSON has them."""
    return tuple(msgspec.to_builtins(row) for row in records)


def _channel(database: ResourceDatabase, end: ChannelEnd) -> dict[str, Any]:
    channel = database.get(Channel, end.channel)
    others = [row for row in database.records_of(ChannelEnd, end.channel) if row.side != end.side]
    return {
        "id": end.channel,
        "state": str(channel.state),
        "type_guid": channel.type_guid,
        "side": end.side,
        "guest_frame": end.guest_frame,
        "frame_count": channel.frame_count,
        "port": end.port,
        "peer": others[0].partition if others else None,
    }
