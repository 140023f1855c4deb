# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer on an Ethernet of IPv4: it asks who has an address, and asks for echoes.

Owns the form of its frames and the reading of their answers. Knows no host and no socket.
"""

from __future__ import annotations

import ipaddress
import struct

BROADCAST = b"\xff" * 6
ETHERNET_ARP, ETHERNET_IPV4 = b"\x08\x06", b"\x08\x00"
ARP_HEAD = bytes.fromhex("000108000604")
ARP_REQUEST, ARP_REPLY = 1, 2
ICMP, ECHO_REPLY, ECHO_REQUEST = 1, 0, 8
IDENTIFIER = 0x1234


def checksum(data: bytes) -> int:
    """Return the sum that the Internet's headers have (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class EchoPeer:
    """Somebody with an address of both kinds."""

    def __init__(self, card: bytes, address: str) -> None:
        self.card = card
        self.address = ipaddress.IPv4Address(address).packed

    def who_has(self, address: str) -> bytes:
        """Return the frame that asks whose an address is."""
        wanted = ipaddress.IPv4Address(address).packed
        body = self.card + self.address + bytes(6) + wanted
        return BROADCAST + self.card + ETHERNET_ARP + ARP_HEAD + struct.pack("!H", 1) + body

    def answer_of(self, frame: bytes, address: str) -> bytes | None:
        """Return the card that a frame says has an address; None where it says nothing of it."""
        wanted = ipaddress.IPv4Address(address).packed
        if frame[:6] != self.card or frame[12:14] != ETHERNET_ARP:
            return None
        (operation,) = struct.unpack("!H", frame[20:22])
        told = operation == ARP_REPLY and frame[28:32] == wanted
        return frame[22:28] if told else None

    def echo(self, card: bytes, address: str, number: int, data: bytes) -> bytes:
        """Return the frame that asks a card for an echo."""
        body = struct.pack("!HH", IDENTIFIER, number) + data
        head = struct.pack("!BBH", ECHO_REQUEST, 0, 0)
        message = struct.pack("!BBH", ECHO_REQUEST, 0, checksum(head + body)) + body
        fields = (0x45, 0, 20 + len(message), number, 0, 64, ICMP)
        ends = self.address + ipaddress.IPv4Address(address).packed
        packet = struct.pack("!BBHHHBBH", *fields, 0) + ends
        packet = struct.pack("!BBHHHBBH", *fields, checksum(packet)) + ends
        return card + self.card + ETHERNET_IPV4 + packet + message

    def echoed(self, frame: bytes) -> tuple[int, bytes] | None:
        """Return number and data of an echo; None where a frame is something else."""
        if frame[:6] != self.card or frame[12:14] != ETHERNET_IPV4:
            return None
        packet = frame[14 : 14 + int.from_bytes(frame[16:18])]
        message = packet[4 * (packet[0] & 15) :]
        if packet[9] != ICMP or message[0] != ECHO_REPLY:
            return None
        assert checksum(message) == checksum(packet[:20]) == 0
        identifier, number = struct.unpack("!HH", message[4:8])
        assert identifier == IDENTIFIER
        return number, message[8:]
