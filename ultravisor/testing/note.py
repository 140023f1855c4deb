# SPDX-License-Identifier: GPL-2.0-or-later
"""The ELF note by which an image says what it tests and how it means to end.

Owns the reading and checking of `struct scenario_note`. Called by testing.scenario; an
image without the note is not an error: its exit code is its verdict all the same.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from elftools.elf.elffile import ELFFile

from ultravisor.errors import ImageError
from ultravisor.machine.abi import (
    ABI_VERSION,
    NOTE_TYPE_SCENARIO,
    STRUCTURES,
    TRAP_VECTOR_LIMIT,
    StopReason,
)
from ultravisor.machine.image import NOTE_OWNER, unpack_structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.machine.image import Image

NOTE_HEADER = struct.Struct("<III")
NOTE_HINT = "say SCENARIO or SCENARIO_STOPS once, from guest_kernels/common/scenario.h"
# A partition that exits gives a verdict: that is no stop to expect.
STOPS = frozenset(StopReason) - {StopReason.EXIT}


@dataclass(frozen=True, slots=True)
class ScenarioNote:
    """What an image says of itself as a test."""

    sentence: str
    expected_stop: StopReason
    """NONE: it ends with a verdict."""
    expected_vector: int
    """Of the trap that stops it; 0: whichever."""


def read_note(image: Image) -> ScenarioNote | None:
    """Return the note of an image that has been checked; None where it has none."""
    for offset, descriptor in _descriptors(image.data):
        return _check(image.path, offset, descriptor)
    return None


def _descriptors(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, descriptor) of every note of ours and of this type."""
    for segment in ELFFile(io.BytesIO(data)).iter_segments("PT_NOTE"):
        position, end = segment["p_offset"], segment["p_offset"] + segment["p_filesz"]
        while position + NOTE_HEADER.size <= end:
            name_size, size, kind = NOTE_HEADER.unpack_from(data, position)
            name_start = position + NOTE_HEADER.size
            start = name_start + _aligned(name_size)
            name = data[name_start : name_start + name_size]
            if name == NOTE_OWNER and kind == NOTE_TYPE_SCENARIO:
                yield start, data[start : min(start + size, end)]
            position = start + _aligned(size)


def _aligned(size_bytes: int) -> int:
    return (size_bytes + 3) & ~3


def _check(path: str, offset: int, descriptor: bytes) -> ScenarioNote:
    def refuse(place: int, message: str, hint: str = NOTE_HINT) -> NoReturn:
        raise ImageError(f"{path}: offset {offset + place:#x}: {message}", hint)

    layout = STRUCTURES["scenario_note"]
    if len(descriptor) != layout.size_bytes:
        refuse(0, f"the scenario's note has {len(descriptor)} bytes, not {layout.size_bytes}")
    fields = unpack_structure("scenario_note", descriptor)
    if fields["abi_version"] != ABI_VERSION:
        refuse(
            0,
            f"the scenario is made for contract version {fields['abi_version']}; "
            f"this is version {ABI_VERSION}",
            "build it again with this version's monitor/abi",
        )
    if fields["expected_stop"] not in STOPS:
        refuse(4, f"no stop that can be expected has the number {fields['expected_stop']}")
    if fields["expected_vector"] >= TRAP_VECTOR_LIMIT:
        refuse(8, f"no trap has the vector {fields['expected_vector']}")
    (place,) = (field.offset for field in layout.fields if field.name == "sentence")
    text, zero, _ = descriptor[place:].partition(b"\0")
    if not zero:
        refuse(place, "the scenario's sentence has no end")
    return ScenarioNote(
        sentence=text.decode("utf-8", "replace"),
        expected_stop=StopReason(fields["expected_stop"]),
        expected_vector=fields["expected_vector"],
    )
