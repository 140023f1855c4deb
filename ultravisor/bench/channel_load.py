# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that load a command channel for a benchmark: one asks, one answers without looking.

Owns how much is on its way at once. They take the places of command and of the ultravisor in a
machine; the hosts that they run on are channel_host's.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ultravisor.channels.command_protocol import Done, decode_answer, encode
from ultravisor.partitions.channel_types import TYPE_COMMAND
from ultravisor.partitions.link_table import LinkTable
from ultravisor.partitions.message_link import MESSAGES_AT_ONCE, UNASKED, MessageLink
from ultravisor.partitions.residence import Residence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ultravisor.channels.command_protocol import AnyAnswer, AnyRequest
    from ultravisor.machine.hosted import HostedTurn
    from ultravisor.partitions.message_link import ChannelPlace

IN_FLIGHT = 200
"""Requests on their way at once; an answer makes room for the next."""


class AskingProgram:
    """Sends what it is given over the command channel, and takes every answer."""

    def __init__(self, first_request: int) -> None:
        """Begin the numbers of requests with this one."""
        self.waiting: deque[AnyRequest] = deque()
        self.answers: list[AnyAnswer] = []
        self.in_flight = 0
        self._next = first_request
        self._residence = Residence()
        self._links = LinkTable()

    @property
    def is_attached(self) -> bool:
        """Say whether the channel is there."""
        link = self._links.get(TYPE_COMMAND)
        return link is not None and link.is_attached

    def ask(self, requests: Iterable[AnyRequest]) -> None:
        """Take requests, sent from the next turn on; answers come in their order."""
        self.answers.clear()
        self.waiting.extend(requests)

    @property
    def is_done(self) -> bool:
        """Say whether everything is answered."""
        return not self.waiting and not self.in_flight

    def turn(self, turn: HostedTurn) -> None:
        """Take answers, and send as many requests more."""
        self._residence.attend(turn)
        self._links.attend(turn, self._residence)
        link = self._links.get(TYPE_COMMAND)
        if link is None or not link.is_attached:
            return
        while messages := link.receive_all(MESSAGES_AT_ONCE):
            answered = [decode_answer(row.data) for row in messages if row.request != UNASKED]
            self.in_flight -= len(answered)
            self.answers += answered
        while self.waiting and self.in_flight < IN_FLIGHT:
            link.send(self._next, encode(self.waiting.popleft()))
            self._next += 1
            self.in_flight += 1
        self._links.flush(turn)

    def save(self) -> bytes:
        """Return nothing: a benchmark is not continued."""
        return b""

    def load(self, state: bytes) -> None:
        """Take nothing."""


class EchoProgram:
    """Answers every request of one channel at once: the channel without a database."""

    def __init__(self, place: ChannelPlace) -> None:
        """Serve the channel at a place."""
        self._place = place
        self._link: MessageLink | None = None
        self._answer = encode(Done(1, (None,)))

    def turn(self, turn: HostedTurn) -> None:
        """Answer all that has come."""
        if self._link is None:
            self._link = MessageLink(self._place, turn)
        self._link.attend(turn)
        while messages := self._link.receive_all(MESSAGES_AT_ONCE):
            for row in messages:
                self._link.send(row.request, self._answer)
        self._link.flush(turn)

    def save(self) -> bytes:
        """Return nothing: a benchmark is not continued."""
        return b""

    def load(self, state: bytes) -> None:
        """Take nothing."""
