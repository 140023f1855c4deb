# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions of 32-bit code as bytes, and the layout of a guest that is made of them.

The sibling of machine_code: same names, where they mean the same. Knows neither the machine
nor what is expected.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ultravisor.machine.abi import (
    HYPERCALL_VECTOR,
    SELECTOR_GUEST_DATA,
    SELECTOR_GUEST_FIRST,
    SELECTOR_KERNEL_CODE_32,
    SELECTOR_KERNEL_DATA_32,
    SELECTOR_USER_CODE_32,
    STRUCTURES,
    Hypercall,
)

PAGE = 4096
TEXT = 0xF8000000
DATA = TEXT + 0x10000
"""Two writable pages; what lies before and behind text and data is not mapped."""
DATA_SIZE = 2 * PAGE
DATA_END = DATA + DATA_SIZE
TESTED = TEXT + 0x400
HANDLER = TEXT + 0x800

# Places in the data.
COUNTER = DATA
SCRATCH = DATA + 0x100
HANDLERS = DATA + 0xC00
FIRST_FRAME = DATA + 0xE00
KERNEL_STACK = DATA + 0xC00
USER_STACK = DATA + PAGE + 0x400

EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
ES, CS, SS, DS, FS, GS = range(6)

NOP = b"\x90"
VMCALL = b"\x0f\x01\xc1"
HYPERCALL = bytes([0xCD, HYPERCALL_VECTOR])
ARGUMENTS = (EBX, ECX, EDX, ESI, EDI)
FLAGS = 0x202
USER, MASKED = 1, 2

# Bits of a page-table entry: user and present, writable too; the highest bit of the high half.
ENTRY_TEXT = 0x5
ENTRY_DATA = 0x7
NO_EXECUTE_HIGH = 0x80000000

# Present, writable and accessed data of all 4 GiB; the ring is added.
DATA_DESCRIPTOR = 0x00CF93000000FFFF


class Frame(NamedTuple):
    """What a handler finds at its stack pointer: struct trap_frame_32."""

    eax: int = 0
    ecx: int = 0
    edx: int = 0
    vector: int = 0
    error_code: int = 0
    fault_address: int = 0
    state: int = MASKED
    eip: int = TESTED
    cs: int = SELECTOR_KERNEL_CODE_32
    eflags: int = FLAGS
    esp: int = USER_STACK
    ss: int = SELECTOR_KERNEL_DATA_32

    def pack(self) -> bytes:
        """Return the bytes of the frame."""
        return struct.pack("<12I", *self)


USER_FRAME = Frame(state=USER | MASKED, cs=SELECTOR_USER_CODE_32, ss=SELECTOR_GUEST_DATA)


class Shown(NamedTuple):
    """What a handler shows: what it pushes below its frame, and the frame."""

    ebx: int
    ebp: int
    esi: int
    edi: int
    ds: int
    es: int
    fs: int
    gs: int
    frame: Frame


SHOWN_SIZE = 20 * 4


def descriptor(base: int = 0, ring: int = 3) -> int:
    """Return a data segment's descriptor."""
    return DATA_DESCRIPTOR | ring << 45 | (base & 0xFFFFFF) << 16 | base >> 24 << 56


def selector(index: int, ring: int = 3) -> int:
    """Return the selector of a segment of the guest's own."""
    return SELECTOR_GUEST_FIRST + 8 * index + ring


def word(value: int) -> bytes:
    """Return four bytes."""
    return (value & 0xFFFFFFFF).to_bytes(4, "little")


def load(register: int, value: int) -> bytes:
    """Return `mov r32, imm32`."""
    return bytes([0xB8 + register]) + word(value)


def load_segment(segment: int, value: int) -> bytes:
    """Return `mov eax, imm32; mov segment, eax`."""
    return load(EAX, value) + bytes([0x8E, 0xC0 | segment << 3])


def increment(address: int = COUNTER) -> bytes:
    """Return `inc dword [address]`."""
    return b"\xff\x05" + word(address)


def add(value: int, address: int = COUNTER) -> bytes:
    """Return `add dword [address], imm32`."""
    return b"\x81\x05" + word(address) + word(value)


def store(register: int, address: int) -> bytes:
    """Return `mov [address], r32`."""
    return bytes([0x89, 0x05 | register << 3]) + word(address)


def jump(source: int, target: int) -> bytes:
    """Return `jmp target` at an address."""
    return b"\xe9" + word(target - source - 5)


def call(number: Hypercall, *arguments: int) -> bytes:
    """Return code that makes a call; a wide argument is given as its two halves."""
    loads = (load(register, value) for register, value in zip(ARGUMENTS, arguments, strict=False))
    return b"".join(loads) + load(EAX, number) + HYPERCALL


