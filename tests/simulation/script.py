# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that asks the ultravisor for what a test says, in boot's place.

Owns sending requests over a real channel and keeping every answer, as often as it comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulation.fabric import Fabric
from tests.simulation.view_check import check_view
from ultravisor.channels.command_protocol import AnyAnswer, AnyRequest, decode_answer, encode
from ultravisor.partitions.channel_types import TYPE_COMMAND
from ultravisor.partitions.genesis import NUMBERS
from ultravisor.partitions.link_table import LinkTable
from ultravisor.partitions.message_link import MESSAGES_AT_ONCE, UNASKED
from ultravisor.partitions.residence import Residence

if TYPE_CHECKING:
    from ultravisor.channels.command_channel import CommandMessage
    from ultravisor.resources.journal import Journal


class Script:
    """Sends what it is given; asks again when the ultravisor says that it has begun anew."""

    def __init__(self) -> None:
        self.residence = Residence()
        self.links = LinkTable()
        self.to_send: list[tuple[int, bytes]] = []
        self.unanswered: dict[int, bytes] = {}
        self.answers: dict[int, list[AnyAnswer]] = {}
        self.greetings = 0

    def turn(self, turn: Any) -> None:
        self.residence.attend(turn)
        self.links.attend(turn, self.residence)
        link = self.links.get(TYPE_COMMAND)
        if link is None or not link.is_attached:
            return
        while messages := link.receive_all(MESSAGES_AT_ONCE):
            for message in messages:
                self._take(message)
        for request, payload in self.to_send:
            link.send(request, payload)
        self.to_send.clear()
        self.links.flush(turn)

    def _take(self, message: CommandMessage) -> None:
        if message.request == UNASKED:
            self.greetings += 1
            self.to_send += sorted(self.unanswered.items())
            return
        self.unanswered.pop(message.request, None)
        self.answers.setdefault(message.request, []).append(decode_answer(message.data))

    def ask(self, request: int, message: AnyRequest) -> None:
        """Send a request under a number."""
        payload = encode(message)
        self.unanswered[request] = payload
        self.to_send.append((request, payload))

    def answer(self, request: int) -> AnyAnswer:
        """Return the last answer to a request."""
        return self.answers[request][-1]


class ScriptFabric(Fabric):
    """Boot and the ultravisor alone; boot is a script. Every publication is checked."""

    def __init__(self, *, seed: int = 0, journal: Journal | None = None, **more: Any) -> None:
        super().__init__(seed=seed, journal=journal, memory_mib=more.pop("memory_mib", 64), **more)
        self.script = Script()
        self.programs[NUMBERS["boot"]] = self.script
        self.publications = 0
        self.views.on_publish = self._check
        self.run()

    def _check(self, rows: Any) -> None:
        self.publications += 1
        check_view(rows, self.ultravisor.database)

    def ask(self, *requests: tuple[int, AnyRequest]) -> list[AnyAnswer]:
        """Send requests, run until all is quiet, and return the last answer to each."""
        for number, message in requests:
            self.script.ask(number, message)
        self.wake(NUMBERS["boot"])
        self.run()
        return [self.script.answer(number) for number, _ in requests]
