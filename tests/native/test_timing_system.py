# SPDX-License-Identifier: GPL-2.0-or-later
"""System and serialising instructions: each costs what its row says, and waits for what it must.

The rows are those of native/timing/tables/system.inc, each with its source.
"""

from __future__ import annotations

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Access, BlockMeter, BlockRun, Core, costs

DATA = 1 << 30
LINE = 64
PAGE = 4096
MEMORY_CYCLES = {"skylake": 230, "haswell": 230, "ivybridge": 230, "zen4": 350}
# Of a pass through the pipeline, which a drained one begins anew.
PASS_CYCLES = 12

CODES = {
    "PAUSE": "f390",
    "CPUID": "0fa2",
    "LFENCE": "0faee8",
    "MFENCE": "0faef0",
    "RDTSC": "0f31",
    "RDTSCP": "0f01f9",
    "RDPMC": "0f33",
    "SYSCALL": "0f05",
    "SYSRET": "0f07",
    "SYSRETQ": "480f07",
    "SYSENTER": "0f34",
    "SYSEXIT": "0f35",
    "SYSEXITQ": "480f35",
    "SWAPGS": "0f01f8",
    "WRMSR": "0f30",
    "RDMSR": "0f32",
    "INVLPG": "0f0138",
    "INVPCID": "660f388208",
    "IRET": "66cf",
    "IRETD": "cf",
    "IRETQ": "48cf",
    "INT": "cd80",
    "INT1": "f1",
    "INT3": "cc",
    "UD0": "0fff",
    "UD1": "0fb9",
    "UD2": "0f0b",
    "VMCALL": "0f01c1",
    "VMMCALL": "0f01d9",
    "HLT": "f4",
    "LGDT": "0f0110",
    "LIDT": "0f0118",
    "LTR": "0f00d8",
    "LLDT": "0f00d0",
    "LMSW": "0f01f0",
    "CLTS": "0f06",
    "VERR": "0f00e0",
    "VERW": "0f00e8",
    "WBINVD": "0f09",
    "INVD": "0f08",
    "IN": "ec",
    "OUT": "ee",
    "INSB": "6c",
    "INSD": "6d",
    "INSW": "666d",
    "OUTSB": "6e",
    "OUTSD": "6f",
    "OUTSW": "666f",
    "FXSAVE": "0fae00",
    "FXSAVE64": "480fae00",
    "FXRSTOR": "0fae08",
    "FXRSTOR64": "480fae08",
    "XSAVE": "0fae20",
    "XSAVE64": "480fae20",
    "XRSTOR": "0fae28",
    "XRSTOR64": "480fae28",
    "RDRAND": "0fc7f0",
    "RDSEED": "0fc7f8",
    "ENTER": "c8100000",
    "XSETBV": "0f01d1",
    "FNINIT": "dbe3",
    "MOV_TO_CR3": "0f22d8",
    "MOV_TO_CR": "0f22c0",
    "MOV_FROM_CR": "0f20c0",
    "MOV_DR": "0f23c0",
    "MOV_TO_SEGMENT": "8ed8",
    "CLI": "fa",
    "STI": "fb",
    "STAC": "0f01cb",
    "CLAC": "0f01ca",
    "POPF": "669d",
    "POPFQ": "9d",
    "RETF": "cb",
    "RETFQ": "48cb",
    "LCALL": "ff18",
    "LJMP": "ff28",
    "WRFSBASE": "f30faed0",
    "WRGSBASE": "f30faed8",
    "RDFSBASE": "f30faec0",
    "RDGSBASE": "f30faec8",
    "MONITOR": "0f01c8",
    "MWAIT": "0f01c9",
    "LAR": "0f02c0",
    "LSL": "0f03c0",
    "STR": "0f00c8",
    "SLDT": "0f00c0",
    "SMSW": "0f01e0",
    "SGDT": "0f0100",
    "SIDT": "0f0108",
}
# Of 32-bit code only.
CODES_32 = {"POPFD": "9d", "INTO": "ce"}
# What a model adds is no instruction: tests/native/test_timing_model.py.
OF_A_MODEL = frozenset({"TARGET_BARRIER", "DATA_CACHE_FLUSH", "RETURN_FILLING"})
ADD = "4801d8"  # add rax, rbx
CHAIN = "480fafc0" * 10  # imul rax, rax: 3 cycles each
CHAIN_CYCLES = 30
LOAD = "488b03"  # mov rax, [rbx]
STORE = "488903"  # mov [rbx], rax


