# SPDX-License-Identifier: GPL-2.0-or-later
"""What the requests to a living host mean.

Owns the step from a request to the host, and who follows what. Called by the server, and
by the loop that runs the host, which hands on what guests write and what happens. It must
not know sockets or processes.
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ultravisor.channels.tap import TapGap
from ultravisor.errors import MachineError, NotFoundError, UltravisorError, UsageError
from ultravisor.life import protocol
from ultravisor.life.channel_views import require_channel
from ultravisor.life.infrastructure import ULTRAVISOR
from ultravisor.life.life_state import save_life
from ultravisor.life.media_rows import port_rows
from ultravisor.life.orders import AnyOrder, Orders, message_of, subject_of
from ultravisor.life.outside import Outside, OutsideRow
from ultravisor.life.server import FOLLOW, Client
from ultravisor.partitions.messages import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.channels.tap import ChannelTap
    from ultravisor.life.living_host import LivingHost
    from ultravisor.life.places import Place
    from ultravisor.results import ConsoleOutput

# What a host keeps of what has happened; older events are forgotten, and counted.
EVENT_LIMIT = 65_536
# Of what is typed to partitions that have not begun.
INPUT_LIMIT = 64
DEAF_HINT = "guests go on; bring the host down, and up again with its journal"


class HostRow(Struct, frozen=True, omit_defaults=True):
    """Who answers."""

    name: str
    process: int
    protocol: str
    clock_cycles: int
    state: str
    generation: int
    """Of the resource database."""
    socket: str
    outsides: tuple[OutsideRow, ...] = ()
    """Of a host with --tap: what its switches are joined to."""


class Event(Struct, frozen=True):
    """Something that has happened."""

    number: int
    clock_cycles: int
    kind: str
    subject: str
    text: str


class EventLog:
    """What has happened, oldest first, bounded."""

    def __init__(self) -> None:
        self.rows: list[Event] = []
        self.count = 0

    def add(self, clock_cycles: int, kind: str, subject: str, text: str) -> Event:
        """Write down one event; return it with its number."""
        event = Event(self.count, clock_cycles, kind, subject, text)
        self.rows.append(event)
        self.count += 1
        if len(self.rows) > EVENT_LIMIT:
            del self.rows[: EVENT_LIMIT // 2]
        return event

    def since(self, number: int) -> list[Event]:
        """Return the events from a number on, as far as they are kept."""
        return [row for row in self.rows if row.number >= number]


class Service:
    """The handler of a living host's requests."""

    def __init__(self, host: LivingHost, place: Place) -> None:
        self._host = host
        self._name = place.name
        self._socket = str(place.socket)
        # A character may be written in two pieces: each follower has a decoder that remembers.
        self._consoles: list[tuple[Client, int, str, codecs.IncrementalDecoder]] = []
        self._events: list[tuple[Client, int]] = []
        self._orders = Orders()
        self._restarts: list[tuple[Client, int]] = []
        self._inputs: list[tuple[Client, protocol.Input]] = []
        self._taps: list[tuple[Client, int, int, ChannelTap]] = []
        self.outside: Outside | None = None
        """What the host's switches are joined to, where they are."""
        self.events = EventLog()
        self.ended = False
        self.interrupted = False
        self._meanings: dict[type, Callable[[Any, Client], object]] = {
            protocol.Hello: lambda _request, _client: self._hello(),
            protocol.Ps: lambda _request, _client: host.partitions(),
            protocol.Inspect: lambda request, _client: self._inspect(request),
            protocol.Logs: self._logs,
            protocol.Input: self._input,
            protocol.Events: self._follow_events,
            protocol.Order: self._order,
            protocol.IoOrder: self._order,
            protocol.Media: lambda _request, _client: port_rows(host.database),
            protocol.Transact: self._order,
            protocol.Journal: lambda request, _client: self._copy_journal(request),
            protocol.Snapshot: lambda request, _client: self._snapshot(request),
            protocol.Channels: self._channels,
            protocol.Down: lambda _request, _client: self._down(),
        }

    def interrupt(self) -> None:
        """Bring the host down; called by a signal handler."""
        self.ended = self.interrupted = True

    def _down(self) -> None:
        self.ended = True

    def handle(self, request: protocol.AnyRequest, client: Client) -> object:
        """Do what a request asks for; return its result, or FOLLOW."""
        return self._meanings[type(request)](request, client)

    def forget(self, client: Client) -> None:
        """A client has gone: nobody follows for it any more."""
        self._consoles = [row for row in self._consoles if row[0] is not client]
        self._events = [row for row in self._events if row[0] is not client]
        self._orders.forget(client)
        self._restarts = [row for row in self._restarts if row[0] is not client]
        self._inputs = [row for row in self._inputs if row[0] is not client]
        self._taps = [row for row in self._taps if row[0] is not client]

    def console(self, output: ConsoleOutput) -> None:
        """Hand on what a partition wrote."""
        for client, identifier, partition, decoder in self._consoles:
            if partition == output.partition and (text := decoder.decode(output.data)):
                client.event(identifier, {"text": text, "clock_cycles": output.clock_cycles})

    def happened(self, clock_cycles: int, kind: str, subject: str, text: str) -> None:
        """Write down an event, and hand it on."""
        event = self.events.add(clock_cycles, kind, subject, text)
        for client, identifier in self._events:
            client.event(identifier, event)

    def _hello(self) -> HostRow:
        return HostRow(
            name=self._name,
            process=os.getpid(),
            protocol=protocol.PROTOCOL,
            clock_cycles=self._host.position_cycles,
            state=self._host.state,
            generation=self._host.generation,
            socket=self._socket,
            outsides=() if self.outside is None else self.outside.rows(),
        )

    def _inspect(self, request: protocol.Inspect) -> object:
        if request.partition is None:
            return self._hello()
        return self._host.inspect(request.partition)

    def _input(self, request: protocol.Input, client: Client) -> object:
        """Type; who types right behind an order waits until the partition has begun."""
        name = request.partition
        if any(row.partition == name for _, row in self._inputs) or self._host.is_beginning(name):
            if len(self._inputs) >= INPUT_LIMIT:
                raise UsageError(f"{INPUT_LIMIT} inputs wait already", "ask again in a moment")
            self._inputs.append((client, request))
            return FOLLOW
        self._host.input(name, request.text.encode())
        return None

    def _type_what_waits(self) -> None:
        waiting, self._inputs = self._inputs, []
        for client, request in waiting:
            try:
                result = self._input(request, client)
            except UltravisorError as failure:
                client.refuse(request.id, failure)
            else:
                if result is not FOLLOW:
                    client.end(request.id, result)

    def _logs(self, request: protocol.Logs, client: Client) -> object:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        data = self._host.console(request.partition)
        text = decoder.decode(data, final=not request.follow)
        if request.tail is not None:
            lines = text.splitlines(keepends=True)
            text = "".join(lines[len(lines) - request.tail :]) if request.tail else ""
        if not request.follow:
            return {"text": text}
        client.event(request.id, {"text": text, "clock_cycles": self._host.position_cycles})
        self._consoles.append((client, request.id, request.partition, decoder))
        return FOLLOW

    def _follow_events(self, request: protocol.Events, client: Client) -> object:
        for event in self.events.since(request.since):
            client.event(request.id, event)
        if not request.follow:
            return {"count": self.events.count}
        self._events.append((client, request.id))
        return FOLLOW

    def _order(self, request: AnyOrder, client: Client) -> object:
        """Pass an order on to command; its answer ends the request."""
        if isinstance(request, protocol.Order) and request.partition == ULTRAVISOR:
            return self._restart(request, client)
        if self._host.deaf:
            raise MachineError(f"the host takes no orders: {self._host.deaf}", DEAF_HINT)
        number = self._host.order(encode(message_of(request)))
        self._orders.wait(number, client, request.id, subject_of(request))
        return FOLLOW

    def _restart(self, request: protocol.Order, client: Client) -> object:
        """Kill the ultravisor: nobody else could, for it is who carries orders out."""
        if request.order != "kill":
            raise UsageError("the ultravisor can only be killed; it restarts by itself")
        self._host.restart_ultravisor()
        self.happened(self._host.position_cycles, "partition", ULTRAVISOR, "killed; it begins anew")
        self._restarts.append((client, request.id))
        return FOLLOW

    def _look_at_the_ultravisor(self) -> None:
        """Answer who has killed it, once another has its database."""
        generation = self._host.generation
        if generation and self._restarts:
            answer = {"partition": ULTRAVISOR, "state": "restarted", "generation": generation}
            for client, identifier in self._restarts:
                client.end(identifier, {**answer, "values": []})
            self._restarts.clear()

    def answered(self, number: int, data: bytes) -> None:
        """Hand on what command has answered to an order."""
        self._orders.answer(number, data)

    def _copy_journal(self, request: protocol.Journal) -> dict[str, object]:
        return {"generation": self._host.copy_journal(_absolute(request.path))}

    def _snapshot(self, request: protocol.Snapshot) -> dict[str, object]:
        path = _absolute(request.path)
        manifest = save_life(self._host, path, self._name)
        return {
            "position_cycles": manifest.life.position_cycles,
            "state_hash": manifest.state_hash,
            "generation": manifest.generation,
            "size_bytes": path.stat().st_size,
        }

    def _channels(self, request: protocol.Channels, client: Client) -> object:
        if request.channel is None:
            return self._host.channels()
        if request.query == "stat":
            return self._host.channel_statistics(request.channel)
        tap = self._host.tap(request.channel)
        self._show_tapped(client, request.id, tap)
        if not request.follow:
            return None
        self._taps.append((client, request.id, request.channel, tap))
        return FOLLOW

    def look(self) -> None:
        """After each piece of the run: look at what clients wait for that nobody announces."""
        self._look_at_the_ultravisor()
        self._type_what_waits()
        if self._host.deaf:
            failure = MachineError(f"the order has no answer: {self._host.deaf}", DEAF_HINT)
            self._orders.give_up(failure)
            for client, identifier in self._restarts:
                client.refuse(identifier, failure)
            self._restarts.clear()
        self._taps = [row for row in self._taps if self._tapped(*row)]

    def _tapped(self, client: Client, identifier: int, channel: int, tap: ChannelTap) -> bool:
        """Show what was sent; False where the channel is no more: its frames are another's."""
        try:
            require_channel(self._host.database, channel)
        except NotFoundError as failure:
            client.refuse(identifier, failure)
            return False
        self._show_tapped(client, identifier, tap)
        return True

    def _show_tapped(self, client: Client, identifier: int, tap: ChannelTap) -> None:
        for row in tap.poll():
            if isinstance(row, TapGap):
                client.event(identifier, {"queue": row.queue, "missed": row.missed})
            else:
                shown = {"queue": row.queue, "number": row.number, "sentence": row.sentence}
                client.event(identifier, shown)


def _absolute(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise UsageError(f"{path}: not an absolute path", "the host has a folder of its own")
    return path
