# SPDX-License-Identifier: GPL-2.0-or-later
"""Loops: a round takes what the narrowest part of the machine takes, on the Intel cores.

The rules, with their sources: SOM and FOG as in native/timing/parameters.c; UICA and FACILE for
the front end (Abel and Reineke, ICS 2022; Abel, Sharma and Reineke, IISWC 2023).
"""

from __future__ import annotations

import math
import random

import pytest

from ultravisor.machine.cycle_core import Access, Core
from ultravisor.machine.interface import TimingEvent

INTEL = ("skylake", "haswell", "ivybridge")
TEXT = 1 << 22
WINDOW = 32
DATA = 1 << 30
STACK = 1 << 20
ROUNDS = 600
PAGE_STEP = 4096
NOP = "90"
LONG_NOP = "0f1f4000"  # four bytes: eight in a window
COUNT_DOWN = "ffc9"  # dec ecx
AGAIN = "75fc"  # jnz: how far does not matter, the block's outcome says where
LOOP = COUNT_DOWN + AGAIN  # fused: one micro-op
# Times that the loop buffer unrolls a loop of so many micro-ops: UICA, measured.
UNROLLED = {5: 6, 6: 5, 7: 4, 8: 4, 9: 3, 12: 3, 13: 2, 16: 2, 17: 2, 28: 2}

# A block of a round: code, where, where its branch goes (None: not taken), accesses.
Step = tuple[str, int, int | None, list[Access]]


def load(address: int) -> Access:
    return Access(address, address, 8, is_write=False)


def store(address: int) -> Access:
    return Access(address, address, 8, is_write=True)


def rounds(name: str, steps: list[Step]) -> tuple[float, dict[TimingEvent, float]]:
    """Run rounds until all is warm, then as many more: cycles and events of one."""
    core = Core(name)
    blocks = [
        (core.decode(bytes.fromhex(code), address), accesses, target)
        for code, address, target, accesses in steps
    ]
    begin, events = 0, core.statistics().events
    for number in range(2 * ROUNDS):
        if number == ROUNDS:
            begin, events = core.cycles, core.statistics().events
        for block, accesses, target in blocks:
            core.execute(block, accesses, target=target)
    after = core.statistics().events
    spent = {event: (after[event] - events[event]) / ROUNDS for event in after}
    return (core.cycles - begin) / ROUNDS, spent


def loop(name: str, code: str, address: int = TEXT, accesses: list[Access] | None = None) -> float:
    """Run one block that ends in a branch to itself; return the cycles of a round."""
    return rounds(name, [(code, address, address, accesses or [])])[0]


def issue_cycles(name: str, uops: int, one_window: bool) -> float:
    """Return what front end and issue allow a loop of nothing else, one taken branch a cycle."""
    if name == "skylake":
        # No loop buffer (errata SKX150, SKL150). FACILE 4.4: of one window, no cycle of the
        # micro-op cache has both the branch and what it leads to.
        return max(1, uops / 4, math.ceil(uops / 6) if one_window else uops / 6)
    if uops > 56:  # SOM E.1.1, E.2.2.4: entries of the micro-op queue
        return uops / 4
    # UICA: the loop buffer issues no end and beginning in one cycle; Haswell's unrolls.
    unrolled = {2: 8, 3: 8, 4: 8, **UNROLLED}.get(uops, 1) if name == "haswell" else 1
    return max(1, math.ceil(uops * unrolled / 4) / unrolled)


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize("between", ["", NOP])
def test_the_shortest_loop_takes_a_cycle(name: str, between: str) -> None:
    # Fused or not: one taken branch a cycle (FOG tables: Jcc taken, 1 to 2).
    assert loop(name, COUNT_DOWN + between + AGAIN) == 1


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize("place", [0, WINDOW - 8])
@pytest.mark.parametrize("uops", [2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 28, 29, 56, 57, 64, 100])
def test_a_loop_of_few_or_many_micro_ops(name: str, uops: int, place: int) -> None:
    size_bytes = 4 * (uops - 1)
    expected = issue_cycles(name, uops, one_window=place + size_bytes < WINDOW)
    found = loop(name, LONG_NOP * (uops - 1) + LOOP, TEXT + place)
    assert found == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("name", INTEL)
