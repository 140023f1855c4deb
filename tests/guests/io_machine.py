# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines whose partitions come, go and are told things by a test.

Owns their lives, their control channels and the rows of the view for both; knows nothing of media.
What partitions are told goes over tests/guests/io_desks.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from tests.guests.both_builds import make_machine
from tests.guests.io_desks import Desk, Desks
from ultravisor.channels.control_channel import CONTROL_SIZE_DEFAULT_BYTES
from ultravisor.channels.control_messages import (
    CreateBus,
    DeviceState,
    InitChipset,
    Nothing,
    Packet,
)
from ultravisor.machine.abi import (
    CHANNEL_END_WRITABLE,
    GUID_VBUS,
    SEGMENT_STATE_PAUSED,
    SEGMENT_STATE_RUNNING,
    SLOT_DONATES,
    CompletionStatus,
    ControlMessageId,
    PartitionKind,
    Right,
    ViewChannelState,
    ViewState,
)
from ultravisor.machine.devices import Devices
from ultravisor.machine.hosted import MachineTurn
from ultravisor.machine.image import read_image
from ultravisor.machine.interface import ExitReason, FrameUse, PartitionState, TimingModel
from ultravisor.machine.loader import BuildRange, Loader
from ultravisor.machine.records import PartitionOptions
from ultravisor.machine.view_rows import (
    ChannelEndRow,
    ChannelRow,
    ExtentRow,
    LinkRow,
    PartitionRow,
    SlotRow,
    VirtualProcessorRow,
)
from ultravisor.machine.views import ViewBody, Views
from ultravisor.resolution import find_image

if TYPE_CHECKING:
    from ultravisor.machine.interface import MonitorBuild
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import MarkRecord

FRAME = 4096
MIB = 1 << 20
ULTRAVISOR = 1
BUS = 1
QUANTUM_CYCLES = 10_000
STEP_CYCLES = 20_000
ANSWER_CYCLES = 5_000  # how often an answer is looked for
ANSWER_LIMIT_CYCLES = 60_000_000
CONTROL_FRAMES = CONTROL_SIZE_DEFAULT_BYTES // FRAME + 4
CHANNELS_GUEST_FRAME = 8192  # in every partition: behind its memory
PORT_CONTROL = 8


@dataclass(slots=True)
class Place:
    """Where a partition is, and in which life."""

    number: int
    options: PartitionOptions
    kind: PartitionKind
    machine_frame: int
    record: int
    incarnation: int = 0


