# SPDX-License-Identifier: GPL-2.0-or-later
"""The addresses that a block of published measurements touched.

Owns the initial state of BHive's harness (timing-harness/run_test.nasm and harness.c in
its repository, MIT): registers and every word of memory hold 0x2324000, rsp and rbp point
into the middle of the page, every page that is touched is one and the same page, and the
code begins where the harness's own code ends. Run
in the engine, so that loads, stores and their overlaps are the ones that were measured.
It must not know cores or cycles.
"""

from __future__ import annotations

import ctypes
import itertools
from functools import lru_cache
from typing import Any

import capstone
import unicorn as published_unicorn
from capstone import x86 as cx
from unicorn import x86_const as ux

from ultravisor.machine.cycle_core import Access

# Published with types for a part of what it has.
unicorn: Any = published_unicorn

PAGE_BYTES = 4096
INITIAL_VALUE = 0x2324000
STACK_POINTER = INITIAL_VALUE + 2048
FRAME_POINTER = (STACK_POINTER & ~31) - 16
CODE_ADDRESS = 0x400000
CODE_BYTES = 1 << 18
PROBE_COPIES = 16
# Where the first copy begins within its page: the label code_end of run_test.nasm, assembled.
CODE_PAGE_OFFSET = 0x1DF
SEGMENT_PREFIXES = frozenset({0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65})
VEX_PREFIXES = frozenset({0xC4, 0xC5})
# Of code: no data access ever meets these.
CODE_MACHINE_ADDRESS = 1 << 32
GENERAL_REGISTERS = (
    *(ux.UC_X86_REG_RAX, ux.UC_X86_REG_RBX, ux.UC_X86_REG_RCX, ux.UC_X86_REG_RDX),
    *(ux.UC_X86_REG_RSI, ux.UC_X86_REG_RDI, ux.UC_X86_REG_R8, ux.UC_X86_REG_R9),
    *(ux.UC_X86_REG_R10, ux.UC_X86_REG_R11, ux.UC_X86_REG_R12, ux.UC_X86_REG_R13),
    *(ux.UC_X86_REG_R14, ux.UC_X86_REG_R15),
)


# The accesses of each copy.
Trace = list[list[Access]]


@lru_cache(maxsize=1)
def _decoder() -> Any:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.detail = True
    return decoder


def _without_vectors(instruction: Any) -> bytes:
    """Return code of the same length and accesses that the engine executes rightly.

    The engine executes no VEX encoding of vector instructions. Their values reach no
    address in a block; a move to or from the same address stands for them, of the same size
    (of 16 bytes where they move 32).
    """
    code = bytes(instruction.bytes)
    vex = code.find(b"\xc5") if b"\xc5" in code[:2] else code.find(b"\xc4")
    memory = [item for item in instruction.operands if item.type == cx.X86_OP_MEM]
    if not memory:
        return b"\x90" * len(code)
    store = instruction.operands[0].type == cx.X86_OP_MEM
    opcode = b"\x0f\x11" if store else b"\x0f\x10"
    size = 2 if code[vex] == 0xC5 else 3
    rex = b"" if size == 2 else bytes([0x40 | (~code[vex + 1] >> 5 & 3)])
    tail = len(code) - (instruction.encoding.imm_offset or len(code))
    start = vex + size + 1
    body = code[start : len(code) - tail]
    mandatory = {4: b"\xf3", 8: b"\xf2"}.get(memory[0].size, b"\x3e")
    return code[:vex] + mandatory + rex + opcode + body + b"\x90" * tail


def executable_form(code: bytes) -> bytes:
    """Return code of the same length that the engine executes, with the same accesses."""
    pieces = []
    for instruction in _decoder().disasm(code, 0):
        raw = bytes(instruction.bytes)
        prefix = next((b for b in raw if b not in SEGMENT_PREFIXES), 0)
        groups = instruction.groups
        general = cx.X86_GRP_BMI in groups or cx.X86_GRP_BMI2 in groups
        vector = prefix in VEX_PREFIXES and not general
        pieces.append(_without_vectors(instruction) if vector else raw)
    return b"".join(pieces)


