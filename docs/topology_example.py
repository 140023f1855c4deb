# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws docs/topology.svg: what `ultravisor topology` shows of a host of examples/zones.toml.

Run by `make docs`; tests/guests/test_topology_example.py says what must be in it. A living host is
deterministic, so the picture changes only when what it shows does.
"""

from __future__ import annotations

import os
from pathlib import Path

from ultravisor.life.life_plan import plan_life
from ultravisor.life.living_host import LivingHost
from ultravisor.topology import gather
from ultravisor.topology_picture import draw

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "topology.svg"
# From the root, since the picture names the rule that lets a channel leave its zone.
POLICY = Path("examples") / "zones.toml"
# Long enough that all is as it is wanted, on a machine of this size.
CYCLES = 400_000_000
SETTINGS = {"processors": 2, "memory_mib": 192}


def picture() -> str:
    """Return the picture of the host, when its domains run."""
    host = LivingHost(plan_life([], [POLICY], dict(SETTINGS)))
    try:
        host.advance(CYCLES, lambda _: None, lambda *_: None, lambda *_: None)
        return draw(gather(host.database, "laboratory"))
    finally:
        host.close()


if __name__ == "__main__":
    os.chdir(ROOT)
    TARGET.write_text(picture(), encoding="utf-8")