@dataclass(slots=True)
class IoMachine:
    """A booted host; partition 1 is the hosted one that tells the others."""

    machine: Machine
    devices: Devices
    views: Views
    loader: Loader
    desks: Desks = field(default_factory=Desks)
    places: dict[int, Place] = field(default_factory=dict)
    consoles: dict[int, bytearray] = field(default_factory=dict)
    marks: list[MarkRecord] = field(default_factory=list)
    cycles: int = 0
    free_frame: int = 0
    donates: bool = True

    @classmethod
    def boot(
        cls, build: MonitorBuild, timing: TimingModel = TimingModel.OFF, **changes: int
    ) -> Self:
        """Make a machine with the hosted partition alone, on processor 0."""
        settings = {"device_frame_count": 8, "memory_size_bytes": 64 * MIB} | changes
        machine = make_machine(build, timing, **settings)
        image = read_image(find_image("hosted"))
        machine.partition_add(
            PartitionOptions(
                name="ultravisor",
                memory_size_bytes=2 * MIB,
                entry_address=image.entry_address,
                segments=image.segments,
                kind=PartitionKind.HOSTED,
            )
        )
        machine.slot_add(
            processor=0,
            partition=ULTRAVISOR,
            virtual_processor=0,
            quantum_cycles=QUANTUM_CYCLES,
            donates=True,
        )
        machine.boot()
        host = cls(machine, Devices(machine), Views(machine), Loader(machine))
        host.free_frame = machine.options.memory_size_bytes // FRAME - 8
        return host

    def run(self, cycles: int = STEP_CYCLES) -> ExitReason:
        """Run so much longer, with the turns on the way; keep what guests print and mark."""
        self.cycles += cycles
        while True:
            end = self.machine.run(self.cycles)
            if end.turn is None:
                break
            turn = MachineTurn(self.machine, end.turn)
            self.desks.turn(turn)
            turn.finish()
        assert end.reason <= ExitReason.IDLE, self.machine.error()
        if end.reason == ExitReason.IDLE:
            self.cycles = end.clock_cycles
        for chunk in self.machine.consoles():
            self.consoles.setdefault(chunk.partition, bytearray()).extend(chunk.data)
        self.marks += self.machine.marks()
        return end.reason

    def run_until_ended(self, *numbers: int, limit_cycles: int = 2_000_000_000) -> None:
        """Run until these partitions have stopped."""
        until = self.cycles + limit_cycles
        while any(self.is_running(number) for number in numbers):
            assert self.cycles < until, f"not ended: {self.text()}"
            if self.run(10 * STEP_CYCLES) == ExitReason.IDLE:
                assert not any(map(self.is_running, numbers)), f"waits for nothing: {self.text()}"

    def is_running(self, number: int) -> bool:
        """Say whether a partition runs."""
        state = self.machine.partition_statistics(number).state
        return state == PartitionState.RUNNING

    def console(self, number: int) -> str:
        """Return what a partition has printed."""
        return self.consoles.get(number, bytearray()).decode()

    def text(self) -> str:
        """Return all that was printed, and why partitions ended, for failures of tests."""
        rows = []
        for number in sorted(self.places):
            row = self.machine.partition_statistics(number)
            rows.append(f"{number}: {row.state.name} {row.stop_reason.name} {row.stop_text}")
            rows.append(self.console(number))
        return "\n".join(rows)

    def wake(self) -> None:
        """Have the hosted partition take a turn."""
        self.machine.input(ULTRAVISOR, b"\n", 0)

    # -- the view

    def acknowledge(self, generation: int) -> None:
        """Run until every processor has acknowledged a generation."""
        for _ in range(5_000):
            if self.views.acknowledged() >= generation:
                return
            self.run(ANSWER_CYCLES)
        raise AssertionError(f"generation {generation} is never acknowledged\n{self.text()}")

    def take_frames(self, count: int) -> int:
        """Return machine frames that nobody has."""
        self.free_frame -= count
        return self.free_frame

    # -- partitions

    def add_io(self, command_line: str = "", *, processor: int = 0) -> int:
        """Start an I/O partition and introduce its bus."""
        return self._add_partition("io", command_line, 64, PartitionKind.IO, 2 * MIB, processor)

    def add_client(
        self,
        command_line: str,
        width: int = 64,
        *,
        image: str = "reads_writes",
        memory_size_bytes: int = 2 * MIB,
        processor: int = 0,
    ) -> int:
        """Start a client and introduce its bus."""
        kind = PartitionKind.GUEST
        return self._add_partition(image, command_line, width, kind, memory_size_bytes, processor)

    def _add_partition(
        self,
        name: str,
        command_line: str,
        width: int,
        kind: PartitionKind,
        memory_size_bytes: int,
        processor: int,
    ) -> int:
        image = read_image(find_image(name if width == 64 else f"{name}_32"))
        number = ULTRAVISOR + 1 + len(self.places)
        options = PartitionOptions(
            name=f"{name}-{number}",
            command_line=command_line,
            memory_size_bytes=memory_size_bytes,
            entry_address=image.entry_address,
            segments=image.segments,
            width=width,
            kind=kind,
            processors=(processor,),
        )
        frame = self.take_frames(memory_size_bytes // FRAME)
        self.places[number] = Place(number, options, kind, frame, len(self.places) + 1)
        self._add_control(number)
        self.start(number)
        return number

    def _add_control(self, number: int) -> None:
        """Give a partition its control channel, whose events leave and arrive at port 8."""
        frame = self.take_frames(CONTROL_FRAMES)
        ends = (
            ChannelEndRow(
                partition=number,
                port=PORT_CONTROL,
                guest_frame=CHANNELS_GUEST_FRAME,
                flags=CHANNEL_END_WRITABLE,
            ),
            ChannelEndRow(
                partition=ULTRAVISOR,
                port=PORT_CONTROL + number,
                guest_frame=CHANNELS_GUEST_FRAME + number * 64,
                flags=CHANNEL_END_WRITABLE,
            ),
        )
        body = self.views.begin()
        self.set_channel(body, number, frame, CONTROL_FRAMES, ends)
        self.set_links(body, (number, PORT_CONTROL), (ULTRAVISOR, PORT_CONTROL + number))
        self.views.publish()

    def set_channel(
        self,
        body: ViewBody,
        row: int,
        frame: int,
        count: int,
        ends: tuple[ChannelEndRow, ChannelEndRow],
    ) -> None:
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

    @staticmethod
    def set_links(body: ViewBody, one: tuple[int, int], other: tuple[int, int]) -> None:
        for source, target in ((one, other), (other, one)):
            row = LinkRow(
                partition=source[0],
                port=source[1],
                target_partition=target[0],
                target_port=target[1],
            )
            index = body.link_count
            body.link_count = index + 1
            body.set_link(index, row)

    def start(self, number: int, command_line: str | None = None) -> None:
        """Begin a life of a partition, and introduce its bus: its devices are not yet."""
        place = self.places[number]
        if command_line is not None:
            place.options = replace(place.options, command_line=command_line)
        place.incarnation += 1
        count = place.options.memory_size_bytes // FRAME
        extent = BuildRange(guest_frame=0, machine_frame=place.machine_frame, frame_count=count)
        body = self.views.begin()
        control = BuildRange(
            guest_frame=CHANNELS_GUEST_FRAME,
            machine_frame=body.channel(number).machine_frame,
            frame_count=CONTROL_FRAMES,
            writable=True,
        )
        address = CHANNELS_GUEST_FRAME * FRAME
        layout = self.loader.build(
            number, place.options, (extent,), channels=(control,), control_channel_address=address
        )
        body = self.views.begin()
        self.set_rows(body, place, extent)
        body.set_partition(
            number,
            PartitionRow(
                id=number,
                kind=place.kind,
                width=place.options.width,
                rights=Right.ALL,
                first_extent=place.record,
                extent_count=1,
                first_virtual_processor=place.record,
                virtual_processor_count=1,
                entry_address=layout.entry_address,
                stack_top_address=layout.stack_top_address,
                start_page_address=layout.start_page_address,
                hypercall_frame=layout.hypercall_frame,
                time_frame=layout.time_frame,
                shared_first_frame=layout.shared_first_frame,
                kernel_root_frame=layout.kernel_root_frame,
                table_first_frame=layout.table_first_frame,
                table_counts=layout.table_counts,
                name=place.options.name,
                state=ViewState.RUNNING,
                incarnation=place.incarnation,
                control_channel=number + 1,
            ),
        )
        self.views.publish()
        window = (CHANNELS_GUEST_FRAME + number * 64) * FRAME
        self.desks.desks[number] = Desk(number, window, address, PORT_CONTROL + number)
        self.ask(number, ControlMessageId.CHIPSET_INIT, InitChipset(bus_count=1))
        bus = CreateBus(BUS, 8, address + CONTROL_SIZE_DEFAULT_BYTES, 2 * FRAME, GUID_VBUS)
        self.ask(number, ControlMessageId.BUS_CREATE, bus)
        self.ask(number, ControlMessageId.CHIPSET_READY, Nothing())

    def set_rows(self, body: ViewBody, place: Place, extent: BuildRange) -> None:
        (processor,) = place.options.processors
        record = place.record
        body.extent_count = max(body.extent_count, record + 1)
        body.set_extent(
            record,
            ExtentRow(
                partition=place.number,
                guest_frame=0,
                machine_frame=extent.machine_frame,
                frame_count=extent.frame_count,
            ),
        )
        body.virtual_processor_count = max(body.virtual_processor_count, record + 1)
        body.set_virtual_processor(
            record, VirtualProcessorRow(partition=place.number, index=0, processor=processor)
        )
        slot = SlotRow(
            virtual_processor=record,
            quantum_cycles=QUANTUM_CYCLES,
            flags=SLOT_DONATES if self.donates else 0,
        )
        body.set_slots(processor, (*body.slots(processor), slot))

    def destroy(self, number: int) -> None:
        """Take a partition's life away with its control channel, which is scrubbed and comes back.

        Its devices and data channels must have been taken from it.
        """
        place = self.places[number]
        body = self.views.begin()
        control = body.channel(number)
        body.set_extent(place.record, ExtentRow())
        (processor,) = place.options.processors
        rows = [row for row in body.slots(processor) if row.virtual_processor != place.record]
        body.set_slots(processor, rows)
        body.set_virtual_processor(place.record, VirtualProcessorRow())
        body.set_partition(number, PartitionRow())
        body.set_channel(number, ChannelRow())
        del self.desks.desks[number]
        self.acknowledge(self.views.publish())
        assert self.views.use(place.machine_frame, 1) == FrameUse.FREE
        body = self.views.begin()
        body.set_channel(number, control)
        self.views.publish()

    # -- what partitions are told

    def say(
        self, number: int, message: ControlMessageId, packet: Packet, *, server: bool = False
    ) -> int:
        """Tell a partition something; return the ticket of the answer."""
        ticket = self.desks.say(number, message, packet, server=server)
        self.wake()
        return ticket

    def answer(self, number: int, ticket: int) -> CompletionStatus:
        """Run until a partition has answered."""
        until = self.cycles + ANSWER_LIMIT_CYCLES
        while (status := self.desks.answer(number, ticket)) is None:
            assert self.cycles < until, f"partition {number} does not answer\n{self.text()}"
            self.run(ANSWER_CYCLES)
        return status

    def ask(
        self, number: int, message: ControlMessageId, packet: Packet, *, server: bool = False
    ) -> CompletionStatus:
        """Tell a partition something, and run until it has answered."""
        return self.answer(number, self.say(number, message, packet, server=server))

    def say_state(self, number: int, bus: int, device: int, *, operates: bool) -> int:
        """Tell a partition whether something operates; return the ticket."""
        state = SEGMENT_STATE_RUNNING if operates else SEGMENT_STATE_PAUSED
        packet = DeviceState(bus, device, state)
        return self.say(number, ControlMessageId.DEVICE_CHANGE_STATE, packet)

    def ask_state(self, number: int, bus: int, device: int, *, operates: bool) -> CompletionStatus:
        """Tell a partition whether something operates, and run until it has answered."""
        return self.answer(number, self.say_state(number, bus, device, operates=operates))
