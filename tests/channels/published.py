# SPDX-License-Identifier: GPL-2.0-or-later
"""The published layout of channels, and a client written from its tables alone.

Shares no code and no number with the product: everything here is retyped from the published
tables, so that a mistake in the contract is not a mistake here. Polls, or is signalled.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE = 0x4C4E4345
CONTROL_GUID = bytes.fromhex("102d3c2bf57ed84ab9663448b7386b3d")
VBUS_GUID = bytes.fromhex("1b333b198fc5da1195a900e08161165f")

# Field: offset and size in bytes.
CHANNEL_HEADER = {
    "signature": (0x0, 8),
    "legacy_state": (0x8, 4),
    "header_size": (0xC, 4),
    "size": (0x10, 8),
    "features": (0x18, 8),
    "chtype": (0x20, 16),
    "partition_handle": (0x30, 8),
    "handle": (0x38, 8),
    "ch_space_offset": (0x40, 8),
    "version_id": (0x48, 4),
    "partition_index": (0x4C, 4),
    "zone_guid": (0x50, 16),
    "cli_str_offset": (0x60, 4),
    "cli_state_boot": (0x64, 4),
    "cmd_state_cli": (0x68, 4),
    "cli_state_os": (0x6C, 4),
    "ch_characteristic": (0x70, 4),
    "cmd_state_srv": (0x74, 4),
    "srv_state": (0x78, 4),
    "cli_error_boot": (0x7C, 1),
    "cli_error_os": (0x7D, 1),
    "filler": (0x7E, 1),
    "recover_channel": (0x7F, 1),
}
SIGNAL_QUEUE_HEADER = {
    "version": (0x0, 4),
    "chtype": (0x4, 4),
    "size": (0x8, 8),
    "sig_base_offset": (0x10, 8),
    "features": (0x18, 8),
    "num_sent": (0x20, 8),
    "num_overflows": (0x28, 8),
    "signal_size": (0x30, 4),
    "max_slots": (0x34, 4),
    "max_signals": (0x38, 4),
    "head": (0x3C, 4),
    "num_received": (0x40, 8),
    "tail": (0x48, 4),
    "reserved1": (0x4C, 4),
    "reserved2": (0x50, 8),
    "client_queue": (0x58, 8),
    "num_irq_received": (0x60, 8),
    "num_empty": (0x68, 8),
    "errorflags": (0x70, 4),
    "filler": (0x74, 12),
}
MESSAGE_HEADER = {
    "id": (0x0, 4),
    "message_size": (0x4, 4),
    "segment_index": (0x8, 4),
    "completion_status": (0xC, 4),
    "flags": (0x10, 4),
    "reserved": (0x14, 4),
    "message_handle": (0x18, 8),
    "payload_vm_offset": (0x20, 8),
    "payload_max_bytes": (0x28, 4),
    "payload_bytes": (0x2C, 4),
}
CONTROL_CHANNEL = {
    "gp_controlvm": (0x80, 8),
    "gp_partition_tables": (0x88, 8),
    "gp_diag_guest": (0x90, 8),
    "gp_boot_romdisk": (0x98, 8),
    "gp_boot_ramdisk": (0xA0, 8),
    "gp_acpi_table": (0xA8, 8),
    "gp_control_channel": (0xB0, 8),
    "gp_diag_romdisk": (0xB8, 8),
    "gp_nvram": (0xC0, 8),
    "request_payload_offset": (0xC8, 8),
    "event_payload_offset": (0xD0, 8),
    "request_payload_bytes": (0xD8, 4),
    "event_payload_bytes": (0xDC, 4),
    "control_channel_bytes": (0xE0, 4),
    "nvram_channel_bytes": (0xE4, 4),
    "message_bytes": (0xE8, 4),
    "message_count": (0xEC, 4),
    "gp_smbios_table": (0xF0, 8),
    "gp_physical_smbios_table": (0xF8, 8),
    "gp_reserved": (0x100, 2688),
    "virtual_guest_firmware_image_base": (0xB80, 8),
    "virtual_guest_firmware_entry_point": (0xB88, 8),
    "virtual_guest_firmware_image_size": (0xB90, 8),
    "virtual_guest_firmware_boot_base": (0xB98, 8),
    "virtual_guest_image_base": (0xBA0, 8),
    "virtual_guest_image_size": (0xBA8, 8),
    "prototype_control_channel_offset": (0xBB0, 8),
    "virtual_guest_partition_handle": (0xBB8, 8),
    "restore_action": (0xBC0, 2),
    "dump_action": (0xBC2, 2),
    "nvram_fail_count": (0xBC4, 2),
    "saved_crash_message_count": (0xBC6, 2),
    "saved_crash_message_offset": (0xBC8, 4),
    "installation_error": (0xBCC, 4),
    "installation_text_id": (0xBD0, 4),
    "installation_remaining_steps": (0xBD4, 2),
    "tool_action": (0xBD6, 1),
    "reserved": (0xBD7, 1),
    "efi_visor_ind": (0xBD8, 8),
    "sp_reserved": (0xBE0, 4),
    "reserved2": (0xBE4, 28),
    "request_queue": (0xC00, 128),
    "response_queue": (0xC80, 128),
    "event_queue": (0xD00, 128),
    "event_ack_queue": (0xD80, 128),
    "request_msg": (0xE00, 8192),
    "response_msg": (0x2E00, 8192),
    "event_msg": (0x4E00, 8192),
    "event_ack_msg": (0x6E00, 8192),
    "saved_crash_msg": (0x8E00, 256),
}
# Structures of ours, the published table, and where in our structure the table begins.
TABLES = {
    "channel_header": CHANNEL_HEADER,
    "signal_queue_header": SIGNAL_QUEUE_HEADER,
    "control_message_header": MESSAGE_HEADER,
    "control_channel": {"header": (0, 128), **CONTROL_CHANNEL},
    "control_create_bus": {
        "bus_no": (0, 4),
        "dev_count": (4, 4),
        "channel_addr": (8, 8),
        "channel_bytes": (16, 8),
        "bus_data_type_guid": (24, 16),
        "bus_inst_guid": (40, 16),
    },
    "control_configure_bus": {
        "bus_no": (0, 4),
        "reserved": (4, 4),
        "guest_handle": (8, 8),
        "recv_bus_irq_handle": (16, 8),
    },
    "control_create_device": {
        "bus_no": (0, 4),
        "dev_no": (4, 4),
        "channel_addr": (8, 8),
        "channel_bytes": (16, 8),
        "data_type_guid": (24, 16),
        "dev_inst_guid": (40, 16),
        "intr": (56, 24),
    },
    "control_device_change_state": {
        "bus_no": (0, 4),
        "dev_no": (4, 4),
        "state": (8, 2),
        "flags": (10, 8),
        "reserved": (18, 2),
    },
    "control_init_chipset": {
        "bus_count": (0, 4),
        "switch_count": (4, 4),
        "features": (8, 4),
        "platform_number": (12, 4),
    },
    "vbus_channel": {
        "header": (0, 128),
        "hdr_info": (128, 128),
        "chp_info": (256, 256),
        "bus_info": (512, 256),
    },
    "vbus_device_information": {
        "devtype": (0, 16),
        "drvname": (16, 16),
        "infostrs": (32, 96),
        "reserved": (128, 128),
    },
}
SIZES = {
    "channel_header": 128,
    "signal_queue_header": 128,
    "control_message_header": 48,
    "control_message": 128,
    "control_create_device": 80,
    "control_interrupt": 24,
    "control_parameters": 72,
    "control_channel": 36608,
    "vbus_device_information": 256,
    "vbus_header_information": 128,
    "vbus_channel": 768,
}
_FORMATS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


class PublishedClient:
    """A client as somebody else writes it: it trusts its server, and reads everything again."""

    def __init__(self, memory: bytearray | memoryview, notify: Callable[[int], None]) -> None:
        self.memory = memory
        self.notify = notify
        """Called with the number of a queue that went from empty to non-empty."""

    def get(self, table: dict[str, tuple[int, int]], base: int, name: str) -> int:
        """Return a number of a structure."""
        offset, size = table[name]
        value: int = struct.unpack_from(_FORMATS[size], self.memory, base + offset)[0]
        return value

    def put(self, table: dict[str, tuple[int, int]], base: int, name: str, value: int) -> None:
        """Change a number of a structure."""
        offset, size = table[name]
        struct.pack_into(_FORMATS[size], self.memory, base + offset, value)

    def valid(self, guid: bytes, size: int, version: int) -> bool:
        """Say whether this is a channel of a type."""
        header = CHANNEL_HEADER
        return (
            bytes(self.memory[0x20:0x30]) == guid
            and self.get(header, 0, "size") >= size
            and self.get(header, 0, "version_id") == version
            and self.get(header, 0, "signature") == SIGNATURE
        )

    def queue(self, number: int) -> int:
        """Return where a queue's header lies."""
        return self.get(CHANNEL_HEADER, 0, "ch_space_offset") + 128 * number

    def _slot(self, queue: int, index: int) -> tuple[int, int]:
        size = self.get(SIGNAL_QUEUE_HEADER, queue, "signal_size")
        base = queue + self.get(SIGNAL_QUEUE_HEADER, queue, "sig_base_offset")
        return base + index * size, size

    def insert(self, number: int, signal: bytes) -> bool:
        """Send a signal, by the published rule."""
        table, queue = SIGNAL_QUEUE_HEADER, self.queue(number)
        old = self.get(table, queue, "head")
        tail = self.get(table, queue, "tail")
        head = (old + 1) % self.get(table, queue, "max_slots")
        if head == tail:
            overflows = self.get(table, queue, "num_overflows")
            self.put(table, queue, "num_overflows", overflows + 1)
            return False
        place, size = self._slot(queue, head)
        self.memory[place : place + size] = signal.ljust(size, b"\0")
        self.put(table, queue, "head", head)
        self.put(table, queue, "num_sent", self.get(table, queue, "num_sent") + 1)
        if old == tail:
            self.notify(number)
        return True

    def remove(self, number: int) -> bytes | None:
        """Receive a signal, by the published rule."""
        table, queue = SIGNAL_QUEUE_HEADER, self.queue(number)
        head, tail = self.get(table, queue, "head"), self.get(table, queue, "tail")
        if head == tail:
            return None
        tail = (tail + 1) % self.get(table, queue, "max_slots")
        place, size = self._slot(queue, tail)
        signal = bytes(self.memory[place : place + size])
        self.put(table, queue, "tail", tail)
        self.put(table, queue, "num_received", self.get(table, queue, "num_received") + 1)
        return signal


