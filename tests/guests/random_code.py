# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that runs random bytes as user code, one slot after another, in either width.

Owns how the bytes are drawn and how the guest is put together; the kernel that survives them
is in random_code/. Used by test_random_code; knows nothing of what is expected.
"""

from __future__ import annotations

import random
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ultravisor.machine.abi import STRUCTURES
from ultravisor.machine.records import PartitionOptions, Segment
from ultravisor.plan import MIB

PAGE = 4096
SLOT_SIZE, SLOT_COUNT = 32, 128
TEXT = {64: 0xFFFFFFFF80000000, 32: 0xF8000000}
FOLDER = Path(__file__).parent / "random_code"
ABI = Path(__file__).parents[2] / "monitor" / "abi"

PREFIXES = (0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65)
# The beginnings of what is rare among random bytes and dear to an emulator.
OPENINGS: tuple[bytes, ...] = (
    b"\x0f\x00",
    b"\x0f\x01",
    b"\x0f\x01\xc1",
    b"\x0f\x01\xd0",
    b"\x0f\x05",
    b"\x0f\x0b",
    b"\x0f\x18",
    b"\x0f\x1f",
    b"\x0f\x20",
    b"\x0f\x22",
    b"\x0f\x31",
    b"\x0f\x34",
    b"\x0f\x38",
    b"\x0f\x3a",
    b"\x0f\xa2",
    b"\x0f\xae",
    b"\x0f\xb2",
    b"\x0f\xc7",
    b"\x66\x0f\x38",
    b"\x66\x0f\x3a",
    b"\x66\x0f",
    b"\xf2\x0f",
    b"\xf3\x0f",
    b"\x0f\xc0",
    b"\x0f\xb0",
    b"\x0f\xab",
    b"\x87",
    b"\x8c",
    b"\x8e",
    b"\x9a",
    b"\x9c",
    b"\x9d",
    b"\xc4",
    b"\xc5",
    b"\x62",
    b"\xc8",
    b"\xca",
    b"\xcb",
    b"\xcc",
    b"\xcd",
    b"\xcd\x80",
    b"\xcd\x82",
    b"\xce",
    b"\xcf",
    b"\xd8",
    b"\xd9",
    b"\xda",
    b"\xdb",
    b"\xdc",
    b"\xdd",
    b"\xde",
    b"\xdf",
    b"\xe4",
    b"\xec",
    b"\xea",
    b"\xf1",
    b"\xf4",
    b"\xfa",
    b"\xfb",
    b"\xff",
)


def _offset(structure: str, name: str) -> int:
    return next(field.offset for field in STRUCTURES[structure].fields if field.name == name)


@cache
def kernel(width: int) -> bytes:
    """Return the text page of the guest's kernel, assembled and linked."""
    offsets = {
        "START_KERNEL_ROOT": _offset("start_page", "kernel_root_frame"),
        "START_SHARED_PAGES": _offset("start_page", "shared_pages_address"),
        "START_FIRST_FRAME": _offset("start_page", "extents") + 8,
    }
    command = ["gcc", f"-m{width}", "-nostdlib", "-static", "-no-pie", "-I", str(ABI)]
    command += [f"-D{name}={value}" for name, value in offsets.items()]
    command += ["-Wl,--build-id=none", "-Wl,--oformat=binary", "-Wl,-N"]
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "text"
        command += [f"-Wl,-Ttext={TEXT[width]:#x}", "-o", str(built)]
        subprocess.run(
            [*command, str(FOLDER / f"start_{width}.S")], check=True, capture_output=True
        )
        return built.read_bytes()


def slot(choose: random.Random, width: int) -> bytes:
    """Return the bytes of one slot."""
    code = b""
    while len(code) < SLOT_SIZE:
        kind = choose.randrange(8)
        if kind == 0:
            code += bytes([choose.choice(PREFIXES)])
        if kind <= 1 and width == 64:
            code += bytes([choose.randrange(0x40, 0x50)])
        if kind <= 4:
            code += choose.choice(OPENINGS)
        if kind == 5:
            # mov r32, imm32: an address in scratch or kernel data, near a border, or anything.
            code += bytes([0xB8 + choose.choice((0, 1, 2, 3, 6, 7))])
            code += struct.pack("<I", _value(choose, width))
        code += choose.randbytes(choose.randrange(1, 7))
    return code[:SLOT_SIZE]


def _value(choose: random.Random, width: int) -> int:
    base = TEXT[width] & 0xFFFFFFFF
    places = (base + 2 * PAGE, base + 3 * PAGE, base + 4 * PAGE, 0, 1 << 31, (1 << 32) - 1)
    return (choose.choice(places) + choose.randrange(-16, 17)) & 0xFFFFFFFF


def random_code(seed: int, width: int) -> PartitionOptions:
    """Return a partition that runs the random code of a seed."""
    choose = random.Random(seed)
    slots = b"".join(slot(choose, width) for _ in range(SLOT_COUNT))
    text = kernel(width)
    # Every vector has the one handler, which follows the label in the text.
    handler = TEXT[width] + handler_offset(width)
    rows = b"".join(struct.pack("<IIQ", vector, 1, handler) for vector in range(32))
    data = rows + bytes(PAGE - len(rows)) + choose.randbytes(PAGE)
    first = TEXT[width]
    return PartitionOptions(
        name=f"random{width}",
        memory_size_bytes=MIB,
        entry_address=first,
        width=width,
        segments=(
            Segment(
                address=first,
                size_bytes=2 * PAGE,
                data=text + bytes(PAGE - len(text)) + slots,
                writable=False,
                executable=True,
            ),
            Segment(
                address=first + 2 * PAGE,
                size_bytes=2 * PAGE,
                data=data,
                writable=True,
                executable=False,
            ),
        ),
    )


def handler_offset(width: int) -> int:
    """Return where the handler lies: behind its label's first instruction's unique bytes."""
    increment = b"\xff\x04\x25" if width == 64 else b"\xb8\x39\0\0\0"
    return kernel(width).index(increment)
