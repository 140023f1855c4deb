# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures beside their targets, as text and as JSON."""

from __future__ import annotations

import json

import pytest

from ultravisor.bench.figures import Figure, to_json, to_text

RATE = Figure("signals", 400.0, "a second", 300, "there and back")
DELAY = Figure("longest", 2_500_000.0, "cycles", 2_000_000, "at 3 moments")
REFERENCE = Figure("copy", 1.5, "s", 0, "")


@pytest.mark.parametrize(
    ("value", "unit", "target", "met"),
    [
        (300, "a second", 300, True),
        (299.9, "a second", 300, False),
        (2, "cycles", 2, True),
        (2.1, "cycles", 2, False),
        (7, "cycles", 0, True),
        (7, "a second", 0, True),
    ],
)
def test_a_target_is_met_from_its_side(value: float, unit: str, target: float, met: bool) -> None:
    assert Figure("", value, unit, target, "").met is met


def test_text_marks_what_is_missed() -> None:
    lines = to_text({"rate": RATE, "delay": DELAY, "reference": REFERENCE}, "Measured.").split("\n")
    assert lines[:2] == ["Measured.", ""]
    assert lines[2].endswith("a second  target at least 300; there and back")
    assert lines[3].endswith("cycles    MISSED: target at most 2,000,000; at 3 moments")
    assert lines[4].split() == ["copy", "1.5", "s"]


def test_json_has_everything_by_name() -> None:
    row = json.loads(to_json("ultravisor.bench.some/1", {"delay": DELAY, "reference": REFERENCE}))
    assert row["schema"] == "ultravisor.bench.some/1"
    assert row["basis"] == "measured on this host"
    assert row["delay"] == {
        "value": 2_500_000.0,
        "unit": "cycles",
        "target": 2_000_000,
        "met": False,
        "remark": "at 3 moments",
    }
    assert row["reference"]["target"] is None
