# SPDX-License-Identifier: GPL-2.0-or-later
"""The x87 stack: who waits for whom, within a block and from block to block.

What an instruction reads, writes and pops is compared with an execution. Cycles are those of
INSTLAT, as native/timing/parameters.c names it: a Xeon 8160, a Haswell Xeon, an i7-3770K and an
EPYC 9654.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import capstone
import pytest
import unicorn as published_unicorn
from unicorn import x86_const as ux

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import BlockMeter, BlockRun, Core
from ultravisor.machine.interface import TimingIdeal

if TYPE_CHECKING:
    from collections.abc import Iterator

unicorn: Any = published_unicorn

TEXT = 1 << 22
DATA = 0x200000
# Slots of native/timing/slots.h.
CARRY, FLAGS, TOP = 16, 17, 42
FLAG_BITS = 0x45  # ZF, PF, CF
REGISTERS = tuple(getattr(ux, f"UC_X86_REG_FP{number}") for number in range(8))
FULL = [((0xC0 + 3 * number) << 56, 0x3FFF) for number in range(8)]  # 1.5 to 1.66
NEGATE = bytes.fromhex("d9e0")  # fchs: reads st(0), wherever that is
MEASURED = {
    "d8c1": (3, 3, 7),  # fadd st, st(1): Skylake, Haswell and Ivy Bridge, Zen 4
    "dcc1": (3, 3, 7),  # fadd st(1), st
    "d8c9": (5, 5, 7),  # fmul st, st(1)
    "dcc9": (5, 5, 7),
    "d8c9d8c2": (8, 8, 14),  # fmul and fadd, one after the other
    "d8c1d9c9": (3, 3, 7),  # fadd and fxch: INSTLAT has 6.4 on Zen 4
    "d9e0": (1, 1, 1),  # fchs
    "d8f1": (16, 24, 15),  # fdiv
    "d800": (3, 3, 7),  # fadd dword [rax]: the load is not waited for
}


def encodings() -> Iterator[bytes]:
    """Yield an instruction of every x87 opcode that the decoder library knows."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for opcode in range(0xD8, 0xE0):
        for modrm in (*range(0x06, 0x40, 8), *range(0xC0, 0x100)):
            code = bytes([opcode, modrm])
            if any(size == 2 for _, size, _, _ in decoder.disasm_lite(code, 0, 1)):
                yield code


class Unit:
    """Executes one x87 instruction from a given state of the stack."""

    def __init__(self) -> None:
        self.engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.engine.mem_map(TEXT, 4096)
        self.engine.mem_map(DATA, 4096)

    def run(self, code: bytes, values: list[tuple[int, int]], empty: bool) -> list[Any] | None:
        """Return the registers, the flags, the memory and the top; None when it is refused.

        `empty` leaves the upper half of the stack free, for instructions that push.
        """
        engine = self.engine
        engine.mem_write(TEXT, code)
        engine.mem_write(DATA, b"\x00\x00\x00\x00\x00\x00\xf8\x3f" + bytes(120))
        engine.reg_write(ux.UC_X86_REG_RSI, DATA)
        engine.reg_write(ux.UC_X86_REG_RAX, 0)
        engine.reg_write(ux.UC_X86_REG_EFLAGS, 2)
        engine.reg_write(ux.UC_X86_REG_FPCW, 0x37F)
        engine.reg_write(ux.UC_X86_REG_FPSW, 0)
        engine.reg_write(ux.UC_X86_REG_FPTAG, 0xFF00 if empty else 0)
        for register, value in zip(REGISTERS, values, strict=True):
            engine.reg_write(register, value)
        try:
            engine.emu_start(TEXT, TEXT + len(code), 0, 1)
        except unicorn.UcError:
            return None
        after = [engine.reg_read(register) for register in REGISTERS]
        flags = engine.reg_read(ux.UC_X86_REG_EFLAGS) & FLAG_BITS
        return [*after, flags, bytes(engine.mem_read(DATA, 10)), self.top()]

    def top(self) -> int:
        return int(self.engine.reg_read(ux.UC_X86_REG_FPSW)) >> 11 & 7


# Where the state of the whole unit is loaded, stored or forgotten.
WHOLE_UNIT = (
    "fldenv",
    "fnstenv",
    "frstor",
    "fnsave",
    "fldcw",
    "fninit",
    "fnclex",
    "ffree",
    "fstpnce",
)


def executed() -> Iterator[tuple[bytes, str]]:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    for code in encodings():
        _, _, name, _ = next(iter(decoder.disasm_lite(code, 0, 1)))
        if not name.startswith(WHOLE_UNIT):
            yield code, name


def test_the_stack_turns_as_in_an_execution() -> None:
    core, unit = Core("skylake"), Unit()
    checked = 0
    for code, name in executed():
        result = unit.run(code, FULL, empty=True)
        if result is None:
            continue
        sources, _ = core.decode(code + NEGATE, TEXT).effects(1)
        assert sources == 1 << TOP + result[-1], f"{code.hex()} {name}"
        checked += 1
    assert checked > 300


