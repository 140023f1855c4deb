# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny images that are tests: a few instructions and a scenario's note, right or wrong.

Knows the note's layout by itself, so that a test compares it with the contract.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.unit import tiny_guests as tiny
from tests.unit.elf_builder import READ_WRITE, Elf, Program, note

if TYPE_CHECKING:
    from pathlib import Path

SENTENCE = "What is right stays right."
SENTENCE_LIMIT = 128
SUCCESS, SKIP, ERROR, FAILURE = 0, 3, 4, 5
UNHANDLED_TRAP = 2
INVALID_OPCODE = 6


def scenario_note(
    sentence: bytes = SENTENCE.encode(),
    stop: int = 0,
    vector: int = 0,
    abi_version: int = 1,
    kind: int = 2,
) -> bytes:
    """Return the bytes of a scenario's note."""
    text = sentence.ljust(SENTENCE_LIMIT, b"\0")
    descriptor = struct.pack("<IIII", abi_version, stop, vector, 0) + text
    owner = b"Ultravisor\0"
    return struct.pack("<III", len(owner), len(descriptor), kind) + owner + b"\0" + descriptor


def write(
    folder: Path, name: str, code: bytes, data: bytes = b"", scenario: bytes | None = None
) -> Path:
    """Write an image with this code and scenario's note; return its path."""
    programs = [Program(code)]
    if data:
        programs.append(Program(data, tiny.DATA_ADDRESS, READ_WRITE))
    whole = scenario if scenario is not None else scenario_note()
    path = folder / f"{name}.elf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(Elf(programs, note() + whole).build())
    return path
