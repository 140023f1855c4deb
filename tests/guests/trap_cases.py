# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of instructions that trap, and exactly how.

Owns what each instruction is expected to do. Where the engine is known to differ from the
processor, the case says so. Used by test_traps; runs nothing.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from tests.guests.machine_code import (
    DATA,
    DATA_END,
    NOP,
    PAGE,
    RAX,
    RBX,
    RDI,
    RDX,
    RSI,
    RSP,
    SCRATCH,
    TEXT,
    short,
    store,
)
from tests.unit.tiny_guests import load
from ultravisor.machine.abi import MONITOR_SLOT_COUNT, MONITOR_SLOT_FIRST

DIVIDE, DEBUG, BREAKPOINT, UNDEFINED, STACK_FAULT = 0, 1, 3, 6, 12
PROTECTION, PAGE_FAULT, FLOATING = 13, 14, 16
NOWHERE = 0x10
NOT_CANONICAL = 1 << 47
HOLE_END = 0xFFFF7FFFFFFFFFF0
CANONICAL_SIGN = 0xFFFF << 48
MONITOR = CANONICAL_SIGN | MONITOR_SLOT_FIRST << 39
MONITOR_STATE = MONITOR + 0x300000
MONITOR_STATE_TAIL = MONITOR_STATE + 0x1FF000
"""The end of the monitor's state, which nothing uses."""
DESCRIPTORS = MONITOR + 0x5F0000
MONITOR_END = CANONICAL_SIGN | (MONITOR_SLOT_FIRST + MONITOR_SLOT_COUNT) << 39

# Error codes of page faults; user mode of the processor is always set.
READ, WRITE, FETCH = 4, 6, 0x14
PRESENT = 1


class Case(NamedTuple):
    """Code that runs, then the instruction that traps."""

    name: str
    instruction: bytes
    vector: int
    error_code: int = 0
    address: int = 0
    before: bytes = b""
    """What must have run, once."""
    behind: bool = False
    """The trap's rip is behind the instruction, not at it."""
    rip: int | None = None
    """Where else it is."""
    lost_stack: int | None = None
    """What `before` makes of the stack pointer, where no frame can be written."""
    stack: int | None = None
    """What it makes of it where one can."""

    def __str__(self) -> str:
        return self.name


def _interrupts() -> list[Case]:
    return [
        Case("int3", b"\xcc", BREAKPOINT, behind=True),
        Case("int_3", b"\xcd\x03", BREAKPOINT, behind=True),
        Case("int_0x80", b"\xcd\x80", PROTECTION, 0x80 * 8 + 2),
        Case("int_0x82", b"\xcd\x82", PROTECTION, 0x82 * 8 + 2),
        Case("int_0xff", b"\xcd\xff", PROTECTION, 0xFF * 8 + 2),
        Case("int_14_without_handler", b"\xcd\x0e", PROTECTION, 14 * 8 + 2),
        Case("int_0_without_handler", b"\xcd\x00", PROTECTION, 2),
    ]


def _arithmetic() -> list[Case]:
    zero = b"\x31\xc9"  # xor ecx, ecx
    divide_by_zero = b"\xd9\xe8\xd9\xee\xde\xf9"  # fld1; fldz; fdivp
    # The control word 0x37b leaves division by zero unmasked.
    control = b"\xc7\x04\x25" + short(SCRATCH) + b"\x7b\x03\0\0" + b"\xd9\x2c\x25" + short(SCRATCH)
    return [
        Case("div", b"\xf7\xf1", DIVIDE, before=zero),
        Case("idiv_byte_overflow", b"\xf6\xfb", DIVIDE, before=load(RAX, 0x7FFF) + load(RBX, 1)),
        Case("x87_division", b"\x9b", FLOATING, before=control + divide_by_zero),
    ]


