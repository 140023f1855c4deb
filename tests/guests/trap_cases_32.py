# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of 32-bit instructions that trap, and exactly how.

Owns what each instruction is expected to do in ring 1 and in ring 3. What 64-bit code has
alike is in trap_cases too. Used by test_traps_32; runs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.guests.machine_code_32 import (
    DATA,
    DATA_END,
    DS,
    EAX,
    EBX,
    EDI,
    EDX,
    ESI,
    ESP,
    FS,
    GS,
    NOP,
    PAGE,
    SCRATCH,
    SS,
    TEXT,
    load,
    selector,
    word,
)

DIVIDE, BREAKPOINT, OVERFLOW, BOUND, UNDEFINED, PROTECTION, PAGE_FAULT = 0, 3, 4, 5, 6, 13, 14
NOWHERE = 0x10
GIVEN_PAGES = 0xFF000000
DIRECT_MAP = 0xC0000000
# Of a page fault of ring 1; ring 3 adds the user bit.
READ, WRITE, FETCH = 0, 2, 0x10
PRESENT = 1
USER_BIT = 4
KERNEL, USER = "kernel", "user"


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
    """The trap's eip is behind the instruction, not at it."""
    eip: int | None = None
    """Where else it is."""
    lost_stack: int | None = None
    """What `before` makes of the stack pointer, where no frame of the kernel can be written."""
    modes: tuple[str, ...] = (KERNEL, USER)
    """Where it traps like that."""

    def __str__(self) -> str:
        return self.name

    def error_code_in(self, mode: str) -> int:
        """Return the error code: who faulted is a part of it at a page fault."""
        user = self.vector == PAGE_FAULT and mode == USER
        return self.error_code | (USER_BIT if user else 0)


def _interrupts() -> list[Case]:
    overflow = b"\xb0\x7f\x04\x01"  # mov al, 0x7f; add al, 1
    bounds = load(EAX, 5) + b"\xc7\x05" + word(SCRATCH) + word(0)  # mov dword [scratch], 0

    def gate(number: int) -> int:
        return number * 8 + 2

    return [
        Case("int3", b"\xcc", BREAKPOINT, behind=True),
        Case("int_3", b"\xcd\x03", BREAKPOINT, behind=True),
        Case("int_0x80", b"\xcd\x80", PROTECTION, gate(0x80)),
        Case("int_0x82", b"\xcd\x82", PROTECTION, gate(0x82), modes=(USER,)),
        Case("int_0x81", b"\xcd\x81", PROTECTION, gate(0x81)),
        Case("int_0xff", b"\xcd\xff", PROTECTION, gate(0xFF)),
        Case("int_14_without_handler", b"\xcd\x0e", PROTECTION, gate(14)),
        Case("into", b"\xce", OVERFLOW, before=overflow, behind=True),
        Case("bound", b"\x62\x05" + word(SCRATCH), BOUND, before=bounds),
    ]


def _arithmetic() -> list[Case]:
    return [
        Case("div", b"\xf7\xf1", DIVIDE, before=b"\x31\xc9"),  # xor ecx, ecx
        Case("idiv_byte", b"\xf6\xfb", DIVIDE, before=load(EAX, 0x7FFF) + load(EBX, 1)),
        Case("aam_0", b"\xd4\x00", DIVIDE),
    ]


def _privileged() -> list[Case]:
    place = word(SCRATCH)
    codes = {
        "hlt": b"\xf4",
        "cli": b"\xfa",
        "sti": b"\xfb",
        "clts": b"\x0f\x06",
        "wbinvd": b"\x0f\x09",
        "mov_eax_cr0": b"\x0f\x20\xc0",
        "mov_eax_cr3": b"\x0f\x20\xd8",
        "mov_cr3_eax": b"\x0f\x22\xd8",
        "mov_cr4_eax": b"\x0f\x22\xe0",
        "mov_eax_dr7": b"\x0f\x21\xf8",
        "rdmsr": b"\x0f\x32",
        "wrmsr": b"\x0f\x30",
        "lgdt": b"\x0f\x01\x15" + place,
        "lidt": b"\x0f\x01\x1d" + place,
        "lldt_ax": b"\x0f\x00\xd0",
        "ltr_ax": b"\x0f\x00\xd8",
        "lmsw_ax": b"\x0f\x01\xf0",
        "invlpg": b"\x0f\x01\x3d" + place,
        "sysenter": b"\x0f\x34",
        "sysexit": b"\x0f\x35",
        "sysret": b"\x0f\x07",  # the engine looks at the ring before it looks at the mode
    }
    return [Case(name, code, PROTECTION) for name, code in codes.items()]


def _ports() -> list[Case]:
    codes = {
        "in_al_imm": b"\xe4\x80",
        "in_eax_dx": b"\xed",
        "out_dx_al": b"\xee",
        "insb": b"\x6c",
        "outsb": b"\x6e",
        "rep_outsd": b"\xf3\x6f",
    }
    # EDX: the monitor's doorbell.
    return [Case(name, code, PROTECTION, before=load(EDX, 0x5E)) for name, code in codes.items()]


