# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of 32 bits: what is accepted, and what is told where they differ from 64 bits.

What both widths share is in test_image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.elf_builder import (
    NOTE,
    PAGE,
    READ_WRITE,
    TEXT_ADDRESS_32,
    Elf,
    Elf32,
    Program,
    note,
    note_32,
    program_32,
)
from tests.unit.test_image import check_no_other_error, refusal
from ultravisor.configuration import Configuration, PartitionConfiguration
from ultravisor.errors import ConfigurationError
from ultravisor.machine.image import parse_image
from ultravisor.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def test_a_right_image_is_read() -> None:
    data = program_32(data=b"x", address=0x400000, flags=READ_WRITE, memory_size=PAGE + 1)
    image = parse_image(Elf32([program_32(), data]).build(), "guest.elf")
    assert (image.width, image.entry_address, image.memory_size_bytes) == (
        32,
        TEXT_ADDRESS_32,
        1 << 20,
    )
    text, data_segment = image.segments
    assert (text.address, text.size_bytes, text.data) == (TEXT_ADDRESS_32, PAGE, b"\xc3" * 16)
    assert (text.executable, text.writable) == (True, False)
    assert (data_segment.address, data_segment.size_bytes) == (0x400000, 2 * PAGE)
    assert (data_segment.executable, data_segment.writable) == (False, True)


def test_the_header_gives_the_entry_when_the_note_does_not() -> None:
    elf = Elf32(note=note_32(entry=0), entry=TEXT_ADDRESS_32 + 8)
    assert parse_image(elf.build(), "guest.elf").entry_address == TEXT_ADDRESS_32 + 8


@pytest.mark.parametrize(
    ("data", "words", "hint"),
    [
        (Elf32().build()[:15], "offset 0xf: the image is truncated within its header", "link"),
        (Elf32().build()[:51], "offset 0x33: the image is truncated within its header", "_32.ld"),
        (Elf32().build()[:60], "offset 0x34: the image is truncated within its program", "_32.ld"),
        (Elf32(byte_order=2).build(), "offset 0x5: not little-endian", "32-bit x86"),
        (Elf32(machine=62).build(), "offset 0x12: built for EM_X86_64, not for 32-bit x86", "-m32"),
        (Elf(machine=3).build(), "offset 0x12: built for EM_386, not for x86-64", "-m64"),
        (Elf(elf_class=3).build(), "offset 0x4: unknown ELF class 3", "-m32 or -m64"),
        (Elf32(kind=3).build(), "offset 0x10: not an executable with fixed addresses", "-static"),
        (Elf32([], None).build(), "offset 0x2a: no usable program headers", "_32.ld"),
        (Elf32(note=note(width=64)).build(), "the note says width 64, the ELF header 32", "IMAGE"),
        (Elf(note=note(width=32)).build(), "the note says width 32, the ELF header 64", "IMAGE"),
        (
            Elf32(note=note_32(memory=513 * MIB)).build(),
            "no 32-bit partition has more than 512 MiB",
            "IMAGE",
        ),
        (
            Elf32(note=note_32(entry=TEXT_ADDRESS_32 + (1 << 32))).build(),
            "the entry 0x1f8000000 lies in no executable segment",
            "_32.ld",
        ),
    ],
)
def test_a_wrong_file_is_refused(data: bytes, words: str, hint: str) -> None:
    error = refusal(data)
    assert words in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (program_32(address=TEXT_ADDRESS_32 + 1), "offset 0x3c: a segment at 0xf8000001 does not"),
        (program_32(flags=7), "offset 0x4c: the segment at 0xf8000000 is writable and executable"),
        (program_32(file_offset=1 << 20), "offset 0x38: the image is truncated: a segment"),
        (program_32(file_size=17), "offset 0x44: a segment has more bytes in the file"),
        (
            program_32(address=0, memory_size=512 * MIB + 1),
            "offset 0x48: a segment of 536870913 bytes; no 32-bit partition",
        ),
        (program_32(address=0xC0000000), "offset 0x3c: a segment at 0xc0000000 lies in the direct"),
        (program_32(address=0xBFFFF000, memory_size=PAGE + 1), "lies in the direct map"),
        (program_32(address=0xDFFFF000), "the direct map (0xc0000000 to 0xdfffffff)"),
        (program_32(address=0xFF000000), "lies among the pages that the monitor gives"),
        (program_32(address=0xFEFFF000, memory_size=PAGE + 1), "(from 0xff000000)"),
        (program_32(address=0xFFFFF000, memory_size=PAGE + 1), "ends at 0x100000001, above 4 GiB"),
    ],
)
def test_a_wrong_segment_is_refused(program: Program, words: str) -> None:
    assert words in refusal(Elf32([program]).build()).message


def test_segments_that_overlap_are_refused_at_their_address() -> None:
    programs = [program_32(), program_32(flags=READ_WRITE)]
    message = refusal(Elf32(programs).build()).message
    assert "offset 0x5c: the segments at 0xf8000000 and 0xf8000000 overlap" in message


def test_a_truncated_note_segment_is_refused() -> None:
    truncated = Program(note_32(), 0, 4, NOTE, file_offset=1 << 20)
    message = refusal(Elf32([program_32(), truncated], None).build()).message
    assert "offset 0x58: the image is truncated within its notes" in message


def test_segments_that_are_huge_together_are_refused() -> None:
    half = 256 * MIB
    programs = [
        program_32(),
        program_32(data=b"", address=0x10000000, flags=READ_WRITE, memory_size=half),
        program_32(data=b"", address=0x30000000, flags=READ_WRITE, memory_size=half),
    ]
    assert "the limit is 512 MiB" in refusal(Elf32(programs).build()).message


@pytest.mark.parametrize("address", [0, 0x400000, 0xBFFFF000, 0xE0000000, 0xFEFFF000])
def test_the_pages_beside_what_is_given_are_free(address: int) -> None:
    elf = Elf32([program_32(address=address)], note_32(entry=address or 1))
    assert parse_image(elf.build(), "guest.elf").segments[0].address == address


def test_limits_hold_at_the_limit() -> None:
    whole = note_32(memory=512 * MIB)
    assert parse_image(Elf32(note=whole).build(), "guest.elf").memory_size_bytes == 512 * MIB


def plan_memory(path: Path, memory_mib: int) -> int:
    row = PartitionConfiguration(name="one", image=str(path), memory_mib=memory_mib)
    return make_plan(Configuration(partition=(row,))).partitions[0].memory_size_bytes


def test_a_partition_has_at_most_what_its_width_allows(tmp_path: Path) -> None:
    narrow, wide = tmp_path / "narrow.elf", tmp_path / "wide.elf"
    narrow.write_bytes(Elf32().build())
    wide.write_bytes(Elf().build())
    assert plan_memory(narrow, 512) == 512 * MIB
    assert plan_memory(wide, 513) == 513 * MIB
    with pytest.raises(ConfigurationError, match="no 32-bit partition has more") as caught:
        plan_memory(narrow, 513)
    assert "memory_mib" in caught.value.hint


@given(st.data())
def test_a_mutated_image_is_read_or_refused(data: st.DataObject) -> None:
    second = program_32(data=b"data", address=TEXT_ADDRESS_32 + PAGE, flags=READ_WRITE)
    changed = bytearray(Elf32([program_32(), second]).build())
    places = data.draw(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6)
    )
    for place, value in places:
        changed[place] = value
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(changed))))
    check_no_other_error(bytes(changed[:cut]))