def _privileged() -> list[Case]:
    place = short(SCRATCH)
    codes = {
        "hlt": b"\xf4",
        "cli": b"\xfa",
        "sti": b"\xfb",
        "clts": b"\x0f\x06",
        "wbinvd": b"\x0f\x09",
        "swapgs": b"\x0f\x01\xf8",
        "mov_rax_cr0": b"\x0f\x20\xc0",
        "mov_rax_cr3": b"\x0f\x20\xd8",
        "mov_cr3_rax": b"\x0f\x22\xd8",
        "mov_cr4_rax": b"\x0f\x22\xe0",
        "mov_rax_dr7": b"\x0f\x21\xf8",
        "rdmsr": b"\x0f\x32",
        "wrmsr": b"\x0f\x30",
        "lgdt": b"\x0f\x01\x14\x25" + place,
        "lidt": b"\x0f\x01\x1c\x25" + place,
        "lldt_ax": b"\x0f\x00\xd0",
        "ltr_ax": b"\x0f\x00\xd8",
        "lmsw_ax": b"\x0f\x01\xf0",
        "invlpg": b"\x0f\x01\x3c\x25" + place,
        "sysretq": b"\x48\x0f\x07",
        "sysenter": b"\x0f\x34",
        "sysexitq": b"\x48\x0f\x35",
    }
    return [Case(name, code, PROTECTION) for name, code in codes.items()]


def _ports() -> list[Case]:
    codes = {
        "in_al_imm": b"\xe4\x80",
        "in_al_dx": b"\xec",
        "in_eax_dx": b"\xed",
        "in_ax_dx": b"\x66\xed",
        "out_imm_al": b"\xe6\x80",
        "out_dx_al": b"\xee",
        "out_dx_eax": b"\xef",
        "insb": b"\x6c",
        "insd": b"\x6d",
        "outsb": b"\x6e",
        "outsw": b"\x66\x6f",
        "rep_insb": b"\xf3\x6c",
        "rep_outsd": b"\xf3\x6f",
    }
    # RDX: the monitor's doorbell.
    return [Case(name, code, PROTECTION, before=load(RDX, 0x5E)) for name, code in codes.items()]


def _vectors() -> list[Case]:
    codes = {
        "vaddps_xmm": b"\xc5\xf0\x58\xc2",
        "vaddps_ymm": b"\xc5\xf4\x58\xc2",
        "vaddps_long_form": b"\xc4\xe1\x70\x58\xc2",
        "vaddps_zmm": b"\x62\xf1\x74\x48\x58\xc2",
        "vzeroupper": b"\xc5\xf8\x77",
        "andn": b"\xc4\xe2\x70\xf2\xc2",
        "vphaddbw_xop": b"\x8f\xe9\x78\xc1\xc0",
        "xgetbv": b"\x0f\x01\xd0",
        "rdrand": b"\x0f\xc7\xf0",
        "vmmcall": b"\x0f\x01\xd9",
        "monitor": b"\x0f\x01\xc8",
        "ud2": b"\x0f\x0b",
        "ud1": b"\x0f\xb9\xc0",
    }
    return [Case(name, code, UNDEFINED) for name, code in codes.items()]


STACK = SCRATCH + 0x100
"""Where frames for returns lie."""
CODE, OTHER_RING, DATA_SELECTOR = 0x33, 0x30, 0x2B
TARGET = TEXT + 0xF00
NARROW_FORMAT = {2: "H", 4: "I", 8: "Q"}
# How the operand sizes of far transfers are encoded.
SIZES = {2: b"\x66", 4: b"", 8: b"\x48"}


def stored(address: int, data: bytes) -> bytes:
    """Return code that stores bytes, by way of RAX."""
    padded = data + bytes(-len(data) % 8)
    words = struct.unpack(f"<{len(padded) // 8}Q", padded)
    return b"".join(load(RAX, word) + store(RAX, address + 8 * at) for at, word in enumerate(words))


def returning(*words: int, size: int = 8, stack: int = STACK) -> bytes:
    """Return code that puts what a far return pops at the top of the stack."""
    mask = (1 << 8 * size) - 1
    values = [word & mask for word in words]
    frame = struct.pack(f"<{len(words)}{NARROW_FORMAT[size]}", *values)
    return stored(stack, frame) + load(RSP, stack)


def pointing(offset: int, selector: int, size: int = 8) -> bytes:
    """Return code that puts a far pointer at SCRATCH."""
    return stored(SCRATCH, (offset & (1 << 8 * size) - 1).to_bytes(size, "little")) + stored(
        SCRATCH + size, selector.to_bytes(8, "little")
    )


def branching(extension: int, size: int = 8) -> bytes:
    """Return `lcall` (3) or `ljmp` (5) through SCRATCH."""
    return SIZES[size] + bytes([0xFF, 0x04 | extension << 3, 0x25]) + short(SCRATCH)


