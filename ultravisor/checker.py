# SPDX-License-Identifier: GPL-2.0-or-later
"""What in an image's code a deprivileged processor would not do right.

Owns the walk through the code: from the entry and the function symbols along direct
branches, calls and falling through, so that data among code is not mistaken for it.
Pure: bytes and symbols in, findings out. Called by the command, before a boot and by
itself; which instructions are reported is ultravisor.instruction_rules' affair.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import capstone

from ultravisor.instruction_rules import (
    UNDECODABLE,
    VECTOR_EXTENSION,
    Rule,
    is_vector_extension,
    rule_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ultravisor.machine.image import Image
    from ultravisor.machine.records import Segment
    from ultravisor.machine.symbols import SymbolTable

INSTRUCTION_LIMIT_BYTES = 15
# How many instructions are decoded in one go: few, for most runs are short.
CHUNK_INSTRUCTIONS = 16
CHUNK_BYTES = CHUNK_INSTRUCTIONS * INSTRUCTION_LIMIT_BYTES
MODES = {32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
# After these nothing falls through.
ENDS = frozenset(
    {"jmp", "ljmp", "ret", "retf", "retfq", "iret", "iretd", "iretq"}
    | {"sysret", "sysretq", "sysexit", "sysexitq", "ud0", "ud1", "ud2", "rsm"}
)
_BRANCH = re.compile(r"(?:j|call|loop|xbegin)")
_TARGET = re.compile(r"0x[0-9a-f]+|\d+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One instruction, where it stands, and what to write instead."""

    address: int
    symbol: str
    """The nearest symbol with an offset; empty where there is none."""
    instruction: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the walk through one image's code found."""

    findings: tuple[Finding, ...]
    executable_bytes: int
    """Bytes of the file in executable segments."""
    unreached_bytes: int
    """Those that nothing leads to: padding, data, code behind pointers only."""
    complete: bool
    """False where the walk ended at its limit."""


@dataclass(frozen=True, slots=True)
class _Instruction:
    address: int
    code: bytes
    mnemonic: str
    operands: str

    @property
    def end(self) -> int:
        return self.address + len(self.code)

    @property
    def name(self) -> str:
        """Return the mnemonic without its prefixes."""
        return self.mnemonic.rpartition(" ")[2]

    @property
    def text(self) -> str:
        return f"{self.mnemonic} {self.operands}".rstrip()


def check_image(image: Image, limit_instructions: int | None = None) -> CheckReport:
    """Check an image from its entry and its function symbols."""
    return check_code(
        image.segments,
        (image.entry_address, *image.functions),
        image.symbols,
        width=image.width,
        limit_instructions=limit_instructions,
    )


def check_code(
    segments: Sequence[Segment],
    roots: Iterable[int],
    symbols: SymbolTable,
    *,
    width: int = 64,
    limit_instructions: int | None = None,
) -> CheckReport:
    """Check what can be reached from `roots` in the executable segments."""
    walk = _Walk([segment for segment in segments if segment.executable], width)
    complete = walk.go(roots, limit_instructions)
    findings = tuple(
        Finding(address, symbols.nearest(address), text, rule)
        for address, (text, rule) in sorted(walk.found.items())
    )
    executable = sum(len(area.reached) for area in walk.areas)
    unreached = sum(area.reached.count(0) for area in walk.areas)
    return CheckReport(findings, executable, unreached, complete)


class _Area:
    """An executable segment's bytes, and which of them were reached."""

    def __init__(self, segment: Segment) -> None:
        self.address = segment.address
        self.data = segment.data
        self.reached = bytearray(len(segment.data))

    def holds(self, address: int) -> bool:
        return 0 <= address - self.address < len(self.data)


class _Walk:
    """A recursive descent, with a list in place of the recursion."""

    def __init__(self, segments: list[Segment], width: int) -> None:
        self.areas = [_Area(segment) for segment in segments]
        self.width = width
        self.found: dict[int, tuple[str, Rule]] = {}
        self._decoder = capstone.Cs(capstone.CS_ARCH_X86, MODES[width])
        self._seen: set[int] = set()
        self._waiting: list[int] = []

    def go(self, roots: Iterable[int], limit: int | None) -> bool:
        """Walk until nothing new is reached; say whether that was before the limit."""
        self._waiting = list(roots)
        while self._waiting:
            address = self._waiting.pop()
            area = next((area for area in self.areas if area.holds(address)), None)
            if area is None:
                continue
            for instruction in self._run(area, address):
                if limit is not None and len(self._seen) >= limit:
                    return False
                self._visit(area, instruction)
        return True

    def _run(self, area: _Area, address: int) -> Iterator[_Instruction]:
        """Yield the instructions from an address to the end of the run, each once ever."""
        while area.holds(address) and address not in self._seen:
            start = address
            offset = address - area.address
            code = area.data[offset : offset + CHUNK_BYTES]
            for row in self._decoder.disasm_lite(code, address, CHUNK_INSTRUCTIONS):
                address, size, mnemonic, operands = row
                if address in self._seen:
                    return
                first = address - start
                found = _Instruction(address, code[first : first + size], mnemonic, operands)
                yield found
                if found.name in ENDS:
                    return
                address = found.end
            if address == start:
                self._refuse(address, code[:INSTRUCTION_LIMIT_BYTES])
                return

    def _visit(self, area: _Area, instruction: _Instruction) -> None:
        self._seen.add(instruction.address)
        first = instruction.address - area.address
        area.reached[first : first + len(instruction.code)] = b"\1" * len(instruction.code)
        rule = rule_of(instruction.mnemonic, instruction.operands, instruction.code, self.width)
        if rule is not None:
            self.found[instruction.address] = (instruction.text, rule)
        if _BRANCH.match(instruction.name) and _TARGET.fullmatch(instruction.operands):
            self._waiting.append(int(instruction.operands, 0))

    def _refuse(self, address: int, code: bytes) -> None:
        """Report bytes that the decoder does not know: nothing can be said of what follows."""
        self._seen.add(address)
        vector = is_vector_extension(code, self.width)
        text = f"(bytes {code[:8].hex(' ')})"
        self.found[address] = (text, VECTOR_EXTENSION if vector else UNDECODABLE)
