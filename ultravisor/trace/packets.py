# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets of a trace: tracks, and sequences of events on them.

Owns the numbers of the fields that we write of Perfetto's TracePacket, TrackDescriptor,
TrackEvent and InternedData, and the interning of names. Knows nothing of hosts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ultravisor.trace.wire import double, fixed, integer, message, tag, text, varint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Value = int | str
"""Of an annotation; of an Address the viewer shows hex digits."""
Annotations = tuple[tuple[str, Value], ...]

# Of message Trace.
PACKET: Final = tag(1, 2)
# Of message TracePacket.
TIMESTAMP: Final = tag(8, 0)
SEQUENCE_ID: Final = 10
TRACK_EVENT: Final = 11
INTERNED_DATA: Final = 12
SEQUENCE_FLAGS: Final = 13
TRACK_DESCRIPTOR: Final = 60
STATE_CLEARED: Final = 1
NEEDS_STATE: Final = 2
# Of message TrackDescriptor.
EXPLICIT_ORDER: Final = 3
NEVER_MERGED: Final = 2
# Of message TrackEvent.
ANNOTATION: Final = 4
SLICE_BEGIN: Final = 1
SLICE_END: Final = 2
INSTANT: Final = 3
COUNTER: Final = 4
# Fields of message InternedData, by what is interned.
CATEGORIES: Final = 1
NAMES: Final = 2
ANNOTATION_NAMES: Final = 3
# Most values come again: arguments, results, costs of a path.
ANNOTATIONS_KEPT: Final = 1 << 16


class Address(int):
    """A number that is read in hex digits."""


def packet(data: bytes) -> bytes:
    """Return a packet as it stands in a file."""
    return PACKET + varint(len(data)) + data


def track(
    uuid: int, name: str, *, parent: int = 0, rank: int = 0, unit: str | None = None
) -> bytes:
    """Return the packet that describes a track; with a unit it is a counter's."""
    fields = integer(1, uuid) + text(2, name)
    if parent:
        fields += integer(5, parent)
    if unit is not None:
        fields += message(8, text(6, unit))
    fields += integer(11, EXPLICIT_ORDER) + integer(12, rank) + integer(15, NEVER_MERGED)
    return packet(message(TRACK_DESCRIPTOR, fields))


class PacketSequence:
    """Events in the order of time, whose names are written once; goes to `write`."""

    def __init__(self, number: int, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._head = integer(SEQUENCE_ID, number) + integer(SEQUENCE_FLAGS, NEEDS_STATE)
        # What is the same from event to event is encoded once.
        self._heads: dict[tuple[int, int, str, str], bytes] = {}
        self._ends: dict[int, bytes] = {}
        self._interned: dict[tuple[int, str], int] = {}
        self._new: list[bytes] = []
        flags = integer(SEQUENCE_FLAGS, STATE_CLEARED)
        write(packet(integer(SEQUENCE_ID, number) + flags))

    def begin(
        self,
        time_ns: int,
        track: int,
        name: str,
        category: str,
        annotations: Annotations = (),
        flows: Iterable[int] = (),
    ) -> None:
        """Open a slice; arrows lead from it to whoever ends these flows."""
        fields = self._named(SLICE_BEGIN, track, name, category, annotations)
        self._event(time_ns, fields + b"".join(fixed(47, flow) for flow in flows))

    def end(self, time_ns: int, track: int) -> None:
        """Close the slice that was opened last on a track."""
        event = self._ends.get(track)
        if event is None:
            fields = integer(9, SLICE_END) + integer(11, track)
            event = self._ends[track] = self._head + message(TRACK_EVENT, fields)
        self._write(packet(TIMESTAMP + varint(time_ns) + event))

    def instant(
        self,
        time_ns: int,
        track: int,
        name: str,
        category: str,
        annotations: Annotations = (),
        ended_flows: Iterable[int] = (),
    ) -> None:
        """Write a moment, at which these flows end."""
        fields = self._named(INSTANT, track, name, category, annotations)
        self._event(time_ns, fields + b"".join(fixed(48, flow) for flow in ended_flows))

    def counter(self, time_ns: int, track: int, value: float) -> None:
        """Write what a counter is from this moment on."""
        counted = integer(30, value) if isinstance(value, int) else double(44, value)
        self._event(time_ns, integer(9, COUNTER) + integer(11, track) + counted)

    def _named(
        self, kind: int, track: int, name: str, category: str, annotations: Annotations
    ) -> bytes:
        fields = self._heads.get((kind, track, name, category))
        if fields is None:
            fields = (
                integer(9, kind)
                + integer(11, track)
                + integer(10, self._intern(NAMES, name))
                + integer(3, self._intern(CATEGORIES, category))
            )
            self._heads[kind, track, name, category] = fields
        for key, value in annotations:
            number = self._interned.get((ANNOTATION_NAMES, key))
            if number is None:
                number = self._intern(ANNOTATION_NAMES, key)
            fields += _annotation(number, value, isinstance(value, Address))
        return fields

    def _event(self, time_ns: int, fields: bytes) -> None:
        data = TIMESTAMP + varint(time_ns) + self._head + message(TRACK_EVENT, fields)
        if self._new:
            data += message(INTERNED_DATA, b"".join(self._new))
            self._new.clear()
        self._write(packet(data))

    def _intern(self, kind: int, name: str) -> int:
        number = self._interned.get((kind, name))
        if number is None:
            number = self._interned[kind, name] = len(self._interned) + 1
            self._new.append(message(kind, integer(1, number) + text(2, name)))
        return number


@lru_cache(maxsize=ANNOTATIONS_KEPT)
def _annotation(key: int, value: Value, is_address: bool) -> bytes:
    """Return an annotation; an address is equal to a number that is none."""
    if isinstance(value, str):
        encoded = text(6, value)
    elif is_address:
        encoded = integer(7, value)
    else:
        encoded = integer(3, value) if value >= 0 else integer(4, value)
    return message(ANNOTATION, integer(1, key) + encoded)
