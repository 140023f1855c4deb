# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions as text.

Owns the decoder for people. Used where a pipeline is shown; it must not know cores.
"""

from __future__ import annotations

from functools import lru_cache

import capstone

from ultravisor.errors import ConfigurationError


@lru_cache(maxsize=2)
def _decoder(width_bits: int) -> capstone.Cs:
    mode = capstone.CS_MODE_64 if width_bits == 64 else capstone.CS_MODE_32
    return capstone.Cs(capstone.CS_ARCH_X86, mode)


def disassemble(code: bytes, width_bits: int) -> list[tuple[str, int]]:
    """Return text and size of each instruction; raise when some bytes are none."""
    found = [
        (f"{mnemonic} {operands}".strip(), size)
        for _, size, mnemonic, operands in _decoder(width_bits).disasm_lite(code, 0)
    ]
    decoded = sum(size for _, size in found)
    if decoded != len(code) or not found:
        raise ConfigurationError(
            f"byte {decoded}: no instruction begins with {code[decoded : decoded + 8].hex()}",
            "give machine code only, in hexadecimal or as a binary file",
        )
    return found


@lru_cache(maxsize=4096)
def instruction_text(code: bytes, address: int, width_bits: int) -> str:
    """Return one instruction at its address; what is none is shown as bytes."""
    for _, size, mnemonic, operands in _decoder(width_bits).disasm_lite(code, address, 1):
        if size == len(code):
            return f"{mnemonic} {operands}".strip()
    return f"(bytes {code.hex()})"
