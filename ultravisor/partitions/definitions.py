# SPDX-License-Identifier: GPL-2.0-or-later
"""What an operator wants to exist: zones, domains, the channels between them.

Owns the records with their defaults, units and limits. A domain is the persistent definition of a
partition and is bound to no host. Read from TOML by policy_reader, carried from operations to
command in messages; nothing here decides anything.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ultravisor.configuration import INTEGER_MAXIMUM, RIGHT_NAMES, RightName
from ultravisor.machine.abi import (
    COMMAND_LINE_LIMIT,
    NAME_LIMIT,
    PARTITION_PROCESSOR_LIMIT,
    PROCESSOR_LIMIT,
)

ZONE_DEFAULT = "default"
# From which the GUID of a zone without one of its own is made: the same name, the same GUID.
ZONE_NAMESPACE = uuid.UUID("6f1d0b0c-3a53-5d0e-9d64-3a6d1d0f7a11")
CHANNEL_SIZE_DEFAULT_KIB = 160
CHANNEL_SIZE_MAXIMUM_KIB = 1 << 20
PATH_SIZE_MINIMUM_KIB = 64
DISK_SIZE_DEFAULT_KIB = 512
NETWORK_SIZE_DEFAULT_KIB = 256
MEMORY_DEFAULT_MIB = 8
ITEM_LIMIT = 4096

DomainKind = Literal["guest", "io"]
WantedState = Literal["running", "paused", "stopped", "absent"]
Name = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_LIMIT - 2}}}$")]
Guid = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
ProcessorNumber = Annotated[int, Meta(ge=0, lt=PROCESSOR_LIMIT)]
PathSize = Annotated[int, Meta(ge=PATH_SIZE_MINIMUM_KIB, le=CHANNEL_SIZE_MAXIMUM_KIB)]
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAXIMUM)]


class Zone(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[zone]]: a group of resources, and the border that channels do not cross."""

    name: Name
    """Up to 31 letters, digits, dots, dashes and underscores; unique."""
    guid: Guid | None = None
    """Stands in the header of its channels; by default made from the name."""
    processors: tuple[ProcessorNumber, ...] = ()
    """The physical processors that its partitions may use; by default all."""
    reaches: tuple[Name, ...] = ()
    """Other zones to which its channels may lead; by default none."""

    @property
    def guid_text(self) -> str:
        """Return the GUID in force."""
        return self.guid or str(uuid.uuid5(ZONE_NAMESPACE, self.name))


class Domain(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[domain]]: the definition of a partition, which outlives it."""

    name: Name
    """Up to 31 letters, digits, dots, dashes and underscores; unique."""
    image: Annotated[str, Meta(min_length=1, max_length=ITEM_LIMIT)]
    """The name of a bundled image, or the path of an ELF image."""
    kind: DomainKind = "guest"
    """`guest`, or `io`: a partition that owns devices and serves others."""
    zone: Name = ZONE_DEFAULT
    """The zone that it belongs to."""
    memory_mib: Annotated[int, Meta(ge=1, le=8192)] | None = None
    """Memory in MiB; by default what the image's note asks for, else 8."""
    processors: Annotated[int, Meta(ge=1, le=PARTITION_PROCESSOR_LIMIT)] = 1
    """How many virtual processors it has."""
    command_line: Annotated[str, Meta(max_length=COMMAND_LINE_LIMIT - 1)] = ""
    """Given to the guest on its start page; at most 1023 bytes."""
    rights: tuple[RightName, ...] = RIGHT_NAMES
    """What its view grants; by default everything that a guest can be granted."""
    devices: tuple[Name, ...] = ()
    """Devices that it owns, by name."""
    wanted: WantedState = "running"
    """The state that command brings it to: `running`, `paused`, `stopped` or `absent`."""


class ChannelDefinition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[channel]]: memory that exactly two domains share."""

    name: Name
    """Up to 31 letters, digits, dots, dashes and underscores; unique."""
    server: Name
    """The domain that serves it."""
    client: Name
    """The domain that is served."""
    type: Guid
    """The GUID by which drivers meet."""
    size_kib: Annotated[int, Meta(ge=4, le=CHANNEL_SIZE_MAXIMUM_KIB)] = CHANNEL_SIZE_DEFAULT_KIB
    """Its size in KiB, a multiple of 4."""


class MediumDefinition(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What [[disk]] and [[network]] have: a medium, and the one domain that uses it."""

    device: Name
    """The medium, whose ports are the devices `<device>.0`, `<device>.1`."""
    client: Name
    """The domain that uses it, by a channel to each I/O domain that owns a port."""
    size_kib: PathSize
    """The size of each channel in KiB."""


class DiskDefinition(MediumDefinition, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[disk]]: a disk for one domain."""

    size_kib: PathSize = DISK_SIZE_DEFAULT_KIB
    """The size of each channel in KiB, a multiple of 4, 64 to 1048576."""


class NetworkDefinition(MediumDefinition, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[network]]: a network card for one domain."""

    size_kib: PathSize = NETWORK_SIZE_DEFAULT_KIB
    """The size of each channel in KiB, a multiple of 4, 64 to 1048576."""


def memory_of(domain: Domain) -> int:
    """Return a domain's memory in MiB, as far as its definition says it."""
    return MEMORY_DEFAULT_MIB if domain.memory_mib is None else domain.memory_mib


def find_zone(zones: tuple[Zone, ...], name: str) -> Zone:
    """Return a zone by its name; one that is not defined has no limits and reaches nobody."""
    for zone in zones:
        if zone.name == name:
            return zone
    return Zone(name=name)


def encode_definition(definition: Domain) -> bytes:
    """Return a domain as the resource database keeps it: JSON."""
    return msgspec.json.encode(definition)


def decode_definition(text: bytes | str) -> Domain:
    """Read what encode_definition wrote; raise msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Domain)
