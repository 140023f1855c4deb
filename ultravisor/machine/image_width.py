# SPDX-License-Identifier: GPL-2.0-or-later
"""What the two widths of guest images differ in: file format, addresses, memory.

Owns those rules, a record a width. Called by ultravisor.machine.image, which knows what
is the same for both; it must not read files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.machine.abi import (
    MACHINE_MEMORY_MAXIMUM_MIB,
    MONITOR_SLOT_COUNT,
    MONITOR_SLOT_FIRST,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Canonical addresses have bits 63 to 47 equal.
CANONICAL_HALF = 1 << 47
ADDRESS_LIMIT_64 = 1 << 64
LEVEL_4_SHIFT = 39
MONITOR_FIRST_ADDRESS = (
    ADDRESS_LIMIT_64 - (2 * CANONICAL_HALF) + (MONITOR_SLOT_FIRST << LEVEL_4_SHIFT)
)
MONITOR_END_ADDRESS = MONITOR_FIRST_ADDRESS + (MONITOR_SLOT_COUNT << LEVEL_4_SHIFT)

ADDRESS_LIMIT_32 = 1 << 32
# The direct map of all of a 32-bit partition's memory, whose size is its limit.
DIRECT_MAP_FIRST_ADDRESS_32 = 0xC0000000
DIRECT_MAP_END_ADDRESS_32 = 0xE0000000
MEMORY_MAXIMUM_32_MIB = (DIRECT_MAP_END_ADDRESS_32 - DIRECT_MAP_FIRST_ADDRESS_32) >> 20
# From here on: start page, call page, time page, shared pages, the first stack.
GIVEN_PAGES_FIRST_ADDRESS_32 = 0xFF000000


@dataclass(frozen=True, slots=True)
class ProgramHeaderFields:
    """The offset of each field in a program header, for errors that name one."""

    flags: int
    file_offset: int
    address: int
    file_size: int
    memory_size: int


@dataclass(frozen=True, slots=True)
class ImageWidth:
    """The rules of one width."""

    bits: int
    elf_machine: str
    """As pyelftools calls it."""
    machine: str
    """As a person calls it."""
    header_size_bytes: int
    program_header_size_bytes: int
    program_header_size_offset: int
    program_header: ProgramHeaderFields
    memory_maximum_mib: int
    address_complaint: Callable[[int, int], str | None]
    """What is wrong with a segment from an address to an end, or None."""

    @property
    def compiler_option(self) -> str:
        """Return the option that makes a compiler build for this width."""
        return f"-m{self.bits}"

    @property
    def link_hint(self) -> str:
        """Return how a right image is linked."""
        return f"link it with guest_kernels/common/guest_{self.bits}.ld, or a script like it"

    @property
    def memory_limit(self) -> str:
        """Return who has no more memory than that."""
        owner = "no machine" if self.bits == 64 else "no 32-bit partition"
        return f"{owner} has more than {self.memory_maximum_mib} MiB"


def _complaint_64(address: int, end: int) -> str | None:
    if end > ADDRESS_LIMIT_64 or not _canonical(address) or not _canonical(end - 1):
        return "has non-canonical addresses"
    if address < MONITOR_END_ADDRESS and end > MONITOR_FIRST_ADDRESS:
        last = MONITOR_END_ADDRESS - 1
        return f"lies in the monitor's addresses ({MONITOR_FIRST_ADDRESS:#x} to {last:#x})"
    return None


def _complaint_32(address: int, end: int) -> str | None:
    if end > ADDRESS_LIMIT_32:
        return f"ends at {end:#x}, above 4 GiB"
    if address < DIRECT_MAP_END_ADDRESS_32 and end > DIRECT_MAP_FIRST_ADDRESS_32:
        last = DIRECT_MAP_END_ADDRESS_32 - 1
        return f"lies in the direct map ({DIRECT_MAP_FIRST_ADDRESS_32:#x} to {last:#x})"
    if end > GIVEN_PAGES_FIRST_ADDRESS_32:
        first = GIVEN_PAGES_FIRST_ADDRESS_32
        return f"lies among the pages that the monitor gives (from {first:#x})"
    return None


def _canonical(address: int) -> bool:
    return address < CANONICAL_HALF or address >= ADDRESS_LIMIT_64 - CANONICAL_HALF


WIDTH_64 = ImageWidth(
    bits=64,
    elf_machine="EM_X86_64",
    machine="x86-64",
    header_size_bytes=64,
    program_header_size_bytes=56,
    program_header_size_offset=54,
    program_header=ProgramHeaderFields(
        flags=4, file_offset=8, address=16, file_size=32, memory_size=40
    ),
    memory_maximum_mib=MACHINE_MEMORY_MAXIMUM_MIB,
    address_complaint=_complaint_64,
)
WIDTH_32 = ImageWidth(
    bits=32,
    elf_machine="EM_386",
    machine="32-bit x86",
    header_size_bytes=52,
    program_header_size_bytes=32,
    program_header_size_offset=42,
    program_header=ProgramHeaderFields(
        flags=24, file_offset=4, address=8, file_size=16, memory_size=20
    ),
    memory_maximum_mib=MEMORY_MAXIMUM_32_MIB,
    address_complaint=_complaint_32,
)
# By the byte of the ELF header that says so.
WIDTHS_BY_ELF_CLASS = {1: WIDTH_32, 2: WIDTH_64}
WIDTHS_BY_BITS = {width.bits: width for width in WIDTHS_BY_ELF_CLASS.values()}
