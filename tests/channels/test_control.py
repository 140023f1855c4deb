# SPDX-License-Identifier: GPL-2.0-or-later
"""The control channel: the ultravisor's end against a guest's, in C."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.channels.c_ends import VARIANTS, CEnds, c_ends
from ultravisor.channels.control_channel import (
    ControlPlan,
    build_control_channel,
    plan_control_channel,
)
from ultravisor.channels.control_messages import (
    BusState,
    ConfigureBus,
    ControlMessage,
    CreateBus,
    CreateDevice,
    DestroyBus,
    Device,
    DeviceState,
    InitChipset,
    Interrupt,
    Nothing,
    Packet,
    encode_message,
)
from ultravisor.channels.control_parameters import ControlParameters
from ultravisor.channels.control_server import Acknowledged, Answered, ControlServer, Sent, Told
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import Producer
from ultravisor.machine.abi import (
    GUID_DISK,
    GUID_NETWORK,
    GUID_VHBA,
    GUID_VIRTIO_BLOCK,
    GUID_VIRTIO_CONSOLE,
    GUID_VIRTIO_NETWORK,
    SEGMENT_STATE_PAUSED,
    SEGMENT_STATE_RUNNING,
    SEGMENT_STATE_STANDBY,
    CompletionStatus,
    ControlFlag,
    ControlMessageId,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING = Nothing()
INSTANCE = UUID("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
BUS = CreateBus(1, 4, 0x10000, 4096, GUID_VHBA, INSTANCE)
DEVICE = CreateDevice(1, 2, 0x20000, 65536, GUID_VHBA, INSTANCE, Interrupt(9, 8))


class Guest:
    """A guest in C, and the ultravisor's end of its control channel."""

    def __init__(self, ends: CEnds) -> None:
        self.ends = ends
        self.plan: ControlPlan = plan_control_channel(len(ends.buffer))
        self.memory = BufferMemory(memoryview(ends.buffer))
        build_control_channel(self.memory, self.plan, address=0x5000, partition=3)
        self.server = ControlServer(self.memory, self.plan)
        assert ends.number("A") == 1

    def send(self, number: ControlMessageId, packet: Packet = NOTHING, **how: object) -> None:
        sent = self.server.send(number, packet, **how)  # type: ignore[arg-type]
        assert sent is not None

    def ask(
        self, number: ControlMessageId, packet: Packet = NOTHING, **how: object
    ) -> ControlMessage:
        """Send a message, let the guest act, and return its answer."""
        self.send(number, packet, **how)
        assert self.ends.number("p") == 1
        acknowledged, answered = self.server.poll()
        assert isinstance(acknowledged, Acknowledged)
        assert isinstance(answered, Answered)
        return answered.answer

    def status(self, number: ControlMessageId, packet: Packet = NOTHING) -> CompletionStatus:
        """Send a message and return how it went; `failed` must agree with it."""
        answer = self.ask(number, packet)
        assert answer.failed == (answer.completion_status != 0)
        return CompletionStatus(answer.completion_status)

    def records(self) -> str:
        return self.ends.ask("=")


@pytest.fixture(params=VARIANTS)
def guest(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guest]:
    with c_ends(plan_control_channel().size_bytes, request.param, tmp_path) as ends:
        yield Guest(ends)


@pytest.fixture
def begun(guest: Guest) -> Guest:
    """Return a guest that has its first bus and device."""
    assert guest.status(ControlMessageId.CHIPSET_INIT, InitChipset(2)) == 0
    assert guest.status(ControlMessageId.BUS_CREATE, BUS) == 0
    assert guest.status(ControlMessageId.DEVICE_CREATE, DEVICE) == 0
    return guest


def test_a_guest_learns_of_its_buses_and_devices(begun: Guest) -> None:
    assert begun.status(ControlMessageId.CHIPSET_READY) == 0
    assert begun.records() == (
        "bus 1 server=0 address=65536 handle=0 client=;"
        "device 1:2 server=0 state=f7 address=131072 ports=9,8;"
        "initialised=1 ready=1 notified=8"
    )


