# SPDX-License-Identifier: GPL-2.0-or-later
"""The derived tables: no encoding matches two rows, and every row is found by its own encoding."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import capstone
import pytest

from native.timing.tables.rows import (
    ANY,
    OPTIONAL_FIELDS,
    Encoding,
    found_wrongly,
    matches,
    merge,
    overlapping,
    values_of,
)
from ultravisor.machine.cycle_core import BlockMeter, Core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from native.timing.tables.rows import Row

TABLES = Path(__file__).resolve().parents[2] / "native" / "timing" / "tables"
FILES = {"skylake": "forms.inc", "zen4": "zen_forms.inc"}
PREFIXES = (b"", b"\x66", b"\xf3", b"\xf2")
MAPS = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
CHOICES = {"prefix": range(4), "wide": range(2), "long": range(2), "reg": range(8), "rm": range(8)}
PLACEHOLDER = "t100_b100"


def rows_of(core: str) -> dict[Encoding, str]:
    """Read a table: the first core's class of each row."""
    text = (TABLES / FILES[core]).read_text(encoding="utf-8")
    found = {}
    for cells in re.findall(r"^FORM\((.*)\) /\*", text, re.MULTILINE):
        *fields, name = cells.split(", ")[:11]
        found[Encoding(*(int(field, 0) for field in fields))] = name
    return found


def code_of(encoding: Encoding) -> bytes:
    """Return bytes of an encoding, with all that may follow ModRM."""
    fields = encoding
    modrm = bytes([0xC0 | fields.reg << 3 | fields.rm])
    modrm = bytes([0x44 | fields.reg << 3, 0x0A, 0x40]) if fields.memory else modrm
    tail = bytes([fields.opcode]) + modrm + bytes(8)
    if fields.vex:
        last = fields.wide << 7 | 0x78 | fields.long << 2 | fields.prefix
        return bytes([0xC4, 0xE0 | fields.map, last]) + tail
    rex = b"" if fields.code32 or not fields.wide else b"\x48"
    return PREFIXES[fields.prefix] + rex + MAPS[fields.map] + tail


def instances(row: Encoding) -> Iterator[bytes]:
    """Yield the decodable encodings of a row, cut to their length."""
    mode = capstone.CS_MODE_32 if row.code32 else capstone.CS_MODE_64
    decoder = capstone.Cs(capstone.CS_ARCH_X86, mode)
    open_fields = [name for name in OPTIONAL_FIELDS if getattr(row, name) == ANY]
    values = {name: getattr(row, name) for name in Encoding.__slots__}
    for choice in itertools.product(*(CHOICES[name] for name in open_fields)):
        code = code_of(Encoding(**(values | dict(zip(open_fields, choice, strict=True)))))
        for _, size, _, _ in decoder.disasm_lite(code, 0, 1):
            yield code[:size]


@pytest.mark.parametrize("core", FILES)
def test_no_encoding_matches_two_rows(core: str) -> None:
    rows = rows_of(core)
    assert len(rows) > 2000
    assert not overlapping(rows)


@pytest.mark.parametrize("core", FILES)
def test_rows_are_sorted_as_they_are_searched(core: str) -> None:
    fields = [values_of(row) for row in rows_of(core)]
    assert fields == sorted(fields)


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_found(name: str) -> None:
    core = Core(name)
    lost = []
    for row, timing in rows_of(name).items():
        code = next(instances(row))
        unknown = core.decode(code, 1 << 20, 32 if row.code32 else 64).unknown_count
        if unknown and not timing.startswith(PLACEHOLDER):
            lost.append((code.hex(), timing))
    assert not lost


def random_forms(choose: random.Random) -> dict[Encoding, Row]:
    """Return forms of two opcodes, some missing, whose timing few fields decide."""
    matter = choose.sample(OPTIONAL_FIELDS, choose.randrange(4))
    forms: dict[Encoding, Row] = {}
    fields = (range(2), range(4), range(2), range(2), range(4))
    for opcode, prefix, wide, long, reg in itertools.product(*fields):
        encoding = Encoding(0, 0, 0, opcode, 0, prefix, wide, long, reg, 0)
        decided = [getattr(encoding, name) for name in matter]
        if choose.random() < 0.8:
            exception = str(choose.randrange(2)) if choose.random() < 0.1 else ""
            forms[encoding] = ("", (f"{decided}{exception}",))
    return forms


@pytest.mark.parametrize("seed", range(40))
def test_merging_loses_nothing(seed: int) -> None:
    forms = random_forms(random.Random(seed))
    rows = merge(forms)
    assert not overlapping(rows)
    assert not found_wrongly(forms, rows)
    assert len(rows) <= len(forms)


def test_what_makes_no_difference_is_one_row() -> None:
    forms: dict[Encoding, Row] = {
        Encoding(0, 0, 0, 1, 0, prefix, wide, 0, reg, ANY): ("ADD", ("same",))
        for prefix, wide, reg in itertools.product(range(4), range(2), range(8))
    }
    assert list(merge(forms)) == [Encoding(0, 0, 0, 1, 0, ANY, ANY, ANY, ANY, ANY)]


def test_a_field_that_another_one_decides_about_is_kept() -> None:
    # As VADDSS and VADDPS: only without the prefix does the length make a difference. Dropping
    # the length where a prefix has one value left would let the first row hide the others.
    forms: dict[Encoding, Row] = {}
    for prefix, long in itertools.product(range(2), range(2)):
        timing = "scalar" if prefix else f"packed {long}"
        forms[Encoding(0, 1, 1, 0x58, 1, prefix, 0, long, 0, ANY)] = ("", (timing,))
    rows = merge(forms)
    assert len(rows) == 3
    for encoding, row in forms.items():
        assert [rows[found] for found in rows if matches(found, encoding)] == [row]


@pytest.mark.parametrize(
    ("code", "cycles"),
    [
        ("6bc005", 3),  # imul eax, eax, 5: not the form of 16 bits, which is longer
        ("69c000100000", 3),
        ("9989d0", 1),  # cdq; mov eax, edx: one micro-op, not CWD's two
    ],
)
@pytest.mark.parametrize("name", ["skylake", "haswell"])
def test_forms_of_32_bits_are_not_those_of_16(name: str, code: str, cycles: int) -> None:
    assert BlockMeter(name).measure(bytes.fromhex(code)).cycles_per_copy == cycles


@pytest.mark.parametrize("opcode", ["10", "58", "5d", "5f", "59", "5c"])
@pytest.mark.parametrize("name", ["skylake", "haswell"])
def test_a_scalar_with_memory_takes_as_long_with_both_encodings(name: str, opcode: str) -> None:
    # movd eax, xmm0; and eax, edx; movss (addss ...) xmm0, [rdi+rax]: from load to load.
    meter = BlockMeter(name)
    legacy = meter.measure(bytes.fromhex(f"660f7ec021d0f30f{opcode}0407")).cycles_per_copy
    vector = meter.measure(bytes.fromhex(f"c5f97ec021d0c5fa{opcode}0407")).cycles_per_copy
    assert legacy == vector
