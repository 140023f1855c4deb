# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages that are sent and taken in runs: the same as one by one, with fewer accesses."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.queues import WatchedMemory, one_queue
from tests.channels.test_command import SMALL, SMALL_AREA, pair
from ultravisor.channels.command_channel import (
    CommandMessage,
    CommandPlan,
    command_client,
    command_server,
    plan_command_channel,
)
from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.payload_runs import read_payloads, write_payloads
from ultravisor.channels.queue import Consumer, Insertion, Producer
from ultravisor.channels.structures import field_offset
from ultravisor.machine.abi import CommandKind

REQUESTS = field_offset("command_channel", "request_queue")
HEAD = REQUESTS + field_offset("signal_queue_header", "head")
TAIL = REQUESTS + field_offset("signal_queue_header", "tail")
EMPTY = REQUESTS + field_offset("signal_queue_header", "empty_count")
SLOTS = 64


def plan_of() -> CommandPlan:
    return plan_command_channel(SMALL, SLOTS)


def payload(number: int, size: int) -> bytes:
    return bytes((number + at) % 251 for at in range(size))


runs = st.lists(
    st.one_of(
        st.lists(st.integers(0, SMALL_AREA), max_size=70),
        st.lists(st.integers(0, 40), max_size=70),
        st.integers(1, 70),
    ),
    max_size=30,
)


@given(runs)
def test_runs_deliver_what_single_messages_would(steps: list[list[int] | int]) -> None:
    """Two channels, one used in runs and the other one by one, stay alike to the last byte."""
    in_runs, by_one = pair(), pair()
    request = 0
    for step in steps:
        if isinstance(step, int):
            taken = in_runs[2].receive_all(step)
            single = [by_one[2].receive() for _ in taken]
            assert taken == single
            if len(taken) < step:
                assert by_one[2].receive() is None
                assert in_runs[2].receive_all(1) == []
            continue
        messages = [(request + at, payload(at, size)) for at, size in enumerate(step)]
        request += len(messages)
        count, inserted = in_runs[1].send_all(messages)
        results = [by_one[1].send(*message) for message in messages[:count]]
        assert Insertion.FULL not in results
        if count < len(messages):
            assert by_one[1].send(*messages[count]) is Insertion.FULL
        if count:
            assert inserted is results[0]
        else:
            assert inserted is Insertion.FULL
    # Removals that found nothing are counted by each removal.
    for buffer in (in_runs[0], by_one[0]):
        buffer[EMPTY : EMPTY + 8] = bytes(8)
    assert in_runs[0] == by_one[0]


def test_a_run_is_published_once() -> None:
    buffer, _, _ = pair()
    memory = WatchedMemory(buffer)
    client = command_client(memory, SMALL)
    memory.forget()
    assert client.send_all([(n, payload(n, 20)) for n in range(30)]) == (30, Insertion.NOTIFY)
    assert memory.written[HEAD] == 1
    # Behind the publication; that there is room was known.
    assert memory.read_counts[TAIL] == 1
    assert max(memory.written.values()) == 1


def test_a_run_is_taken_with_one_read_of_each_word() -> None:
    buffer, client, _ = pair()
    memory = WatchedMemory(buffer)
    server = command_server(memory, plan_of())
    client.send_all([(n, payload(n, 50)) for n in range(60)])
    memory.forget()
    assert server.receive_all(100) == [CommandMessage(n, payload(n, 50)) for n in range(60)]
    assert max(memory.read_counts.values()) == 1
    assert memory.written[TAIL] == 1


def test_a_word_that_changes_behind_its_read_changes_nothing() -> None:
    buffer, client, _ = pair()

    def poison(offset: int, data: bytes) -> bytes:
        buffer[offset : offset + len(data)] = b"\xff" * len(data)
        return data

    client.send_all([(n, payload(n, 50)) for n in range(20)])
    server = command_server(WatchedMemory(buffer, poison), plan_of())
    assert server.receive_all(100) == [CommandMessage(n, payload(n, 50)) for n in range(20)]


