# SPDX-License-Identifier: GPL-2.0-or-later
"""Control messages: typed records from and to the 128 bytes of a signal.

Owns which packet a message carries. Decoding never fails: what is unknown stays bytes, and its
receiver answers so. Nothing that a decoded message says has been checked.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, ClassVar, Final
from uuid import UUID

import msgspec

from ultravisor.channels.structures import Value, codec
from ultravisor.machine.abi import (
    CONTROL_MESSAGE_SIZE_BYTES,
    CONTROL_PACKET_SIZE_BYTES,
    GUID_NONE,
    CompletionStatus,
    ControlFlag,
    ControlMessageId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Final = struct.Struct("<6IQQII")
assert _FIELDS.size == codec("control_message_header").size_bytes
_NO_FLAGS: Final = ControlFlag(0)
_FLAGS_MASK: Final = sum(ControlFlag)


class Packet(msgspec.Struct, frozen=True):
    """What a message carries; fields as in the contract's structure of the same name."""

    structure: ClassVar[str] = ""

    def encode(self) -> bytes:
        """Return the structure's bytes."""
        return codec(self.structure).encode(msgspec.structs.asdict(self))

    @classmethod
    def decode(cls, data: bytes) -> Packet:
        """Return the packet that begins these bytes."""
        row = codec(cls.structure).decode(data)
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class Nothing(Packet, frozen=True):
    """Of messages that carry none."""

    def encode(self) -> bytes:
        """Return no bytes."""
        return b""

    @classmethod
    def decode(cls, data: bytes) -> Packet:
        """Return nothing, whatever is there."""
        return cls()


class UnknownPacket(Packet, frozen=True):
    """Of a message with an unknown id."""

    data: bytes

    def encode(self) -> bytes:
        """Return the bytes."""
        return self.data

    @classmethod
    def decode(cls, data: bytes) -> Packet:
        """Return a copy of the bytes."""
        return cls(data)


class CreateBus(Packet, frozen=True):
    """Of bus_create."""

    structure: ClassVar[str] = "control_create_bus"
    bus: int
    device_count: int = 0
    channel_address: int = 0
    channel_size_bytes: int = 0
    device_type: UUID = GUID_NONE
    instance: UUID = GUID_NONE


class DestroyBus(Packet, frozen=True):
    """Of bus_destroy."""

    structure: ClassVar[str] = "control_destroy_bus"
    bus: int


class ConfigureBus(Packet, frozen=True):
    """Of bus_configure."""

    structure: ClassVar[str] = "control_configure_bus"
    bus: int
    guest_handle: int = 0
    interrupt_handle: int = 0


class BusState(Packet, frozen=True):
    """Of bus_change_state and its event; `state` has bits of SegmentState."""

    structure: ClassVar[str] = "control_bus_change_state"
    bus: int
    state: int


class Interrupt(Packet, frozen=True):
    """Which events an end sends and gets; handles are event ports of the receiving partition."""

    structure: ClassVar[str] = "control_interrupt"
    send_handle: int = 0
    receive_handle: int = 0
    vector: int = 0
    shared: int = 0


class CreateDevice(Packet, frozen=True):
    """Of device_create."""

    structure: ClassVar[str] = "control_create_device"
    bus: int
    device: int
    channel_address: int = 0
    channel_size_bytes: int = 0
    type: UUID = GUID_NONE
    instance: UUID = GUID_NONE
    interrupt: Interrupt = Interrupt()

    def encode(self) -> bytes:
        """Return the structure's bytes."""
        values: dict[str, Value] = msgspec.structs.asdict(self)
        return codec(self.structure).encode(values | {"interrupt": self.interrupt.encode()})

    @classmethod
    def decode(cls, data: bytes) -> Packet:
        """Return the packet that begins these bytes."""
        row = codec(cls.structure).decode(data)
        interrupt = row["interrupt"]
        assert isinstance(interrupt, bytes)
        fields: Mapping[str, object] = row | {"interrupt": Interrupt.decode(interrupt)}
        return msgspec.convert(fields, cls)


class Device(Packet, frozen=True):
    """Of messages to destroy, configure and reconfigure a device."""

    structure: ClassVar[str] = "control_device"
    bus: int
    device: int