class PublishedGuest(PublishedClient):
    """What the published driver of the control channel does in one poll."""

    def __init__(self, memory: bytearray | memoryview, notify: Callable[[int], None]) -> None:
        super().__init__(memory, notify)
        assert self.valid(CONTROL_GUID, 36608, 1)
        self.seen: list[tuple[int, bytes, bytes]] = []
        """Messages: id, packet, payload."""

    def poll(self) -> None:
        """Drain queue 1, take from queue 2, acknowledge on 3, answer on 0."""
        while self.remove(1) is not None:
            pass
        while (message := self.remove(2)) is not None:
            self._handle(message)

    def _handle(self, message: bytes) -> None:
        number, _, _, _, flags = struct.unpack_from("<5I", message)
        offset, _, size = struct.unpack_from("<QII", message, 0x20)
        self.seen.append((number, message[48:], bytes(self.memory[offset : offset + size])))
        header = message[:0x20] + bytes(16)
        assert self.insert(3, header)
        if not flags & 2:
            return
        known = (0x101, 0x102, 0x104, 0x201, 0x202, 0x203, 0x204, 0x301, 0x304)
        if number not in known:
            header = struct.pack("<5I", number, 128, 0, 4, flags | 1) + header[0x14:]
        packet = message[48:] if number in (0x204, 0x301) else b""
        assert self.insert(0, header + packet)
