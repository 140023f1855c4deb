# SPDX-License-Identifier: GPL-2.0-or-later
"""What command and the ultravisor say to each other, as typed messages.

Owns the messages and their bytes (msgpack arrays, the tag first); the channel moves them. Knows
neither the database nor who asks: only the channel that a request comes on says that. Names are
those of the database's operations. Frames are of 4 KiB, states and kinds are words.

An operation may need the number of what an earlier one of the same request made: where the field
says so, `result_of(i)` stands for the answer of operation i.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from ultravisor.channels.errors import ChannelError

Decoded = TypeVar("Decoded")


def result_of(index: int) -> int:
    """Return what stands for the answer of operation `index` of the same request."""
    return -1 - index


def resolve(number: int, values: tuple[Any, ...] | list[Any]) -> int:
    """Return the number itself, or the answer that it stands for. Raises ProtocolError."""
    if number >= 0:
        return number
    index = -1 - number
    if index >= len(values) or not isinstance(values[index], int):
        raise ProtocolError(f"result of operation {index}: it has no number as its answer")
    return int(values[index])


class ProtocolError(ChannelError):
    """Bytes that are no message of this protocol; `request` can still be answered."""


class Operation(msgspec.Struct, frozen=True, tag=True, tag_field="operation", array_like=True):
    """A change, as one of the transaction's methods makes it."""


class SlotPlan(msgspec.Struct, frozen=True, array_like=True):
    """A slot of a processor's map; slots lie back to back in their order."""

    partition: int
    """May be a `result_of`."""
    index: int
    """Of the virtual processor within the partition."""
    quantum_cycles: int
    donates: bool = False


class EndPlan(msgspec.Struct, frozen=True, array_like=True):
    """One end of a channel."""

    partition: int
    """May be a `result_of`."""
    guest_frame: int
    port: int
    """The event port at which the other end's signals arrive."""
    writable: bool = True


class CreatePartition(Operation, frozen=True, kw_only=True):
    """Answers the number."""

    name: str
    kind: str = "guest"
    zone: str | None = None
    domain: str | None = None
    width: int = 64
    rights: int = 0
    image: str = ""
    command_line: str = ""
    number: int | None = None
    """None: the lowest free one."""


class DestroyPartition(Operation, frozen=True):
    """Frees whatever the partition still has."""

    partition: int


class SetPartitionState(Operation, frozen=True):
    """A step of the partition's life."""

    partition: int
    """May be a `result_of`."""
    state: str
    reason: str = ""


class SetLayout(Operation, frozen=True):
    """Stores what the loader needs to say again where tables and pages lie."""

    partition: int
    """May be a `result_of`."""
    layout: bytes


class AssignMemory(Operation, frozen=True, kw_only=True):
    """Answers the extents."""

    partition: int
    """May be a `result_of`."""
    frame_count: int
    guest_frame: int
    machine_frame: int | None = None
    """None: wherever it fits."""


class ReleaseMemory(Operation, frozen=True, kw_only=True):
    """Takes frames back; forced stops the partition first."""

    partition: int
    guest_frame: int
    frame_count: int
    forced: bool = False


class CreateVirtualProcessor(Operation, frozen=True):
    """Answers its index."""

    partition: int
    """May be a `result_of`."""
    processor: int


class SetProcessorState(Operation, frozen=True):
    """Says whether a virtual processor may be scheduled."""

    partition: int
    index: int
    state: str


class SetQuanta(Operation, frozen=True):
    """Replaces the whole map of a processor."""

    processor: int
    slots: tuple[SlotPlan, ...]


class MapChannel(Operation, frozen=True, kw_only=True):
    """Answers the channel's id; ends: the client's, the server's."""

    type_guid: str
    ends: tuple[EndPlan, EndPlan]
    frame_count: int
    zone: str | None = None
    policy: str = ""
    machine_frame: int | None = None
    """None: wherever it fits."""


class UnmapChannel(Operation, frozen=True):
    """Takes a channel out of both views; forced stops the partitions first."""

    channel: int
    forced: bool = False


class SetChannelState(Operation, frozen=True):
    """A step of the channel's life."""

    channel: int
    """May be a `result_of`."""
    state: str


class SetLink(Operation, frozen=True, kw_only=True):
    """An event sent on (partition, port) arrives at the target; no target removes the link."""

    partition: int
    """May be a `result_of`."""
    port: int
    target_partition: int | None
    """May be a `result_of`."""
    target_port: int = 0
    target_processor: int = 0


class CreateDevice(Operation, frozen=True, kw_only=True):
    """Answers the device's id."""

    kind: str
    name: str
    frame_count: int = 0
    machine_frame: int = 0


class AssignDevice(Operation, frozen=True):
    """Gives a device to a partition, or to nobody; where its registers and interrupts arrive."""

    device: int
    """May be a `result_of`."""
    partition: int | None
    """May be a `result_of`."""
    guest_frame: int = 0
    port: int = 0
    """0: it interrupts nobody."""


