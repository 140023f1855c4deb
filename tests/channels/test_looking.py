# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be seen of a channel from outside: statistics, taps, and the records of a bus."""

from __future__ import annotations

import struct
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.queues import TYPE, WatchedMemory, one_queue
from ultravisor.channels import command_protocol as protocol
from ultravisor.channels.channel import ChannelHeader, build_channel, change_features
from ultravisor.channels.client_state import change_state
from ultravisor.channels.command_channel import (
    build_command_channel,
    command_client,
    command_server,
)
from ultravisor.channels.control_channel import build_control_channel, plan_control_channel
from ultravisor.channels.control_client import ControlClient
from ultravisor.channels.control_messages import CreateBus, Nothing
from ultravisor.channels.control_server import ControlServer
from ultravisor.channels.errors import ChannelError
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import Consumer, Producer, QueuePlace
from ultravisor.channels.statistics import read_statistics
from ultravisor.channels.tap import ChannelTap, TapGap, TappedSignal
from ultravisor.channels.vbus_channel import (
    DEVICE_LIMIT,
    DriverInformation,
    VbusRecords,
    build_vbus_channel,
    vbus_channel_size_bytes,
)
from ultravisor.machine.abi import (
    GUID_VBUS,
    GUID_VHBA,
    ChannelFeature,
    ClientState,
    CompletionStatus,
    ControlMessageId,
)

SIZE = 4 * 4096


def data_channel(slots: int = 64) -> tuple[bytearray, tuple[QueuePlace, QueuePlace]]:
    """Return a channel of data with two queues."""
    places = (QueuePlace(128, 384, slots, 8), QueuePlace(256, 384 + slots * 8, slots, 8))
    buffer = bytearray(places[1].end_offset)
    header = ChannelHeader(size_bytes=len(buffer), type=TYPE, zone=TYPE, handle=5)
    build_channel(BufferMemory(buffer), header, places)
    return buffer, places


def test_statistics_say_what_the_ends_did() -> None:
    buffer, places = data_channel()
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, places[0]), Consumer(memory, places[0])
    for i in range(65):
        producer.insert(i.to_bytes(8, "little"))
    for _ in range(60):
        consumer.remove()
    Consumer(memory, places[1]).remove()
    change_features(memory, add=ChannelFeature.POLLING)
    change_state(memory, ClientState.ATTACHING)
    statistics = read_statistics(memory, len(buffer))
    assert msgspec.to_builtins(statistics) == {
        "valid": True,
        "type": str(TYPE),
        "zone": str(TYPE),
        "size_bytes": len(buffer),
        "version": 1,
        "features": ("polling",),
        "server_state": "ready",
        "client_state": "attaching",
        "client_state_boot": "detached",
        "partition_handle": 0,
        "handle": 5,
        "queues": (
            {
                "index": 0,
                "name": "to_server",
                "slot_count": 64,
                "signal_size_bytes": 8,
                "head": 63,
                "tail": 60,
                "waiting": 3,
                "sent_count": 63,
                "received_count": 60,
                "overflow_count": 2,
                "empty_count": 0,
                "interrupt_count": 0,
                "errors": (),
            },
            {
                "index": 1,
                "name": "to_client",
                "slot_count": 64,
                "signal_size_bytes": 8,
                "head": 0,
                "tail": 0,
                "waiting": 0,
                "sent_count": 0,
                "received_count": 0,
                "overflow_count": 0,
                "empty_count": 1,
                "interrupt_count": 0,
                "errors": (),
            },
        ),
    }


def test_statistics_of_a_control_channel_name_its_queues() -> None:
    plan = plan_control_channel()
    memory = BufferMemory(bytearray(plan.size_bytes))
    build_control_channel(memory, plan, partition=3)
    statistics = read_statistics(memory, plan.size_bytes)
    assert statistics.type == "control"
    assert statistics.partition_handle == 3
    assert [row.name for row in statistics.queues] == ["request", "response", "event", "event_ack"]


def test_statistics_show_errors_and_indices_that_are_none() -> None:
    buffer, _ = data_channel()
    struct.pack_into("<II", buffer, 128 + 56, 63, 64)
    struct.pack_into("<I", buffer, 128 + 112, 3)
    row = read_statistics(BufferMemory(buffer), len(buffer)).queues[0]
    assert (row.head, row.waiting, row.errors) == (64, None, ("head", "tail"))


@given(st.binary(min_size=512, max_size=512))
def test_statistics_of_garbage_are_shown(garbage: bytes) -> None:
    """A look fails at nothing that an end may have written, and writes nothing."""
    buffer = bytearray(garbage)
    statistics = read_statistics(BufferMemory(buffer), len(buffer))
    assert not statistics.valid
    assert buffer == garbage


