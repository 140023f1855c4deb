# SPDX-License-Identifier: GPL-2.0-or-later
"""What a channel says of itself: its header, and the counters of its queues.

Owns a look at a channel that disturbs nothing: it only reads. All of it was written by the ends:
it is shown, and nothing is decided by it. Indices that are no slots are shown as what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ultravisor.channels.channel import ChannelHeader, read_header
from ultravisor.channels.structures import codec
from ultravisor.machine import abi
from ultravisor.machine.abi import (
    CHANNEL_HEADER_SIZE_BYTES,
    CHANNEL_SIGNATURE,
    COMMAND_QUEUE_COUNT,
    CONTROL_QUEUE_COUNT,
    GUID_COMMAND,
    GUID_CONTROL,
    GUID_VBUS,
    QUEUE_HEADER_SIZE_BYTES,
    ChannelFeature,
    ClientState,
    QueueError,
    ServerState,
)

if TYPE_CHECKING:
    from uuid import UUID

    from ultravisor.channels.memory import ChannelMemory

_QUEUE: Final = codec("signal_queue_header")
_QUEUE_COUNTS: Final = {GUID_CONTROL: CONTROL_QUEUE_COUNT, GUID_VBUS: 0}
_DATA_QUEUE_COUNT: Final = COMMAND_QUEUE_COUNT
_QUEUE_NAMES: Final = {
    GUID_CONTROL: ("request", "response", "event", "event_ack"),
    GUID_COMMAND: ("request", "response"),
}
_DATA_QUEUE_NAMES: Final = ("to_server", "to_client")


class QueueStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One queue; counts are what its ends wrote."""

    index: int
    name: str
    slot_count: int
    signal_size_bytes: int
    head: int
    tail: int
    waiting: int | None
    """Signals that were sent and not yet removed; None: an index is no slot."""
    sent_count: int
    received_count: int
    overflow_count: int
    empty_count: int
    """Removals that found nothing."""
    interrupt_count: int
    errors: tuple[str, ...]
    """What an end found wrong in what the other wrote."""


class ChannelStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A whole channel."""

    valid: bool
    """The signature is there. If not, nothing else means anything."""
    type: str
    """The contract's name of the type, or its GUID."""
    zone: str
    size_bytes: int
    version: int
    features: tuple[str, ...]
    server_state: str
    client_state: str
    """Of the client's system."""
    client_state_boot: str
    partition_handle: int
    handle: int
    queues: tuple[QueueStatistics, ...]


def type_name(guid: UUID) -> str:
    """Return the contract's name of a type of channel, or its GUID."""
    rows = (name for name in dir(abi) if name.startswith("GUID_") and getattr(abi, name) == guid)
    return next((name.removeprefix("GUID_").lower() for name in rows), str(guid))


def read_statistics(memory: ChannelMemory, available_bytes: int) -> ChannelStatistics:
    """Look at a channel of which `available_bytes` can be read."""
    assert available_bytes >= CHANNEL_HEADER_SIZE_BYTES, "at least a header can be read"
    header = read_header(memory)
    features = [bit for bit in ChannelFeature if header.features & bit]
    return ChannelStatistics(
        valid=header.signature == CHANNEL_SIGNATURE,
        type=type_name(header.type),
        zone=str(header.zone),
        size_bytes=header.size_bytes,
        version=header.version,
        features=tuple(str(bit.name).lower() for bit in features),
        server_state=_state(ServerState, header.server_state),
        client_state=_state(ClientState, header.client_state_system),
        client_state_boot=_state(ClientState, header.client_state_boot),
        partition_handle=header.partition_handle,
        handle=header.handle,
        queues=tuple(_queues(memory, header, available_bytes)),
    )


def queue_names(guid: UUID) -> tuple[str, ...]:
    """Return the names of the queues of a type of channel, by index."""
    count = _QUEUE_COUNTS.get(guid, _DATA_QUEUE_COUNT)
    return _QUEUE_NAMES.get(guid, _DATA_QUEUE_NAMES)[:count]


def _queues(
    memory: ChannelMemory, header: ChannelHeader, available_bytes: int
) -> list[QueueStatistics]:
    rows = []
    for index, name in enumerate(queue_names(header.type)):
        offset = header.queues_offset + index * QUEUE_HEADER_SIZE_BYTES
        if CHANNEL_HEADER_SIZE_BYTES <= offset <= available_bytes - QUEUE_HEADER_SIZE_BYTES:
            data = memory.read(offset, QUEUE_HEADER_SIZE_BYTES)
            rows.append(_queue(index, name, data))
    return rows


def _queue(index: int, name: str, data: bytes) -> QueueStatistics:
    row = {key: value for key, value in _QUEUE.decode(data).items() if isinstance(value, int)}
    slots, head, tail = row["slot_count"], row["head"], row["tail"]
    errors = [bit for bit in QueueError if row["error_flags"] & bit]
    same = QueueStatistics.__struct_fields__
    return QueueStatistics(
        index=index,
        name=name,
        waiting=(head - tail) % slots if head < slots and tail < slots else None,
        errors=tuple(str(bit.name).lower() for bit in errors),
        **{key: row[key] for key in same if key in row},
    )


def _state(kind: type[ServerState] | type[ClientState], value: int) -> str:
    names = {int(state): state.name.lower() for state in kind}
    return names.get(value, str(value))
