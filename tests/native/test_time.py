# SPDX-License-Identifier: GPL-2.0-or-later
"""Work and time are counted exactly: to the byte without a timing model, to the instruction with.

Under both builds, whatever the slots do; knows what each instruction costs and nothing else.
"""

from __future__ import annotations

import pytest

from tests.guests.both_builds import TIMINGS, Guest, run_both
from tests.guests.machine_code import (
    COUNTER,
    DATA,
    DATA_END,
    HANDLER,
    NOP,
    PAGE,
    RAX,
    RBX,
    RCX,
    RDI,
    RDTSC,
    RSI,
    SCRATCH,
    SYSCALL,
    TEXT,
    increment,
    page,
    store,
)
from tests.unit.tiny_guests import VMCALL, count_down, leave, load
from ultravisor.machine.abi import QUANTUM_MINIMUM_CYCLES, Hypercall, StopReason
from ultravisor.machine.interface import TimingModel

pytestmark = pytest.mark.guest
both_timings = pytest.mark.parametrize("timing", TIMINGS, ids=["off", "unit"])

LEAVE_INSTRUCTIONS = 5  # four loads and the call
QUANTA = (100_000, 1_000, 61, 17, QUANTUM_MINIMUM_CYCLES)
JOIN_TIME = b"\x48\xc1\xe2\x20\x48\x09\xd0"  # shl rdx, 32; or rax, rdx
SAVE = b"\x89\xc3"  # mov ebx, eax


def cost(timing: TimingModel, code: bytes, instructions: int) -> int:
    """Return what code costs that is executed once."""
    return instructions if timing == TimingModel.UNIT else len(code)


def work_of(
    code: bytes, timing: TimingModel, quantum_cycles: int = 100_000, *neighbours: bytes
) -> int:
    """Return the work of a guest, which must end by itself."""
    guests = [
        Guest(text=page({TEXT: text}), quantum_cycles=quantum_cycles)
        for text in (code, *neighbours)
    ]
    outcome = run_both(*guests, timing=timing).outcomes[0]
    assert (outcome.statistics.stop_reason, outcome.statistics.exit_code) == (StopReason.EXIT, 0)
    return outcome.statistics.work


@both_timings
@pytest.mark.parametrize("by", [VMCALL, SYSCALL], ids=["vmcall", "syscall"])
@pytest.mark.parametrize("nops", [0, 1, 7, 300])
def test_a_straight_line_costs_what_it_is(nops: int, by: bytes, timing: TimingModel) -> None:
    code = NOP * nops + leave(0).replace(VMCALL, by)
    assert work_of(code, timing) == cost(timing, code, nops + LEAVE_INSTRUCTIONS)


@both_timings
@pytest.mark.parametrize("quantum_cycles", QUANTA)
@pytest.mark.parametrize("rounds", [1, 2, 1000])
def test_a_loop_costs_its_rounds_however_it_is_preempted(
    rounds: int, quantum_cycles: int, timing: TimingModel
) -> None:
    loop, end = count_down(rounds), leave(0)
    once = loop[:5]
    expected = (
        cost(timing, once, 1)
        + rounds * cost(timing, loop[5:], 2)
        + cost(timing, end, LEAVE_INSTRUCTIONS)
    )
    neighbour = count_down(500) + end
    assert work_of(loop + end, timing, quantum_cycles, neighbour) == expected


@both_timings
@pytest.mark.parametrize("quantum_cycles", QUANTA)
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_a_string_instruction_costs_each_round_and_the_look_that_ends_it(
    count: int, quantum_cycles: int, timing: TimingModel
) -> None:
    loads = load(RSI, DATA) + load(RDI, DATA + PAGE) + load(RCX, count)
    repeat, end = b"\xf3\xa4", leave(0)
    expected = (
        cost(timing, loads, 3)
        + (count + 1) * cost(timing, repeat, 1)
        + cost(timing, end, LEAVE_INSTRUCTIONS)
    )
    assert work_of(loads + repeat + end, timing, quantum_cycles, end) == expected


# Instructions, then the one that traps: what has run and what has not is charged exactly.
TRAPPING = {
    "page_fault": b"\x8b\x04\x25\x10\x00\x00\x00",
    "undefined": b"\x0f\x0b",
    "privileged": b"\xf4",
    "refused": b"\xee",
    "vector_extension": b"\xc5\xf0\x58\xc2",
}


@both_timings
@pytest.mark.parametrize("before", [0, 1, 5, 100])
@pytest.mark.parametrize("name", TRAPPING)
def test_a_trap_in_a_block_charges_what_ran_before_it(
    name: str, before: int, timing: TimingModel
) -> None:
    code = increment() + NOP * before
    guest = Guest(text=page({TEXT: code + TRAPPING[name] + NOP * 20 + leave(1)}))
    outcome = run_both(guest, timing=timing).outcome
    assert outcome.statistics.stop_reason == StopReason.UNHANDLED_TRAP
    assert outcome.word(COUNTER, 4) == 1
    assert outcome.statistics.work == cost(timing, code, before + 1)