class SetDeviceState(Operation, frozen=True):
    """A step of the device's life."""

    device: int
    """May be a `result_of`."""
    state: str


class DefineZone(Operation, frozen=True):
    """Adds a zone, or changes its GUID."""

    name: str
    guid: str


class RemoveZone(Operation, frozen=True):
    """Removes a zone in which nothing is left."""

    name: str


class SetQuota(Operation, frozen=True):
    """Bounds what a zone or partition uses; None takes the bound away."""

    scope: str
    subject: str
    resource: str
    amount: int | None


class DefineDomain(Operation, frozen=True):
    """Adds or replaces a domain's definition."""

    name: str
    zone: str | None
    definition: str


class RemoveDomain(Operation, frozen=True):
    """Removes a domain that no partition is of."""

    name: str


AnyOperation = (
    CreatePartition
    | DestroyPartition
    | SetPartitionState
    | SetLayout
    | AssignMemory
    | ReleaseMemory
    | CreateVirtualProcessor
    | SetProcessorState
    | SetQuanta
    | MapChannel
    | UnmapChannel
    | SetChannelState
    | SetLink
    | CreateDevice
    | AssignDevice
    | SetDeviceState
    | DefineZone
    | RemoveZone
    | SetQuota
    | DefineDomain
    | RemoveDomain
)


class Query(msgspec.Struct, frozen=True, array_like=True):
    """Which records: of a table, by the first columns of its key; no key: all of them."""

    table: str
    key: tuple[int | str, ...] = ()


class ReadVersion(msgspec.Struct, frozen=True, array_like=True):
    """What a whole transaction was decided on: a record, and the version that was read.

    Version 0: it did not exist. A record that has another version at the commit is a conflict.
    """

    table: str
    key: tuple[int | str, ...]
    version: int


class Message(msgspec.Struct, frozen=True, tag=True, tag_field="message", array_like=True):
    """What begins a payload."""


class Begin(Message, frozen=True):
    """Begins a transaction; answers its number. One that is idle too long expires."""


class Read(Message, frozen=True):
    """Answers records; they belong to what the transaction rests on. Transaction 0: a look."""

    transaction: int
    queries: tuple[Query, ...]


class Apply(Message, frozen=True):
    """Adds operations to a transaction; answers what each answered."""

    transaction: int
    operations: tuple[AnyOperation, ...]


class CommitTransaction(Message, frozen=True):
    """Makes a transaction's changes stand, all of them or none."""

    transaction: int
    dry_run: bool = False
    """Check everything, change nothing."""


class Abort(Message, frozen=True):
    """Drops a transaction."""

    transaction: int


class Transact(Message, frozen=True):
    """A whole transaction in one message."""

    operations: tuple[AnyOperation, ...]
    reads: tuple[ReadVersion, ...] = ()
    dry_run: bool = False
    """Check everything, change nothing."""


AnyRequest = Begin | Read | Apply | CommitTransaction | Abort | Transact


class RefusalKind(StrEnum):
    """Why a request was not done."""

    CONFLICT = "conflict"
    """What it rests on has changed: read again and retry."""
    QUOTA = "quota"
    OWNERSHIP = "ownership"
    POLICY = "policy"
    UNKNOWN_ID = "unknown-id"
    INVALID = "invalid"
    LIMIT = "limit"
    STATE = "state"


class Done(Message, frozen=True):
    """It is done: the generation it is done in, and what each operation or query answered."""

    generation: int
    values: tuple[Any, ...] = ()
    repeated: bool = False
    """It had been done before: this is the stored answer."""


class Refused(Message, frozen=True):
    """It is not done, and nothing of it is."""

    kind: RefusalKind
    sentence: str
    rule: str = ""
    """The rule, constraint or policy that said so."""


AnyAnswer = Done | Refused

_ENCODER: Final = msgspec.msgpack.Encoder()
_REQUESTS: Final = msgspec.msgpack.Decoder(AnyRequest)
_ANSWERS: Final = msgspec.msgpack.Decoder(AnyAnswer)


def encode(message: AnyRequest | AnyAnswer) -> bytes:
    """Return a message's payload; an answer's values may be any records that msgspec knows."""
    return _ENCODER.encode(message)


def decode_request(payload: bytes) -> AnyRequest:
    """Return the request; the first thing that is wrong with it is named. Raises ProtocolError."""
    request: AnyRequest = _decode(_REQUESTS, payload, "request")
    return request


def decode_answer(payload: bytes) -> AnyAnswer:
    """Return the answer. Raises ProtocolError."""
    answer: AnyAnswer = _decode(_ANSWERS, payload, "answer")
    return answer


def read_value(value: Any, kind: type[Decoded]) -> Decoded:
    """Return one value of an answer as the record that it is. Raises ProtocolError."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        raise ProtocolError(f"answer: {wrong}") from wrong


def _decode(decoder: msgspec.msgpack.Decoder[Any], payload: bytes, what: str) -> Any:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ProtocolError(f"{what} of {len(payload)} bytes: {wrong}") from wrong
