# SPDX-License-Identifier: GPL-2.0-or-later
"""Derives the instruction tables from LLVM's scheduling models.

Owns how every encoding is enumerated, timed and written down as rows of forms.inc and
classes.inc, for AMD's cores of zen_forms.inc and zen_classes.inc. Run by developers only, with
Debian's newest llvm package installed: `python native/timing/tables/derive.py [--llvm 22]`.
Neither the build nor any test needs LLVM. It must not know blocks, measurements or the core that
reads the tables.

Encodings are enumerated byte by byte (map, opcode, prefix, width, length, register or
memory, ModRM extensions), so no instruction is found by its name and none is forgotten.
LLVM's models are Apache-2.0 WITH LLVM-exception.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import capstone
import zen
from rows import ANY, Encoding, Row, found_wrongly, merge, overlapping, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = Path(__file__).resolve().parent
# Our name of a core, LLVM's name of its model; the columns of a family's table in this order.
# Rows are merged where no core of a family tells them apart, so families have tables apart.
FAMILIES = {
    "": {"skylake": "skylake-avx512", "haswell": "haswell", "ivybridge": "ivybridge"},
    "zen_": {"zen4": "znver4"},
}
PREFIX_BYTES = {0: b"", 1: b"\x66", 2: b"\xf3", 3: b"\xf2"}
MAP_BYTES = {0: b"", 1: b"\x0f", 2: b"\x0f\x38", 3: b"\x0f\x3a"}
NOT_OPCODES = frozenset(
    [15, 38, 46, 54, 62, *range(64, 80), 98, *range(100, 104), 196, 197, 240, 242, 243]
)
ESCAPES = {0: NOT_OPCODES, 1: frozenset({0x38, 0x3A})}
# Valid in 32-bit code only, or another instruction there.
ONLY_32 = (
    *(0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x27, 0x2F, 0x37, 0x3F),
    *range(0x40, 0x50),
    *(0x60, 0x61, 0x62, 0x82, 0x9A, 0xC4, 0xC5, 0xCE, 0xD4, 0xD5, 0xEA),
)
CHUNK = 256
IMMEDIATE = bytes([5, 0, 0, 0, 0, 0, 0, 0])
MARKER = 0xB8  # mov eax, index: tells in the disassembly which encoding comes next


def modrm_tail(memory: int, reg: int, rm: int) -> bytes:
    """Return ModRM and what belongs to it: a register, or [rdx + rcx + 0x40]."""
    if memory:
        return bytes([0x44 | reg << 3, 0x0A, 0x40])
    return bytes([0xC0 | reg << 3 | rm])


def has_modrm(code_map: int, opcode: int) -> bool:
    """Say whether a legacy opcode is followed by ModRM (Intel SDM volume 2, appendix A)."""
    if code_map >= 2:
        return True
    if code_map == 0:
        groups = {0x62, 0x63, 0x69, 0x6B, 0xC0, 0xC1, 0xC6, 0xC7, 0xF6, 0xF7, 0xFE, 0xFF}
        arithmetic = opcode < 0x40 and opcode & 7 < 4
        shifts = 0xD0 <= opcode <= 0xD3 or 0xD8 <= opcode <= 0xDF
        return arithmetic or 0x80 <= opcode <= 0x8F or shifts or opcode in groups
    without = {*range(4, 13), 14, *range(0x24, 0x28), *range(0x30, 0x40), 0x77}
    without |= {*range(0x80, 0x90), 0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA, *range(0xC8, 0xD0)}
    return opcode not in without


def rm_extends(code_map: int, opcode: int) -> bool:
    """Say whether rm is part of a legacy opcode: of x87's and of group 7's."""
    return (code_map == 0 and 0xD8 <= opcode <= 0xDF) or (code_map == 1 and opcode == 1)


def other_register(reg: int) -> int:
    """Return one that stands for all that rm can name beside a register."""
    return (reg + 3) & 7


def modrm_fields(code_map: int, opcode: int, modrm: bool) -> Iterator[tuple[int, int, int]]:
    """Yield (memory, reg, rm) to try."""
    if not modrm:
        yield 0, 0, 0
        return
    for reg in range(8):
        yield 1, reg, 0
        for rm in range(8) if rm_extends(code_map, opcode) else [other_register(reg)]:
            yield 0, reg, rm


def legacy_encodings() -> Iterator[tuple[Encoding, bytes]]:
    """Yield every legacy encoding of 64-bit code."""
    for code_map, escape in MAP_BYTES.items():
        for opcode in range(256):
            if opcode in ESCAPES.get(code_map, ()):
                continue
            modrm = has_modrm(code_map, opcode)
            extends = rm_extends(code_map, opcode)
            for memory, reg, rm in modrm_fields(code_map, opcode, modrm):
                kept = rm if extends else ANY
                for prefix, prefix_byte in PREFIX_BYTES.items():
                    for wide in (0, 1):
                        # A REX without effect is printed as an instruction of its own.
                        rex = bytes([0x40 | wide << 3]) if wide or modrm else b""
                        code = prefix_byte + rex + escape + bytes([opcode])
                        code += modrm_tail(memory, reg, rm) if modrm else b""
                        form = Encoding(0, 0, code_map, opcode, memory, prefix, wide, 0, reg, kept)
                        yield form, code + IMMEDIATE


def vex_encodings() -> Iterator[tuple[Encoding, bytes]]:
    """Yield every VEX encoding."""
    for code_map in (1, 2, 3):
        for opcode in range(256):
            for memory, reg in [(m, r) for m in (0, 1) for r in range(8)]:
                for prefix, wide, long in [
                    (p, w, x) for p in range(4) for w in (0, 1) for x in (0, 1)
                ]:
                    code = bytes([0xC4, 0xE0 | code_map, wide << 7 | 0x78 | long << 2 | prefix])
                    code += bytes([opcode])
                    if (code_map, opcode) != (1, 0x77):
                        code += modrm_tail(memory, reg, other_register(reg))
                    yield (
                        Encoding(0, 1, code_map, opcode, memory, prefix, wide, long, reg, ANY),
                        code + IMMEDIATE,
                    )


def encodings_32() -> Iterator[tuple[Encoding, bytes]]:
    """Yield the encodings that exist in 32-bit code only."""
    for opcode in ONLY_32:
        modrm = opcode in (0x62, 0x82, 0xC4, 0xC5)
        for memory, reg, rm in modrm_fields(0, opcode, modrm):
            for prefix in (0, 1):
                code = PREFIX_BYTES[prefix] + bytes([opcode])
                code += modrm_tail(memory, reg, rm) if modrm else b""
                yield Encoding(1, 0, 0, opcode, memory, prefix, 0, 0, reg, ANY), code + IMMEDIATE


def valid(encodings: Iterator[tuple[Encoding, bytes]], mode: int) -> list[tuple[Encoding, bytes]]:
    """Return what the decoder that the core uses knows, cut to its length."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, mode)
    found = []
    for encoding, code in encodings:
        for _, size, _, _ in decoder.disasm_lite(code, 0, 1):
            found.append((encoding, code[:size]))
    return found


