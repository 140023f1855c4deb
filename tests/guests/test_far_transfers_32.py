# SPDX-License-Identifier: GPL-2.0-or-later
"""Far transfers of 32-bit code: within a ring, from ring 1 to ring 3, and never back.

The sibling of test_far_transfers: what both widths have alike is there. Always under both builds.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest

from tests.guests.both_builds import TIMINGS, Guest, run_both
from tests.guests.machine_code_32 import (
    DATA,
    DATA_DESCRIPTOR,
    DATA_END,
    DS,
    EAX,
    EBP,
    EBX,
    EDI,
    ES,
    ESI,
    ESP,
    FIRST_FRAME,
    FLAGS,
    FS,
    GS,
    HANDLER,
    HANDLERS,
    NOP,
    PAGE,
    SCRATCH,
    SS,
    TESTED,
    TEXT,
    USER_FRAME,
    USER_STACK,
    Frame,
    Shown,
    data_page,
    descriptor,
    descriptor_set,
    handler_rows,
    handlers_set,
    leave,
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
from tests.guests.trap_cases_32 import (
    BREAKPOINT,
    DIRECT_MAP,
    KERNEL,
    NOWHERE,
    PAGE_FAULT,
    PRESENT,
    PROTECTION,
    READ,
    UNDEFINED,
    USER,
    USER_BIT,
    WRITE,
)
from ultravisor.machine.abi import (
    SELECTOR_GUEST_CODE_64,
    SELECTOR_GUEST_DATA,
    SELECTOR_KERNEL_CODE_32,
    SELECTOR_KERNEL_DATA_32,
    SELECTOR_MONITOR_CODE,
    SELECTOR_USER_CODE_32,
)
from ultravisor.machine.interface import TimingModel
from ultravisor.machine.records import Segment

pytestmark = pytest.mark.guest
modes = pytest.mark.parametrize("mode", [KERNEL, USER])

DEBUG, TRAP_FLAG, NESTED = 1, 0x100, 1 << 14
STACK = SCRATCH + 0x100
TARGET = TEXT + 0xF00
LOW = 0x8000
"""Code of the kernel that 16 bits of address reach."""
LOW_CODE = Segment(
    address=LOW, size_bytes=PAGE, data=b"\xcc" * PAGE, writable=False, executable=True
)
LOW_TARGET = LOW + 0x123
CODE = {KERNEL: SELECTOR_KERNEL_CODE_32, USER: SELECTOR_USER_CODE_32}
OWN_STACK = {KERNEL: SELECTOR_KERNEL_DATA_32, USER: SELECTOR_GUEST_DATA}
PREFIX = {2: b"\x66", 4: b""}
FORMAT = {2: "H", 4: "I"}
RETURN, INTERRUPT_RETURN = b"\xcb", b"\xcf"
CALL, JUMP = 3, 5


def stored(address: int, data: bytes) -> bytes:
    """Return code that stores bytes, by way of EAX."""
    padded = data + bytes(-len(data) % 4)
    words = struct.unpack(f"<{len(padded) // 4}I", padded)
    return b"".join(
        load(EAX, value) + store(EAX, address + 4 * at) for at, value in enumerate(words)
    )


def returning(*words: int, size: int = 4, stack: int = STACK) -> bytes:
    """Return code that puts what a far return pops at the top of the stack."""
    values = [value & (1 << 8 * size) - 1 for value in words]
    frame = struct.pack(f"<{len(words)}{FORMAT[size]}", *values)
    return stored(stack, frame) + load(ESP, stack)


def pointing(offset: int, to_selector: int, size: int = 4) -> bytes:
    """Return code that puts a far pointer at SCRATCH."""
    return stored(SCRATCH, struct.pack(f"<{FORMAT[size]}H", offset, to_selector))


def branching(extension: int, size: int = 4) -> bytes:
    """Return `lcall` or `ljmp` through SCRATCH."""
    return PREFIX[size] + bytes([0xFF, 0x05 | extension << 3]) + word(SCRATCH)


def direct(opcode: int, offset: int, to_selector: int, size: int = 4) -> bytes:
    """Return `lcall` or `ljmp` with the pointer in the instruction."""
    pointer = struct.pack(f"<{FORMAT[size]}H", offset, to_selector)
    return PREFIX[size] + bytes([opcode]) + pointer


def made(
    code: bytes,
    mode: str,
    vector: int,
    *,
    prepare: bytes = b"",
    flags: int = FLAGS,
    stack: int = USER_STACK,
) -> Guest:
    """Return a guest that runs code in a mode, with a handler that shows what it finds."""
    first = USER_FRAME if mode == USER else Frame()
    pieces = {
        TEXT: user_mode_prepare() + handlers_set((vector,)) + prepare + return_to_first_frame(),
        TESTED: code,
        HANDLER: show_frame_and_leave(),
    }
    packed = first._replace(eflags=flags, esp=stack).pack()
    data = {HANDLERS: handler_rows((vector,)), FIRST_FRAME: packed}
    return Guest(text=page(pieces), data=data_page(data), width=32, more=(LOW_CODE,))


def landed(
    code: bytes,
    mode: str,
    vector: int = BREAKPOINT,
    *,
    prepare: bytes = b"",
    flags: int = FLAGS,
    stack: int = USER_STACK,
) -> Shown:
    """Run code in a mode; return what the handler of the trap where it arrives shows."""
    guest = made(code, mode, vector, prepare=prepare, flags=flags, stack=stack)
    outcome = run_both(guest).outcome
    assert outcome.statistics.exit_code == 77
    return shown(outcome.console)


def assert_mode(frame: Frame, mode: str) -> None:
    """The frame is of code that ran in this mode."""
    assert (frame.cs, frame.ss) == (CODE[mode], OWN_STACK[mode])
    assert bool(frame.state & 1) == (mode == USER)


# Only the kernel's pages lie low enough for 16 bits.
widths = pytest.mark.parametrize(("mode", "size"), [(KERNEL, 2), (KERNEL, 4), (USER, 4)])


def place(size: int) -> int:
    return TARGET if size == 4 else LOW_TARGET


@widths
@pytest.mark.parametrize("released", [None, 0, 0x18], ids=["plain", "imm_0", "imm_24"])
def test_a_far_return_within_the_ring(mode: str, size: int, released: int | None) -> None:
    code = RETURN if released is None else b"\xca" + struct.pack("<H", released)
    before = returning(place(size), CODE[mode], size=size)
    frame = landed(before + PREFIX[size] + code, mode).frame
    assert_mode(frame, mode)
    assert frame.eip == place(size) + 1
    assert frame.esp == STACK + 2 * size + (released or 0)


@widths
def test_an_interrupt_return_within_the_ring_pops_no_stack(mode: str, size: int) -> None:
    before = returning(place(size), CODE[mode], FLAGS | 1, size=size)
    frame = landed(before + PREFIX[size] + INTERRUPT_RETURN, mode).frame
    assert_mode(frame, mode)
    assert (frame.eip, frame.esp) == (place(size) + 1, STACK + 3 * size)
    assert frame.eflags == FLAGS | 1


@widths
@pytest.mark.parametrize("form", ["memory", "direct"])
@pytest.mark.parametrize("ring", ["own", "ring_0"])
def test_a_far_call_within_the_ring(mode: str, size: int, form: str, ring: str) -> None:
    wanted = CODE[mode] if ring == "own" else CODE[mode] & ~3
    before = load(ESP, STACK)
    if form == "memory":
        before += pointing(place(size), wanted, size)
        call = branching(CALL, size)
    else:
        call = direct(0x9A, place(size), wanted, size)
    guest = made(before + call, mode, BREAKPOINT)
    outcome = run_both(guest).outcome
    frame = shown(outcome.console).frame
    assert_mode(frame, mode)
    assert (frame.eip, frame.esp) == (place(size) + 1, STACK - 2 * size)
    if mode == USER:  # a kernel's own frame lies there
        address = STACK - 2 * size - DATA
        back, own = struct.unpack_from(f"<2{FORMAT[size]}", outcome.data, address)
        assert (back, own) == (TESTED + len(before + call), CODE[mode])


@widths
@pytest.mark.parametrize("form", ["memory", "direct"])
def test_a_far_jump_within_the_ring(mode: str, size: int, form: str) -> None:
    if form == "memory":
        code = pointing(place(size), CODE[mode], size) + branching(JUMP, size)
    else:
        code = direct(0xEA, place(size), CODE[mode], size)
    frame = landed(load(ESP, STACK) + code, mode).frame
    assert_mode(frame, mode)
    assert (frame.eip, frame.esp) == (place(size) + 1, STACK)


def own_segments() -> bytes:
    """Return code that sets descriptor 0 for ring 1 and 1 for ring 3, and all data segments."""
    return (
        descriptor_set(0, descriptor(ring=1))
        + descriptor_set(1, descriptor(ring=3))
        + load_segment(DS, SELECTOR_KERNEL_DATA_32)
        + load_segment(ES, selector(1, 3))
        + load_segment(FS, selector(0, 1))
        + load_segment(GS, SELECTOR_GUEST_DATA)
    )


@pytest.mark.parametrize("kind", ["lret", "lret_imm", "iret"])
def test_a_kernel_returns_to_user_mode_by_itself(kind: str) -> None:
    """It takes the stack along, and loses the data segments that are ring 1's alone."""
    outer = STACK + 0x200
    words = [TARGET, SELECTOR_USER_CODE_32, outer, SELECTOR_GUEST_DATA]
    code, extra = RETURN, 0
    if kind == "iret":
        words.insert(2, FLAGS | 1)
        code = INTERRUPT_RETURN
    if kind == "lret_imm":  # what is released lies between, on both stacks
        words[2:2] = [0x1111, 0x2222]
        code, extra = b"\xca\x08\x00", 8
    seen = landed(own_segments() + returning(*words) + code, KERNEL)
    assert_mode(seen.frame, USER)
    assert (seen.frame.eip, seen.frame.esp) == (TARGET + 1, outer + extra)
    assert seen.frame.eflags == (FLAGS | 1 if kind == "iret" else FLAGS)
    assert (seen.ds, seen.fs) == (0, 0)
    assert (seen.es, seen.gs) == (selector(1, 3), SELECTOR_GUEST_DATA)


