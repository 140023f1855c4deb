# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine whose partitions come and go, as the tests of views make it.

Owns the smallest writer of views there is: it keeps no records, and reads the body in force.
Knows nothing of transactions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from tests.guests.both_builds import Guest, boot, make_machine
from ultravisor.machine.abi import PartitionKind, Right, ViewChannelState, ViewState
from ultravisor.machine.loader import BuildRange, Loader
from ultravisor.machine.view_rows import (
    ChannelEndRow,
    ChannelRow,
    ExtentRow,
    PartitionRow,
    SlotRow,
    VirtualProcessorRow,
)
from ultravisor.machine.views import ViewBody, Views

if TYPE_CHECKING:
    from ultravisor.machine.interface import MonitorBuild
    from ultravisor.machine.machine import Machine

FRAME = 4096
STEP_CYCLES = 50_000


@dataclass(slots=True)
class LiveMachine:
    """A booted machine and what changes its view."""

    machine: Machine
    views: Views
    loader: Loader
    cycles: int = 0

    @classmethod
    def boot(cls, build: MonitorBuild, *guests: Guest, processor_count: int = 1) -> Self:
        """Make a machine with these guests from the start on."""
        machine = make_machine(build, processor_count=processor_count)
        boot(machine, guests)
        return cls(machine, Views(machine), Loader(machine))

    def run(self, cycles: int = STEP_CYCLES) -> None:
        """Run so much longer."""
        self.cycles += cycles
        self.machine.run(self.cycles)

    def acknowledge(self, generation: int, steps: int = 200) -> None:
        """Run until every processor has acknowledged a generation."""
        for _ in range(steps):
            if self.views.acknowledged() >= generation:
                return
            self.run()
        raise AssertionError(f"generation {generation} is never acknowledged")

    def last_frame(self) -> int:
        """Return the first frame behind the machine's memory."""
        return self.machine.options.memory_size_bytes // FRAME

    def create(
        self,
        number: int,
        guest: Guest,
        machine_frame: int,
        *,
        incarnation: int = 1,
        state: ViewState = ViewState.RUNNING,
        channels: tuple[BuildRange, ...] = (),
        more: tuple[BuildRange, ...] = (),
    ) -> int:
        """Build and publish a partition with a slot a virtual processor; return the generation."""
        count = guest.memory_size_bytes // FRAME
        extent = BuildRange(guest_frame=0, machine_frame=machine_frame, frame_count=count)
        extents = (extent, *more)
        layout = self.loader.build(number, guest.options(), extents, channels=channels)
        body = self.views.begin()
        first = _free_records(body, len(guest.processors))
        row = _free_extents(body, len(extents))
        for index, part in enumerate(extents):
            body.set_extent(
                row + index,
                ExtentRow(
                    partition=number,
                    guest_frame=part.guest_frame,
                    machine_frame=part.machine_frame,
                    frame_count=part.frame_count,
                ),
            )
        for index, processor in enumerate(guest.processors):
            body.set_virtual_processor(
                first + index,
                VirtualProcessorRow(partition=number, index=index, processor=processor),
            )
            slot = SlotRow(virtual_processor=first + index, quantum_cycles=guest.quantum_cycles)
            body.set_slots(processor, (*body.slots(processor), slot))
        body.set_partition(
            number,
            PartitionRow(
                id=number,
                kind=PartitionKind.GUEST,
                width=guest.width,
                rights=Right.ALL,
                first_extent=row,
                extent_count=len(extents),
                first_virtual_processor=first,
                virtual_processor_count=len(guest.processors),
                entry_address=layout.entry_address,
                stack_top_address=layout.stack_top_address,
                start_page_address=layout.start_page_address,
                hypercall_frame=layout.hypercall_frame,
                time_frame=layout.time_frame,
                shared_first_frame=layout.shared_first_frame,
                kernel_root_frame=layout.kernel_root_frame,
                table_first_frame=layout.table_first_frame,
                table_counts=layout.table_counts,
                name=guest.name,
                state=state,
                incarnation=incarnation,
            ),
        )
        return self.views.publish()

    def set_state(self, number: int, state: ViewState) -> int:
        """Publish what is wanted of a partition; return the generation."""
        body = self.views.begin()
        body.set_partition(number, replace(body.partition(number), state=state))
        return self.views.publish()

    def destroy(self, number: int) -> int:
        """Publish a view without a partition, its extents and slots; return the generation."""
        body = self.views.begin()
        row = body.partition(number)
        for index in range(row.first_extent, row.first_extent + row.extent_count):
            body.set_extent(index, ExtentRow())
        first, count = row.first_virtual_processor, row.virtual_processor_count
        for processor in range(self.machine.options.processor_count):
            body.set_slots(
                processor,
                [
                    slot
                    for slot in body.slots(processor)
                    if not first <= slot.virtual_processor < first + count
                ],
            )
        for index in range(first, first + count):
            body.set_virtual_processor(index, VirtualProcessorRow())
        body.set_partition(number, PartitionRow())
        return self.views.publish()

    def set_channel(
        self, row: int, ends: tuple[ChannelEndRow, ChannelEndRow], frame: int, count: int
    ) -> int:
        """Publish a channel in a row; return the generation."""
        body = self.views.begin()
        body.channel_count = max(body.channel_count, row + 1)
        body.set_channel(
            row,
            ChannelRow(
                id=row,
                state=ViewChannelState.MAPPED,
                machine_frame=frame,
                frame_count=count,
                ends=ends,
            ),
        )
        return self.views.publish()

    def drop_channel(self, row: int) -> int:
        """Publish a view without a channel; return the generation."""
        body = self.views.begin()
        body.set_channel(row, ChannelRow())
        return self.views.publish()


def _free_records(body: ViewBody, count: int) -> int:
    used = [
        body.partition(number)
        for number in range(1, 128)
        if body.partition(number).kind != PartitionKind.UNUSED
    ]
    first = max(
        (row.first_virtual_processor + row.virtual_processor_count for row in used), default=0
    )
    body.virtual_processor_count = max(body.virtual_processor_count, first + count)
    return first


def _free_extents(body: ViewBody, count: int) -> int:
    run = 0
    for row in range(body.extent_count):
        run = run + 1 if body.extent(row).partition == 0 else 0
        if run == count:
            return row + 1 - count
    first = body.extent_count - run
    body.extent_count = first + count
    return first
