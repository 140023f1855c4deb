# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests of a few instructions, written as machine code: each does one thing.

Knows the calls' numbers from the contract; needs no compiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.elf_builder import PAGE, READ_WRITE, TEXT_ADDRESS, Elf, Program
from ultravisor.machine.abi import Hypercall

if TYPE_CHECKING:
    from pathlib import Path

VMCALL = b"\x0f\x01\xc1"
SPIN = b"\xeb\xfe"
UNDEFINED = b"\x0f\x0b"
DATA_ADDRESS = TEXT_ADDRESS + PAGE
# mov byte [0x10], al: nothing is mapped there.
STORE_TO_NOWHERE = b"\x88\x04\x25\x10\x00\x00\x00"


def load(register: int, value: int) -> bytes:
    """Return `mov r64, imm64` for RAX (0), RDX (2), RSI (6) or RDI (7)."""
    return bytes([0x48, 0xB8 + register]) + value.to_bytes(8, "little")


def call(number: Hypercall, *arguments: int) -> bytes:
    """Return code that makes a call with up to three arguments."""
    registers = (7, 6, 2)
    loads = b"".join(
        load(register, value) for register, value in zip(registers, arguments, strict=False)
    )
    return loads + load(0, number) + VMCALL


def leave(code: int = 0) -> bytes:
    """Return code that ends the partition."""
    return call(Hypercall.PARTITION_EXIT, code & (1 << 64) - 1, 0, 0)


def say(size_bytes: int, offset: int = 0) -> bytes:
    """Return code that writes part of the data to the console."""
    return call(Hypercall.CONSOLE_WRITE, DATA_ADDRESS + offset, size_bytes)


def count_down(rounds: int) -> bytes:
    """Return a loop of `rounds` rounds: mov ecx, rounds; dec ecx; jnz -4."""
    return b"\xb9" + rounds.to_bytes(4, "little") + b"\xff\xc9\x75\xfc"


def image(code: bytes, data: bytes = b"") -> bytes:
    """Return an ELF image with this code, and its data at DATA_ADDRESS."""
    programs = [Program(code)]
    if data:
        programs.append(Program(data, DATA_ADDRESS, READ_WRITE))
    return Elf(programs).build()


def write(folder: Path, name: str, code: bytes, data: bytes = b"") -> str:
    """Write an image; return its path."""
    path = folder / f"{name}.elf"
    path.write_bytes(image(code, data))
    return str(path)
