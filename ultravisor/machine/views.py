# SPDX-License-Identifier: GPL-2.0-or-later
"""Views at run time: a candidate body, its rows, its publication.

Owns the Python face of native.h's machine_view_*: what the ultravisor partition is given to
publish with, between two runs of the machine. The monitor follows by itself; what a row means is
in monitor/abi/view.h. It must not know transactions or policies.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, TypeVar

from ultravisor.errors import ConfigurationError, MachineError
from ultravisor.machine.abi import (
    CHANNEL_LIMIT,
    DEVICE_LIMIT,
    EVENT_LINK_LIMIT,
    EXTENT_LIMIT,
    PARTITION_LIMIT,
    SLOT_LIMIT,
    STRUCTURES,
    VIRTUAL_PROCESSOR_LIMIT,
)
from ultravisor.machine.interface import FrameUse
from ultravisor.machine.native import check, ffi, lib
from ultravisor.machine.view_rows import (
    CHANNEL,
    DEVICE,
    EXTENT,
    LINK,
    PARTITION,
    SLOT,
    VIRTUAL_PROCESSOR,
    ChannelRow,
    Codec,
    DeviceRow,
    ExtentRow,
    LinkRow,
    PartitionRow,
    SlotRow,
    VirtualProcessorRow,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine.machine import Machine

Row = TypeVar("Row")

BODY = {field.name: field.offset for field in STRUCTURES["view_body"].fields}
PROCESSOR_SIZE_BYTES = STRUCTURES["view_processor"].size_bytes
SLOTS = {field.name: field.offset for field in STRUCTURES["view_processor"].fields}["slots"]
NUMBER = struct.Struct("<I")


class ViewBody:
    """A body of the view: all rows, to be changed one by one until it is published."""

    def __init__(self, machine: Machine, buffer: Any) -> None:
        """Take the machine's candidate; `buffer` is its memory."""
        self._machine = machine
        self._buffer = buffer
        self.is_open = True

    @property
    def virtual_processor_count(self) -> int:
        """Return how many rows of virtual processors count."""
        return self._number("virtual_processor_count")

    @virtual_processor_count.setter
    def virtual_processor_count(self, count: int) -> None:
        self._set_number("virtual_processor_count", count)

    @property
    def extent_count(self) -> int:
        """Return how many rows of extents count."""
        return self._number("extent_count")

    @extent_count.setter
    def extent_count(self, count: int) -> None:
        self._set_number("extent_count", count)

    @property
    def link_count(self) -> int:
        """Return how many rows of links count."""
        return self._number("link_count")

    @link_count.setter
    def link_count(self, count: int) -> None:
        self._set_number("link_count", count)

    @property
    def channel_count(self) -> int:
        """Return how many rows of channels count."""
        return self._number("channel_count")

    @channel_count.setter
    def channel_count(self, count: int) -> None:
        self._set_number("channel_count", count)

    @property
    def device_count(self) -> int:
        """Return how many rows of devices count."""
        return self._number("device_count")

    @device_count.setter
    def device_count(self, count: int) -> None:
        self._set_number("device_count", count)

    def partition(self, index: int) -> PartitionRow:
        """Return the row of a partition."""
        return self._row(PARTITION, "partitions", index, PARTITION_LIMIT)

    def set_partition(self, index: int, row: PartitionRow) -> None:
        """Set the row of a partition."""
        self._set_row(PARTITION, "partitions", index, PARTITION_LIMIT, row)

    def virtual_processor(self, index: int) -> VirtualProcessorRow:
        """Return the row of a virtual processor, by its global number."""
        return self._row(VIRTUAL_PROCESSOR, "virtual_processors", index, VIRTUAL_PROCESSOR_LIMIT)

    def set_virtual_processor(self, index: int, row: VirtualProcessorRow) -> None:
        """Set the row of a virtual processor, by its global number."""
        self._set_row(VIRTUAL_PROCESSOR, "virtual_processors", index, VIRTUAL_PROCESSOR_LIMIT, row)

    def extent(self, index: int) -> ExtentRow:
        """Return the row of an extent."""
        return self._row(EXTENT, "extents", index, EXTENT_LIMIT)

    def set_extent(self, index: int, row: ExtentRow) -> None:
        """Set the row of an extent; a partition's are consecutive."""
        self._set_row(EXTENT, "extents", index, EXTENT_LIMIT, row)

    def channel(self, index: int) -> ChannelRow:
        """Return the row of a channel."""
        return self._row(CHANNEL, "channels", index, CHANNEL_LIMIT)

    def set_channel(self, index: int, row: ChannelRow) -> None:
        """Set the row of a channel."""
        self._set_row(CHANNEL, "channels", index, CHANNEL_LIMIT, row)

    def device(self, index: int) -> DeviceRow:
        """Return the row of a device."""
        return self._row(DEVICE, "devices", index, DEVICE_LIMIT)

    def set_device(self, index: int, row: DeviceRow) -> None:
        """Set the row of a device: its registers are those that the machine gave its id."""
        self._set_row(DEVICE, "devices", index, DEVICE_LIMIT, row)

    def link(self, index: int) -> LinkRow:
        """Return the row of a link."""
        return self._row(LINK, "links", index, EVENT_LINK_LIMIT)

    def set_link(self, index: int, row: LinkRow) -> None:
        """Set the row of a link."""
        self._set_row(LINK, "links", index, EVENT_LINK_LIMIT, row)

    def slots(self, processor: int) -> tuple[SlotRow, ...]:
        """Return the cyclic map of a processor."""
        base = self._map(processor)
        (count,) = NUMBER.unpack_from(self._memory(), base)
        return tuple(
            SLOT.unpack_from(self._memory(), base + SLOTS + index * SLOT.size_bytes)
            for index in range(count)
        )

    def set_slots(self, processor: int, rows: Sequence[SlotRow]) -> None:
        """Set the cyclic map of a processor; starts and period are computed."""
        base = self._map(processor)
        if len(rows) > SLOT_LIMIT:
            raise ConfigurationError(f"processor {processor}: at most {SLOT_LIMIT} slots")
        for index, row in enumerate(rows):
            _pack(SLOT, self._memory(), base + SLOTS + index * SLOT.size_bytes, row)
        NUMBER.pack_into(self._memory(), base, len(rows))

    def _map(self, processor: int) -> int:
        count = self._machine.options.processor_count
        if not 0 <= processor < count:
            raise ConfigurationError(f"there is no processor {processor}: the machine has {count}")
        return BODY["processors"] + processor * PROCESSOR_SIZE_BYTES

    def _memory(self) -> Any:
        if not self.is_open or self._machine.closed:
            raise MachineError("this body has been published, or another one has been begun")
        return self._buffer

    def _number(self, name: str) -> int:
        value: int = NUMBER.unpack_from(self._memory(), BODY[name])[0]
        return value

    def _set_number(self, name: str, value: int) -> None:
        try:
            NUMBER.pack_into(self._memory(), BODY[name], value)
        except struct.error as failure:
            raise ConfigurationError(f"{name}: {failure}") from None

    def _row(self, codec: Codec[Row], table: str, index: int, limit: int) -> Row:
        return codec.unpack_from(self._memory(), _place(codec, table, index, limit))

    def _set_row(self, codec: Codec[Row], table: str, index: int, limit: int, row: Row) -> None:
        _pack(codec, self._memory(), _place(codec, table, index, limit), row)


