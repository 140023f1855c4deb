# SPDX-License-Identifier: GPL-2.0-or-later
"""The ultravisor's end of a partition's control channel.

Owns which messages were sent and what became of them. A message is acknowledged at once and
answered later; what is neither, twice, late or about nothing is reported as stray and changes
nothing. Waits for nothing and keeps no time: whoever calls decides what is late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ultravisor.channels.control_messages import (
    ControlMessage,
    Packet,
    decode_message,
    encode_message,
    message_name,
)
from ultravisor.channels.control_parameters import ControlParameters, encode_parameters
from ultravisor.channels.errors import ChannelError
from ultravisor.channels.payload_area import PayloadArea
from ultravisor.channels.queue import Consumer, Insertion, Producer
from ultravisor.machine.abi import (
    CONTROL_QUEUE_EVENT,
    CONTROL_QUEUE_EVENT_ACK,
    CONTROL_QUEUE_REQUEST,
    CONTROL_QUEUE_RESPONSE,
    ControlFlag,
    ControlMessageId,
)

if TYPE_CHECKING:
    from ultravisor.channels.control_channel import ControlPlan
    from ultravisor.channels.memory import ChannelMemory

PENDING_LIMIT: Final = 256
"""Messages that a partition may leave without an answer; then it is sent no more."""


class PendingMessage(msgspec.Struct):
    """A message that was sent and is not done with."""

    handle: int
    id: int
    response_expected: bool
    acknowledged: bool = False


class ControlServerState(msgspec.Struct):
    """What an end must know to go on after a restart; everything else is in the channel."""

    next_handle: int = 1
    pending: list[PendingMessage] = []


class Sent(msgspec.Struct, frozen=True):
    """A message is on its way."""

    handle: int
    notify: bool
    """The partition may be waiting for an event: signal it."""


class Acknowledged(msgspec.Struct, frozen=True):
    """The partition has taken a message."""

    handle: int
    id: int


class Answered(msgspec.Struct, frozen=True):
    """The partition has done what a message asked for, or says why not."""

    handle: int
    answer: ControlMessage


class Told(msgspec.Struct, frozen=True):
    """The partition has sent a message of its own."""

    message: ControlMessage


class Stray(msgspec.Struct, frozen=True):
    """The partition has sent what belongs to nothing; it changes nothing."""

    message: ControlMessage
    sentence: str


ControlReport = Acknowledged | Answered | Told | Stray
_OWN_MESSAGES: Final = frozenset(
    {ControlMessageId.DEVICE_CHANGE_STATE_EVENT, ControlMessageId.BUS_CHANGE_STATE_EVENT}
)


class ControlServer:
    """One partition's channel; `state` is the end's own and may be saved at any time."""

    def __init__(
        self, memory: ChannelMemory, plan: ControlPlan, state: ControlServerState | None = None
    ) -> None:
        """Attach to a channel that has been built. Raises PeerError."""
        self._memory = memory
        self.plan = plan
        self._events = Producer(memory, plan.queues[CONTROL_QUEUE_EVENT])
        self._replies = Producer(memory, plan.queues[CONTROL_QUEUE_RESPONSE])
        self._acknowledgements = Consumer(memory, plan.queues[CONTROL_QUEUE_EVENT_ACK])
        self._requests = Consumer(memory, plan.queues[CONTROL_QUEUE_REQUEST])
        self.state = ControlServerState() if state is None else state
        self._unacknowledged = [row.handle for row in self.state.pending if not row.acknowledged]
        self._area = PayloadArea(plan.payload_size_bytes, len(self._unacknowledged))

    def send(
        self,
        number: ControlMessageId,
        packet: Packet,
        *,
        response_expected: bool = True,
        server: bool = False,
        parameters: ControlParameters | None = None,
    ) -> Sent | None:
        """Send a message; None: the partition must first take or answer what it was sent.

        `server`: the partition is the serving end. Raises ChannelError for parameters that fit
        no payload, PeerError.
        """
        payload = b"" if parameters is None else encode_parameters(parameters)
        if len(payload) > self._area.size_bytes:
            raise ChannelError(
                f"{message_name(number)}: parameters of {len(payload)} bytes; "
                f"{self._area.size_bytes} are possible"
            )
        if len(self.state.pending) >= PENDING_LIMIT or self._events.is_full:
            return None
        offset = self._area.place(len(payload), lambda: len(self._unacknowledged))
        if offset is None:
            return None
        flags = ControlFlag.RESPONSE_EXPECTED if response_expected else ControlFlag(0)
        flags |= ControlFlag.SERVER if server else ControlFlag(0)
        return self._send(number, packet, flags, offset, payload)

    def _send(
        self,
        number: ControlMessageId,
        packet: Packet,
        flags: ControlFlag,
        offset: int,
        payload: bytes,
    ) -> Sent:
        place = self.plan.event_payload_offset + offset if payload else 0
        if payload:
            self._memory.write(place, payload)
        handle = self.state.next_handle
        message = ControlMessage(
            id=number,
            packet=packet,
            flags=flags,
            handle=handle,
            payload_offset=place,
            payload_limit_bytes=len(payload),
            payload_size_bytes=len(payload),
        )
        expected = bool(flags & ControlFlag.RESPONSE_EXPECTED)
        self.state.next_handle = handle + 1
        self.state.pending.append(PendingMessage(handle, number, expected))
        self._unacknowledged.append(handle)
        self._area.take(len(payload))
        inserted = self._events.insert(encode_message(message))
        assert inserted is not Insertion.FULL, "there was room"
        return Sent(handle, inserted is Insertion.NOTIFY)

    def reply(self, message: ControlMessage) -> Insertion:
        """Send a reply to a message of the partition's own. Raises PeerError."""
        return self._replies.insert(encode_message(message))

    def poll(self) -> list[ControlReport]:
        """Return what has come, acknowledgements first; bounded by the queues. Raises PeerError."""
        # An answer is read before the acknowledgements are: its own is then among them.
        requests = self._requests.remove_all()
        reports = [
            self._acknowledge(decode_message(s)) for s in self._acknowledgements.remove_all()
        ]
        return reports + [self._take(decode_message(signal)) for signal in requests]

    def _find(self, message: ControlMessage) -> PendingMessage | None:
        rows = (row for row in self.state.pending if row.handle == message.handle)
        row = next(rows, None)
        return row if row is not None and row.id == message.id else None

    def _acknowledge(self, message: ControlMessage) -> ControlReport:
        row = self._find(message)
        if row is None:
            return Stray(message, f"{message.name}: acknowledges nothing that was sent")
        if row.acknowledged:
            return Stray(message, f"{message.name}: acknowledged twice")
        row.acknowledged = True
        # Payloads are free up to the first message that has not been acknowledged.
        waiting = {row.handle for row in self.state.pending if not row.acknowledged}
        while self._unacknowledged and self._unacknowledged[0] not in waiting:
            del self._unacknowledged[0]
        if not row.response_expected:
            self.state.pending.remove(row)
        return Acknowledged(row.handle, row.id)

    def _take(self, message: ControlMessage) -> ControlReport:
        if message.id in _OWN_MESSAGES:
            return Told(message)
        row = self._find(message)
        if row is None:
            return Stray(message, f"{message.name}: answers nothing that was sent")
        if not row.response_expected:
            return Stray(message, f"{message.name}: no answer was expected")
        if not row.acknowledged:
            return Stray(message, f"{message.name}: answered before it was acknowledged")
        self.state.pending.remove(row)
        return Answered(row.handle, message)
