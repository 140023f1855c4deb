# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a trace back by Perfetto's own descriptors, as its viewer would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as perfetto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENT = perfetto.TrackEvent


@dataclass
class Slice:
    """A slice, its children in it."""

    name: str
    category: str
    start: int
    end: int | None
    depth: int
    annotations: dict[str, Any]
    flows: list[int]

    @property
    def duration(self) -> int:
        assert self.end is not None, f"{self.name} is not closed"
        return self.end - self.start


@dataclass
class Track:
    """A track and everything on it."""

    name: str
    parent: str | None
    slices: list[Slice] = field(default_factory=list)
    instants: list[Slice] = field(default_factory=list)
    counts: list[tuple[int, float]] = field(default_factory=list)
    stack: list[Slice] = field(default_factory=list)

    def top(self) -> list[Slice]:
        return [row for row in self.slices if row.depth == 0]

    def of(self, category: str) -> list[Slice]:
        return [row for row in self.slices if row.category == category]


class Trace:
    """A trace whose sequences go forward in time, and whose names were all told."""

    def __init__(self, path: Path) -> None:
        self.packets = perfetto.Trace.FromString(path.read_bytes()).packet
        self._names: dict[tuple[int, str], dict[int, str]] = {}
        self._by_number: dict[int, Track] = {}
        times: dict[int, int] = {}
        for packet in self.packets:
            if packet.HasField("track_descriptor"):
                self._describe(packet.track_descriptor)
            if packet.HasField("track_event"):
                sequence = packet.trusted_packet_sequence_id
                assert packet.timestamp >= times.get(sequence, 0), "time goes back"
                times[sequence] = packet.timestamp
                self._intern(sequence, packet.interned_data)
                self._add(packet)

    @property
    def tracks(self) -> dict[str, Track]:
        rows = self._by_number.values()
        return {f"{row.parent}: {row.name}" if row.parent else row.name: row for row in rows}

    def all_slices(self, category: str) -> Iterator[Slice]:
        for track in self._by_number.values():
            yield from track.of(category)

    def is_balanced(self) -> bool:
        return not any(track.stack for track in self._by_number.values())

    def _describe(self, descriptor: Any) -> None:
        assert descriptor.uuid not in self._by_number
        parent = self._by_number[descriptor.parent_uuid].name if descriptor.parent_uuid else None
        self._by_number[descriptor.uuid] = Track(descriptor.name, parent)

    def _intern(self, sequence: int, data: Any) -> None:
        for kind in ("event_names", "event_categories", "debug_annotation_names"):
            names = self._names.setdefault((sequence, kind), {})
            names.update((row.iid, row.name) for row in getattr(data, kind))

    def _slice(self, packet: Any, depth: int) -> Slice:
        event, sequence = packet.track_event, packet.trusted_packet_sequence_id
        labels = self._names[sequence, "debug_annotation_names"]
        return Slice(
            name=self._names[sequence, "event_names"][event.name_iid],
            category=self._names[sequence, "event_categories"][event.category_iids[0]],
            start=packet.timestamp,
            end=None,
            depth=depth,
            annotations={
                labels[row.name_iid]: getattr(row, row.WhichOneof("value"))
                for row in event.debug_annotations
            },
            flows=[*event.flow_ids, *event.terminating_flow_ids],
        )

    def _add(self, packet: Any) -> None:
        event = packet.track_event
        track = self._by_number[event.track_uuid]
        if event.type == EVENT.TYPE_SLICE_BEGIN:
            opened = self._slice(packet, len(track.stack))
            track.slices.append(opened)
            track.stack.append(opened)
        elif event.type == EVENT.TYPE_SLICE_END:
            track.stack.pop().end = packet.timestamp
        elif event.type == EVENT.TYPE_INSTANT:
            track.instants.append(self._slice(packet, len(track.stack)))
        else:
            value = getattr(event, event.WhichOneof("counter_value_field"))
            track.counts.append((packet.timestamp, value))
