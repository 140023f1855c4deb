# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest's state is when a trap arrives in the middle of something.

Instructions that lie across pages, string instructions that got half-way, single steps, calls
of the monitor from either mode; always under both builds, with every register compared.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.guests.both_builds import TIMINGS, Guest, Outcome, run_both
from tests.guests.machine_code import (
    COUNTER,
    DATA,
    DATA_END,
    DUMPED,
    FIRST_FRAME,
    FLAGS,
    HANDLER,
    HANDLERS,
    MASKED,
    NOP,
    PAGE,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    SECOND_HANDLER,
    SYSCALL,
    TESTED,
    TEXT,
    TRAP_FLAG,
    USER,
    USER_STACK,
    Frame,
    add,
    data_page,
    handler_rows,
    handlers_set,
    increment,
    jump,
    load_any,
    page,
    return_to_first_frame,
    show_frame,
    show_frame_and_leave,
    store,
    user_mode_prepare,
)
from tests.guests.test_traps import shown
from tests.guests.trap_cases import DEBUG, FETCH, PAGE_FAULT, READ, UNDEFINED, WRITE
from tests.unit.tiny_guests import VMCALL, call, leave, load
from ultravisor.machine.abi import VECTOR_SYSTEM_CALL, Callback, Hypercall, StopReason
from ultravisor.machine.interface import TimingModel

pytestmark = pytest.mark.guest
both_timings = pytest.mark.parametrize("timing", TIMINGS)


def guest(
    code: bytes, *, vector: int, first: Frame | None = None, prepare: bytes = b"", flags: int = 0
) -> Guest:
    """Return a guest with a handler of one vector that runs `code` from its first frame."""
    pieces = {
        TEXT: prepare + handlers_set((vector,)) + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
    }
    rows = handler_rows((vector,), flags)
    data = {HANDLERS: rows, FIRST_FRAME: (first or Frame()).pack()}
    return Guest(text=page(pieces), data=data_page(data))


class Edge(NamedTuple):
    """Code at the end of the text, behind which nothing is mapped."""

    name: str
    last: bytes
    inside_bytes: int
    """Of the last instruction; 0: it lies wholly behind."""

    def __str__(self) -> str:
        return self.name


EDGES = (
    Edge("falls_off", b"", 0),
    Edge("one_byte_inside", b"\x48\xb8", 1),
    Edge("two_bytes_inside", b"\x48\xb8", 2),
    Edge("nine_bytes_inside", b"\x48\xb8" + bytes(7), 9),
    Edge("half_a_jump", b"\xe9\x00", 2),
)


@both_timings
@pytest.mark.parametrize("nops", [0, 1, 40])
@pytest.mark.parametrize("edge", EDGES, ids=str)
def test_an_instruction_that_lies_half_behind_the_text(
    edge: Edge, nops: int, timing: TimingModel
) -> None:
    """All that precedes it has run, once; the fault is at it, for the page behind."""
    last = edge.last[: edge.inside_bytes]
    code = increment() + NOP * nops + last
    start = TEXT + PAGE - len(code)
    text = page({TEXT: jump(TEXT, start), start: code})
    outcome = run_both(Guest(text=text), timing=timing).outcome
    statistics = outcome.statistics
    assert statistics.stop_reason == StopReason.UNHANDLED_TRAP
    assert (statistics.stop_vector, statistics.stop_error_code) == (PAGE_FAULT, FETCH)
    assert statistics.stop_address == TEXT + PAGE
    assert outcome.word(COUNTER, 4) == 1
    assert statistics.stop_rip == TEXT + PAGE - len(last)
    executed = 2 + nops if timing == TimingModel.UNIT else 5 + len(increment()) + nops
    assert statistics.work == executed


class Repeated(NamedTuple):
    """A string instruction that faults half-way."""

    name: str
    code: bytes
    error_code: int
    address: int
    start: tuple[int, int, int]
    """RSI, RDI and RCX before it."""
    end: tuple[int, int, int]

    def __str__(self) -> str:
        return self.name


