# SPDX-License-Identifier: GPL-2.0-or-later
"""A channel as a whole: its header, written by the server and checked by the client.

Owns the header's form and the interlocked features. What a type of channel has behind its header
and queues is in the file of that type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from ultravisor.channels.errors import ChannelError
from ultravisor.channels.queue import QueuePlace, build_queue, read_queue_place
from ultravisor.channels.structures import codec, field_offset
from ultravisor.machine.abi import (
    CHANNEL_HEADER_SIZE_BYTES,
    CHANNEL_SIGNATURE,
    GUID_NONE,
    QUEUE_HEADER_SIZE_BYTES,
    ChannelFeature,
    ServerState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.channels.memory import ChannelMemory

NO_FEATURES: Final = ChannelFeature(0)
_STRUCTURE: Final = "channel_header"
_TYPE: Final = field_offset(_STRUCTURE, "type")
_FEATURES: Final = field_offset(_STRUCTURE, "features")


class ChannelHeader(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a channel's header; fields as in the contract."""

    signature: int = CHANNEL_SIGNATURE
    legacy_state: int = 0
    header_size_bytes: int = CHANNEL_HEADER_SIZE_BYTES
    size_bytes: int
    features: int = 0
    type: UUID
    partition_handle: int = 0
    handle: int = 0
    queues_offset: int = CHANNEL_HEADER_SIZE_BYTES
    version: int = 1
    partition_index: int = 0
    zone: UUID = GUID_NONE
    client_string_offset: int = 0
    client_state_boot: int = 0
    client_command_state: int = 0
    client_state_system: int = 0
    characteristic: int = 0
    server_command_state: int = 0
    server_state: int = ServerState.READY
    client_error_boot: int = 0
    client_error_system: int = 0
    filler: int = 0
    recover_channel: int = 0


def build_channel(
    memory: ChannelMemory,
    header: ChannelHeader,
    places: Sequence[QueuePlace],
) -> None:
    """Make a channel: queues, header, and last the type, for which old clients wait.

    Queue headers must lie one behind the other, from `header.queues_offset` on; everything that
    is neither header nor queue header is left as it is. Raises ChannelError.
    """
    for index, place in enumerate(places):
        expected = header.queues_offset + index * QUEUE_HEADER_SIZE_BYTES
        assert place.header_offset == expected, f"queue header {index} lies at {expected:#x}"
        place.check(header.size_bytes)
    values = msgspec.structs.asdict(header) | {"type": GUID_NONE}
    memory.write(0, codec(_STRUCTURE).encode(values))
    for place in places:
        build_queue(memory, place)
    memory.write(_TYPE, header.type.bytes_le)


def wipe_channel(memory: ChannelMemory) -> None:
    """Take the type away, so that no client takes the channel for a whole one."""
    memory.write(_TYPE, GUID_NONE.bytes_le)


def read_header(memory: ChannelMemory) -> ChannelHeader:
    """Return the header, read once; nothing in it has been checked."""
    row = codec(_STRUCTURE).decode(memory.read(0, CHANNEL_HEADER_SIZE_BYTES))
    return msgspec.convert(row, ChannelHeader)


def check_header(
    header: ChannelHeader, kind: UUID, version: int, minimum_bytes: int, available_bytes: int
) -> None:
    """Refuse a header that is not of this type and version, or too small or too large a channel.

    `available_bytes` is what this end can reach of it. Raises ChannelError.
    """
    if header.signature != CHANNEL_SIGNATURE:
        raise ChannelError(
            f"channel signature {header.signature:#x} at 0x0: it must be {CHANNEL_SIGNATURE:#x}"
        )
    if header.type != kind:
        raise ChannelError(f"channel type {header.type} at {_TYPE:#x}: it must be {kind}")
    if header.version != version:
        where = field_offset(_STRUCTURE, "version")
        raise ChannelError(f"channel version {header.version} at {where:#x}: it must be {version}")
    if not minimum_bytes <= header.size_bytes <= available_bytes:
        where = field_offset(_STRUCTURE, "size_bytes")
        raise ChannelError(
            f"channel of {header.size_bytes} bytes, says {where:#x}: it must have at least "
            f"{minimum_bytes}, and {available_bytes} are there"
        )


def queue_place(memory: ChannelMemory, header: ChannelHeader, index: int) -> QueuePlace:
    """Return where queue `index` of a checked channel lies. Raises ChannelError."""
    if header.queues_offset < CHANNEL_HEADER_SIZE_BYTES:
        where = field_offset(_STRUCTURE, "queues_offset")
        raise ChannelError(
            f"queue headers at {header.queues_offset:#x}, says {where:#x}: inside the header"
        )
    offset = header.queues_offset + index * QUEUE_HEADER_SIZE_BYTES
    return read_queue_place(memory, offset, header.size_bytes)


def change_features(
    memory: ChannelMemory,
    add: ChannelFeature = NO_FEATURES,
    remove: ChannelFeature = NO_FEATURES,
) -> ChannelFeature:
    """Change features of the channel, and return the new ones; others stay.

    Interlocked because nothing of a machine runs while Python does. Bits that are not in the
    contract are kept, and are not returned.
    """
    old = int.from_bytes(memory.read(_FEATURES, 8), "little")
    new = (old | int(add)) & ~int(remove)
    memory.write(_FEATURES, new.to_bytes(8, "little"))
    return ChannelFeature(new & sum(ChannelFeature))


def read_features(memory: ChannelMemory) -> ChannelFeature:
    """Return the features that are in the contract."""
    features = int.from_bytes(memory.read(_FEATURES, 8), "little")
    return ChannelFeature(features & sum(ChannelFeature))
