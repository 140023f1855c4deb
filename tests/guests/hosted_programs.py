# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of hosted partitions, each of which does one thing, and hosts that carry them.

Used by the tests of hosted partitions; also made by import path, in a supervised child.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ultravisor import Host
from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    LinkConfiguration,
    PartitionConfiguration,
)
from ultravisor.machine.abi import PORT_CONSOLE, PORT_LINK_FIRST, Hypercall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ultravisor.machine.hosted import HostedProgram, HostedTurn

MONITORS = ("native", "simulated")
LINK = 1 << PORT_LINK_FIRST
WAKE = 1 << PORT_CONSOLE
ROUNDS = 30
PING_SAYS = f"ping: {ROUNDS} events sent, {ROUNDS} received\nping: 3 yields\n".encode()


class Echo:
    """Sends back each event of its link; keeps what its turns looked like."""

    work_cycles = 0

    def __init__(self) -> None:
        self.echoed = 0
        self.seen: list[tuple[int, int, tuple[int, ...]]] = []

    def turn(self, turn: HostedTurn) -> None:
        self.seen.append((turn.time_cycles, turn.events, turn.results))
        if turn.events & LINK:
            self.echoed += 1
            turn.work(self.work_cycles)
            turn.call(Hypercall.EVENT_SEND, PORT_LINK_FIRST)

    def save(self) -> bytes:
        return json.dumps(self.echoed).encode()

    def load(self, state: bytes) -> None:
        self.echoed = json.loads(state)
        self.seen = []


class SlowEcho(Echo):
    """Works longer for each than its slot is."""

    work_cycles = 250_000


class Player(Echo):
    """Serves first, then sends back, `rounds` times in all; then ends."""

    def __init__(self, rounds: int = ROUNDS, *, serves: bool = False) -> None:
        super().__init__()
        self.rounds = rounds
        self.serves = serves

    def turn(self, turn: HostedTurn) -> None:
        if self.serves and not self.seen:
            self.seen.append((turn.time_cycles, turn.events, turn.results))
            turn.call(Hypercall.EVENT_SEND, PORT_LINK_FIRST)
            return
        super().turn(turn)
        if self.echoed == self.rounds:
            turn.exit(0, f"played {self.echoed}")


class Script:
    """Does one thing in its n-th turn, from 0."""

    def __init__(self, action: Callable[[HostedTurn], None], at: int = 0) -> None:
        self.action = action
        self.at = at
        self.turns = 0

    def turn(self, turn: HostedTurn) -> None:
        self.turns += 1
        if self.turns <= self.at:
            turn.again()
        elif self.turns == self.at + 1:
            self.action(turn)

    def save(self) -> bytes:
        return str(self.turns).encode()

    def load(self, state: bytes) -> None:
        self.turns = int(state)


class Raiser(Script):
    """Raises in its first turn."""

    def __init__(self) -> None:
        super().__init__(self.fail)

    @staticmethod
    def fail(turn: HostedTurn) -> None:
        raise ValueError("no such thing")


def hosted(name: str, **settings: Any) -> PartitionConfiguration:
    """Return a hosted partition."""
    return PartitionConfiguration(name=name, kind="hosted", image="hosted", **settings)


def ping(rounds: int = ROUNDS, **settings: Any) -> PartitionConfiguration:
    """Return the guest that sends `rounds` events and waits for each to come back."""
    line = f"ping rounds={rounds} yields=3"
    return PartitionConfiguration(name="ping", image="pingpong", command_line=line, **settings)


def both_ways(start: str, end: str) -> LinkConfiguration:
    """Return the link that programs and the guest use."""
    return LinkConfiguration(from_=f"{start}:8", to=f"{end}:8")


def echo_configuration(
    rounds: int = ROUNDS,
    *,
    guest: Mapping[str, Any] | None = None,
    echo: Mapping[str, Any] | None = None,
    **host: Any,
) -> Configuration:
    """Return a guest that pings a hosted partition."""
    return Configuration(
        host=HostConfiguration(**host),
        partition=(ping(rounds, **(guest or {})), hosted("echo", **(echo or {}))),
        link=(both_ways("ping", "echo"),),
    )


def alone(program: HostedProgram, monitor: str = "native", **settings: Any) -> Host:
    """Return a host of one hosted partition, `only`."""
    configuration = Configuration(
        host=HostConfiguration(monitor=monitor, **settings),  # type: ignore[arg-type]
        partition=(hosted("only"),),
    )
    return Host(configuration, programs={"only": program})
