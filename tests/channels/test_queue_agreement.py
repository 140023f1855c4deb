# SPDX-License-Identifier: GPL-2.0-or-later
"""C and Python on one shared queue: either end in either language, against a plain model."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.channels.c_ends import c_ends
from tests.channels.queues import HEADER_OFFSET, SLOTS_OFFSET, build_one_queue
from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.memory import BufferMemory
from ultravisor.channels.queue import (
    Consumer,
    Insertion,
    Producer,
    QueuePlace,
    read_queue_place,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.channels.c_ends import CEnds

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
BROKEN = -1
# How many signals to send, or (below zero) to remove; long runs cross the end of the slots.
ACTIONS = st.lists(st.integers(-70, 70), max_size=12)
SIZES = st.sampled_from([(64, 8), (65, 12), (64, 128), (100, 61), (4096, 8), (127, 1216)])


class SendingEnd(Protocol):
    def insert(self, value: int) -> int: ...


class ReceivingEnd(Protocol):
    def remove(self) -> bytes | None: ...


def signal(value: int, size_bytes: int) -> bytes:
    """Return the signal that runner.c makes of a number."""
    return struct.pack("<Q", value).ljust(size_bytes, bytes([value & 0xFF]))[:size_bytes]


class CSender:
    def __init__(self, ends: CEnds) -> None:
        self.ends = ends
        assert ends.number(f"qP0 {HEADER_OFFSET}") == 1

    def insert(self, value: int) -> int:
        return self.ends.number(f"qi0 {value}")


class CReceiver:
    def __init__(self, ends: CEnds) -> None:
        self.ends = ends
        assert ends.number(f"qC1 {HEADER_OFFSET}") == 1

    def remove(self) -> bytes | None:
        found, _, data = self.ends.ask("qr1").partition(" ")
        return bytes.fromhex(data) if found == "1" else None


class PythonSender:
    def __init__(self, ends: CEnds, place: QueuePlace) -> None:
        self.size_bytes = place.signal_size_bytes
        self.producer = Producer(BufferMemory(memoryview(ends.buffer)), place)

    def insert(self, value: int) -> int:
        return self.producer.insert(signal(value, self.size_bytes))


def make(
    ends: CEnds, languages: tuple[str, str], shape: tuple[int, int]
) -> tuple[SendingEnd, ReceivingEnd]:
    """Make a queue of this shape, and its two ends."""
    place = QueuePlace(HEADER_OFFSET, SLOTS_OFFSET, *shape)
    memory = BufferMemory(memoryview(ends.buffer))
    build_one_queue(memory, place, len(ends.buffer))
    sender = CSender(ends) if languages[0] == "c" else PythonSender(ends, place)
    receiver = CReceiver(ends) if languages[1] == "c" else Consumer(memory, place)
    return sender, receiver


@pytest.mark.parametrize("languages", [("c", "python"), ("python", "c"), ("c", "c")])
@SHARED
@given(shape=SIZES, actions=ACTIONS)
def test_any_interleaving_is_that_of_the_model(
    ends: CEnds, languages: tuple[str, str], shape: tuple[int, int], actions: list[int]
) -> None:
    sender, receiver = make(ends, languages, shape)
    model: deque[int] = deque()
    value = 0
    for action in actions:
        for _ in range(action):
            expected = Insertion.SENT if model else Insertion.NOTIFY
            if len(model) == shape[0] - 1:
                expected = Insertion.FULL
            else:
                model.append(value)
            assert sender.insert(value) == expected
            value += 1
        for _ in range(-action):
            expected_signal = signal(model.popleft(), shape[1]) if model else None
            assert receiver.remove() == expected_signal


@pytest.mark.parametrize("languages", [("c", "python"), ("python", "c")])
def test_a_full_queue_of_the_largest_shape(ends: CEnds, languages: tuple[str, str]) -> None:
    sender, receiver = make(ends, languages, (4096, 8))
    assert [sender.insert(i) for i in range(4096)].count(Insertion.FULL) == 1
    for i in range(4095):
        assert receiver.remove() == signal(i, 8)
    assert receiver.remove() is None


@pytest.mark.parametrize("languages", [("c", "python"), ("python", "c")])
def test_both_ends_count_alike(ends: CEnds, languages: tuple[str, str]) -> None:
    """After the same actions the header's bytes are the same in any language."""
    for pair in (languages, ("python", "python"), ("c", "c")):
        sender, receiver = make(ends, pair, (64, 8))
        for i in range(70):
            sender.insert(i)
        for _ in range(65):
            receiver.remove()
        for i in range(3):
            sender.insert(i)
        if pair == languages:
            header = bytes(ends.buffer[:SLOTS_OFFSET])
        assert bytes(ends.buffer[:SLOTS_OFFSET]) == header


