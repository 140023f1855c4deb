# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the symbols of our own images are.

Owns the reading of their symbol tables, which guests and monitor are built with. Called by
switch_run and switch_measure.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from ultravisor.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elftools.elf.sections import Symbol


def symbol_addresses(data: bytes) -> dict[str, int]:
    """Return the address of each symbol."""
    return {symbol.name: symbol["st_value"] for symbol in _symbols(ELFFile(io.BytesIO(data)))}


def text_symbols(data: bytes) -> list[tuple[int, str]]:
    """Return address and name of every symbol in an executable section."""
    elf = ELFFile(io.BytesIO(data))
    executable = {
        number
        for number, section in enumerate(elf.iter_sections())
        if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
    }
    return [
        (symbol["st_value"], symbol.name)
        for symbol in _symbols(elf)
        if symbol["st_shndx"] in executable
    ]


def _symbols(elf: ELFFile) -> Iterator[Symbol]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise ImageError("an image of the benchmark has no symbols", "build it again")
    return (symbol for symbol in table.iter_symbols() if symbol.name)