def test_an_empty_queue_has_no_run() -> None:
    _, client, server = pair()
    assert server.receive_all(5) == []
    assert client.send_all([]) == (0, Insertion.FULL)


def test_a_message_that_never_fits_is_told_after_those_before_it() -> None:
    _, client, server = pair()
    messages = [(1, b"a"), (2, b"x" * (SMALL_AREA + 1)), (3, b"c")]
    assert client.send_all(messages) == (1, Insertion.NOTIFY)
    with pytest.raises(ChannelError, match="message of 4097 bytes: 4096 are possible"):
        client.send_all(messages[1:])
    assert server.receive_all(5) == [CommandMessage(1, b"a")]


def test_a_run_with_wrong_signals_has_their_faults_and_the_rest() -> None:
    buffer, client, server = pair()
    client.send_all([(n, b"data") for n in range(4)])
    place = server._consumer.place.slots_offset
    struct.pack_into("<QQII", buffer, place + 2 * 32, 1, SMALL_AREA, 1, CommandKind.REQUEST)
    struct.pack_into("<QQII", buffer, place + 3 * 32, 2, 0, 4, CommandKind.ANSWER)
    found = server.receive_all(10)
    assert [row.request for row in found] == [0, 1, 2, 3]
    assert [bool(row.fault) for row in found] == [False, True, True, False]
    assert (found[0].data, found[1].data, found[3].data) == (b"data", b"", b"data")


def test_signals_over_one_payload_cost_no_more_than_the_area_at_once() -> None:
    """A peer whose signals all name the whole area is served one by one."""
    buffer, client, server = pair()
    client.send_all([(n, b"") for n in range(8)])
    place = server._consumer.place.slots_offset
    for n in range(8):
        struct.pack_into("<QQII", buffer, place + (n + 1) * 32, n, 0, SMALL_AREA, 1)
    for n in range(8):
        (message,) = server.receive_all(10)
        assert (message.request, len(message.data)) == (n, SMALL_AREA)
    assert server.receive_all(10) == []


@pytest.mark.parametrize("index", [64, 0x80000000, 0xFFFFFFFF])
def test_a_wild_index_ends_a_run(index: int) -> None:
    buffer, client, server = pair()
    struct.pack_into("<I", buffer, HEAD, index)
    with pytest.raises(PeerError, match=f"head {index} is no slot of 64"):
        server.receive_all(10)
    struct.pack_into("<I", buffer, TAIL, index)
    with pytest.raises(PeerError, match=f"tail {index} is no slot of 64"):
        client.send_all([(1, b"a")] * 2)


def test_a_queue_takes_a_run_across_its_end() -> None:
    buffer, place = one_queue(64)
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    for first in range(0, 500, 50):
        signals = [struct.pack("<Q", first + n) for n in range(50)]
        assert producer.room(50) >= 50
        assert producer.insert_run(signals) is Insertion.NOTIFY
        assert consumer.peek_run(64) == signals
        consumer.advance(50)
    assert consumer.peek_run(1) == []


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40)), max_size=20))
def test_payloads_are_what_lies_there(places: list[tuple[int, int]]) -> None:
    data = bytes(range(256))
    memory = BufferMemory(bytearray(data))
    assert read_payloads(memory, 0, places) == [data[at : at + size] for at, size in places]


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(0, 10))
def test_payloads_lie_where_they_were_written(sizes: list[int], gap: int) -> None:
    written, at = [], 5
    for number, size in enumerate(sizes):
        at += gap if number % 2 else 0
        written.append((at, payload(number, size)))
        at += size
    memory = BufferMemory(bytearray(512))
    write_payloads(memory, 3, written)
    assert read_payloads(memory, 3, [(at, len(data)) for at, data in written]) == [
        data for _, data in written
    ]
    assert sum(memory.read(0, 512)) == sum(sum(data) for _, data in written)
