# SPDX-License-Identifier: GPL-2.0-or-later
"""Guest images: ELF files of either width with a note, read and checked before anything starts.

Owns every rule that images of both widths must keep; where those differ, image_width has
them. Called by ultravisor.host and the command; it must not know the machine: what it
returns are bytes and addresses. Every refusal names
the file, the offset in it and what to do.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from ultravisor.errors import ImageError, NotFoundError
from ultravisor.machine.abi import (
    ABI_VERSION,
    MACHINE_MEMORY_MAXIMUM_MIB,
    NOTE_TYPE_IMAGE,
    PAGE_SIZE_BYTES,
    STRUCTURES,
)
from ultravisor.machine.image_width import WIDTH_64, WIDTHS_BY_ELF_CLASS
from ultravisor.machine.records import Segment
from ultravisor.machine.symbols import SymbolTable

NOTE_OWNER = b"Ultravisor\0"
SEGMENT_LIMIT = 64
IMAGE_SIZE_LIMIT_BYTES = MACHINE_MEMORY_MAXIMUM_MIB << 20
# What says of which kind an ELF file is.
ELF_IDENTITY_SIZE_BYTES = 16
FLAG_EXECUTE, FLAG_WRITE = 1, 2

NOTE_HINT = "say IMAGE(memory) once, from guest_kernels/common/image.h"
# What pyelftools raises for bytes that are not what they should be.
DECODE_ERRORS = (
    ELFError,
    ConstructError,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    AssertionError,
    RecursionError,
)


@dataclass(frozen=True)
class Image:
    """An image that can be booted."""

    path: str
    data: bytes
    width: int
    entry_address: int
    memory_size_bytes: int
    """What the image asks for; 0: it leaves that to the configuration."""
    segments: tuple[Segment, ...]

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the file, in hex digits."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def symbols(self) -> SymbolTable:
        """Return the image's symbols; an image without any has an empty table."""
        return read_symbols(self.data)

    @cached_property
    def functions(self) -> tuple[int, ...]:
        """Return the addresses of the image's function symbols, ascending."""
        return read_functions(self.data)

    @property
    def size_bytes(self) -> int:
        """Return how much memory the segments need."""
        return sum(segment.size_bytes for segment in self.segments)


def read_image(path: Path | str) -> Image:
    """Read an image file and check all of it."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            data = stream.read(IMAGE_SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", "give the path of an ELF image") from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}") from None
    return parse_image(data, str(path))


def parse_image(data: bytes, path: str) -> Image:
    """Check an image's bytes; `path` is what errors call it."""
    reader = _Reader(data, path)
    reader.check_identity()
    elf = reader.open()
    segments = tuple(reader.segments(elf))
    note = reader.note(elf)
    entry_address = note["entry_address"] or elf.header["e_entry"]
    reader.check_entry(entry_address, segments)
    return Image(
        path=path,
        data=data,
        width=note["width"],
        entry_address=entry_address,
        memory_size_bytes=note["memory_size_bytes"],
        segments=segments,
    )


def read_symbols(data: bytes) -> SymbolTable:
    """Return the symbols of ELF bytes; a damaged symbol table counts as none."""
    return SymbolTable(
        (symbol["st_value"], symbol["st_size"], symbol.name)
        for symbol in _placed_symbols(data, ("STT_FUNC", "STT_NOTYPE", "STT_OBJECT"))
    )


def read_functions(data: bytes) -> tuple[int, ...]:
    """Return the addresses of the function symbols of ELF bytes, ascending."""
    return tuple(sorted({symbol["st_value"] for symbol in _placed_symbols(data, ("STT_FUNC",))}))


def _placed_symbols(data: bytes, kinds: tuple[str, ...]) -> list[Any]:
    """Return the symbols of some kinds that stand in a section; none of a damaged table."""
    try:
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".symtab")
        if not isinstance(section, SymbolTableSection):
            return []
        return [
            symbol
            for symbol in section.iter_symbols()
            if symbol["st_info"]["type"] in kinds
            and symbol["st_shndx"] not in ("SHN_UNDEF", "SHN_ABS")
        ]
    except DECODE_ERRORS:
        return []


def unpack_structure(name: str, data: bytes) -> dict[str, int]:
    """Read the integer fields of a structure of the contract."""
    return {
        field.name: int.from_bytes(data[field.offset : field.offset + field.size_bytes], "little")
        for field in STRUCTURES[name].fields
    }


