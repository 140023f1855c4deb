# SPDX-License-Identifier: GPL-2.0-or-later
"""The command channel: requests and answers of any size, and a peer that lies."""

from __future__ import annotations

import contextlib
import struct
from collections import deque

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.queues import WatchedMemory
from ultravisor.channels import command_protocol as protocol
from ultravisor.channels.command_channel import (
    COMMAND_CHANNEL_SIZE_BYTES,
    CommandEnd,
    CommandMessage,
    build_command_channel,
    command_client,
    command_server,
    plan_command_channel,
    read_command_plan,
)
from ultravisor.channels.command_protocol import ProtocolError
from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import Insertion

SMALL = 4 * 4096
SMALL_AREA = 4096
"""A channel of four pages: two with queues of 64 slots, two of payload."""
EXTREMES = (0xFFFFFFFF, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096)


def pair(size_bytes: int = SMALL) -> tuple[bytearray, CommandEnd, CommandEnd]:
    buffer = bytearray(size_bytes)
    memory = BufferMemory(buffer)
    plan = build_command_channel(memory, size_bytes, 64)
    return buffer, command_client(memory, size_bytes), command_server(memory, plan)


def test_a_message_and_its_answer() -> None:
    _, client, server = pair()
    assert client.send(7, b"question") is Insertion.NOTIFY
    assert server.receive() == CommandMessage(7, b"question")
    assert server.receive() is None
    assert server.send(7, b"answer") is Insertion.NOTIFY
    assert client.receive() == CommandMessage(7, b"answer")


def test_the_client_reads_the_plan_that_the_server_made() -> None:
    memory = BufferMemory(bytearray(COMMAND_CHANNEL_SIZE_BYTES))
    plan = build_command_channel(memory)
    assert read_command_plan(memory, COMMAND_CHANNEL_SIZE_BYTES) == plan
    assert (plan.request_queue.slot_count, plan.payload_size_bytes) == (256, 29 * 4096)


def test_the_largest_message_fits_and_one_more_byte_does_not() -> None:
    _, client, server = pair()
    assert client.payload_limit_bytes == SMALL_AREA
    client.send(1, b"x" * SMALL_AREA)
    assert server.receive() == CommandMessage(1, b"x" * SMALL_AREA)
    with pytest.raises(ChannelError, match="message of 4097 bytes: 4096 are possible"):
        client.send(2, b"x" * (SMALL_AREA + 1))


def test_a_full_area_waits_for_the_receiver() -> None:
    _, client, server = pair()
    sent = [client.send(i, b"x" * 1024) for i in range(5)]
    assert [result is Insertion.FULL for result in sent] == [False] * 4 + [True]
    server.receive()
    assert client.send(5, b"x" * 1024) is Insertion.SENT
    assert client.send(6, b"x") is Insertion.FULL


def test_a_full_queue_waits_for_the_receiver() -> None:
    _, client, server = pair()
    assert [client.send(i, b"") for i in range(64)].count(Insertion.FULL) == 1
    for i in range(63):
        assert server.receive() == CommandMessage(i, b"")
    assert client.send(64, b"") is Insertion.NOTIFY


@given(st.lists(st.one_of(st.integers(0, SMALL_AREA), st.none()), max_size=80))
def test_any_sequence_of_sizes_arrives_whole(actions: list[int | None]) -> None:
    _, client, server = pair()
    waiting: deque[CommandMessage] = deque()
    for number, size in enumerate(actions):
        if size is None:
            assert server.receive() == (waiting.popleft() if waiting else None)
            continue
        data = bytes([number & 0xFF]) * size
        result = client.send(number, data)
        if not waiting:
            assert result is Insertion.NOTIFY
        if result is not Insertion.FULL:
            waiting.append(CommandMessage(number, data))
    for message in waiting:
        assert server.receive() == message


@given(st.lists(st.integers(0, 2000), max_size=8), st.lists(st.integers(0, 2000), max_size=8))
def test_a_new_end_never_writes_over_what_is_on_its_way(old: list[int], new: list[int]) -> None:
    """A client that was restarted; its former requests are still in the channel."""
    buffer, client, server = pair()
    expected = [
        CommandMessage(i, bytes([i]) * size)
        for i, size in enumerate(old)
        if client.send(i, bytes([i]) * size) is not Insertion.FULL
    ]
    restarted = command_client(BufferMemory(buffer), len(buffer))
    for i, size in enumerate(new, 100):
        if restarted.send(i, bytes([i]) * size) is not Insertion.FULL:
            expected.append(CommandMessage(i, bytes([i]) * size))
    for message in expected:
        assert server.receive() == message
    assert server.receive() is None


