# SPDX-License-Identifier: GPL-2.0-or-later
"""The decoder and the engine agree on where instructions end.

Everything that is refused is found by decoding a block as the engine translated it: were an
instruction longer for the one than for the other, it could hide what follows. Walks through
the opcodes with many prefixes. What the decoder does not know, and a few that it takes for
others, native/engine/blocks.c refuses; anything else that differs is a hole.
"""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any, NamedTuple

import capstone
import pytest
import unicorn
from capstone import x86_const as ids
from unicorn import x86_const as registers

if TYPE_CHECKING:
    from collections.abc import Iterator

UNTYPED_UNICORN: Any = unicorn
TEXT = 0x400000
STRIDE = 64
BATCH_COUNT = 512
FILLING = b"\x90" * 14
TAIL = b"\x90\xcf"  # where an interrupt return would hide
CR4 = 0x620  # as native/engine/engine.c sets it: with SSE
PREFIXES = (b"", b"\x66", b"\xf2", b"\xf3", b"\xf0", b"\x67", b"\x2e", b"\x66\xf2", b"\xf3\x66")
MAPS = (b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a")
PREFIX_BYTES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
ESCAPES = {b"": b"\x0f", b"\x0f": b"\x38\x3a", b"\x0f\x38": b"", b"\x0f\x3a": b""}
# Refused by name in blocks.c.
REFUSED = frozenset(
    {ids.X86_INS_EXTRQ, ids.X86_INS_INSERTQ, ids.X86_INS_VMREAD, ids.X86_INS_VMWRITE}
)
# The engine aborts when it translates these with a lock and a register: engine_failure.c.
BIT_TESTS = (0xA3, 0xAB, 0xB3, 0xBB, 0xBA)


class Width(NamedTuple):
    """How code of a width is executed and decoded."""

    engine_mode: int
    decoder_mode: int
    prefixes: tuple[bytes, ...]
    is_prefix: frozenset[int]


WIDTHS = {
    64: Width(
        unicorn.UC_MODE_64,
        capstone.CS_MODE_64,
        (*PREFIXES, b"\x48", b"\x66\x48", b"\x48\x66"),
        PREFIX_BYTES | frozenset(range(0x40, 0x50)),
    ),
    32: Width(unicorn.UC_MODE_32, capstone.CS_MODE_32, PREFIXES, PREFIX_BYTES),
}


def candidates(width: Width, step: int) -> Iterator[bytes]:
    """Yield beginnings of instructions; all opcodes, every `step`-th of their second bytes."""
    for prefix in width.prefixes:
        for opcode_map in MAPS:
            for opcode in range(256):
                if opcode in ESCAPES[opcode_map] or (not opcode_map and opcode in width.is_prefix):
                    continue
                for second in range((opcode * 7 + len(prefix)) % step, 256, step):
                    code = prefix + opcode_map + bytes([opcode, second])
                    if not aborts(code):
                        yield code


def aborts(code: bytes) -> bool:
    """Say whether the engine would abort: a locked bit test of a register."""
    return b"\xf0" in code[:-2] and code[-3] == 0x0F and code[-2] in BIT_TESTS and code[-1] >= 0xC0


def is_vector_extension(code: bytes, width: Width) -> bool:
    """Say whether blocks.c refuses it as AVX or its kin."""
    rest = code.lstrip(bytes(width.is_prefix))
    narrow = width.decoder_mode == capstone.CS_MODE_32
    if len(rest) < 2:
        return False
    if rest[0] == 0x8F:
        return rest[1] & 0x38 != 0
    return rest[0] in (0xC4, 0xC5, 0x62) and (not narrow or rest[1] >= 0xC0)


def differs(code: bytes, decoder: capstone.Cs, width: Width, count: int) -> bool:
    """Say whether code that the engine took for `count` instructions is another number of them."""
    decoded = list(decoder.disasm(code, TEXT))
    if sum(instruction.size for instruction in decoded) != len(code):
        return False
    refused = decoded[0].id in REFUSED or is_vector_extension(bytes(decoded[0].bytes), width)
    return not refused and len(decoded) != count


def compare(width: Width, codes: list[bytes]) -> list[str]:
    """Return which of the codes engine and decoder see differently."""
    engine = UNTYPED_UNICORN.Uc(unicorn.UC_ARCH_X86, width.engine_mode)
    engine.ctl_set_cpu_model(registers.UC_CPU_X86_SANDYBRIDGE)
    engine.mem_map(TEXT, 0x10000)
    engine.reg_write(registers.UC_X86_REG_CR4, CR4)
    decoder = capstone.Cs(capstone.CS_ARCH_X86, width.decoder_mode)
    found = []
    for start in range(0, len(codes), BATCH_COUNT):
        batch = [code + FILLING + TAIL for code in codes[start : start + BATCH_COUNT]]
        engine.ctl_flush_tb()
        engine.mem_write(TEXT, b"".join(code.ljust(STRIDE, b"\xcc") for code in batch))
        for index, code in enumerate(batch):
            _, count, size_bytes = engine.ctl_request_cache(TEXT + index * STRIDE)
            if size_bytes == len(code) and differs(code, decoder, width, count):
                found.append(code.hex())
    return found


def compare_in_child(width: Width, codes: list[bytes]) -> list[str]:
    """The same in a process of its own: an abort of the engine is a failure, not an end."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sending, pickle.dumps(compare(width, codes)[:20]))
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        received = stream.read()
    assert os.waitpid(child, 0)[1] == 0, "the engine aborted"
    return list(pickle.loads(received))


@pytest.mark.parametrize("bits", WIDTHS)
def test_engine_and_decoder_agree(bits: int) -> None:
    assert compare_in_child(WIDTHS[bits], list(candidates(WIDTHS[bits], 37))) == []


@pytest.mark.slow
@pytest.mark.parametrize("bits", WIDTHS)
def test_engine_and_decoder_agree_on_all(bits: int) -> None:
    assert compare_in_child(WIDTHS[bits], list(candidates(WIDTHS[bits], 1))) == []


def test_a_difference_is_found() -> None:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    assert differs(b"\x90" + TAIL, decoder, WIDTHS[64], 2)
    assert not differs(b"\x90" + TAIL, decoder, WIDTHS[64], 3)
