# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops: a round takes what the narrowest part of the machine takes, on every core.

The rules, with their sources: SOM and FOG as in native/timing/parameters.c; UICA and FACILE for
the front end (Abel and Reineke, ICS 2022; Abel, Sharma and Reineke, IISWC 2023).
"""

from __future__ import annotations

import pytest

from ultravisor.machine.cycle_core import Core

CORES = ("skylake", "haswell", "ivybridge")
TEXT = 1 << 22
ROUNDS = 1000
COUNT_DOWN = "ffc9"  # dec ecx
AGAIN = "75fc"  # jnz: how far does not matter, the block's outcome says where


def loop(name: str, code: str, address: int = TEXT) -> float:
    """Run one block that ends in a branch to itself; return the cycles of a round."""
    core = Core(name)
    block = core.decode(bytes.fromhex(code), address)
    core.repeat(block, (), ROUNDS)
    begin = core.cycles
    core.repeat(block, (), ROUNDS)
    return (core.cycles - begin) / ROUNDS


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("between", ["", "90"])
def test_the_shortest_loop_takes_a_cycle(name: str, between: str) -> None:
    # Fused or not: one taken branch a cycle (FOG tables: Jcc taken, 1 to 2).
    assert loop(name, COUNT_DOWN + between + AGAIN) == 1.0