def _far_stacks() -> list[Case]:
    """Return far transfers whose stack the guest may not use: as with any other access.

    The first two stacks are the monitor's: at the beginning of its descriptors a return would
    find the selector 0xffff, and at the tail of the state a call would leave its frame.
    """
    returns = {"lret": b"\xcb", "lret_imm": b"\xca\x08\x00", "iret": b"\xcf"}
    tail = MONITOR_STATE_TAIL + 0x800
    read, write = READ | PRESENT, WRITE | PRESENT
    rows = []
    for size, prefix in SIZES.items():
        for name, code in returns.items():
            row = Case(f"{name}_{size}_monitor_stack", prefix + code, PAGE_FAULT, read, DESCRIPTORS)
            rows.append(row._replace(before=load(RSP, DESCRIPTORS), lost_stack=DESCRIPTORS))
        row = Case(
            f"lcall_{size}_monitor_stack", branching(3, size), PAGE_FAULT, write, tail - size
        )
        before = pointing(TARGET, CODE, size) + load(RSP, tail)
        rows.append(row._replace(before=before, lost_stack=tail))
    return [*rows, *_far_own_stacks()]


def _far_own_stacks() -> list[Case]:
    """Return those with a stack of the guest's own that is not there, or not writable."""
    call, back = branching(3), b"\x48\xcb"
    aim = pointing(TARGET, CODE)
    half = stored(DATA_END - 8, TARGET.to_bytes(8, "little"))
    text = TEXT + 0xFF8

    def read(name: str, stack: int, before: bytes = b"") -> Case:
        case = Case(name, back, PAGE_FAULT, READ, DATA_END, before=before + load(RSP, stack))
        return case._replace(stack=stack)

    def lost(name: str, code: bytes, stack: int, vector: int, error: int, address: int) -> Case:
        case = Case(name, code, vector, error, address, before=aim + load(RSP, stack))
        return case._replace(lost_stack=stack)

    return [
        read("lret_no_stack", DATA_END),
        read("lret_half_a_stack", DATA_END - 8, half),
        read("lret_odd_stack", DATA_END - 4),
        lost("lcall_text_stack", call, text, PAGE_FAULT, WRITE | PRESENT, text - 8),
        lost("lcall_half_a_stack", call, DATA + 8, PAGE_FAULT, WRITE, DATA - 8),
        lost("lret_stack_not_canonical", back, NOT_CANONICAL, STACK_FAULT, 0, 0),
        lost("lcall_stack_not_canonical", call, HOLE_END, STACK_FAULT, 0, 0),
    ]


def _far_pointers() -> list[Case]:
    """Return calls and jumps whose pointer cannot be read, or whose form does not exist."""
    jump = b"\x48\xff\x2b"  # ljmp [rbx]
    monitor = MONITOR_STATE + 0x10
    return [
        Case("ljmp_unmapped", jump, PAGE_FAULT, READ, NOWHERE, load(RBX, NOWHERE)),
        Case("ljmp_monitor", jump, PAGE_FAULT, READ | PRESENT, monitor, load(RBX, monitor)),
        Case("ljmp_half_mapped", jump, PAGE_FAULT, READ, DATA_END, load(RBX, DATA_END - 8)),
        Case("ljmp_not_canonical", jump, PROTECTION, before=load(RBX, NOT_CANONICAL)),
        Case("ljmp_register", b"\xff\xe8", UNDEFINED),
        Case("lcall_register", b"\xff\xd8", UNDEFINED),
        Case("lcall_direct", b"\x9a\0\0\0\0\x33\0", UNDEFINED),
        Case("ljmp_direct", b"\xea\0\0\0\0\x33\0", UNDEFINED),
        Case("lock_lret", b"\xf0\x48\xcb", UNDEFINED, before=returning(TARGET, CODE), stack=STACK),
        Case("lock_ljmp", b"\xf0" + jump, UNDEFINED, before=load(RBX, SCRATCH)),
    ]


