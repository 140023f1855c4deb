# SPDX-License-Identifier: GPL-2.0-or-later
"""Channels as a whole: header, features, and the states of the client, in Python and in C."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import pytest

from tests.channels.queues import TYPE, WatchedMemory, one_queue
from ultravisor.channels.channel import (
    ChannelHeader,
    build_channel,
    change_features,
    check_header,
    read_features,
    read_header,
    wipe_channel,
)
from ultravisor.channels.client_state import (
    StateError,
    acquire,
    change_boot_state,
    change_state,
    read_boot_state,
    read_state,
    release,
)
from ultravisor.channels.command_channel import build_command_channel
from ultravisor.channels.errors import ChannelError, PeerError
from ultravisor.channels.memory import BufferMemory, ChannelWindow
from ultravisor.channels.queue import QueuePlace
from ultravisor.machine.abi import CLIENT_TRANSITIONS, ChannelFeature, ClientError, ClientState

if TYPE_CHECKING:
    from tests.channels.c_ends import CEnds

BOOT, SYSTEM, ERROR = 0x64, 0x6C, 0x7D
STATES = list(ClientState)


def memory_with(boot: int, system: int) -> BufferMemory:
    buffer, _ = one_queue()
    struct.pack_into("<I", buffer, BOOT, boot)
    struct.pack_into("<I", buffer, SYSTEM, system)
    return BufferMemory(buffer)


def test_the_type_is_written_last() -> None:
    """An old client waits for it: whatever it then finds is whole."""
    buffer, place = one_queue()
    writes: list[int] = []

    class Recording(WatchedMemory):
        def write(self, offset: int, data: bytes) -> None:
            writes.append(offset)
            assert bytes(buffer[32:48]) == bytes(16) or not writes[:-1]
            super().write(offset, data)

    header = ChannelHeader(size_bytes=len(buffer), type=TYPE)
    build_channel(Recording(buffer), header, (place,))
    assert writes == [0, 128, 32]
    assert buffer[32:48] == TYPE.bytes_le


def test_a_header_survives_its_bytes() -> None:
    buffer, _ = one_queue()
    header = read_header(BufferMemory(buffer))
    assert header == ChannelHeader(size_bytes=len(buffer), type=TYPE)
    assert buffer[:8] == b"ECNL" + bytes(4)


def test_a_header_is_read_once() -> None:
    buffer, _ = one_queue()
    memory = WatchedMemory(buffer)
    read_header(memory)
    assert dict(memory.read_counts) == dict.fromkeys(range(128), 1)


def test_a_wiped_channel_has_no_type() -> None:
    buffer, _ = one_queue()
    wipe_channel(BufferMemory(buffer))
    with pytest.raises(ChannelError, match="channel type 00000000-0000"):
        check_header(read_header(BufferMemory(buffer)), TYPE, 1, 128, len(buffer))


@pytest.mark.parametrize("size", [0, 767, 769, 1 << 63, (1 << 64) - 1])
def test_a_size_that_is_not_there_is_refused(size: int) -> None:
    buffer, _ = one_queue()
    header = read_header(BufferMemory(buffer))
    check_header(header, TYPE, 1, 768, 768)
    struct.pack_into("<Q", buffer, 16, size)
    with pytest.raises(ChannelError, match=f"channel of {size} bytes"):
        check_header(read_header(BufferMemory(buffer)), TYPE, 1, 768, 768)


def test_a_queue_that_does_not_fit_is_not_built() -> None:
    place = QueuePlace(128, 256, 64, 8)
    header = ChannelHeader(size_bytes=256 + 64 * 8 - 1, type=TYPE)
    with pytest.raises(ChannelError, match="do not fit"):
        build_channel(BufferMemory(bytearray(1024)), header, (place,))


def test_a_window_is_a_channel_at_an_address() -> None:
    window = ChannelWindow(BufferMemory(bytearray(4096)), 1024)
    window.write(8, b"abc")
    assert window.memory.read(1032, 3) == window.read(8, 3) == b"abc"


def test_features_change_one_by_one() -> None:
    memory = memory_with(0, 0)
    memory.write(24, struct.pack("<Q", 1 << 40))
    polling, interrupts = ChannelFeature.POLLING, ChannelFeature.INTERRUPTS
    assert change_features(memory, add=polling | interrupts) == polling | interrupts
    assert change_features(memory, remove=interrupts) == polling
    assert read_features(memory) == polling
    assert memory.read(24, 8) == struct.pack("<Q", 1 << 40 | 8)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(STATES, STATES)))
def test_only_transitions_of_the_contract_are_possible(old: ClientState, new: ClientState) -> None:
    memory = memory_with(0, old)
    if (old, new) in CLIENT_TRANSITIONS:
        assert change_state(memory, new) is old
        assert read_state(memory) is new
    else:
        with pytest.raises(StateError, match=f"from {old.name} to {new.name}"):
            change_state(memory, new)
        assert read_state(memory) is old


def test_the_boot_codes_state_is_another() -> None:
    memory = memory_with(0, 0)
    change_boot_state(memory, ClientState.ATTACHED)
    assert (read_boot_state(memory), read_state(memory)) == (
        ClientState.ATTACHED,
        ClientState.DETACHED,
    )


@pytest.mark.parametrize("value", [6, 0xFFFFFFFF])
def test_a_state_that_does_not_exist_is_the_peers_fault(value: int) -> None:
    with pytest.raises(PeerError, match=f"client state {value} at 0x6c"):
        change_state(memory_with(0, value), ClientState.DISABLED)
    with pytest.raises(PeerError, match=f"client state {value} at 0x64"):
        acquire(memory_with(value, ClientState.ATTACHED))


# Boot code's state, system's state: error, and the system's state then; retyped from the rules.
ACQUISITIONS = [
    (0, 1, 1, 1),
    (0, 5, 0, 5),
    (1, 0, 0, 5),
    (1, 2, 0, 5),
    (1, 3, 0, 5),
    (1, 4, 0, 5),
    (1, 1, 1, 1),
    (0, 0, 2, 0),
    (0, 2, 2, 2),
    (0, 4, 2, 4),
    (0, 3, 0, 4),
    (3, 3, 0, 4),
    (4, 3, 4, 3),
]


@pytest.mark.parametrize(("boot", "system", "error", "then"), ACQUISITIONS)
def test_acquisition(boot: int, system: int, error: int, then: int) -> None:
    memory = memory_with(boot, system)
    assert acquire(memory) == ClientError(error)
    assert read_state(memory) == then
    assert memory.read(ERROR, 1) == bytes([error])


@pytest.mark.parametrize(("system", "then"), [(4, 3), (5, 5)])
def test_release(system: int, then: int) -> None:
    memory = memory_with(0, system)
    release(memory)
    assert read_state(memory) == then


@pytest.mark.parametrize("system", [0, 1, 2, 3])
def test_what_was_not_acquired_is_not_released(system: int) -> None:
    with pytest.raises(StateError, match="is not to be released"):
        release(memory_with(0, system))


@pytest.fixture
def c_channel(ends: CEnds) -> CEnds:
    build_command_channel(BufferMemory(memoryview(ends.buffer)))
    assert ends.number("ch 448") == 0
    return ends


def test_c_knows_the_same_transitions(c_channel: CEnds) -> None:
    for old, new in itertools.product(range(7), range(7)):
        struct.pack_into("<I", c_channel.buffer, SYSTEM, old)
        known = (old, new) in CLIENT_TRANSITIONS
        assert c_channel.number(f"cs {new}") == int(known)
        assert struct.unpack_from("<I", c_channel.buffer, SYSTEM)[0] == (new if known else old)


@pytest.mark.parametrize(("boot", "system", "error", "then"), ACQUISITIONS)
def test_c_acquires_alike(c_channel: CEnds, boot: int, system: int, error: int, then: int) -> None:
    struct.pack_into("<I", c_channel.buffer, BOOT, boot)
    struct.pack_into("<I", c_channel.buffer, SYSTEM, system)
    assert c_channel.number("ca") == error
    assert struct.unpack_from("<I", c_channel.buffer, SYSTEM)[0] == then
    assert c_channel.buffer[ERROR] == error
    c_channel.ask("cl")
    released = 3 if then == 4 else then
    assert struct.unpack_from("<I", c_channel.buffer, SYSTEM)[0] == released


def test_c_changes_features_one_by_one(c_channel: CEnds) -> None:
    struct.pack_into("<Q", c_channel.buffer, 24, 1 << 40)
    assert c_channel.number("c+ 9") == 9
    assert c_channel.number("c- 1") == 8
    assert struct.unpack_from("<Q", c_channel.buffer, 24)[0] == 1 << 40 | 8


@pytest.mark.parametrize(
    ("offset", "data", "result"),
    [(0, b"\0", 1), (7, b"\1", 1), (32, b"\0", 2), (47, b"\0", 2), (72, b"\2", 3), (16, b"\1", 4)],
)
def test_c_says_why_a_channel_is_none(
    c_channel: CEnds, offset: int, data: bytes, result: int
) -> None:
    c_channel.buffer[offset : offset + len(data)] = data
    assert c_channel.number("ch 448") == result