def test_within_the_ring_segments_stay() -> None:
    seen = landed(own_segments() + returning(TARGET, CODE[KERNEL]) + RETURN, KERNEL)
    expected = (SELECTOR_KERNEL_DATA_32, selector(1, 3), selector(0, 1), SELECTOR_GUEST_DATA)
    assert (seen.ds, seen.es, seen.fs, seen.gs) == expected


@modes
def test_flags_that_are_not_a_guests_stay(mode: str) -> None:
    """Neither IF, IOPL nor virtual 8086 mode."""
    popped = 0x2 | 3 << 12 | 7 << 17 | 0x8D5
    before = returning(TARGET, CODE[mode], popped)
    frame = landed(before + INTERRUPT_RETURN, mode).frame
    alignment = 1 << 18
    assert frame.eflags == FLAGS | 0x8D5 | alignment
    assert_mode(frame, mode)


@pytest.mark.parametrize(("mode", "target"), [(KERNEL, KERNEL), (KERNEL, USER), (USER, USER)])
def test_a_single_step_traps_behind_the_transfer(mode: str, target: str) -> None:
    """In the mode that it leads to."""
    words = (TARGET, CODE[target], STACK + 0x100, SELECTOR_GUEST_DATA)
    flags = FLAGS | TRAP_FLAG
    seen = landed(RETURN, mode, DEBUG, prepare=returning(*words), flags=flags, stack=STACK).frame
    assert_mode(seen, target)
    assert (seen.vector, seen.eip, seen.eflags) == (DEBUG, TARGET, flags)


