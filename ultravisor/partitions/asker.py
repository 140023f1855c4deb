# SPDX-License-Identifier: GPL-2.0-or-later
"""Command's requests to the ultravisor that are not answered yet.

Owns their numbers, and asking again: after the ultravisor began anew, and after a time. A number
stands for one request for ever, so that an answer that comes twice, or late, is known as such. Used
by command and boot; knows no meaning of requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ultravisor.channels.command_protocol import (
    AnyAnswer,
    AnyRequest,
    Done,
    ProtocolError,
    decode_answer,
    encode,
)
from ultravisor.partitions.message_link import MESSAGES_AT_ONCE, UNASKED

if TYPE_CHECKING:
    from ultravisor.channels.command_channel import CommandMessage
    from ultravisor.partitions.message_link import MessageLink

AGAIN_CYCLES: Final = 1_000_000_000
"""After this long without an answer a request is sent again; the ultravisor may have been lost."""
NUMBERS_A_CYCLE_BITS: Final = 16
"""A later life of the asker begins above all numbers that an earlier one can have used."""


class Outstanding(Struct):
    """A request that was sent and is not answered."""

    payload: bytes
    sent_cycles: int


class SavedAsker(Struct, frozen=True):
    """What must be known to go on."""

    next_request: int
    outstanding: dict[int, Outstanding]


class Asker:
    """One end's requests."""

    def __init__(self, now_cycles: int) -> None:
        """Begin the numbers of one life of the asking partition."""
        self._next = (now_cycles << NUMBERS_A_CYCLE_BITS) + 1
        self._outstanding: dict[int, Outstanding] = {}
        self.strange = 0
        """Answers to nothing: late, twice, or what is no answer."""
        self.moved = False
        """The ultravisor has recorded something by itself; whoever looks sets it back."""

    def ask(self, request: AnyRequest, link: MessageLink, now_cycles: int) -> int:
        """Send a request; return its number."""
        number = self._next
        self._next += 1
        self.ask_again(number, request, link, now_cycles)
        return number

    def ask_again(
        self, number: int, request: AnyRequest, link: MessageLink, now_cycles: int
    ) -> None:
        """Send a request under a number that it had: a refused one grows older by that."""
        payload = encode(request)
        self._outstanding[number] = Outstanding(payload, now_cycles)
        link.send(number, payload)

    def answers(self, link: MessageLink, now_cycles: int) -> list[tuple[int, AnyAnswer]]:
        """Return the answers that have come, each once."""
        found = []
        while messages := link.receive_all(MESSAGES_AT_ONCE):
            taken = [self._taken(message, link, now_cycles) for message in messages]
            found += [row for row in taken if row is not None]
        return found

    def _taken(
        self, message: CommandMessage, link: MessageLink, now_cycles: int
    ) -> tuple[int, AnyAnswer] | None:
        """Return the answer that a message is; None: it answers nothing that is still asked."""
        known = message.request == UNASKED or message.request in self._outstanding
        answer = _decoded(message) if known else None
        if answer is None:
            self.strange += 1
            return None
        if message.request == UNASKED:
            self._told(answer, link, now_cycles)
            return None
        del self._outstanding[message.request]
        return message.request, answer

    def _told(self, answer: AnyAnswer, link: MessageLink, now_cycles: int) -> None:
        """Take what the ultravisor says unasked: that it moved on, or that it begins anew."""
        # What the lost ultravisor would have told of, its successor does not know.
        self.moved = True
        if not (isinstance(answer, Done) and answer.values):
            self.send_again(link, now_cycles)

    def send_again(self, link: MessageLink, now_cycles: int) -> None:
        """Send everything that is not answered again: the ultravisor has begun anew."""
        for number, row in sorted(self._outstanding.items()):
            row.sent_cycles = now_cycles
            link.send(number, row.payload)

    def remind(self, link: MessageLink, now_cycles: int) -> None:
        """Send again what has waited too long."""
        for number, row in sorted(self._outstanding.items()):
            if now_cycles - row.sent_cycles >= AGAIN_CYCLES:
                row.sent_cycles = now_cycles
                link.send(number, row.payload)

    @property
    def due_cycles(self) -> int | None:
        """Return when something will have waited too long; None: nothing waits."""
        sent = [row.sent_cycles for row in self._outstanding.values()]
        return min(sent) + AGAIN_CYCLES if sent else None

    def save(self) -> SavedAsker:
        """Return what must be known to go on."""
        return SavedAsker(self._next, self._outstanding)

    def load(self, saved: SavedAsker) -> None:
        """Go on from what was saved."""
        self._next = saved.next_request
        self._outstanding = dict(saved.outstanding)


def _decoded(message: CommandMessage) -> AnyAnswer | None:
    if message.fault:
        return None
    try:
        return decode_answer(message.data)
    except ProtocolError:
        return None
