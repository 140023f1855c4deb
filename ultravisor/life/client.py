# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of a living host: one connection, one request after the other.

Used by the command's verbs and by programs: `with connect() as host: host.ask(Ps())`.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from ultravisor.errors import NotFoundError, SupervisedFailure
from ultravisor.life.places import Place, find_place, is_living
from ultravisor.life.protocol import AnyRequest, exception_of, read_answer, write_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Value = TypeVar("Value")
RECEIVE_BYTES = 65_536


class LivingHostClient:
    """A connection to a living host; a context manager."""

    def __init__(self, place: Place) -> None:
        """Connect; raise NotFoundError where nobody answers."""
        self.place = place
        self._received = bytearray()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.connect(str(place.socket))
        except OSError as failure:
            self._connection.close()
            raise NotFoundError(
                f"the host `{place.name}` does not answer: {failure.strerror}",
                "`ultravisor up FILE --detach` starts one",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Go; closing twice is allowed."""
        self._connection.close()

    def fileno(self) -> int:
        """Return what `select` waits on."""
        return self._connection.fileno()

    def ask(
        self,
        request: AnyRequest,
        kind: type[Value] | Any = Any,
        on_event: Callable[[Any], None] | None = None,
    ) -> Value:
        """Send a request, hand on its events, return its result; raise what the host raised."""
        self.send(request)
        while True:
            answer = read_answer(self._line())
            if answer.id not in (request.id, 0):
                continue
            if answer.error is not None:
                raise exception_of(answer.error)
            if answer.event:
                if on_event is not None:
                    on_event(msgspec.json.decode(answer.event))
                continue
            value: Value = msgspec.json.decode(answer.result, type=kind)
            return value

    def send(self, request: AnyRequest) -> None:
        """Send a request without waiting for its answer."""
        try:
            self._connection.sendall(write_request(request))
        except OSError:
            raise self._gone() from None

    def take_events(self, on_event: Callable[[Any], None]) -> None:
        """Hand on the events that are there or come first; raise what the host raised."""
        self._receive()
        while (line := self._whole_line()) is not None:
            answer = read_answer(line)
            if answer.error is not None:
                raise exception_of(answer.error)
            if answer.event:
                on_event(msgspec.json.decode(answer.event))

    def wait_for_end(self) -> None:
        """Return when the host has gone, and its name is free."""
        with contextlib.suppress(SupervisedFailure):
            while True:
                self._line()
        # The process that watched the host gives the name back a moment later.
        while is_living(self.place):
            time.sleep(0.01)

    def _line(self) -> bytes:
        while (line := self._whole_line()) is None:
            self._receive()
        return line

    def _whole_line(self) -> bytes | None:
        end = self._received.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _receive(self) -> None:
        try:
            data = self._connection.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        if not data:
            raise self._gone()
        self._received += data

    def _gone(self) -> SupervisedFailure:
        # One in the foreground has said them to whoever had brought it up.
        log = self.place.log
        hint = f"its last words are in {log}" if log.exists() else ""
        return SupervisedFailure(f"the host `{self.place.name}` has ended", hint)


def connect(name: str | None = None) -> LivingHostClient:
    """Connect to the host of a name, or to the only one that lives."""
    return LivingHostClient(find_place(name))
