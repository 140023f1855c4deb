# SPDX-License-Identifier: GPL-2.0-or-later
"""Every instruction has an entry, and waits for what it depends on: checked by execution."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import capstone
import pytest
import unicorn as published_unicorn
from elftools.elf.elffile import ELFFile
from unicorn import x86_const as ux

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Core
from ultravisor.timing.accuracy import read_measurements

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "ultravisor" / "images").glob("*.elf"))
SCENARIOS = sorted((ROOT / "ultravisor" / "images").glob("*/*.elf"))
# What this machine has not, so that an exception is charged instead; the hostile set tries it.
NOT_OFFERED = (
    *("clgi", "encls", "getsec", "invept", "invlpga", "rsm", "skinit", "stgi", "vmlaunch"),
    *("vmload", "vmptrld", "vmread", "vmresume", "vmrun", "vmsave", "vmwrite", "vmxoff", "vmxon"),
)
EVEX = 0x62
SAMPLES = sorted((ROOT / "tests" / "accuracy").glob("*.csv"))
unicorn: Any = published_unicorn

CODE = 0x10000
DATA = 0x200000
DATA_BYTES = 1 << 20
GENERAL = (
    *(ux.UC_X86_REG_RAX, ux.UC_X86_REG_RCX, ux.UC_X86_REG_RDX, ux.UC_X86_REG_RBX),
    *(ux.UC_X86_REG_RSP, ux.UC_X86_REG_RBP, ux.UC_X86_REG_RSI, ux.UC_X86_REG_RDI),
    *(ux.UC_X86_REG_R8, ux.UC_X86_REG_R9, ux.UC_X86_REG_R10, ux.UC_X86_REG_R11),
    *(ux.UC_X86_REG_R12, ux.UC_X86_REG_R13, ux.UC_X86_REG_R14, ux.UC_X86_REG_R15),
)
# Slots of native/timing/slots.h.
CARRY, FLAGS = 16, 17
CARRY_BIT = 1
OTHER_BITS = 1 << 2 | 1 << 6 | 1 << 7 | 1 << 11
# What the engine does not say, or what is undefined: flags after these.
UNDEFINED_FLAGS = (
    "mul",
    "imul",
    "div",
    "idiv",
    "shl",
    "shr",
    "sar",
    "rol",
    "ror",
    "and",
    "or",
    "xor",
    "test",
    "bsf",
    "bsr",
    "bt",
    "sh",
    "rc",
    "popcnt",
    "lzcnt",
    "tzcnt",
)


def instructions_of(image: Path) -> Iterator[tuple[bytes, int]]:
    """Yield each instruction of an image's code, with its width."""
    with image.open("rb") as stream:
        elf = ELFFile(stream)
        mode = capstone.CS_MODE_64 if elf.elfclass == 64 else capstone.CS_MODE_32
        decoder = capstone.Cs(capstone.CS_ARCH_X86, mode)
        for section in elf.iter_sections():
            if section["sh_type"] != "SHT_PROGBITS" or not section["sh_flags"] & 4:
                continue
            data, place = section.data(), 0
            while place < len(data):
                found = next(decoder.disasm_lite(data[place : place + 15], 0, 1), None)
                if found is not None:
                    yield data[place : place + found[1]], elf.elfclass
                place += found[1] if found is not None else 1


@cache
def instructions_of_the_scenarios() -> frozenset[tuple[bytes, int]]:
    return frozenset(found for image in SCENARIOS for found in instructions_of(image))


