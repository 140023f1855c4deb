# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs say to each other beside transactions, as typed messages.

Owns the messages between operations, command, boot and the operator, and their bytes: msgpack
arrays, the tag first. The border between command, which acts on this host, and operations, which
may one day look after many, is these messages. Knows neither channels nor the database.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from ultravisor.channels.command_protocol import AnyOperation, RefusalKind
from ultravisor.channels.errors import ChannelError
from ultravisor.partitions.definitions import Count, Domain, Name, WantedState
from ultravisor.partitions.policy import PlacedPolicy

Decoded = TypeVar("Decoded")
IoOrderName = Literal["failover", "drain", "restart"]
OrderName = Literal["start", "pause", "resume", "reset", "destroy", "kill"]
End = Literal["failed", "stopped"]
PartitionNumber = Annotated[int, Meta(ge=1, le=1 << 31)]


class MessageError(ChannelError):
    """Bytes that are no message."""


class Message(Struct, frozen=True, tag=True, tag_field="message", array_like=True):
    """What all messages have: a tag."""


# From operations to command.


class SetPolicy(Message, frozen=True):
    """The whole policy, domains too; answered by Accepted with the revision."""

    revision: Count
    policy: PlacedPolicy


class DefineDomain(Message, frozen=True):
    """A domain is new, or is to be different from its next creation on."""

    domain: Domain


class ForgetDomain(Message, frozen=True):
    """A domain is to be no more: its partition is destroyed, then its definition."""

    name: Name


class WantDomain(Message, frozen=True):
    """The state to which a domain is to be brought."""

    name: Name
    wanted: WantedState


class AskReports(Message, frozen=True):
    """Report every domain: operations has been restarted."""


FromOperations = SetPolicy | DefineDomain | ForgetDomain | WantDomain | AskReports


# From command to operations.


class Accepted(Message, frozen=True):
    """The request is taken; what becomes of it is reported."""

    revision: Count = 0


class Rejected(Message, frozen=True):
    """The request is not done, and nothing of it is."""

    kind: RefusalKind
    sentence: str
    rule: str = ""


class DomainReport(Message, frozen=True):
    """What became of a domain; sent, unasked, whenever it changes."""

    domain: Domain
    partition: int | None
    """None: it has no partition."""
    incarnation: int
    state: str
    """Of the partition; `absent` without one."""
    attempts: int
    """Restarts in a row."""
    generation: int
    reason: str = ""
    """Why it ended, or why it cannot be brought to the state wanted."""
    rule: str = ""


FromCommand = Accepted | Rejected | DomainReport


# From command to boot, and back.


class Describe(Message, frozen=True):
    """Asks what an image is."""

    image: str


class FrameRun(Struct, frozen=True, array_like=True):
    """Frames as a partition finds them."""

    guest_frame: int
    machine_frame: int
    frame_count: int
    writable: bool = True


class Load(Message, frozen=True, kw_only=True):
    """Lay an image, start page and tables into a partition's frames, which nobody may use yet."""

    partition: int
    incarnation: int
    name: str
    image: str
    command_line: str
    rights: int
    processors: int
    extents: tuple[FrameRun, ...]
    channels: tuple[FrameRun, ...]
    control_channel_address: int


ToBoot = Describe | Load


class Described(Message, frozen=True):
    """What an image is."""

    width: int
    """32 or 64 bits."""
    memory_mib: int
    """What its note asks for, in MiB; 0: nothing."""


class Loaded(Message, frozen=True):
    """The image is laid; the layout is kept in the partition's record."""

    layout: bytes


class LoadFailed(Message, frozen=True):
    """The image cannot be read or does not fit."""

    sentence: str


class BootDone(Message, frozen=True):
    """Unasked: everything that boot starts has been started; command takes over."""


FromBoot = Described | Loaded | LoadFailed | BootDone


# From outside, through the host's input log, and back.


class Create(Message, frozen=True):
    """Define a domain and bring it to the state that it wants."""

    domain: Domain


class Order(Message, frozen=True):
    """An operator's order about the partition of a domain."""

    order: OrderName
    name: Name


class IoOrder(Message, frozen=True):
    """An operator's order about I/O: `failover` names a medium, the others an I/O partition."""

    order: IoOrderName
    name: Name


class Transaction(Message, frozen=True):
    """An operator's transaction, whole."""

    operations: tuple[AnyOperation, ...]
    dry_run: bool = False


class Ended(Message, frozen=True):
    """The monitor's report: a partition has stopped running by itself."""

    partition: PartitionNumber
    incarnation: Count
    end: End
    reason: str


FromOutside = Create | Order | IoOrder | Transaction | Ended


class Done(Message, frozen=True):
    """The order is fulfilled: the partition's state, and the generation in which."""

    state: str
    generation: int
    values: tuple[object, ...] = ()


ToOutside = Done | Rejected


def as_end(word: str) -> End:
    """Return a word that is one of the two ends as such."""
    return "failed" if word == "failed" else "stopped"


_ENCODER: Final = msgspec.msgpack.Encoder()


class Codec:
    """Reads the messages of one direction."""

    def __init__(self, kinds: object, sender: str) -> None:
        """Take a union of messages, and what errors call their sender."""
        self._decoder: msgspec.msgpack.Decoder[object] = msgspec.msgpack.Decoder(kinds)
        self._sender = sender

    def decode(self, payload: bytes) -> object:
        """Return the message; raise MessageError that names the first thing that is wrong."""
        try:
            return self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            message = f"message of {len(payload)} bytes from {self._sender}: {wrong}"
            raise MessageError(message) from wrong


def encode(message: Message) -> bytes:
    """Return a message's bytes."""
    return _ENCODER.encode(message)


FROM_OPERATIONS: Final = Codec(FromOperations, "operations")
FROM_COMMAND: Final = Codec(FromCommand, "command")
TO_BOOT: Final = Codec(ToBoot, "command")
FROM_BOOT: Final = Codec(FromBoot, "boot")
FROM_OUTSIDE: Final = Codec(FromOutside, "outside")
TO_OUTSIDE: Final = Codec(ToOutside, "command")