def _far_selectors() -> list[Case]:
    """Return far transfers to a selector, a stack or an address that there is not."""
    selectors = {
        "null": (0, 0),
        "null_with_ring": (3, 0),
        "data": (DATA_SELECTOR, 0x28),
        "monitor_code": (0x0B, 0x08),
        "task": (0x43, 0x40),
        "empty": (0x1B, 0x18),
        "behind_the_table": (0x1003, 0x1000),
        "local": (0x37, 0x34),
    }
    to_ring_0 = {"own_code_ring_0": (OTHER_RING, 0x30)}
    rows = []
    for name, (selector, error_code) in selectors.items():
        for branch, extension in {"lcall": 3, "ljmp": 5}.items():
            case = Case(f"{branch}_{name}", branching(extension), PROTECTION, error_code)
            rows.append(case._replace(before=pointing(TARGET, selector)))
    for name, (selector, error_code) in (selectors | to_ring_0).items():
        for kind, code in {"lret": b"\x48\xcb", "iret": b"\x48\xcf"}.items():
            before = returning(TARGET, selector, 0x202, STACK, DATA_SELECTOR)
            case = Case(f"{kind}_{name}", code, PROTECTION, error_code, before=before)
            rows.append(case._replace(stack=STACK))
    stacks = {
        "null": (3, 0),
        "ring_0": (0x28, 0x28),
        "code": (CODE, 0x30),
        "monitor": (0x13, 0x10),
        "local": (0x2F, 0x2C),
        "behind_the_table": (0x1003, 0x1000),
    }
    for name, (selector, error_code) in stacks.items():
        before = returning(TARGET, CODE, 0x202, STACK, selector)
        case = Case(f"iret_stack_{name}", b"\x48\xcf", PROTECTION, error_code, before=before)
        rows.append(case._replace(stack=STACK))
    return rows


def _far_targets() -> list[Case]:
    """Return far transfers to addresses that there are not, and `iret` in a nested task."""
    nested = b"\x9c\x81\x0c\x24\x00\x40\x00\x00\x9d"  # pushf; or dword [rsp], NT; popf
    frame = returning(TARGET, CODE, 0x202, STACK, DATA_SELECTOR)
    lost = returning(NOT_CANONICAL, CODE, 0x202, STACK, DATA_SELECTOR)
    return [
        Case("lcall_not_canonical", branching(3), PROTECTION, before=pointing(HOLE_END, CODE)),
        Case("ljmp_to_not_canonical", branching(5), PROTECTION, before=pointing(HOLE_END, CODE)),
        Case("lret_not_canonical", b"\x48\xcb", PROTECTION, before=lost, stack=STACK),
        Case("iret_not_canonical", b"\x48\xcf", PROTECTION, before=lost, stack=STACK),
        Case("iret_nested", b"\x48\xcf", PROTECTION, before=nested + frame, stack=STACK),
    ]


def _selectors() -> list[Case]:
    def row(name: str, code: bytes, selector: int, error_code: int) -> Case:
        return Case(name, code, PROTECTION, error_code, before=load(RAX, selector))

    return [
        row("mov_ds_monitor_data", b"\x8e\xd8", 0x10, 0x10),
        row("mov_es_monitor_code", b"\x8e\xc0", 0x0B, 0x08),
        row("mov_fs_empty_descriptor", b"\x8e\xe0", 0x3B, 0x38),
        row("mov_gs_behind_the_table", b"\x8e\xe8", 0x1003, 0x1000),
        row("mov_ss_null", b"\x8e\xd0", 0, 0),
        row("mov_ds_local", b"\x8e\xd8", 0x07, 0x04),
    ]


def _memory() -> list[Case]:
    load_eax, store_al = b"\x8b\x04\x25", b"\x88\x04\x25"
    nowhere = short(NOWHERE)
    text = TEXT + 0xFF0
    return [
        Case("read_unmapped", load_eax + nowhere, PAGE_FAULT, READ, NOWHERE),
        Case("write_unmapped", store_al + nowhere, PAGE_FAULT, WRITE, NOWHERE),
        Case("write_text", store_al + short(text), PAGE_FAULT, WRITE | PRESENT, text),
        Case("locked_add_to_text", b"\xf0\x00\x04\x25" + short(text), PAGE_FAULT, 7, text),
        Case(
            "push_on_unmapped_stack",
            b"\x50",
            PAGE_FAULT,
            WRITE,
            DATA - 8,
            before=load(RSP, DATA),
            lost_stack=DATA,
        ),
        Case("pop_unmapped_stack", b"\x58", PAGE_FAULT, READ, DATA_END, before=load(RSP, DATA_END)),
        Case(
            "read_across_the_end",
            b"\x48" + load_eax + short(DATA_END - 4),
            PAGE_FAULT,
            READ,
            DATA_END,
        ),
        Case(
            "write_across_the_end",
            b"\x48\x89\x04\x25" + short(DATA_END - 4),
            PAGE_FAULT,
            WRITE,
            DATA_END,
        ),
        Case(
            "sse_read_across_the_end",
            b"\x0f\x10\x04\x25" + short(DATA_END - 8),
            PAGE_FAULT,
            READ,
            DATA_END,
        ),
        Case(
            "sse_write_across_the_end",
            b"\x0f\x11\x04\x25" + short(DATA_END - 8),
            PAGE_FAULT,
            WRITE,
            DATA_END,
        ),
        Case("read_before_the_data", load_eax + short(DATA - 4), PAGE_FAULT, READ, DATA - 4),
        Case(
            "movsq_second_access",
            b"\x48\xa5",
            PAGE_FAULT,
            WRITE,
            DATA_END,
            before=load(RSI, DATA) + load(RDI, DATA_END),
        ),
    ]