def test_the_serving_end_is_told_so(begun: Guest) -> None:
    packet = CreateDevice(1, 3, 0x30000, 4096)
    assert begun.ask(ControlMessageId.DEVICE_CREATE, packet, server=True).completion_status == 0
    assert "device 1:3 server=1" in begun.records()


def test_a_device_on_the_physical_bus_needs_no_bus(begun: Guest) -> None:
    packet = CreateDevice(0, 7, 0x40000, 4096, GUID_VIRTIO_BLOCK, INSTANCE, Interrupt(41, 41))
    assert begun.ask(ControlMessageId.DEVICE_CREATE, packet).completion_status == 0
    assert "device 0:7 server=0 state=77 address=262144 ports=41,41;" in begun.records()
    assert begun.ask(ControlMessageId.DEVICE_CREATE, packet).completion_status == (
        CompletionStatus.ALREADY_DONE
    )
    for bus in (DestroyBus(0), ConfigureBus(0)):
        number = (
            ControlMessageId.BUS_DESTROY
            if isinstance(bus, DestroyBus)
            else ControlMessageId.BUS_CONFIGURE
        )
        assert begun.ask(number, bus).completion_status == CompletionStatus.BUS_INVALID
    assert begun.ask(ControlMessageId.DEVICE_DESTROY, Device(0, 7)).completion_status == 0
    assert "device 0:7" not in begun.records()


def test_registers_are_a_page_at_least(begun: Guest) -> None:
    packet = CreateDevice(0, 7, 0x40000, 4095, GUID_VIRTIO_BLOCK)
    answer = begun.ask(ControlMessageId.DEVICE_CREATE, packet)
    assert answer.completion_status == CompletionStatus.CHANNEL_TOO_SMALL


@pytest.mark.parametrize(
    ("bus", "kind"),
    [
        (0, GUID_VIRTIO_BLOCK),
        (0, GUID_VIRTIO_NETWORK),
        (0, GUID_VIRTIO_CONSOLE),
        (1, GUID_DISK),
        (1, GUID_NETWORK),
    ],
)
def test_what_has_paths_does_not_operate_before_it_is_said_to(
    begun: Guest, bus: int, kind: UUID
) -> None:
    packet = CreateDevice(bus, 8, 0x40000, 4096, kind, INSTANCE)
    assert begun.ask(ControlMessageId.DEVICE_CREATE, packet).completion_status == 0
    assert f"device {bus}:8 server=0 state={SEGMENT_STATE_PAUSED:x}" in begun.records()
    state = DeviceState(bus, 8, SEGMENT_STATE_RUNNING)
    assert begun.ask(ControlMessageId.DEVICE_CHANGE_STATE, state).completion_status == 0
    assert f"device {bus}:8 server=0 state={SEGMENT_STATE_RUNNING:x}" in begun.records()


def test_the_answer_to_chipset_init_says_what_the_guest_can(guest: Guest) -> None:
    answer = guest.ask(ControlMessageId.CHIPSET_INIT, InitChipset(2, 0, 0xFFFFFFFE, 7))
    assert answer.packet == InitChipset(2, 0, 0x3, 7)
    assert answer.flags == ControlFlag.RESPONSE_EXPECTED


def test_a_bus_is_configured_with_its_client(begun: Guest) -> None:
    parameters = ControlParameters(id=INSTANCE, name="web server", client="x")
    packet = ConfigureBus(1, guest_handle=77)
    answer = begun.ask(ControlMessageId.BUS_CONFIGURE, packet, parameters=parameters)
    assert answer.completion_status == 0
    assert "handle=77 client=web server;" in begun.records()


def test_a_name_that_is_too_long_is_cut(begun: Guest) -> None:
    parameters = ControlParameters(name="n" * 1000)
    begun.ask(ControlMessageId.BUS_CONFIGURE, ConfigureBus(1), parameters=parameters)
    assert f"client={'n' * 31};" in begun.records()


