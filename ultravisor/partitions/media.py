# SPDX-License-Identifier: GPL-2.0-or-later
"""Media and their paths: what a policy's disks and networks are as channels.

Owns the names. A medium is what is behind a device, a disk or a network card; each of its ports is
a device of one I/O partition, named `<medium>.<port>`, and a client reaches it over a channel to
each of them: its paths. Pure; called by the policy's check, the reconciler and the ultravisor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.machine.abi import (
    GUID_DISK,
    GUID_NETWORK,
    GUID_NONE,
    GUID_VIRTIO_BLOCK,
    GUID_VIRTIO_CONSOLE,
    GUID_VIRTIO_NETWORK,
)
from ultravisor.partitions.definitions import ChannelDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from ultravisor.partitions.definitions import Domain, MediumDefinition
    from ultravisor.partitions.policy import Policy
    from ultravisor.resources.records import Channel, Device

PHYSICAL_BUS: Final = 0
"""The bus of devices, on which nobody's channels are; it is there without being created."""
MEDIUM_TABLES: Final = ("disk", "network")
"""The tables of a policy that give a medium to a client."""
DEVICE_KINDS: Final = {"disk": "block", "network": "network"}
"""The kind of device that a table is about."""
_CHANNEL_TYPES: Final = {"disk": GUID_DISK, "network": GUID_NETWORK}
_DEVICE_TYPES: Final = {
    "block": GUID_VIRTIO_BLOCK,
    "network": GUID_VIRTIO_NETWORK,
    "console": GUID_VIRTIO_CONSOLE,
}
_POLICY: Final = "medium "
"""What the policy of a path's channel begins with; the medium's name follows."""


class PathDefinition(ChannelDefinition, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A channel that is a client's way to one port of a medium."""

    medium: str
    port: str
    """The device's name."""
    table: str
    index: int
    """Where the policy says it."""


def medium_of(device: str) -> str:
    """Return the medium that a device is a port of; one without ports is its own."""
    return device.rpartition(".")[0] or device


def device_type(kind: str) -> UUID:
    """Return the GUID by which drivers know a kind of device."""
    return _DEVICE_TYPES.get(kind, GUID_NONE)


def policy_of(medium: str) -> str:
    """Return what the policy of the channels of a medium is called in the database."""
    return _POLICY + medium


def medium_of_channel(channel: Channel) -> str:
    """Return the medium that a channel is a path to; empty: it is none."""
    return channel.policy.removeprefix(_POLICY) if channel.policy.startswith(_POLICY) else ""


def owners_of(medium: str, domains: Iterable[Domain]) -> dict[str, str]:
    """Return the I/O domains that own a port of a medium, each with its port's device."""
    return {
        domain.name: device
        for domain in domains
        if domain.kind == "io"
        for device in reversed(domain.devices)
        if medium_of(device) == medium
    }


def paths_of(policy: Policy, domains: Iterable[Domain]) -> tuple[PathDefinition, ...]:
    """Return the channels that the disks and networks of a policy are, in the policy's order."""
    known = sorted(domains, key=lambda domain: domain.name)
    return tuple(
        _path(definition, table, index, server, port)
        for table in MEDIUM_TABLES
        for index, definition in enumerate(getattr(policy, table))
        for server, port in owners_of(definition.device, known).items()
    )


def _path(
    definition: MediumDefinition, table: str, index: int, server: str, port: str
) -> PathDefinition:
    return PathDefinition(
        name=f"path {port}",
        server=server,
        client=definition.client,
        type=str(_CHANNEL_TYPES[table]),
        size_kib=definition.size_kib,
        medium=definition.device,
        port=port,
        table=table,
        index=index,
    )


def ports_by_medium(devices: Iterable[Device]) -> dict[str, list[Device]]:
    """Return the ports of each medium, in the order of their ids."""
    found: dict[str, list[Device]] = {}
    for device in sorted(devices, key=lambda row: row.id):
        found.setdefault(medium_of(device.name), []).append(device)
    return dict(sorted(found.items()))
