# SPDX-License-Identifier: GPL-2.0-or-later
"""Protobuf's wire format: fields of messages as bytes.

Owns the encoding (https://protobuf.dev/programming-guides/encoding), and knows no message.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
WORD_MASK: Final = (1 << 64) - 1
UINT64 = Struct("<Q")
DOUBLE = Struct("<d")


@lru_cache(maxsize=1 << 14)
def varint(value: int) -> bytes:
    """Return an unsigned number of up to 64 bits; a negative one as its two's complement."""
    value &= WORD_MASK
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def tag(number: int, wire_type: int) -> bytes:
    """Return what stands before a field's value."""
    return varint(number << 3 | wire_type)


def integer(number: int, value: int) -> bytes:
    """Return a field of type uint32, uint64, int64, bool or an enum."""
    return tag(number, VARINT) + varint(value)


def fixed(number: int, value: int) -> bytes:
    """Return a field of type fixed64."""
    return tag(number, FIXED64) + UINT64.pack(value)


def double(number: int, value: float) -> bytes:
    """Return a field of type double."""
    return tag(number, FIXED64) + DOUBLE.pack(value)


def message(number: int, data: bytes) -> bytes:
    """Return a field that holds a message, or bytes."""
    return tag(number, LENGTH_DELIMITED) + varint(len(data)) + data


def text(number: int, value: str) -> bytes:
    """Return a field of type string."""
    return message(number, value.encode("utf-8", "replace"))