def test_a_changed_state_comes_back_in_the_answer(begun: Guest) -> None:
    packet = DeviceState(1, 2, SEGMENT_STATE_STANDBY)
    answer = begun.ask(ControlMessageId.DEVICE_CHANGE_STATE, packet)
    assert answer.packet == packet
    assert "state=73" in begun.records()


def test_what_was_created_goes_again(begun: Guest) -> None:
    assert begun.status(ControlMessageId.BUS_DESTROY, DestroyBus(1)) == 700
    assert begun.status(ControlMessageId.DEVICE_DESTROY, Device(1, 2)) == 0
    assert begun.status(ControlMessageId.BUS_DESTROY, DestroyBus(1)) == 0
    assert begun.records().startswith("initialised=1")


@pytest.mark.parametrize(
    ("number", "packet", "status"),
    [
        (ControlMessageId.CHIPSET_INIT, InitChipset(), CompletionStatus.ALREADY_DONE),
        (ControlMessageId.BUS_CREATE, BUS, CompletionStatus.ALREADY_DONE),
        (ControlMessageId.DEVICE_CREATE, DEVICE, CompletionStatus.ALREADY_DONE),
        (
            ControlMessageId.BUS_CREATE,
            CreateBus(2, 0, 4096, 767),
            CompletionStatus.CHANNEL_TOO_SMALL,
        ),
        (ControlMessageId.BUS_CREATE, CreateBus(2, 0, 0, 4096), CompletionStatus.CHANNEL_INVALID),
        (
            ControlMessageId.BUS_CREATE,
            CreateBus(2, 0, (1 << 64) - 4095, 4096),
            CompletionStatus.CHANNEL_INVALID,
        ),
        (
            ControlMessageId.DEVICE_CREATE,
            CreateDevice(1, 3, 4096, 127),
            CompletionStatus.CHANNEL_TOO_SMALL,
        ),
        (
            ControlMessageId.DEVICE_CREATE,
            CreateDevice(2, 3, 4096, 4096),
            CompletionStatus.BUS_INVALID,
        ),
        (ControlMessageId.BUS_DESTROY, DestroyBus(9), CompletionStatus.BUS_INVALID),
        (ControlMessageId.BUS_CONFIGURE, ConfigureBus(9), CompletionStatus.BUS_INVALID),
        (ControlMessageId.DEVICE_DESTROY, Device(1, 9), CompletionStatus.DEVICE_INVALID),
        (ControlMessageId.DEVICE_CONFIGURE, Device(9, 2), CompletionStatus.DEVICE_INVALID),
        (ControlMessageId.DEVICE_CONFIGURE, Device(1, 2), CompletionStatus.SUCCESS),
        (
            ControlMessageId.DEVICE_CHANGE_STATE,
            DeviceState(1, 9, 0),
            CompletionStatus.DEVICE_INVALID,
        ),
        (ControlMessageId.BUS_CHANGE_STATE, BusState(1, 0), CompletionStatus.ID_UNKNOWN),
        (
            ControlMessageId.DEVICE_RECONFIGURE,
            Device(1, 2),
            CompletionStatus.ID_INVALID_FOR_CLIENT,
        ),
        (ControlMessageId.CHIPSET_SHUTDOWN, Nothing(), CompletionStatus.ID_UNKNOWN),
        (ControlMessageId.CHIPSET_STOP, Nothing(), CompletionStatus.SUCCESS),
        (ControlMessageId.CHIPSET_SELFTEST, Nothing(), CompletionStatus.SUCCESS),
        (0x221, Nothing(), CompletionStatus.ID_UNKNOWN),
        (0xFFFFFFFF, Nothing(), CompletionStatus.ID_UNKNOWN),
    ],
)
def test_each_wrong_message_has_its_status(
    begun: Guest, number: ControlMessageId, packet: Packet, status: CompletionStatus
) -> None:
    before = begun.records().rpartition(";")[0]
    assert begun.status(number, packet) == status
    assert begun.records().rpartition(";")[0] == before