def test_a_window_of_too_many_micro_ops_is_decoded_every_round(name: str) -> None:
    # SOM E.2.2.3: three lines of six for 32 bytes of code.
    fits, events = rounds(name, [(NOP * 17 + LOOP, TEXT, TEXT, [])])
    assert events[TimingEvent.UOP_CACHE_MISS] == 0
    assert fits == pytest.approx(issue_cycles(name, 18, one_window=True), rel=0.15)
    beyond, events = rounds(name, [(NOP * 18 + LOOP, TEXT, TEXT, [])])
    assert events[TimingEvent.UOP_CACHE_MISS] == 1
    # 22 bytes in two blocks of 16, five instructions of a block in a cycle: UICA 4.1.1.
    assert beyond >= math.ceil(16 / 5) + math.ceil(4 / 5)


@pytest.mark.parametrize("name", INTEL)
def test_a_fused_pair_over_the_edge_of_a_window_is_one(name: str) -> None:
    # The branch has no micro-op of its own, so that its window has none; the microcode that
    # keeps such branches out of Skylake's cache (SKX102) is not modelled.
    over, events = rounds(name, [(NOP * 6 + LOOP, TEXT + WINDOW - 8, TEXT + WINDOW - 8, [])])
    assert events[TimingEvent.UOP_CACHE_MISS] == 0
    assert over == issue_cycles(name, 7, one_window=True)


@pytest.mark.parametrize("name", INTEL)
def test_taken_branches_share_a_port(name: str) -> None:
    # SOM figures 2-6, E-1, E-2: port 6, or 5 of six.
    four = [
        ("eb1e", TEXT + WINDOW * i, TEXT + WINDOW * ((i + 1) % 4), list[Access]()) for i in range(4)
    ]
    assert rounds(name, [*four])[0] == 4
    # Fused ones that are not taken may use port 0 too: two and the loop's, on two ports.
    passed: list[Step] = [("4839d87510", TEXT + 5 * i, None, []) for i in range(2)]
    found, _ = rounds(name, [*passed, (LOOP, TEXT + 10, TEXT, [])])
    assert found == (3 if name == "ivybridge" else 1.5)


@pytest.mark.parametrize("name", INTEL)
def test_blocks_that_take_turns(name: str) -> None:
    # Three independent additions and a jump, twice: eight micro-ops, on three or four ports.
    first = ("4801d84801d94801daeb1e", TEXT, TEXT + 2 * WINDOW, list[Access]())
    second = ("4801de4801df4901d8eb1e", TEXT + 2 * WINDOW, TEXT, list[Access]())
    expected = 8 / 3 if name == "ivybridge" else 2
    assert rounds(name, [first, second])[0] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", INTEL)
def test_a_loop_in_a_loop(name: str) -> None:
    inner: Step = (LOOP, TEXT + 5, TEXT + 5, [])
    # mov ecx, 4; four rounds of dec ecx, jnz; dec edx, jnz: five taken branches but one, and
    # the fused branch of the last inner round on another port where there is one.
    steps: list[Step] = [
        *([("b904000000" + LOOP, TEXT, TEXT + 5, [])]),
        *([inner] * 2),
        (LOOP, TEXT + 5, None, []),
        ("ffca75f3", TEXT + 9, TEXT, []),
    ]
    found, events = rounds(name, steps)
    assert events[TimingEvent.MISPREDICT] == 0
    assert found == (5 if name == "ivybridge" else 4)


