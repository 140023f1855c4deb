# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests' Internet host, compiled for this host, on a card of lines.

Owns the lines that internet_driver.c reads and writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.io.c_programs import output, program

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST_FILES = ("internet", "arp", "arp_cache", "ipv4", "icmp", "udp", "checksum")
OWN, MASK, GATEWAY = 0x0A000001, 0xFFFFFF00, 0x0A0000FE
FRAME_LIMIT_BYTES = 1514
COUNTERS = (
    "others",
    "wrong",
    "unknown",
    "fragments",
    "unbound",
    "conflicts",
    "stray",
    "echoed",
    "unreachable",
    "unsent",
)


@dataclass(slots=True)
class Seen:
    """What the host did."""

    frames: list[bytes] = field(default_factory=list)
    datagrams: list[tuple[int, int, int, int, bytes]] = field(default_factory=list)
    echoes: list[tuple[int, int, int]] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)


def frame(data: bytes) -> str:
    """Return the line of a frame that comes."""
    return f"f {data.hex() or '-'}"


def datagram(destination: int, source_port: int, destination_port: int, data: bytes) -> str:
    """Return the line of a datagram to send."""
    return f"u {data.hex() or '-'} {destination} {source_port} {destination_port}"


def ask(destination: int, size_bytes: int, sequence: int, tick_limit: int) -> str:
    """Return the line of an echo to ask for."""
    return f"p - {destination} {size_bytes} {sequence} {tick_limit}"


def _result(seen: Seen, kind: str, words: list[str]) -> None:
    if kind == ">":
        seen.frames.append(bytes.fromhex(words[0]))
    elif kind == "<":
        source, source_port, destination, port = map(int, words[:4])
        data = bytes.fromhex("".join(words[4:]))
        seen.datagrams.append((source, source_port, destination, port, data))
    elif kind == "!":
        sequence, status, ticks = map(int, words)
        seen.echoes.append((sequence, status, ticks))
    elif kind == "=":
        seen.results.append(int(words[0]))
    else:
        # Counted once each: what is nothing, is not said.
        counts = zip(COUNTERS, map(int, words), strict=True)
        seen.counters = {name: count for name, count in counts if count}


def host(
    lines: Iterable[str],
    *,
    variant: str = "sanitized",
    mask: int = MASK,
    gateway: int = GATEWAY,
    frame_limit_bytes: int = FRAME_LIMIT_BYTES,
) -> Seen:
    """Return what a host does that begins with an empty memory."""
    arguments = (OWN, mask, gateway, frame_limit_bytes)
    command = [
        str(program(variant, ("internet_driver",), (*HOST_FILES,))),
        *map(str, arguments),
    ]
    seen = Seen()
    for line in output(command, "".join(f"{line}\n" for line in (*lines, "n -"))):
        kind, *words = line.split()
        _result(seen, kind, words)
    return seen
