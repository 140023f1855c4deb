# SPDX-License-Identifier: GPL-2.0-or-later
"""Images: what is accepted, and what every kind of wrong image is told."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.elf_builder import (
    NOTE,
    PAGE,
    READ_EXECUTE,
    READ_WRITE,
    TEXT_ADDRESS,
    Elf,
    Program,
    note,
)
from ultravisor.errors import ImageError, NotFoundError
from ultravisor.machine.image import parse_image, read_image
from ultravisor.machine.image_width import MONITOR_FIRST_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

SECOND_PAGE = TEXT_ADDRESS + PAGE


def refusal(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        parse_image(data, "guest.elf")
    assert caught.value.message.startswith("guest.elf: offset 0x")
    assert caught.value.hint, "a refusal says what to do"
    assert caught.value.exit_code == 3
    return caught.value


def test_a_right_image_is_read() -> None:
    image = parse_image(Elf().build(), "guest.elf")
    assert image.entry_address == TEXT_ADDRESS
    assert image.width == 64
    assert image.memory_size_bytes == 1 << 20
    (segment,) = image.segments
    assert (segment.address, segment.size_bytes) == (TEXT_ADDRESS, PAGE)
    assert segment.data == b"\xc3" * 16
    assert segment.executable
    assert not segment.writable


def test_memory_beyond_the_file_is_counted_in_pages() -> None:
    data = Program(b"x", SECOND_PAGE, READ_WRITE, memory_size=PAGE + 1)
    image = parse_image(Elf([Program(), data]).build(), "guest.elf")
    assert image.segments[1].size_bytes == 2 * PAGE
    assert image.size_bytes == 3 * PAGE


def test_an_empty_segment_is_left_out() -> None:
    image = parse_image(Elf([Program(), Program(b"", 0x1234)]).build(), "guest.elf")
    assert len(image.segments) == 1


def test_the_header_gives_the_entry_when_the_note_does_not() -> None:
    elf = Elf(note=note(entry=0), entry=TEXT_ADDRESS + 8)
    assert parse_image(elf.build(), "guest.elf").entry_address == TEXT_ADDRESS + 8


def test_our_note_is_found_behind_another() -> None:
    other = note(owner=b"GNU\0", kind=3)
    assert parse_image(Elf(note=other + note()).build(), "guest.elf").width == 64


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "offset 0x0: not an ELF image"),
        (b"#!/bin/sh\n", "offset 0x0: not an ELF image"),
        (b"\x7fELF\x02\x01", "truncated within its header"),
        (Elf().build()[:100], "truncated within its program headers"),
        (Elf(elf_class=1).build(), "not for 32-bit x86"),
        (Elf(elf_class=9).build(), "unknown ELF class 9"),
        (Elf(byte_order=2).build(), "not little-endian"),
        (Elf(machine=183).build(), "offset 0x12: built for EM_AARCH64"),
        (Elf(kind=3).build(), "offset 0x10: not an executable with fixed addresses (ET_DYN)"),
        (Elf(kind=1).build(), "(ET_REL)"),
        (Elf([]).build(), "no loadable segment"),
        (Elf([], None).build(), "no usable program headers"),
        (Elf(note=None).build(), "no note of owner Ultravisor"),
        (Elf(note=note(owner=b"Xen\0")).build(), "no note of owner Ultravisor"),
        (Elf(note=note(kind=2)).build(), "no note of owner Ultravisor"),
        (Elf(note=note()[:-8]).build(), "a note is longer than its segment"),
        (Elf(note=note(abi_version=2)).build(), "contract version 2; this is version 1"),
        (Elf(note=note(width=32)).build(), "the note says width 32"),
        (Elf(note=note(memory=1 << 40)).build(), "asks for 1099511627776 bytes"),
    ],
)
def test_a_wrong_file_is_refused(data: bytes, words: str) -> None:
    assert words in refusal(data).message


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ([Program(address=TEXT_ADDRESS + 1)], "does not begin at a page"),
        ([Program(flags=7)], "is writable and executable"),
        ([Program(file_offset=1 << 20)], "truncated: a segment ends at offset 0x100010"),
        ([Program(file_size=17)], "more bytes in the file than in memory"),
        ([Program(memory_size=(8192 << 20) + 1)], "no machine has more than 8192 MiB"),
        ([Program(address=0x0000800000000000)], "non-canonical"),
        ([Program(address=0x00007FFFFFFFF000, memory_size=2 * PAGE)], "non-canonical"),
        ([Program(address=0xFFFFFFFFFFFFF000, memory_size=2 * PAGE)], "non-canonical"),
        ([Program(address=0xFFFF800000000000)], "the monitor's addresses"),
        ([Program(address=0xFFFF87FFFFFFF000)], "the monitor's addresses"),
        ([Program(), Program(address=TEXT_ADDRESS, flags=READ_WRITE)], "overlap"),
        ([Program(memory_size=PAGE + 1), Program(address=SECOND_PAGE)], "overlap"),
        ([Program(address=TEXT_ADDRESS + n * PAGE) for n in range(65)], "more than 64 loadable"),
        ([Program(flags=READ_WRITE)], "lies in no executable segment"),
        ([Program(address=SECOND_PAGE)], "lies in no executable segment"),
    ],
)
def test_wrong_segments_are_refused(programs: list[Program], words: str) -> None:
    assert words in refusal(Elf(programs).build()).message


def test_segments_that_are_huge_together_are_refused() -> None:
    half = 5 << 30
    programs = [
        Program(memory_size=16),
        Program(b"", 0x10000000, READ_WRITE, memory_size=half),
        Program(b"", 0x1000000000, READ_WRITE, memory_size=half),
    ]
    assert "the segments need" in refusal(Elf(programs).build()).message


def test_the_pages_beside_the_monitor_are_free() -> None:
    for address in (MONITOR_FIRST_ADDRESS + (16 << 39), 0x00007FFFFFFFF000):
        elf = Elf([Program(address=address)], note(entry=address))
        assert parse_image(elf.build(), "guest.elf").entry_address == address


def test_limits_hold_at_the_limit() -> None:
    programs = [Program(address=TEXT_ADDRESS + n * PAGE) for n in range(64)]
    assert len(parse_image(Elf(programs).build(), "guest.elf").segments) == 64
    whole = note(memory=8192 << 20)
    assert parse_image(Elf(note=whole).build(), "guest.elf").memory_size_bytes == 8192 << 20


def test_the_offset_named_is_the_field_that_is_wrong() -> None:
    data = bytearray(Elf().build())
    error = refusal(Elf([Program(flags=7)]).build())
    assert "offset 0x44:" in error.message
    struct.pack_into("<I", data, 64 + 4, READ_EXECUTE)
    assert parse_image(bytes(data), "guest.elf").segments


def test_a_truncated_note_segment_is_refused() -> None:
    elf = Elf([Program(), Program(note(), 0, 4, NOTE, file_offset=1 << 20)], None)
    assert "truncated within its notes" in refusal(elf.build()).message


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file") as caught:
        read_image(tmp_path / "absent.elf")
    assert caught.value.exit_code == 6


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_image(tmp_path)


def test_a_file_is_read_with_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "guest.elf"
    path.write_bytes(Elf().build())
    image = read_image(path)
    assert image.path == str(path)
    assert len(image.sha256) == 64
    assert len(image.symbols) == 0


@given(st.data())
def test_a_mutated_image_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever bytes change, the answer is an image or an ImageError, never anything else."""
    original = Elf([Program(), Program(b"data", SECOND_PAGE, READ_WRITE)]).build()
    changed = bytearray(original)
    places = data.draw(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6)
    )
    for place, value in places:
        changed[place] = value
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(original))))
    check_no_other_error(bytes(changed[:cut]))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    check_no_other_error(b"\x7fELF\x02\x01" + data)


def check_no_other_error(data: bytes) -> None:
    try:
        image = parse_image(data, "guest.elf")
    except ImageError:
        return
    ordered = sorted(image.segments, key=lambda segment: segment.address)
    assert all(segment.address % PAGE == 0 for segment in ordered)
    assert not any(segment.writable and segment.executable for segment in ordered)
    assert all(
        lower.address + lower.size_bytes <= upper.address
        for lower, upper in itertools.pairwise(ordered)
    )
    assert any(
        segment.executable
        and segment.address <= image.entry_address < segment.address + segment.size_bytes
        for segment in ordered
    )
    assert isinstance(len(image.symbols), int)
