# SPDX-License-Identifier: GPL-2.0-or-later
"""Random sequences of hypercalls of 32-bit guests, beside a random 64-bit one.

The sibling of test_random_calls. Segments are set and loaded at random too, and frames of
`iret` are made of what sits at the edges: every flag, selector, address and state.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.guests import machine_code_32 as code_32
from tests.guests.test_random_calls import (
    CALLS_A_GUEST,
    FRAMES,
    LAST_CALLS,
    Hosts,
    assert_harmless,
)
from tests.guests.test_random_calls import random_guest as random_wide_guest
from tests.unit.elf_builder import PAGE, READ_WRITE, Elf32, note_32, program_32
from ultravisor.machine.abi import Hypercall

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.guest

RESULTS = code_32.DATA + 0x800
STACK_TOP = code_32.DATA + 2 * PAGE
EDGES: tuple[int, ...] = (
    *(0, 1, 2, 3, 7, 8, 63, 64, 127, 128, 129, 511, 512, 4095, 4096, 4097),
    *(0x7FFFFFFF, 0x80000000, 0xBFFFFFFF, 0xC0000000, 0xC0001000, 0xDFFFF000, 0xE0000000),
    *(0xFEFFFFFF, 0xFF000000, 0xFF001000, 0xFF002000, 0xFF010000, 0xFF100000, 0xFF110000),
    *(0xFFFFF000, 0xFFFFFFF8, 0xFFFFFFFF),
    *(code_32.TEXT, code_32.DATA, code_32.DATA + PAGE, code_32.DATA + 0xFF8, code_32.DATA + 0xFF9),
)
SELECTORS = (0, 1, 3, 4, 0x08, 0x10, 0x19, 0x23, 0x2B, 0x33, 0x39, 0x3B, 0x40, 0xFFFF)
LOADED = (code_32.DS, code_32.ES, code_32.FS, code_32.GS)
ROWS_OF_RESULTS = 0x800 // 4


def argument(choose: random.Random) -> int:
    """Return one word: an edge, a frame, half an entry, or something small."""
    kind = choose.randrange(6)
    if kind == 0:
        return choose.choice(FRAMES)
    if kind == 1:
        return choose.choice(FRAMES) << 12 | choose.choice((0, 1, 3, 5, 7, 0x27, 0x67, 0x87))
    if kind == 2:
        return (choose.choice(FRAMES) << 12) + choose.randrange(0, 4096, 8)
    if kind == 3:
        return choose.randrange(8)
    if kind == 4:
        return choose.choice((0, 0x80000000, 0x80000001, 0x7FFFFFFF))
    return choose.choice(EDGES)


def descriptor_of(choose: random.Random) -> int:
    """Return a descriptor that is right, or wrong in one bit."""
    value = code_32.descriptor(argument(choose), choose.choice((1, 3)))
    return value if choose.random() < 0.7 else value ^ 1 << choose.randrange(64)


def own_selector(choose: random.Random) -> int:
    """Return a selector of the guest's own segments, or of any other."""
    if choose.random() < 0.5:
        return code_32.selector(choose.randrange(9), choose.choice((0, 1, 3)))
    return choose.choice(SELECTORS)


def step(choose: random.Random) -> bytes:
    """Return the code of one step."""
    kind = choose.random()
    if kind < 0.15:
        return code_32.descriptor_set(choose.randrange(9), descriptor_of(choose))
    if kind < 0.2:
        # At most one in many is refused, and ends the guest: there is no handler.
        safe = choose.choice((0, 0x2B, 0x39)) if choose.random() < 0.9 else own_selector(choose)
        return code_32.load_segment(choose.choice(LOADED[1:]), safe)
    number = Hypercall(choose.randrange(len(Hypercall)))
    if number in LAST_CALLS and choose.random() < 0.97:
        number = Hypercall.TABLE_UPDATE
    return code_32.call(number, *(argument(choose) for _ in range(5)))


def keep_result(index: int) -> bytes:
    """Return code that stores EAX and EDX among the results."""
    address = RESULTS + 8 * (index % (ROWS_OF_RESULTS // 2))
    return code_32.store(code_32.EAX, address) + code_32.store(code_32.EDX, address + 4)


def frame_of(choose: random.Random) -> code_32.Frame:
    """Return a frame that can be loaded, or has something odd."""
    mode = choose.choice((code_32.Frame(), code_32.USER_FRAME))
    changes = {
        "eip": code_32.TEXT + choose.randrange(PAGE),
        "esp": argument(choose),
        "eflags": choose.getrandbits(32),
        "state": choose.getrandbits(32),
        "cs": own_selector(choose),
        "ss": own_selector(choose),
    }
    names = choose.sample(sorted(changes), choose.randrange(1, 4))
    return mode._replace(**{name: changes[name] for name in names})


def random_guest(seed: int) -> bytes:
    """Return an image that makes random calls, returns through an odd frame, and leaves."""
    choose = random.Random(seed)
    room = PAGE - 256
    code = code_32.user_mode_prepare() if choose.random() < 0.5 else b""
    for index in range(CALLS_A_GUEST):
        piece = step(choose) + keep_result(index)
        if len(code) + len(piece) > room:
            break
        code += piece
    code += code_32.return_to_first_frame() if choose.random() < 0.5 else code_32.leave()
    words = b"".join(argument(choose).to_bytes(4, "little") for _ in range(0x200))
    data = bytearray(words + bytes(2 * PAGE - len(words)))
    frame_at = code_32.FIRST_FRAME - code_32.DATA
    data[frame_at : frame_at + 48] = frame_of(choose).pack()
    text = program_32(data=code.ljust(PAGE, b"\xcc"))
    memory = program_32(data=bytes(data), address=code_32.DATA, flags=READ_WRITE)
    return Elf32([text, memory], note_32()).build()


HOSTS = Hosts("hello_32", quantum_cycles=400, cycles=2_000_000)


def images_of(seed: int) -> list[bytes]:
    """Return two random guests of 32 bits and one of 64."""
    return [random_guest(2 * seed), random_guest(2 * seed + 1), random_wide_guest(seed)]


@pytest.mark.parametrize("block", range(4))
def test_random_calls_are_harmless_and_agree(block: int, tmp_path: Path) -> None:
    """Sixty sequences in each build."""
    for seed in range(block * 15, block * 15 + 15):
        assert_harmless(HOSTS, tmp_path, images_of(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_random_calls_are_harmless_and_agree(block: int, tmp_path: Path) -> None:
    """A thousand more."""
    for seed in range(1000 + block * 50, 1000 + block * 50 + 50):
        assert_harmless(HOSTS, tmp_path, images_of(seed))