class DeviceState(Packet, frozen=True):
    """Of device_change_state and its event; `state` has bits of SegmentState."""

    structure: ClassVar[str] = "control_device_change_state"
    bus: int
    device: int
    state: int
    flags: bytes = bytes(8)
    """Bit 0 of byte 0: a physical device."""


class InitChipset(Packet, frozen=True):
    """Of chipset_init and of its answer; `features` has bits of ChipsetFeature."""

    structure: ClassVar[str] = "control_init_chipset"
    bus_count: int = 0
    switch_count: int = 0
    features: int = 0
    platform: int = 0


class Selftest(Packet, frozen=True):
    """Of chipset_selftest."""

    structure: ClassVar[str] = "control_selftest"
    options: int = 0
    test: int = 0


PACKETS: Final[dict[int, type[Packet]]] = {
    ControlMessageId.BUS_CREATE: CreateBus,
    ControlMessageId.BUS_DESTROY: DestroyBus,
    ControlMessageId.BUS_CONFIGURE: ConfigureBus,
    ControlMessageId.BUS_CHANGE_STATE: BusState,
    ControlMessageId.BUS_CHANGE_STATE_EVENT: BusState,
    ControlMessageId.DEVICE_CREATE: CreateDevice,
    ControlMessageId.DEVICE_DESTROY: Device,
    ControlMessageId.DEVICE_CONFIGURE: Device,
    ControlMessageId.DEVICE_CHANGE_STATE: DeviceState,
    ControlMessageId.DEVICE_CHANGE_STATE_EVENT: DeviceState,
    ControlMessageId.DEVICE_RECONFIGURE: Device,
    ControlMessageId.CHIPSET_INIT: InitChipset,
    ControlMessageId.CHIPSET_STOP: Nothing,
    ControlMessageId.CHIPSET_SHUTDOWN: Nothing,
    ControlMessageId.CHIPSET_READY: Nothing,
    ControlMessageId.CHIPSET_SELFTEST: Selftest,
}
"""The packet of each message."""


class ControlMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message; fields of its header as in the contract."""

    id: int
    """A ControlMessageId, or what nobody knows."""
    packet: Packet = Nothing()
    flags: ControlFlag = _NO_FLAGS
    handle: int = 0
    completion_status: int = CompletionStatus.SUCCESS
    segment_index: int = 0
    payload_offset: int = 0
    payload_limit_bytes: int = 0
    payload_size_bytes: int = 0

    @property
    def name(self) -> str:
        """Return the id's name, or its number."""
        return message_name(self.id)

    @property
    def failed(self) -> bool:
        """Say whether this is the answer to what could not be done."""
        return bool(self.flags & ControlFlag.FAILED)


def message_name(number: int) -> str:
    """Return the name of a message id, as in the contract; its number when it has none."""
    names = ControlMessageId.__members__.items()
    return next((name.lower() for name, value in names if value == number), f"{number:#x}")


def status_name(number: int) -> str:
    """Return the name of a completion status; its number when it has none."""
    names = CompletionStatus.__members__.items()
    return next((name.lower() for name, value in names if value == number), str(number))


def encode_message(message: ControlMessage) -> bytes:
    """Return the signal that carries a message."""
    header = _FIELDS.pack(
        message.id,
        CONTROL_MESSAGE_SIZE_BYTES,
        message.segment_index,
        message.completion_status,
        int(message.flags),
        0,
        message.handle,
        message.payload_offset,
        message.payload_limit_bytes,
        message.payload_size_bytes,
    )
    packet = message.packet.encode()
    assert len(packet) <= CONTROL_PACKET_SIZE_BYTES, "a packet fits its message"
    return header + packet.ljust(CONTROL_PACKET_SIZE_BYTES, b"\0")


def decode_message(signal: bytes) -> ControlMessage:
    """Return the message in a signal; flags that the contract does not know are left out."""
    assert len(signal) == CONTROL_MESSAGE_SIZE_BYTES, "a control message has 128 bytes"
    number, _, segment, status, flags, _, handle, offset, limit, size = _FIELDS.unpack_from(signal)
    kind = PACKETS.get(number, UnknownPacket)
    return ControlMessage(
        id=number,
        packet=kind.decode(signal[_FIELDS.size :]),
        flags=ControlFlag(flags & _FLAGS_MASK),
        handle=handle,
        completion_status=status,
        segment_index=segment,
        payload_offset=offset,
        payload_limit_bytes=limit,
        payload_size_bytes=size,
    )
