# SPDX-License-Identifier: GPL-2.0-or-later
"""The channel of a virtual bus: what the client says of itself, its bus and its drivers.

Owns the layout behind the header; there are no queues. The server writes where records lie, the
client writes the records, and the server shows them: text of the other end, never more.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

import msgspec

from ultravisor.channels.channel import ChannelHeader, build_channel, check_header, read_header
from ultravisor.channels.errors import ChannelError
from ultravisor.channels.structures import Value, codec, field_offset
from ultravisor.machine.abi import (
    CHANNEL_VERSION_VBUS,
    GUID_NONE,
    GUID_VBUS,
    STRUCTURES,
)

if TYPE_CHECKING:
    from uuid import UUID

    from ultravisor.channels.memory import ChannelMemory

_STRUCTURE: Final = "vbus_channel"
_INFORMATION: Final = codec("vbus_device_information")
_HEADER: Final = codec("vbus_header_information")
_HEADER_OFFSET: Final = field_offset(_STRUCTURE, "header_information")
_DEVICES_OFFSET: Final = STRUCTURES[_STRUCTURE].size_bytes
_PAGE: Final = 4096
_PRINTABLE: Final = frozenset(string.printable) - frozenset("\t\n\r\v\f")
DEVICE_LIMIT: Final = 4096
"""Records that a bus may have room for."""


class DriverInformation(msgspec.Struct, frozen=True):
    """One record: the type of a device, its driver's name, versions and the like."""

    device_type: str = ""
    driver_name: str = ""
    strings: str = ""


def vbus_channel_size_bytes(device_count: int) -> int:
    """Return the size of the channel of a bus with room for so many devices."""
    return -(-(_DEVICES_OFFSET + _INFORMATION.size_bytes * device_count) // _PAGE) * _PAGE


def build_vbus_channel(
    memory: ChannelMemory,
    device_count: int,
    *,
    bus: int = 0,
    partition: int = 0,
    zone: UUID = GUID_NONE,
) -> None:
    """Make a bus's channel, with empty records: the server's part. Raises ChannelError."""
    if not 0 <= device_count <= DEVICE_LIMIT:
        raise ChannelError(f"bus of {device_count} devices: 0 to {DEVICE_LIMIT} are possible")
    values: dict[str, Value] = {
        "size_bytes": _HEADER.size_bytes,
        "device_information_size_bytes": _INFORMATION.size_bytes,
        "device_information_count": device_count,
        "chipset_information_offset": _record_offset(0) - _HEADER_OFFSET,
        "bus_information_offset": _record_offset(1) - _HEADER_OFFSET,
        "device_information_offset": _record_offset(2) - _HEADER_OFFSET,
    }
    memory.write(_record_offset(0), bytes(_INFORMATION.size_bytes * (2 + device_count)))
    memory.write(_HEADER_OFFSET, _HEADER.encode(values))
    header = ChannelHeader(
        size_bytes=vbus_channel_size_bytes(device_count),
        type=GUID_VBUS,
        version=CHANNEL_VERSION_VBUS,
        handle=bus,
        partition_handle=partition,
        partition_index=partition,
        zone=zone,
        # A bus has no queues: no client may look for one.
        queues_offset=0,
    )
    build_channel(memory, header, ())


class VbusRecords:
    """The records of a bus: `chipset`, `bus` and one a device."""

    def __init__(self, memory: ChannelMemory, device_count: int) -> None:
        """Take the channel as its server built it."""
        self._memory = memory
        self.device_count = device_count

    @classmethod
    def attach(cls, memory: ChannelMemory, available_bytes: int) -> VbusRecords:
        """Attach as the client, trusting nothing that is in the channel. Raises ChannelError."""
        header = read_header(memory)
        check_header(header, GUID_VBUS, CHANNEL_VERSION_VBUS, _DEVICES_OFFSET, available_bytes)
        row = _HEADER.decode(memory.read(_HEADER_OFFSET, _HEADER.size_bytes))
        count, size = row["device_information_count"], row["device_information_size_bytes"]
        offset = row["device_information_offset"]
        assert isinstance(count, int)
        if size != _INFORMATION.size_bytes or offset != _DEVICES_OFFSET - _HEADER_OFFSET:
            raise ChannelError(
                f"bus: records of {size!r} bytes at {offset!r}: not the published form"
            )
        if _DEVICES_OFFSET + count * _INFORMATION.size_bytes > header.size_bytes:
            raise ChannelError(f"bus: {count} records do not fit {header.size_bytes} bytes")
        return cls(memory, count)

    def chipset(self) -> DriverInformation:
        """Return what the client says of itself."""
        return self._read(0)

    def bus(self) -> DriverInformation:
        """Return what the client says of the bus's driver."""
        return self._read(1)

    def device(self, index: int) -> DriverInformation:
        """Return what the client says of a device's driver."""
        assert 0 <= index < self.device_count, "a record of this bus"
        return self._read(2 + index)

    def write_chipset(self, information: DriverInformation) -> None:
        """Say it: the client's part."""
        self._write(0, information)

    def write_bus(self, information: DriverInformation) -> None:
        """Say it: the client's part."""
        self._write(1, information)

    def write_device(self, index: int, information: DriverInformation) -> None:
        """Say it: the client's part."""
        assert 0 <= index < self.device_count, "a record of this bus"
        self._write(2 + index, information)

    def _read(self, record: int) -> DriverInformation:
        data = self._memory.read(_record_offset(record), _INFORMATION.size_bytes)
        row = _INFORMATION.decode(data)
        return DriverInformation(*(_text(row[n]) for n in DriverInformation.__struct_fields__))

    def _write(self, record: int, information: DriverInformation) -> None:
        texts = msgspec.structs.asdict(information)
        values: dict[str, Value] = {name: text.encode() for name, text in texts.items()}
        self._memory.write(_record_offset(record), _INFORMATION.encode(values))


def _record_offset(record: int) -> int:
    return field_offset(_STRUCTURE, "chipset_information") + record * _INFORMATION.size_bytes


def _text(data: Value) -> str:
    """Return a text of the other end: up to its first zero, only what can be printed."""
    assert isinstance(data, bytes)
    decoded = data.split(b"\0", 1)[0].decode("ascii", "replace")
    return "".join(c if c in _PRINTABLE else "?" for c in decoded)