class _Reader:
    """Reads one image; every method refuses what it finds wrong."""

    def __init__(self, data: bytes, path: str) -> None:
        self.data = data
        self.path = path
        # Until the file says otherwise.
        self.width = WIDTH_64

    def refuse(self, offset: int, message: str, hint: str = "") -> NoReturn:
        hint = hint or self.width.link_hint
        raise ImageError(f"{self.path}: offset {offset:#x}: {message}", hint)

    def check_identity(self) -> None:
        """Check the bytes that say what kind of ELF file this is."""
        if self.data[:4] != b"\x7fELF":
            self.refuse(0, "not an ELF image", "give an ELF image, or a .toml configuration")
        if len(self.data) < ELF_IDENTITY_SIZE_BYTES:
            self.refuse(len(self.data), "the image is truncated within its header")
        if self.data[4] not in WIDTHS_BY_ELF_CLASS:
            self.refuse(4, f"unknown ELF class {self.data[4]}", "build it with -m32 or -m64")
        self.width = WIDTHS_BY_ELF_CLASS[self.data[4]]
        if len(self.data) < self.width.header_size_bytes:
            self.refuse(len(self.data), "the image is truncated within its header")
        if len(self.data) > IMAGE_SIZE_LIMIT_BYTES:
            self.refuse(IMAGE_SIZE_LIMIT_BYTES, "the image is larger than any machine's memory")
        if self.data[5] != 1:
            self.refuse(5, "not little-endian, as x86 is", f"build it for {self.width.machine}")

    def open(self) -> ELFFile:
        """Parse the ELF header, and check what it says of the whole file."""
        try:
            elf = ELFFile(io.BytesIO(self.data))
            header = elf.header
            machine, kind = header["e_machine"], header["e_type"]
            count, size = header["e_phnum"], header["e_phentsize"]
            end = header["e_phoff"] + count * size
        except DECODE_ERRORS as failure:
            self.refuse(0, f"the ELF header cannot be read: {failure}")
        if machine != self.width.elf_machine:
            hint = f"build it with {self.width.compiler_option} for {self.width.machine}"
            self.refuse(18, f"built for {machine}, not for {self.width.machine}", hint)
        if kind != "ET_EXEC":
            hint = "link it statically at fixed addresses: -static -no-pie -nostdlib"
            self.refuse(16, f"not an executable with fixed addresses ({kind})", hint)
        if count == 0 or size != self.width.program_header_size_bytes:
            offset = self.width.program_header_size_offset
            self.refuse(offset, f"no usable program headers ({count} of {size} bytes)")
        if end > len(self.data):
            self.refuse(header["e_phoff"], "the image is truncated within its program headers")
        return elf

    def program_headers(self, elf: ELFFile, kind: str) -> list[tuple[int, Any]]:
        """Return (offset of the header, header) of one type."""
        first, size = elf.header["e_phoff"], elf.header["e_phentsize"]
        found = []
        for offset in range(first, first + elf.header["e_phnum"] * size, size):
            try:
                header = struct_parse(elf.structs.Elf_Phdr, elf.stream, stream_pos=offset)
            except DECODE_ERRORS as failure:
                self.refuse(offset, f"a program header cannot be read: {failure}")
            if header["p_type"] == kind:
                found.append((offset, header))
        return found

    def segments(self, elf: ELFFile) -> list[Segment]:
        """Return the loadable segments, each page-aligned, none overlapping another."""
        found: list[tuple[int, Segment]] = []
        for offset, header in self.program_headers(elf, "PT_LOAD"):
            if header["p_memsz"] == 0:
                continue
            self.check_extent(offset, header)
            self.check_address(offset, header["p_vaddr"], header["p_memsz"])
            found.append((offset, self.segment(offset, header)))
        if not found:
            self.refuse(elf.header["e_phoff"], "no loadable segment")
        if len(found) > SEGMENT_LIMIT:
            self.refuse(found[SEGMENT_LIMIT][0], f"more than {SEGMENT_LIMIT} loadable segments")
        self.check_overlap(found)
        total = sum(segment.size_bytes for _, segment in found)
        if total > self.width.memory_maximum_mib << 20:
            limit = f"the limit is {self.width.memory_maximum_mib} MiB"
            self.refuse(found[0][0], f"the segments need {total} bytes of memory; {limit}")
        return [segment for _, segment in found]

    def check_extent(self, offset: int, header: Any) -> None:
        """Check where a segment's bytes lie in the file."""
        fields = self.width.program_header
        if header["p_filesz"] > header["p_memsz"]:
            self.refuse(
                offset + fields.file_size, "a segment has more bytes in the file than in memory"
            )
        if header["p_offset"] + header["p_filesz"] > len(self.data):
            end = header["p_offset"] + header["p_filesz"]
            self.refuse(
                offset + fields.file_offset,
                f"the image is truncated: a segment ends at offset {end:#x}, "
                f"the file at {len(self.data):#x}",
                "build or copy the image again",
            )
        if header["p_memsz"] > self.width.memory_maximum_mib << 20:
            self.refuse(
                offset + fields.memory_size,
                f"a segment of {header['p_memsz']} bytes; {self.width.memory_limit}",
            )

    def check_address(self, offset: int, address: int, size_bytes: int) -> None:
        """Check where a segment lies in memory."""
        complaint = self.width.address_complaint(address, address + size_bytes)
        if address % PAGE_SIZE_BYTES != 0:
            complaint = "does not begin at a page"
        if complaint is not None:
            field = offset + self.width.program_header.address
            self.refuse(field, f"a segment at {address:#x} {complaint}")

    def segment(self, offset: int, header: Any) -> Segment:
        """Return one segment; nothing may be both writable and executable."""
        writable = bool(header["p_flags"] & FLAG_WRITE)
        executable = bool(header["p_flags"] & FLAG_EXECUTE)
        if writable and executable:
            self.refuse(
                offset + self.width.program_header.flags,
                f"the segment at {header['p_vaddr']:#x} is writable and executable",
            )
        start = header["p_offset"]
        pages = -(-header["p_memsz"] // PAGE_SIZE_BYTES)
        return Segment(
            address=header["p_vaddr"],
            size_bytes=pages * PAGE_SIZE_BYTES,
            data=self.data[start : start + header["p_filesz"]],
            writable=writable,
            executable=executable,
        )

    def check_overlap(self, found: list[tuple[int, Segment]]) -> None:
        """Check that no two segments share a page: a page has one set of rights."""
        ordered = sorted(found, key=lambda item: item[1].address)
        for (_, lower), (offset, upper) in itertools.pairwise(ordered):
            if lower.address + lower.size_bytes > upper.address:
                self.refuse(
                    offset + self.width.program_header.address,
                    f"the segments at {lower.address:#x} and {upper.address:#x} overlap",
                )

    def note(self, elf: ELFFile) -> dict[str, int]:
        """Return the fields of the image's note."""
        for offset, header in self.program_headers(elf, "PT_NOTE"):
            start, size = header["p_offset"], header["p_filesz"]
            if start + size > len(self.data):
                field = offset + self.width.program_header.file_offset
                self.refuse(field, "the image is truncated within its notes")
            found = self.find_note(start, start + size)
            if found is not None:
                return self.check_note(*found)
        self.refuse(elf.header["e_phoff"], "no note of owner Ultravisor: not a guest", NOTE_HINT)

    def find_note(self, position: int, end: int) -> tuple[int, bytes] | None:
        """Return (offset, descriptor) of our note among those of one segment."""
        while position + 12 <= end:
            name_size, size, kind = struct.unpack_from("<III", self.data, position)
            name_start = position + 12
            start = name_start + _aligned(name_size)
            if start + size > end:
                self.refuse(position, "a note is longer than its segment", NOTE_HINT)
            name = self.data[name_start : name_start + name_size]
            if name == NOTE_OWNER and kind == NOTE_TYPE_IMAGE:
                return start, self.data[start : start + size]
            position = start + _aligned(size)
        return None

    def check_note(self, offset: int, descriptor: bytes) -> dict[str, int]:
        """Check what the note says."""
        expected = STRUCTURES["image_note"].size_bytes
        if len(descriptor) != expected:
            size = f"{len(descriptor)} bytes, not {expected}"
            self.refuse(offset, f"the note's descriptor has {size}", NOTE_HINT)
        note = unpack_structure("image_note", descriptor)
        if note["abi_version"] != ABI_VERSION:
            self.refuse(
                offset,
                f"the image is made for contract version {note['abi_version']}; "
                f"this is version {ABI_VERSION}",
                "build it again with this version's monitor/abi",
            )
        if note["width"] != self.width.bits:
            message = f"the note says width {note['width']}, the ELF header {self.width.bits}"
            self.refuse(offset + 4, message, NOTE_HINT)
        if note["memory_size_bytes"] > self.width.memory_maximum_mib << 20:
            self.refuse(
                offset + 16,
                f"the image asks for {note['memory_size_bytes']} bytes of memory; "
                f"{self.width.memory_limit}",
                NOTE_HINT,
            )
        return note

    def check_entry(self, address: int, segments: tuple[Segment, ...]) -> None:
        """Check that the image begins in code."""
        for segment in segments:
            if segment.executable and 0 <= address - segment.address < segment.size_bytes:
                return
        self.refuse(24, f"the entry {address:#x} lies in no executable segment")


def _aligned(size_bytes: int) -> int:
    return (size_bytes + 3) & ~3