def run(command: list[str], text: str) -> tuple[str, str]:
    """Run an LLVM tool on a text; return its output and its messages."""
    with tempfile.NamedTemporaryFile("w", suffix=".s") as source:
        source.write(text)
        source.flush()
        done = subprocess.run([*command, source.name], capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def disassemble(llvm: str, triple: str, codes: list[bytes]) -> dict[int, str]:
    """Return the assembly text of each code that LLVM knows, by its index."""
    lines = []
    for index, code in enumerate(codes):
        pieces = (bytes([MARKER]) + index.to_bytes(4, "little"), code)
        lines += ["[" + " ".join(f"0x{byte:02x}" for byte in piece) + "]" for piece in pieces]
    output, _ = run([f"llvm-mc-{llvm}", "--disassemble", f"-triple={triple}"], "\n".join(lines))
    texts: dict[int, str] = {}
    index = -1
    for line in output.splitlines():
        text = line.split("#")[0].strip()
        marker = re.fullmatch(r"movl\t\$(\d+), %eax", text)
        if marker is not None and int(marker[1]) > index:
            index = int(marker[1])
        elif text and not text.startswith("."):
            texts[index] = text if index not in texts else "two instructions"
    return {i: t for i, t in texts.items() if t != "two instructions"}


def assemblable(llvm: str, triple: str, texts: dict[int, str]) -> dict[int, str]:
    """Drop what the assembler does not take back."""
    order = sorted(texts)
    source = "\n".join(texts[index] for index in order) + "\n"
    _, messages = run([f"llvm-mc-{llvm}", f"-triple={triple}", "-filetype=null"], source)
    wrong = {int(number) - 1 for number in re.findall(r":(\d+):\d+: error", messages)}
    return {index: texts[index] for place, index in enumerate(order) if place not in wrong}


@dataclass(frozen=True, slots=True)
class Timing:
    """What LLVM says of one instruction on one core."""

    name: str
    latency: int
    bypass: int
    divider: int
    ports: tuple[tuple[str, int], ...]
    macro_ops: int = 0

    @property
    def label(self) -> str:
        """Return the class's name, which says all that is in it."""
        parts = [f"t{self.latency}", f"b{self.bypass}"]
        parts += [f"d{self.divider}"] if self.divider else []
        parts += [f"m{self.macro_ops}"] if self.macro_ops else []
        parts += [f"p{ports}" + (f"x{count}" if count > 1 else "") for ports, count in self.ports]
        return "_".join(parts)


def own_counts(resources: str) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Return divider cycles and port groups; LLVM also counts a group in each that holds it."""
    divider = 0
    counts: dict[str, int] = {}
    for name, cycles in re.findall(r"[A-Z]+?((?:FP)?Divider|Port\w+)(?:\[(\d+)\])?", resources):
        if name.endswith("Divider"):
            divider = max(divider, int(cycles or 1))
        elif name != "PortAny":
            counts[name[4:]] = int(cycles or 1)
    own: dict[str, int] = {}
    for group in sorted(counts, key=lambda ports: (len(ports), ports)):
        within = sum(count for ports, count in own.items() if set(ports) < set(group))
        if counts[group] > within:
            own[group] = counts[group] - within
    return divider, tuple(sorted(own.items()))


ROW = re.compile(
    r"^ *(\d+) +(\d+) +([\d.]+|-) +(?:\* +)?(?:\* +)?(?:U +)?(\d+) +"
    r"((?:(?:[A-Za-z]+(?:Port|Divider)|Zn\d)\w*(?:\[[\d,]+\])?,?)*) *(\w+) "
)


def timing_of(row: str, units: dict[str, frozenset[int]]) -> Timing:
    """Return what a row says; `units` has the ports of a Zen core's resources."""
    match = ROW.match(row)
    if match is None:
        raise SystemExit(f"a row of another form: {row!r}")
    macro_ops, latency = int(match[1]), int(match[2])
    if zen.is_zen(units):
        divider, ports = zen.read_row(row, macro_ops, latency, match[5], units)
        return Timing(match[6], latency, int(match[4]), divider, ports, macro_ops)
    divider, ports = own_counts(match[5])
    return Timing(match[6], latency, int(match[4]), divider, ports)


def table_rows(command: list[str], texts: list[str]) -> list[str | None]:
    """Return LLVM's row for each text; None where it has none, or where it fails."""
    output, _ = run(command, "".join(text + "\n" for text in texts))
    rows = output.partition("Instructions:\n")[2].partition("\n\n")[0].splitlines()
    if len(rows) == len(texts):
        return list(rows)
    if len(texts) == 1:
        return [None]
    middle = len(texts) // 2
    return table_rows(command, texts[:middle]) + table_rows(command, texts[middle:])


def timings(llvm: str, triple: str, model: str, texts: dict[int, str]) -> dict[int, Timing]:
    """Return LLVM's timing of each text."""
    command = [f"llvm-mca-{llvm}", f"-mtriple={triple}", f"-mcpu={model}"]
    command += ["-instruction-tables=full", "-resource-pressure=0"]
    unique = sorted(set(texts.values()))
    rows: dict[str, str | None] = {}
    for first in range(0, len(unique), CHUNK):
        piece = unique[first : first + CHUNK]
        rows |= dict(zip(piece, table_rows(command, piece), strict=True))
    units = zen.units_of(run(command, "nop\n")[0])
    timed = {text: timing_of(row, units) for text, row in rows.items() if row is not None}
    return {index: timed[text] for index, text in texts.items() if text in timed}


def gather(llvm: str, models: dict[str, str]) -> dict[Encoding, Row]:
    """Return every form with its class on every core of a family."""
    forms: dict[Encoding, Row] = {}
    passes = (
        ("x86_64", capstone.CS_MODE_64, [*legacy_encodings(), *vex_encodings()]),
        ("i386", capstone.CS_MODE_32, [*encodings_32()]),
    )
    for triple, mode, candidates in passes:
        encodings = valid(iter(candidates), mode)
        texts = disassemble(llvm, triple, [code for _, code in encodings])
        texts = assemblable(llvm, triple, texts)
        columns = [timings(llvm, triple, model, texts) for model in models.values()]
        for index in sorted(texts):
            if all(index in column for column in columns):
                row = tuple(column[index].label for column in columns)
                forms[encodings[index][0]] = (columns[0][index].name, row)
        print(f"{triple}: {len(encodings)} encodings, {len(texts)} in LLVM")
    return forms


def class_row(label: str) -> str:
    """Return a row of classes.inc; the label holds all of it."""
    latency, bypass, *rest = label.split("_")
    divider = rest.pop(0)[1:] if rest and rest[0].startswith("d") else "0"
    head = f"{label}, {latency[1:]}, {bypass[1:]}, {divider}"
    if rest and rest[0].startswith("m"):
        head += f", {rest.pop(0)[1:]}"
    groups = [group[1:].partition("x") for group in rest]
    ports = "".join(f" G(0x{mask(ports):03x}, {count or 1})" for ports, _, count in groups)
    return f"CLASS({head},{ports or ' G(0, 0)'})"


def mask(ports: str) -> int:
    """Return a port group as bits."""
    return sum(1 << int(port, 16) for port in ports)


HEADING = """/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written by derive.py from LLVM {version}'s scheduling models ({models}): never edited by hand.
 * {what} */
"""


def write(family: str, forms: dict[Encoding, Row], version: str) -> None:
    """Write both tables of a family."""
    models = ", ".join(FAMILIES[family].values())
    what = "FORM(code32, vex, map, opcode, memory, prefix, wide, long, reg, rm, class a core)"
    lines = [HEADING.format(version=version, models=models, what=what)]
    names = Encoding.__slots__
    order = sorted(forms, key=values_of)
    for form in order:
        name, row = forms[form]
        values = values_of(form)
        cells = [
            f"0x{value:02x}" if field == "opcode" else str(value)
            for field, value in zip(names, values, strict=True)
        ]
        lines.append(f"FORM({', '.join(cells)}, {', '.join(row)}) /* {name} */\n")
    (TABLES / f"{family}forms.inc").write_text("".join(lines), encoding="utf-8")
    labels = sorted({label for _, row in forms.values() for label in row})
    fields = "divider cycles, macro-ops" if family else "divider cycles"
    what = f"CLASS(name, latency, latency past a load, {fields}, groups of ports)"
    text = HEADING.format(version=version, models=models, what=what)
    text += "".join(class_row(label) + "\n" for label in labels)
    (TABLES / f"{family}classes.inc").write_text(text, encoding="utf-8")
    print(f"{len(forms)} rows, {len(labels)} classes")


def main() -> None:
    """Derive and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llvm", default="22", help="which llvm package of Debian to use")
    llvm = parser.parse_args().llvm
    for family, models in FAMILIES.items():
        forms = gather(llvm, models)
        rows = merge(forms)
        wrong = [*overlapping(rows), *found_wrongly(forms, rows)]
        if wrong:
            raise SystemExit(f"not found by their own encoding: {wrong[:5]}")
        write(family, rows, llvm)


if __name__ == "__main__":
    main()
