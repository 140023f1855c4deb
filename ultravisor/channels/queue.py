# SPDX-License-Identifier: GPL-2.0-or-later
"""A queue of signals of a fixed size, and the two ends of it.

Owns the published rules: a signal goes into the slot behind the head, one slot stays empty, the
first signal goes into slot 1. Each end keeps the sizes and its own index to itself, reads the
other end's index once when it needs it, and checks it. One producer and one consumer a queue; on
a machine that runs meanwhile, each end is used by one party at a time.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.structures import codec, field_offset
from ultravisor.machine.abi import (
    CHANNEL_SIGNAL_LIMIT,
    CHANNEL_SLOT_LIMIT,
    CHANNEL_SLOT_MINIMUM,
    QUEUE_HEADER_SIZE_BYTES,
    QueueError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.channels.memory import ChannelMemory

_STRUCTURE: Final = "signal_queue_header"
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_RECEIVED: Final = struct.Struct("<QI")
_SENT_COUNT: Final = field_offset(_STRUCTURE, "sent_count")
_OVERFLOW_COUNT: Final = field_offset(_STRUCTURE, "overflow_count")
_HEAD: Final = field_offset(_STRUCTURE, "head")
_RECEIVED_COUNT: Final = field_offset(_STRUCTURE, "received_count")
_TAIL: Final = field_offset(_STRUCTURE, "tail")
_EMPTY_COUNT: Final = field_offset(_STRUCTURE, "empty_count")
_ERROR_FLAGS: Final = field_offset(_STRUCTURE, "error_flags")
_COUNT_MASK: Final = (1 << 64) - 1


class Insertion(IntEnum):
    """What became of a signal."""

    FULL = 0
    """It was not sent; the queue's overflow count says so, too."""
    SENT = 1
    NOTIFY = 2
    """It was sent into an empty queue: the consumer may be waiting for an event."""


class QueuePlace(NamedTuple):
    """Where a queue lies in its channel, and how its slots are cut; all in bytes from its start."""

    header_offset: int
    slots_offset: int
    slot_count: int
    signal_size_bytes: int

    @property
    def end_offset(self) -> int:
        """Return the offset behind the last slot."""
        return self.slots_offset + self.slot_count * self.signal_size_bytes

    def check(self, channel_size_bytes: int) -> None:
        """Refuse a queue that does not fit its channel or the contract's limits."""
        where = f"queue at {self.header_offset:#x}"
        if not CHANNEL_SLOT_MINIMUM <= self.slot_count <= CHANNEL_SLOT_LIMIT:
            raise ChannelError(
                f"{where}: {self.slot_count} slots; "
                f"{CHANNEL_SLOT_MINIMUM} to {CHANNEL_SLOT_LIMIT} are possible"
            )
        if not 0 < self.signal_size_bytes <= CHANNEL_SIGNAL_LIMIT:
            raise ChannelError(
                f"{where}: signals of {self.signal_size_bytes} bytes; "
                f"1 to {CHANNEL_SIGNAL_LIMIT} are possible"
            )
        inside = self.header_offset + QUEUE_HEADER_SIZE_BYTES <= channel_size_bytes
        behind = self.slots_offset >= self.header_offset + QUEUE_HEADER_SIZE_BYTES
        if not inside or not behind or self.end_offset > channel_size_bytes:
            raise ChannelError(
                f"{where}: slots from {self.slots_offset:#x} to {self.end_offset:#x} do not fit "
                f"between the header and the channel's end, {channel_size_bytes:#x}"
            )


def build_queue(memory: ChannelMemory, place: QueuePlace) -> None:
    """Write the header of an empty queue: the server's part."""
    header = {
        "size_bytes": place.slot_count * place.signal_size_bytes,
        "slots_offset": place.slots_offset - place.header_offset,
        "signal_size_bytes": place.signal_size_bytes,
        "slot_count": place.slot_count,
        "signal_limit": place.slot_count - 1,
    }
    memory.write(place.header_offset, codec(_STRUCTURE).encode(header))


def read_queue_place(
    memory: ChannelMemory, header_offset: int, channel_size_bytes: int
) -> QueuePlace:
    """Read where a queue lies, as a client has to, and check it. Raises ChannelError."""
    if not 0 <= header_offset <= channel_size_bytes - QUEUE_HEADER_SIZE_BYTES:
        raise ChannelError(
            f"queue header at {header_offset:#x}: behind the channel's end, {channel_size_bytes:#x}"
        )
    row = codec(_STRUCTURE).decode(memory.read(header_offset, QUEUE_HEADER_SIZE_BYTES))
    slots_offset, slot_count, size = (
        row[name] for name in ("slots_offset", "slot_count", "signal_size_bytes")
    )
    assert isinstance(slots_offset, int)
    assert isinstance(slot_count, int)
    assert isinstance(size, int)
    place = QueuePlace(header_offset, header_offset + slots_offset, slot_count, size)
    place.check(channel_size_bytes)
    return place


