# SPDX-License-Identifier: GPL-2.0-or-later
"""No bundled image executes an instruction that a cycle-level core does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from ultravisor import Host, resolve

pytestmark = pytest.mark.guest

IMAGES = Path(__file__).resolve().parents[2] / "ultravisor" / "images"
# No guest: the monitor runs with each of them, and the bare image has no note.
NO_GUESTS = frozenset({"monitor", "monitor_lazy", "compute_bare"})
CYCLES = 3_000_000
GUESTS = sorted(path for path in IMAGES.glob("*.elf") if path.stem not in NO_GUESTS)
SETS = sorted({path.parent for path in IMAGES.glob("*/*.elf")})


def unknown_instructions(image: Path, monitor: str) -> int:
    with Host(resolve([str(image)], timing="skylake", monitor=monitor)) as host:
        result = host.run(cycles=CYCLES)
    assert sum(row.events["instructions"] for row in result.cycles) > 0
    return sum(row.events["unknown_instructions"] for row in result.cycles)


@pytest.mark.parametrize("monitor", ["native", "simulated"])
@pytest.mark.parametrize("image", GUESTS, ids=lambda path: path.stem)
def test_guests(image: Path, monitor: str) -> None:
    assert unknown_instructions(image, monitor) == 0


@pytest.mark.parametrize("images", SETS, ids=lambda path: path.name)
def test_scenarios(images: Path) -> None:
    found = {path.stem: unknown_instructions(path, "native") for path in images.glob("*.elf")}
    assert not {name: count for name, count in found.items() if count}