def _execution() -> list[Case]:
    jump, call = b"\xff\xe0", b"\xff\xd0"

    def row(name: str, code: bytes, target: int, error_code: int) -> Case:
        return Case(
            name, code, PAGE_FAULT, error_code, target, before=load(RAX, target), rip=target
        )

    return [
        row("jump_to_data", jump, DATA + 0x800, FETCH | PRESENT),
        row("call_of_data", call, DATA + 0x800, FETCH | PRESENT),
        row("jump_to_unmapped", jump, NOWHERE, FETCH),
        row("jump_behind_the_text", jump, TEXT + PAGE, FETCH),
        row("jump_to_the_stack", jump, 0xFFFF888000100000, FETCH | PRESENT),
    ]


def _monitor_slots() -> list[Case]:
    """Whether something lies there is nobody's business: always as if it did."""
    read, write, jump = b"\x8b\x03", b"\x88\x03", b"\xff\xe3"
    places = {
        "first": MONITOR,
        "state": MONITOR_STATE,
        "descriptors": DESCRIPTORS,
        "free_slot": MONITOR + (1 << 39),
        "last": MONITOR_END - 4,
    }
    rows = []
    for name, address in places.items():
        before = load(RBX, address)
        rows += [
            Case(f"read_monitor_{name}", read, PAGE_FAULT, READ | PRESENT, address, before),
            Case(f"write_monitor_{name}", write, PAGE_FAULT, WRITE | PRESENT, address, before),
            Case(
                f"jump_monitor_{name}",
                jump,
                PAGE_FAULT,
                FETCH | PRESENT,
                address,
                before,
                rip=address,
            ),
        ]
    return rows


def _not_canonical() -> list[Case]:
    before = load(RBX, NOT_CANONICAL)
    last = load(RBX, CANONICAL_SIGN | NOT_CANONICAL) + b"\x48\xff\xcb"  # dec rbx
    return [
        Case("read_not_canonical", b"\x8b\x03", PROTECTION, before=before),
        Case("write_not_canonical", b"\x88\x03", PROTECTION, before=before),
        Case("read_below_the_upper_half", b"\x8a\x03", PROTECTION, before=last),
        # The processor would take #SS, and #GP at the jump itself: the engine's deviations.
        Case(
            "push_not_canonical",
            b"\x50",
            PROTECTION,
            before=load(RSP, NOT_CANONICAL + 0x100),
            lost_stack=NOT_CANONICAL + 0x100,
        ),
        Case("jump_not_canonical", b"\xff\xe3", PROTECTION, before=before, rip=NOT_CANONICAL),
    ]


CASES = (
    *_interrupts(),
    *_arithmetic(),
    *_privileged(),
    *_ports(),
    *_vectors(),
    *_far_stacks(),
    *_far_pointers(),
    *_far_selectors(),
    *_far_targets(),
    *_selectors(),
    *_memory(),
    *_execution(),
    *_monitor_slots(),
    *_not_canonical(),
)
IN_THE_MIDDLE = {
    "out_dx_al",
    "insb",
    "vaddps_xmm",
    "vaddps_ymm",
    "lret_data",
    "lcall_null",
    "lcall_half_a_stack",
    "ljmp_unmapped",
    "iret_nested",
    "sysenter",
    "read_unmapped",
    "hlt",
}
MIDDLE = tuple(
    case._replace(name=f"{case.name}_after_nops", before=case.before + NOP * 9)
    for case in CASES
    if case.name in IN_THE_MIDDLE
)