def test_nothing_is_done_before_the_chipset_is_initialised(guest: Guest) -> None:
    assert guest.status(ControlMessageId.BUS_CREATE, BUS) == 101
    assert guest.status(ControlMessageId.CHIPSET_READY) == 101
    assert guest.status(ControlMessageId.CHIPSET_INIT, InitChipset(0, 1)) == 100
    assert guest.records() == "initialised=0 ready=0 notified=6"


def test_what_the_guest_cannot_do_leaves_no_record(guest: Guest) -> None:
    guest.status(ControlMessageId.CHIPSET_INIT, InitChipset())
    guest.ends.ask("v 604")
    assert guest.status(ControlMessageId.BUS_CREATE, BUS) == CompletionStatus.DRIVER_FAILURE
    guest.ends.ask("v 0")
    assert guest.records().startswith("initialised=1")
    assert guest.status(ControlMessageId.BUS_CREATE, BUS) == 0
    guest.ends.ask("v 605")
    assert guest.status(ControlMessageId.BUS_DESTROY, DestroyBus(1)) == 605
    assert guest.records().startswith("bus 1 ")


def test_the_tables_of_a_guest_are_finite(guest: Guest) -> None:
    guest.status(ControlMessageId.CHIPSET_INIT, InitChipset())
    for bus in range(16):
        assert guest.status(ControlMessageId.BUS_CREATE, CreateBus(bus, 0, 4096, 4096)) == 0
    packet = CreateBus(16, 0, 4096, 4096)
    assert guest.status(ControlMessageId.BUS_CREATE, packet) == 201
    for device in range(64):
        packet_of_device = CreateDevice(3, device, 4096, 4096)
        assert guest.status(ControlMessageId.DEVICE_CREATE, packet_of_device) == 0
    last = CreateDevice(3, 64, 4096, 4096)
    assert guest.status(ControlMessageId.DEVICE_CREATE, last) == 202


def test_no_answer_comes_where_none_is_expected(guest: Guest) -> None:
    guest.send(ControlMessageId.CHIPSET_INIT, InitChipset(), response_expected=False)
    assert guest.ends.number("p") == 1
    assert guest.server.poll() == [Acknowledged(1, ControlMessageId.CHIPSET_INIT)]
    assert guest.server.state.pending == []


def test_an_event_wakes_the_server_only_from_an_empty_queue(guest: Guest) -> None:
    for _ in range(3):
        guest.send(ControlMessageId.CHIPSET_INIT, InitChipset())
    assert guest.ends.number("p") == 3
    assert guest.records().endswith("notified=2")  # one for each of the two queues


def test_a_message_that_cannot_be_answered_yet_stays(guest: Guest) -> None:
    for _ in range(63):
        guest.send(ControlMessageId.CHIPSET_INIT, InitChipset())
    assert guest.server.send(ControlMessageId.CHIPSET_INIT, InitChipset()) is None
    assert guest.ends.number("p") == 63
    for _ in range(2):
        guest.send(ControlMessageId.CHIPSET_READY)
    assert guest.ends.number("p") == 0
    assert len(guest.server.poll()) == 126
    assert guest.ends.number("p") == 2
    assert len(guest.server.poll()) == 4


def test_a_guest_tells_of_its_device(begun: Guest) -> None:
    assert begun.ends.number("t") == 1
    (report,) = begun.server.poll()
    assert isinstance(report, Told)
    assert report.message.packet == DeviceState(1, 2, SEGMENT_STATE_STANDBY)


