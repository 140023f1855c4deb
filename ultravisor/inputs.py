# SPDX-License-Identifier: GPL-2.0-or-later
"""The input log: everything that comes to a host from outside, stamped with its clock.

Owns the form of an entry. Kept by a host, written to run records, fed to replays.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class InputEntry(Struct, frozen=True):
    """Console input, or the operator's order to stop a partition."""

    partition: str
    at_cycles: int
    data: bytes = b""
    """What was typed; JSON holds it in base 64."""
    kind: Literal["console", "stop"] = "console"
