# SPDX-License-Identifier: GPL-2.0-or-later
"""Microbenchmarks of the pipeline: widths, branches, the micro-op cache, costs, accounting.

Expected values are the published figures that parameters.c and tables/*.inc name.
"""

from __future__ import annotations

import random

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Access, BlockMeter, BlockRun, Core, costs
from ultravisor.machine.interface import (
    TimingCause,
    TimingEvent,
    TimingIdeal,
    TimingTransition,
)

INTEL = ("skylake", "haswell", "ivybridge")
TEXT = 1 << 22
JNE = bytes.fromhex("7510")  # jne over what follows
COMPARE_AND_JUMP = bytes.fromhex("4839d87510")  # cmp rax, rbx; jne
NOP = b"\x90"


def throughput(code: str, core: str = "skylake", ideals: int = 0) -> float:
    run = BlockRun(ideals=ideals)
    return BlockMeter(core).measure(bytes.fromhex(code), run).cycles_per_copy


@pytest.mark.parametrize(
    ("code", "cycles"),
    [
        ("4801d8", 1.0),  # add rax, rbx: latency 1
        ("480fafc3", 3.0),  # imul rax, rbx: latency 3
        ("488d440310", 3.0),  # lea rax, [rbx+rax+0x10]: three components, latency 3
        ("f3480fb8c1", 3.0),  # popcnt rax, rcx: waits for its destination
        ("f3480fbcc1", 1.0),  # tzcnt rax, rcx: does not on Skylake; one port
        ("0f58c1", 4.0),  # addps xmm0, xmm1: latency 4
        ("f20f5ec1", 13.0),  # divsd xmm0, xmm1: latency 13
        ("6681c13412", 3.3),  # add cx, imm16: a stall of 3 cycles for the prefix
    ],
)
def test_latencies_and_stalls(code: str, cycles: float) -> None:
    assert throughput(code) == pytest.approx(cycles, rel=0.15)


def test_tzcnt_waits_for_its_destination_on_haswell_only() -> None:
    assert throughput("f3480fbcc1", "haswell") == 3.0
    assert throughput("f3480fbcc1", "skylake") == 1.0


@pytest.mark.parametrize("name", CORES)
def test_as_many_micro_ops_issue_in_a_cycle_as_the_core_is_wide(name: str) -> None:
    # Twelve zero idioms: no port, no wait.
    code = "31c0" * 12
    cycles = throughput(code, name, ideals=int(TimingIdeal.FRONT_END))
    assert cycles == (2.0 if name == "zen4" else 3.0)


def test_a_move_costs_a_slot_and_no_latency() -> None:
    # mov rbx, rax; mov rax, rbx; add rax, rcx: one cycle a round, that of the addition.
    assert throughput("4889c34889d84801c8", ideals=int(TimingIdeal.FRONT_END)) == 1.0


def test_what_bounds_a_block_can_be_left_out() -> None:
    code = bytes.fromhex("480fafc3") * 4
    meter = BlockMeter("skylake")
    whole = meter.measure(code).cycles_per_copy
    free = meter.measure(code, BlockRun(ideals=int(TimingIdeal.DEPENDENCIES))).cycles_per_copy
    assert (whole, free) == (12.0, 4.0)  # then by the one multiplier


def branches(name: str, outcomes: list[bool]) -> tuple[Core, float]:
    """Run a compare and jump again and again; return the core and cycles of the second half."""
    core = Core(name)
    code = core.decode(COMPARE_AND_JUMP, TEXT)
    half = len(outcomes) // 2
    begin = 0
    for place, taken in enumerate(outcomes):
        if place == half:
            begin = core.cycles
        core.execute(code, target=TEXT if taken else None)
    return core, (core.cycles - begin) / (len(outcomes) - half)


@pytest.mark.parametrize("name", CORES)
def test_a_misprediction_costs_what_is_published(name: str) -> None:
    steady, right = branches(name, [True] * 400)
    seed = random.Random(3)
    core, mixed = branches(name, [seed.random() < 0.5 for _ in range(4000)])
    events = core.statistics().events
    rate = events[TimingEvent.MISPREDICT] / events[TimingEvent.BRANCH]
    assert steady.statistics().events[TimingEvent.MISPREDICT] <= 2
    assert 0.4 < rate < 0.6
    least, most = (11, 18) if name == "zen4" else (15, 20)  # SOG 2.8; FOG 9.1, 10.1, 11.1
    assert least <= (mixed - right) / rate <= most


