# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders on their way to command, answers on their way back, and what a refusal is to a person."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from ultravisor.channels.command_protocol import RefusalKind, SetPartitionState, SetQuanta, SlotPlan
from ultravisor.errors import (
    ConfigurationError,
    ConflictRefusal,
    MachineError,
    NotFoundError,
    PolicyRefusal,
    UltravisorError,
    UsageError,
)
from ultravisor.life.orders import Orders, message_of, refusal
from ultravisor.life.protocol import Order, Transact
from ultravisor.life.server import Client
from ultravisor.partitions import messages
from ultravisor.partitions.definitions import Domain

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clients() -> Iterator[tuple[Client, Client]]:
    with socket.socket() as first, socket.socket() as second:
        yield Client(first), Client(second)


def lines(client: Client) -> list[dict[str, Any]]:
    """Return what a client would be sent."""
    return [json.loads(line) for line in client.waiting.splitlines()]


def test_an_order_is_told_by_its_name() -> None:
    assert message_of(Order(order="pause", partition="a")) == messages.Order("pause", "a")


def test_a_creation_has_the_definition_with_the_orders_name() -> None:
    definition = {"image": "hello", "memory_mib": 4, "name": "other"}
    told = message_of(Order(order="create", partition="a", definition=definition))
    assert told == messages.Create(Domain(name="a", image="hello", memory_mib=4))


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        (None, "order: Object missing required field `image`"),
        ({"image": "hello", "memory": 3}, "order: Object contains unknown field `memory`"),
        ({"image": "hello", "memory_mib": 0}, "order: Expected `int` >= 1 - at `$.memory_mib`"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(
    definition: dict[str, Any] | None, why: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        message_of(Order(order="create", partition="a", definition=definition))
    assert refused.value.message == why


@pytest.mark.parametrize("name", ["../x", "-x", "x" * 32, "x y", "ä"])
def test_a_name_that_no_domain_can_have_is_refused_in_words(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        message_of(Order(order="create", partition=name, definition={"image": "hello"}))
    assert refused.value.message == f"`{name}` cannot be a name"
    assert refused.value.hint is not None
    assert refused.value.hint.startswith("up to 31 letters")


def test_a_transaction_is_told_with_its_operations() -> None:
    rows = (["SetPartitionState", 6, "paused"], ["SetQuanta", 0, [[6, 0, 500, True]]])
    told = message_of(Transact(operations=rows, dry_run=True))
    operations = (
        SetPartitionState(6, "paused"),
        SetQuanta(0, (SlotPlan(6, 0, 500, donates=True),)),
    )
    assert told == messages.Transaction(operations, dry_run=True)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([], "txn: Expected `array` of at least length 1, got 0 - at `$[0]`"),
        (["Nonsense"], "txn: Invalid value 'Nonsense' - at `$[0][0]`"),
        (["DestroyPartition", "six"], "txn: Expected `int`, got `str` - at `$[0][1]`"),
    ],
)
def test_an_operation_that_is_none_is_refused_with_its_place(row: list[Any], why: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        message_of(Transact(operations=(row,)))
    assert refused.value.message == why


def test_each_answer_goes_to_who_waits_for_it(clients: tuple[Client, Client]) -> None:
    first, second = clients
    orders = Orders()
    orders.wait(1, first, 10, "a")
    orders.wait(2, second, 20, "b")
    orders.answer(2, messages.encode(messages.Done("running", 8, (5,))))
    result = {"partition": "b", "state": "running", "generation": 8, "values": [5]}
    assert lines(second) == [{"id": 20, "result": result}]
    assert lines(first) == []


def test_an_answer_is_given_once(clients: tuple[Client, Client]) -> None:
    orders = Orders()
    orders.wait(1, clients[0], 10, "a")
    for _ in range(2):
        orders.answer(1, messages.encode(messages.Done("running", 8)))
    assert len(lines(clients[0])) == 1


def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    Orders().answer(9, messages.encode(messages.Done("running", 8)))


def test_who_has_gone_is_not_answered_and_others_are(clients: tuple[Client, Client]) -> None:
    first, second = clients
    orders = Orders()
    orders.wait(1, first, 10, "a")
    orders.wait(2, second, 20, "b")
    orders.forget(first)
    orders.give_up(MachineError("no more"))
    assert lines(first) == []
    assert lines(second) == [
        {"id": 20, "error": {"kind": "MachineError", "message": "no more", "hint": ""}}
    ]


def test_after_giving_up_nobody_waits(clients: tuple[Client, Client]) -> None:
    orders = Orders()
    orders.wait(1, clients[0], 10, "a")
    for _ in range(2):
        orders.give_up(MachineError("no more"))
    orders.answer(1, messages.encode(messages.Done("running", 8)))
    assert len(lines(clients[0])) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (RefusalKind.CONFLICT, ConflictRefusal),
        (RefusalKind.QUOTA, PolicyRefusal),
        (RefusalKind.OWNERSHIP, PolicyRefusal),
        (RefusalKind.POLICY, PolicyRefusal),
        (RefusalKind.UNKNOWN_ID, NotFoundError),
        (RefusalKind.INVALID, UsageError),
        (RefusalKind.LIMIT, UsageError),
        (RefusalKind.STATE, UsageError),
    ],
)
def test_a_refusal_is_the_error_of_its_kind(
    kind: RefusalKind, error: type[UltravisorError]
) -> None:
    found = refusal(messages.Rejected(kind, "why", "rule[0] at p.toml:3"))
    assert type(found) is error
    assert (found.message, found.hint) == (f"{kind}: why", "by rule[0] at p.toml:3")


@pytest.mark.parametrize("rule", ["", "quota"])
def test_a_rule_that_says_no_more_than_the_kind_is_not_named(rule: str) -> None:
    assert not refusal(messages.Rejected(RefusalKind.QUOTA, "why", rule)).hint
