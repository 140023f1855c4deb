# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues in Python: the published rules, their limits, and a peer that lies."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.queues import (
    FIELDS,
    HEADER_OFFSET,
    SLOTS_OFFSET,
    WatchedMemory,
    field,
    one_queue,
)
from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import (
    Consumer,
    Insertion,
    Producer,
    QueuePlace,
    read_queue_place,
)

EXTREMES_32 = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
EXTREMES_64 = (*EXTREMES_32, 1 << 63, (1 << 64) - 1, (1 << 64) - 128)


def number(value: int) -> bytes:
    return struct.pack("<Q", value)


def test_the_first_signal_goes_into_slot_1() -> None:
    buffer, place = one_queue()
    Producer(BufferMemory(buffer), place).insert(number(7))
    assert buffer[SLOTS_OFFSET : SLOTS_OFFSET + 16] == number(0) + number(7)
    assert (field(buffer, "head"), field(buffer, "tail")) == (1, 0)


def test_one_slot_stays_empty() -> None:
    buffer, place = one_queue(64)
    producer = Producer(BufferMemory(buffer), place)
    results = [producer.insert(number(i)) for i in range(64)]
    assert results == [Insertion.NOTIFY, *[Insertion.SENT] * 62, Insertion.FULL]
    assert (field(buffer, "sent", 8), field(buffer, "overflows", 8)) == (63, 1)


def test_signals_come_out_in_order_across_the_end() -> None:
    buffer, place = one_queue(64)
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    for i in range(200):
        assert producer.insert(number(i)) is Insertion.NOTIFY
        assert consumer.remove() == number(i)
    assert (field(buffer, "sent", 8), field(buffer, "received", 8)) == (200, 200)
    assert field(buffer, "head") == field(buffer, "tail") == 200 % 64


def test_only_an_empty_queue_wants_an_event() -> None:
    buffer, place = one_queue()
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    results = [producer.insert(number(0)), producer.insert(number(1))]
    consumer.remove_all()
    results += [producer.insert(number(2)), producer.insert(number(3))]
    assert results == [Insertion.NOTIFY, Insertion.SENT] * 2


def test_a_consumer_that_empties_the_queue_meanwhile_is_noticed() -> None:
    """It may have gone to sleep on what it saw before the head was published."""
    buffer, place = one_queue()
    consumer = Consumer(BufferMemory(buffer), place)

    def empty(offset: int, data: bytes) -> bytes:
        if offset == HEADER_OFFSET + FIELDS["tail"] and field(buffer, "head") == 2:
            return struct.pack("<I", 1)  # it had removed the first one before the second was seen
        return data

    producer = Producer(WatchedMemory(buffer, empty), place)
    producer.insert(number(0))
    assert consumer.remove() == number(0)
    assert producer.insert(number(1)) is Insertion.NOTIFY


def test_removals_that_find_nothing_are_counted() -> None:
    buffer, place = one_queue()
    consumer = Consumer(BufferMemory(buffer), place)
    assert [consumer.remove(), consumer.remove()] == [None, None]
    assert field(buffer, "empty", 8) == 2


def test_a_peeked_signal_stays_and_does_not_change() -> None:
    buffer, place = one_queue()
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    producer.insert(number(5))
    assert consumer.peek() == number(5)
    memory.write(SLOTS_OFFSET + 8, number(6))
    assert consumer.peek() == number(5)
    assert field(buffer, "tail") == 0
    assert consumer.remove() == number(5)
    assert field(buffer, "tail") == 1


def test_an_end_goes_on_where_the_last_one_stopped() -> None:
    buffer, place = one_queue()
    memory = BufferMemory(buffer)
    for i in range(3):
        Producer(memory, place).insert(number(i))
    assert [Consumer(memory, place).remove() for _ in range(3)] == [number(i) for i in range(3)]
    assert (field(buffer, "sent", 8), field(buffer, "received", 8)) == (3, 3)


@pytest.mark.parametrize("slots", [64, 4096])
def test_the_limits_of_slots_are_possible(slots: int) -> None:
    buffer, place = one_queue(slots, 1)
    assert read_queue_place(BufferMemory(buffer), HEADER_OFFSET, len(buffer)) == place
    producer = Producer(BufferMemory(buffer), place)
    assert sum(producer.insert(b"x") is not Insertion.FULL for _ in range(slots)) == slots - 1


@pytest.mark.parametrize("slots", [0, 1, 63, 4097, *EXTREMES_32])
def test_other_counts_of_slots_are_refused(slots: int) -> None:
    buffer, _ = one_queue()
    struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS["max_slots"], slots)
    with pytest.raises(ChannelError, match=rf"queue at 0x80: {slots} slots"):
        read_queue_place(BufferMemory(buffer), HEADER_OFFSET, len(buffer))


@pytest.mark.parametrize("size", [0, 4097, *EXTREMES_32])
def test_other_sizes_of_signals_are_refused(size: int) -> None:
    buffer, _ = one_queue()
    struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS["signal_size"], size)
    with pytest.raises(ChannelError, match=f"signals of {size} bytes"):
        read_queue_place(BufferMemory(buffer), HEADER_OFFSET, len(buffer))


@pytest.mark.parametrize("base", [0, 127, 129, *EXTREMES_64])
def test_slots_outside_of_the_channel_are_refused(base: int) -> None:
    buffer, _ = one_queue()
    struct.pack_into("<Q", buffer, HEADER_OFFSET + FIELDS["sig_base_offset"], base)
    with pytest.raises(ChannelError, match="do not fit"):
        read_queue_place(BufferMemory(buffer), HEADER_OFFSET, len(buffer))


