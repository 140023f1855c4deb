# SPDX-License-Identifier: GPL-2.0-or-later
"""The diagrams of states are those of the table of transitions."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_on_resources_draws_the_transitions() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "resource_diagrams.py"))
    text = (ROOT / "docs" / "resources.md").read_text(encoding="utf-8")
    assert text == page["page"](text), "run `make docs`"


def test_a_diagram_has_a_line_for_each_transition() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "resource_diagrams.py"))
    drawn = page["diagram"]("channel")
    assert "    planned --> mapped: map\n" in drawn
    assert "    [*] --> planned: plan\n" in drawn
    assert "    unmapped --> [*]\n" in drawn
