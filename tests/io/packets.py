# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames, written and read by the RFCs and nothing else: shares no code with the guests' host.

Owns the forms of Ethernet, ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC 792) and UDP (RFC 768).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

BROADCAST = b"\xff" * 6
ARP, IPV4 = 0x0806, 0x0800
ICMP, UDP = 1, 17
REQUEST, REPLY = 1, 2
ECHO_REPLY, ECHO = 0, 8
FRAME_MINIMUM_BYTES = 60


def checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071: the sum of 16-bit words modulo 65535, complemented."""
    padded = data + bytes(len(data) % 2)
    total = int.from_bytes(padded) % 0xFFFF
    # Ones' complement has two zeros; only a sum of nothing is the positive one.
    return 0xFFFF - (0xFFFF if total == 0 and any(padded) else total)


def ethernet(destination: bytes, source: bytes, kind: int, data: bytes) -> bytes:
    """Return a frame, filled up to the shortest."""
    return (destination + source + struct.pack("!H", kind) + data).ljust(FRAME_MINIMUM_BYTES, b"\0")


def arp(
    operation: int, sender: tuple[bytes, int], target: tuple[bytes, int], *, to: bytes = BROADCAST
) -> bytes:
    """Return the frame of a question or an answer."""
    data = struct.pack("!HHBBH", 1, IPV4, 6, 4, operation)
    data += sender[0] + struct.pack("!I", sender[1]) + target[0] + struct.pack("!I", target[1])
    return ethernet(to, sender[0], ARP, data)


def ipv4(
    source: int,
    destination: int,
    protocol: int,
    data: bytes,
    *,
    identification: int = 0,
    fragment: int = 0x4000,
    life: int = 64,
    options: bytes = b"",
) -> bytes:
    """Return a packet."""
    first = 0x40 | (20 + len(options)) // 4
    size = 20 + len(options) + len(data)
    begin = struct.pack("!BBHHHBB", first, 0, size, identification, fragment, life, protocol)
    end = struct.pack("!II", source, destination) + options
    return begin + struct.pack("!H", checksum(begin + b"\0\0" + end)) + end + data


def icmp_echo(kind: int, identifier: int, sequence: int, data: bytes) -> bytes:
    """Return a question or an answer."""
    end = struct.pack("!HH", identifier, sequence) + data
    return struct.pack("!BBH", kind, 0, checksum(struct.pack("!BBH", kind, 0, 0) + end)) + end


def udp(source: int, destination: int, ports: tuple[int, int], data: bytes) -> bytes:
    """Return a datagram with its checksum."""
    shared = struct.pack("!IIHH", source, destination, UDP, 8 + len(data))
    begin = struct.pack("!HHH", *ports, 8 + len(data))
    return begin + struct.pack("!H", checksum(shared + begin + b"\0\0" + data) or 0xFFFF) + data


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that is right in all its parts, as read from a frame."""

    destination_hardware: bytes
    source: int
    destination: int
    protocol: int
    identification: int
    data: bytes


def read_ipv4(frame: bytes) -> Packet:
    """Read a frame; anything that is wrong in it is an assertion."""
    size, identification, fragment, life, protocol = struct.unpack("!HHHBB", frame[16:24])
    source, destination = struct.unpack("!II", frame[26:34])
    data = frame[34 : 14 + size]
    assert FRAME_MINIMUM_BYTES <= len(frame) == max(14 + size, FRAME_MINIMUM_BYTES)
    assert frame[14] == 0x45
    assert (fragment, life) == (0x4000, 64)
    assert checksum(frame[14:34]) == 0
    if protocol == UDP:
        assert struct.unpack("!H", data[4:6])[0] == len(data)
        assert checksum(struct.pack("!IIHH", source, destination, UDP, len(data)) + data) == 0
    else:
        assert checksum(data) == 0
    return Packet(frame[:6], source, destination, protocol, identification, data)
