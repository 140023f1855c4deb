# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket of a living host: several clients at once, none of whom can hurt the host.

Owns listening, lines, limits and back-pressure; what a request means is its handler's.
One thread: the host runs between two calls of `poll`. A client is let go when it sends a
line that is too long, or does not read what it asked for.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from typing import TYPE_CHECKING, Protocol

from ultravisor.errors import UltravisorError, UsageError
from ultravisor.life.protocol import (
    LINE_LIMIT_BYTES,
    AnyRequest,
    WrongRequestError,
    read_request,
    write_error,
    write_event,
    write_result,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLIENT_LIMIT = 64
BACKLOG_LIMIT_BYTES = 8 << 20
RECEIVE_BYTES = 65_536


class Handler(Protocol):
    """What requests mean."""

    def handle(self, request: AnyRequest, client: Client) -> object:
        """Return the result, or `FOLLOW` when events go on; raise UltravisorError."""
        ...

    def forget(self, client: Client) -> None:
        """Take note that a client has gone."""
        ...


# What a handler returns when the request ends only with its client.
FOLLOW = object()


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()
        self.waiting = bytearray()
        self.gone = False

    def event(self, identifier: int, value: object) -> None:
        """Send one event of a request that goes on."""
        self._queue(write_event(identifier, value))

    def end(self, identifier: int, value: object) -> None:
        """End a request that has gone on."""
        self._queue(write_result(identifier, value))

    def refuse(self, identifier: int, failure: UltravisorError) -> None:
        """End a request with an error."""
        self._queue(write_error(identifier, failure))

    def _queue(self, line: bytes) -> None:
        if self.gone:
            return
        self.waiting += line
        if len(self.waiting) > BACKLOG_LIMIT_BYTES:
            self.gone = True

    def send(self) -> None:
        """Send what the connection takes."""
        try:
            while self.waiting:
                del self.waiting[: self.connection.send(self.waiting)]
        except BlockingIOError:
            return
        except OSError:
            self.gone = True


class Server:
    """The listening socket and its clients."""

    def __init__(self, path: Path, handler: Handler) -> None:
        """Listen; the caller has locked the host's name, so that an old socket is nobody's."""
        self._path = path
        self._handler = handler
        self._clients: list[Client] = []
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        # The mode is the socket's from its first moment on.
        mask = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        finally:
            os.umask(mask)
        self._listener.listen(CLIENT_LIMIT)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def close(self) -> None:
        """Send what can be sent at once, and close everything."""
        for client in self._clients:
            client.send()
            client.connection.close()
        self._clients.clear()
        self._listener.close()
        self._selector.close()
        self._path.unlink(missing_ok=True)

    def poll(self, timeout_seconds: float | None, others: Sequence[int] = ()) -> None:
        """Serve whoever wants something; wait for that at most so long, None: for ever.

        `others` are descriptors that end the wait, too; what comes by them is their owner's.
        """
        self._flush()
        for descriptor in others:
            self._selector.register(descriptor, selectors.EVENT_READ)
        ready = self._selector.select(timeout_seconds)
        for descriptor in others:
            self._selector.unregister(descriptor)
        for key, _ in ready:
            if key.fileobj is self._listener:
                self._accept()
            elif key.data is not None:
                self._receive(key.data)
        self._flush()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        client = Client(connection)
        connection.setblocking(False)
        if len(self._clients) >= CLIENT_LIMIT:
            message = f"{CLIENT_LIMIT} clients are there already"
            client.refuse(0, UsageError(message, "end one of them"))
            client.send()
            connection.close()
            return
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _receive(self, client: Client) -> None:
        try:
            data = client.connection.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            client.gone = True
            return
        client.received += data
        *lines, rest = client.received.split(b"\n")
        client.received = bytearray(rest)
        for line in lines:
            self._serve(client, bytes(line))
        if len(rest) > LINE_LIMIT_BYTES:
            message = f"a line of more than {LINE_LIMIT_BYTES} bytes"
            client.refuse(0, UsageError(message, "a request is one JSON object in a line"))
            client.send()
            client.gone = True

    def _serve(self, client: Client, line: bytes) -> None:
        if not line.strip() or client.gone:
            return
        try:
            request = read_request(line)
        except WrongRequestError as wrong:
            client.refuse(wrong.id, UsageError(f"not a request: {wrong}"))
            return
        try:
            result = self._handler.handle(request, client)
        except UltravisorError as failure:
            client.refuse(request.id, failure)
            return
        if result is not FOLLOW:
            client.end(request.id, result)

    def _flush(self) -> None:
        """Send, watch for room to send more, and let go of those who are gone."""
        for client in self._clients:
            if client.waiting and not client.gone:
                client.send()
            if not client.gone:
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.waiting else 0)
                self._selector.modify(client.connection, events, client)
        for client in [client for client in self._clients if client.gone]:
            self._clients.remove(client)
            with contextlib.suppress(KeyError):
                self._selector.unregister(client.connection)
            client.connection.close()
            self._handler.forget(client)
