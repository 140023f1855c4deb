# SPDX-License-Identifier: GPL-2.0-or-later
"""A client written from the published tables alone works on our channels, polling or signalled."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.published import PublishedClient, PublishedGuest
from tests.channels.queues import TYPE, one_queue
from ultravisor.channels.channel import ChannelHeader, build_channel
from ultravisor.channels.control_channel import build_control_channel, plan_control_channel
from ultravisor.channels.control_messages import (
    BusState,
    ConfigureBus,
    CreateBus,
    CreateDevice,
    DeviceState,
    InitChipset,
    Nothing,
)
from ultravisor.channels.control_parameters import ControlParameters
from ultravisor.channels.control_server import Acknowledged, Answered, ControlServer
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import Consumer, Insertion, Producer, QueuePlace
from ultravisor.machine.abi import SEGMENT_STATE_STANDBY, ControlMessageId

INSTANCE = UUID("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
LIFE = [
    (ControlMessageId.CHIPSET_INIT, InitChipset(2)),
    (ControlMessageId.BUS_CREATE, CreateBus(1, 4, 0x10000, 4096)),
    (ControlMessageId.DEVICE_CREATE, CreateDevice(1, 2, 0x20000, 65536)),
    (ControlMessageId.CHIPSET_READY, Nothing()),
    (ControlMessageId.DEVICE_CHANGE_STATE, DeviceState(1, 2, SEGMENT_STATE_STANDBY)),
]


class Host:
    """The ultravisor's end, and the published driver's on the same memory."""

    def __init__(self) -> None:
        self.plan = plan_control_channel()
        self.buffer = bytearray(self.plan.size_bytes)
        memory = BufferMemory(self.buffer)
        build_control_channel(memory, self.plan)
        self.server = ControlServer(memory, self.plan)
        self.events: list[int] = []
        """Queues of which the driver told that they are no longer empty."""
        self.guest = PublishedGuest(self.buffer, self.events.append)


def test_a_polling_client_lives_through_a_guests_life() -> None:
    host = Host()
    for number, packet in LIFE:
        sent = host.server.send(number, packet)
        assert sent is not None
        host.guest.poll()
        acknowledged, answered = host.server.poll()
        assert acknowledged == Acknowledged(sent.handle, number)
        assert isinstance(answered, Answered)
        assert answered.answer.completion_status == 0
    assert [number for number, _, _ in host.guest.seen] == [number for number, _ in LIFE]


def test_a_signalled_client_sleeps_until_it_is_notified() -> None:
    """It polls only when the server says so, and the server only when the client says so."""
    host = Host()
    answers = 0
    for first in range(0, 60, 3):
        waking = []
        for _ in range(3):
            sent = host.server.send(ControlMessageId.CHIPSET_READY, Nothing())
            assert sent is not None
            waking.append(sent.notify)
        assert waking == [True, False, False], first
        host.events.clear()
        host.guest.poll()
        assert host.events == [3, 0]
        answers += sum(isinstance(report, Answered) for report in host.server.poll())
    assert answers == 60
    assert host.server.state.pending == []


def test_a_client_finds_the_payload_where_the_message_says() -> None:
    host = Host()
    parameters = ControlParameters(id=INSTANCE, name="name of the client")
    host.server.send(ControlMessageId.BUS_CONFIGURE, ConfigureBus(1), parameters=parameters)
    host.guest.poll()
    payload = host.guest.seen[-1][2]
    assert int.from_bytes(payload[:4], "little") == len(payload) == 72 + 18
    offset, size = (int.from_bytes(payload[i : i + 4], "little") for i in (40, 44))
    assert payload[offset : offset + size] == b"name of the client"
    assert payload[48:64] == INSTANCE.bytes_le


def test_what_a_client_does_not_know_fails_with_4() -> None:
    host = Host()
    host.server.send(ControlMessageId.BUS_CHANGE_STATE, BusState(1, 0))
    host.guest.poll()
    answered = host.server.poll()[1]
    assert isinstance(answered, Answered)
    assert (answered.answer.failed, answered.answer.completion_status) == (True, 4)


def test_a_client_of_another_type_or_version_is_refused_by_itself() -> None:
    host = Host()
    assert not host.guest.valid(b"\0" * 16, 36608, 1)
    assert not host.guest.valid(bytes(host.buffer[0x20:0x30]), 36608, 2)


@pytest.mark.parametrize("slots", [64, 65])
@given(actions=st.lists(st.integers(-70, 70), max_size=8))
def test_a_client_and_our_server_exchange_any_sequence(slots: int, actions: list[int]) -> None:
    """On a channel of data: queue 0 to the server, queue 1 to the client."""
    places = (QueuePlace(128, 384, slots, 64), QueuePlace(256, 384 + slots * 64, slots, 64))
    buffer = bytearray(places[1].end_offset)
    memory = BufferMemory(buffer)
    build_channel(memory, ChannelHeader(size_bytes=len(buffer), type=TYPE), places)
    events: list[int] = []
    client = PublishedClient(buffer, events.append)
    producer, consumer = Producer(memory, places[1]), Consumer(memory, places[0])
    signals = 0
    for action in actions:
        for _ in range(action):
            signal = signals.to_bytes(64, "little")
            signals += 1
            assert client.insert(0, signal) == (producer.insert(signal) is not Insertion.FULL)
        for _ in range(-action):
            assert client.remove(1) == consumer.remove()


def test_our_queue_is_read_by_the_published_rule() -> None:
    buffer, place = one_queue()
    client = PublishedClient(buffer, lambda _: None)
    producer = Producer(BufferMemory(buffer), place)
    for i in range(200):
        producer.insert(i.to_bytes(8, "little"))
        assert client.remove(0) == i.to_bytes(8, "little")
