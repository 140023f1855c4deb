# SPDX-License-Identifier: GPL-2.0-or-later
"""Operators' orders about I/O: move a medium, drain an I/O partition, restart one.

Owns the orders that wait until their media operate elsewhere. What cannot come true is refused at
once, or when it turns out so. Pure; called by command, whose facts it is shown. Like all orders
that wait, they are lost with command; what was half done is a state from which command goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ultravisor.channels.command_protocol import RefusalKind
from ultravisor.partitions.media import ports_by_medium
from ultravisor.partitions.media_steps import able_ports, operating_port
from ultravisor.partitions.messages import Done, IoOrder, Order, Rejected
from ultravisor.partitions.reconciler import ENDED
from ultravisor.resources.records import DeviceState, PartitionKind

if TYPE_CHECKING:
    from ultravisor.partitions.facts import Facts
    from ultravisor.partitions.wish_list import WishList

STAYS: Final = "medium-order"
SOON: Final = "medium-order-soon"
"""The rule of a refusal that need not hold for long: a port is on its way."""
_ON_ITS_WAY: Final = (
    DeviceState.ALLOCATED,
    DeviceState.KNOWN,
    DeviceState.READY,
    DeviceState.ALIVE,
)


class WaitingMove(Struct, frozen=True):
    """An order that has not come true yet."""

    number: int
    order: IoOrder
    away: dict[str, int]
    """The ports by medium, from which it moves."""


class MediumOrders:
    """The orders that wait."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: list[WaitingMove] = []

    @property
    def away(self) -> dict[str, int]:
        """Return the ports by medium, from which an order moves it; of several, the first."""
        found: dict[str, int] = {}
        for row in self._waiting:
            for medium, port in row.away.items():
                found.setdefault(medium, port)
        return found

    def take(self, number: int, order: IoOrder, facts: Facts) -> Rejected | None:
        """Take an order; return why not, or None: it waits."""
        found = _failover(order.name, facts) if order.order == "failover" else _drain(order, facts)
        if isinstance(found, Rejected):
            return found
        self._waiting.append(WaitingMove(number, order, found))
        return None

    def come_true(self, facts: Facts, wishes: WishList) -> list[tuple[int, Done | Rejected]]:
        """Return the orders that are fulfilled, or cannot be; they no longer wait.

        A restart goes on as the reset that it becomes, under the same number.
        """
        found: list[tuple[int, Done | Rejected]] = []
        kept = []
        for row in self._waiting:
            answer = _judge(row, facts)
            if answer is None:
                kept.append(row)
            elif row.order.order == "restart" and isinstance(answer, Done):
                refusal = wishes.order(row.number, Order("reset", row.order.name), facts)
                if refusal is not None:
                    found.append((row.number, refusal))
            else:
                found.append((row.number, answer))
        self._waiting = kept
        return found

    def save(self) -> tuple[WaitingMove, ...]:
        """Return what must be known to go on."""
        return tuple(self._waiting)

    def load(self, saved: tuple[WaitingMove, ...]) -> None:
        """Go on from what was saved."""
        self._waiting = list(saved)


def _failover(medium: str, facts: Facts) -> dict[str, int] | Rejected:
    """Return the port that a medium is to leave, or why it cannot."""
    media = ports_by_medium(facts.devices)
    if medium not in media:
        sentence = f"no medium is named `{medium}`; there are {', '.join(media) or 'none'}"
        return Rejected(RefusalKind.UNKNOWN_ID, sentence)
    if len(media[medium]) == 1:
        sentence = f"`{medium}` has one port: there is nowhere to go"
        return Rejected(RefusalKind.STATE, sentence, STAYS)
    operating = operating_port(facts, medium)
    if operating is None:
        sentence = f"`{medium}`: no port operates; {_states(facts, medium)}"
        return Rejected(RefusalKind.STATE, sentence, _rule(facts, medium))
    if not able_ports(facts, medium):
        return _nowhere(facts, medium)
    return {medium: operating.id}


def _drain(order: IoOrder, facts: Facts) -> dict[str, int] | Rejected:
    """Return the ports that media are to leave, all of a partition's, or why they cannot."""
    partition = facts.partition_of(order.name) or facts.partition_named(order.name)
    if partition is None:
        return Rejected(RefusalKind.UNKNOWN_ID, f"no partition is named `{order.name}`")
    if partition.kind is not PartitionKind.IO or partition.domain is None:
        sentence = f"`{order.name}` is of kind {partition.kind}: only an I/O partition is drained"
        return Rejected(RefusalKind.STATE, sentence, STAYS)
    away: dict[str, int] = {}
    for medium in ports_by_medium(facts.devices):
        port = operating_port(facts, medium)
        if port is None or port.owner != partition.number:
            continue
        if not able_ports(facts, medium):
            return _nowhere(facts, medium)
        away[medium] = port.id
    return away


def _judge(row: WaitingMove, facts: Facts) -> Done | Rejected | None:
    """Return how an order has ended; None: it has not."""
    ports = {device.id: device for device in facts.devices}
    for medium, port in row.away.items():
        device, operating = ports.get(port), operating_port(facts, medium)
        if device is None:
            return Rejected(RefusalKind.UNKNOWN_ID, f"`{medium}` is no more")
        if device.state is DeviceState.OPERATING and not able_ports(facts, medium):
            return _nowhere(facts, medium)
        if operating is None or operating.id == port:
            return None
    where = [operating_port(facts, medium) for medium in sorted(row.away)]
    names = ", ".join(port.name for port in where if port is not None)
    return Done(f"operates at {names}" if names else "drained", facts.generation)


def _nowhere(facts: Facts, medium: str) -> Rejected:
    sentence = f"`{medium}`: no other port is able; {_states(facts, medium)}"
    return Rejected(RefusalKind.STATE, sentence, _rule(facts, medium))


def _rule(facts: Facts, medium: str) -> str:
    """Return whether the same order may be possible in a moment: a port's owner comes up."""
    ended = {row.number for row in facts.partitions if row.state in ENDED}
    ports = ports_by_medium(facts.devices)[medium]
    coming = (port.state in _ON_ITS_WAY and port.owner not in ended for port in ports)
    return SOON if any(coming) else STAYS


def _states(facts: Facts, medium: str) -> str:
    ports = ports_by_medium(facts.devices)[medium]
    return ", ".join(f"`{port.name}` is {port.state}" for port in ports)
