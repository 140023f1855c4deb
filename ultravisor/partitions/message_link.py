# SPDX-License-Identifier: GPL-2.0-or-later
"""One end of a channel of messages, as a program uses it from turn to turn.

Owns attaching (a server builds the channel, a client waits until it is there), what could not be
sent yet, and the event that wakes the other end. Knows bytes and request numbers, no meaning. A
peer that breaks its end is told nothing more: the first reason is kept, and nobody else is harmed.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ultravisor.channels.channel import read_header
from ultravisor.channels.command_channel import (
    CommandEnd,
    CommandMessage,
    build_command_channel,
    command_client,
    command_server,
    plan_command_channel,
)
from ultravisor.channels.errors import ChannelError
from ultravisor.channels.memory import ChannelWindow
from ultravisor.channels.payload_area import SavedArea
from ultravisor.channels.queue import Insertion
from ultravisor.errors import HostedAccessError
from ultravisor.machine.abi import GUID_COMMAND, Hypercall

if TYPE_CHECKING:
    from ultravisor.machine.hosted import HostedTurn

LOST: Final = (ChannelError, HostedAccessError)
"""The peer has broken the channel, or it was taken away before this end was told."""
SLOT_COUNT: Final = 256
# What may wait for room; a peer that never takes anything is not allowed to fill memory.
OUTBOX_LIMIT: Final = 65_536
MESSAGES_AT_ONCE: Final = SLOT_COUNT
"""More than a queue holds."""
UNASKED: Final = 0
"""The request number of a message that answers nothing."""


class ChannelPlace(Struct, frozen=True):
    """Where a program finds a channel, guest-physical, and which end it is."""

    address: int
    size_bytes: int
    port: int
    """By which this end's events leave and arrive; 0: the channel is polled."""
    is_server: bool


class SavedLink(Struct, frozen=True):
    """What must be known of an end to go on exactly as it would have."""

    outbox: tuple[tuple[int, bytes], ...]
    area: SavedArea | None
    """None: it was not attached yet."""
    fault: str


class MessageLink:
    """One end; what of it is not in the channel can be saved."""

    def __init__(self, place: ChannelPlace, turn: HostedTurn) -> None:
        """Take a channel's place; it is looked at by `attend`."""
        self.place = place
        self.fault = ""
        """The first reason why this end does not go on; empty: none."""
        self._window = ChannelWindow(turn, place.address)
        self._end: CommandEnd | None = None
        self._outbox: deque[tuple[int, bytes]] = deque()
        self._notify = False
        self._restored: SavedArea | None = None

    @property
    def is_attached(self) -> bool:
        """Say whether the channel is there and its end in use."""
        return self._end is not None and not self.fault

    def attend(self, turn: HostedTurn) -> bool:
        """Begin a turn: use its memory, attach where that was not possible before."""
        self._window.memory = turn
        if self._end is None and not self.fault:
            try:
                self._end = self._attach()
                if self._end is not None and self._restored is not None:
                    self._end.load(self._restored)
                    self._restored = None
            except LOST as failure:
                self.fault = failure.message
        return self.is_attached

    def _attach(self) -> CommandEnd | None:
        there = read_header(self._window).type == GUID_COMMAND
        size = self.place.size_bytes
        if not self.place.is_server:
            return command_client(self._window, size) if there else None
        if not there:
            build_command_channel(self._window, size, SLOT_COUNT)
        # By its own plan, whatever the client has written into the header since.
        return command_server(self._window, plan_command_channel(size, SLOT_COUNT))

    def receive(self) -> CommandMessage | None:
        """Return the next message; None: there is none, or the peer has broken the channel."""
        if self._end is None or self.fault:
            return None
        try:
            return self._end.receive()
        except LOST as failure:
            self.fault = failure.message
            return None

    def receive_all(self, limit: int) -> list[CommandMessage]:
        """Return up to `limit` messages that are there now; none where the channel is broken."""
        if self._end is None or self.fault:
            return []
        try:
            return self._end.receive_all(limit)
        except LOST as failure:
            self.fault = failure.message
            return []

    def send(self, request: int, data: bytes) -> None:
        """Send a message, now or when there is room."""
        if len(self._outbox) >= OUTBOX_LIMIT:
            self.fault = self.fault or f"{OUTBOX_LIMIT} messages wait: the peer takes none"
            self._outbox.clear()
        if not self.fault:
            self._outbox.append((request, data))

    def fits(self, data: bytes) -> bool:
        """Say whether a message can ever be sent; before attaching, that is not known."""
        return self._end is None or len(data) <= self._end.payload_limit_bytes

    def flush(self, turn: HostedTurn) -> bool:
        """End a turn: send what there is room for, and wake the peer; say whether all is sent."""
        while self._outbox and self._end is not None and not self.fault:
            try:
                count, inserted = self._end.send_all(self._outbox)
            except LOST as failure:
                self.fault = failure.message
                break
            if inserted is Insertion.FULL:
                break
            for _ in range(count):
                self._outbox.popleft()
            self._notify = self._notify or inserted is Insertion.NOTIFY
        if self._notify and self.place.port:
            turn.call(Hypercall.EVENT_SEND, self.place.port)
        self._notify = False
        return not self._outbox

    def save(self) -> SavedLink:
        """Return what must be known to go on."""
        area = self._restored if self._end is None else self._end.save()
        return SavedLink(tuple(self._outbox), area, self.fault)

    def restore(self, saved: SavedLink) -> None:
        """Go on from what was saved; the channel is as it was then, and not attached yet."""
        self._outbox = deque(saved.outbox)
        self._restored, self.fault = saved.area, saved.fault
