# SPDX-License-Identifier: GPL-2.0-or-later
"""A partition's own end of its introduction: what it keeps, what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ultravisor.channels.control_channel import CONTROL_SIZE_DEFAULT_BYTES
from ultravisor.channels.memory import ChannelWindow
from ultravisor.channels.structures import field_offset
from ultravisor.partitions.channel_types import TYPE_COMMAND, TYPE_OPERATIONS
from ultravisor.partitions.control_desk import (
    BUS,
    CONTROL_AND_BUS_SIZE_BYTES,
    ControlDesk,
    Introduction,
)
from ultravisor.partitions.link_table import LinkTable
from ultravisor.partitions.residence import Residence

if TYPE_CHECKING:
    from uuid import UUID

START_PAGE, CONTROL, CHANNEL, SIZE = 0x1000, 0x10000, 0x80000, 1 << 18


class Turn:
    """A turn over one piece of memory that both ends share."""

    def __init__(self, memory: bytearray) -> None:
        self.memory = memory
        self.start_page_address = START_PAGE
        self.calls: list[Any] = []

    def read(self, address: int, size_bytes: int) -> bytes:
        return bytes(self.memory[address : address + size_bytes])

    def write(self, address: int, data: bytes) -> None:
        self.memory[address : address + len(data)] = data

    def call(self, *call: Any) -> None:
        self.calls.append(call)


def introduction(kind: UUID = TYPE_OPERATIONS, device: int = 5, **more: Any) -> Introduction:
    row = {"size_bytes": SIZE, "port": 9, "server": True, "operating": True, **more}
    return Introduction(device=device, type=kind, instance=kind, address=CHANNEL, **row)


class Pair:
    """A desk and a residence."""

    def __init__(self) -> None:
        self.turn: Any = Turn(bytearray(1 << 20))
        place = START_PAGE + field_offset("start_page", "control_channel_address")
        self.turn.write(place, CONTROL.to_bytes(8, "little"))
        self.residence = Residence()
        self.links = LinkTable()
        self.desk = ControlDesk(ChannelWindow(self.turn, CONTROL), CONTROL, 7, 1)

    def want(self, *rows: Introduction) -> None:
        self.desk.want({row.key: row for row in rows})

    def settle(self) -> None:
        for _ in range(20):
            self.desk.attend()
            self.residence.attend(self.turn)
        self.desk.attend()


def test_an_introduction_ends_with_ready_and_grants_what_is_there() -> None:
    pair = Pair()
    pair.want(introduction())
    pair.settle()
    assert pair.desk.is_introduced
    assert pair.desk.is_settled
    grant = pair.residence.grant(TYPE_OPERATIONS)
    assert grant is not None
    assert (grant.place.address, grant.place.port, grant.place.is_server) == (CHANNEL, 9, True)
    assert pair.residence.grant(TYPE_COMMAND) is None


def test_what_goes_is_taken_away_and_what_changes_state_is_told() -> None:
    pair = Pair()
    pair.want(introduction())
    pair.settle()
    pair.want(introduction(operating=False))
    pair.settle()
    grant = pair.residence.grant(TYPE_OPERATIONS)
    assert grant is not None
    assert not grant.operating
    pair.want()
    pair.settle()
    assert pair.residence.grant(TYPE_OPERATIONS) is None
    assert pair.desk.known == frozenset()


def test_a_channel_that_comes_again_at_the_same_place_is_another_channel() -> None:
    pair = Pair()
    pair.want(introduction())
    pair.settle()
    pair.links.attend(pair.turn, pair.residence)
    first = pair.links.get(TYPE_OPERATIONS)
    pair.want()
    pair.desk.attend()
    pair.residence.attend(pair.turn)
    pair.desk.attend()
    pair.want(introduction())
    pair.settle()
    assert pair.links.attend(pair.turn, pair.residence) == {TYPE_OPERATIONS}
    assert pair.links.get(TYPE_OPERATIONS) is not first


def test_a_new_desk_on_an_old_channel_is_answered_already_done_and_goes_on() -> None:
    pair = Pair()
    pair.want(introduction())
    pair.settle()
    pair.desk = ControlDesk(ChannelWindow(pair.turn, CONTROL), CONTROL, 7, 1 << 20)
    pair.want(introduction())
    pair.settle()
    assert pair.desk.is_settled
    assert pair.desk.known == {(BUS, 5)}
    assert pair.desk.failures == {}


def test_a_residence_that_begins_anew_is_introduced_again() -> None:
    pair = Pair()
    pair.want(introduction())
    pair.settle()
    pair.residence = Residence()
    pair.settle()
    assert pair.residence.grant(TYPE_OPERATIONS) is not None
    assert pair.desk.is_settled


def test_a_saved_residence_goes_on_without_another_introduction() -> None:
    pair = Pair()
    pair.want(introduction())
    pair.settle()
    saved = pair.residence.save()
    pair.residence = Residence()
    pair.residence.load(saved)
    pair.settle()
    assert pair.residence.told == saved.told
    assert pair.residence.grant(TYPE_OPERATIONS) is not None


def test_the_channel_of_the_bus_lies_behind_the_control_channel() -> None:
    assert CONTROL_AND_BUS_SIZE_BYTES > CONTROL_SIZE_DEFAULT_BYTES
    assert CONTROL_AND_BUS_SIZE_BYTES % 4096 == 0