def _undefined() -> list[Case]:
    codes = {
        "vaddps_xmm": b"\xc5\xf0\x58\xc2",
        "vaddps_ymm": b"\xc5\xf4\x58\xc2",
        "vaddps_long_form": b"\xc4\xe1\x70\x58\xc2",
        "vaddps_zmm": b"\x62\xf1\x74\x48\x58\xc2",
        "vphaddbw_xop": b"\x8f\xe9\x78\xc1\xc0",
        "xgetbv": b"\x0f\x01\xd0",
        "rdrand": b"\x0f\xc7\xf0",
        "vmmcall": b"\x0f\x01\xd9",
        "ud2": b"\x0f\x0b",
        "syscall": b"\x0f\x05",
    }
    rows = [Case(name, code, UNDEFINED) for name, code in codes.items()]
    return [*rows, Case("vmcall", b"\x0f\x01\xc1", UNDEFINED, modes=(USER,))]


def _selectors() -> list[Case]:
    def row(
        name: str, segment: int, value: int, error_code: int, modes: tuple[str, ...] | None = None
    ) -> Case:
        code = bytes([0x8E, 0xC0 | segment << 3])
        before = load(EAX, value)
        case = Case(name, code, PROTECTION, error_code, before=before)
        return case if modes is None else case._replace(modes=modes)

    return [
        row("mov_ds_monitor_data", DS, 0x10, 0x10),
        row("mov_ds_monitor_code", DS, 0x08, 0x08),
        row("mov_ds_64_bit_code", DS, 0x33, 0x30),
        row("mov_ds_local", DS, 0x07, 0x04),
        row("mov_fs_empty", FS, selector(0), 0xC0),
        row("mov_gs_last_of_its_own", GS, selector(7), 0xF8),
        row("mov_gs_behind_its_own", GS, selector(8), 0x100),
        row("mov_gs_behind_the_table", GS, 0x1003, 0x1000),
        row("mov_ss_null", SS, 0, 0),
        row("mov_ss_of_user_mode", SS, 0x2B, 0x28, (KERNEL,)),
        row("mov_ss_of_the_kernel", SS, 0x39, 0x38, (USER,)),
        row("mov_ds_of_the_kernel", DS, 0x39, 0x38, (USER,)),
        row("mov_ds_kernel_code", DS, 0x19, 0x18, (USER,)),
    ]


def _memory() -> list[Case]:
    load_eax, store_al = b"\xa1", b"\xa2"
    nowhere = word(NOWHERE)
    text = TEXT + 0xFF0
    return [
        Case("read_unmapped", load_eax + nowhere, PAGE_FAULT, READ, NOWHERE),
        Case("write_unmapped", store_al + nowhere, PAGE_FAULT, WRITE, NOWHERE),
        Case("write_text", store_al + word(text), PAGE_FAULT, WRITE | PRESENT, text),
        Case(
            "push_on_unmapped_stack",
            b"\x50",
            PAGE_FAULT,
            WRITE,
            DATA - 4,
            before=load(ESP, DATA),
            lost_stack=DATA,
        ),
        Case("read_across_the_end", load_eax + word(DATA_END - 2), PAGE_FAULT, READ, DATA_END),
        Case(
            "movsd_second_access",
            b"\xa5",
            PAGE_FAULT,
            WRITE,
            DATA_END,
            before=load(ESI, DATA) + load(EDI, DATA_END),
        ),
        # Beyond 4 GiB an address begins again at 0.
        Case("read_wrapped", b"\x8b\x43\x18", PAGE_FAULT, READ, 8, before=load(EBX, 0xFFFFFFF0)),
        Case("read_the_last_word", load_eax + word(-4), PAGE_FAULT, READ, 0xFFFFFFFC),
        Case("write_behind_the_direct_map", store_al + word(0xE0000000), PAGE_FAULT, 2, 0xE0000000),
        Case("write_start_page", store_al + word(GIVEN_PAGES), PAGE_FAULT, WRITE | 1, GIVEN_PAGES),
        Case(
            "user_reads_start_page", load_eax + word(GIVEN_PAGES), PAGE_FAULT, 1, GIVEN_PAGES
        )._replace(modes=(USER,)),
        Case(
            "user_reads_direct_map", load_eax + word(DIRECT_MAP), PAGE_FAULT, 1, DIRECT_MAP
        )._replace(modes=(USER,)),
    ]


def _execution() -> list[Case]:
    jump, call = b"\xff\xe0", b"\xff\xd0"

    def row(name: str, code: bytes, target: int, error_code: int) -> Case:
        before = load(EAX, target)
        return Case(name, code, PAGE_FAULT, error_code, target, before=before, eip=target)

    return [
        row("jump_to_data", jump, DATA + 0x800, FETCH | PRESENT),
        row("call_of_data", call, DATA + 0x800, FETCH | PRESENT),
        row("jump_to_unmapped", jump, NOWHERE, FETCH),
        row("jump_behind_the_text", jump, TEXT + PAGE, FETCH),
        row("jump_to_the_last_page", jump, 0xFFFFF000, FETCH),
    ]


CASES = (
    *_interrupts(),
    *_arithmetic(),
    *_privileged(),
    *_ports(),
    *_undefined(),
    *_selectors(),
    *_memory(),
    *_execution(),
)
IN_THE_MIDDLE = {
    "into",
    "out_dx_al",
    "insb",
    "vaddps_ymm",
    "syscall",
    "sysenter",
    "read_unmapped",
    "hlt",
}
MIDDLE = tuple(
    case._replace(name=f"{case.name}_after_nops", before=case.before + NOP * 9)
    for case in CASES
    if case.name in IN_THE_MIDDLE
)