def test_every_row_has_an_instruction_here() -> None:
    assert {row.name for row in costs("skylake")} == {*CODES, *CODES_32, *OF_A_MODEL}


@pytest.mark.parametrize("name", CORES)
def test_system_instructions_cost_what_their_row_says(name: str) -> None:
    found = {}
    for row in costs(name):
        if row.name in OF_A_MODEL:
            continue
        code = CODES.get(row.name) or CODES_32[row.name]
        run = BlockRun(width_bits=64 if row.name in CODES else 32)
        measured = BlockMeter(name).measure(bytes.fromhex(code), run)
        assert measured.unknown_count == 0
        found[row.name] = measured.cycles_per_copy - row.cycles
    assert {row: extra for row, extra in found.items() if not 0 <= extra <= PASS_CYCLES} == {}


def spent(name: str, pieces: list[tuple[str, list[Access]]]) -> int:
    """Run pieces of code one behind the other, in a warm page; return the cycles of all."""
    core = Core(name)
    core.execute(core.decode(bytes.fromhex(LOAD)), [Access(DATA, DATA, 8, is_write=False)])
    code = b"".join(bytes.fromhex(piece) for piece, _ in pieces)
    # The code is there when it is run for the second time.
    block = core.decode(code)
    core.execute(block, executed=0)
    core.execute(block)
    begin = core.cycles
    core.execute(block, [access for _, accesses in pieces for access in accesses])
    return core.cycles - begin


def missing(is_write: bool) -> list[Access]:
    return [Access(DATA + 8 * LINE, DATA + 8 * LINE, 8, is_write)]


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("instruction", ["LFENCE", "CPUID", "RDTSCP", "MOV_TO_CR3", "IRETQ"])
def test_what_drains_waits_for_all_before_it(name: str, instruction: str) -> None:
    # SOM 8.3 of volume 3: CPUID, IRET and MOV to CR3 serialise; LFENCE and RDTSCP wait.
    cost = next(row.cycles for row in costs(name) if row.name == instruction)
    code = CODES[instruction]
    whole = spent(name, [(CHAIN, []), (code, []), (CHAIN, [])])
    assert 2 * CHAIN_CYCLES + cost <= whole <= 2 * CHAIN_CYCLES + cost + 2 * PASS_CYCLES
    miss = spent(name, [(LOAD, missing(is_write=False)), (code, []), (ADD, [])])
    assert miss >= MEMORY_CYCLES[name] - 5 + cost


@pytest.mark.parametrize("name", CORES)
def test_reading_the_time_does_not_wait(name: str) -> None:
    # RDTSC may be executed before what is older: SOM volume 2, RDTSC.
    cost = next(row.cycles for row in costs(name) if row.name == "RDTSC")
    whole = spent(name, [(CHAIN, []), (CODES["RDTSC"], []), (CHAIN.replace("c0", "c9"), [])])
    assert whole < 2 * CHAIN_CYCLES + cost


@pytest.mark.parametrize("name", CORES)
def test_a_fence_of_memory_orders_loads_and_nothing_else(name: str) -> None:
    # SOM volume 2, MFENCE: loads behind it wait for the stores before it.
    cost = next(row.cycles for row in costs(name) if row.name == "MFENCE")
    stored = [(STORE, missing(is_write=True)), (CODES["MFENCE"], [])]
    ordered = spent(name, [*stored, (LOAD, [Access(DATA, DATA, 8, is_write=False)])])
    assert MEMORY_CYCLES[name] + cost - 5 <= ordered <= MEMORY_CYCLES[name] + cost + 2 * PASS_CYCLES
    # What computes goes on behind it, and only retires with it.
    chained = spent(name, [*stored, (CHAIN, [])])
    assert MEMORY_CYCLES[name] + cost - 5 <= chained <= MEMORY_CYCLES[name] + cost + PASS_CYCLES
