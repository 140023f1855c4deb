# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading along on a channel: the signals that went through its queues, decoded.

Owns a tap, which only reads: slots keep their signals until they are written again, so that a
tap that looks often enough sees every signal, and says how many it missed where it did not. What
it shows was written by the ends and is decoded as far as it makes sense.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from ultravisor.channels.channel import queue_place, read_header
from ultravisor.channels.command_protocol import ProtocolError, decode_answer, decode_request
from ultravisor.channels.control_messages import (
    ControlMessage,
    Interrupt,
    UnknownPacket,
    decode_message,
    status_name,
)
from ultravisor.channels.statistics import queue_names, type_name
from ultravisor.channels.structures import codec, field_offset
from ultravisor.machine.abi import (
    COMMAND_SIGNAL_SIZE_BYTES,
    CONTROL_MESSAGE_SIZE_BYTES,
    GUID_COMMAND,
    GUID_CONTROL,
    GUID_NONE,
    CommandKind,
    ControlFlag,
)

if TYPE_CHECKING:
    from ultravisor.channels.memory import ChannelMemory
    from ultravisor.channels.queue import QueuePlace

_HEAD: Final = field_offset("signal_queue_header", "head")
_SENT_COUNT: Final = field_offset("signal_queue_header", "sent_count")
_SIGNAL: Final = struct.Struct("<QQIIQ")
_AREAS: Final = struct.Struct("<QQII")


class TappedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """One signal that was seen."""

    queue: str
    number: int
    """Counts the queue's signals from 1, as its producer counts them."""
    sentence: str
    """What it says, in one line."""
    data: bytes
    """The signal itself."""


class TapGap(msgspec.Struct, frozen=True, kw_only=True):
    """Signals that were written over before the tap looked, or a queue that went back."""

    queue: str
    missed: int


class _TappedQueue:
    """One queue, and the last signal that the tap has seen of it."""

    def __init__(self, name: str, place: QueuePlace, head: int, seen: int) -> None:
        self.name = name
        self.place = place
        self.head = head
        self.seen = seen


class ChannelTap:
    """A tap on all queues of one channel; it begins with what is sent from now on."""

    def __init__(
        self, memory: ChannelMemory, available_bytes: int, *, behind: bool = False
    ) -> None:
        """Attach; `behind`: begin with the signals that the slots still hold.

        Raises ChannelError for a channel whose queues do not fit.
        """
        self._memory = memory
        self._available_bytes = available_bytes
        header = read_header(memory)
        header = msgspec.structs.replace(header, size_bytes=min(header.size_bytes, available_bytes))
        self.type: UUID = header.type
        self._queues = []
        for index, name in enumerate(queue_names(header.type)):
            place = queue_place(memory, header, index)
            head, sent = self._progress(place)
            held = min(sent, place.slot_count - 1) if behind else 0
            head = (head - held) % place.slot_count
            self._queues.append(_TappedQueue(name, place, head, sent - held))

    def poll(self) -> list[TappedSignal | TapGap]:
        """Return what was sent since the last look; bounded by the slots of the queues."""
        return [row for queue in self._queues for row in self._poll(queue)]

    def _poll(self, queue: _TappedQueue) -> list[TappedSignal | TapGap]:
        slots = queue.place.slot_count
        head, sent = self._progress(queue.place)
        if head >= slots:
            return []
        # The count is written after the head and may be one behind it: the head says how many
        # signals are new, the count how often the queue went round meanwhile.
        new = (head - queue.head) % slots
        rounds = round((sent - queue.seen - new) / slots)
        if rounds < 0:
            queue.head, queue.seen = head, sent
            return [TapGap(queue=queue.name, missed=0)]
        total = new + rounds * slots
        shown = min(total, slots - 1)
        queue.head, queue.seen = head, queue.seen + total
        gap = [TapGap(queue=queue.name, missed=total - shown)] if total > shown else []
        return [*gap, *(self._signal(queue, back) for back in range(shown - 1, -1, -1))]

    def _signal(self, queue: _TappedQueue, back: int) -> TappedSignal:
        place = queue.place
        slot = (queue.head - back) % place.slot_count
        offset = place.slots_offset + slot * place.signal_size_bytes
        data = self._memory.read(offset, place.signal_size_bytes)
        sentence = self._describe(queue.name, data)
        number = queue.seen - back
        return TappedSignal(queue=queue.name, number=number, sentence=sentence, data=data)

    def _progress(self, place: QueuePlace) -> tuple[int, int]:
        """Return the head and the count of sent signals."""
        head = self._memory.read(place.header_offset + _HEAD, 4)
        count = self._memory.read(place.header_offset + _SENT_COUNT, 8)
        return int.from_bytes(head, "little"), int.from_bytes(count, "little")

    def _describe(self, queue: str, data: bytes) -> str:
        if self.type == GUID_CONTROL and len(data) == CONTROL_MESSAGE_SIZE_BYTES:
            return describe_control_message(decode_message(data))
        if self.type == GUID_COMMAND and len(data) == COMMAND_SIGNAL_SIZE_BYTES:
            return self._describe_command(queue, data)
        return f"{len(data)} bytes: {data[:16].hex(' ')}"

    def _describe_command(self, queue: str, data: bytes) -> str:
        request, offset, size, kind, _ = _SIGNAL.unpack(data)
        place = field_offset("command_channel", "request_payload_offset")
        areas = _AREAS.unpack(self._memory.read(place, _AREAS.size))
        area, area_size = (areas[0], areas[2]) if queue == "request" else (areas[1], areas[3])
        begin = f"{request}: "
        inside = offset + size <= area_size and area + area_size <= self._available_bytes
        if not inside or kind not in set(CommandKind):
            return f"{begin}kind {kind}, {size} bytes at {offset:#x}: no message"
        payload = self._memory.read(area + offset, size)
        decode = decode_request if kind == CommandKind.REQUEST else decode_answer
        try:
            return begin + str(decode(payload))
        except ProtocolError as wrong:
            return f"{begin}{wrong.message}"


def describe_control_message(message: ControlMessage) -> str:
    """Return what a control message says, in one line."""
    words = [message.name, f"handle={message.handle}"]
    if not isinstance(message.packet, UnknownPacket):
        fields = msgspec.structs.asdict(message.packet)
        words += [f"{name}={_show(value)}" for name, value in fields.items() if _is_set(value)]
    words += [str(flag.name).lower() for flag in ControlFlag if message.flags & flag]
    if message.completion_status:
        words.append(f"status={status_name(message.completion_status)}")
    if message.payload_size_bytes:
        words.append(f"payload={message.payload_size_bytes}@{message.payload_offset:#x}")
    return " ".join(words)


def _is_set(value: object) -> bool:
    """Say whether a field of a packet says anything."""
    return value not in (0, GUID_NONE, Interrupt()) and value != bytes(8)


def _show(value: object) -> str:
    if isinstance(value, Interrupt):
        return f"{value.send_handle}/{value.receive_handle}"
    return type_name(value) if isinstance(value, UUID) else str(value)


assert _SIGNAL.size == codec("command_signal").size_bytes