class _Harness:
    """One engine whose every data page is the same page."""

    def __init__(self) -> None:
        # Kept alive for as long as the engine has it mapped.
        self.page = ctypes.create_string_buffer(2 * PAGE_BYTES)
        base = ctypes.addressof(self.page)
        self.host_page = (base + PAGE_BYTES - 1) // PAGE_BYTES * PAGE_BYTES
        self.engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.engine.ctl_set_cpu_model(ux.UC_CPU_X86_HASWELL)
        self.engine.mem_map(CODE_ADDRESS, CODE_BYTES)
        self.accesses: list[tuple[int, int, bool]] = []
        hooks = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
        self.engine.hook_add(hooks, self._note)
        self.engine.hook_add(unicorn.UC_HOOK_MEM_UNMAPPED, self._map)

    def _note(self, _engine: object, access: int, address: int, size: int, *_: object) -> None:
        self.accesses.append((address, size, access == unicorn.UC_MEM_WRITE))

    def _map(self, engine: Any, _access: int, address: int, *_: object) -> bool:
        page = address & ~(PAGE_BYTES - 1) & (1 << 64) - 1
        engine.mem_map_ptr(page, PAGE_BYTES, unicorn.UC_PROT_ALL, self.host_page)
        return True

    def reset(self) -> None:
        """Fill memory and registers as the harness of the measurements does."""
        words = INITIAL_VALUE.to_bytes(8, "little") * (PAGE_BYTES // 8)
        ctypes.memmove(self.host_page, words, PAGE_BYTES)
        for register in GENERAL_REGISTERS:
            self.engine.reg_write(register, INITIAL_VALUE)
        self.engine.reg_write(ux.UC_X86_REG_RSP, STACK_POINTER)
        self.engine.reg_write(ux.UC_X86_REG_RBP, FRAME_POINTER)
        self.engine.reg_write(ux.UC_X86_REG_EFLAGS, 2)

    def run(self, code: bytes, copies: int) -> list[tuple[int, int, bool]] | None:
        """Execute copies; None when the engine cannot."""
        self.reset()
        self.accesses = []
        self.engine.mem_write(CODE_ADDRESS, code * copies)
        self.engine.ctl_flush_tb()
        try:
            self.engine.emu_start(CODE_ADDRESS, CODE_ADDRESS + len(code) * copies)
        except unicorn.UcError:
            return None
        return self.accesses


def _machine_address(address: int) -> int:
    if CODE_ADDRESS <= address < CODE_ADDRESS + CODE_BYTES:
        return CODE_MACHINE_ADDRESS + address
    return address % PAGE_BYTES


def _split(accesses: list[tuple[int, int, bool]], copies: int) -> Trace | None:
    """Cut the accesses of all copies into those of each; None when they differ in number."""
    if len(accesses) % copies != 0:
        return None
    each = len(accesses) // copies
    return [
        [
            Access(address, _machine_address(address), size, is_write)
            for address, size, is_write in accesses[copy * each : (copy + 1) * each]
        ]
        for copy in range(copies)
    ]


def _advance(trace: Trace) -> list[int] | None:
    """Return by how much each access moves from copy to copy; None when not by the same."""
    half = trace[len(trace) // 2 :]
    steps = [b.address - a.address for a, b in zip(half[0], half[1], strict=True)]
    for before, after in itertools.pairwise(half):
        moved = [b.address - a.address for a, b in zip(before, after, strict=True)]
        if moved != steps:
            return None
    return steps


def _extended(trace: Trace, steps: list[int], copies: int) -> Trace:
    while len(trace) < copies:
        trace.append(
            [
                Access(
                    access.address + step,
                    _machine_address(access.address + step),
                    access.size_bytes,
                    access.is_write,
                )
                for access, step in zip(trace[-1], steps, strict=True)
            ]
        )
    return trace


def trace_block(code: bytes, copies: int) -> Trace | None:
    """Return the accesses of each copy of a block, or None when the engine cannot say."""
    functional = executable_form(code)
    if len(functional) != len(code) or len(code) * copies > CODE_BYTES:
        return None
    # A fresh engine: what a block has mapped, another must not see.
    harness = _Harness()
    accesses = harness.run(functional, PROBE_COPIES)
    if accesses is None:
        return None
    trace = _split(accesses, PROBE_COPIES)
    if trace is None:
        return None
    steps = _advance(trace)
    if steps is not None:
        return _extended(trace, steps, copies)
    accesses = _Harness().run(functional, copies)
    return None if accesses is None else _split(accesses, copies)