def _place(codec: Codec[Any], table: str, index: int, limit: int) -> int:
    if not 0 <= index < limit:
        raise ConfigurationError(f"{table}: rows are 0 to {limit - 1}, not {index}")
    return BODY[table] + index * codec.size_bytes


def _pack(codec: Codec[Row], buffer: Any, offset: int, row: Row) -> None:
    try:
        codec.pack_into(buffer, offset, row)
    except struct.error as failure:
        raise ConfigurationError(f"{row!r}: {failure}") from None


class Views:
    """What publishes views of one machine; between two runs only."""

    def __init__(self, machine: Machine) -> None:
        """Stand for a machine that has booted, or will have when a view is begun."""
        self._machine = machine
        self._body: ViewBody | None = None

    def begin(self) -> ViewBody:
        """Return a candidate: a copy of the body in force. An earlier candidate is dropped."""
        body = ffi.new("uint8_t **")
        size_bytes = ffi.new("uint64_t *")
        self._check(lib.machine_view_begin(self._machine.handle, body, size_bytes))
        self._close()
        self._body = ViewBody(self._machine, ffi.buffer(body[0], size_bytes[0]))
        return self._body

    def publish(self) -> int:
        """Put the candidate in force; return its generation.

        ConfigurationError when it is wrong about the host: then the candidate stays as it is, to
        be corrected or dropped. What is wrong about one partition stops that partition.
        """
        generation = ffi.new("uint64_t *")
        self._check(lib.machine_view_publish(self._machine.handle, generation))
        self._close()
        return int(generation[0])

    def acknowledged(self) -> int:
        """Return the lowest generation that every processor has acknowledged.

        All that this generation, and every one before it, asked for is done: what it revoked is
        scrubbed and free. It rises while the machine runs.
        """
        return lib.machine_view_acknowledged(self._machine.handle)

    def use(self, first_frame: int, frame_count: int) -> FrameUse:
        """Return the strongest use of a run of frames.

        A cooperative release, of memory or of a channel, is one of frames that are not
        FrameUse.REFERENCED: anything else, when it is published, stops its partition.
        """
        return FrameUse(
            self._check(lib.machine_frames_use(self._machine.handle, first_frame, frame_count))
        )

    def first_frame(self) -> int:
        """Return the first frame that can be given to anybody."""
        return lib.machine_first_frame(self._machine.handle)

    def _close(self) -> None:
        if self._body is not None:
            self._body.is_open = False
            self._body = None

    def _check(self, code: int) -> int:
        return check(code, self._machine.handle)
