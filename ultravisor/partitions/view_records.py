# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of a view as typed records, and the way to the monitors.

Owns the shapes: a field is a field of monitor/abi/view.h, starts and periods of slots left out, for
they are computed. Made by view_rows, written by whoever has the machine; nothing here decides what
is in a view.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import Struct


class Layout(Struct, frozen=True, kw_only=True):
    """Where the loader put what a partition's row says; kept in the partition's record."""

    entry_address: int
    stack_top_address: int
    start_page_address: int
    hypercall_frame: int
    time_frame: int
    shared_first_frame: int
    kernel_root_frame: int
    table_first_frame: int
    table_counts: tuple[int, int, int, int]


def encode_layout(layout: Layout) -> bytes:
    """Return a layout as the database keeps it."""
    return msgspec.msgpack.encode(layout)


def decode_layout(data: bytes) -> Layout:
    """Read what encode_layout wrote; raise msgspec.DecodeError."""
    return msgspec.msgpack.decode(data, type=Layout)


class PartitionRow(Struct, frozen=True, kw_only=True):
    """A row of the view's partitions; its place is its number."""

    id: int
    kind: int
    width: int
    rights: int
    first_extent: int
    extent_count: int
    first_virtual_processor: int
    virtual_processor_count: int
    layout: Layout
    name: str
    state: int
    incarnation: int
    control_channel: int
    """1 + the channel's row; 0: none."""


class VirtualProcessorRow(Struct, frozen=True):
    """A row of the view's virtual processors."""

    partition: int
    index: int
    processor: int


class ExtentRow(Struct, frozen=True):
    """A row of the view's extents."""

    partition: int
    guest_frame: int
    machine_frame: int
    frame_count: int


class EndRow(Struct, frozen=True):
    """One end of a channel's row."""

    partition: int
    guest_frame: int
    port: int
    flags: int


class ChannelRow(Struct, frozen=True):
    """A row of the view's channels."""

    id: int
    machine_frame: int
    frame_count: int
    ends: tuple[EndRow, EndRow]


class LinkRow(Struct, frozen=True):
    """A row of the view's directed links."""

    partition: int
    port: int
    target_partition: int
    target_port: int
    target_processor: int


class DeviceRow(Struct, frozen=True):
    """A row of the view's devices; its place is its id, less one."""

    id: int
    partition: int
    port: int
    flags: int
    machine_frame: int
    frame_count: int
    guest_frame: int


class SlotRow(Struct, frozen=True):
    """A slot of a processor's map; slots lie back to back."""

    virtual_processor: int
    flags: int
    quantum_cycles: int


class ViewBody(Protocol):
    """A candidate for the next generation, changed in place; None empties a row."""

    def set_partition(self, number: int, row: PartitionRow | None) -> None:
        """Change a partition's row."""

    def set_virtual_processor(self, index: int, row: VirtualProcessorRow | None) -> None:
        """Change a virtual processor's row."""

    def set_extent(self, index: int, row: ExtentRow | None) -> None:
        """Change an extent's row."""

    def set_channel(self, index: int, row: ChannelRow | None) -> None:
        """Change a channel's row."""

    def set_link(self, index: int, row: LinkRow | None) -> None:
        """Change a link's row."""

    def set_device(self, index: int, row: DeviceRow | None) -> None:
        """Change a device's row."""

    def set_slots(self, processor: int, rows: tuple[SlotRow, ...]) -> None:
        """Change the whole map of a processor."""

    def clear(self) -> None:
        """Empty every row: what is in force is to be written anew."""

    def set_counts(
        self, virtual_processors: int, extents: int, links: int, channels: int, devices: int
    ) -> None:
        """Say how many rows of each table are looked at."""


class RowPlaces(Struct, frozen=True):
    """Which rows the body in force gives to whom: rows stay where they are over a restart."""

    extents: dict[int, tuple[int, int]] = {}
    """First row and count, by partition."""
    virtual_processors: dict[int, tuple[int, int]] = {}
    """First row and count, by partition."""
    channels: dict[int, int] = {}
    """Row, by id."""
    links: dict[tuple[int, int], int] = {}
    """Row, by partition and port."""


class Views(Protocol):
    """The way to the monitors: what the ultravisor program is given by the composition root."""

    def begin(self) -> ViewBody:
        """Return a candidate: a copy of the body in force."""

    def places(self) -> RowPlaces:
        """Return where the rows of the body in force are."""

    def publish(self) -> int:
        """Put the candidate in force; return its generation."""

    def acknowledged(self) -> int:
        """Return the lowest generation that all processors have acknowledged, work done."""
