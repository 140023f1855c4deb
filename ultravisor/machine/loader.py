# SPDX-License-Identifier: GPL-2.0-or-later
"""Building a partition while the machine lives: its image, start page and tables.

Owns the Python face of machine_partition_build: what the boot partition is given. It writes into
frames that nobody owns and says what the partition's row in the view needs to know; publishing
that row is somebody else's (ultravisor.machine.views).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.machine.machine import partition_record, segment_records
from ultravisor.machine.native import check, ffi, lib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine._native import CData
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import PartitionOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRange:
    """A run of frames, as the partition finds it; `writable` is of channels."""

    guest_frame: int
    machine_frame: int
    frame_count: int
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLayout:
    """Where things are in what was built: these fields of view_rows.PartitionRow."""

    entry_address: int
    stack_top_address: int
    start_page_address: int
    hypercall_frame: int
    time_frame: int
    shared_first_frame: int
    kernel_root_frame: int
    table_first_frame: int
    table_counts: tuple[int, ...]
    first_free_guest_frame: int
    """From here on, the first extent is the guest's to use."""


class Loader:
    """What builds partitions of one machine; between two runs only."""

    def __init__(self, machine: Machine) -> None:
        """Stand for a machine that has booted."""
        self._machine = machine

    def build(
        self,
        number: int,
        options: PartitionOptions,
        extents: Sequence[BuildRange],
        *,
        channels: Sequence[BuildRange] = (),
        control_channel_address: int = 0,
    ) -> PartitionLayout:
        """Write a partition into free frames; on an error they are as they were.

        The first extent holds guest frame 0 and all that is built; `options.memory_size_bytes` is
        not used. Channels are in the direct map too: their frames need not be the channel's
        yet, but have to be it when the partition starts.
        """
        kept: list[CData] = []
        place = ffi.new("struct build_place *")
        place.partition = number
        place.extent_count = len(extents)
        place.extents = _ranges(extents, kept)
        place.channel_count = len(channels)
        place.channels = _ranges(channels, kept)
        place.control_channel_address = control_channel_address
        layout = ffi.new("struct partition_layout *")
        handle = self._machine.handle
        segments = segment_records(options, kept)
        record = partition_record(options, kept)
        count = len(options.segments)
        check(lib.machine_partition_build(handle, place, record, segments, count, layout), handle)
        return _layout(layout)

    def scrub(self, first_frame: int, frame_count: int) -> None:
        """Clear frames that nobody owns: what was built there is not to be used."""
        handle = self._machine.handle
        check(lib.machine_frames_scrub(handle, first_frame, frame_count), handle)


def _ranges(ranges: Sequence[BuildRange], kept: list[CData]) -> CData:
    records = ffi.new("struct build_range[]", max(len(ranges), 1))
    for record, row in zip(records, ranges, strict=False):
        record.guest_frame = row.guest_frame
        record.machine_frame = row.machine_frame
        record.frame_count = row.frame_count
        record.writable = row.writable
    kept.append(records)
    return records


def _layout(layout: CData) -> PartitionLayout:
    return PartitionLayout(
        entry_address=layout.entry_address,
        stack_top_address=layout.stack_top_address,
        start_page_address=layout.start_page_address,
        hypercall_frame=layout.hypercall_frame,
        time_frame=layout.time_frame,
        shared_first_frame=layout.shared_first_frame,
        kernel_root_frame=layout.kernel_root_frame,
        table_first_frame=layout.table_first_frame,
        table_counts=tuple(layout.table_counts),
        first_free_guest_frame=layout.first_free_guest_frame,
    )
