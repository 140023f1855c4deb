# SPDX-License-Identifier: GPL-2.0-or-later
"""The nearest symbol of an address."""

from __future__ import annotations

import pytest

from ultravisor.machine.image import read_image
from ultravisor.machine.symbols import SymbolTable
from ultravisor.resolution import find_image

ROWS = [(0x1000, 0x20, "outer"), (0x1008, 0x4, "inner"), (0x2000, 0, "label"), (0x3000, 8, "last")]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0xFFF, ""),
        (0x1000, "outer"),
        (0x1009, "inner+0x1"),
        (0x100C, "outer+0xc"),
        (0x101F, "outer+0x1f"),
        (0x1020, ""),
        (0x2000, "label"),
        (0x2123, "label+0x123"),
        (0x3007, "last+0x7"),
        (0x3008, ""),
    ],
)
def test_nearest(address: int, expected: str) -> None:
    assert SymbolTable(ROWS).nearest(address) == expected


def test_describe_keeps_the_address() -> None:
    assert SymbolTable(ROWS).describe(0x1004) == "0x1004 (outer+0x4)"
    assert SymbolTable(()).describe(0x1004) == "0x1004"


@pytest.mark.guest
def test_a_bundled_image_has_its_entry_as_a_symbol() -> None:
    image = read_image(find_image("hello"))
    assert image.symbols.nearest(image.entry_address) == "guest_entry"