def test_a_restarted_end_sends_again_when_the_channel_is_empty() -> None:
    buffer, client, server = pair()
    client.send(1, b"x")
    restarted = command_client(BufferMemory(buffer), len(buffer))
    assert restarted.send(2, b"y") is Insertion.FULL
    server.receive()
    assert restarted.send(2, b"y" * SMALL_AREA) is Insertion.NOTIFY
    assert server.receive() == CommandMessage(2, b"y" * SMALL_AREA)


def signal_of(buffer: bytearray) -> int:
    """Return where the first signal of the client lies."""
    return 448 + 32 if buffer else 0


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        (20, 2, "signal of kind 2, not 1"),
        (20, 0xFFFFFFFF, "signal of kind 4294967295, not 1"),
        (16, 4097, "payload of 4097 bytes at 0x0: the area has 4096"),
        (16, 0xFFFFFFFF, "payload of 4294967295 bytes at 0x0: the area has 4096"),
    ],
)
def test_a_wrong_signal_can_still_be_answered(field: int, value: int, fault: str) -> None:
    buffer, client, server = pair()
    client.send(9, b"abc")
    struct.pack_into("<I", buffer, signal_of(buffer) + field, value)
    assert server.receive() == CommandMessage(9, b"", fault)
    server.send(9, b"no")
    assert client.receive() == CommandMessage(9, b"no")


@pytest.mark.parametrize("offset", [4094, 4096, *EXTREMES])
def test_a_payload_outside_of_the_area_is_not_read(offset: int) -> None:
    buffer, client, server = pair()
    client.send(9, b"abc")
    struct.pack_into("<Q", buffer, signal_of(buffer) + 8, offset)
    message = server.receive()
    assert message is not None
    assert message.fault == f"payload of 3 bytes at {offset:#x}: the area has 4096"


def test_receiving_reads_each_word_once() -> None:
    buffer, client, _ = pair()
    memory = WatchedMemory(buffer)
    server = command_server(memory, plan_command_channel(SMALL, 64))
    client.send(1, b"abc")
    memory.forget()
    server.receive()
    assert set(memory.read_counts.values()) == {1}
    assert sum(memory.read_counts.values()) == 4 + 32 + 3


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_garbage_in_signal_and_indices_stays_inside(signal: bytes, header: bytes) -> None:
    buffer, client, server = pair()
    client.send(1, b"abc")
    buffer[signal_of(buffer) : signal_of(buffer) + 32] = signal
    buffer[128:192] = header
    try:
        message = server.receive()
    except PeerError:
        return
    assert message is None or message.request == int.from_bytes(signal[:8], "little")


@pytest.mark.parametrize(
    ("offset", "data", "sentence"),
    [
        (32, b"\0", "channel type"),
        (128 + 48, struct.pack("<I", 16), "signals of 16 bytes; a command channel's have 32"),
        (384, struct.pack("<Q", 1 << 63), "does not fit the channel's 16384"),
        (392, struct.pack("<Q", 12289), "payload of 4096 and 4096 bytes at 0x3001 does not fit"),
        (400, struct.pack("<II", 0, 0), "payload of 0 and 0 bytes"),
        (400, struct.pack("<II", 1, 2), "payload of 1 and 2 bytes"),
        (400, struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF), "payload of 4294967295"),
    ],
)
def test_a_client_says_why_it_does_not_attach(offset: int, data: bytes, sentence: str) -> None:
    buffer, _, _ = pair()
    buffer[offset : offset + len(data)] = data
    with pytest.raises(ChannelError, match=sentence):
        command_client(BufferMemory(buffer), len(buffer))


@pytest.mark.parametrize(
    ("size", "slots", "sentence"),
    [
        (SMALL, 63, "63 slots; 64 to 4096"),
        (1 << 20, 4097, "4097 slots; 64 to 4096"),
        (8192, 64, "64 slots a queue leave no payload"),
    ],
)
def test_an_impossible_channel_is_not_built(size: int, slots: int, sentence: str) -> None:
    memory = BufferMemory(bytearray(size))
    with pytest.raises(ChannelError, match=sentence):
        build_command_channel(memory, size, slots)