# The eight forms of 16-bit addresses: what each adds, and how much displacement follows.
FORMS_16 = {
    0: (EBX, ESI),
    1: (EBX, EDI),
    2: (EBP, ESI),
    3: (EBP, EDI),
    4: (ESI,),
    5: (EDI,),
    7: (EBX,),
}


@pytest.mark.parametrize("displacement", [0, -4, 0x1234])
@pytest.mark.parametrize("form", [*FORMS_16, 6])
def test_a_pointer_is_found_by_16_bit_addresses(form: int, displacement: int) -> None:
    """Through FS, whose base makes up for what they cannot reach."""
    offset = 0x120
    registers = FORMS_16.get(form, (EBP,) if displacement else ())
    values = [offset - displacement & 0xFFFF, 0x10000] if registers else []
    if len(registers) == 2:
        values = [0xFFF0, offset - displacement + 0x10]
    setting = b"".join(
        load(register, value) for register, value in zip(registers, values, strict=False)
    )
    mode, tail = 0, b""
    if displacement:
        mode = 1 if displacement == -4 else 2
        tail = (displacement & 0xFFFF).to_bytes(2, "little")[: 1 if mode == 1 else 2]
    elif form == 6:
        tail = offset.to_bytes(2, "little")
    jump = b"\x64\x67\xff" + bytes([mode << 6 | JUMP << 3 | form]) + tail
    segment = descriptor_set(0, descriptor(SCRATCH - offset, ring=1)) + load_segment(
        FS, selector(0, 1)
    )
    code = segment + pointing(TARGET, CODE[KERNEL]) + setting + jump
    assert landed(code, KERNEL).frame.eip == TARGET + 1


