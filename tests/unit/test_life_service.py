# SPDX-License-Identifier: GPL-2.0-or-later
"""What requests mean, at a host that is not there: who waits, who is told, who is forgotten."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from ultravisor.channels.command_protocol import RefusalKind
from ultravisor.errors import MachineError, UsageError
from ultravisor.life import service as service_module
from ultravisor.life.places import place_named
from ultravisor.life.protocol import Events, Input, Logs, Order
from ultravisor.life.server import FOLLOW, Client
from ultravisor.life.service import EventLog, Service
from ultravisor.partitions.messages import Done, Rejected, encode
from ultravisor.results import ConsoleOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.life.living_host import LivingHost


class FakeHost:
    """As much of a living host as orders need."""

    def __init__(self) -> None:
        self.deaf = ""
        self.generation = 7
        self.position_cycles = 0
        self.orders: list[bytes] = []
        self.written = b""
        self.beginning = False
        self.typed: list[bytes] = []

    def is_beginning(self, _name: str) -> bool:
        return self.beginning

    def input(self, name: str, data: bytes) -> None:
        if name == "ended":
            raise UsageError("`ended` is stopped")
        self.typed.append(data)

    def console(self, _name: str) -> bytes:
        return self.written

    def order(self, message: bytes) -> int:
        self.orders.append(message)
        return len(self.orders)

    def restart_ultravisor(self) -> None:
        self.generation = 0

    def partitions(self) -> tuple[object, ...]:
        return ()


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def service(host: FakeHost) -> Service:
    return Service(cast("LivingHost", host), place_named("lab"))


@pytest.fixture
def client() -> Iterator[Client]:
    with socket.socket() as connection:
        yield Client(connection)


def lines(client: Client) -> list[dict[str, Any]]:
    """Return what a client would be sent, and forget it."""
    found = [json.loads(line) for line in client.waiting.splitlines()]
    client.waiting.clear()
    return found


def test_an_order_waits_for_its_answer(service: Service, client: Client) -> None:
    assert service.handle(Order(id=3, order="pause", partition="a"), client) is FOLLOW
    assert lines(client) == []
    service.answered(1, encode(Done("paused", 9)))
    result = {"partition": "a", "state": "paused", "generation": 9, "values": []}
    assert lines(client) == [{"id": 3, "result": result}]


def test_a_refusal_is_an_error_of_its_kind(service: Service, client: Client) -> None:
    service.handle(Order(id=3, order="pause", partition="a"), client)
    service.answered(1, encode(Rejected(RefusalKind.QUOTA, "too many", "quota[0] at p:1")))
    error = {"kind": "PolicyRefusal", "message": "quota: too many", "hint": "by quota[0] at p:1"}
    assert lines(client) == [{"id": 3, "error": error}]


def test_who_has_gone_gets_no_answer(service: Service, client: Client) -> None:
    service.handle(Order(id=3, order="pause", partition="a"), client)
    service.handle(Order(id=4, order="kill", partition="ultravisor"), client)
    service.forget(client)
    service.answered(1, encode(Done("paused", 9)))
    service.look()
    assert [line for line in lines(client) if line["id"] in (3, 4)] == []


def test_a_host_that_cannot_answer_takes_no_orders(
    host: FakeHost, service: Service, client: Client
) -> None:
    host.deaf = "command: ValueError: out of ideas"
    with pytest.raises(MachineError, match="takes no orders: command: ValueError: out of ideas"):
        service.handle(Order(id=3, order="pause", partition="a"), client)
    assert host.orders == []


def test_who_waits_is_told_when_no_answer_comes(
    host: FakeHost, service: Service, client: Client
) -> None:
    service.handle(Order(id=3, order="pause", partition="a"), client)
    service.handle(Order(id=4, order="kill", partition="ultravisor"), client)
    host.deaf = "ultravisor: ValueError"
    service.look()
    service.look()
    assert [(line["id"], line["error"]["kind"]) for line in lines(client)] == [
        (3, "MachineError"),
        (4, "MachineError"),
    ]


def test_who_kills_the_ultravisor_is_answered_when_another_has_begun(
    host: FakeHost, service: Service, client: Client
) -> None:
    service.handle(Order(id=4, order="kill", partition="ultravisor"), client)
    service.look()
    assert lines(client) == []
    host.generation = 7
    service.look()
    (answer,) = lines(client)
    assert (answer["result"]["state"], answer["result"]["generation"]) == ("restarted", 7)


def test_events_are_kept_and_followed(service: Service, client: Client) -> None:
    service.happened(5, "partition", "a", "- -> running")
    assert service.handle(Events(id=1, since=0, follow=True), client) is FOLLOW
    service.happened(6, "partition", "a", "running -> failed")
    assert [(line["event"]["number"], line["event"]["text"]) for line in lines(client)] == [
        (0, "- -> running"),
        (1, "running -> failed"),
    ]


def test_old_events_are_forgotten_and_numbers_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "EVENT_LIMIT", 4)
    log = EventLog()
    for number in range(6):
        assert log.add(0, "partition", "a", "").number == number
    assert [row.number for row in log.since(0)] == [2, 3, 4, 5]
    assert [row.number for row in log.since(5)] == [5]


def test_a_character_that_is_written_in_two_pieces_is_one(
    host: FakeHost, service: Service, client: Client
) -> None:
    host.written = b"a" + "ü".encode()[:1]
    assert service.handle(Logs(id=1, partition="a", follow=True), client) is FOLLOW
    service.console(ConsoleOutput("a", "ü".encode()[1:] + b"b\xff", 5))
    service.console(ConsoleOutput("b", b"not this", 6))
    events = [line["event"] for line in lines(client)]
    assert [row["text"] for row in events] == ["a", "üb\ufffd"]


def test_each_follower_has_the_pieces_of_its_own_console(
    host: FakeHost, service: Service, client: Client
) -> None:
    for identifier, partition in enumerate(("a", "b")):
        service.handle(Logs(id=identifier, partition=partition, follow=True), client)
    lines(client)
    euro = "€".encode()
    for name, data in (("a", euro[:1]), ("b", euro[:2]), ("a", euro[1:]), ("b", euro[2:])):
        service.console(ConsoleOutput(name, data, 5))
    assert [(row["id"], row["event"]["text"]) for row in lines(client)] == [(0, "€"), (1, "€")]


def test_who_has_all_logs_at_once_has_no_half_characters(
    host: FakeHost, service: Service, client: Client
) -> None:
    host.written = b"a\xc3"
    assert service.handle(Logs(partition="a"), client) == {"text": "a\ufffd"}


def test_input_waits_in_its_order_for_a_partition_that_begins(
    host: FakeHost, service: Service, client: Client
) -> None:
    host.beginning = True
    assert service.handle(Input(id=1, partition="a", text="one"), client) is FOLLOW
    host.beginning = False
    assert service.handle(Input(id=2, partition="a", text="two"), client) is FOLLOW
    assert service.handle(Input(id=3, partition="b", text="three"), client) is None
    assert host.typed == [b"three"]
    service.look()
    assert host.typed == [b"three", b"one", b"two"]
    assert lines(client) == [{"id": 1, "result": None}, {"id": 2, "result": None}]


def test_input_that_waits_is_refused_where_the_partition_has_ended_meanwhile(
    host: FakeHost, service: Service, client: Client
) -> None:
    host.beginning = True
    assert service.handle(Input(id=1, partition="ended", text="x"), client) is FOLLOW
    service.look()
    assert lines(client) == []
    host.beginning = False
    service.look()
    assert [row["error"]["message"] for row in lines(client)] == ["`ended` is stopped"]


def test_input_of_a_client_that_has_gone_is_forgotten_and_others_are_bounded(
    host: FakeHost, service: Service, client: Client
) -> None:
    host.beginning = True
    for number in range(service_module.INPUT_LIMIT):
        service.handle(Input(id=number, partition="a", text="x"), client)
    with pytest.raises(UsageError, match="64 inputs wait already"):
        service.handle(Input(partition="a", text="x"), client)
    service.forget(client)
    host.beginning = False
    service.look()
    assert host.typed == []
