# SPDX-License-Identifier: GPL-2.0-or-later
"""Every trap of 32-bit code arrives exactly, from ring 1 and from ring 3.

Each case runs under both builds, without a handler and with one that shows all registers and
the frame; and what a guest's own segments are to each ring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.guests.both_builds import TIMINGS, Guest, Outcome, run_both
from tests.guests.machine_code_32 import (
    COUNTER,
    DATA_END,
    DS,
    EAX,
    EBP,
    EBX,
    ECX,
    EDI,
    EDX,
    ES,
    ESI,
    FIRST_FRAME,
    FLAGS,
    FS,
    GS,
    HANDLER,
    HANDLERS,
    HYPERCALL,
    MASKED,
    SCRATCH,
    TESTED,
    TEXT,
    USER_FRAME,
    USER_STACK,
    VMCALL,
    Frame,
    Shown,
    add,
    call,
    data_page,
    descriptor,
    descriptor_set,
    handler_rows,
    handlers_set,
    increment,
    leave,
    leave_with_result,
    load,
    load_segment,
    page,
    return_to_first_frame,
    selector,
    show_frame_and_leave,
    shown,
    store,
    user_mode_prepare,
    word,
)
from tests.guests.trap_cases_32 import CASES, KERNEL, MIDDLE, UNDEFINED, USER, Case
from tests.unit import tiny_guests as wide
from ultravisor.machine.abi import (
    ABI_VERSION,
    SELECTOR_GUEST_DATA,
    SELECTOR_KERNEL_CODE_32,
    SELECTOR_KERNEL_DATA_32,
    SELECTOR_USER_CODE_32,
    VECTOR_SYSTEM_CALL,
    Callback,
    Error,
    Hypercall,
    StopReason,
)

if TYPE_CHECKING:
    from ultravisor.machine.interface import TimingModel

pytestmark = pytest.mark.guest
modes = pytest.mark.parametrize("mode", [KERNEL, USER])
cases_in_modes = pytest.mark.parametrize(
    ("case", "mode"),
    [(case, mode) for case in CASES + MIDDLE for mode in case.modes],
    ids=str,
)

NOT_REACHED = 0x100
SHOWN_CODE = 77
FRAME_SIZE = 48
ARITHMETIC_FLAGS = 0x8D5
# Where the instruction itself moves the stack pointer, the trap comes after it.
STACKS = {"call_of_data": USER_STACK - 4}
CODE = {KERNEL: SELECTOR_KERNEL_CODE_32, USER: SELECTOR_USER_CODE_32}
STACK = {KERNEL: SELECTOR_KERNEL_DATA_32, USER: SELECTOR_GUEST_DATA}


def guest(code: bytes, mode: str, *, vectors: tuple[int, ...] = (), prepare: bytes = b"") -> Guest:
    """Return a guest that runs `code` in a mode, with a handler that shows what it finds."""
    start = user_mode_prepare() if mode == USER else b""
    first = USER_FRAME if mode == USER else Frame()
    pieces = {
        TEXT: start + handlers_set(vectors) + prepare + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
    }
    data = {HANDLERS: handler_rows(vectors), FIRST_FRAME: first.pack()}
    return Guest(text=page(pieces), data=data_page(data), width=32)


def code_of(case: Case) -> bytes:
    """Return the code around a case: once before it, and never behind it."""
    return increment() + case.before + case.instruction + add(NOT_REACHED) + leave(1)


def expected_eip(case: Case) -> int:
    """Return where the trap must say that it happened."""
    if case.eip is not None:
        return case.eip
    eip = TESTED + len(increment() + case.before)
    return eip + len(case.instruction) if case.behind else eip


def seen(outcome: Outcome) -> Shown:
    """Return what the handler has shown."""
    assert outcome.statistics.exit_code == SHOWN_CODE
    return shown(outcome.console)


@pytest.mark.parametrize("timing", TIMINGS)
@cases_in_modes
def test_a_trap_without_a_handler_stops_the_partition(
    case: Case, mode: str, timing: TimingModel
) -> None:
    outcome = run_both(guest(code_of(case), mode), timing=timing).outcome
    statistics = outcome.statistics
    assert (
        statistics.stop_reason,
        statistics.stop_vector,
        statistics.stop_error_code,
        statistics.stop_rip,
        statistics.stop_address,
    ) == (
        StopReason.UNHANDLED_TRAP,
        case.vector,
        case.error_code_in(mode),
        expected_eip(case),
        case.address,
    )
    assert statistics.traps == {case.vector: 1}
    assert outcome.word(COUNTER, 4) == 1


@cases_in_modes
def test_a_handler_finds_the_trap_in_its_frame(case: Case, mode: str) -> None:
    outcome = run_both(guest(code_of(case), mode, vectors=(case.vector,))).outcome
    if case.lost_stack is not None and mode == KERNEL:
        assert_lost(outcome, case, case.lost_stack)
        return
    frame = seen(outcome).frame
    assert (frame.vector, frame.error_code) == (case.vector, case.error_code_in(mode))
    assert (frame.fault_address, frame.eip) == (case.address, expected_eip(case))
    assert frame.state == (USER_FRAME.state if mode == USER else MASKED)
    assert (frame.cs, frame.ss) == (CODE[mode], STACK[mode])
    assert frame.esp == (case.lost_stack or STACKS.get(case.name, USER_STACK))
    assert frame.eflags & ~ARITHMETIC_FLAGS == FLAGS
    assert outcome.word(COUNTER, 4) == 1
    assert outcome.statistics.traps[case.vector] == 1


def assert_lost(outcome: Outcome, case: Case, stack: int) -> None:
    """The frame cannot be written: the partition stops, and the first reason is kept."""
    statistics = outcome.statistics
    assert (statistics.stop_reason, statistics.stop_vector, statistics.stop_address) == (
        StopReason.TRAP_IN_DELIVERY,
        case.vector,
        stack // 16 * 16 - FRAME_SIZE,
    )
    assert (statistics.stop_rip, outcome.console) == (expected_eip(case), b"")


MAGIC = {EAX: 0x11111111, ECX: 0x22222222, EDX: 0x33333333, EBX: 0x44444444}
MAGIC |= {EBP: 0x55555555, ESI: 0x66666666, EDI: 0x77777777}
OWN_KERNEL, OWN_USER = selector(0, 1), selector(1, 3)


@modes
def test_all_registers_are_as_they_were(mode: str) -> None:
    """What user mode may not hold is null from the moment in which it runs."""
    prepare = descriptor_set(0, descriptor(ring=1)) + descriptor_set(1, descriptor(ring=3))
    values = {DS: SELECTOR_KERNEL_DATA_32, ES: SELECTOR_GUEST_DATA, FS: OWN_KERNEL, GS: OWN_USER}
    prepare += b"".join(load_segment(segment, value) for segment, value in values.items())
    code = b"".join(load(register, value) for register, value in MAGIC.items()) + b"\x0f\x0b"
    result = seen(run_both(guest(code, mode, vectors=(UNDEFINED,), prepare=prepare)).outcome)
    assert (result.ebx, result.ebp, result.esi, result.edi) == tuple(
        MAGIC[register] for register in (EBX, EBP, ESI, EDI)
    )
    frame = result.frame
    assert (frame.eax, frame.ecx, frame.edx) == (MAGIC[EAX], MAGIC[ECX], MAGIC[EDX])
    selectors = (result.ds, result.es, result.fs, result.gs)
    if mode == KERNEL:
        assert selectors == tuple(values.values())
    else:
        assert selectors == (0, SELECTOR_GUEST_DATA, 0, OWN_USER)


@pytest.mark.parametrize("transport", [HYPERCALL, VMCALL], ids=["int_0x82", "vmcall"])
def test_a_call_changes_its_result_registers_alone(transport: bytes) -> None:
    loads = b"".join(load(register, value) for register, value in MAGIC.items())
    code = loads + load(EAX, Hypercall.VERSION) + transport + b"\x0f\x0b"
    result = seen(run_both(guest(code, KERNEL, vectors=(UNDEFINED,))).outcome)
    assert (result.frame.eax, result.frame.edx) == (ABI_VERSION, 0)
    assert (result.frame.ecx, result.ebx, result.ebp, result.esi, result.edi) == tuple(
        MAGIC[register] for register in (ECX, EBX, EBP, ESI, EDI)
    )


def test_an_error_is_negative_in_both_halves() -> None:
    code = load(EAX, 0xFFFF) + HYPERCALL + b"\x0f\x0b"
    frame = seen(run_both(guest(code, KERNEL, vectors=(UNDEFINED,))).outcome).frame
    assert (frame.eax, frame.edx) == (0x100000000 - Error.NO_SUCH_CALL, 0xFFFFFFFF)


def test_a_system_call_arrives_behind_its_instruction() -> None:
    prepare = call(Hypercall.CALLBACK_SET, Callback.SYSTEM_CALL, HANDLER)
    code = b"".join(load(register, value) for register, value in MAGIC.items()) + b"\xcd\x80"
    result = seen(run_both(guest(code, USER, prepare=prepare)).outcome)
    frame = result.frame
    assert (frame.vector, frame.error_code) == (VECTOR_SYSTEM_CALL, 0)
    assert (frame.eip, frame.cs, frame.ss) == (TESTED + len(code), CODE[USER], STACK[USER])
    assert (frame.eax, frame.ecx, frame.edx) == (MAGIC[EAX], MAGIC[ECX], MAGIC[EDX])
    assert (result.ebx, result.edi) == (MAGIC[EBX], MAGIC[EDI])


@pytest.mark.parametrize("code", [0, 42, -1, -(1 << 31)])
def test_an_exit_code_keeps_its_sign(code: int) -> None:
    assert run_both(guest(leave(code), KERNEL)).outcome.statistics.exit_code == code


class Refused(NamedTuple):
    """A descriptor that is refused."""

    name: str
    number: int
    value: int
    error: Error

    def __str__(self) -> str:
        return self.name


GOOD = descriptor()
REFUSED = (
    Refused("code", 0, GOOD | 1 << 43, Error.INVALID_ARGUMENT),
    Refused("ring_0", 0, descriptor(ring=0), Error.INVALID_ARGUMENT),
    Refused("ring_2", 0, descriptor(ring=2), Error.INVALID_ARGUMENT),
    Refused("long", 0, GOOD | 1 << 53, Error.INVALID_ARGUMENT),
    Refused("not_present", 0, GOOD & ~(1 << 47), Error.INVALID_ARGUMENT),
    Refused("gate", 0, GOOD & ~(1 << 44), Error.INVALID_ARGUMENT),
    Refused("the_ninth", 8, GOOD, Error.LIMIT),
    Refused("wild", 0xFFFFFFFF, GOOD, Error.LIMIT),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_descriptor_that_is_no_data_of_a_guest_is_refused(case: Refused) -> None:
    """It changes nothing: the segment that was there is still there."""
    before = descriptor_set(0, descriptor(SCRATCH)) + load_segment(FS, selector(0))
    put = add(5, SCRATCH)
    read = b"\x64\xa1" + word(0)  # mov eax, fs:[0]
    code = before + put + descriptor_set(case.number, case.value) + store(EAX, COUNTER) + read
    outcome = run_both(guest(code + leave_with_result(), KERNEL)).outcome
    assert outcome.word(COUNTER, 4) == 0x100000000 - case.error
    assert outcome.statistics.exit_code == 5


def test_a_64_bit_guest_has_no_segments_of_its_own() -> None:
    code = wide.call(Hypercall.DESCRIPTOR_SET, 0, GOOD) + b"\x48\x89\xc7"  # mov rdi, rax
    code += b"\x31\xf6\x31\xd2" + wide.load(0, Hypercall.PARTITION_EXIT) + wide.VMCALL
    outcome = run_both(Guest(text=code)).outcome
    assert outcome.statistics.exit_code == -Error.NO_SUCH_CALL


CALLS_THAT_RETURN = tuple(
    number
    for number in Hypercall
    if number not in (Hypercall.PARTITION_EXIT, Hypercall.BLOCK, Hypercall.IRET)
    and number != Hypercall.PROCESSOR_STOP
)


@pytest.mark.parametrize("transport", [HYPERCALL, VMCALL], ids=["int_0x82", "vmcall"])
def test_a_guest_s_direction_flag_is_its_own(transport: bytes) -> None:
    """No gate clears it: a monitor that copied backwards would write over itself."""
    first_eip = FIRST_FRAME + 4 * Frame._fields.index("eip")
    code = b"\xfd"  # std
    for number in CALLS_THAT_RETURN:
        arguments = zip((EBX, ECX, EDX, ESI, EDI), (0, SCRATCH, 8, SCRATCH, 8), strict=True)
        code += b"".join(load(*row) for row in arguments) + load(EAX, number) + transport
    # And out by a frame: add dword [eip], what lies between here and there.
    end = TESTED + len(code) + len(add(0)) + len(return_to_first_frame())
    code += add(end - TESTED, first_eip) + return_to_first_frame() + b"\xfd\x0f\x0b"
    frame = seen(run_both(guest(code, KERNEL, vectors=(UNDEFINED,))).outcome).frame
    assert (frame.eip, frame.eflags & 0x400) == (end + 1, 0x400)


@pytest.mark.parametrize("mode", [KERNEL, USER])
def test_a_null_selector_is_zero_behind_a_trap(mode: str) -> None:
    """As an `iret` to an outer ring leaves DS and ES; FS and GS keep what they hold."""
    code = b"".join(load_segment(segment, 3) for segment in (ES, FS, GS)) + b"\x0f\x0b"
    result = seen(run_both(guest(code, mode, vectors=(UNDEFINED,))).outcome)
    assert (result.es, result.fs, result.gs) == (0, 3, 3)


@pytest.mark.parametrize("index", [0, 7])
def test_a_segment_follows_its_descriptor(index: int) -> None:
    """Moved, it reads elsewhere without being loaded again; removed, it is null."""
    read = b"\x65\xa1" + word(0)  # mov eax, gs:[0]
    code = add(1, SCRATCH) + add(2, SCRATCH + 8)
    code += descriptor_set(index, descriptor(SCRATCH)) + load_segment(GS, selector(index))
    code += read + store(EAX, COUNTER)
    code += descriptor_set(index, descriptor(SCRATCH + 8)) + read + store(EAX, COUNTER + 4)
    code += descriptor_set(index, 0) + b"\x0f\x0b"
    outcome = run_both(guest(code, KERNEL, vectors=(UNDEFINED,))).outcome
    assert (outcome.word(COUNTER, 4), outcome.word(COUNTER + 4, 4)) == (1, 2)
    assert seen(outcome).gs == 0


def test_a_segment_reaches_no_further_than_4_gib() -> None:
    """Base and offset are added in 32 bits: nothing above can be named."""
    code = descriptor_set(0, descriptor(0xF0000000)) + load_segment(FS, selector(0))
    code += b"\x64\xa1" + word(DATA_END + 0x10000000)  # mov eax, fs:[...]
    outcome = run_both(guest(code + leave(1), KERNEL)).outcome
    assert outcome.statistics.stop_reason == StopReason.UNHANDLED_TRAP
    assert outcome.statistics.stop_address == DATA_END


def test_narrow_and_wide_guests_share_a_processor() -> None:
    """Their descriptors change with who runs: each finds its own after every switch."""
    body = load_segment(FS, selector(0)) + b"\x64\xff\x05" + word(0)  # inc dword fs:[0]
    count = load(ECX, 300) + body + b"\x49\x75" + bytes([256 - len(body) - 3])  # dec ecx; jnz
    code = descriptor_set(0, descriptor(SCRATCH)) + count + leave()
    narrow = guest(code, KERNEL)
    other = guest(descriptor_set(0, descriptor(SCRATCH + 4)) + count + leave(), KERNEL)
    spin = wide.count_down(2000) + wide.leave()
    guests = [
        Guest(text=made.text, data=made.data, name=name, quantum_cycles=40, width=made.width)
        for name, made in (("a", narrow), ("b", Guest(text=spin)), ("c", other))
    ]
    first, _, third = run_both(*guests).outcomes
    assert (first.word(SCRATCH, 4), first.word(SCRATCH + 4, 4)) == (300, 0)
    assert (third.word(SCRATCH, 4), third.word(SCRATCH + 4, 4)) == (0, 300)