def test_writes_are_those_of_an_execution() -> None:
    core, unit = Core("skylake"), Unit()
    for code, name in executed():
        result = unit.run(code, FULL, empty=True)
        if result is None:
            continue
        _, destinations = core.decode(code, TEXT).effects(0)
        written = {TOP + place for place in range(8) if result[place] != FULL[place]}
        written |= {FLAGS} if result[8] else set()
        missing = {slot for slot in written if not destinations >> slot & 1}
        assert not missing, f"{code.hex()} {name}: writes {missing}"


def test_reads_are_those_that_make_a_difference() -> None:
    core, unit = Core("skylake"), Unit()
    found = 0
    for code, name in executed():
        base = unit.run(code, FULL, empty=True)
        if base is None:
            continue
        sources, _ = core.decode(code, TEXT).effects(0)
        for place in range(8):
            values = list(FULL)
            values[place] = (0x90 << 56, 0x4000)
            other = unit.run(code, values, empty=True)
            assert other is not None
            changed = [k for k in range(10) if base[k] != other[k] and k != place]
            assert not changed or sources >> TOP + place & 1, f"{code.hex()} {name}: {place}"
            found += bool(changed)
    assert found > 200


@pytest.mark.parametrize("code", MEASURED)
@pytest.mark.parametrize("core", CORES)
def test_chains_are_as_long_as_measured(core: str, code: str) -> None:
    skylake, others, zen = MEASURED[code]
    expected = {"skylake": skylake, "zen4": zen}.get(core, others)
    assert BlockMeter(core).measure(bytes.fromhex(code)).cycles_per_copy == expected


@pytest.mark.parametrize("core", CORES)
def test_an_exchange_takes_slots_and_no_time(core: str) -> None:
    run = BlockRun(ideals=int(TimingIdeal.FRONT_END))
    cycles = BlockMeter(core).measure(bytes.fromhex("d9c9"), run).cycles_per_copy
    assert cycles == pytest.approx(1 / 6 if core == "zen4" else 0.5, abs=0.01)


@pytest.mark.parametrize("core", CORES)
def test_pairs_of_load_and_store_wait_for_nothing(core: str) -> None:
    # fld qword [rax]; fstp qword [rax]: one store a cycle, or two, and no chain.
    cycles = BlockMeter(core).measure(bytes.fromhex("dd00dd18")).cycles_per_copy
    assert cycles <= 1


@pytest.mark.parametrize("core", CORES)
def test_independent_sums_run_side_by_side(core: str) -> None:
    # fadd st(1), st up to fadd st(3), st: three chains, each as long as one addition.
    chain = BlockMeter(core).measure(bytes.fromhex("dcc1")).cycles_per_copy
    three = BlockMeter(core).measure(bytes.fromhex("dcc1dcc2dcc3")).cycles_per_copy
    assert three == chain


# fld1; faddp st(1), st: the sum stays where it is, and is one register further in between.
SUM = ("d9e8", "dec1")


@pytest.mark.parametrize("core", CORES)
def test_the_stack_goes_on_from_block_to_block(core: str) -> None:
    codes = [Core(core).decode(bytes.fromhex(code), TEXT + 64 * i) for i, code in enumerate(SUM)]
    timed = Core(core)
    for _ in range(100):
        for code in codes:
            timed.execute(code)
    before = timed.cycles
    for _ in range(100):
        for code in codes:
            timed.execute(code)
    apart = (timed.cycles - before) / 100
    together = BlockMeter(core).measure(bytes.fromhex("".join(SUM))).cycles_per_copy
    assert together == (7 if core == "zen4" else 3)
    assert apart == pytest.approx(together, abs=1)


@pytest.mark.parametrize("core", CORES)
def test_a_block_that_is_left_halfway_turns_the_stack_so_far(core: str) -> None:
    # fld1; faddp; nop, of which a fault cuts off the end, goes on behind its first instruction.
    timed = Core(core)
    code = timed.decode(bytes.fromhex("".join(SUM) + "90"), TEXT)
    for _ in range(100):
        timed.execute(code, executed=1)
        timed.execute(code, first=1)
    before = timed.cycles
    for _ in range(100):
        timed.execute(code, executed=1)
        timed.execute(code, first=1)
    cycles = (timed.cycles - before) / 100
    assert cycles == pytest.approx(7 if core == "zen4" else 3, abs=1)


@pytest.mark.parametrize("core", CORES)
def test_a_stack_that_is_not_turned_back_keeps_no_chain(core: str) -> None:
    # fld1; fadd st, st: each on the register below, so that nothing waits for the one before.
    cycles = BlockMeter(core).measure(bytes.fromhex("d9e8d8c0")).cycles_per_copy
    assert cycles < 3
