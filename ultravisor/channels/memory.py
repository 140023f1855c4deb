# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory that a channel lies in, as its ends see it.

Owns the protocol and two plain forms of it. What is read may have been written by a hostile
peer and may differ at the next read: whoever reads, reads once and checks.
"""

from __future__ import annotations

from typing import Protocol


class ChannelMemory(Protocol):
    """Access to one channel; offsets count in bytes from its start."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return a copy of some bytes."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Change some bytes."""
        ...


class GuestMemory(Protocol):
    """Access by guest-physical addresses, as a hosted partition's turn gives it."""

    def read(self, address: int, size_bytes: int) -> bytes:
        """Return a copy of some bytes."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Change some bytes."""
        ...


class BufferMemory:
    """A channel in a buffer of this process."""

    __slots__ = ("_view",)

    def __init__(self, buffer: bytearray | memoryview) -> None:
        self._view = memoryview(buffer).cast("B")

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return a copy of some bytes."""
        assert 0 <= offset <= offset + size_bytes <= len(self._view), "outside of the channel"
        return bytes(self._view[offset : offset + size_bytes])

    def write(self, offset: int, data: bytes) -> None:
        """Change some bytes."""
        assert 0 <= offset <= offset + len(data) <= len(self._view), "outside of the channel"
        self._view[offset : offset + len(data)] = data


class ChannelWindow:
    """A channel at a guest-physical address; `memory` may be replaced at every turn."""

    __slots__ = ("_address", "memory")

    def __init__(self, memory: GuestMemory, address: int) -> None:
        self.memory = memory
        self._address = address

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return a copy of some bytes."""
        return self.memory.read(self._address + offset, size_bytes)

    def write(self, offset: int, data: bytes) -> None:
        """Change some bytes."""
        self.memory.write(self._address + offset, data)
