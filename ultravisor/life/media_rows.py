# SPDX-License-Identifier: GPL-2.0-or-later
"""What a living host says of its media: a row for each port.

Owns the step from the database's records to that. Reads, and never writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.partitions.media import medium_of, medium_of_channel, ports_by_medium
from ultravisor.resources.records import Channel, ChannelEnd, Device, Partition

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase


class PortRow(Struct, frozen=True):
    """A port of a medium."""

    medium: str
    port: str
    """The device's name."""
    kind: str
    state: str
    """As the database has it; one port of a medium at most is `operating`."""
    partition: str | None
    """Who owns it."""
    client: str | None
    """Who reaches it over a channel."""
    channel: int | None
    channel_state: str | None


def port_rows(database: ResourceDatabase) -> tuple[PortRow, ...]:
    """Return a row for each port, by medium and id."""
    names = {row.number: row.name for row in database.records(Partition)}
    paths: dict[tuple[str, int], tuple[Channel, int]] = {}
    for channel in database.records(Channel):
        medium = medium_of_channel(channel)
        if medium:
            client, server = database.records_of(ChannelEnd, channel.id)
            paths[medium, server.partition] = (channel, client.partition)
    ports = ports_by_medium(database.records(Device))
    return tuple(_row(port, names, paths) for rows in ports.values() for port in rows)


def _row(
    port: Device, names: dict[int, str], paths: dict[tuple[str, int], tuple[Channel, int]]
) -> PortRow:
    medium = medium_of(port.name)
    path = None if port.owner is None else paths.get((medium, port.owner))
    return PortRow(
        medium=medium,
        port=port.name,
        kind=port.kind,
        state=str(port.state),
        partition=None if port.owner is None else names[port.owner],
        client=None if path is None else names[path[1]],
        channel=None if path is None else path[0].id,
        channel_state=None if path is None else str(path[0].state),
    )