@pytest.mark.parametrize("name", INTEL)
def test_a_call_and_its_return(name: str) -> None:
    # Three taken branches a round; the return's address comes from the call's store.
    function = TEXT + PAGE_STEP
    steps: list[Step] = [
        ("e8fb0f0000", TEXT, function, [store(STACK)]),
        ("c3", function, TEXT + 5, [load(STACK)]),
        ("ffc975f7", TEXT + 5, TEXT, []),
    ]
    found, events = rounds(name, steps)
    assert events[TimingEvent.MISPREDICT] == 0
    assert found == 3


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize(
    ("code", "accesses", "cycles"),
    [
        ("488b03488b0f488b16", 3 * [load(DATA)], 1.5),  # two loads a cycle: SOM 2.6.3, E.2.5
        ("4889034889074889064c8903", 4 * [store(DATA)], 4),  # one store a cycle: the same
        ("4889034c8b07", [store(DATA), load(DATA + 64)], 1),  # both in one
        ("488b1b", [load(DATA)], 4),  # mov rbx, [rbx]: SOM table 2-12, the fast path
        ("480fafc3480fafc3", [], 6),  # imul: latency 3
    ],
)
def test_loads_stores_and_latencies(
    name: str, code: str, accesses: list[Access], cycles: float
) -> None:
    assert loop(name, code + LOOP, accesses=accesses) == pytest.approx(cycles, rel=0.01)


@pytest.mark.parametrize(("name", "cycles"), [("skylake", 5), ("haswell", 6), ("ivybridge", 6)])
def test_a_sum_in_memory_is_carried_round(name: str, cycles: int) -> None:
    # add [rbx], rax: forwarding (FOG 11.14, 10.12, 9.14: 4 and 5) and the addition.
    assert loop(name, "480103" + LOOP, accesses=[load(DATA), store(DATA)]) == cycles


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize(
    ("code", "accesses"),
    [
        ("4839d8907510", []),  # cmp, nop, jne: not fused
        ("4839d87510", []),  # fused
        ("e303", []),  # jrcxz
    ],
)
def test_a_wrong_prediction_counts_from_its_own_branch(
    name: str, code: str, accesses: list[Access]
) -> None:
    core = Core(name)
    block = core.decode(bytes.fromhex(code), TEXT)
    seed = random.Random(3)
    for _ in range(ROUNDS):
        core.execute(block, accesses, target=TEXT)
    begin = core.cycles
    for _ in range(ROUNDS):
        core.execute(block, accesses, target=TEXT)
    right = (core.cycles - begin) / ROUNDS
    begin, wrong = core.cycles, core.statistics().events[TimingEvent.MISPREDICT]
    for _ in range(ROUNDS):
        core.execute(block, accesses, target=TEXT if seed.random() < 0.5 else None)
    wrong = core.statistics().events[TimingEvent.MISPREDICT] - wrong
    assert wrong > ROUNDS / 4
    # FOG 9.1, 10.1, 11.1: 15 to 20.
    assert 15 <= (core.cycles - begin - right * ROUNDS) / wrong <= 20


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize(
    ("code", "latency"),
    [("ffe0", 0), ("ff23", 5)],  # jmp rax; jmp [rbx], which waits for its load
)
def test_a_wrong_target_costs_a_misprediction(name: str, code: str, latency: int) -> None:
    core = Core(name)
    block = core.decode(bytes.fromhex(code), TEXT)
    accesses = [load(DATA)] if latency else []
    landing = [core.decode(bytes.fromhex("ebfe"), TEXT + 256 * i) for i in range(1, 9)]
    seed = random.Random(4)
    begin = wrong = count = 0
    for number in range(2 * ROUNDS):
        if number == ROUNDS:
            begin, wrong = core.cycles, core.statistics().events[TimingEvent.MISPREDICT]
        place = landing[seed.randrange(8)]
        core.execute(block, accesses, target=place.address)
        core.execute(place, target=TEXT)
        count += number >= ROUNDS
    wrong = core.statistics().events[TimingEvent.MISPREDICT] - wrong
    assert wrong > count * 0.8
    assert 15 <= (core.cycles - begin) / wrong <= 20 + latency + 2