class _End:
    """What both ends of a queue have."""

    __slots__ = ("_memory", "_offset", "_slot_count", "error", "place")

    def __init__(self, memory: ChannelMemory, place: QueuePlace) -> None:
        self._memory = memory
        self._offset = place.header_offset
        self._slot_count = place.slot_count
        self.place = place
        self.error: PeerError | None = None
        """The first reason why this end does not go on; kept."""

    def _read_count(self, offset: int) -> int:
        count: int = _U64.unpack(self._memory.read(self._offset + offset, 8))[0]
        return count

    def _read_index(self, offset: int, flag: QueueError) -> int:
        """Read one of the indices once; one that is no slot ends the use of the queue."""
        index: int = _U32.unpack(self._memory.read(self._offset + offset, 4))[0]
        if index < self._slot_count:
            return index
        flags = self._offset + _ERROR_FLAGS
        old: int = _U32.unpack(self._memory.read(flags, 4))[0]
        self._memory.write(flags, _U32.pack(old | flag))
        name = "head" if flag is QueueError.HEAD else "tail"
        self.error = PeerError(
            f"queue at {self._offset:#x}: {name} {index} is no slot of {self._slot_count}"
        )
        raise self.error


class Producer(_End):
    """The sending end. It goes on from the head that is in memory."""

    __slots__ = ("_head", "_slots", "_tail", "overflow_count", "sent_count")

    def __init__(self, memory: ChannelMemory, place: QueuePlace) -> None:
        """Attach to a queue that has been built. Raises PeerError."""
        super().__init__(memory, place)
        self._slots = place.slots_offset
        self._head = self._read_index(_HEAD, QueueError.HEAD)
        self._tail = self._read_index(_TAIL, QueueError.TAIL)
        self.sent_count = self._read_count(_SENT_COUNT)
        self.overflow_count = self._read_count(_OVERFLOW_COUNT)

    def insert(self, signal: bytes) -> Insertion:
        """Send one signal. Raises PeerError, also when it has been sent but the tail is wrong."""
        if self.error is not None:
            raise self.error
        size = self.place.signal_size_bytes
        assert len(signal) == size, f"signals have {size} bytes, not {len(signal)}"
        head = self._head
        following = head + 1
        if following == self._slot_count:
            following = 0
        if following == self._tail and following == self.refresh():
            self._count_overflow()
            return Insertion.FULL
        memory, offset = self._memory, self._offset
        memory.write(self._slots + following * size, signal)
        memory.write(offset + _HEAD, _U32.pack(following))
        self._head = following
        self.sent_count = (self.sent_count + 1) & _COUNT_MASK
        memory.write(offset + _SENT_COUNT, _U64.pack(self.sent_count))
        # Read after the head was published: a consumer that saw the queue empty before is seen.
        return Insertion.NOTIFY if self.refresh() == head else Insertion.SENT

    def insert_run(self, signals: Sequence[bytes]) -> Insertion:
        """Send several signals for which there is room, and publish them together.

        What is read and written does not grow with their number. Raises PeerError, also when they
        have been sent but the tail is wrong.
        """
        if self.error is not None:
            raise self.error
        head, count = self._head, len(signals)
        assert count <= self._slot_count - 1 - self.outstanding, "there is room for all of them"
        if count == 0:
            return Insertion.SENT
        self._write_slots(head + 1, b"".join(signals))
        memory, offset = self._memory, self._offset
        self._head = (head + count) % self._slot_count
        memory.write(offset + _HEAD, _U32.pack(self._head))
        self.sent_count = (self.sent_count + count) & _COUNT_MASK
        memory.write(offset + _SENT_COUNT, _U64.pack(self.sent_count))
        # As for one: a tail that is still where the head was says that the queue was empty.
        return Insertion.NOTIFY if self.refresh() == head else Insertion.SENT

    def _write_slots(self, first: int, data: bytes) -> None:
        """Write slots from one on, and go on at slot 0 behind the last."""
        size = self.place.signal_size_bytes
        room = (self._slot_count - first) * size
        if room:
            self._memory.write(self._slots + first * size, data[:room])
        if len(data) > room:
            self._memory.write(self._slots, data[room:])

    def room(self, wanted: int) -> int:
        """Return how many signals can be sent; the tail is read where they seem fewer than wanted.

        Raises PeerError.
        """
        found = self._slot_count - 1 - self.outstanding
        if found < wanted:
            self.refresh()
            found = self._slot_count - 1 - self.outstanding
        return found

    def refresh(self) -> int:
        """Read how far the consumer is, and return that slot. Raises PeerError."""
        self._tail = self._read_index(_TAIL, QueueError.TAIL)
        return self._tail

    @property
    def outstanding(self) -> int:
        """Return how many signals were not yet removed when the tail was last read."""
        return (self._head - self._tail) % self._slot_count

    def read_outstanding(self) -> int:
        """Return how many signals are not yet removed. Raises PeerError."""
        self.refresh()
        return self.outstanding

    @property
    def is_full(self) -> bool:
        """Say whether the next signal would not be sent. Raises PeerError."""
        following = (self._head + 1) % self._slot_count
        return following == self._tail and following == self.refresh()

    def _count_overflow(self) -> None:
        self.overflow_count = (self.overflow_count + 1) & _COUNT_MASK
        self._memory.write(self._offset + _OVERFLOW_COUNT, _U64.pack(self.overflow_count))


