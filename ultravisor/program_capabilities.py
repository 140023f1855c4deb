# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs are given of a machine: the ultravisor its views, boot its loader.

Owns the step from the programs' rows and messages to the machine's. Made by the composition root;
the programs know only the protocols that these classes fulfil (ultravisor.partitions.view_records,
ultravisor.partitions.boot).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.machine import view_rows
from ultravisor.machine.abi import (
    PARTITION_LIMIT,
    PartitionKind,
    Right,
    ViewChannelState,
)
from ultravisor.machine.image import read_image
from ultravisor.machine.loader import BuildRange
from ultravisor.machine.records import PartitionOptions
from ultravisor.machine.view_rows import ChannelEndRow
from ultravisor.partitions.messages import Described
from ultravisor.partitions.view_records import Layout, RowPlaces, encode_layout
from ultravisor.resolution import find_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.machine.image import Image
    from ultravisor.machine.loader import Loader
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.views import ViewBody, Views
    from ultravisor.partitions.messages import Load
    from ultravisor.partitions.view_records import (
        ChannelRow,
        DeviceRow,
        ExtentRow,
        LinkRow,
        PartitionRow,
        SlotRow,
        VirtualProcessorRow,
    )

MIB: Final = 1 << 20
_LAYOUT_FIELDS: Final = Layout.__struct_fields__


class ViewWriter:
    """A candidate of the machine's, written by the programs' rows."""

    def __init__(self, body: ViewBody, processor_count: int) -> None:
        """Write into a body that was begun."""
        self._body = body
        self._processor_count = processor_count

    def clear(self) -> None:
        """Empty every row that is in use."""
        for number in range(1, PARTITION_LIMIT):
            if self._body.partition(number).kind != PartitionKind.UNUSED:
                self.set_partition(number, None)
        for processor in range(self._processor_count):
            self.set_slots(processor, ())
        self.set_counts(0, 0, 0, 0, 0)

    def set_partition(self, number: int, row: PartitionRow | None) -> None:
        """Change a partition's row."""
        if row is None:
            self._body.set_partition(number, view_rows.PartitionRow())
            return
        places = {name: getattr(row.layout, name) for name in _LAYOUT_FIELDS}
        self._body.set_partition(
            number,
            view_rows.PartitionRow(
                id=row.id,
                kind=row.kind,
                width=row.width,
                rights=row.rights,
                first_extent=row.first_extent,
                extent_count=row.extent_count,
                first_virtual_processor=row.first_virtual_processor,
                virtual_processor_count=row.virtual_processor_count,
                name=row.name,
                state=row.state,
                incarnation=row.incarnation,
                control_channel=row.control_channel,
                **places,
            ),
        )

    def set_virtual_processor(self, index: int, row: VirtualProcessorRow | None) -> None:
        """Change a virtual processor's row."""
        new = view_rows.VirtualProcessorRow()
        if row is not None:
            new = view_rows.VirtualProcessorRow(
                partition=row.partition, index=row.index, processor=row.processor
            )
        self._body.set_virtual_processor(index, new)

    def set_extent(self, index: int, row: ExtentRow | None) -> None:
        """Change an extent's row."""
        new = view_rows.ExtentRow()
        if row is not None:
            new = view_rows.ExtentRow(
                partition=row.partition,
                guest_frame=row.guest_frame,
                machine_frame=row.machine_frame,
                frame_count=row.frame_count,
            )
        self._body.set_extent(index, new)

    def set_channel(self, index: int, row: ChannelRow | None) -> None:
        """Change a channel's row."""
        new = view_rows.ChannelRow()
        if row is not None:
            first, second = (
                ChannelEndRow(
                    partition=end.partition,
                    port=end.port,
                    guest_frame=end.guest_frame,
                    flags=end.flags,
                )
                for end in row.ends
            )
            new = view_rows.ChannelRow(
                id=row.id,
                state=ViewChannelState.MAPPED,
                machine_frame=row.machine_frame,
                frame_count=row.frame_count,
                ends=(first, second),
            )
        self._body.set_channel(index, new)

    def set_link(self, index: int, row: LinkRow | None) -> None:
        """Change a link's row."""
        new = view_rows.LinkRow()
        if row is not None:
            new = view_rows.LinkRow(
                partition=row.partition,
                port=row.port,
                target_partition=row.target_partition,
                target_port=row.target_port,
                target_processor=row.target_processor,
            )
        self._body.set_link(index, new)

    def set_device(self, index: int, row: DeviceRow | None) -> None:
        """Change a device's row."""
        new = view_rows.DeviceRow()
        if row is not None:
            new = view_rows.DeviceRow(
                id=row.id,
                partition=row.partition,
                port=row.port,
                flags=row.flags,
                machine_frame=row.machine_frame,
                frame_count=row.frame_count,
                guest_frame=row.guest_frame,
            )
        self._body.set_device(index, new)

    def set_slots(self, processor: int, rows: tuple[SlotRow, ...]) -> None:
        """Change the whole map of a processor."""
        self._body.set_slots(
            processor,
            [
                view_rows.SlotRow(
                    virtual_processor=row.virtual_processor,
                    flags=row.flags,
                    quantum_cycles=row.quantum_cycles,
                )
                for row in rows
            ],
        )

    def set_counts(
        self, virtual_processors: int, extents: int, links: int, channels: int, devices: int
    ) -> None:
        """Say how many rows of each table are looked at."""
        self._body.virtual_processor_count = virtual_processors
        self._body.extent_count = extents
        self._body.link_count = links
        self._body.channel_count = channels
        self._body.device_count = devices


