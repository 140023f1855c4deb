# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking at the memory channels of a living host, without disturbing them.

Owns the rows of `chan ls`, and the way to a channel's frames. What is in a channel was written
by its ends: it is shown, and nothing is decided by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from msgspec import Struct

from ultravisor.channels.statistics import ChannelStatistics, read_statistics, type_name
from ultravisor.channels.tap import ChannelTap
from ultravisor.errors import NotFoundError, UsageError
from ultravisor.resources.records import (
    FRAME_SIZE_BYTES,
    REACHABLE,
    Channel,
    ChannelEnd,
    Partition,
)

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine
    from ultravisor.resources.database import ResourceDatabase


class EndRow(Struct, frozen=True):
    """One end of a channel."""

    side: str
    """`client` or `server`."""
    partition: str
    guest_address: int
    port: int


class ChannelRow(Struct, frozen=True):
    """A channel in a list."""

    id: int
    type: str
    state: str
    zone: str | None
    size_bytes: int
    ends: tuple[EndRow, ...]


class ChannelMemory:
    """A channel's frames, read where they lie."""

    def __init__(self, machine: Machine, channel: Channel) -> None:
        self._machine = machine
        self._address = channel.machine_frame * FRAME_SIZE_BYTES
        self.size_bytes = channel.frame_count * FRAME_SIZE_BYTES

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Read; a place outside is nobody's, whatever a header says."""
        if not 0 <= offset <= self.size_bytes - size_bytes:
            raise UsageError(f"{size_bytes} bytes at {offset:#x} are not in the channel")
        return self._machine.memory_read(self._address + offset, size_bytes)

    def write(self, offset: int, data: bytes) -> NoReturn:
        """Refuse: who looks does not write."""
        raise AssertionError(f"{len(data)} bytes would be written at {offset:#x}")


def channel_rows(database: ResourceDatabase) -> tuple[ChannelRow, ...]:
    """Return a row for each channel, by id."""
    names = {row.number: row.name for row in database.records(Partition)}
    return tuple(_row(database, names, channel) for channel in database.records(Channel))


def channel_statistics(
    database: ResourceDatabase, machine: Machine, number: int
) -> ChannelStatistics:
    """Return what a channel says of itself; raise NotFoundError."""
    memory = _memory(database, machine, number)
    return read_statistics(memory, memory.size_bytes)


def channel_tap(database: ResourceDatabase, machine: Machine, number: int) -> ChannelTap:
    """Return a tap that begins with what the slots still hold; raise NotFoundError."""
    memory = _memory(database, machine, number)
    return ChannelTap(memory, memory.size_bytes, behind=True)


def require_channel(database: ResourceDatabase, number: int) -> Channel:
    """Return a channel whose frames are its own; raise NotFoundError."""
    channel = database.find(Channel, number)
    if channel is None or channel.state not in REACHABLE:
        raise NotFoundError(f"there is no channel {number}", "`ultravisor chan ls` lists them")
    return channel


def _memory(database: ResourceDatabase, machine: Machine, number: int) -> ChannelMemory:
    return ChannelMemory(machine, require_channel(database, number))


def _row(database: ResourceDatabase, names: dict[int, str], channel: Channel) -> ChannelRow:
    ends = sorted(database.records_of(ChannelEnd, channel.id), key=lambda end: end.side)
    return ChannelRow(
        id=channel.id,
        type=type_name(UUID(channel.type_guid)),
        state=str(channel.state),
        zone=channel.zone,
        size_bytes=channel.frame_count * FRAME_SIZE_BYTES,
        ends=tuple(
            EndRow(
                side=("client", "server")[end.side],
                partition=names.get(end.partition, str(end.partition)),
                guest_address=end.guest_frame * FRAME_SIZE_BYTES,
                port=end.port,
            )
            for end in ends
        ),
    )
