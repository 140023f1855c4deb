# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking at channels: rows of the database, and frames that are read where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.machine_statistics import StatisticsMachine
from tests.unit.resource_examples import (
    FRAMES,
    GUID,
    add_channel,
    add_partition,
    make_database,
)
from ultravisor.errors import NotFoundError, UsageError
from ultravisor.life.channel_views import (
    ChannelMemory,
    ChannelRow,
    EndRow,
    channel_rows,
    channel_statistics,
    channel_tap,
)
from ultravisor.resources.records import Channel

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase


@pytest.fixture
def database() -> ResourceDatabase:
    return make_database()


@pytest.fixture
def channel(database: ResourceDatabase) -> Channel:
    number = add_channel(database, add_partition(database, "a"), add_partition(database, "b"))
    return database.get(Channel, number)


@pytest.fixture
def machine() -> StatisticsMachine:
    machine = StatisticsMachine()
    machine.memory = bytearray(FRAMES * 4096)
    return machine


def test_a_row_names_both_ends(database: ResourceDatabase, channel: Channel) -> None:
    assert channel_rows(database) == (
        ChannelRow(
            id=channel.id,
            type=GUID,
            state="mapped",
            zone=None,
            size_bytes=8192,
            ends=(
                EndRow("client", "a", 100 * 4096, 4),
                EndRow("server", "b", 100 * 4096, 4),
            ),
        ),
    )


def test_without_channels_there_are_no_rows(database: ResourceDatabase) -> None:
    assert channel_rows(database) == ()


def test_memory_is_read_where_the_channel_lies(
    channel: Channel, machine: StatisticsMachine
) -> None:
    place = channel.machine_frame * 4096
    machine.memory[place : place + 4] = b"head"
    machine.memory[place + 8188 : place + 8192] = b"tail"
    memory = ChannelMemory(machine.machine, channel)
    assert memory.size_bytes == 8192
    assert memory.read(0, 4) == b"head"
    assert memory.read(8188, 4) == b"tail"


@pytest.mark.parametrize(
    ("offset", "size"), [(-1, 4), (8189, 4), (8192, 1), (0, 8193), (1 << 64, 8)]
)
def test_what_lies_outside_a_channel_is_not_read(
    channel: Channel, machine: StatisticsMachine, offset: int, size: int
) -> None:
    with pytest.raises(UsageError, match=f"{size} bytes at .* are not in the channel"):
        ChannelMemory(machine.machine, channel).read(offset, size)


def test_who_looks_does_not_write(channel: Channel, machine: StatisticsMachine) -> None:
    with pytest.raises(AssertionError, match="2 bytes would be written at 0x8"):
        ChannelMemory(machine.machine, channel).write(8, b"xx")


def test_a_channel_that_nobody_has_set_up_says_so(
    database: ResourceDatabase, channel: Channel, machine: StatisticsMachine
) -> None:
    assert not channel_statistics(database, machine.machine, channel.id).valid


@pytest.mark.parametrize("look", [channel_statistics, channel_tap])
def test_a_channel_that_is_not_there_is_refused(
    database: ResourceDatabase, machine: StatisticsMachine, look: object
) -> None:
    assert callable(look)
    with pytest.raises(NotFoundError, match="there is no channel 7"):
        look(database, machine.machine, 7)


@pytest.mark.parametrize("look", [channel_statistics, channel_tap])
def test_a_channel_whose_frames_are_nobodys_any_more_is_refused(
    database: ResourceDatabase, channel: Channel, machine: StatisticsMachine, look: object
) -> None:
    assert callable(look)
    with database.begin("command") as transaction:
        transaction.unmap_channel(channel.id)
        transaction.commit()
    with pytest.raises(NotFoundError, match=f"there is no channel {channel.id}"):
        look(database, machine.machine, channel.id)
