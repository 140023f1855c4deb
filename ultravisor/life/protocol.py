# SPDX-License-Identifier: GPL-2.0-or-later
"""What a client and a living host say to each other: one JSON object a line.

Owns the requests, one type a verb, and the three kinds of answers. Both sides of the
socket use it; it must not know hosts or sockets. Every request is answered by any number
of `event` lines and then by one `result` or `error` line, all with the request's id.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ultravisor import errors
from ultravisor.errors import MachineError, UltravisorError
from ultravisor.resources import errors as database_errors

# A line longer than this is refused and its client let go: nobody needs one.
LINE_LIMIT_BYTES = 1 << 20
INTEGER_MAXIMUM = (1 << 63) - 1
PROTOCOL = "ultravisor.life/1"

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAXIMUM)]
OrderName = Literal["create", "start", "pause", "resume", "reset", "destroy", "kill"]
IoOrderName = Literal["failover", "drain", "restart"]
ChannelQueryName = Literal["ls", "stat", "tap"]


class Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="verb"):
    """What all requests have; `id` is the client's, and comes back with every answer."""

    id: Count = 0


class Hello(Request, frozen=True, tag="hello"):
    """Ask who is there."""


class Ps(Request, frozen=True, tag="ps"):
    """List the partitions."""


class Inspect(Request, frozen=True, tag="inspect"):
    """Everything that is known of one partition, or of the host."""

    partition: Name | None = None


class Logs(Request, frozen=True, tag="logs"):
    """What a partition has written to its console."""

    partition: Name
    tail: Count | None = None
    """Only that many last lines."""
    follow: bool = False


class Input(Request, frozen=True, tag="input"):
    """Console input."""

    partition: Name
    text: Annotated[str, Meta(min_length=1, max_length=4096)]


class Events(Request, frozen=True, tag="events"):
    """What has happened to partitions, channels and devices."""

    since: Count = 0
    """The number of the first event wanted."""
    follow: bool = False


class Order(Request, frozen=True, tag="order"):
    """An operator's order about a partition's life."""

    order: OrderName
    partition: Name
    definition: dict[str, Any] | None = None
    """Of `create`: what the partition is, as [[partition]] of a configuration says it."""


class IoOrder(Request, frozen=True, tag="io"):
    """An operator's order about I/O."""

    order: IoOrderName
    name: Name
    """Of `failover`: a medium; of the others: an I/O partition."""


class Media(Request, frozen=True, tag="media"):
    """List the ports of all media."""


class Transact(Request, frozen=True, tag="txn"):
    """An operator's transaction, whole."""

    operations: tuple[list[Any], ...]
    """Each its name, then its fields in their order."""
    dry_run: bool = False


class Journal(Request, frozen=True, tag="journal"):
    """Write a copy of the resource database's journal to a file that is not there yet."""

    path: Annotated[str, Meta(min_length=1)]
    """Absolute."""


class Snapshot(Request, frozen=True, tag="snap"):
    """Write the whole host to a file; one that is there is replaced."""

    path: Annotated[str, Meta(min_length=1)]
    """Absolute."""


class Channels(Request, frozen=True, tag="chan"):
    """A question about memory channels."""

    query: ChannelQueryName
    channel: Count | None = None
    """Its id; without one, all are listed."""
    follow: bool = False
    """Of `tap`: go on with what is sent from now on."""


class Down(Request, frozen=True, tag="down"):
    """End the host."""


AnyRequest = (
    Hello
    | Ps
    | Inspect
    | Logs
    | Input
    | Events
    | Order
    | IoOrder
    | Media
    | Transact
    | Journal
    | Snapshot
    | Channels
    | Down
)


class ErrorBody(Struct, frozen=True):
    """An UltravisorError on its way to the client."""

    kind: str
    message: str
    hint: str = ""


class Answer(Struct, frozen=True, omit_defaults=True):
    """One line from the host: exactly one of the three is there."""

    id: int
    event: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: ErrorBody | None = None


_REQUESTS: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
_ANSWERS: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
encode = msgspec.json.encode


class WrongRequestError(Exception):
    """A line that is no request; `id` is the client's, as far as it could be read."""

    def __init__(self, identifier: int, why: str) -> None:
        super().__init__(why)
        self.id = identifier


def read_request(line: bytes) -> AnyRequest:
    """Read a line from a client; raise WrongRequestError."""
    try:
        return _REQUESTS.decode(line)
    except msgspec.DecodeError as failure:
        why = str(failure)
    except RecursionError:
        why = "nested too deeply"
    raise WrongRequestError(_identifier(line), why)


def _identifier(line: bytes) -> int:
    """Return the id of a line that is wrong otherwise, so that its client can tell."""
    try:
        found = msgspec.json.decode(line, type=dict[str, Any]).get("id")
    except (msgspec.DecodeError, RecursionError):
        return 0
    return found if isinstance(found, int) else 0


def read_answer(line: bytes) -> Answer:
    """Read a line from a host; raise MachineError where it is none."""
    try:
        return _ANSWERS.decode(line)
    except msgspec.DecodeError as failure:
        raise MachineError(f"the host answered what is no answer: {failure}") from None


def write_request(request: AnyRequest) -> bytes:
    """Return the line of a request."""
    return encode(request) + b"\n"


def write_event(identifier: int, value: object) -> bytes:
    """Return the line of one event of a request."""
    return encode(Answer(identifier, event=msgspec.Raw(encode(value)))) + b"\n"


def write_result(identifier: int, value: object) -> bytes:
    """Return the line that ends a request well."""
    return encode(Answer(identifier, result=msgspec.Raw(encode(value)))) + b"\n"


def write_error(identifier: int, failure: UltravisorError) -> bytes:
    """Return the line that ends a request badly."""
    body = ErrorBody(type(failure).__name__, failure.message, failure.hint)
    return encode(Answer(identifier, error=body)) + b"\n"


def exception_of(body: ErrorBody) -> UltravisorError:
    """Return the exception that the host raised, to be raised at the client."""
    for module in (errors, database_errors):
        kind = getattr(module, body.kind, None)
        if isinstance(kind, type) and issubclass(kind, UltravisorError):
            return kind(body.message, body.hint)
    return MachineError(body.message, body.hint)
