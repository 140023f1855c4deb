# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulated monitor's image: an ELF file laid out flat, as it lies in memory.

Owns that layout. The file is ours, not a guest's: it has no note, and the extension
checks where it goes. Called by ultravisor.plan.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from ultravisor.errors import ImageError
from ultravisor.machine.image import DECODE_ERRORS

if TYPE_CHECKING:
    from pathlib import Path

# Far above any monitor, far below what a damaged header could ask for.
FLAT_LIMIT_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class FlatImage:
    """Bytes from the lowest to the highest loaded address."""

    path: str
    data: bytes
    entry_address: int
    sha256: str


def read_flat_image(path: Path) -> FlatImage:
    """Read the monitor's image; a damaged one is refused."""
    raw = path.read_bytes()
    try:
        elf = ELFFile(io.BytesIO(raw))
        rows = [
            (segment["p_vaddr"], segment["p_memsz"], segment.data())
            for segment in elf.iter_segments("PT_LOAD")
            if segment["p_memsz"]
        ]
        entry_address = elf.header["e_entry"]
        first = min(address for address, _, _ in rows)
        end = max(address + size for address, size, _ in rows)
    except DECODE_ERRORS as failure:
        raise ImageError(f"{path}: not a monitor image: {failure}", "build it again") from None
    if end - first > FLAT_LIMIT_BYTES:
        raise ImageError(f"{path}: a monitor of {end - first} bytes", "build it again")
    flat = bytearray(end - first)
    for address, _, data in rows:
        flat[address - first : address - first + len(data)] = data
    return FlatImage(str(path), bytes(flat), entry_address, hashlib.sha256(raw).hexdigest())