@pytest.mark.parametrize("offset", [641, 1 << 40, -1])
def test_a_header_outside_of_the_channel_is_refused(offset: int) -> None:
    buffer, _ = one_queue()
    assert len(buffer) == 640 + 128
    with pytest.raises(ChannelError, match="behind the channel's end"):
        read_queue_place(BufferMemory(buffer), offset, len(buffer))


@pytest.mark.parametrize("index", [64, 65, *EXTREMES_32])
def test_a_head_that_is_no_slot_ends_the_consumer(index: int) -> None:
    buffer, place = one_queue()
    consumer = Consumer(BufferMemory(buffer), place)
    struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS["head"], index)
    with pytest.raises(PeerError, match=rf"queue at 0x80: head {index} is no slot of 64"):
        consumer.remove()
    assert field(buffer, "errors") == 1
    # The first reason is kept, whatever the peer writes then.
    struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS["head"], 1)
    with pytest.raises(PeerError, match=rf"head {index} is"):
        consumer.remove()


@pytest.mark.parametrize("index", [64, 65, *EXTREMES_32])
def test_a_tail_that_is_no_slot_ends_the_producer(index: int) -> None:
    buffer, place = one_queue()
    producer = Producer(BufferMemory(buffer), place)
    struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS["tail"], index)
    for _ in range(2):
        with pytest.raises(PeerError, match=rf"tail {index} is no slot of 64"):
            producer.insert(number(0))
    assert field(buffer, "errors") == 2


@given(st.binary(min_size=128, max_size=128), st.integers(0, 200))
def test_an_arbitrary_header_is_refused_or_stays_inside(header: bytes, count: int) -> None:
    buffer, _ = one_queue()
    buffer[HEADER_OFFSET : HEADER_OFFSET + 128] = header
    memory = BufferMemory(buffer)  # asserts that nothing outside is touched
    try:
        place = read_queue_place(memory, HEADER_OFFSET, len(buffer))
        consumer, producer = Consumer(memory, place), Producer(memory, place)
        for _ in range(count):
            consumer.remove()
            producer.insert(bytes(place.signal_size_bytes))
    except ChannelError:
        pass


@given(
    st.sampled_from([1, 2, 3, 63, 64, 0xFFFFFFFF]),
    st.lists(st.integers(0, (1 << 32) - 1), max_size=40),
)
def test_what_a_peer_changes_in_sizes_is_not_used(size: int, values: list[int]) -> None:
    """Sizes and the own index are private: only the other end's index is read."""
    buffer, place = one_queue()
    memory = BufferMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    for i, value in enumerate(values):
        for name in ("signal_size", "max_slots"):
            struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS[name], value & 0xFFFFFFFF)
        struct.pack_into("<Q", buffer, HEADER_OFFSET + FIELDS["sig_base_offset"], size)
        assert producer.insert(number(i)) is Insertion.NOTIFY
        assert consumer.remove() == number(i)


def test_an_insertion_reads_one_word_once() -> None:
    buffer, place = one_queue()
    memory = WatchedMemory(buffer)
    producer = Producer(memory, place)
    memory.forget()
    producer.insert(number(1))
    tail = HEADER_OFFSET + FIELDS["tail"]
    assert dict(memory.read_counts) == {tail + i: 1 for i in range(4)}


def test_a_removal_reads_the_head_and_the_slot_once() -> None:
    buffer, place = one_queue()
    memory = WatchedMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    producer.insert(number(1))
    memory.forget()
    consumer.remove()
    head, slot = HEADER_OFFSET + FIELDS["head"], SLOTS_OFFSET + 8
    expected = [*range(head, head + 4), *range(slot, slot + 8)]
    assert dict(memory.read_counts) == dict.fromkeys(expected, 1)


def test_each_end_writes_its_own_half_only() -> None:
    buffer, place = one_queue()
    memory = WatchedMemory(buffer)
    producer, consumer = Producer(memory, place), Consumer(memory, place)
    memory.forget()
    producer.insert(number(1))
    assert all(HEADER_OFFSET <= i < HEADER_OFFSET + 64 or i >= SLOTS_OFFSET for i in memory.written)
    memory.forget()
    consumer.remove()
    consumer.remove()
    assert all(HEADER_OFFSET + 64 <= i < HEADER_OFFSET + 128 for i in memory.written)


@given(st.lists(st.integers(0, 63), min_size=1, max_size=60))
def test_a_lying_tail_harms_its_owner_only(tails: list[int]) -> None:
    """Any tail that is a slot is believed; the producer's own order of slots does not change."""
    buffer, place = one_queue()
    producer = Producer(BufferMemory(buffer), place)
    head = 0
    for i, tail in enumerate(tails):
        struct.pack_into("<I", buffer, HEADER_OFFSET + FIELDS["tail"], tail)
        if producer.insert(number(i)) is not Insertion.FULL:
            head = (head + 1) % 64
            begin = SLOTS_OFFSET + 8 * head
            assert buffer[begin : begin + 8] == number(i)
        assert field(buffer, "head") == head


def test_a_place_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ChannelError, match="do not fit"):
        QueuePlace(128, 256, 64, 8).check(256 + 64 * 8 - 1)
    QueuePlace(128, 256, 64, 8).check(256 + 64 * 8)
