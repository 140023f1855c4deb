# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile peers on every channel: a clear refusal, nothing lost, nobody else harmed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulation.fabric import ResidentGuest
from tests.simulation.fabric_views import FRAME
from tests.simulation.script import ScriptFabric
from tests.simulation.test_life import booted, number, state, with_disk
from ultravisor.channels.command_protocol import (
    CreatePartition,
    DefineZone,
    DestroyPartition,
    Done,
    EndPlan,
    MapChannel,
    Query,
    Read,
    RefusalKind,
    Refused,
    Transact,
    decode_answer,
    encode,
)
from ultravisor.channels.control_messages import ControlMessage, encode_message
from ultravisor.channels.structures import field_offset
from ultravisor.machine.abi import GUID_COMMAND, Hypercall
from ultravisor.partitions.channel_types import TYPE_COMMAND, TYPE_OPERATIONS
from ultravisor.partitions.link_table import LinkTable
from ultravisor.partitions.messages import TO_OUTSIDE, Order, Rejected, Transaction
from ultravisor.partitions.messages import Done as OrderDone
from ultravisor.resources.records import Partition, Zone

if TYPE_CHECKING:
    from tests.simulation.fabric import Fabric

ZONE = DefineZone("z", "00000000-0000-0000-0000-000000000001")


def channel(fabric: Fabric, client: int, server: int, place: int = -1) -> int:
    """Return the machine address of a channel between two partitions."""
    found = [
        row
        for _, row in sorted(fabric.views.table("channel").items())
        if (row.ends[0].partition, row.ends[1].partition) == (client, server)
    ]
    address: int = found[place].machine_frame * FRAME
    return address


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x00", b"\xc1", b"\xff" * 64, encode(Done(1))],
)
def test_a_payload_that_is_no_request_is_refused_and_the_next_is_served(payload: bytes) -> None:
    fabric = ScriptFabric()
    fabric.script.to_send.append((1, payload))
    (answer,) = fabric.ask((2, Transact((ZONE,))))
    assert isinstance(answer, Done)
    refused = fabric.script.answer(1)
    assert isinstance(refused, Refused)
    assert refused.kind is RefusalKind.INVALID


