# SPDX-License-Identifier: GPL-2.0-or-later
"""Channels of one queue for tests, and memories that watch or falsify what is read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID

from ultravisor.channels.channel import ChannelHeader, build_channel
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import QueuePlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.channels.memory import ChannelMemory

TYPE = UUID("01234567-89ab-cdef-0123-456789abcdef")
HEADER_OFFSET = 128
SLOTS_OFFSET = 256
# Offsets inside a queue header, retyped.
FIELDS = {"sig_base_offset": 16, "sent": 32, "overflows": 40, "signal_size": 48, "max_slots": 52}
FIELDS |= {"head": 60, "received": 64, "tail": 72, "empty": 104, "errors": 112}


def one_queue(slot_count: int = 64, signal_size_bytes: int = 8) -> tuple[bytearray, QueuePlace]:
    """Return a channel with one empty queue that ends where the channel does."""
    place = QueuePlace(HEADER_OFFSET, SLOTS_OFFSET, slot_count, signal_size_bytes)
    buffer = bytearray(place.end_offset)
    build_one_queue(BufferMemory(buffer), place, len(buffer))
    return buffer, place


def build_one_queue(memory: ChannelMemory, place: QueuePlace, size_bytes: int) -> None:
    """Make a channel with one queue."""
    build_channel(memory, ChannelHeader(size_bytes=size_bytes, type=TYPE), (place,))


def field(buffer: bytearray, name: str, size_bytes: int = 4) -> int:
    """Return a field of the queue's header."""
    begin = HEADER_OFFSET + FIELDS[name]
    return int.from_bytes(buffer[begin : begin + size_bytes], "little")


class WatchedMemory:
    """A memory that counts how often each byte is read, and may change what is read."""

    def __init__(
        self, buffer: bytearray, change: Callable[[int, bytes], bytes] | None = None
    ) -> None:
        self._memory = BufferMemory(buffer)
        self._change = change
        self.read_counts: Counter[int] = Counter()
        self.written: Counter[int] = Counter()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return bytes, counted."""
        self.read_counts.update(range(offset, offset + size_bytes))
        data = self._memory.read(offset, size_bytes)
        return data if self._change is None else self._change(offset, data)

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes, counted."""
        self.written.update(range(offset, offset + len(data)))
        self._memory.write(offset, data)

    def forget(self) -> None:
        """Begin to count again."""
        self.read_counts.clear()
        self.written.clear()