class ProgramViews:
    """The ultravisor's way to the monitors of one machine."""

    def __init__(self, machine: Machine, views: Views) -> None:
        """Publish by the machine's views."""
        self._machine = machine
        self._views = views

    def begin(self) -> ViewWriter:
        """Return a candidate: a copy of the body in force."""
        return ViewWriter(self._views.begin(), self._machine.options.processor_count)

    def publish(self) -> int:
        """Put the candidate in force; return its generation."""
        return self._views.publish()

    def acknowledged(self) -> int:
        """Return the lowest generation that all processors have acknowledged."""
        return self._views.acknowledged()

    def places(self) -> RowPlaces:
        """Return where the rows of the candidate are; before it is changed, of the body in force.

        The candidate is begun anew, so that this is asked before anything is written.
        """
        body = self._views.begin()
        used = [
            row
            for row in map(body.partition, range(1, PARTITION_LIMIT))
            if row.kind != PartitionKind.UNUSED
        ]
        channels = enumerate(map(body.channel, range(body.channel_count)))
        links = enumerate(map(body.link, range(body.link_count)))
        return RowPlaces(
            extents={row.id: (row.first_extent, row.extent_count) for row in used},
            virtual_processors={
                row.id: (row.first_virtual_processor, row.virtual_processor_count) for row in used
            },
            channels={
                row.id: index for index, row in channels if row.state == ViewChannelState.MAPPED
            },
            links={(row.partition, row.port): index for index, row in links if row.partition},
        )


def read_named(name: str) -> Image:
    """Read the image of a name; raise UltravisorError where there is none."""
    return read_image(find_image(name))


class ImageLoader:
    """Boot's way of images into the memory of one machine."""

    def __init__(self, loader: Loader, read: Callable[[str], Image] = read_named) -> None:
        """Lay by the machine's loader; `read` returns the image of a name, or raises."""
        self._loader = loader
        self._read = read

    def describe(self, image: str) -> Described:
        """Say what an image is; raise UltravisorError where it is none."""
        found = self._read(image)
        return Described(found.width, -(-found.memory_size_bytes // MIB))

    def build(self, load: Load) -> bytes:
        """Lay an image into a partition's frames; return the layout as the database keeps it."""
        image = self._read(load.image)
        options = PartitionOptions(
            name=load.name,
            command_line=load.command_line,
            memory_size_bytes=0,
            entry_address=image.entry_address,
            segments=image.segments,
            width=image.width,
            rights=Right(load.rights),
            # Only their number counts here; the view says where they run.
            processors=(0,) * load.processors,
        )
        laid = self._loader.build(
            load.partition,
            options,
            [
                BuildRange(
                    guest_frame=run.guest_frame,
                    machine_frame=run.machine_frame,
                    frame_count=run.frame_count,
                )
                for run in load.extents
            ],
            channels=[
                BuildRange(
                    guest_frame=run.guest_frame,
                    machine_frame=run.machine_frame,
                    frame_count=run.frame_count,
                    writable=run.writable,
                )
                for run in load.channels
            ],
            control_channel_address=load.control_channel_address,
        )
        counts = laid.table_counts
        fields = {name: getattr(laid, name) for name in _LAYOUT_FIELDS if name != "table_counts"}
        four = (counts[0], counts[1], counts[2], counts[3])
        return encode_layout(Layout(**fields, table_counts=four))