def test_random_payloads_never_change_the_database_nor_end_the_program() -> None:
    fabric = ScriptFabric()
    dice = random.Random(1)
    before = fabric.ultravisor.database.state_hash()
    whole = encode(Transact((CreatePartition(name="p"),)))
    for request in range(1, 200):
        data = bytearray(whole)
        for _ in range(dice.randrange(1, 5)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.5:
            data = data[: dice.randrange(len(data))]
        fabric.script.to_send.append((request, bytes(data)))
    fabric.ask((1000, Read(0, (Query("zone"),))))
    created = [row.name for row in fabric.ultravisor.database.records(Partition)][2:]
    done = [
        a
        for answers in fabric.script.answers.values()
        for a in answers
        if isinstance(a, Done) and a.values and a.values != ([],)
    ]
    assert len(fabric.script.answers) >= 199
    # A changed letter of a name is a request like any other; what was refused left nothing.
    assert len(created) == len(done)
    if not created:
        assert fabric.ultravisor.database.state_hash() == before
    assert fabric.ultravisor.database.check() == []


def test_request_zero_is_refused() -> None:
    fabric = ScriptFabric()
    fabric.script.to_send.append((0, encode(Transact((ZONE,)))))
    fabric.ask((1, Read(0, ())))
    assert fabric.ultravisor.database.records(Zone) == []


@pytest.mark.parametrize("field", ["head", "tail"])
def test_a_wild_index_ends_that_channel_and_nothing_else(field: str) -> None:
    fabric = booted(with_disk())
    base = channel(fabric, 4, 2)
    queue = "request_queue" if field == "head" else "response_queue"
    place = (
        base + field_offset("command_channel", queue) + field_offset("signal_queue_header", field)
    )
    fabric.memory[place : place + 4] = (1 << 31).to_bytes(4, "little")
    fabric.wake(2)
    fabric.step()
    if field == "tail":
        fabric.order(Order("pause", "web-1"))
    for _ in range(200):
        fabric.step()
    faults = [link.fault for link in fabric.ultravisor._links.values()]
    assert any("no slot" in fault for fault in faults)
    # Guests go on, and so does whoever has another channel.
    guest = number(fabric, "web-1")
    assert guest in fabric.views.running()
    before = fabric.programs[guest].residence.told
    fabric.programs[guest].residence = ResidentGuest().residence
    fabric.wake(guest)
    for _ in range(200):
        fabric.step()
    assert fabric.programs[guest].residence.told > 3, before


def test_a_wild_control_channel_ends_that_desk_and_nothing_else() -> None:
    fabric = booted(with_disk())
    guest = number(fabric, "web-1")
    base = channel(fabric, guest, 2)
    for queue in ("request_queue", "event_ack_queue", "event_queue"):
        place = base + field_offset("control_channel", queue)
        size = 128
        fabric.memory[place : place + size] = b"\xff" * size
    fabric.wake(2)
    answer = fabric.answer(fabric.order(Order("pause", "storage")))
    assert isinstance(answer, OrderDone)
    faults = [desk.fault for desk in fabric.ultravisor._desks.values() if desk.fault]
    assert len(faults) == 1
    # The hostile one can be reset, and is then introduced anew.
    fabric.answer(fabric.order(Order("resume", "storage")))
    assert isinstance(fabric.answer(fabric.order(Order("reset", "web-1"))), OrderDone)
    fabric.run()
    assert state(fabric, "web-1") == ("running", 2)
    assert [desk.fault for desk in fabric.ultravisor._desks.values() if desk.fault] == []


class Flooder(ResidentGuest):
    """Answers everything, and sends control messages that belong to nothing, for ever."""

    def turn(self, turn: Any) -> None:
        super().turn(turn)
        client = self.residence._client
        if client is None:
            return
        for handle in range(40):
            message = ControlMessage(id=0x201, handle=handle << 40 | 7)
            client._requests.insert(encode_message(message))
        turn.call(Hypercall.EVENT_SEND, 8)


def test_a_guest_that_floods_its_control_channel_is_cut_off_and_others_are_served() -> None:
    fabric = booted(with_disk())
    guest = number(fabric, "web-1")
    fabric.programs[guest] = Flooder()
    for _ in range(200):
        fabric.wake(guest)
        fabric.step()
        fabric.step()
    assert any("belong to nothing" in desk.fault for desk in fabric.ultravisor._desks.values())
    assert isinstance(fabric.answer(fabric.order(Order("pause", "storage"))), OrderDone)


class Impostor(ResidentGuest):
    """A guest that sends a transaction over any channel of the command type it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.links = LinkTable()
        self.answers: list[Any] = []
        self.asked = False

    def turn(self, turn: Any) -> None:
        super().turn(turn)
        self.links.attend(turn, self.residence)
        link = self.links.get(TYPE_COMMAND)
        if link is None or not link.is_attached:
            return
        if not self.asked:
            self.asked = True
            link.send(77, encode(Transact((DestroyPartition(6),))))
        while (message := link.receive()) is not None:
            if message.request:
                self.answers.append(decode_answer(message.data))
        self.links.flush(turn)


def test_only_command_is_heard_whoever_has_a_channel_to_the_ultravisor() -> None:
    fabric = booted(with_disk())
    guest = number(fabric, "web-1")
    impostor = fabric.programs[guest] = Impostor()
    ends = (EndPlan(guest, 0x9000, 30), EndPlan(2, 0x9000, 50))
    mapped = MapChannel(type_guid=str(GUID_COMMAND), ends=ends, frame_count=64, policy="test")
    assert isinstance(fabric.answer(fabric.order(Transaction((mapped,)))), OrderDone)
    fabric.wake(guest)
    fabric.run()
    assert len(impostor.answers) == 1
    (refused,) = impostor.answers
    assert isinstance(refused, Refused)
    assert refused.kind is RefusalKind.POLICY
    assert "only command is heard" in refused.sentence
    assert state(fabric, "storage") == ("running", 1)


def test_messages_that_operations_could_not_mean_are_refused_one_by_one() -> None:
    fabric = booted(with_disk())
    link = fabric.operations._links.get(TYPE_OPERATIONS)
    assert link is not None
    dice = random.Random(2)
    for request in range(500, 540):
        link.send(request, dice.randbytes(dice.randrange(1, 80)))
    fabric.wake(5)
    fabric.run()
    assert fabric.command.rejected == 40
    assert isinstance(fabric.answer(fabric.order(Order("pause", "web-1"))), OrderDone)


def test_orders_that_are_no_messages_are_refused_and_the_next_is_done() -> None:
    fabric = booted(with_disk())
    fabric.command.deliver(900, b"\xff\x00")
    answer = fabric.answer(fabric.order(Order("pause", "web-1")))
    assert isinstance(answer, OrderDone)
    refused = TO_OUTSIDE.decode(fabric.answers[900])
    assert isinstance(refused, Rejected)
    assert refused.kind is RefusalKind.INVALID


def test_answers_that_come_late_twice_or_from_nowhere_do_nothing_to_command() -> None:
    fabric = booted(with_disk())
    ultravisor = fabric.ultravisor
    (channel_id,) = [c for c, link in ultravisor._links.items() if link.place.size_bytes > 1 << 18]
    link = ultravisor._links[channel_id]
    for request in (1, 2, 1 << 40, (1 << 63) - 1):
        link.send(request, encode(Done(99, ("lies",))))
    link.send(3, b"\xc1\xc1")
    fabric.wake(2)
    answer = fabric.answer(fabric.order(Order("pause", "web-1")))
    assert isinstance(answer, OrderDone)
    assert fabric.command._asker is not None
    assert fabric.command._asker.strange == 5
