# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of a measurement, each beside its target, as text and as JSON.

Owns the form that several measurements share; what a figure means is its measurement's.
"""

from __future__ import annotations

import json
from typing import NamedTuple

BASIS = "measured on this host"
AT_MOST = ("times", "us", "s", "cycles")
"""Units of which less is better."""


class Figure(NamedTuple):
    """One figure; `target` is at least, at most for what is in AT_MOST; 0 where there is none."""

    title: str
    value: float
    unit: str
    target: float
    remark: str

    @property
    def met(self) -> bool:
        """Say whether the target is reached."""
        if self.unit in AT_MOST:
            return not self.target or self.value <= self.target
        return self.value >= self.target


def to_json(schema: str, figures: dict[str, Figure]) -> str:
    """Return the figures as one line of JSON."""
    rows = {
        name: {
            "value": figure.value,
            "unit": figure.unit,
            "target": figure.target or None,
            "met": figure.met,
            "remark": figure.remark,
        }
        for name, figure in figures.items()
    }
    return json.dumps({"schema": schema, "basis": BASIS, **rows})


def to_text(figures: dict[str, Figure], heading: str) -> str:
    """Return the figures as lines for a person."""
    rows = [heading, ""]
    for figure in figures.values():
        bound = "at most" if figure.unit in AT_MOST else "at least"
        target = f"target {bound} {figure.target:,.10g}; " if figure.target else ""
        verdict = "" if figure.met else "MISSED: "
        rows.append(
            f"{figure.title:<26}{figure.value:>14,.1f}  {figure.unit:<10}"
            f"{verdict}{target}{figure.remark}"
        )
    return "\n".join(rows)