def test_a_state_that_does_not_exist_is_shown_as_a_number() -> None:
    buffer, _ = data_channel()
    struct.pack_into("<I", buffer, 0x6C, 77)
    assert read_statistics(BufferMemory(buffer), len(buffer)).client_state == "77"


def numbers(rows: list[TappedSignal | TapGap]) -> list[int | str]:
    return [row.number if isinstance(row, TappedSignal) else f"-{row.missed}" for row in rows]


def test_a_tap_sees_every_signal_once_and_disturbs_nothing() -> None:
    buffer, places = data_channel()
    memory = WatchedMemory(buffer)
    producer, consumer = Producer(memory, places[0]), Consumer(memory, places[0])
    tap = ChannelTap(memory, len(buffer))
    seen: list[bytes] = []
    for i in range(200):
        producer.insert(i.to_bytes(8, "little"))
        if i % 3 == 0:
            consumer.remove_all()
            memory.forget()
            seen += [row.data for row in tap.poll() if isinstance(row, TappedSignal)]
            assert not memory.written
    seen += [row.data for row in tap.poll() if isinstance(row, TappedSignal)]
    assert seen == [i.to_bytes(8, "little") for i in range(200)]


@pytest.mark.parametrize("sent", [63, 64, 65, 130, 1000])
def test_a_tap_that_was_late_says_how_much_it_missed(sent: int) -> None:
    buffer, places = data_channel()
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, places[0]), Consumer(memory, places[0])
    tap = ChannelTap(memory, len(buffer))
    for i in range(sent):
        producer.insert(i.to_bytes(8, "little"))
        consumer.remove()
    missed = sent - 63
    expected = [f"-{missed}"] if missed else []
    assert numbers(tap.poll()) == [*expected, *range(missed + 1, sent + 1)]
    assert tap.poll() == []


def test_a_count_that_is_one_behind_its_head_loses_nothing() -> None:
    """The producer was interrupted between the two."""
    buffer, places = data_channel()
    memory = BufferMemory(buffer)
    producer = Producer(memory, places[0])
    tap = ChannelTap(memory, len(buffer))
    producer.insert(bytes(8))
    producer.insert(bytes(8))
    struct.pack_into("<Q", buffer, 128 + 32, 1)
    assert numbers(tap.poll()) == [1, 2]
    producer.insert(bytes(8))
    assert numbers(tap.poll()) == [3]


def test_a_tap_notices_a_channel_that_was_built_again() -> None:
    buffer, places = data_channel()
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, places[0]), Consumer(memory, places[0])
    tap = ChannelTap(memory, len(buffer))
    for _ in range(300):
        producer.insert(bytes(8))
        consumer.remove()
    tap.poll()
    build_channel(memory, ChannelHeader(size_bytes=len(buffer), type=TYPE), places)
    assert numbers(tap.poll()) == ["-0"]
    Producer(memory, places[0]).insert(bytes(8))
    assert numbers(tap.poll()) == [1]


def test_a_tap_can_begin_with_what_is_still_there() -> None:
    buffer, places = data_channel()
    memory = BufferMemory(buffer)
    producer = Producer(memory, places[0])
    for _ in range(5):
        producer.insert(bytes(8))
    assert numbers(ChannelTap(memory, len(buffer)).poll()) == []
    assert numbers(ChannelTap(memory, len(buffer), behind=True).poll()) == [1, 2, 3, 4, 5]


def test_a_tap_decodes_control_messages() -> None:
    plan = plan_control_channel()
    memory = BufferMemory(bytearray(plan.size_bytes))
    build_control_channel(memory, plan)
    server, client = ControlServer(memory, plan), ControlClient(memory, plan.size_bytes)
    tap = ChannelTap(memory, plan.size_bytes)
    server.send(ControlMessageId.BUS_CREATE, CreateBus(1, 2, 4096, 0, GUID_VHBA), server=True)
    server.send(ControlMessageId.CHIPSET_READY, Nothing(), response_expected=False)
    received = client.receive()
    assert received is not None
    client.answer(received.message, CompletionStatus.BUS_INVALID)
    lines = [(row.queue, row.sentence) for row in tap.poll() if isinstance(row, TappedSignal)]
    assert lines == [
        (
            "request",
            "bus_create handle=1 failed response_expected server status=bus_invalid",
        ),
        (
            "event",
            "bus_create handle=1 bus=1 device_count=2 channel_address=4096 device_type=vhba "
            "response_expected server",
        ),
        ("event", "chipset_ready handle=2"),
        ("event_ack", "bus_create handle=1 response_expected server"),
    ]


