# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of a view as typed records, and their bytes.

Owns the records and nothing of their meaning: layouts come from the generated contract
(ultravisor.machine.abi). Used by ultravisor.machine.views and by whoever computes rows. All
frames are numbers of 4 KiB frames, all times cycles.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ultravisor.machine.abi import STRUCTURES, PartitionKind, ViewChannelState, ViewState

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = {"uint16_t": "H", "uint32_t": "I", "uint64_t": "Q", "int64_t": "q"}
ARRAY = re.compile(r"(.+)\[(\d+)\]")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRow:
    """struct view_partition: what a partition is, may do and shall do."""

    id: int = 0
    kind: int = PartitionKind.UNUSED
    width: int = 64
    rights: int = 0
    first_extent: int = 0
    extent_count: int = 0
    first_virtual_processor: int = 0
    virtual_processor_count: int = 0
    entry_address: int = 0
    stack_top_address: int = 0
    start_page_address: int = 0
    hypercall_frame: int = 0
    time_frame: int = 0
    shared_first_frame: int = 0
    kernel_root_frame: int = 0
    table_first_frame: int = 0
    table_counts: tuple[int, ...] = (0, 0, 0, 0)
    name: str = ""
    state: int = ViewState.STOPPED
    incarnation: int = 0
    control_channel: int = 0
    reserved0: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualProcessorRow:
    """struct view_virtual_processor: whose it is, and where it runs."""

    partition: int = 0
    index: int = 0
    processor: int = 0
    reserved0: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtentRow:
    """struct view_extent: a run of frames of one partition."""

    partition: int = 0
    reserved0: int = 0
    guest_frame: int = 0
    machine_frame: int = 0
    frame_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """struct view_link: where an event that is sent arrives."""

    partition: int = 0
    port: int = 0
    target_partition: int = 0
    target_port: int = 0
    target_processor: int = 0
    reserved0: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRow:
    """struct view_slot: a quantum of a virtual processor; starts are computed."""

    virtual_processor: int = 0
    flags: int = 0
    start_cycles: int = 0
    quantum_cycles: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEndRow:
    """struct view_channel_end: where one end finds a channel, and what it may do."""

    partition: int = 0
    port: int = 0
    guest_frame: int = 0
    flags: int = 0
    reserved0: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """struct view_channel: frames that two partitions may map."""

    id: int = 0
    state: int = ViewChannelState.UNUSED
    machine_frame: int = 0
    frame_count: int = 0
    ends: tuple[ChannelEndRow, ChannelEndRow] = (ChannelEndRow(), ChannelEndRow())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """struct view_device: whose a device is, where its registers are, whether it may act."""

    id: int = 0
    partition: int = 0
    port: int = 0
    flags: int = 0
    machine_frame: int = 0
    frame_count: int = 0
    guest_frame: int = 0


NESTED: dict[str, type[Any]] = {"struct view_channel_end": ChannelEndRow}


@dataclass(frozen=True, slots=True)
class _FieldCodec:
    """How one field is made of values: plain, a string, an array, or nested rows."""

    name: str
    format: str
    count: int
    nested: Codec[Any] | None = None
    is_text: bool = False

    def values(self, value: Any) -> Iterator[Any]:
        """Return what is packed."""
        if self.is_text:
            yield value.encode()[: self.count - 1]
        elif self.nested is not None:
            for row in value:
                yield from self.nested.values(row)
        elif self.count > 1:
            yield from value
        else:
            yield value

    def read(self, values: Iterator[Any]) -> Any:
        """Return the field again."""
        if self.is_text:
            return next(values).split(b"\0")[0].decode("utf-8", "replace")
        if self.nested is not None:
            return tuple(self.nested.read(values) for _ in range(self.count))
        if self.count > 1:
            return tuple(next(values) for _ in range(self.count))
        return next(values)


class Codec(Generic[Row]):
    """Rows of one structure to bytes and back."""

    def __init__(self, structure: str, row: type[Row]) -> None:
        """Take the layout from the contract; padding is explicit there."""
        self._row = row
        self._fields = tuple(
            _field(field.name, field.type) for field in STRUCTURES[structure].fields
        )
        self._struct = struct.Struct("<" + self.format)
        self.size_bytes = self._struct.size
        assert self.size_bytes == STRUCTURES[structure].size_bytes, structure

    @property
    def format(self) -> str:
        """Return the structure's format for `struct`, without byte order."""
        return "".join(field.format for field in self._fields)

    def values(self, row: Row) -> Iterator[Any]:
        """Return the values of a row, flat."""
        for field in self._fields:
            yield from field.values(getattr(row, field.name))

    def read(self, values: Iterator[Any]) -> Row:
        """Return a row from flat values."""
        return self._row(**{field.name: field.read(values) for field in self._fields})

    def pack_into(self, buffer: Any, offset: int, row: Row) -> None:
        """Write a row; struct.error when a value does not fit its field."""
        self._struct.pack_into(buffer, offset, *self.values(row))

    def unpack_from(self, buffer: Any, offset: int) -> Row:
        """Read a row."""
        return self.read(iter(self._struct.unpack_from(buffer, offset)))


def _field(name: str, kind: str) -> _FieldCodec:
    match = ARRAY.fullmatch(kind)
    if match is None:
        return _FieldCodec(name, FORMATS[kind], 1)
    element, count = match[1], int(match[2])
    if element == "char":
        return _FieldCodec(name, f"{count}s", count, is_text=True)
    if element in NESTED:
        nested = Codec(element.removeprefix("struct "), NESTED[element])
        return _FieldCodec(name, nested.format * count, count, nested)
    return _FieldCodec(name, FORMATS[element] * count, count)


PARTITION = Codec("view_partition", PartitionRow)
VIRTUAL_PROCESSOR = Codec("view_virtual_processor", VirtualProcessorRow)
EXTENT = Codec("view_extent", ExtentRow)
LINK = Codec("view_link", LinkRow)
SLOT = Codec("view_slot", SlotRow)
CHANNEL = Codec("view_channel", ChannelRow)
DEVICE = Codec("view_device", DeviceRow)
