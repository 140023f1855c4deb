# SPDX-License-Identifier: GPL-2.0-or-later
"""The input log of a living host: everything that comes to it from outside.

Owns the form of an entry. Kept by a living host and by the process that watches over it, written
to records and snapshots, fed to replays.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

INTEGER_MAXIMUM = (1 << 63) - 1

Moment = Annotated[int, Meta(ge=0, le=INTEGER_MAXIMUM)]
Number = Annotated[int, Meta(ge=0, lt=1 << 31)]


class LifeInput(Struct, frozen=True):
    """Something that entered: what a replay feeds in again at the same moment."""

    at_cycles: Moment
    """The host's position when it entered."""
    kind: Literal["console", "order", "restart", "frame"]
    partition: Number = 0
    """The number of the partition that it is for; 0: a switch has it."""
    number: Number = 0
    """Of an order."""
    data: bytes = b""
    """What was typed, ordered or sent; JSON holds it in base 64."""
    switch: str = ""
    """Of a frame: the switch to which it came from the outside."""
