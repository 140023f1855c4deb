# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames as the guest `disk` makes them when its device is a network card.

Owns who has which address and what frame N of a conversation is. Knows no machine.
"""

from __future__ import annotations

from tests.guests.device_hosts import ADDRESS_PREFIX

ANSWERER_PORT, TALKER_PORT, OUTSIDE_PORT = 1, 2, 3
TYPE = b"\x88\xb5"


def address(port: int) -> bytes:
    """Return the address of the card at a port."""
    return bytes([*ADDRESS_PREFIX, port])


def frame(number: int, target: bytes, source: bytes) -> bytes:
    """Return frame `number` of a conversation, as the guest makes it."""
    size_bytes = 14 + number * 97 % 1501
    head = target + source + TYPE
    return head + bytes((number + at) & 0xFF for at in range(14, size_bytes))
