# SPDX-License-Identifier: GPL-2.0-or-later
"""What is particular to the Zen 4 core: its widths, its ports, its latencies.

Expected values are published figures, each with its source as native/timing/parameters.c names
them. No measurement of the machine was compared.
"""

from __future__ import annotations

import pytest

from ultravisor.machine.cores import VALIDATED
from ultravisor.machine.cycle_core import Access, BlockMeter, BlockRun, Core
from ultravisor.machine.interface import TimingEvent, TimingIdeal

CORE = "zen4"
TEXT = 1 << 22


def throughput(code: str, *, front_end: bool = True, accesses: list[Access] | None = None) -> float:
    run = BlockRun(
        ideals=0 if front_end else int(TimingIdeal.FRONT_END),
        accesses=[accesses] * 200 if accesses is not None else None,
    )
    return BlockMeter(CORE).measure(bytes.fromhex(code), run).cycles_per_copy


def test_it_is_declared_and_not_validated() -> None:
    assert CORE not in VALIDATED


@pytest.mark.parametrize(
    ("code", "cycles"),
    [
        ("4801d8", 1),  # add rax, rbx
        ("480fafc3", 3),  # imul rax, rbx: LLVM
        ("488b00", 4),  # mov rax, [rax]: SOG 2.12
        ("498b0407", 4),  # mov rax, [r15+rax]: an index is simple
        ("498b04c7", 5),  # mov rax, [r15+rax*8]: a scaled one is not
        ("498b440708", 5),  # mov rax, [r15+rax+8]: nor are three parts
        ("488d0418", 1),  # lea rax, [rax+rbx]
        ("488d441808", 2),  # lea rax, [rax+rbx+8]: INSTLAT
        ("488d0483", 1),  # lea rax, [rbx+rax*4]: INSTLAT
        ("f3480fb8c0", 1),  # popcnt rax, rax
        ("0f58c1", 3),  # addps xmm0, xmm1: LLVM
        ("0f59c1", 3),  # mulps xmm0, xmm1: LLVM
        ("c4e271a8c2", 4),  # vfmadd213ps xmm0, xmm1, xmm2: LLVM
        ("660ffec1", 1),  # paddd xmm0, xmm1
        ("0f5ec1", 11),  # divps xmm0, xmm1: LLVM
        ("48f7f1", 10),  # div rcx, its upper half an extension: INSTLAT
    ],
)
def test_latencies(code: str, cycles: int) -> None:
    assert throughput(code) == cycles


@pytest.mark.parametrize(
    ("code", "cycles"),
    [
        # Eight additions of eight registers: four ALUs (SOG 2.10.2).
        ("4883c001 4883c301 4883c101 4883c201 4883c601 4883c701 4983c001 4983c101", 2),
        # Four multiplications: one unit, ALU1.
        ("490fafc7 490fafdf 490fafcf 490fafd7", 4),
        # Four shifts: ALU1 and ALU2.
        ("48c1e003 48c1e303 48c1e103 48c1e203", 2),
        # Four conditional moves: ALU0 and ALU3.
        ("490f44c7 490f44df 490f44cf 490f44d7", 2),
        # Six loads: three a cycle (SOG 2.12).
        ("498b07 498b1f 498b0f 498b17 498b37 498b3f", 2),
        # Four loads of vectors: two a cycle.
        ("410f2807 410f280f 410f2817 410f281f", 2),
        # Eight additions of vectors: FP2 and FP3; eight multiplications: FP0 and FP1.
        ("410f58c7 410f58cf 410f58d7 410f58df 410f58e7 410f58ef 410f58f7 410f58ff", 4),
        ("410f59c7 410f59cf 410f59d7 410f59df 410f59e7 410f59ef 410f59f7 410f59ff", 4),
        # Four of each: beside one another.
        ("410f58c7 410f59cf 410f58d7 410f59df 410f58e7 410f59ef 410f58f7 410f59ff", 3),
        # Eight additions of integers in vectors: all four.
        ("66410ffec7 66410ffecf 66410ffed7 66410ffedf", 1),
        # Four divisions of floating-point vectors: one unit, one in three cycles.
        ("410f5ec7 410f5ecf 410f5ed7 410f5edf", 12),
        # Six instructions for both schedulers: they do not take each other's ports.
        ("4883c001 4883c301 66410ffec7 66410ffecf 4883c101 66410ffed7", 1),
        # xchg rax, rbx: two macro-ops at rename, and no wait: six a cycle.
        ("4893 4893 4893", 1),
    ],
)
def test_ports(code: str, cycles: int) -> None:
    assert throughput(code.replace(" ", ""), front_end=False) == pytest.approx(cycles, rel=0.05)


def test_four_instructions_are_decoded_in_a_cycle() -> None:
    assert throughput("90" * 12) == 3.0
    assert throughput("90" * 12, front_end=False) == 2.0


def test_a_prefix_that_changes_the_length_costs_nothing() -> None:
    # add cx, imm16; on Skylake three cycles more.
    assert throughput("6681c13412") == 1.0


@pytest.mark.parametrize(
    ("code", "macro_ops"),
    [
        ("490107", 1),  # add [r15], rax: load, operation and store
        ("49890c1f", 1),  # mov [r15+rbx], rcx: an index tears nothing apart
        ("50", 1),  # push rax
        ("58", 1),  # pop rax
        ("48f7e3", 2),  # mul rbx: two results
        ("4893", 2),  # xchg rax, rbx
        ("410fb107", 6),  # cmpxchg [r15], eax: LLVM
    ],
)
def test_macro_ops(code: str, macro_ops: int) -> None:
    core = Core(CORE)
    core.execute(core.decode(bytes.fromhex(code), TEXT))
    assert core.statistics().events[TimingEvent.UOP] == macro_ops


def test_stores_reach_the_cache_one_a_cycle() -> None:
    accesses = [Access(4096 + 8 * i, 4096 + 8 * i, 8, is_write=True) for i in range(4)]
    # mov [r15], rax and so on.
    assert throughput("498907 49894708 49894710 49894718".replace(" ", ""), accesses=accesses) == 4


def test_an_indexed_access_stays_one_macro_op() -> None:
    # Six of add rax, [r15+rbx] to different registers: three loads a cycle bound it.
    code = "49030c1f 4903141f 4903341f 49033c1f 4d03041f 4d030c1f".replace(" ", "")
    assert throughput(code, front_end=False) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("code", ["4809d87510", "48ffc07210", "4839d87a10", "4883c0017510"])
def test_all_arithmetic_fuses_with_all_branches(code: str) -> None:
    # or, jne; inc, jb; cmp, jp; add, jne: CORSIX.
    core = Core(CORE)
    core.execute(core.decode(bytes.fromhex(code), TEXT))
    assert core.statistics().events[TimingEvent.UOP] == 1


def test_the_op_cache_holds_what_it_is_said_to() -> None:
    def misses(macro_ops: int) -> int:
        core = Core(CORE)
        code = core.decode(bytes.fromhex("0500000000") * macro_ops, TEXT)
        for _ in range(3):
            before = core.statistics().events[TimingEvent.UOP_CACHE_MISS]
            core.execute(code)
        return core.statistics().events[TimingEvent.UOP_CACHE_MISS] - before

    # Twelve or thirteen instructions in a window of 64 bytes take two lines of nine: of 768
    # lines, 384 windows.
    assert misses(384 * 64 // 5 - 16) == 0
    assert misses(500 * 64 // 5) > 400