def leave(code: int = 0) -> bytes:
    """Return code that ends the partition."""
    return call(Hypercall.PARTITION_EXIT, code, 0, 0)


def leave_with_result() -> bytes:
    """Return code that ends the partition with what the last call returned in EAX."""
    return b"\x89\xc3" + call(Hypercall.PARTITION_EXIT)[: -len(HYPERCALL)] + zero_text() + HYPERCALL


def zero_text() -> bytes:
    """Return `xor ecx, ecx; xor edx, edx`: no reason is given."""
    return b"\x31\xc9\x31\xd2"


def descriptor_set(index: int, value: int) -> bytes:
    """Return code that sets a segment of the guest's own."""
    return call(Hypercall.DESCRIPTOR_SET, index, value, value >> 32)


def handlers_set(vectors: tuple[int, ...]) -> bytes:
    """Return code that registers the handlers that lie at HANDLERS."""
    return call(Hypercall.TRAP_HANDLERS_SET, HANDLERS, len(vectors))


def handler_rows(vectors: tuple[int, ...], flags: int = 0, address: int = HANDLER) -> bytes:
    """Return an array of struct trap_handler."""
    return b"".join(struct.pack("<IIQ", vector, flags, address) for vector in vectors)


def _offset(structure: str, name: str) -> int:
    fields = STRUCTURES[structure].fields
    return next(field.offset for field in fields if field.name == name)


def user_mode_prepare() -> bytes:
    """Return code that lets user mode reach text and data; EBX: start page.

    The machine frame of the only extent is that of the text, the data's follow.
    """
    offset = _offset("start_page", "extents") + _offset("extent", "machine_frame")
    code = b"\x8b\xb3" + word(offset) + b"\xc1\xe6\x0c"  # mov esi, [ebx + offset]; shl esi, 12
    rows = (
        (TEXT, ENTRY_TEXT, 0),
        (DATA, PAGE + ENTRY_DATA, NO_EXECUTE_HIGH),
        (DATA + PAGE, 2 * PAGE + ENTRY_DATA, NO_EXECUTE_HIGH),
    )
    for address, low, high in rows:
        code += load(EBX, address)
        code += b"\x8d\x8e" + word(low)  # lea ecx, [esi + low]
        code += load(EDX, high) + load(EAX, Hypercall.MAPPING_UPDATE) + HYPERCALL
    flat = load_segment(DS, SELECTOR_GUEST_DATA) + load_segment(ES, SELECTOR_GUEST_DATA)
    return code + call(Hypercall.KERNEL_STACK_SET, KERNEL_STACK) + flat


def return_to_first_frame() -> bytes:
    """Return code that takes the frame at FIRST_FRAME."""
    return load(ESP, FIRST_FRAME) + load(EAX, Hypercall.IRET) + HYPERCALL


def show_frame_and_leave() -> bytes:
    """Return code of a handler: all registers and the frame to the console, then exit code 77.

    It reads and writes through SS only: the data segments are whatever was interrupted had.
    """
    return (
        b"\x0f\xa8\x0f\xa0\x06\x1e"  # push gs; push fs; push es; push ds
        + b"\x57\x56\x55\x53"  # push edi; push esi; push ebp; push ebx
        + b"\x89\xe3"  # mov ebx, esp
        + load(ECX, SHOWN_SIZE)
        + load(EAX, Hypercall.CONSOLE_WRITE)
        + HYPERCALL
        + leave(77)
    )


def shown(console: bytes) -> Shown:
    """Return what a handler has shown."""
    ebx, ebp, esi, edi, *rest = struct.unpack("<20I", console)
    ds, es, fs, gs = (value & 0xFFFF for value in rest[:4])
    return Shown(ebx, ebp, esi, edi, ds, es, fs, gs, Frame(*rest[4:]))


def page(pieces: dict[int, bytes]) -> bytes:
    """Return the text with each piece at its address; what is between them is `int3`."""
    text = bytearray(b"\xcc" * PAGE)
    end = TEXT
    for address, piece in sorted(pieces.items()):
        if address < end:
            raise ValueError(f"a piece ends at {end:#x}, the next begins at {address:#x}")
        text[address - TEXT : address - TEXT + len(piece)] = piece
        end = address + len(piece)
    if len(text) != PAGE:
        raise ValueError("the text is longer than a page")
    return bytes(text)


def data_page(pieces: dict[int, bytes]) -> bytes:
    """Return the data with each piece at its address."""
    data = bytearray(DATA_SIZE)
    for address, piece in pieces.items():
        data[address - DATA : address - DATA + len(piece)] = piece
    return bytes(data)