@pytest.mark.parametrize("slots", [64, 4096])
def test_the_limits_of_slots_are_possible(slots: int) -> None:
    memory = BufferMemory(bytearray(1 << 20))
    plan = build_command_channel(memory, 1 << 20, slots)
    assert read_command_plan(memory, 1 << 20) == plan


REQUESTS: list[protocol.AnyRequest] = [
    protocol.Begin(),
    protocol.Read(3, (protocol.Query("partition", (4,)), protocol.Query("zone"))),
    protocol.Apply(3, (protocol.DestroyPartition(4),)),
    protocol.CommitTransaction(3),
    protocol.Abort(3),
    protocol.Transact(
        (
            protocol.CreatePartition(name="web", zone="outer", rights=7),
            protocol.AssignMemory(partition=protocol.result_of(0), frame_count=512, guest_frame=0),
            protocol.SetQuanta(0, (protocol.SlotPlan(-1, 0, 100_000, True),)),
            protocol.MapChannel(
                type_guid="x",
                ends=(protocol.EndPlan(-1, 512, 8), protocol.EndPlan(2, 600, 9, False)),
                frame_count=4,
            ),
            protocol.SetLayout(-1, b"\0\xff"),
        ),
        (protocol.ReadVersion("partition", (2,), 17),),
        dry_run=True,
    ),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda row: type(row).__name__)
def test_every_request_survives_its_bytes(request_: protocol.AnyRequest) -> None:
    assert protocol.decode_request(protocol.encode(request_)) == request_


ANSWERS: list[protocol.AnyAnswer] = [
    protocol.Done(5, (1, None, [1, 2]), repeated=True),
    protocol.Refused(protocol.RefusalKind.CONFLICT, "partition 2 has changed", "version"),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda row: type(row).__name__)
def test_every_answer_survives_its_bytes(answer: protocol.AnyAnswer) -> None:
    assert protocol.decode_answer(protocol.encode(answer)) == answer


def test_every_operation_is_one_of_the_protocol() -> None:
    members = set(protocol.AnyOperation.__args__)
    assert members == set(protocol.Operation.__subclasses__())


def test_every_kind_of_refusal_is_distinct() -> None:
    kinds = ["conflict", "quota", "ownership", "policy", "unknown-id", "invalid", "limit", "state"]
    assert [str(kind) for kind in protocol.RefusalKind] == kinds


class Row(msgspec.Struct, frozen=True):
    number: int
    name: str


def test_values_arrive_as_the_records_that_they_were() -> None:
    done = protocol.decode_answer(protocol.encode(protocol.Done(1, (Row(4, "web"),))))
    assert isinstance(done, protocol.Done)
    assert protocol.read_value(done.values[0], Row) == Row(4, "web")
    with pytest.raises(ProtocolError, match="answer: "):
        protocol.read_value(done.values[0], int)


def test_a_result_stands_for_an_earlier_operations_answer() -> None:
    assert [protocol.resolve(number, [7, None]) for number in (3, protocol.result_of(0))] == [3, 7]
    for index in (1, 2):
        with pytest.raises(ProtocolError, match=f"result of operation {index}"):
            protocol.resolve(protocol.result_of(index), [7, None])


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_refused_with_a_sentence(payload: bytes) -> None:
    if payload == protocol.encode(protocol.Begin()):
        return
    with pytest.raises(ProtocolError) as wrong:
        protocol.decode_request(payload)
    assert wrong.value.message.startswith(f"request of {len(payload)} bytes: ")


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_request_with_one_wrong_byte_is_a_request_or_refused(place: int, byte: int) -> None:
    payload = bytearray(protocol.encode(REQUESTS[-1]))
    payload[place % len(payload)] = byte
    with contextlib.suppress(ProtocolError):
        assert isinstance(protocol.decode_request(bytes(payload)), protocol.AnyRequest)


def test_a_deeply_nested_payload_is_refused() -> None:
    with pytest.raises(ProtocolError):
        protocol.decode_request(b"\x91" * 100_000)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (["Nonsense"], "Invalid value 'Nonsense'"),
        (["Abort"], "Expected `array` of at least length 2"),
        (["Abort", "x"], "Expected `int`, got `str`"),
        (["Transact", [["DestroyPartition", None]]], "Expected `int`, got `None`"),
        ({}, "Expected `array`, got `object`"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(value: object, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        protocol.decode_request(msgspec.msgpack.encode(value))