def test_a_stack_of_16_bits_wraps_and_keeps_the_upper_half() -> None:
    """Its segment begins at the data; only the lower half of ESP counts, and only it changes."""
    narrow = DATA_DESCRIPTOR & ~(1 << 54) | 1 << 45
    narrow |= (DATA & 0xFFFFFF) << 16 | (DATA >> 24) << 56
    stack = 0xABCD_0000 | STACK - DATA
    code = (
        stored(STACK, struct.pack("<2I", TARGET, CODE[KERNEL]))
        + descriptor_set(0, narrow)
        + load_segment(SS, selector(0, 1))
        + load(ESP, stack)
        + RETURN
    )
    show = b"\x89\xe3" + load_segment(SS, SELECTOR_KERNEL_DATA_32)  # mov ebx, esp
    show += load(ESP, STACK) + store(EBX, DATA) + leave(0)
    text = page({TEXT: code, TARGET: show})
    outcome = run_both(Guest(text=text, data=data_page({}), width=32)).outcome
    assert outcome.statistics.exit_code == 0
    assert int.from_bytes(outcome.data[:4], "little") == stack + 8


class Fault(NamedTuple):
    """A far transfer that faults."""

    name: str
    mode: str
    before: bytes
    instruction: bytes
    vector: int = PROTECTION
    error_code: int = 0
    address: int = 0

    def __str__(self) -> str:
        return f"{self.name}_{self.mode}"


def faults_of_selectors() -> list[Fault]:
    """Return all four kinds of transfers to selectors that are no code of the ring."""
    rows = []
    shared = {
        "null": (0, 0),
        "null_with_ring": (3, 0),
        "wide_code": (SELECTOR_GUEST_CODE_64, 0x30),
        "monitor_code": (SELECTOR_MONITOR_CODE, 0x08),
        "monitor_code_with_ring": (SELECTOR_MONITOR_CODE | 3, 0x08),
        "task": (0x43, 0x40),
        "data": (SELECTOR_GUEST_DATA, 0x28),
        "own_data": (selector(0, 3), 0xC0),
        "local": (0x1F, 0x1C),
        "behind_the_table": (0x1003, 0x1000),
    }
    only = {
        KERNEL: {"ring_0": (SELECTOR_KERNEL_CODE_32 & ~3, 0x18)},
        USER: {"inner": (SELECTOR_KERNEL_CODE_32, 0x18), "inner_3": (0x1B, 0x18)},
    }
    for mode, more in only.items():
        for name, (wanted, error) in (shared | more).items():
            frame = returning(TARGET, wanted, FLAGS, STACK, SELECTOR_GUEST_DATA)
            rows += [
                Fault(f"lret_{name}", mode, frame, RETURN, error_code=error),
                Fault(f"iret_{name}", mode, frame, INTERRUPT_RETURN, error_code=error),
            ]
            if name != "ring_0":
                pointer = pointing(TARGET, wanted)
                rows += [
                    Fault(f"lcall_{name}", mode, pointer, branching(CALL), error_code=error),
                    Fault(
                        f"ljmp_{name}", mode, b"", direct(0xEA, TARGET, wanted), PROTECTION, error
                    ),
                ]
    for name, wanted in {"outer": SELECTOR_USER_CODE_32, "outer_1": 0x21}.items():
        pointer = pointing(TARGET, wanted)
        rows.append(Fault(f"lcall_{name}", KERNEL, pointer, branching(CALL), error_code=0x20))
    return rows


def faults_of_outer_stacks() -> list[Fault]:
    """Return returns to user mode with a stack that user mode cannot have."""
    stacks = {
        "null": (3, 0),
        "kernel_data": (SELECTOR_KERNEL_DATA_32, 0x38),
        "ring_1": (0x29, 0x28),
        "code": (SELECTOR_USER_CODE_32, 0x20),
        "empty": (selector(5, 3), 0xE8),
        "monitor": (0x13, 0x10),
        "local": (0x2F, 0x2C),
    }
    rows = []
    for name, (wanted, error) in stacks.items():
        frame = returning(TARGET, SELECTOR_USER_CODE_32, STACK, wanted)
        rows.append(Fault(f"lret_stack_{name}", KERNEL, frame, RETURN, error_code=error))
        frame = returning(TARGET, SELECTOR_USER_CODE_32, FLAGS, STACK, wanted)
        rows.append(Fault(f"iret_stack_{name}", KERNEL, frame, INTERRUPT_RETURN, error_code=error))
    return rows


