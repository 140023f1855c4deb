# SPDX-License-Identifier: GPL-2.0-or-later
"""The database's records as rows of the view: who owns and may do what, as monitors read it.

Owns which record is in the view and in which row, and patches only what changed. Rows stay where
they are as long as their partition or channel lives, for a monitor compares rows. Called by the
ultravisor program for each publication; knows no SQL and no bytes.

A partition is in the view once its image is laid (its layout is known) until that is taken away; a
channel or link, while both its ends are, and a channel is mapped; a device, while its owner is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ultravisor.machine.abi import (
    CHANNEL_END_WRITABLE,
    CHANNEL_LIMIT,
    EVENT_LINK_LIMIT,
    EXTENT_LIMIT,
    SLOT_DONATES,
    VIEW_DEVICE_ACTIVE,
    VIRTUAL_PROCESSOR_LIMIT,
    PartitionKind,
    ViewState,
)
from ultravisor.partitions.channel_types import TYPE_CONTROL
from ultravisor.partitions.record_mirror import RecordMirror
from ultravisor.partitions.row_runs import RowRuns
from ultravisor.partitions.view_records import (
    ChannelRow,
    DeviceRow,
    EndRow,
    ExtentRow,
    LinkRow,
    PartitionRow,
    SlotRow,
    VirtualProcessorRow,
    decode_layout,
)
from ultravisor.resources import records
from ultravisor.resources.records import REACHABLE, DeviceState, PartitionState, ProcessorState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ultravisor.partitions.view_records import RowPlaces, ViewBody
    from ultravisor.resources.changes import Change
    from ultravisor.resources.records import Channel, ChannelEnd, Device, Link, Partition

_KINDS: Final = {
    records.PartitionKind.GUEST: PartitionKind.GUEST,
    records.PartitionKind.IO: PartitionKind.IO,
    records.PartitionKind.HOSTED: PartitionKind.HOSTED,
}
_STATES: Final = {
    PartitionState.READY: ViewState.STOPPED,
    PartitionState.RUNNING: ViewState.RUNNING,
    PartitionState.PAUSED: ViewState.PAUSED,
    PartitionState.STOPPED: ViewState.STOPPED,
    PartitionState.FAILED: ViewState.STOPPED,
}
_CONTROL_GUID: Final = str(TYPE_CONTROL)
LinkKey = tuple[int, int]


class ViewRows:
    """The view's rows as they are; `patch` writes what changes make different."""

    def __init__(self) -> None:
        """Begin with an empty view."""
        self.mirror = self._mirror = RecordMirror()
        self._extent_runs: RowRuns[int] = RowRuns(EXTENT_LIMIT)
        self._processor_runs: RowRuns[int] = RowRuns(VIRTUAL_PROCESSOR_LIMIT)
        self._channel_runs: RowRuns[int] = RowRuns(CHANNEL_LIMIT)
        self._link_runs: RowRuns[LinkKey] = RowRuns(EVENT_LINK_LIMIT)
        self._rows: dict[tuple[str, int], object] = {}
        self._devices: set[int] = set()
        self._counts: tuple[int, ...] = ()
        self.revokes = False
        """Whether the last patch took something out of the view."""
        self.row_count = 0
        """How many rows the last patch wrote."""

    def rebuild(self, changes: Iterable[Change], places: RowPlaces, body: ViewBody) -> None:
        """Write everything anew after a restart, in the rows in which it was.

        `changes` insert all records that there are.
        """
        body.clear()
        touched = self._mirror.apply(changes)
        for number in touched["partition"]:
            if self._in_view(number) is not None:
                _seed(self._extent_runs, number, places.extents.get(number))
                _seed(self._processor_runs, number, places.virtual_processors.get(number))
        for channel in touched["channel"]:
            if self.shows_channel(channel) and channel in places.channels:
                self._channel_runs.seed(channel, _one(places.channels[channel]))
        for key in self._mirror.keys_touched("link"):
            link = cast("LinkKey", key)
            if self._shows_link(link) and link in places.links:
                self._link_runs.seed(link, _one(places.links[link]))
        self._write(touched, body)

    def patch(self, changes: Iterable[Change], body: ViewBody) -> None:
        """Take in the changes of whole transactions, in order, and write the rows that differ."""
        self._write(self._mirror.apply(changes), body)

    def _write(self, touched: dict[str, set[int]], body: ViewBody) -> None:
        self.revokes = False
        self.row_count = 0
        partitions = touched["partition"] | touched["extent"] | touched["virtual_processor"]
        channels = touched["channel"] | touched["channel_end"]
        links = {cast("LinkKey", key) for key in self._mirror.keys_touched("link")}
        processors = set(touched["slot"])
        devices = set(touched["device"])
        for number in sorted(partitions):
            if self._write_partition(number, body):
                channels |= self._mirror.channels_of(number)
                links |= self._mirror.links_of(number)
                processors |= self._mirror.processors_of(number)
                devices |= {row.id for row in self._mirror.devices_of(number)}
        owners: set[int] = set()
        for channel in sorted(channels):
            owners |= self._write_channel(channel, body)
        for key in sorted(links):
            self._write_link(key, body)
        for device in sorted(devices):
            self._write_device(device, body)
        for number in sorted(owners):
            self._write_partition(number, body)
        for processor in sorted(processors):
            self._write_slots(processor, body)
        self._write_counts(body)

    def _in_view(self, number: int) -> Partition | None:
        row = self._mirror.partition(number)
        if row is None or not row.layout or row.state not in _STATES or row.kind not in _KINDS:
            return None
        return row

    def _write_partition(self, number: int, body: ViewBody) -> bool:
        """Write a partition, its extents and virtual processors; say whether others follow."""
        row = self._in_view(number)
        extents = self._mirror.extents(number) if row is not None else []
        owned = self._mirror.virtual_processors(number) if row is not None else []
        was_extents, was_processors = (
            self._extent_runs.get(number),
            self._processor_runs.get(number),
        )
        runs = self._extent_runs.resize(number, len(extents))
        processors = self._processor_runs.resize(number, len(owned))
        for index in (*was_extents, *runs):
            place = index - runs.start
            extent = extents[place] if index in runs else None
            new = None
            if extent is not None:
                new = ExtentRow(
                    number, extent.guest_frame, extent.machine_frame, extent.frame_count
                )
            if self._put("extent", index, new):
                body.set_extent(index, new)
        for index in (*was_processors, *processors):
            virtual = owned[index - processors.start] if index in processors else None
            seat = None
            if virtual is not None:
                seat = VirtualProcessorRow(number, virtual.index, virtual.processor)
            if self._put("virtual_processor", index, seat):
                body.set_virtual_processor(index, seat)
        had = self._rows.get(("partition", number)) is not None
        wanted = None if row is None else self._partition_row(row, runs, processors)
        if self._put("partition", number, wanted):
            body.set_partition(number, wanted)
        return had != (row is not None) or was_processors != processors

    def _partition_row(self, row: Partition, extents: range, processors: range) -> PartitionRow:
        return PartitionRow(
            id=row.number,
            kind=_KINDS[row.kind],
            width=row.width,
            rights=row.rights,
            first_extent=extents.start,
            extent_count=len(extents),
            first_virtual_processor=processors.start,
            virtual_processor_count=len(processors),
            layout=decode_layout(row.layout),
            name=row.name,
            state=_STATES[row.state],
            incarnation=row.incarnation,
            control_channel=self._control_row(row.number),
        )

    def _control_row(self, number: int) -> int:
        for channel in sorted(self._mirror.channels_of(number)):
            row, ends = self._mirror.channel(channel), self._mirror.ends(channel)
            is_control = row is not None and row.type_guid == _CONTROL_GUID
            if is_control and ends[0].partition == number and self._channel_runs.get(channel):
                return 1 + self._channel_runs.get(channel).start
        return 0

    @property
    def channels(self) -> frozenset[int]:
        """Return the channels that are in the view."""
        return self._channel_runs.owners

    def shows_channel(self, channel: int) -> bool:
        """Say whether a channel is to be in the view."""
        row, ends = self._mirror.channel(channel), self._mirror.ends(channel)
        return (
            row is not None
            and row.state in REACHABLE
            and all(self._in_view(end.partition) is not None for end in ends)
        )

    def _shows_link(self, key: LinkKey) -> bool:
        link = self._mirror.link(key)
        return link is not None and all(
            self._in_view(number) is not None for number in (link.partition, link.target_partition)
        )

    def _write_channel(self, channel: int, body: ViewBody) -> set[int]:
        """Write a channel; return the partitions whose rows name it."""
        row, ends = self._mirror.channel(channel), self._mirror.ends(channel)
        shown = self.shows_channel(channel)
        was = self._channel_runs.get(channel)
        run = self._channel_runs.resize(channel, int(shown))
        new = _channel_row(row, ends) if shown and row is not None else None
        for index in run or was:
            if self._put("channel", index, new):
                body.set_channel(index, new)
        return {end.partition for end in ends[:1]} if was != run else set()

    def _write_link(self, key: LinkKey, body: ViewBody) -> None:
        link = self._mirror.link(key)
        shown = self._shows_link(key)
        was = self._link_runs.get(key)
        run = self._link_runs.resize(key, int(shown))
        new = _link_row(link) if shown and link is not None else None
        for index in run or was:
            if self._put("link", index, new):
                body.set_link(index, new)

    def _write_device(self, device: int, body: ViewBody) -> None:
        """Write a device; those without registers are nothing to a monitor."""
        row = self._mirror.device(device)
        new = None
        if row is not None and row.owner is not None and row.frame_count:
            new = _device_row(row) if self._in_view(row.owner) is not None else None
        if new is None:
            self._devices.discard(device)
        else:
            self._devices.add(device)
        if self._put("device", device - 1, new):
            body.set_device(device - 1, new)

    def _write_slots(self, processor: int, body: ViewBody) -> None:
        """Write a processor's map: the slots of those that are in the view and online."""
        rows = []
        for slot in self._mirror.slots(processor):
            virtual = self._mirror.virtual_processor(slot.partition, slot.index)
            run = self._processor_runs.get(slot.partition)
            if not run or virtual is None or virtual.state is not ProcessorState.ONLINE:
                continue
            flags = SLOT_DONATES if slot.donates else 0
            rows.append(SlotRow(run.start + slot.index, flags, slot.quantum_cycles))
        if self._put("slots", processor, tuple(rows)):
            body.set_slots(processor, tuple(rows))

    def _write_counts(self, body: ViewBody) -> None:
        counts = (
            self._processor_runs.end,
            self._extent_runs.end,
            self._link_runs.end,
            self._channel_runs.end,
            max(self._devices, default=0),
        )
        if counts != self._counts:
            self._counts = counts
            body.set_counts(*counts)

    def _put(self, table: str, index: int, new: object) -> bool:
        """Note what a row is to be; say whether that is new."""
        old = self._rows.get((table, index))
        if old == new:
            return False
        if new is None:
            del self._rows[table, index]
        else:
            self._rows[table, index] = new
        self.revokes = self.revokes or _takes_away(old, new)
        self.row_count += 1
        return True