def test_a_pattern_is_learnt() -> None:
    core, _ = branches("skylake", [place % 5 != 4 for place in range(2000)])
    assert core.statistics().events[TimingEvent.MISPREDICT] < 60


def calls(name: str, depth: int) -> int:
    """Call down and return, several times; return the mispredictions of the last round."""
    core = Core(name)
    downs = [core.decode(bytes.fromhex("e800000000"), TEXT + 256 * i) for i in range(depth)]
    ups = [core.decode(bytes.fromhex("c3"), TEXT + 65536 + 64 * i) for i in range(depth)]
    found = 0
    for _ in range(4):
        found = core.statistics().events[TimingEvent.MISPREDICT]
        for place, down in enumerate(downs):
            stack = (1 << 20) - 8 * place
            core.execute(down, [Access(stack, stack, 8, is_write=True)], target=TEXT)
        for place in reversed(range(depth)):
            stack = (1 << 20) - 8 * place
            back = downs[place].address + downs[place].size_bytes
            core.execute(ups[place], [Access(stack, stack, 8, is_write=False)], target=back)
    return core.statistics().events[TimingEvent.MISPREDICT] - found


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize(("beyond", "wrong"), [(-8, 0), (0, 0), (1, 1), (4, 4)])
def test_the_return_stack_ends(name: str, beyond: int, wrong: int) -> None:
    entries = 32 if name == "zen4" else 16  # SOG 2.8, FOG 3.8
    assert calls(name, entries + beyond) == wrong


LONG_NOP = bytes.fromhex("0f1f840000000000")  # eight bytes: four in a window
SHORT_NOP = bytes.fromhex("0f1f4000")  # four bytes: eight in a window


def window_misses(name: str, code: bytes) -> int:
    """Run straight code again and again; return the last round's misses of the micro-op cache."""
    core = Core(name)
    block = core.decode(code, TEXT)
    missed = [0]
    for _ in range(4):
        core.execute(block, target=TEXT)
        missed.append(core.statistics().events[TimingEvent.UOP_CACHE_MISS])
    return missed[-1] - missed[-2]


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize(
    ("lines", "windows", "missed"),
    [(1, 256, 0), (1, 257, 9), (1, 288, 288), (2, 128, 0), (2, 129, 5), (2, 160, 160)],
)
def test_the_micro_op_cache_holds_256_lines_in_32_sets(
    name: str, lines: int, windows: int, missed: int
) -> None:
    # SOM E.2.2.3: 32 sets of 8 lines, of 6 micro-ops. One window too many empties its set.
    window = LONG_NOP * 4 if lines == 1 else SHORT_NOP * 8
    assert window_misses(name, window * windows) == missed


@pytest.mark.parametrize(("windows", "missed"), [(768, 0), (769, 13), (832, 832)])
def test_zen_s_micro_op_cache_holds_768_lines_in_64_sets(windows: int, missed: int) -> None:
    # SOG 2.9.1: 6,912 macro-ops, windows of 64 bytes.
    assert window_misses("zen4", LONG_NOP * 8 * windows) == missed


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize(
    ("transition", "value", "emptied"),
    [
        (TimingTransition.FLUSH_ALL, 0, True),
        (TimingTransition.FLUSH_SPACE, 0, True),
        (TimingTransition.FLUSH_PAGE, TEXT, True),
        (TimingTransition.FLUSH_PAGE, TEXT + (1 << 20), False),
        (TimingTransition.INTERRUPT, 0, False),
    ],
)
def test_a_root_that_is_loaded_empties_the_micro_op_cache(
    name: str, transition: TimingTransition, value: int, emptied: bool
) -> None:
    # SOM E.2.2.3: it goes with the translations of code, and with what is in CR3.
    core = Core(name)
    windows = 4
    block = core.decode(LONG_NOP * (8 if name == "zen4" else 4) * windows, TEXT)
    for _ in range(3):
        core.execute(block, target=TEXT)
    before = core.statistics().events
    core.transition(transition, value)
    core.execute(block, target=TEXT)
    after = core.statistics().events
    missed = after[TimingEvent.UOP_CACHE_MISS] - before[TimingEvent.UOP_CACHE_MISS]
    walks = after[TimingEvent.PAGE_WALK] - before[TimingEvent.PAGE_WALK]
    assert (missed, walks) == ((windows, 1) if emptied else (0, 0))


