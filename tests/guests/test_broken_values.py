# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions that show real processor state at any privilege show the same in both builds.

What they leak is the engine's and the monitor's, not the partition's; but a guest can keep
it, and then it is part of what the builds must agree on.
"""

from __future__ import annotations

import pytest

from tests.guests.both_builds import Guest, run_both
from tests.guests.machine_code import DATA, load_any
from tests.unit.tiny_guests import leave

pytestmark = pytest.mark.guest

RBX = 3
# Each with RBX pointing at what it writes.
STORES = {
    "sgdt": b"\x0f\x01\x03",
    "sidt": b"\x0f\x01\x0b",
    "sldt": b"\x0f\x00\x03",
    "str": b"\x0f\x00\x0b",
    "smsw": b"\x0f\x01\x23",
    "pushf": b"\x9c\x8f\x03",
    "mov from cs": b"\x8c\x0b",
    "mov from ss": b"\x8c\x13",
}
GDT_BASE = 0xFFFF8000005F0000
IDT_BASE = 0xFFFF8000005F8000


@pytest.mark.parametrize("name", STORES)
def test_builds_show_the_same(name: str) -> None:
    """The stored bytes are in the partition's memory, so in its hash."""
    run_both(Guest(text=load_any(RBX, DATA) + STORES[name] + leave()))


@pytest.mark.parametrize(("name", "base"), [("sgdt", GDT_BASE), ("sidt", IDT_BASE)])
def test_a_table_is_where_the_map_says(name: str, base: int) -> None:
    """Limit, then base: one page, at its place in the monitor's direct map."""
    agreed = run_both(Guest(text=load_any(RBX, DATA) + STORES[name] + leave()))
    stored = agreed.outcome.data[:10]
    assert stored == (0xFFF).to_bytes(2, "little") + base.to_bytes(8, "little")