ROOM = 40
REPEATED = (
    Repeated(
        "movsb_target",
        b"\xf3\xa4",
        WRITE,
        DATA_END,
        (DATA, DATA_END - ROOM, 100),
        (DATA + ROOM, DATA_END, 100 - ROOM),
    ),
    Repeated(
        "movsb_source",
        b"\xf3\xa4",
        READ,
        DATA_END,
        (DATA_END - ROOM, DATA + PAGE, 100),
        (DATA_END, DATA + PAGE + ROOM, 100 - ROOM),
    ),
    Repeated(
        "movsq_across_the_end",
        b"\xf3\x48\xa5",
        WRITE,
        DATA_END,
        (DATA, DATA_END - ROOM + 4, 100),
        (DATA + ROOM - 8, DATA_END - 4, 100 - ROOM // 8 + 1),
    ),
    Repeated(
        "movsb_backwards",
        b"\xfd\xf3\xa4",
        WRITE,
        DATA - 1,
        (DATA + PAGE, DATA + ROOM - 1, 100),
        (DATA + PAGE - ROOM, DATA - 1, 100 - ROOM),
    ),
    Repeated(
        "stosb",
        b"\xf3\xaa",
        WRITE,
        DATA_END,
        (7, DATA_END - ROOM, 100),
        (7, DATA_END, 100 - ROOM),
    ),
    Repeated("lodsb_at_once", b"\xf3\xac", READ, DATA_END, (DATA_END, 8, 100), (DATA_END, 8, 100)),
)


@both_timings
@pytest.mark.parametrize("quantum_cycles", [100_000, 16])
@pytest.mark.parametrize("case", REPEATED, ids=str)
def test_a_string_instruction_that_faults_half_way(
    case: Repeated, quantum_cycles: int, timing: TimingModel
) -> None:
    """Its registers say how far it got, and it is the instruction that faults."""
    before = load(RSI, case.start[0]) + load(RDI, case.start[1]) + load(RCX, case.start[2])
    made = guest(before + case.code + leave(1), vector=PAGE_FAULT)
    made = Guest(text=made.text, data=made.data, quantum_cycles=quantum_cycles)
    outcome = run_both(made, timing=timing).outcome
    frame, registers = shown(outcome)
    assert (frame.error_code, frame.fault_address) == (case.error_code, case.address)
    assert frame.rip == TESTED + len(before) + case.code.index(b"\xf3")
    assert (registers[RSI], registers[RDI], frame.rcx) == case.end


MAGIC = {register: 0x1111111111111111 * (register % 15 + 1) ^ register for register in range(16)}


@both_timings
def test_every_register_arrives_as_it_was(timing: TimingModel) -> None:
    loads = b"".join(load_any(number, MAGIC[number]) for number in range(16) if number != 4)
    outcome = run_both(guest(loads + b"\x0f\x0b", vector=UNDEFINED), timing=timing).outcome
    frame, registers = shown(outcome)
    assert registers == {number: MAGIC[number] for number in DUMPED}
    assert (frame.rax, frame.rcx, frame.r11) == (MAGIC[RAX], MAGIC[RCX], MAGIC[11])
    assert (frame.rsp, frame.rip) == (USER_STACK, TESTED + len(loads))


# Each pair: an instruction, and how far a single step goes.
STEPS = {
    "nop": (NOP, 1),
    "mov": (load(RBX, 5), 10),
    "jump": (b"\xeb\x10", 0x12),
    "vmcall_and_nop": (VMCALL + NOP, 4),
}


@both_timings
@pytest.mark.parametrize(
    ("name", "state"),
    [(name, MASKED) for name in STEPS]
    # In user mode `vmcall` is no call.
    + [(name, MASKED | USER) for name in STEPS if not name.startswith("vmcall")],
)
@pytest.mark.parametrize("same_as_call", [False, True], ids=["iretq", "sysretq"])
def test_a_single_step_traps_behind_one_instruction(
    name: str, same_as_call: bool, state: int, timing: TimingModel
) -> None:
    """Whichever way the monitor returns by: the frame's RCX and R11 may fit `sysret`."""
    code, size = STEPS[name]
    flags = FLAGS | TRAP_FLAG
    first = Frame(state=state, rflags=flags, rax=Hypercall.VERSION)
    if same_as_call:
        first = first._replace(rcx=first.rip, r11=first.rflags)
    made = guest(code + NOP * 40 + leave(1), vector=DEBUG, first=first, prepare=user_mode_prepare())
    outcome = run_both(made, timing=timing).outcome
    frame, _ = shown(outcome)
    assert (frame.vector, frame.error_code, frame.fault_address) == (DEBUG, 0, 0)
    assert frame.rip == TESTED + size
    assert frame.rflags == flags
    assert frame.state == state


@both_timings
def test_single_steps_go_on_until_the_frame_clears_them(timing: TimingModel) -> None:
    """The handler counts, shows its frame, and returns by it; five times."""
    count = 5
    handler = (
        increment()
        + b"\x83\x3c\x25"  # cmp dword [COUNTER], count
        + (COUNTER & 0xFFFFFFFF).to_bytes(4, "little")
        + bytes([count])
        + b"\x75\x0a"  # jne: over the next instruction
        + b"\x48\x81\x64\x24\x48\xff\xfe\xff\xff"  # and qword [rsp + 72], ~TF
        + NOP
        + load(RAX, Hypercall.IRET)
        + VMCALL
    )
    pieces = {
        TEXT: handlers_set((DEBUG,)) + return_to_first_frame(),
        TESTED: NOP * 40 + leave(9),
        HANDLER: handler,
    }
    first = Frame(rflags=FLAGS | TRAP_FLAG)
    data = {HANDLERS: handler_rows((DEBUG,)), FIRST_FRAME: first.pack()}
    outcome = run_both(Guest(text=page(pieces), data=data_page(data)), timing=timing).outcome
    assert outcome.statistics.exit_code == 9
    assert outcome.statistics.traps == {DEBUG: count}


def test_a_call_of_the_monitor_by_vmcall_and_by_syscall() -> None:
    """Both return the version and go on behind themselves; `syscall` loses RCX and R11."""
    code = b"".join(
        load(RCX, 1)
        + load_any(11, 2)
        + load(RAX, Hypercall.VERSION)
        + instruction
        + b"".join(
            store(register, DATA + 0x200 + 32 * at + 8 * place)
            for place, register in enumerate((RAX, RCX, 11))
        )
        for at, instruction in enumerate((VMCALL, SYSCALL))
    )
    outcome = run_both(Guest(text=page({TEXT: code + leave(0)}), data=data_page({}))).outcome
    words = [outcome.word(DATA + 0x200 + 8 * at) for at in range(7)]
    behind_syscall = TEXT + code.index(SYSCALL) + 2
    assert words[:3] == [1, 1, 2]
    assert words[4:7] == [1, behind_syscall, FLAGS]
    assert outcome.statistics.hypercalls == {Hypercall.VERSION: 2, Hypercall.PARTITION_EXIT: 1}
    assert outcome.statistics.traps == {}


USER_FRAME = Frame(state=USER | MASKED, rax=Hypercall.VERSION)


@both_timings
@pytest.mark.parametrize("instruction", [VMCALL, SYSCALL], ids=["vmcall", "syscall"])
def test_user_mode_may_not_call_the_monitor(instruction: bytes, timing: TimingModel) -> None:
    made = guest(
        increment() + instruction + leave(1),
        vector=UNDEFINED,
        first=USER_FRAME,
        prepare=user_mode_prepare(),
    )
    outcome = run_both(made, timing=timing).outcome
    frame, _ = shown(outcome)
    assert (frame.vector, frame.error_code, frame.state) == (UNDEFINED, 0, USER | MASKED)
    assert frame.rip == TESTED + len(increment())
    assert Hypercall.VERSION not in outcome.statistics.hypercalls
    assert outcome.statistics.system_calls == 0


@both_timings
def test_a_system_call_of_user_mode_arrives_in_its_callback(timing: TimingModel) -> None:
    """With the number and all arguments where user mode put them, and back again."""
    code = increment() + SYSCALL + add(0x100) + b"\x0f\x0b"
    prepare = user_mode_prepare() + call(
        Hypercall.CALLBACK_SET, Callback.SYSTEM_CALL, SECOND_HANDLER
    )
    pieces = {
        TEXT: prepare + handlers_set((UNDEFINED,)) + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
        SECOND_HANDLER: show_frame() + load(RAX, Hypercall.IRET) + VMCALL,
    }
    data = {
        HANDLERS: handler_rows((UNDEFINED,)),
        FIRST_FRAME: USER_FRAME._replace(rax=0x1234, r11=5).pack(),
    }
    outcome = run_both(Guest(text=page(pieces), data=data_page(data)), timing=timing).outcome
    half = len(outcome.console) // 2
    behind = TESTED + len(increment() + SYSCALL)
    first, second = (
        shown(Outcome(outcome.statistics, 0, part, b""))[0]
        for part in (outcome.console[:half], outcome.console[half:])
    )
    expected = Frame(
        rax=0x1234,
        rcx=behind,
        r11=FLAGS,
        vector=VECTOR_SYSTEM_CALL,
        state=USER | MASKED,
        rip=behind,
        rsp=USER_STACK,
    )
    assert first == expected
    assert (second.rip, second.rax) == (behind + len(add(0x100)), 0x1234)
    assert outcome.statistics.system_calls == 1
    assert outcome.word(COUNTER, 4) == 0x101


@both_timings
@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("state", [MASKED, MASKED | USER], ids=["kernel", "user"])
def test_int_n_needs_leave_in_user_mode(state: int, allowed: bool, timing: TimingModel) -> None:
    """With a handler: the kernel always may, user mode where the handler says so."""
    vector = 13
    made = guest(
        b"\xcd\x0d" + leave(1),
        vector=vector,
        first=Frame(state=state),
        prepare=user_mode_prepare(),
        flags=2 if allowed else 0,
    )
    frame, _ = shown(run_both(made, timing=timing).outcome)
    passes = allowed or not state & USER
    assert frame.vector == vector
    assert frame.error_code == (0 if passes else vector * 8 + 2)
    assert frame.rip == (TESTED + 2 if passes else TESTED)


@pytest.mark.parametrize("user", [False, True], ids=["kernel", "user"])
def test_a_fault_in_the_frame_keeps_the_first_reason(user: bool) -> None:
    """Read-only, unmapped, half unmapped: the frame cannot be written, nothing else is."""
    for stack in (TEXT + PAGE, 0x1000, DATA + 64):
        prepare = user_mode_prepare() + call(Hypercall.KERNEL_STACK_SET, stack)
        first = Frame(state=USER | MASKED if user else MASKED, rsp=DATA_END if user else stack)
        made = guest(b"\x8b\x03", vector=PAGE_FAULT, first=first, prepare=prepare)
        statistics = run_both(made).outcome.statistics
        assert statistics.stop_reason == StopReason.TRAP_IN_DELIVERY
        assert (statistics.stop_vector, statistics.stop_error_code) == (PAGE_FAULT, READ)
        assert (statistics.stop_rip, statistics.stop_address) == (TESTED, stack - 96)
        assert statistics.traps == {PAGE_FAULT: 1}


@both_timings
@pytest.mark.parametrize(
    ("transport", "left"), [(VMCALL, 0), (SYSCALL, 3)], ids=["vmcall", "syscall"]
)
def test_what_a_null_selector_is_behind_a_call(
    transport: bytes, left: int, timing: TimingModel
) -> None:
    """As `iret` to an outer ring and `sysret` leave it, in both builds."""
    code = load(RCX, 3) + b"\x8e\xc1"  # mov es, ecx
    code += load(RAX, Hypercall.VERSION) + transport + b"\x8c\xc7"  # mov edi, es
    code += load(RSI, 0) + load(RDX, 0) + load(RAX, Hypercall.PARTITION_EXIT) + VMCALL
    assert run_both(Guest(text=code), timing=timing).outcome.statistics.exit_code == left


@both_timings
def test_a_guest_s_direction_flag_is_its_own(timing: TimingModel) -> None:
    """No gate clears it: a monitor that copied backwards would write over itself."""
    ending = {
        Hypercall.PARTITION_EXIT,
        Hypercall.BLOCK,
        Hypercall.IRET,
        Hypercall.PROCESSOR_STOP,
        Hypercall.WATCHDOG_SET,
    }
    code = b"\xfd"  # std
    for number in Hypercall:
        if number not in ending:
            code += call(number, 1, DATA, 8)
    text = page({TEXT: jump(TEXT, TESTED), TESTED: code + leave(42)})
    made = Guest(text=text, processors=(0, 0))
    assert run_both(made, timing=timing).outcome.statistics.exit_code == 42
