# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties: how a block is handed over, and who watches, changes no cycle and no state.

The engine cuts a block where something traps, where a pause falls, and where a window of a
run begins or ends.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Access, Code, Core
from ultravisor.machine.interface import TimingEvent
from ultravisor.timing.accuracy import read_measurements

SAMPLES = sorted((Path(__file__).parents[1] / "accuracy").glob("*.csv"))
TEXT = 1 << 22
DATA = 1 << 30
PAGE = 4096
ENDS = ("", "4839d87510", "4839d8907510", "e8fb0f0000", "c3", "ffe0", "ff23", "0f22d8", "cd80")
STEP_LIMIT = 100_000

# A block in its turn: code, accesses, where its branch goes.
Turn = tuple[Code, list[Access], int | None]


def counts(name: str, code: bytes) -> list[tuple[int, int]]:
    """Return loads and stores of each instruction of a block."""
    core = Core(name)
    block = core.decode(code, TEXT)
    found = [(0, 0)]
    for executed in range(1, block.instruction_count + 1):
        core.reset()
        core.execute(block, executed=executed)
        events = core.statistics().events
        found.append((events[TimingEvent.LOAD], events[TimingEvent.STORE]))
    return [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(found)]


def random_accesses(seed: random.Random, each: list[tuple[int, int]]) -> list[Access]:
    """Return accesses for every instruction: some meet, some are far away, some are split."""
    accesses = []
    for number, (loads, stores) in enumerate(each, 1):
        for is_write in [False] * loads + [True] * stores:
            near = seed.random() < 0.8
            address = DATA + (seed.randrange(96) if near else seed.randrange(1 << 24))
            size_bytes = seed.choice([1, 4, 8, 8, 16])
            accesses.append(Access(address, address, size_bytes, is_write, number))
    return accesses


def random_turns(seed: random.Random, name: str, core: Core) -> list[Turn]:
    """Return a sequence of blocks, each several times, with other addresses every time."""
    rows = [row.code for path in SAMPLES for row in read_measurements(path)]
    turns: list[Turn] = []
    for place, row in enumerate(seed.sample(rows, 12)):
        code = row + bytes.fromhex(seed.choice(ENDS))
        block, each = (
            core.decode(code, TEXT + place * PAGE + seed.randrange(64)),
            counts(name, code),
        )
        for _ in range(seed.randrange(1, 6)):
            target = TEXT + seed.randrange(12) * PAGE if seed.random() < 0.6 else None
            turns.append((block, random_accesses(seed, each), target))
    seed.shuffle(turns)
    return turns


def run_whole(core: Core, turns: list[Turn]) -> int:
    return sum(core.execute(block, accesses, target=target) for block, accesses, target in turns)


def run_parts(core: Core, turns: list[Turn], seed: random.Random) -> int:
    """Run the same, each block cut at random places."""
    cycles = 0
    for block, accesses, target in turns:
        cuts = {seed.randrange(1, block.instruction_count + 1) for _ in range(seed.randrange(4))}
        ends = sorted(cuts | {block.instruction_count})
        for first, executed in itertools.pairwise([0, *ends]):
            cycles += core.execute(block, accesses, target=target, first=first, executed=executed)
    return cycles


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("number", range(20))
def test_cutting_a_block_changes_nothing(name: str, number: int) -> None:
    seed = random.Random(f"{name} {number}")
    whole, parts = Core(name), Core(name)
    turns = random_turns(seed, name, whole)
    assert run_whole(whole, turns) == run_parts(parts, turns, seed)
    assert whole.cycles == parts.cycles > 0
    assert whole.statistics() == parts.statistics()
    assert whole.state() == parts.state()


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("number", range(20))
def test_recording_changes_nothing(name: str, number: int) -> None:
    seed = random.Random(f"{number} {name}")
    plain, recorded = Core(name), Core(name)
    turns = random_turns(seed, name, plain)
    half = len(turns) // 2
    cycles = run_whole(plain, turns)
    # From the middle on, and with room for a part of it only in every other case.
    found = run_whole(recorded, turns[:half])
    recorded.record(STEP_LIMIT if number % 2 == 0 else 20)
    found += run_whole(recorded, turns[half:])
    steps = recorded.recorded()
    assert cycles == found
    assert plain.state() == recorded.state()
    assert len(steps) > 20 if number % 2 == 0 else len(steps) == 20
    retired = [step.retire for step in steps]
    assert retired == sorted(retired)
    for step in steps:
        assert step.issue <= step.dispatch <= step.done <= step.retire
