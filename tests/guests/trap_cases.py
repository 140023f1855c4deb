# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of instructions that trap, and exactly how.

Owns what each instruction is expected to do. Where the engine is known to differ from the
processor, the case says so. Used by test_traps; runs nothing.
"""

from __future__ import annotations

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

DIVIDE, DEBUG, BREAKPOINT, UNDEFINED, PROTECTION, PAGE_FAULT, FLOATING = 0, 1, 3, 6, 13, 14, 16
NOWHERE = 0x10
NOT_CANONICAL = 1 << 47
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


def _far_transfers() -> list[Case]:
    """Return far transfers whose stack or target lies in the monitor's memory.

    At the beginning of the descriptors a return would find the selector 0xffff, and fault with
    error code 0xfffc; at the tail of the state a call would leave its frame.
    """
    pointer = store(RAX, SCRATCH) + load(RAX, 0x33) + store(RAX, SCRATCH + 8)
    target = load(RAX, TEXT + 0xF00) + pointer
    codes = {
        "lretq": b"\x48\xcb",
        "lret": b"\xcb",
        "lretw": b"\x66\xcb",
        "lretq_imm": b"\x48\xca\x08\x00",
        "iretq": b"\x48\xcf",
        "iret": b"\xcf",
        "iretw": b"\x66\xcf",
    }
    calls = {
        "lcallq_mem": b"\x48\xff\x1c\x25" + short(SCRATCH),
        "lcall_mem": b"\xff\x1c\x25" + short(SCRATCH),
        "ljmpq_mem": b"\x48\xff\x2c\x25" + short(SCRATCH),
        "ljmp_mem": b"\xff\x2c\x25" + short(SCRATCH),
    }
    rows = [
        Case(name, code, PROTECTION, before=load(RSP, DESCRIPTORS), lost_stack=DESCRIPTORS)
        for name, code in codes.items()
    ]
    tail = MONITOR_STATE_TAIL + 0x800
    rows += [
        Case(name, code, PROTECTION, before=target + load(RSP, tail), lost_stack=tail)
        for name, code in calls.items()
    ]
    rows.append(Case("lretq_on_its_own_stack", b"\x48\xcb", PROTECTION))
    return rows


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
    *_far_transfers(),
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
    "lretq",
    "lcall_mem",
    "lcallq_mem",
    "ljmpq_mem",
    "sysenter",
    "read_unmapped",
    "hlt",
}
MIDDLE = tuple(
    case._replace(name=f"{case.name}_after_nops", before=case.before + NOP * 9)
    for case in CASES
    if case.name in IN_THE_MIDDLE
)