def test_replies_are_drained(begun: Guest) -> None:
    for _ in range(63):
        begun.server.reply(ControlMessage(id=ControlMessageId.DEVICE_CHANGE_STATE_EVENT))
    assert begun.ends.number("p") == 0
    queue = Producer(begun.memory, begun.plan.queues[1])
    assert queue.read_outstanding() == 0


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (0, 71),
        (0, 0xFFFFFFFF),
        (1 << 63, 128),
        ((1 << 64) - 64, 128),
        (45056, 128),
        (44957, 100),
        (0, 128 * 1024 + 1),
    ],
)
def test_a_payload_outside_of_the_channel_is_refused(begun: Guest, offset: int, size: int) -> None:
    assert begun.plan.size_bytes == 45056
    message = ControlMessage(
        id=ControlMessageId.BUS_CONFIGURE,
        packet=ConfigureBus(1),
        flags=ControlFlag.RESPONSE_EXPECTED,
        payload_offset=offset,
        payload_size_bytes=size,
    )
    Producer(begun.memory, begun.plan.queues[2]).insert(encode_message(message))
    assert begun.ends.number("p") == 1
    answer = begun.server.poll()[-1].message  # type: ignore[union-attr]
    assert answer.completion_status == CompletionStatus.PAYLOAD_INVALID


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0, 75),  # the whole
        (40, 71),
        (40, 73),
        (40, 0xFFFFFFFF),  # the name's place
        (44, 5),
        (44, 77),
        (44, 0xFFFFFFFF),  # the name's size
    ],
)
def test_a_payload_whose_strings_are_not_in_it_is_refused(
    begun: Guest, field: int, value: int
) -> None:
    parameters = ControlParameters(name="name")
    begun.send(ControlMessageId.BUS_CONFIGURE, ConfigureBus(1), parameters=parameters)
    begun.memory.write(begun.plan.event_payload_offset + field, value.to_bytes(4, "little"))
    assert begun.ends.number("p") == 1
    answer = begun.server.poll()[-1].answer  # type: ignore[union-attr]
    assert answer.completion_status == CompletionStatus.PAYLOAD_INVALID
    assert "client=;" in begun.records()


def test_a_message_waits_for_room_for_its_answer(begun: Guest) -> None:
    for _ in range(63):
        assert begun.ends.number("t") == 1
    assert begun.ends.number("t") == 0
    begun.send(ControlMessageId.CHIPSET_READY)
    assert begun.ends.number("p") == 0
    assert len(begun.server.poll()) == 63
    assert begun.ends.number("p") == 1
    assert [type(report) for report in begun.server.poll()] == [Acknowledged, Answered]


@pytest.mark.parametrize(("queue", "field"), [(2, 60), (3, 72), (0, 72), (1, 60)])
def test_a_broken_queue_ends_the_guests_end(begun: Guest, queue: int, field: int) -> None:
    place = begun.plan.queues[queue]
    begun.memory.write(place.header_offset + field, (64).to_bytes(4, "little"))
    if field == 72:  # the producer looks at it when it has something to send
        begun.server.send(ControlMessageId.CHIPSET_READY, Nothing())
    assert begun.ends.number("p") == -1
    assert begun.ends.number("p") == -1


@pytest.mark.parametrize(
    ("offset", "data"),
    [
        (0, b"\0"),
        (32, b"\0"),
        (72, b"\2"),
        (16, b"\0\0"),
        (18, b"\1"),
        (64, b"\0\0"),
        (71, b"\xff"),
        (3072 + 48, b"\0"),
        (3072 + 52, b"\1"),
        (3328 + 48, b"\x40"),
    ],
)
def test_what_is_no_control_channel_is_not_attached(guest: Guest, offset: int, data: bytes) -> None:
    guest.memory.write(offset, data)
    assert guest.ends.number("A") == 0


def test_the_serving_state_survives_a_restart_of_the_server(begun: Guest) -> None:
    sent = begun.server.send(ControlMessageId.CHIPSET_READY, Nothing())
    assert isinstance(sent, Sent)
    restarted = ControlServer(begun.memory, begun.plan, begun.server.state)
    assert begun.ends.number("p") == 1
    reports = restarted.poll()
    assert [type(report) for report in reports] == [Acknowledged, Answered]
    assert begun.records().count(f"state={SEGMENT_STATE_RUNNING:x}") == 1