def test_a_tap_decodes_commands() -> None:
    memory = BufferMemory(bytearray(SIZE))
    plan = build_command_channel(memory, SIZE, 64)
    client, server = command_client(memory, SIZE), command_server(memory, plan)
    tap = ChannelTap(memory, SIZE)
    client.send(7, protocol.encode(protocol.Abort(3)))
    client.send(8, b"garbage")
    server.send(7, protocol.encode(protocol.Done(5)))
    lines = [(row.queue, row.sentence) for row in tap.poll() if isinstance(row, TappedSignal)]
    assert lines[0] == ("request", "7: Abort(transaction=3)")
    assert lines[1][1].startswith("8: request of 7 bytes: ")
    assert lines[2] == ("response", "7: Done(generation=5, values=(), repeated=False)")


@given(st.binary(min_size=32, max_size=32))
def test_a_tap_shows_signals_that_are_none(signal: bytes) -> None:
    buffer = bytearray(SIZE)
    memory = BufferMemory(buffer)
    plan = build_command_channel(memory, SIZE, 64)
    tap = ChannelTap(memory, SIZE)
    Producer(memory, plan.request_queue).insert(signal)
    (row,) = tap.poll()
    assert isinstance(row, TappedSignal)
    assert row.data == signal
    assert row.sentence


def test_a_tap_on_what_is_no_channel_is_refused() -> None:
    with pytest.raises(ChannelError):
        ChannelTap(BufferMemory(bytearray(4096)), 4096)


@pytest.mark.parametrize(("devices", "size"), [(0, 4096), (13, 4096), (14, 8192), (4096, 1052672)])
def test_the_size_of_a_bus_is_the_published_one(devices: int, size: int) -> None:
    assert vbus_channel_size_bytes(devices) == size


def test_a_bus_lies_as_published() -> None:
    buffer = bytearray(vbus_channel_size_bytes(4))
    build_vbus_channel(BufferMemory(buffer), 4, bus=2)
    assert struct.unpack_from("<6I", buffer, 128) == (128, 256, 4, 128, 384, 640)
    assert UUID(bytes_le=bytes(buffer[32:48])) == GUID_VBUS


def test_a_client_says_who_drives_its_devices() -> None:
    buffer = bytearray(vbus_channel_size_bytes(4))
    build_vbus_channel(BufferMemory(buffer), 4)
    client = VbusRecords.attach(BufferMemory(buffer), len(buffer))
    client.write_chipset(DriverInformation("chipset", "guest", "1.0"))
    client.write_bus(DriverInformation("bus", "vbus"))
    client.write_device(3, DriverInformation("vhba", "x" * 20))
    server = VbusRecords(BufferMemory(buffer), 4)
    assert server.chipset() == DriverInformation("chipset", "guest", "1.0")
    assert server.bus() == DriverInformation("bus", "vbus", "")
    assert server.device(3) == DriverInformation("vhba", "x" * 16)
    assert server.device(0) == DriverInformation()


def test_text_of_a_client_is_shown_as_printable_characters() -> None:
    buffer = bytearray(vbus_channel_size_bytes(1))
    build_vbus_channel(BufferMemory(buffer), 1)
    buffer[768:784] = b"\x1b[31m\n\xff ok\0\0\0hid"
    assert VbusRecords(BufferMemory(buffer), 1).device(0).device_type == "?[31m?? ok"


@pytest.mark.parametrize(
    ("offset", "value", "sentence"),
    [
        (132, 255, "records of 255 bytes"),
        (148, 641, "records of 256 bytes at 641"),
        (136, 0xFFFFFFFF, "4294967295 records do not fit"),
        (136, 14, "14 records do not fit 4096 bytes"),
        (32, 0, "channel type"),
    ],
)
def test_a_bus_that_is_none_is_refused(offset: int, value: int, sentence: str) -> None:
    buffer = bytearray(vbus_channel_size_bytes(13))
    build_vbus_channel(BufferMemory(buffer), 13)
    struct.pack_into("<I", buffer, offset, value)
    with pytest.raises(ChannelError, match=sentence):
        VbusRecords.attach(BufferMemory(buffer), len(buffer))


@pytest.mark.parametrize("devices", [-1, DEVICE_LIMIT + 1])
def test_a_bus_has_a_limit(devices: int) -> None:
    with pytest.raises(ChannelError, match="0 to 4096 are possible"):
        build_vbus_channel(BufferMemory(bytearray(4096)), devices)


def test_one_queue_ends_where_its_channel_does() -> None:
    buffer, place = one_queue()
    assert place.end_offset == len(buffer)
