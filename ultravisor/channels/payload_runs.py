# SPDX-License-Identifier: GPL-2.0-or-later
"""Payloads of several signals, moved together: those that lie side by side, in one access.

Owns how accesses are joined. Called by a command channel's ends, which have checked the places;
knows no signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.channels.memory import ChannelMemory


def write_payloads(memory: ChannelMemory, base: int, payloads: Sequence[tuple[int, bytes]]) -> None:
    """Write payloads, each at its offset from `base`, in bytes."""
    begin = end = 0
    parts: list[bytes] = []
    for offset, data in payloads:
        if offset != end:
            if parts:
                memory.write(base + begin, b"".join(parts))
            begin, parts = offset, []
        parts.append(data)
        end = offset + len(data)
    if end > begin:
        memory.write(base + begin, b"".join(parts))


def read_payloads(
    memory: ChannelMemory, base: int, places: Sequence[tuple[int, int]]
) -> list[bytes]:
    """Return what lies at each offset from `base` and has a size, both in bytes.

    Places that overlap are read as often as they are named, and never grow an access: only one that
    begins where the last ended joins it.
    """
    found: list[bytes] = []
    place, count = 0, len(places)
    while place < count:
        begin, size = places[place]
        end, behind = begin + size, place + 1
        while behind < count and places[behind][0] == end:
            end += places[behind][1]
            behind += 1
        data = memory.read(base + begin, end - begin) if end > begin else b""
        found += [data[at - begin : at - begin + size] for at, size in places[place:behind]]
        place = behind
    return found
