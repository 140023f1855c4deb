# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract's structures as bytes: a codec for each, made from its layout.

Called by whatever reads or writes a structure of a channel. Knows layouts, no meaning.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from ultravisor.machine.abi import STRUCTURES

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = int | UUID | bytes

_NUMBERS = {"uint8_t": "B", "uint16_t": "H", "uint32_t": "I", "uint64_t": "Q"}


class StructureCodec:
    """One structure: numbers as int, a GUID as UUID, anything else as bytes."""

    def __init__(self, name: str) -> None:
        structure = STRUCTURES[name]
        self.names = tuple(field.name for field in structure.fields)
        self.size_bytes = structure.size_bytes
        self._guids = tuple(field.type == "struct guid" for field in structure.fields)
        formats = [_NUMBERS.get(field.type, f"{field.size_bytes}s") for field in structure.fields]
        self._zeros: tuple[Value, ...] = tuple(
            0 if field.type in _NUMBERS else bytes(field.size_bytes) for field in structure.fields
        )
        self._struct = struct.Struct("<" + "".join(formats))
        assert self._struct.size == self.size_bytes, "the contract has explicit padding only"

    def encode(self, values: Mapping[str, Value]) -> bytes:
        """Return the structure's bytes; a field without a value is zero."""
        row = [values.get(name, zero) for name, zero in zip(self.names, self._zeros, strict=True)]
        return self._struct.pack(*(v.bytes_le if isinstance(v, UUID) else v for v in row))

    def decode(self, data: bytes) -> dict[str, Value]:
        """Return the fields of bytes that are at least as long as the structure."""
        row = self._struct.unpack_from(data)
        return {
            name: UUID(bytes_le=value) if guid else value
            for name, value, guid in zip(self.names, row, self._guids, strict=True)
        }


@cache
def codec(name: str) -> StructureCodec:
    """Return the codec of a structure."""
    return StructureCodec(name)


@cache
def field_offset(structure: str, field: str) -> int:
    """Return the offset of a field in bytes."""
    return next(row.offset for row in STRUCTURES[structure].fields if row.name == field)
