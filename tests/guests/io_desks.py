# SPDX-License-Identifier: GPL-2.0-or-later
"""The ultravisor of a test's host: a hosted partition that tells others what the test wants told.

Owns one desk a partition: messages in their order, their answers, and what the partition tells of
its own. Decides nothing. Its state can be copied between two turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ultravisor.channels.control_channel import (
    CONTROL_SIZE_DEFAULT_BYTES,
    build_control_channel,
    plan_control_channel,
)
from ultravisor.channels.control_messages import DeviceState
from ultravisor.channels.control_server import Answered, ControlServer, ControlServerState, Told
from ultravisor.channels.memory import ChannelWindow
from ultravisor.machine.abi import CompletionStatus, Hypercall

if TYPE_CHECKING:
    from ultravisor.channels.control_messages import Packet
    from ultravisor.machine.abi import ControlMessageId
    from ultravisor.machine.hosted import HostedTurn

_PLAN = plan_control_channel(CONTROL_SIZE_DEFAULT_BYTES)


@dataclass(slots=True)
class Desk:
    """One life of a partition, as it is told of what it has."""

    partition: int
    address: int
    """Where the hosted partition finds the control channel."""
    guest_address: int
    port: int
    """By which the hosted partition sends it events."""
    built: bool = False
    state: ControlServerState = field(default_factory=ControlServerState)
    outgoing: list[tuple[int, ControlMessageId, Packet, bool]] = field(default_factory=list)
    waiting: dict[int, int] = field(default_factory=dict)
    answers: dict[int, CompletionStatus] = field(default_factory=dict)
    """By ticket."""
    told: list[tuple[int, int, int]] = field(default_factory=list)
    """Bus, device, state: what the partition has told of its own."""

    def attend(self, turn: HostedTurn) -> None:
        """Read what has come, send what is to be said."""
        window = ChannelWindow(turn, self.address)
        if not self.built:
            build_control_channel(
                window, _PLAN, address=self.guest_address, partition=self.partition
            )
            self.built = True
        server = ControlServer(window, _PLAN, self.state)
        for report in server.poll():
            if isinstance(report, Answered):
                status = CompletionStatus(report.answer.completion_status)
                self.answers[self.waiting.pop(report.handle)] = status
            elif isinstance(report, Told) and isinstance(report.message.packet, DeviceState):
                told = report.message.packet
                self.told.append((told.bus, told.device, told.state))
        notify = False
        while self.outgoing:
            ticket, number, packet, is_server = self.outgoing[0]
            sent = server.send(number, packet, server=is_server)
            if sent is None:
                break
            del self.outgoing[0]
            self.waiting[sent.handle] = ticket
            notify = True
        if notify:
            turn.call(Hypercall.EVENT_SEND, self.port)


@dataclass(slots=True)
class Desks:
    """All desks of a host, by partition."""

    desks: dict[int, Desk] = field(default_factory=dict)
    tickets: int = 0

    def turn(self, turn: HostedTurn) -> None:
        """Attend to every desk."""
        for number in sorted(self.desks):
            self.desks[number].attend(turn)

    def say(
        self, partition: int, number: ControlMessageId, packet: Packet, *, server: bool = False
    ) -> int:
        """Put a message on a partition's desk; return its ticket."""
        self.tickets += 1
        self.desks[partition].outgoing.append((self.tickets, number, packet, server))
        return self.tickets

    def answer(self, partition: int, ticket: int) -> CompletionStatus | None:
        """Return the answer to a message; None: there is none yet."""
        return self.desks[partition].answers.get(ticket)
