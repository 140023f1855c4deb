# SPDX-License-Identifier: GPL-2.0-or-later
"""Far transfers that succeed: where they go, what they change, and what they cost.

Those that fault are in trap_cases. The engine is never given one, so everything here is about
the emulation that takes its place; always under both builds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.guests.both_builds import (
    BUILDS,
    LONG_CYCLES,
    TIMINGS,
    Guest,
    Outcome,
    boot,
    make_machine,
    run_both,
)
from tests.guests.machine_code import (
    DATA,
    DATA_SIZE,
    FIRST_FRAME,
    FLAGS,
    GUEST_CODE,
    GUEST_DATA,
    HANDLER,
    HANDLERS,
    MASKED,
    NOP,
    PAGE,
    RAX,
    RBP,
    RBX,
    RSP,
    SCRATCH,
    TESTED,
    TEXT,
    TRAP_FLAG,
    USER,
    Frame,
    data_page,
    handler_rows,
    handlers_set,
    load_any,
    page,
    return_to_first_frame,
    short,
    show_frame_and_leave,
    store,
    user_mode_prepare,
)
from tests.guests.test_traps import shown
from tests.guests.trap_cases import (
    BREAKPOINT,
    CODE,
    DATA_SELECTOR,
    DEBUG,
    OTHER_RING,
    PROTECTION,
    SIZES,
    STACK,
    TARGET,
    UNDEFINED,
    branching,
    pointing,
    returning,
)
from tests.unit.tiny_guests import leave, load
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel
from ultravisor.machine.records import Segment

pytestmark = pytest.mark.guest

LOW = 0x8000
"""Code that 16 bits of address reach; `int3` wherever one lands in it."""
LOW_CODE = Segment(
    address=LOW, size_bytes=PAGE, data=b"\xcc" * PAGE, writable=False, executable=True
)
LOW_TARGET = LOW + 0x123
HIGH_BITS = 0xABCD_0000_0000_0000
STATUS, OTHER_STATUS = 0x8D5, 0x0
NESTED, RESUME, ALIGNMENT, IDENTIFICATION = 1 << 14, 1 << 16, 1 << 18, 1 << 21
DIRECTION, INTERRUPT, PRIVILEGE, VIRTUAL = 1 << 10, 1 << 9, 3 << 12, 7 << 17 & ~ALIGNMENT


def landed(
    code: bytes, *, user: bool = False, vector: int = BREAKPOINT, flags: int = FLAGS
) -> Frame:
    """Run code from the tested place; return the frame of the trap where it arrived."""
    return outcome_of(code, user=user, vector=vector, flags=flags)[0]


def outcome_of(
    code: bytes, *, user: bool = False, vector: int = BREAKPOINT, flags: int = FLAGS
) -> tuple[Frame, Outcome]:
    """Do the same, and return all that both builds agree on."""
    pieces = {
        TEXT: user_mode_prepare() + handlers_set((vector,)) + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
    }
    first = Frame(state=USER | MASKED if user else MASKED, rflags=flags)
    data = {HANDLERS: handler_rows((vector,)), FIRST_FRAME: first.pack()}
    made = Guest(text=page(pieces), data=data_page(data), more=(LOW_CODE,))
    outcome = run_both(made).outcome
    frame, _ = shown(outcome)
    assert (frame.cs, frame.ss) == (GUEST_CODE, GUEST_DATA)
    return frame, outcome


@pytest.mark.parametrize("user", [False, True], ids=["kernel", "user"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("released", [None, 0, 0x18], ids=["plain", "imm_0", "imm_24"])
def test_a_far_return_pops_its_target(size: int, released: int | None, user: bool) -> None:
    code = b"\xcb" if released is None else b"\xca" + released.to_bytes(2, "little")
    target = TARGET if size == 8 else LOW_TARGET
    frame = landed(returning(target, CODE, size=size) + SIZES[size] + code, user=user)
    assert frame.rip == target + 1
    assert frame.rsp == STACK + 2 * size + (released or 0)


@pytest.mark.parametrize("size", SIZES)
def test_only_the_selector_counts_of_what_lies_above_it(size: int) -> None:
    """Its word on the stack is as wide as the operand; the rest is thrown away."""
    target = TARGET if size == 8 else LOW_TARGET
    words = returning(target, CODE | 0x7777_0000, size=size)
    assert landed(words + SIZES[size] + b"\xcb").rip == target + 1


@pytest.mark.parametrize("user", [False, True], ids=["kernel", "user"])
@pytest.mark.parametrize("size", SIZES)
def test_an_interrupt_return_pops_flags_and_stack(size: int, user: bool) -> None:
    target = TARGET if size == 8 else LOW_TARGET
    stack = STACK + 0x80 if size == 8 else 0x6543
    words = returning(target, CODE, FLAGS | STATUS, stack, DATA_SELECTOR, size=size)
    frame = landed(words + SIZES[size] + b"\xcf", user=True)
    assert frame.rip == target + 1
    assert frame.rsp == stack
    assert frame.rflags & STATUS == STATUS


SELECTORS = {"own": CODE, "own_in_ring_0": OTHER_RING}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS)
@pytest.mark.parametrize("user", [False, True], ids=["kernel", "user"])
def test_a_far_call_leaves_selector_and_address(size: int, selector: int, user: bool) -> None:
    target = TARGET if size == 8 else LOW_TARGET
    before = pointing(target, selector, size) + load(RSP, STACK) + load(RAX, 0)
    code = before + branching(3, size)
    frame, outcome = outcome_of(code, user=user)
    assert frame.rip == target + 1
    assert frame.rsp == STACK - 2 * size
    mask = (1 << 8 * size) - 1
    if user:  # a kernel's own frame lies there
        assert outcome.word(STACK - size, size) == CODE
    assert outcome.word(STACK - 2 * size, size) == (TESTED + len(code)) & mask


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS)
def test_a_far_jump_changes_nothing_else(size: int, selector: int) -> None:
    target = TARGET if size == 8 else LOW_TARGET
    code = pointing(target, selector, size) + load(RSP, STACK) + branching(5, size)
    frame = landed(code)
    assert (frame.rip, frame.rsp) == (target + 1, STACK)
    assert frame.rflags == FLAGS


class Operand(NamedTuple):
    """One way to name the pointer at SCRATCH."""

    name: str
    before: bytes
    operand: bytes
    """Prefixes are in `prefix`; here are the byte of mode and register, and what follows."""
    prefix: bytes = b"\x48"


def displaced(value: int) -> bytes:
    """Return four bytes of displacement."""
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


OPERANDS = (
    Operand("register", load(RBX, SCRATCH), b"\x2b"),
    Operand("extended_register", load_any(15, SCRATCH), b"\x2f", b"\x49"),
    Operand("byte", load(RBX, SCRATCH + 5), b"\x6b\xfb"),
    Operand("word", load(RBX, SCRATCH - 0x1234), b"\xab" + displaced(0x1234)),
    Operand("frame_pointer", load(RBP, SCRATCH), b"\x6d\x00"),
    Operand("r13", load_any(13, SCRATCH - 8), b"\x6d\x08", b"\x49"),
    Operand("r12", load_any(12, SCRATCH), b"\x2c\x24", b"\x49"),
    Operand("stack", load(RSP, SCRATCH), b"\x2c\x24"),
    Operand("scaled", load(RBX, SCRATCH - 0x40) + load(RAX, 8), b"\x2c\xc3"),
    Operand(
        "scaled_r9", load(RBX, SCRATCH + 4) + load_any(9, -2 & (1 << 64) - 1), b"\x2c\x4b", b"\x4a"
    ),
    Operand("index_alone", load(RAX, 8), b"\x2c\xc5" + displaced(SCRATCH - 0x40)),
    Operand("absolute", b"", b"\x2c\x25" + short(SCRATCH)),
    Operand("no_index_but_r12", load_any(12, 4) + load(RBX, SCRATCH - 8), b"\x2c\x63", b"\x4a"),
    Operand("ignored_segments", load(RBX, SCRATCH), b"\x2b", b"\x2e\x36\x3e\x26\x48"),
    Operand("idle_prefixes", load(RBX, SCRATCH), b"\x2b", b"\x66\xf2\xf3\x48"),
    Operand("fs_without_base", load(RBX, SCRATCH), b"\x2b", b"\x64\x48"),
)


@pytest.mark.parametrize("row", OPERANDS, ids=lambda row: row.name)
def test_a_pointer_is_found_by_every_form_of_address(row: Operand) -> None:
    code = pointing(TARGET, CODE) + row.before + row.prefix + b"\xff" + row.operand
    assert landed(code).rip == TARGET + 1


def test_a_pointer_is_found_relative_to_the_next_instruction() -> None:
    before = pointing(TARGET, CODE)
    behind = TESTED + len(before) + 7
    assert landed(before + b"\x48\xff\x2d" + displaced(SCRATCH - behind)).rip == TARGET + 1


def test_an_address_of_32_bits_wraps() -> None:
    """The low segment holds no pointer: what is popped from it is its `int3`s."""
    code = load(RBX, HIGH_BITS | LOW) + b"\x67\x48\xff\x2b"
    frame = landed(code, vector=PROTECTION)
    assert frame.error_code == 0xCCCC


def test_rex_counts_only_before_the_opcode() -> None:
    """Without it the operand has 16 bits, and the selector lies right behind them."""
    code = pointing(LOW_TARGET, CODE, 2) + load(RBX, SCRATCH) + b"\x48\x66\xff\x2b"
    assert landed(code).rip == LOW_TARGET + 1


def after_flags(popped: int, before: int = FLAGS) -> int:
    """Return the flags that `pushf` shows behind an `iret`."""
    words = returning(TARGET, CODE, popped, STACK, DATA_SELECTOR)
    pieces = {
        TEXT: words + load(RAX, before) + b"\x50\x9d\x48\xcf",  # push rax; popf; iretq
        TARGET: b"\x9c\x58" + store(RAX, DATA) + leave(0),  # pushf; pop rax
    }
    return run_both(Guest(text=page(pieces), data=data_page({}))).outcome.word(DATA)


@pytest.mark.parametrize(
    ("popped", "kept"),
    [
        (STATUS, STATUS),
        (DIRECTION, DIRECTION),
        (NESTED, NESTED),
        (ALIGNMENT, ALIGNMENT),
        (IDENTIFICATION, IDENTIFICATION),
        # Neither privilege nor interrupts, nor a mode of another time, are a guest's to change.
        (PRIVILEGE, 0),
        (VIRTUAL, 0),
        (0xFFFF_FFFF_0000_0000, 0),
    ],
)
def test_flags_that_a_guest_may_change_are_taken_over(popped: int, kept: int) -> None:
    assert after_flags(popped) == FLAGS | kept
    everything = STATUS | DIRECTION | ALIGNMENT | IDENTIFICATION | FLAGS
    assert after_flags(popped, everything) == FLAGS | kept


STEPPED = {
    "lret": (returning(TARGET, CODE), b"\x48\xcb"),
    "ljmp": (pointing(TARGET, CODE), branching(5)),
    "lcall": (pointing(TARGET, CODE) + load(RSP, STACK), branching(3)),
    "iret": (returning(TARGET, CODE, FLAGS, STACK, DATA_SELECTOR), b"\x48\xcf"),
}
SET_TRAP = b"\x9c\x81\x0c\x24\x00\x01\x00\x00\x9d"  # pushf; or dword [rsp], TF; popf


@pytest.mark.parametrize("user", [False, True], ids=["kernel", "user"])
@pytest.mark.parametrize("name", STEPPED)
def test_a_single_step_traps_behind_the_transfer(name: str, user: bool) -> None:
    """Also where `iret` itself takes the flag away. The step over `nop` comes first."""
    before, code = STEPPED[name]
    pieces = before.replace(load(RSP, STACK), b"") + load(RSP, STACK)
    frame = landed_by_steps(pieces, code, user)
    assert (frame.vector, frame.rip) == (DEBUG, TARGET)
    assert frame.rflags == (FLAGS if name == "iret" else FLAGS | TRAP_FLAG)


def landed_by_steps(before: bytes, code: bytes, user: bool) -> Frame:
    """Run the code with the trap flag set in its first frame."""
    pieces = {
        TEXT: user_mode_prepare()
        + handlers_set((DEBUG,))
        + before.replace(load(RSP, STACK), b"")
        + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
    }
    state = USER | MASKED if user else MASKED
    first = Frame(state=state, rflags=FLAGS | TRAP_FLAG, rsp=STACK)
    data = {HANDLERS: handler_rows((DEBUG,)), FIRST_FRAME: first.pack()}
    outcome = run_both(Guest(text=page(pieces), data=data_page(data))).outcome
    return shown(outcome)[0]


def test_an_interrupt_return_that_sets_the_trap_flag_steps_over_the_next_instruction() -> None:
    words = returning(TARGET, CODE, FLAGS | TRAP_FLAG, STACK, DATA_SELECTOR)
    frame, _ = outcome_of_target(words + b"\x48\xcf", NOP * 3, DEBUG)
    assert frame.rip == TARGET + 1


def outcome_of_target(code: bytes, target: bytes, vector: int) -> tuple[Frame, Outcome]:
    """Run code that goes to code of its own at TARGET."""
    pieces = {
        TEXT: handlers_set((vector,)) + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
        TARGET: target,
    }
    data = {HANDLERS: handler_rows((vector,)), FIRST_FRAME: Frame().pack()}
    outcome = run_both(Guest(text=page(pieces), data=data_page(data))).outcome
    return shown(outcome)[0], outcome


def test_the_resume_flag_does_not_outlive_the_transfer() -> None:
    words = returning(TARGET, CODE, FLAGS | RESUME, STACK, DATA_SELECTOR)
    frame, _ = outcome_of_target(words + b"\x48\xcf", b"\xcc", BREAKPOINT)
    assert frame.rflags == FLAGS


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("rounds", [1, 1000])
def test_a_transfer_costs_one_instruction(timing: TimingModel, rounds: int) -> None:
    """A loop of far calls and far returns: its work is that of its instructions."""
    setup = pointing(TARGET, CODE) + load(RBX, rounds)
    call = branching(3)
    loop = call + b"\x48\xff\xcb" + b"\x0f\x85"  # dec rbx; jnz
    loop += displaced(-len(loop) - 4)
    end = leave(0)
    pieces = {TEXT: setup + loop + end, TARGET: NOP + b"\x48\xcb"}
    outcome = run_both(
        Guest(text=page(pieces), data=data_page({})), timing=timing, until_cycles=10_000_000
    ).outcome
    straight = run_both(Guest(text=page({TEXT: setup + end}), data=data_page({})), timing=timing)
    extra = outcome.statistics.work - straight.outcome.statistics.work
    in_bytes = len(loop) + 3
    assert extra == rounds * (5 if timing == TimingModel.UNIT else in_bytes)
    assert outcome.statistics.traps == {}


@pytest.mark.parametrize("name", STEPPED)
def test_what_lies_at_the_target_is_looked_at(name: str) -> None:
    """The first block after a transfer is checked like any other: here, for a port."""
    before, code = STEPPED[name]
    frame, _ = outcome_of_target(before + code, b"\xec", PROTECTION)
    assert frame.rip == TARGET
    frame, _ = outcome_of_target(before + code, NOP * 3 + b"\xec", PROTECTION)
    assert frame.rip == TARGET + 3


HIDING = {
    "lock_nop": b"\xf0\x90",
    "lock_mov": b"\xf0\x89\xc0",
    "lock_fnop": b"\xf0\xd9\xd0",
    "lock_in": b"\xf0\xec",
    "lock_iret": b"\xf0\x48\xcf",
    "movmskps_memory": b"\x0f\x50\x03",
    "transaction_abort": b"\xc6\xf9\x00",
    # Two bytes longer for the engine than for a decoder: it would find the transfer in a constant.
    "vmread": b"\x66\x48\x0f\x78\x03\x48\xb8",
}


@pytest.mark.parametrize("name", HIDING)
def test_what_cannot_be_decoded_hides_nothing(name: str) -> None:
    """The engine would execute these, and then whatever follows."""
    code = load(RBX, SCRATCH) + load(RSP, STACK)
    frame = landed(code + HIDING[name] + b"\x48\xcb", user=True, vector=UNDEFINED)
    assert frame.rip == TESTED + len(code)


HINTS = {
    "nop_1c": b"\x0f\x1c\x43\x10",
    "nop_1d": b"\x0f\x1d\xc1",
    "nop_1e": b"\xf3\x0f\x1e\xc1",
    "nop_1a": b"\x0f\x1a\x64\x8b\x10",
    "prefetch": b"\x0f\x0d\x5b\x08",
    "fcom2": b"\xdc\xd1",
    "short_movsxd": b"\x67\x63\x03",
    "idle_prefix_bsf": b"\xf2\x0f\xbc\xc1",
}


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", HINTS)
def test_harmless_instructions_that_a_decoder_may_not_know_are_executed(
    name: str, timing: TimingModel
) -> None:
    """And counted, and what follows them is looked at."""
    setup = load(RBX, LOW)
    pieces = {TEXT: setup + HINTS[name] + NOP * 3 + leave(5)}
    made = Guest(text=page(pieces), data=data_page({}), more=(LOW_CODE,))
    outcome = run_both(made, timing=timing).outcome
    plain = Guest(text=page({TEXT: setup + leave(5)}), data=data_page({}), more=(LOW_CODE,))
    straight = run_both(plain, timing=timing).outcome
    assert outcome.statistics.exit_code == 5
    extra = outcome.statistics.work - straight.statistics.work
    assert extra == (4 if timing == TimingModel.UNIT else len(HINTS[name]) + 3)
    port = HINTS[name] + b"\xec"
    assert landed(load(RBX, LOW) + port, vector=PROTECTION).rip == TESTED + 10 + len(port) - 1


def test_a_transfer_that_is_jumped_into_costs_nothing_back() -> None:
    """A refused instruction inside the bytes of one that has run: nothing of that is refunded."""
    # mov eax, imm32 whose last byte is `in al, dx`; then a jump back into it.
    body = b"\xb8\x90\x90\x90\xec" + NOP * 50
    back = b"\xeb" + (-(len(body) - 4) - 2 & 0xFF).to_bytes(1, "little")
    setup = load(RBX, 1)
    made = Guest(text=page({TEXT: setup + body + back}), data=data_page({}))
    outcome = run_both(made, timing=TimingModel.UNIT).outcome
    assert outcome.statistics.stop_vector == PROTECTION
    assert outcome.statistics.stop_rip == TEXT + len(setup) + 4
    assert outcome.statistics.work == 1 + 1 + 50 + 1
    assert len(outcome.data) == DATA_SIZE


def test_flags_are_cleaned_alike_at_every_tick() -> None:
    """The monitor drops the nested-task flag whenever it is entered, also where nobody switches."""
    setting = b"\x9c\x81\x0c\x24\x00\x40\x00\x00\x9d"  # pushf; or dword [rsp], NT; popf
    spin = load(RBX, 100_000) + b"\x48\xff\xcb\x75\xfb"  # dec rbx; jnz
    show = b"\x9c\x58" + store(RAX, DATA) + leave(0)
    code = load(RSP, STACK) + setting + spin + show
    made = Guest(text=page({TEXT: code}), data=data_page({}), quantum_cycles=10_000)
    outcome = run_both(made).outcome
    assert outcome.word(DATA) & NESTED == 0


def calling(rounds: int) -> Guest:
    """Return a guest that calls far and is returned to, again and again."""
    setup = pointing(TARGET, CODE) + load(RBX, rounds)
    loop = branching(3) + NOP * 3 + b"\x48\xff\xcb\x0f\x85"  # dec rbx; jnz
    loop += displaced(-len(loop) - 4)
    text = page({TEXT: setup + loop + leave(0), TARGET: NOP * 2 + b"\x48\xcb"})
    return Guest(text=text, data=data_page({}), quantum_cycles=61)


@pytest.mark.parametrize("timing", TIMINGS)
def test_transfers_are_preempted_alike(timing: TimingModel) -> None:
    """In slots of a few instructions; one with the same code, one with other code in its place."""
    plain = load(RBX, 300) + NOP * 90 + b"\x48\xff\xcb\x75\xa1"  # dec rbx; jnz: 95 back
    guests = (
        calling(300),
        replace(calling(200), name="same", quantum_cycles=53),
        replace(calling(1), name="plain", text=page({TEXT: plain + leave(0)})),
    )
    agreed = run_both(*guests, timing=timing)
    assert [outcome.statistics.exit_code for outcome in agreed.outcomes] == [0, 0, 0]
    assert all(outcome.statistics.traps == {} for outcome in agreed.outcomes)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("timing", TIMINGS)
def test_pauses_and_snapshots_are_invisible_to_transfers(
    build: MonitorBuild, timing: TimingModel
) -> None:
    """Whether the engine has been stopped before one already, or has never seen its block."""
    hashes = []
    for step in (LONG_CYCLES, 97, 13):
        with make_machine(build, timing) as machine:
            boot(machine, (calling(40), replace(calling(30), name="other")))
            at = 0
            while machine.run(at := at + step).reason == ExitReason.PAUSED:
                machine.restore(machine.snapshot())
            hashes.append(machine.state_hash())
    assert len(set(hashes)) == 1
