# SPDX-License-Identifier: GPL-2.0-or-later
"""A hosted partition's end of its control channel.

Owns the order of things: a message is copied with its payload, acknowledged at once, handed to the
caller, and answered when the caller says so. Guests do the same in guest_kernels/common/control.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ultravisor.channels.control_channel import read_control_plan
from ultravisor.channels.control_messages import (
    ControlMessage,
    Nothing,
    Packet,
    decode_message,
    encode_message,
)
from ultravisor.channels.queue import Consumer, Insertion, Producer
from ultravisor.machine.abi import (
    CONTROL_PAYLOAD_LIMIT,
    CONTROL_QUEUE_EVENT,
    CONTROL_QUEUE_EVENT_ACK,
    CONTROL_QUEUE_REQUEST,
    CONTROL_QUEUE_RESPONSE,
    CompletionStatus,
    ControlFlag,
    ControlMessageId,
)

if TYPE_CHECKING:
    from ultravisor.channels.memory import ChannelMemory

_NOTHING: Final = Nothing()


class Received(msgspec.Struct, frozen=True):
    """A message that was taken and acknowledged."""

    message: ControlMessage
    payload: bytes
    """Empty: there is none. `control_parameters.decode_parameters` reads it."""
    payload_valid: bool
    """False: it does not lie in the channel; answer with PAYLOAD_INVALID."""
    notify: bool
    """The server may be waiting for an event: signal it."""


class ControlClient:
    """One end; it keeps nothing but its places in the queues."""

    def __init__(self, memory: ChannelMemory, available_bytes: int) -> None:
        """Attach, trusting nothing that is in the channel. Raises ChannelError."""
        self._memory = memory
        self._plan = read_control_plan(memory, available_bytes)
        self._events = Consumer(memory, self._plan.queues[CONTROL_QUEUE_EVENT])
        self._replies = Consumer(memory, self._plan.queues[CONTROL_QUEUE_RESPONSE])
        self._acknowledgements = Producer(memory, self._plan.queues[CONTROL_QUEUE_EVENT_ACK])
        self._requests = Producer(memory, self._plan.queues[CONTROL_QUEUE_REQUEST])

    def receive(self) -> Received | None:
        """Take one message; None: there is none, or no room to acknowledge it. Raises PeerError."""
        self._replies.remove_all()
        signal = self._events.peek()
        if signal is None or self._acknowledgements.is_full:
            return None
        message = decode_message(signal)
        size, offset = message.payload_size_bytes, message.payload_offset
        limit = min(self._plan.size_bytes, CONTROL_PAYLOAD_LIMIT)
        valid = size <= limit and offset <= self._plan.size_bytes - size
        payload = self._memory.read(offset, size) if valid and size else b""
        self._events.advance()
        acknowledgement = _reply(message, CompletionStatus.SUCCESS, _NOTHING)
        inserted = self._acknowledgements.insert(encode_message(acknowledgement))
        return Received(message, payload, valid, inserted is Insertion.NOTIFY)

    def answer(
        self,
        message: ControlMessage,
        status: CompletionStatus = CompletionStatus.SUCCESS,
        packet: Packet = _NOTHING,
    ) -> Insertion:
        """Answer a message, if it wants one (else SENT); FULL: later. Raises PeerError."""
        if not message.flags & ControlFlag.RESPONSE_EXPECTED:
            return Insertion.SENT
        return self._requests.insert(encode_message(_reply(message, status, packet)))

    def tell(self, number: ControlMessageId, packet: Packet) -> Insertion:
        """Send a message of this partition's own; FULL: later. Raises PeerError."""
        return self._requests.insert(encode_message(ControlMessage(id=number, packet=packet)))


def _reply(message: ControlMessage, status: CompletionStatus, packet: Packet) -> ControlMessage:
    """Return a copy of a message's header, as published, without its payload."""
    failed = ControlFlag(0) if status is CompletionStatus.SUCCESS else ControlFlag.FAILED
    return ControlMessage(
        id=message.id,
        packet=packet,
        flags=message.flags | failed,
        handle=message.handle,
        completion_status=status,
        segment_index=message.segment_index,
    )
