# SPDX-License-Identifier: GPL-2.0-or-later
"""The form of a journal file: records with checksum, length and chain, and how to read them.

Owns the layout and the judgement of damage. A record is 40 bytes of head and its payload,
padded to 8 bytes; each names the checksum of the one before and the generation that was
durable when it was written. The last says what a hole means: records that were never
acknowledged may be torn, out of order or missing after a crash, and are cut off; a hole
below what a later record knows to be durable is damage, and refused.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import NamedTuple

from ultravisor.resources.errors import JournalError

MAGIC = 0x4A525655  # "UVRJ"
_HEAD = struct.Struct("<IIQQIII4x")
_CHECKSUM_PLACE = 32
_ALIGNMENT = 8


class Kind(IntEnum):
    """What a record's payload is."""

    DESCRIPTION = 1
    SNAPSHOT = 2
    CHANGESET = 3


class JournalRecord(NamedTuple):
    """A record as it was read; `offset` is its place in the file."""

    offset: int
    kind: int
    generation: int
    durable: int
    length: int
    previous: int
    checksum: int

    @property
    def payload_offset(self) -> int:
        """Return where its payload begins."""
        return self.offset + _HEAD.size

    @property
    def end(self) -> int:
        """Return where the next record begins."""
        return self.payload_offset + self.length + -self.length % _ALIGNMENT


class Contents(NamedTuple):
    """What a journal file holds; beyond `size_bytes` is nothing that was acknowledged."""

    records: list[JournalRecord]
    size_bytes: int
    notice: str
    """What was torn, for the operator; empty where nothing was."""


def encode(kind: Kind, generation: int, durable: int, previous: int, payload: bytes) -> bytes:
    """Return a record's bytes."""
    length = len(payload)
    head = _HEAD.pack(MAGIC, kind, generation, durable, length, previous, 0)
    checksum = zlib.crc32(payload, zlib.crc32(head[:_CHECKSUM_PLACE]))
    head = _HEAD.pack(MAGIC, kind, generation, durable, length, previous, checksum)
    return head + payload + bytes(-length % _ALIGNMENT)


def checksum_of(record: bytes) -> int:
    """Return the checksum in an encoded record, for the next one to name."""
    checksum: int = _HEAD.unpack_from(record)[6]
    return checksum


def decode(data: bytes, offset: int) -> JournalRecord | None:
    """Return the record at an offset; None where there is no whole and sound one."""
    if len(data) - offset < _HEAD.size:
        return None
    magic, kind, generation, durable, length, previous, checksum = _HEAD.unpack_from(data, offset)
    record = JournalRecord(offset, kind, generation, durable, length, previous, checksum)
    if magic != MAGIC or record.end > len(data):
        return None
    payload = memoryview(data)[record.payload_offset : record.payload_offset + length]
    head = data[offset : offset + _CHECKSUM_PLACE]
    return record if zlib.crc32(payload, zlib.crc32(head)) == checksum else None


def read_contents(data: bytes, name: str) -> Contents:
    """Return a journal's records; raise JournalError with the offset of damage."""
    records: list[JournalRecord] = []
    offset = 0
    while offset < len(data):
        record = decode(data, offset)
        if record is None or not _follows(record, records):
            break
        records.append(record)
        offset = record.end
    if offset == len(data):
        return Contents(records, offset, "")
    _refuse_damage(data, offset, records, name)
    return Contents(
        records,
        offset,
        f"{name}: {len(data) - offset} bytes after offset {offset} were never acknowledged and "
        "are cut off",
    )


def _follows(record: JournalRecord, records: list[JournalRecord]) -> bool:
    """Say whether a record may come after those before it."""
    if not records:
        return record.kind == Kind.DESCRIPTION and record.previous == 0
    last = records[-1]
    if record.previous != last.checksum:
        return False
    if last.kind == Kind.DESCRIPTION:
        # What builds on nothing begins with generation 1; a snapshot stands for any.
        return record.kind == Kind.SNAPSHOT or record.generation == 1
    return record.kind == Kind.CHANGESET and record.generation == last.generation + 1


def _refuse_damage(data: bytes, offset: int, records: list[JournalRecord], name: str) -> None:
    """Raise where a record after the hole knows that what is in it was durable."""
    missing = records[-1].generation + 1 if records else 0
    if records and records[0].durable >= missing:
        raise _damage(name, offset, missing, 0)
    place = offset + -offset % _ALIGNMENT
    mark = MAGIC.to_bytes(4, "little")
    while (place := data.find(mark, place)) >= 0:
        record = decode(data, place)
        if record is not None and record.durable >= missing:
            raise _damage(name, offset, missing, place)
        place += _ALIGNMENT if place % _ALIGNMENT == 0 else 1
    if not records:
        raise JournalError(f"{name}: no journal, or damaged at offset 0", "name another file")


def _damage(name: str, offset: int, generation: int, witness: int) -> JournalError:
    return JournalError(
        f"{name}: damaged at offset {offset}, in generation {generation}; the record at offset "
        f"{witness} says that it was durable",
        "restore the file from a copy; nothing was changed",
    )
