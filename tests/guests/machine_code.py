# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions as bytes, and the layout of a guest that is made of them.

Owns addresses and encodings, each named after what it does; needs no assembler. Used by the
tests that look at single instructions; knows neither the machine nor what is expected.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from tests.unit.tiny_guests import VMCALL, call, leave, load
from ultravisor.machine.abi import STRUCTURES, Hypercall

PAGE = 4096
TEXT = 0xFFFFFFFF80000000
DATA = TEXT + 0x10000
"""Two writable pages; what lies before and behind text and data is not mapped."""
DATA_SIZE = 2 * PAGE
DATA_END = DATA + DATA_SIZE
TESTED = TEXT + 0x400
HANDLER = TEXT + 0x800
SECOND_HANDLER = TEXT + 0xC00

# Places in the data.
COUNTER = DATA
SCRATCH = DATA + 0x100
HANDLERS = DATA + 0xC00
REGISTERS = DATA + 0xD00
FIRST_FRAME = DATA + 0xE00
KERNEL_STACK = DATA + 0xC00
USER_STACK = DATA + PAGE + 0x400

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
# What the frame does not hold, and pops in no other order.
DUMPED = (RDX, RBX, RBP, RSI, RDI, 8, 9, 10, 12, 13, 14, 15)

NOP = b"\x90"
RDTSC = b"\x0f\x31"
SYSCALL = b"\x0f\x05"
# How the processor takes a frame.
FLAGS = 0x202
TRAP_FLAG = 0x100
GUEST_CODE, GUEST_DATA = 0x33, 0x2B
USER, MASKED = 1, 2


class Frame(NamedTuple):
    """What a handler finds at its stack pointer: struct trap_frame."""

    rax: int = 0
    rcx: int = 0
    r11: int = 0
    vector: int = 0
    error_code: int = 0
    fault_address: int = 0
    state: int = MASKED
    rip: int = TESTED
    cs: int = GUEST_CODE
    rflags: int = FLAGS
    rsp: int = USER_STACK
    ss: int = GUEST_DATA

    def pack(self) -> bytes:
        """Return the bytes of the frame."""
        return struct.pack("<12Q", *self)


FRAME_SIZE = 96


def short(address: int) -> bytes:
    """Return an absolute address as the four bytes that are sign-extended to it."""
    return (address & 0xFFFFFFFF).to_bytes(4, "little")


def increment(address: int = COUNTER) -> bytes:
    """Return `inc dword [address]`."""
    return b"\xff\x04\x25" + short(address)


def add(value: int, address: int = COUNTER) -> bytes:
    """Return `add dword [address], value`."""
    return b"\x81\x04\x25" + short(address) + value.to_bytes(4, "little")


def store(register: int, address: int) -> bytes:
    """Return `mov [address], r64`."""
    prefix = b"\x4c\x89" if register >= 8 else b"\x48\x89"
    return prefix + bytes([0x04 | (register & 7) << 3, 0x25]) + short(address)


def fetch(register: int, address: int) -> bytes:
    """Return `mov r64, [address]`."""
    return b"\x48\x8b" + bytes([0x04 | register << 3, 0x25]) + short(address)


def load_any(register: int, value: int) -> bytes:
    """Return `mov r64, imm64` for all sixteen registers."""
    if register < 8:
        return load(register, value)
    return bytes([0x49, 0xB8 + register - 8]) + value.to_bytes(8, "little")


def jump(source: int, target: int) -> bytes:
    """Return `jmp target` at an address."""
    return b"\xe9" + (target - source - 5).to_bytes(4, "little", signed=True)


def start_field(name: str) -> int:
    """Return the offset of a field of the start page."""
    return next(field.offset for field in STRUCTURES["start_page"].fields if field.name == name)


def handlers_set(vectors: tuple[int, ...]) -> bytes:
    """Return code that registers the handlers that lie at HANDLERS."""
    return call(Hypercall.TRAP_HANDLERS_SET, HANDLERS, len(vectors))


def user_mode_prepare() -> bytes:
    """Return code that makes user mode possible, on the kernel's own tables; RDI: start page."""
    offset = start_field("kernel_root_frame")
    return (
        b"\x48\x8b\x7f"  # mov rdi, [rdi + offset]
        + bytes([offset])
        + b"\x48\x89\xfe"  # mov rsi, rdi
        + load(RAX, Hypercall.ROOTS_SET)
        + VMCALL
        + call(Hypercall.KERNEL_STACK_SET, KERNEL_STACK)
    )


def return_to_first_frame() -> bytes:
    """Return code that takes the frame at FIRST_FRAME."""
    return load(RSP, FIRST_FRAME) + load(RAX, Hypercall.IRET) + VMCALL


def say(address: int, size_bytes: int) -> bytes:
    """Return code that writes memory to the console."""
    return call(Hypercall.CONSOLE_WRITE, address, size_bytes)


def show_frame() -> bytes:
    """Return code of a handler: the frame and all other registers go to the console."""
    return (
        b"".join(store(register, REGISTERS + 8 * at) for at, register in enumerate(DUMPED))
        + b"\x48\x89\xe7"  # mov rdi, rsp
        + load(RSI, FRAME_SIZE)
        + load(RAX, Hypercall.CONSOLE_WRITE)
        + VMCALL
        + say(REGISTERS, 8 * len(DUMPED))
    )


def show_frame_and_leave() -> bytes:
    """Return code of a handler that shows its frame and ends the partition with code 77."""
    return show_frame() + leave(77)


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


def handler_rows(vectors: tuple[int, ...], flags: int = 0, address: int = HANDLER) -> bytes:
    """Return an array of struct trap_handler."""
    return b"".join(struct.pack("<IIQ", vector, flags, address) for vector in vectors)
