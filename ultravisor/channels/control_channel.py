# SPDX-License-Identifier: GPL-2.0-or-later
"""A control channel: the four published queues of messages, and two areas of payload.

Owns the layout. The ultravisor's end is in control_server.py, a hosted partition's in
control_client.py; guests have theirs in guest_kernels/common.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ultravisor.channels.channel import (
    ChannelHeader,
    build_channel,
    check_header,
    queue_place,
    read_header,
)
from ultravisor.channels.errors import ChannelError
from ultravisor.channels.queue import QueuePlace
from ultravisor.channels.structures import Value, codec, field_offset
from ultravisor.machine.abi import (
    CHANNEL_HEADER_SIZE_BYTES,
    CHANNEL_VERSION_CONTROL,
    CONTROL_CHANNEL_SIZE_BYTES,
    CONTROL_CRASH_MESSAGE_COUNT,
    CONTROL_MESSAGE_COUNT,
    CONTROL_MESSAGE_SIZE_BYTES,
    CONTROL_QUEUE_COUNT,
    GUID_CONTROL,
    GUID_NONE,
)

if TYPE_CHECKING:
    from uuid import UUID

    from ultravisor.channels.memory import ChannelMemory

_STRUCTURE: Final = "control_channel"
_PAGE: Final = 4096
_AREAS_OFFSET: Final = -(-CONTROL_CHANNEL_SIZE_BYTES // _PAGE) * _PAGE
CONTROL_SIZE_DEFAULT_BYTES: Final = _AREAS_OFFSET + 2 * _PAGE
"""The published structure, rounded up, and a page of payload each way."""
_QUEUES: Final = ("request", "response", "event", "event_ack")


class ControlPlan(msgspec.Struct, frozen=True):
    """Where the parts of a control channel lie, in bytes from its start."""

    size_bytes: int
    queues: tuple[QueuePlace, ...]
    """By CONTROL_QUEUE_*."""
    request_payload_offset: int
    event_payload_offset: int
    payload_size_bytes: int
    """Of each of the two; 0: there is none."""


def plan_control_channel(size_bytes: int = CONTROL_SIZE_DEFAULT_BYTES) -> ControlPlan:
    """Cut a channel: what is behind the published structure is payload. Raises ChannelError."""
    if size_bytes < CONTROL_CHANNEL_SIZE_BYTES:
        raise ChannelError(
            f"control channel of {size_bytes} bytes: it needs {CONTROL_CHANNEL_SIZE_BYTES}"
        )
    queues = tuple(
        QueuePlace(
            field_offset(_STRUCTURE, f"{name}_queue"),
            field_offset(_STRUCTURE, f"{name}_messages"),
            CONTROL_MESSAGE_COUNT,
            CONTROL_MESSAGE_SIZE_BYTES,
        )
        for name in _QUEUES
    )
    area = max(0, (size_bytes - _AREAS_OFFSET) // 2 // _PAGE * _PAGE)
    begin = _AREAS_OFFSET if area else 0
    return ControlPlan(size_bytes, queues, begin + area, begin, area)


def build_control_channel(
    memory: ChannelMemory,
    plan: ControlPlan,
    *,
    address: int = 0,
    partition: int = 0,
    zone: UUID = GUID_NONE,
) -> None:
    """Make a partition's control channel: the server's part.

    `address` is where the partition finds it, guest-physical. Raises ChannelError.
    """
    values: dict[str, Value] = {
        "gp_control": address,
        "gp_control_channel": address,
        "request_payload_offset": plan.request_payload_offset,
        "event_payload_offset": plan.event_payload_offset,
        "request_payload_size_bytes": plan.payload_size_bytes,
        "event_payload_size_bytes": plan.payload_size_bytes,
        "control_channel_size_bytes": plan.size_bytes,
        "message_size_bytes": CONTROL_MESSAGE_SIZE_BYTES,
        "message_count": CONTROL_MESSAGE_COUNT,
        "partition_handle": partition,
        "saved_crash_message_count": CONTROL_CRASH_MESSAGE_COUNT,
        "saved_crash_message_offset": field_offset(_STRUCTURE, "saved_crash_messages"),
    }
    body = codec(_STRUCTURE).encode(values)[CHANNEL_HEADER_SIZE_BYTES:]
    memory.write(CHANNEL_HEADER_SIZE_BYTES, body)
    header = ChannelHeader(
        size_bytes=plan.size_bytes,
        type=GUID_CONTROL,
        version=CHANNEL_VERSION_CONTROL,
        partition_handle=partition,
        partition_index=partition,
        queues_offset=plan.queues[0].header_offset,
        zone=zone,
    )
    build_channel(memory, header, plan.queues)


def read_control_plan(memory: ChannelMemory, available_bytes: int) -> ControlPlan:
    """Read where the parts lie, as a client has to, and check it. Raises ChannelError."""
    header = read_header(memory)
    check_header(
        header, GUID_CONTROL, CHANNEL_VERSION_CONTROL, CONTROL_CHANNEL_SIZE_BYTES, available_bytes
    )
    queues = tuple(queue_place(memory, header, index) for index in range(CONTROL_QUEUE_COUNT))
    for place in queues:
        if place.signal_size_bytes != CONTROL_MESSAGE_SIZE_BYTES:
            raise ChannelError(
                f"queue at {place.header_offset:#x}: signals of {place.signal_size_bytes} bytes; "
                f"control messages have {CONTROL_MESSAGE_SIZE_BYTES}"
            )
    first = field_offset(_STRUCTURE, "request_payload_offset")
    data = memory.read(first, 24)
    request = int.from_bytes(data[:8], "little")
    event = int.from_bytes(data[8:16], "little")
    sizes = int.from_bytes(data[16:20], "little"), int.from_bytes(data[20:24], "little")
    for offset, size in ((request, sizes[0]), (event, sizes[1])):
        if offset + size > header.size_bytes or sizes[0] != sizes[1]:
            raise ChannelError(
                f"control channel: payload of {size} bytes at {offset:#x} does not fit the "
                f"channel's {header.size_bytes}"
            )
    return ControlPlan(header.size_bytes, queues, request, event, sizes[0])
