# SPDX-License-Identifier: GPL-2.0-or-later
"""The payload of control messages that name things: a header, then strings.

Owns its bytes. What is decoded was written by the other end: every offset is checked.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from ultravisor.channels.errors import PeerError
from ultravisor.channels.structures import Value, codec
from ultravisor.machine.abi import GUID_NONE

_CODEC: Final = codec("control_parameters")
_TEXTS: Final = ("connection", "initiator", "target", "client", "name")


class ControlParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Who is meant by a message; of bus_configure, the id and name of the client partition."""

    id: UUID = GUID_NONE
    name: str = ""
    connection: str = ""
    initiator: str = ""
    target: str = ""
    client: str = ""
    revision: int = 0


def encode_parameters(parameters: ControlParameters) -> bytes:
    """Return the payload."""
    values: dict[str, Value] = {"id": parameters.id, "revision": parameters.revision}
    strings = b""
    for name in _TEXTS:
        text = getattr(parameters, name).encode()
        values[f"{name}_offset"] = _CODEC.size_bytes + len(strings) if text else 0
        values[f"{name}_size_bytes"] = len(text)
        strings += text
    values["total_size_bytes"] = _CODEC.size_bytes + len(strings)
    values["header_size_bytes"] = _CODEC.size_bytes
    return _CODEC.encode(values) + strings


def decode_parameters(payload: bytes) -> ControlParameters:
    """Return what a payload says. Raises PeerError."""
    if len(payload) < _CODEC.size_bytes:
        raise PeerError(f"parameters of {len(payload)} bytes: a header has {_CODEC.size_bytes}")
    row = _CODEC.decode(payload)
    total = row["total_size_bytes"]
    if total != len(payload):
        raise PeerError(f"parameters of {total!r} bytes, in {len(payload)}")
    texts = {name: _text(row, name, payload) for name in _TEXTS}
    return msgspec.convert(
        texts | {name: row[name] for name in ("id", "revision")}, ControlParameters
    )


def _text(row: dict[str, Value], name: str, payload: bytes) -> str:
    offset, size = row[f"{name}_offset"], row[f"{name}_size_bytes"]
    assert isinstance(offset, int)
    assert isinstance(size, int)
    if size == 0:
        return ""
    if offset < _CODEC.size_bytes or offset + size > len(payload):
        raise PeerError(
            f"parameters of {len(payload)} bytes: {name} of {size} at {offset:#x} is not inside"
        )
    try:
        return payload[offset : offset + size].decode()
    except UnicodeDecodeError as wrong:
        raise PeerError(f"parameters: {name} is not UTF-8: {wrong}") from wrong
