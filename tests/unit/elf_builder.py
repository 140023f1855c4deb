# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF images built byte by byte, right by default and wrong wherever a test says so.

Knows the file format; knows nothing of the reader under test.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

TEXT_ADDRESS = 0xFFFFFFFF80000000
TEXT_ADDRESS_32 = 0xF8000000
PAGE = 4096
LOAD, NOTE = 1, 4
READ_EXECUTE, READ_WRITE, READ_ONLY = 5, 6, 4


@dataclass
class Program:
    """One program header with the bytes behind it; None: what fits the bytes."""

    data: bytes = b"\xc3" * 16
    address: int = TEXT_ADDRESS
    flags: int = READ_EXECUTE
    kind: int = LOAD
    memory_size: int | None = None
    file_size: int | None = None
    file_offset: int | None = None


def note(
    abi_version: int = 1,
    width: int = 64,
    entry: int = TEXT_ADDRESS,
    memory: int = 1 << 20,
    owner: bytes = b"Ultravisor\0",
    kind: int = 1,
) -> bytes:
    """Return the bytes of an image note."""
    descriptor = struct.pack("<IIQQ", abi_version, width, entry, memory)
    padded = owner + b"\0" * (-len(owner) % 4)
    return struct.pack("<III", len(owner), len(descriptor), kind) + padded + descriptor


def note_32(**changes: Any) -> bytes:
    """Return the bytes of a 32-bit image's note."""
    settings: dict[str, Any] = {"width": 32, "entry": TEXT_ADDRESS_32}
    return note(**(settings | changes))


@dataclass
class Elf:
    """An image of 64 bits; `build` lays it out."""

    programs: list[Program] = field(default_factory=lambda: [Program()])
    note: bytes | None = field(default_factory=note)
    entry: int = TEXT_ADDRESS
    elf_class: int = 2
    byte_order: int = 1
    machine: int = 62
    kind: int = 2

    def build(self) -> bytes:
        """Return the file's bytes: header, program headers, then each part at a page."""
        programs = list(self.programs)
        if self.note is not None:
            programs.append(Program(self.note, 0, READ_ONLY, NOTE))
        headers, body = b"", b""
        start = PAGE
        for program in programs:
            offset = program.file_offset if program.file_offset is not None else start + len(body)
            size = program.file_size if program.file_size is not None else len(program.data)
            memory = program.memory_size if program.memory_size is not None else len(program.data)
            headers += self.program_header(program, offset, size, memory)
            body += program.data + b"\0" * (-len(program.data) % PAGE)
        identity = b"\x7fELF" + bytes([self.elf_class, self.byte_order, 1, 0]) + b"\0" * 8
        header = identity + self.header(len(programs))
        return (header + headers).ljust(start, b"\0") + body

    def header(self, count: int) -> bytes:
        """Return the header behind its identity, for a number of program headers."""
        sizes = (64, 56, count, 64, 0, 0)
        return struct.pack(
            "<HHIQQQIHHHHHH", self.kind, self.machine, 1, self.entry, 64, 0, 0, *sizes
        )

    def program_header(self, program: Program, offset: int, size: int, memory: int) -> bytes:
        """Return one program header."""
        place = (offset, program.address, program.address, size, memory, PAGE)
        return struct.pack("<IIQQQQQQ", program.kind, program.flags, *place)


def program_32(**changes: Any) -> Program:
    """Return a program header whose address is one of 32 bits."""
    settings: dict[str, Any] = {"address": TEXT_ADDRESS_32}
    return Program(**(settings | changes))


@dataclass
class Elf32(Elf):
    """An image of 32 bits."""

    programs: list[Program] = field(default_factory=lambda: [program_32()])
    note: bytes | None = field(default_factory=note_32)
    entry: int = TEXT_ADDRESS_32
    elf_class: int = 1
    machine: int = 3

    def header(self, count: int) -> bytes:
        """Return the header behind its identity, for a number of program headers."""
        sizes = (52, 32, count, 40, 0, 0)
        return struct.pack(
            "<HHIIIIIHHHHHH", self.kind, self.machine, 1, self.entry, 52, 0, 0, *sizes
        )

    def program_header(self, program: Program, offset: int, size: int, memory: int) -> bytes:
        """Return one program header."""
        place = (offset, program.address, program.address, size, memory)
        return struct.pack("<IIIIIIII", program.kind, *place, program.flags, PAGE)