@SHARED
@given(header=st.binary(min_size=128, max_size=128))
def test_c_and_python_accept_the_same_headers(ends: CEnds, header: bytes) -> None:
    make(ends, ("python", "python"), (64, 8))
    ends.buffer[HEADER_OFFSET:SLOTS_OFFSET] = header
    assert ends.number(f"qP0 {HEADER_OFFSET}") == int(python_accepts(ends))


FIELD_VALUES = st.sampled_from(
    [0, 1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
)


@SHARED
@given(
    shape=st.tuples(FIELD_VALUES, FIELD_VALUES),
    base=st.one_of(FIELD_VALUES, st.integers((1 << 64) - 300, (1 << 64) - 1)),
    head=FIELD_VALUES,
    tail=FIELD_VALUES,
)
def test_headers_at_the_limits_are_judged_alike(
    ends: CEnds, shape: tuple[int, int], base: int, head: int, tail: int
) -> None:
    make(ends, ("python", "python"), (64, 8))
    struct.pack_into("<Q", ends.buffer, HEADER_OFFSET + 16, base)
    struct.pack_into("<II", ends.buffer, HEADER_OFFSET + 48, shape[1], shape[0])
    struct.pack_into("<I", ends.buffer, HEADER_OFFSET + 60, head)
    struct.pack_into("<I", ends.buffer, HEADER_OFFSET + 72, tail)
    accepted = python_accepts(ends)
    assert ends.number(f"qP0 {HEADER_OFFSET}") == int(accepted)
    if accepted:
        assert ends.number(f"qC1 {HEADER_OFFSET}") == 1
        # Whatever was accepted stays inside of the channel: beyond it, the process dies.
        for _ in range(3):
            ends.ask("qr1")
            ends.ask("qi0 5")


def python_accepts(ends: CEnds) -> bool:
    """Say whether Python attaches to the queue as it is."""
    memory = BufferMemory(memoryview(ends.buffer))
    try:
        place = read_queue_place(memory, HEADER_OFFSET, len(ends.buffer))
        Producer(memory, place)
    except ChannelError:
        return False
    return True


@pytest.mark.parametrize("index", [64, 65, 0x80000000, 0xFFFFFFFF])
def test_a_broken_index_ends_the_c_end_for_good(ends: CEnds, index: int) -> None:
    make(ends, ("c", "c"), (64, 8))
    head, tail = HEADER_OFFSET + 60, HEADER_OFFSET + 72
    struct.pack_into("<I", ends.buffer, tail, index)
    struct.pack_into("<I", ends.buffer, head, index)
    # The consumer first: the producer writes its own head over the falsified one.
    assert (ends.ask("qr1").strip(), ends.number("qi0 1")) == ("-1", BROKEN)
    struct.pack_into("<I", ends.buffer, tail, 0)
    struct.pack_into("<I", ends.buffer, head, 0)
    # The consumer first: the producer writes its own head over the falsified one.
    assert (ends.ask("qr1").strip(), ends.number("qi0 1")) == ("-1", BROKEN)
    assert struct.unpack_from("<I", ends.buffer, HEADER_OFFSET + 112) == (3,)


def test_a_python_end_meets_a_c_end_that_lies(ends: CEnds) -> None:
    _, receiver = make(ends, ("c", "python"), (64, 8))
    struct.pack_into("<I", ends.buffer, HEADER_OFFSET + 60, 64)
    with pytest.raises(PeerError):
        receiver.remove()


@pytest.mark.parametrize("shape", [(64, 8), (65, 128)])
def test_two_processes_at_once_lose_nothing(
    ends: CEnds, tmp_path: Path, shape: tuple[int, int]
) -> None:
    make(ends, ("c", "python"), shape)
    count = 5_000
    with c_ends(len(ends.buffer), "plain", tmp_path) as other:
        assert other.number(f"qC1 {HEADER_OFFSET}") == 1
        ends.begin(f"qS0 {count}")
        other.begin(f"qR1 {count}")
        assert int(other.answer()) == count
        assert 1 <= int(ends.answer()) <= count
    sent, received = HEADER_OFFSET + 32, HEADER_OFFSET + 64
    assert struct.unpack_from("<Q", ends.buffer, sent) == (count,)
    assert struct.unpack_from("<Q", ends.buffer, received) == (count,)