def measured(between: bytes) -> bytes:
    """Return code that keeps the difference of two readings of the time stamp."""
    return RDTSC + SAVE + between + RDTSC + b"\x29\xd8" + store(RAX, SCRATCH) + leave(0)


@both_timings
@pytest.mark.parametrize("nops", [0, 1, 7, 300])
def test_the_time_stamp_counts_what_lies_between(nops: int, timing: TimingModel) -> None:
    between = RDTSC + SAVE + NOP * nops
    outcome = run_both(Guest(text=page({TEXT: measured(NOP * nops)})), timing=timing).outcome
    assert outcome.word(SCRATCH) == cost(timing, between, 2 + nops)


@both_timings
@pytest.mark.parametrize("rounds", [1, 50])
def test_the_time_stamp_counts_rounds(rounds: int, timing: TimingModel) -> None:
    loop = count_down(rounds)
    outcome = run_both(Guest(text=page({TEXT: measured(loop)})), timing=timing).outcome
    expected = cost(timing, RDTSC + SAVE + loop[:5], 3) + rounds * cost(timing, loop[5:], 2)
    assert outcome.word(SCRATCH) == expected


@both_timings
@pytest.mark.parametrize("by", [VMCALL, SYSCALL], ids=["vmcall", "syscall"])
@pytest.mark.parametrize("start", [0, 3, 250])
def test_the_time_stamp_and_the_call_agree(start: int, by: bytes, timing: TimingModel) -> None:
    """From the boot on, where the clock is zero; the call itself has run when it answers."""
    before = NOP * start
    first = RDTSC + JOIN_TIME + store(RAX, SCRATCH)
    second = load(RAX, Hypercall.TIME_GET) + by
    third = store(RAX, SCRATCH + 8) + RDTSC + JOIN_TIME + store(RAX, SCRATCH + 16)
    text = page({TEXT: before + first + second + third + leave(0)})
    outcome = run_both(Guest(text=text), timing=timing).outcome
    at_first = cost(timing, before, start)
    at_call = at_first + cost(timing, first + second, 6)
    assert outcome.word(SCRATCH) == at_first
    assert outcome.word(SCRATCH + 8) == at_call
    assert outcome.word(SCRATCH + 16) == at_call + cost(timing, store(RAX, SCRATCH + 8), 1)


def below_goes_to(source: int, target: int) -> bytes:
    """Return `jb target` at an address."""
    return b"\x0f\x82" + (target - source - 6).to_bytes(4, "little", signed=True)


def watch(nops: int, rounds: int) -> bytes:
    """Return code that reads both clocks in turn and goes to HANDLER when one goes back."""
    readings = (
        RDTSC + JOIN_TIME,
        load(RAX, Hypercall.TIME_GET) + SYSCALL,
        load(RAX, Hypercall.TIME_GET) + VMCALL,
        NOP * nops + RDTSC + JOIN_TIME,
    )
    code = load(RBX, 0) + b"\xbd" + rounds.to_bytes(4, "little")  # mov ebp, rounds
    loop = len(code)
    for reading in readings:
        code += reading + b"\x48\x39\xd8"  # cmp rax, rbx
        code += below_goes_to(TEXT + len(code), HANDLER) + b"\x48\x89\xc3"  # mov rbx, rax
    code += b"\xff\xcd"  # dec ebp
    code += b"\x0f\x85" + (loop - len(code) - 6).to_bytes(4, "little", signed=True)
    return code + leave(0)


@both_timings
@pytest.mark.parametrize("neighbours", [0, 1])
@pytest.mark.parametrize("quantum_cycles", [1_000, 211, 40, QUANTUM_MINIMUM_CYCLES])
@pytest.mark.parametrize("nops", [0, 150])
def test_time_never_goes_back(
    nops: int, quantum_cycles: int, neighbours: int, timing: TimingModel
) -> None:
    """Also past the end of a slot, where the schedule's clock is set back."""
    watching = Guest(
        text=page({TEXT: watch(nops, 200), HANDLER: store(RAX, SCRATCH) + leave(1)}),
        quantum_cycles=quantum_cycles,
    )
    other = Guest(text=page({TEXT: count_down(5_000) + leave(0)}), quantum_cycles=333)
    agreement = run_both(watching, *[other] * neighbours, timing=timing)
    outcome = agreement.outcomes[0]
    assert outcome.statistics.exit_code == 0, (outcome.word(SCRATCH), DATA_END)
