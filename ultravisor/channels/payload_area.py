# SPDX-License-Identifier: GPL-2.0-or-later
"""The area beside a queue in which its signals' payloads lie, as the sender keeps it.

Owns which bytes are in use, in the sender's own memory. Payloads are given out in the order of
the signals and are free again in that order; the sender says how many are still in use.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


class SavedArea(msgspec.Struct, frozen=True):
    """What must be known to lay the next payloads where they would have been laid."""

    position: int
    freed: int
    ends: tuple[int, ...]


class PayloadArea:
    """A ring of bytes; one payload a signal, each in one piece."""

    __slots__ = ("_ends", "_freed", "_position", "size_bytes")

    def __init__(self, size_bytes: int, outstanding: int) -> None:
        """Begin; signals that are on their way already may use all of the area."""
        self.size_bytes = size_bytes
        # Positions only grow; the place in the area is the remainder.
        self._position = size_bytes if outstanding else 0
        self._freed = 0
        self._ends = deque([0] * (outstanding - 1) + [size_bytes] if outstanding else [])

    def save(self) -> SavedArea:
        """Return what must be known to go on exactly."""
        return SavedArea(self._position, self._freed, tuple(self._ends))

    def load(self, saved: SavedArea) -> None:
        """Go on from what was saved; the area is as it was then."""
        self._position, self._freed = saved.position, saved.freed
        self._ends = deque(saved.ends)

    def place(self, payload_size_bytes: int, outstanding: Callable[[], int]) -> int | None:
        """Return the offset for the payload of the next signal; None: wait for the receiver.

        `outstanding` says how many of the last signals may still be read; it is asked only when
        there seems to be no room. `take` makes the place used.
        """
        assert payload_size_bytes <= self.size_bytes, "a payload fits its area"
        if payload_size_bytes == 0:
            return 0
        start = self._start(payload_size_bytes)
        if start + payload_size_bytes - self._freed > self.size_bytes:
            self._free(outstanding())
            start = self._start(payload_size_bytes)
            if start + payload_size_bytes - self._freed > self.size_bytes:
                return None
        return start % self.size_bytes

    def take(self, payload_size_bytes: int) -> None:
        """Count what `place` said as used: the signal has been sent."""
        self._position = self._start(payload_size_bytes) + payload_size_bytes
        self._ends.append(self._position)

    def _start(self, payload_size_bytes: int) -> int:
        if payload_size_bytes == 0:
            return self._position
        left = -self._position % self.size_bytes
        return self._position + (left if payload_size_bytes > left else 0)

    def _free(self, outstanding: int) -> None:
        while len(self._ends) > outstanding:
            self._freed = self._ends.popleft()
        if not self._ends:
            # Empty: begin again at the start of the area, so that the largest payload fits.
            self._position = self._freed = 0
