# SPDX-License-Identifier: GPL-2.0-or-later
"""The operations program: it owns policies, zones and domains, and keeps them.

Owns what is wanted in the long run, and what was reported of it. It acts on a host only by messages
to that host's command. Policies come from outside, through the host's input log; they are kept in
the saved state, and what command reports is the state of the domains.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from ultravisor.channels.command_protocol import RefusalKind
from ultravisor.partitions import messages
from ultravisor.partitions.channel_types import TYPE_OPERATIONS
from ultravisor.partitions.link_table import LinkTable, SavedLinks
from ultravisor.partitions.message_link import UNASKED
from ultravisor.partitions.messages import MessageError
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.partitions.residence import Residence, SavedResidence

if TYPE_CHECKING:
    from ultravisor.machine.hosted import HostedTurn

NAME: Final = "operations"
MESSAGE_COST_CYCLES: Final = 2_000
"""Declared work of one message: assumed."""


class SavedOperations(Struct, frozen=True):
    """All of operations' state."""

    residence: SavedResidence
    links: SavedLinks
    placed: PlacedPolicy
    revision: int
    request: int
    outstanding: dict[int, bytes]
    reports: dict[str, messages.DomainReport]
    inbox: tuple[tuple[int, bytes], ...]
    outside: tuple[tuple[int, bytes], ...]
    asked_for: dict[int, int]


class OperationsProgram:
    """The program of the partition `operations`."""

    def __init__(self, placed: PlacedPolicy | None = None, revision: int = 1) -> None:
        """Begin with the policy that the composition root read, or none.

        `revision` counts the policies that there were, from 1; command keeps the one it has.
        """
        self.placed = PlacedPolicy() if placed is None else placed
        self.revision = revision
        self.reports: dict[str, messages.DomainReport] = {}
        """What command reported last, by domain."""
        self.rejected: list[messages.Rejected] = []
        """What command did not accept."""
        self.wrong = 0
        """Messages that were none."""
        self._residence = Residence()
        self._links = LinkTable()
        self._request = 0
        self._outstanding: dict[int, bytes] = {}
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._outside: list[tuple[int, bytes]] = []
        self._asked_for: dict[int, int] = {}

    def deliver(self, number: int, message: bytes) -> None:
        """Take one message for command from outside; `number` comes back with its answer."""
        self._inbox.append((number, message))

    def collect(self) -> list[tuple[int, bytes]]:
        """Return the answers to what was delivered, each once."""
        found, self._outside = self._outside, []
        return found

    def turn(self, turn: HostedTurn) -> None:
        """Pass on what has come, both ways."""
        self._residence.attend(turn)
        new = self._links.attend(turn, self._residence)
        if TYPE_OPERATIONS in new:
            self._send_again()
            self._ask(messages.AskReports())
        self._take_inbox()
        self._take_reports(turn)
        self._links.flush(turn)

    def _ask(self, message: messages.Message, asked_for: int | None = None) -> None:
        """Send a request to command; it waits where there is no channel yet."""
        self._request += 1
        data = messages.encode(message)
        self._outstanding[self._request] = data
        if asked_for is not None:
            self._asked_for[self._request] = asked_for
        link = self._links.get(TYPE_OPERATIONS)
        if link is not None:
            link.send(self._request, data)

    def _send_again(self) -> None:
        """Send what is not answered again: the requests say what is wanted, and may come twice."""
        link = self._links.get(TYPE_OPERATIONS)
        assert link is not None, "the link is new"
        for number, data in sorted(self._outstanding.items()):
            link.send(number, data)

    def _take_inbox(self) -> None:
        while self._inbox:
            number, data = self._inbox.popleft()
            try:
                message = messages.FROM_OPERATIONS.decode(data)
            except MessageError as failure:
                self.wrong += 1
                refusal = messages.Rejected(RefusalKind.INVALID, failure.message)
                self._outside.append((number, messages.encode(refusal)))
                continue
            assert isinstance(message, messages.Message)
            if isinstance(message, messages.SetPolicy):
                self.revision += 1
                self.placed = message.policy
                message = messages.SetPolicy(self.revision, message.policy)
            self._ask(message, number)

    def _take_reports(self, turn: HostedTurn) -> None:
        link = self._links.get(TYPE_OPERATIONS)
        while link is not None and (row := link.receive()) is not None:
            turn.work(MESSAGE_COST_CYCLES)
            try:
                message = messages.FROM_COMMAND.decode(row.data)
            except MessageError:
                self.wrong += 1
                continue
            if row.request == UNASKED:
                self._told(message)
            elif self._outstanding.pop(row.request, None) is not None:
                self._answered(row.request, message, row.data)

    def _told(self, message: object) -> None:
        """Take what command says by itself: reports, and which policy it has."""
        match message:
            case messages.DomainReport():
                self.reports[message.domain.name] = message
            case messages.Accepted(revision):
                self._send_again()
                if revision != self.revision:
                    self._ask(messages.SetPolicy(self.revision, self.placed))

    def _answered(self, request: int, message: object, data: bytes) -> None:
        if isinstance(message, messages.Rejected):
            self.rejected.append(message)
        number = self._asked_for.pop(request, None)
        if number is not None:
            self._outside.append((number, data))

    def save(self) -> bytes:
        """Return all state, for a snapshot."""
        saved = SavedOperations(
            residence=self._residence.save(),
            links=self._links.save(),
            placed=self.placed,
            revision=self.revision,
            request=self._request,
            outstanding=self._outstanding,
            reports=self.reports,
            inbox=tuple(self._inbox),
            outside=tuple(self._outside),
            asked_for=self._asked_for,
        )
        return msgspec.msgpack.encode(saved)

    def load(self, state: bytes) -> None:
        """Take the place of what `save` returned; raise ValueError on what it did not."""
        saved = msgspec.msgpack.decode(state, type=SavedOperations)
        self._residence.load(saved.residence)
        self._links.load(saved.links)
        self.placed, self.revision = saved.placed, saved.revision
        self._request = saved.request
        self._outstanding = dict(saved.outstanding)
        self.reports = dict(saved.reports)
        self._inbox = deque(saved.inbox)
        self._outside = list(saved.outside)
        self._asked_for = dict(saved.asked_for)