def _seed(runs: RowRuns[int], owner: int, place: tuple[int, int] | None) -> None:
    if place is not None and place[1]:
        runs.seed(owner, range(place[0], sum(place)))


def _one(row: int) -> range:
    return range(row, row + 1)


def _channel_row(row: Channel, ends: list[ChannelEnd]) -> ChannelRow:
    first, second = (
        EndRow(
            end.partition, end.guest_frame, end.port, CHANNEL_END_WRITABLE if end.writable else 0
        )
        for end in ends
    )
    return ChannelRow(row.id, row.machine_frame, row.frame_count, (first, second))


def _device_row(row: Device) -> DeviceRow:
    assert row.owner is not None
    flags = VIEW_DEVICE_ACTIVE if row.state is DeviceState.OPERATING else 0
    return DeviceRow(
        row.id,
        row.owner,
        row.port,
        flags,
        row.machine_frame,
        row.frame_count,
        row.guest_frame,
    )


def _link_row(row: Link) -> LinkRow:
    return LinkRow(
        row.partition, row.port, row.target_partition, row.target_port, row.target_processor
    )


def _takes_away(old: object, new: object) -> bool:
    """Say whether something that a partition could reach is no longer there."""
    match old, new:
        case ExtentRow(), ExtentRow():
            grows = new.frame_count >= old.frame_count
            same = (old.partition, old.guest_frame, old.machine_frame) == (
                new.partition,
                new.guest_frame,
                new.machine_frame,
            )
            return not (same and grows)
        case DeviceRow(), DeviceRow():
            return old.partition != new.partition or bool(old.flags & ~new.flags)
        case ((ExtentRow() | ChannelRow() | LinkRow() | DeviceRow()), _):
            return True
        case PartitionRow(), None:
            return True
    return False
