# SPDX-License-Identifier: GPL-2.0-or-later
"""A command channel: two queues of small signals, and two areas for what they mean.

Owns the layout (`struct command_channel`) and moving bytes with a request's number across it.
What the bytes mean is in command_protocol.py. Both ends are alike but for the direction.
"""

from __future__ import annotations

import struct
from functools import partial
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
from ultravisor.channels.payload_area import PayloadArea, SavedArea
from ultravisor.channels.payload_runs import read_payloads, write_payloads
from ultravisor.channels.queue import Consumer, Insertion, Producer, QueuePlace
from ultravisor.channels.structures import codec, field_offset
from ultravisor.machine.abi import (
    CHANNEL_HEADER_SIZE_BYTES,
    CHANNEL_QUEUE_TO_CLIENT,
    CHANNEL_QUEUE_TO_SERVER,
    CHANNEL_VERSION_COMMAND,
    COMMAND_SIGNAL_SIZE_BYTES,
    GUID_COMMAND,
    GUID_NONE,
    QUEUE_HEADER_SIZE_BYTES,
    STRUCTURES,
    CommandKind,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from ultravisor.channels.memory import ChannelMemory

COMMAND_CHANNEL_SIZE_BYTES: Final = 1 << 18
"""A size that serves: 256 slots a queue, 116 KiB of payload each way."""
_STRUCTURE: Final = "command_channel"
_HEAD_SIZE_BYTES: Final = STRUCTURES[_STRUCTURE].size_bytes
_AREAS: Final = struct.Struct("<QQII")
_AREAS_OFFSET: Final = field_offset(_STRUCTURE, "request_payload_offset")
_SIGNAL: Final = struct.Struct("<QQIIQ")
_PAGE: Final = 4096
assert _SIGNAL.size == COMMAND_SIGNAL_SIZE_BYTES == codec("command_signal").size_bytes


class CommandMessage(msgspec.Struct, frozen=True):
    """What one end received; with a fault, its data cannot be had."""

    request: int
    data: bytes
    fault: str = ""
    """What is wrong with the signal, as a sentence; empty: nothing."""


class CommandPlan(msgspec.Struct, frozen=True):
    """Where the parts of a command channel lie, in bytes from its start."""

    size_bytes: int
    request_queue: QueuePlace
    response_queue: QueuePlace
    request_payload_offset: int
    response_payload_offset: int
    payload_size_bytes: int


def plan_command_channel(size_bytes: int, slot_count: int) -> CommandPlan:
    """Cut a channel into queues of `slot_count` slots and two equal areas. Raises ChannelError."""
    slots_size = slot_count * COMMAND_SIGNAL_SIZE_BYTES
    first = CHANNEL_HEADER_SIZE_BYTES
    request = QueuePlace(first, _HEAD_SIZE_BYTES, slot_count, COMMAND_SIGNAL_SIZE_BYTES)
    response = QueuePlace(
        first + QUEUE_HEADER_SIZE_BYTES,
        request.end_offset,
        slot_count,
        COMMAND_SIGNAL_SIZE_BYTES,
    )
    begin = -(-(_HEAD_SIZE_BYTES + 2 * slots_size) // _PAGE) * _PAGE
    area = (size_bytes - begin) // 2 // _PAGE * _PAGE
    if area <= 0:
        raise ChannelError(
            f"command channel of {size_bytes} bytes: {slot_count} slots a queue leave no payload"
        )
    plan = CommandPlan(size_bytes, request, response, begin, begin + area, area)
    request.check(size_bytes)
    response.check(size_bytes)
    return plan


def build_command_channel(
    memory: ChannelMemory,
    size_bytes: int = COMMAND_CHANNEL_SIZE_BYTES,
    slot_count: int = 256,
    zone: UUID = GUID_NONE,
) -> CommandPlan:
    """Make a command channel: the server's part. Raises ChannelError."""
    plan = plan_command_channel(size_bytes, slot_count)
    areas = (plan.request_payload_offset, plan.response_payload_offset)
    sizes = (plan.payload_size_bytes, plan.payload_size_bytes)
    memory.write(_AREAS_OFFSET, _AREAS.pack(*areas, *sizes))
    header = ChannelHeader(
        size_bytes=size_bytes, type=GUID_COMMAND, version=CHANNEL_VERSION_COMMAND, zone=zone
    )
    build_channel(memory, header, (plan.request_queue, plan.response_queue))
    return plan


def read_command_plan(memory: ChannelMemory, available_bytes: int) -> CommandPlan:
    """Read where the parts lie, as a client has to, and check it. Raises ChannelError."""
    header = read_header(memory)
    check_header(header, GUID_COMMAND, CHANNEL_VERSION_COMMAND, _HEAD_SIZE_BYTES, available_bytes)
    request = queue_place(memory, header, CHANNEL_QUEUE_TO_SERVER)
    response = queue_place(memory, header, CHANNEL_QUEUE_TO_CLIENT)
    for place in (request, response):
        if place.signal_size_bytes != COMMAND_SIGNAL_SIZE_BYTES:
            raise ChannelError(
                f"queue at {place.header_offset:#x}: signals of {place.signal_size_bytes} bytes; "
                f"a command channel's have {COMMAND_SIGNAL_SIZE_BYTES}"
            )
    first, second, size, other_size = _AREAS.unpack(memory.read(_AREAS_OFFSET, _AREAS.size))
    for offset in (first, second):
        if size == 0 or size != other_size or offset + size > header.size_bytes:
            raise ChannelError(
                f"command channel: payload of {size} and {other_size} bytes at {offset:#x} "
                f"does not fit the channel's {header.size_bytes}"
            )
    return CommandPlan(header.size_bytes, request, response, first, second, size)


class CommandEnd:
    """One end; `command_client` and `command_server` make it."""

    __slots__ = (
        "_area",
        "_consumer",
        "_expected",
        "_memory",
        "_own_kind",
        "_own_offset",
        "_peer_offset",
        "_producer",
    )

    def __init__(self, memory: ChannelMemory, plan: CommandPlan, own_kind: CommandKind) -> None:
        """Attach; what is on its way stays so. Raises PeerError."""
        client = own_kind is CommandKind.REQUEST
        sending, receiving = plan.request_queue, plan.response_queue
        offsets = plan.request_payload_offset, plan.response_payload_offset
        if not client:
            sending, receiving = receiving, sending
            offsets = offsets[1], offsets[0]
        self._memory = memory
        self._own_kind = own_kind
        self._expected = CommandKind.ANSWER if client else CommandKind.REQUEST
        self._own_offset, self._peer_offset = offsets
        self._producer = Producer(memory, sending)
        self._consumer = Consumer(memory, receiving)
        self._area = PayloadArea(plan.payload_size_bytes, self._producer.outstanding)

    @property
    def payload_limit_bytes(self) -> int:
        """Return the size of the largest message."""
        return self._area.size_bytes

    def save(self) -> SavedArea:
        """Return what is this end's own; all else is in the channel."""
        return self._area.save()

    def load(self, saved: SavedArea) -> None:
        """Go on from what was saved; the channel is as it was then."""
        self._area.load(saved)

    def send(self, request: int, data: bytes) -> Insertion:
        """Send a message; FULL: later. Raises ChannelError for one that never fits, PeerError."""
        size = len(data)
        if size > self._area.size_bytes:
            raise ChannelError(f"message of {size} bytes: {self._area.size_bytes} are possible")
        offset = self._area.place(size, self._producer.read_outstanding)
        if offset is None or self._producer.is_full:
            return Insertion.FULL
        self._memory.write(self._own_offset + offset, data)
        inserted = self._producer.insert(_SIGNAL.pack(request, offset, size, self._own_kind, 0))
        self._area.take(size)
        return inserted

    def send_all(self, messages: Iterable[tuple[int, bytes]]) -> tuple[int, Insertion]:
        """Send as many messages as there is room for, in their order, and publish them together.

        Returns how many were sent, and what became of them as a whole; FULL: none was. Raises
        ChannelError where the first never fits, PeerError.
        """
        limit, room = self._area.size_bytes, 0
        signals: list[bytes] = []
        payloads: list[tuple[int, bytes]] = []
        for request, data in messages:
            size = len(data)
            if size > limit:
                if signals:
                    break
                raise ChannelError(f"message of {size} bytes: {limit} are possible")
            if len(signals) == room:
                room = self._producer.room(room + 1)
            # Those of this run are in use, and the queue does not count them yet.
            unsent = len(signals)
            offset = self._area.place(size, partial(self._unread, unsent))
            if offset is None or unsent == room:
                break
            self._area.take(size)
            payloads.append((offset, data))
            signals.append(_SIGNAL.pack(request, offset, size, self._own_kind, 0))
        if not signals:
            return 0, Insertion.FULL
        write_payloads(self._memory, self._own_offset, payloads)
        return len(signals), self._producer.insert_run(signals)

    def _unread(self, unsent: int) -> int:
        return self._producer.read_outstanding() + unsent

    def receive(self) -> CommandMessage | None:
        """Return the next message, copied; None: there is none. Raises PeerError.

        The place of its payload is the sender's again when this returns.
        """
        signal = self._consumer.peek()
        if signal is None:
            return None
        request, offset, size, kind, _ = _SIGNAL.unpack(signal)
        fault = self._fault(offset, size, kind)
        data = b"" if fault else self._memory.read(self._peer_offset + offset, size)
        self._consumer.advance()
        return CommandMessage(request, data, fault)

    def receive_all(self, limit: int) -> list[CommandMessage]:
        """Return up to `limit` messages that are there now, copied. Raises PeerError.

        Their places are the sender's again when this returns. No more is copied than the area has:
        more than that no honest peer can have sent.
        """
        left = self._area.size_bytes
        heads: list[tuple[int, str]] = []
        places: list[tuple[int, int]] = []
        for signal in self._consumer.peek_run(limit):
            request, offset, size, kind, _ = _SIGNAL.unpack(signal)
            fault = self._fault(offset, size, kind)
            if fault:
                offset = size = 0
            if size > left:
                break
            left -= size
            heads.append((request, fault))
            places.append((offset, size))
        payloads = read_payloads(self._memory, self._peer_offset, places)
        if heads:
            self._consumer.advance(len(heads))
        return [
            CommandMessage(request, data, fault)
            for (request, fault), data in zip(heads, payloads, strict=True)
        ]

    def _fault(self, offset: int, size: int, kind: int) -> str:
        """Return what is wrong with a signal, as a sentence; empty: nothing."""
        limit = self._area.size_bytes
        if kind != self._expected:
            return f"signal of kind {kind}, not {self._expected}"
        if size > limit or offset > limit - size:
            return f"payload of {size} bytes at {offset:#x}: the area has {limit}"
        return ""


def command_client(memory: ChannelMemory, available_bytes: int) -> CommandEnd:
    """Attach as the asking end, trusting nothing that is in the channel. Raises ChannelError."""
    return CommandEnd(memory, read_command_plan(memory, available_bytes), CommandKind.REQUEST)


def command_server(memory: ChannelMemory, plan: CommandPlan) -> CommandEnd:
    """Attach as the answering end, by the server's own plan. Raises PeerError."""
    return CommandEnd(memory, plan, CommandKind.ANSWER)
