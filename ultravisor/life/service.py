# SPDX-License-Identifier: GPL-2.0-or-later
"""What the requests to a living host mean.

Owns the step from a request to the host, and who follows what. Called by the server, and
by the loop that runs the host, which hands on what guests write and what happens. It must
not know sockets or processes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ultravisor.errors import UsageError
from ultravisor.life import protocol
from ultravisor.life.server import FOLLOW, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.life.living_host import LivingHost
    from ultravisor.results import ConsoleOutput

# What a host keeps of what has happened; older events are forgotten, and counted.
EVENT_LIMIT = 65_536


class HostRow(Struct, frozen=True):
    """Who answers."""

    name: str
    process: int
    protocol: str
    clock_cycles: int
    state: str


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

    def __init__(self, host: LivingHost, name: str) -> None:
        self._host = host
        self._name = name
        self._consoles: list[tuple[Client, int, str]] = []
        self._events: list[tuple[Client, int]] = []
        self.events = EventLog()
        self.ended = False
        self.last_words = ""
        self._meanings: dict[type, Callable[[Any, Client], object]] = {
            protocol.Hello: lambda _request, _client: self._hello(),
            protocol.Ps: lambda _request, _client: host.partitions(),
            protocol.Inspect: lambda request, _client: host.inspect(request.partition),
            protocol.Logs: self._logs,
            protocol.Input: lambda request, _client: self._input(request),
            protocol.Events: self._follow_events,
            protocol.Order: host.order,
            protocol.Transact: host.order,
            protocol.Query: host.query,
            protocol.Channels: host.query,
            protocol.Save: lambda request, _client: self._save(request),
            protocol.Down: lambda _request, _client: self.end("brought down"),
        }

    def end(self, why: str = "interrupted") -> None:
        """Bring the host down; may be called by a signal handler."""
        self.ended = True
        self.last_words = why

    def handle(self, request: protocol.AnyRequest, client: Client) -> object:
        """Do what a request asks for; return its result, or FOLLOW."""
        return self._meanings[type(request)](request, client)

    def forget(self, client: Client) -> None:
        """A client has gone: nobody follows for it any more."""
        self._consoles = [row for row in self._consoles if row[0] is not client]
        self._events = [row for row in self._events if row[0] is not client]
        self._host.forget(client)

    def console(self, output: ConsoleOutput) -> None:
        """Hand on what a partition wrote."""
        text = output.data.decode("utf-8", "replace")
        for client, identifier, partition in self._consoles:
            if partition == output.partition:
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
        )

    def _input(self, request: protocol.Input) -> None:
        self._host.input(request.partition, request.text.encode())

    def _logs(self, request: protocol.Logs, client: Client) -> object:
        text = self._host.console(request.partition).decode("utf-8", "replace")
        if request.tail is not None:
            lines = text.splitlines(keepends=True)
            text = "".join(lines[len(lines) - request.tail :]) if request.tail else ""
        if not request.follow:
            return {"text": text}
        client.event(request.id, {"text": text, "clock_cycles": self._host.position_cycles})
        self._consoles.append((client, request.id, request.partition))
        return FOLLOW

    def _follow_events(self, request: protocol.Events, client: Client) -> object:
        for event in self.events.since(request.since):
            client.event(request.id, event)
        if not request.follow:
            return {"count": self.events.count}
        self._events.append((client, request.id))
        return FOLLOW

    def _save(self, request: protocol.Save) -> object:
        path = Path(request.path)
        if not path.is_absolute():
            raise UsageError(f"{path}: not an absolute path", "the host has a folder of its own")
        self._host.save(path)
        return {"file": str(path), "position_cycles": self._host.position_cycles}