@pytest.mark.parametrize("name", CORES)
def test_every_cost_has_a_source_or_is_called_an_assumption(name: str) -> None:
    rows = costs(name)
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.source
        assert row.assumed or not row.source.startswith(("no source", "as SYS", "rule"))


def test_a_locked_access_waits_and_makes_wait() -> None:
    # lock add [rax], rbx: FOG, 18 cycles from one to the next.
    access = [Access(4096, 4096, 8, is_write=False), Access(4096, 4096, 8, is_write=True)]
    run = BlockRun(accesses=[access] * 200)
    measured = BlockMeter("skylake").measure(bytes.fromhex("f0480118"), run)
    assert 18 <= measured.cycles_per_copy <= 25


def test_cycles_are_accounted_for_to_the_last_one() -> None:
    core = Core("skylake")
    seed = random.Random(5)
    code = core.decode(bytes.fromhex("488b00480fafc348890c244839d87510"), TEXT)
    spent = [0, 0]
    for _ in range(3000):
        context = seed.randrange(2)
        core.context(context)
        # Now within the first cache, now far beyond it.
        address = seed.randrange(1 << seed.choice([12, 12, 12, 24])) & ~7
        accesses = [
            Access(address, address, 8, is_write=False),
            Access(4096, 4096, 8, is_write=True),
        ]
        taken = TEXT if seed.random() < 0.7 else None
        spent[context] += core.execute(code, accesses, target=taken)
        if seed.random() < 0.01:
            spent[context] += core.transition(TimingTransition.INTERRUPT)
    found = [core.statistics(context).cycles for context in (0, 1)]
    assert [sum(cycles.values()) for cycles in found] == spent
    assert sum(spent) == core.cycles
    for cause in (TimingCause.MEMORY, TimingCause.SPECULATION, TimingCause.TRANSITION):
        assert all(cycles[cause] > 0 for cycles in found)


def test_a_trap_charges_what_ran() -> None:
    core = Core("skylake")
    code = core.decode(bytes.fromhex("480fafc3") * 10, TEXT)
    core.execute(code, executed=4)
    assert core.statistics().events[TimingEvent.INSTRUCTION] == 4
    partial = core.cycles
    whole = Core("skylake")
    whole.execute(whole.decode(bytes.fromhex("480fafc3") * 4, TEXT))
    assert partial == whole.cycles


def test_a_state_that_was_kept_goes_on_alike() -> None:
    core = Core("skylake")
    code = core.decode(bytes.fromhex("488b00480fafc3"), TEXT)
    seed = random.Random(9)
    places = [seed.randrange(1 << 24) & ~7 for _ in range(400)]
    accesses = [[Access(place, place, 8, is_write=False)] for place in places]
    for access in accesses[:200]:
        core.execute(code, access)
    kept = core.state()
    rest = [core.execute(code, access) for access in accesses[200:]]
    ended = core.state()
    core.restore(kept)
    assert [core.execute(code, access) for access in accesses[200:]] == rest
    assert core.state() == ended
    core.reset()
    assert core.cycles == 0


def test_an_unknown_instruction_is_counted() -> None:
    core = Core("skylake")
    code = core.decode(bytes.fromhex("62f17c4858c1") + NOP, TEXT)  # EVEX vaddps zmm
    assert code.unknown_count == 1
    core.execute(code)
    assert core.statistics().events[TimingEvent.UNKNOWN_INSTRUCTION] == 1


def test_32_bit_code_is_decoded_as_such() -> None:
    core = Core("skylake")
    code = core.decode(bytes.fromhex("404360"), TEXT, 32)  # inc eax; inc ebx; pusha
    assert code.instruction_count == 3
    assert code.unknown_count == 0


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("width", [32, 64])
def test_any_bytes_are_decoded_and_run(name: str, width: int) -> None:
    seed = random.Random(name + str(width))
    core = Core(name)
    spent = 0
    for _ in range(400):
        code = core.decode(seed.randbytes(seed.randrange(1, 48)), TEXT, width)
        accesses = [
            Access(seed.getrandbits(48), seed.getrandbits(40), 8, is_write=place % 3 == 0)
            for place in range(seed.randrange(12))
        ]
        executed = seed.randrange(code.instruction_count + 1)
        spent += core.execute(code, accesses, executed=executed)
    assert spent == core.cycles == sum(core.statistics().cycles.values())