def faults_of_memory() -> list[Fault]:
    """Return transfers whose stack or pointer cannot be reached: user mode, the kernel's pages."""
    hidden = DIRECT_MAP + 0x1800
    read = READ | PRESENT | USER_BIT
    nested = b"\x9c\x81\x0c\x24" + word(NESTED) + b"\x9d"  # pushf; or dword [esp], NT; popf
    pointer = b"\xff\x2b"  # ljmp [ebx]
    rows = [
        Fault("lret_kernel_stack", USER, load(ESP, hidden), RETURN, PAGE_FAULT, read, hidden),
        Fault(
            "iret_kernel_stack", USER, load(ESP, hidden), INTERRUPT_RETURN, PAGE_FAULT, read, hidden
        ),
        Fault(
            "lcall_kernel_stack",
            USER,
            pointing(TARGET, CODE[USER]) + load(ESP, hidden),
            branching(CALL),
            PAGE_FAULT,
            read | WRITE,
            hidden - 4,
        ),
        Fault("ljmp_kernel_pointer", USER, load(EBX, hidden), pointer, PAGE_FAULT, read, hidden),
        Fault("ljmp_nowhere", KERNEL, load(EBX, NOWHERE), pointer, PAGE_FAULT, READ, NOWHERE),
        Fault("ljmp_half", KERNEL, load(EBX, DATA_END - 4), pointer, PAGE_FAULT, READ, DATA_END),
        Fault("ljmp_register", KERNEL, b"", b"\xff\xe8", UNDEFINED),
        Fault("lcall_register", USER, b"", b"\xff\xd9", UNDEFINED),
        Fault("lock_lret", USER, returning(TARGET, CODE[USER]), b"\xf0" + RETURN, UNDEFINED),
        Fault(
            "ljmp_null_segment", KERNEL, load_segment(FS, 0) + load(EBX, SCRATCH), b"\x64" + pointer
        ),
    ]
    for mode in (KERNEL, USER):
        frame = returning(TARGET, CODE[mode], FLAGS)
        rows.append(Fault("iret_nested", mode, load(ESP, STACK) + nested + frame, INTERRUPT_RETURN))
    return rows


FAULTS = (*faults_of_selectors(), *faults_of_outer_stacks(), *faults_of_memory())


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_transfer_that_faults_changes_nothing(fault: Fault, timing: TimingModel) -> None:
    """It stops the partition where there is no handler; all registers are as they were."""
    code = fault.before + fault.instruction + leave(1)
    silent = made(code, fault.mode, BREAKPOINT, prepare=descriptor_set(0, descriptor(ring=3)))
    statistics = run_both(silent, timing=timing).outcome.statistics
    assert (
        statistics.stop_vector,
        statistics.stop_error_code,
        statistics.stop_address,
        statistics.stop_rip,
    ) == (fault.vector, fault.error_code, fault.address, TESTED + len(fault.before))


@pytest.mark.parametrize("fault", [row for row in FAULTS if row.mode == USER], ids=str)
def test_a_kernel_sees_the_fault_of_its_user_mode(fault: Fault) -> None:
    code = fault.before + fault.instruction + leave(1)
    prepare = descriptor_set(0, descriptor(ring=3))
    seen = landed(code, USER, fault.vector, prepare=prepare)
    assert_mode(seen.frame, USER)
    assert (seen.frame.vector, seen.frame.error_code) == (fault.vector, fault.error_code)
    assert (seen.frame.fault_address, seen.frame.eip) == (
        fault.address,
        TESTED + len(fault.before),
    )
    assert (seen.ds, seen.es) == (SELECTOR_GUEST_DATA, SELECTOR_GUEST_DATA)


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_transfer_costs_one_instruction(timing: TimingModel) -> None:
    """A kernel that calls far and is returned to, a thousand times."""
    rounds = 1000
    setup = pointing(TARGET, CODE[KERNEL]) + load(EBX, rounds)
    loop = branching(CALL) + b"\x4b\x0f\x85"  # dec ebx; jnz
    loop += word(-len(loop) - 4)
    pieces = {TEXT: setup + loop + leave(0), TARGET: NOP + RETURN}
    long = Guest(text=page(pieces), data=data_page({}), width=32)
    short = Guest(text=page({TEXT: setup + leave(0)}), data=data_page({}), width=32)
    works = [run_both(guest, timing=timing).outcome.statistics.work for guest in (long, short)]
    each = 5 if timing == TimingModel.UNIT else len(loop) + 2
    assert works[0] - works[1] == rounds * each
