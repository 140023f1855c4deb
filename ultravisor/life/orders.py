# SPDX-License-Identifier: GPL-2.0-or-later
"""Operator's orders on their way to command, and its answers on their way back.

Owns the numbers of orders, who waits for which, and how a refusal becomes an error. An order
enters the host through its input log; what waits is not state of the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ultravisor.channels.command_protocol import AnyOperation
from ultravisor.errors import (
    ConfigurationError,
    ConflictRefusal,
    NotFoundError,
    PolicyRefusal,
    UltravisorError,
    UsageError,
)
from ultravisor.life import protocol
from ultravisor.machine.abi import NAME_LIMIT
from ultravisor.partitions import messages
from ultravisor.partitions.definitions import Domain, Name

if TYPE_CHECKING:
    from ultravisor.life.server import Client

REFUSALS: dict[str, type[UltravisorError]] = {
    "policy": PolicyRefusal,
    "quota": PolicyRefusal,
    "ownership": PolicyRefusal,
    "conflict": ConflictRefusal,
    "unknown-id": NotFoundError,
}


AnyOrder = protocol.Order | protocol.IoOrder | protocol.Transact


def message_of(request: AnyOrder) -> messages.Message:
    """Return what command is told; raise UltravisorError where the request makes no sense."""
    try:
        if isinstance(request, protocol.Transact):
            kind = tuple[AnyOperation, ...]
            operations = msgspec.convert(request.operations, kind)
            return messages.Transaction(operations, request.dry_run)
        if isinstance(request, protocol.IoOrder):
            _require_name(request.name)
            return messages.IoOrder(request.order, request.name)
        if request.order == "create":
            definition = {**(request.definition or {}), "name": request.partition}
            _require_name(request.partition)
            return messages.Create(msgspec.convert(definition, Domain))
        return messages.Order(request.order, request.partition)
    except msgspec.ValidationError as failure:
        raise ConfigurationError(f"{request.__struct_config__.tag}: {failure}") from None


def subject_of(request: AnyOrder) -> str:
    """Return what an order is about, as its answer names it."""
    match request:
        case protocol.Order():
            return request.partition
        case protocol.IoOrder():
            return request.name
    return ""


def _require_name(name: str) -> None:
    """Raise ConfigurationError, in words, where no domain can have the name."""
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError:
        raise ConfigurationError(
            f"`{name}` cannot be a name",
            f"up to {NAME_LIMIT - 1} letters, digits, dots, dashes and underscores, "
            "the first a letter or digit",
        ) from None


class Orders:
    """Who waits for command."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Client, int, str]] = {}

    def wait(self, number: int, client: Client, identifier: int, what: str) -> None:
        """Take note that a client waits for the answer to an order."""
        self._waiting[number] = (client, identifier, what)

    def forget(self, client: Client) -> None:
        """A client has gone; its orders are carried out all the same."""
        self._waiting = {
            number: row for number, row in self._waiting.items() if row[0] is not client
        }

    def give_up(self, failure: UltravisorError) -> None:
        """Tell all that wait that no answer comes."""
        for client, identifier, _ in self._waiting.values():
            client.refuse(identifier, failure)
        self._waiting.clear()

    def answer(self, number: int, data: bytes) -> None:
        """Hand an answer on to whoever waits for it."""
        row = self._waiting.pop(number, None)
        if row is None:
            return
        client, identifier, what = row
        answer = messages.TO_OUTSIDE.decode(data)
        if isinstance(answer, messages.Done):
            client.end(identifier, _done(what, answer))
        elif isinstance(answer, messages.Rejected):
            client.refuse(identifier, refusal(answer))


def _done(what: str, answer: messages.Done) -> dict[str, Any]:
    return {
        "partition": what,
        "state": answer.state,
        "generation": answer.generation,
        "values": msgspec.to_builtins(answer.values),
    }


def refusal(answer: messages.Rejected) -> UltravisorError:
    """Return the error that a refusal is to a person."""
    kind = REFUSALS.get(str(answer.kind), UsageError)
    rule = f"by {answer.rule}" if answer.rule and answer.rule != answer.kind else ""
    return kind(f"{answer.kind}: {answer.sentence}", rule)