class Consumer(_End):
    """The receiving end. It goes on from the tail that is in memory."""

    __slots__ = ("_head", "_peeked", "_slots", "_tail", "empty_count", "received_count")

    def __init__(self, memory: ChannelMemory, place: QueuePlace) -> None:
        """Attach to a queue that has been built. Raises PeerError."""
        super().__init__(memory, place)
        self._slots = place.slots_offset
        self._tail = self._read_index(_TAIL, QueueError.TAIL)
        self._head = self._tail
        self._peeked: bytes | None = None
        self.received_count = self._read_count(_RECEIVED_COUNT)
        self.empty_count = self._read_count(_EMPTY_COUNT)

    def peek(self) -> bytes | None:
        """Return the next signal, copied once, and leave it in the queue. Raises PeerError."""
        if self._peeked is not None:
            return self._peeked
        if self.error is not None:
            raise self.error
        if self._head == self._tail:
            self._head = self._read_index(_HEAD, QueueError.HEAD)
            if self._head == self._tail:
                self.empty_count = (self.empty_count + 1) & _COUNT_MASK
                count = _U64.pack(self.empty_count)
                self._memory.write(self._offset + _EMPTY_COUNT, count)
                return None
        size = self.place.signal_size_bytes
        self._peeked = self._memory.read(self._slots + self._following() * size, size)
        return self._peeked

    def advance(self, count: int = 1) -> None:
        """Give the slots of peeked signals back to the producer, the oldest first."""
        assert self._peeked is not None, "only a signal that was peeked at can be given back"
        self._peeked = None
        self._tail = (self._tail + count) % self._slot_count
        self.received_count = (self.received_count + count) & _COUNT_MASK
        # Count and tail lie side by side: one access, and both are this end's own.
        both = _RECEIVED.pack(self.received_count, self._tail)
        self._memory.write(self._offset + _RECEIVED_COUNT, both)

    def peek_run(self, limit: int) -> list[bytes]:
        """Return up to `limit` signals, copied once, and leave them in the queue.

        What is read beside them is the head, once, where none is known to wait. Raises PeerError.
        """
        first = self.peek()
        if first is None:
            return []
        count, size = self._slot_count, self.place.signal_size_bytes
        waiting = min((self._head - self._tail) % count, limit) - 1
        following = (self._tail + 2) % count
        behind = min(waiting, count - following)
        data = b""
        if behind > 0:
            data = self._memory.read(self._slots + following * size, behind * size)
        if waiting > behind:
            data += self._memory.read(self._slots, (waiting - behind) * size)
        return [first, *(data[at : at + size] for at in range(0, len(data), size))]

    def remove(self) -> bytes | None:
        """Return the next signal and give its slot back; None: there is none. Raises PeerError."""
        signal = self.peek()
        if signal is not None:
            self.advance()
        return signal

    def remove_all(self) -> list[bytes]:
        """Return the signals that are there now: at most one less than there are slots."""
        signals: list[bytes] = []
        while len(signals) < self._slot_count - 1:
            signal = self.remove()
            if signal is None:
                break
            signals.append(signal)
        return signals

    def _following(self) -> int:
        following = self._tail + 1
        return 0 if following == self._slot_count else following