def sampled_instructions() -> list[bytes]:
    """Return the different instructions of the samples, by what they do, not by registers."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    found: dict[tuple[str, str], bytes] = {}
    for path in SAMPLES:
        for row in read_measurements(path):
            place = 0
            for _, size, mnemonic, operands in decoder.disasm_lite(row.code, 0):
                found.setdefault((mnemonic, operands), row.code[place : place + size])
                place += size
    return list(found.values())


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.stem)
def test_every_instruction_of_the_images_has_an_entry(name: str, image: Path) -> None:
    core = Core(name)
    unknown = {
        code.hex()
        for code, width in set(instructions_of(image))
        if core.decode(code, CODE, width).unknown_count
    }
    assert not unknown


@pytest.mark.parametrize("name", CORES)
def test_every_instruction_of_the_scenarios_has_an_entry(name: str) -> None:
    core = Core(name)
    codes = instructions_of_the_scenarios()
    assert len(codes) > 5000
    unknown = set()
    for code, width in codes:
        if core.decode(code, CODE, width).unknown_count and code[0] != EVEX:
            decoder = capstone.Cs(capstone.CS_ARCH_X86, 8 if width == 64 else 4)
            unknown.add(next(iter(decoder.disasm_lite(code, 0, 1)))[2])
    assert unknown <= set(NOT_OFFERED)


@pytest.mark.parametrize(
    ("alias", "documented"),
    [
        ("dcd1", "d8d1"),  # fcom
        ("dcd9", "d8d9"),  # fcomp
        ("ddc9", "d9c9"),  # fxch
        ("ded1", "d8d9"),
        ("dfc9", "d9c9"),
        ("dfd1", "ddd9"),  # fstp
        ("dfd9", "ddd9"),
        ("0f1dc0", "0f1fc0"),  # nop
        ("660f1d440800", "660f1f440800"),
        ("0f0dc0", "0f1fc0"),
        ("4048ffc0", "48ffc0"),  # the last REX counts
    ],
)
def test_other_encodings_are_what_the_documented_ones_are(alias: str, documented: str) -> None:
    # Each with fchs behind it, which shows where the x87 stack stands.
    core = Core("skylake")
    codes = [core.decode(bytes.fromhex(text + "d9e0"), CODE) for text in (alias, documented)]
    assert [code.unknown_count for code in codes] == [0, 0]
    assert codes[0].effects(0) == codes[1].effects(0)
    assert codes[0].effects(1) == codes[1].effects(1)


@pytest.mark.parametrize("name", CORES)
def test_every_instruction_of_the_samples_has_an_entry(name: str) -> None:
    core = Core(name)
    codes = sampled_instructions()
    assert len(codes) > 500
    assert not [code.hex() for code in codes if core.decode(code, CODE).unknown_count]


class Probe:
    """Executes one instruction from a given state, to see what changes what."""

    def __init__(self) -> None:
        self.engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.engine.ctl_set_cpu_model(ux.UC_CPU_X86_HASWELL)
        self.engine.mem_map(CODE, 4096)
        self.engine.mem_map(0, 4096)
        self.engine.mem_map(DATA - DATA_BYTES // 4, DATA_BYTES)
        self.start = [DATA + 8 * number for number in range(16)]

    def run(self, code: bytes, registers: list[int], flags: int) -> tuple[int, ...] | None:
        """Return registers and flags afterwards; None when the engine refuses."""
        for number, value in zip(GENERAL, registers, strict=True):
            self.engine.reg_write(number, value)
        self.engine.reg_write(ux.UC_X86_REG_EFLAGS, flags | 2)
        self.engine.mem_write(DATA - 4096, bytes(range(256)) * 64)
        self.engine.mem_write(CODE, code)
        try:
            self.engine.emu_start(CODE, CODE + len(code), 0, 1)
        except unicorn.UcError:
            return None
        after = [self.engine.reg_read(number) for number in GENERAL]
        return (*after, self.engine.reg_read(ux.UC_X86_REG_EFLAGS))


def changed_slots(before: tuple[int, ...], after: tuple[int, ...], defined: bool) -> set[int]:
    """Return the slots in which two results differ."""
    found = {slot for slot in range(16) if before[slot] != after[slot]}
    if (before[16] ^ after[16]) & CARRY_BIT and defined:
        found.add(CARRY)
    if (before[16] ^ after[16]) & OTHER_BITS and defined:
        found.add(FLAGS)
    return found


def test_writes_are_those_of_an_execution() -> None:
    core, probe = Core("skylake"), Probe()
    checked = 0
    for code in sampled_instructions():
        text = next(iter(capstone.Cs(3, 8).disasm_lite(code, 0)))[2]
        result = probe.run(code, probe.start, 0)
        if result is None:
            continue
        _, destinations = core.decode(code, CODE).effects(0)
        defined = not text.startswith(UNDEFINED_FLAGS)
        written = changed_slots((*probe.start, 2), result, defined)
        missing = {slot for slot in written if not destinations >> slot & 1}
        assert not missing, f"{code.hex()} {text}: writes {missing}"
        checked += 1
    assert checked > 400


def test_reads_are_those_that_make_a_difference() -> None:
    core, probe = Core("skylake"), Probe()
    checked = 0
    for code in sampled_instructions():
        text = next(iter(capstone.Cs(3, 8).disasm_lite(code, 0)))[2]
        base = probe.run(code, probe.start, 0)
        if base is None:
            continue
        sources, _ = core.decode(code, CODE).effects(0)
        defined = not text.startswith(UNDEFINED_FLAGS)
        needed = set()
        for slot in range(16):
            registers = list(probe.start)
            registers[slot] += 16
            other = probe.run(code, registers, 0)
            if other is not None and changed_slots(base, other, defined) - {slot}:
                needed.add(slot)
        other = probe.run(code, probe.start, CARRY_BIT)
        if other is not None and changed_slots(base, other, defined=False):
            needed.add(CARRY)
        missing = {slot for slot in needed if not sources >> slot & 1}
        assert not missing, f"{code.hex()} {text}: reads {missing}"
        checked += 1
    assert checked > 400


@pytest.mark.parametrize(
    ("code", "reads"),
    [
        ("31c0", 0),  # xor eax, eax: a zero idiom waits for nothing
        ("29c9", 0),
        ("480f44c3", 1 << 0 | 1 << 3 | 1 << FLAGS),  # cmove rax, rbx: rax too
        ("4811d8", 1 << 0 | 1 << 3 | 1 << CARRY),  # adc rax, rbx
        ("ffc0", 1 << 0),  # inc eax
        ("f3480fb8c1", 1 << 0 | 1 << 1),  # popcnt rax, rcx: its destination, falsely
        ("88c8", 1 << 0 | 1 << 1),  # mov al, cl: merged into rax
        ("89c8", 1 << 1),  # mov eax, ecx
    ],
)
def test_what_an_instruction_waits_for(code: str, reads: int) -> None:
    sources, _ = Core("skylake").decode(bytes.fromhex(code), CODE).effects(0)
    assert sources == reads


def test_an_increment_leaves_the_carry() -> None:
    _, destinations = Core("skylake").decode(bytes.fromhex("ffc0"), CODE).effects(0)
    assert destinations == 1 << 0 | 1 << FLAGS
