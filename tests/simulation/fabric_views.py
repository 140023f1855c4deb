# SPDX-License-Identifier: GPL-2.0-or-later
"""The views of a fabric: rows in dictionaries, acknowledged when the fabric says so.

Owns what a monitor would do: who reaches which frame by the view in force, and that what left the
view is zero before it is acknowledged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ultravisor.machine.abi import ViewState
from ultravisor.partitions.view_records import RowPlaces

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from tests.simulation.faults import Fault
    from ultravisor.partitions.view_records import ChannelRow, ExtentRow, PartitionRow

FRAME = 4096
Rows = dict[tuple[str, int], Any]


class FabricBody:
    """A candidate; every row that is set is a point at which its writer may be killed."""

    def __init__(self, rows: Rows, fault: Fault) -> None:
        self.rows = rows
        self.counts = (0, 0, 0, 0, 0)
        self._fault = fault

    def clear(self) -> None:
        self.rows.clear()

    def _set(self, table: str, index: int, row: object) -> None:
        self._fault.point(f"view {table}")
        if row is None or row == ():
            self.rows.pop((table, index), None)
        else:
            self.rows[table, index] = row

    def set_partition(self, number: int, row: object) -> None:
        self._set("partition", number, row)

    def set_virtual_processor(self, index: int, row: object) -> None:
        self._set("virtual_processor", index, row)

    def set_extent(self, index: int, row: object) -> None:
        self._set("extent", index, row)

    def set_channel(self, index: int, row: object) -> None:
        self._set("channel", index, row)

    def set_link(self, index: int, row: object) -> None:
        self._set("link", index, row)

    def set_slots(self, processor: int, rows: tuple[Any, ...]) -> None:
        self._set("slots", processor, rows)

    def set_device(self, index: int, row: object) -> None:
        self._set("device", index, row)

    def set_counts(
        self, virtual_processors: int, extents: int, links: int, channels: int, devices: int
    ) -> None:
        self.counts = (virtual_processors, extents, links, channels, devices)


class FabricViews:
    """The way to monitors that are none."""

    def __init__(self, memory: mmap, fault: Fault) -> None:
        self.rows: Rows = {}
        self.generation = 0
        self.on_publish: Callable[[Rows], None] = lambda _rows: None
        self._memory = memory
        self._fault = fault
        self._candidate: FabricBody | None = None
        self._acknowledged = 0
        self._owners: dict[int, tuple[str, int]] = {}

    def begin(self) -> FabricBody:
        self._fault.point("view begin")
        self._candidate = FabricBody(dict(self.rows), self._fault)
        return self._candidate

    def publish(self) -> int:
        self._fault.point("view publish")
        assert self._candidate is not None, "publish without begin"
        self.rows, self._candidate = self._candidate.rows, None
        self.generation += 1
        self.on_publish(self.rows)
        self._fault.point("view published")
        return self.generation

    def acknowledged(self) -> int:
        return self._acknowledged

    def acknowledge(self) -> None:
        """Do a monitor's work: what changed hands is zero, and the generation acknowledged."""
        owners = self.owners()
        for frame, owner in self._owners.items():
            if owners.get(frame) != owner:
                self._memory[frame * FRAME : (frame + 1) * FRAME] = bytes(FRAME)
        self._owners = owners
        self._acknowledged = self.generation

    def owners(self) -> dict[int, tuple[str, int]]:
        """Return whose each frame is: a partition's incarnation's, or a channel's."""
        found: dict[int, tuple[str, int]] = {}
        for (table, _), row in sorted(self.rows.items()):
            if table == "extent":
                name, number = "partition", row.partition
            elif table == "channel":
                name, number = "channel", row.id
            else:
                continue
            for frame in range(row.machine_frame, row.machine_frame + row.frame_count):
                assert frame not in found, f"frame {frame:#x}: {found.get(frame)}, {name} {number}"
                found[frame] = (name, number)
        return found

    def is_owned(self, frame: int) -> bool:
        """Say whether a monitor still knows an owner of a frame."""
        return frame in self._owners

    def table(self, name: str) -> dict[int, Any]:
        return {index: row for (table, index), row in self.rows.items() if table == name}

    def running(self) -> dict[int, PartitionRow]:
        return {
            number: row
            for number, row in self.table("partition").items()
            if row.state == ViewState.RUNNING
        }

    def translate(self, partition: int, address: int) -> tuple[int, bool]:
        """Return the machine address, and whether it may be written; raise KeyError."""
        guest_frame, offset = divmod(address, FRAME)
        extents: list[ExtentRow] = list(self.table("extent").values())
        for extent in extents:
            inside = extent.guest_frame <= guest_frame < extent.guest_frame + extent.frame_count
            if extent.partition == partition and inside:
                frame = extent.machine_frame + guest_frame - extent.guest_frame
                return frame * FRAME + offset, True
        channels: list[ChannelRow] = list(self.table("channel").values())
        for channel in channels:
            for end in channel.ends:
                inside = end.guest_frame <= guest_frame < end.guest_frame + channel.frame_count
                if end.partition == partition and inside:
                    frame = channel.machine_frame + guest_frame - end.guest_frame
                    return frame * FRAME + offset, bool(end.flags)
        raise KeyError(address)

    def places(self) -> RowPlaces:
        partitions = self.table("partition").items()
        return RowPlaces(
            extents={n: (row.first_extent, row.extent_count) for n, row in partitions},
            virtual_processors={
                n: (row.first_virtual_processor, row.virtual_processor_count)
                for n, row in partitions
            },
            channels={row.id: index for index, row in self.table("channel").items()},
            links={(row.partition, row.port): index for index, row in self.table("link").items()},
        )
