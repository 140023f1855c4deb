# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the table of the hostile set into docs/containment.md, from the images' own notes.

Run by `make docs`; tests/guests/test_hostile.py says when the page is stale.
"""

from __future__ import annotations

from pathlib import Path

from ultravisor.testing.scenario import Scenario, find_scenarios

TARGET = Path(__file__).parent / "containment.md"
BEGIN = "<!-- hostile set: written by docs/hostile_table.py -->\n"
END = "<!-- end of the hostile set -->\n"


def row(name: str, found: list[Scenario]) -> str:
    """Return the row of an image, in all its widths."""
    widths = ", ".join(str(scenario.width) for scenario in found)
    ends = "verdict" if found[0].expectation == "a verdict" else found[0].expectation
    return f"| `{name}` | {widths} | {found[0].sentence} | {ends.replace('_', ' ')} |\n"


def table() -> str:
    """Return the table, sorted by name."""
    by_name: dict[str, list[Scenario]] = {}
    for scenario in find_scenarios(["hostile"]):
        by_name.setdefault(scenario.name.removeprefix("hostile/"), []).append(scenario)
    rows = "".join(
        row(name, sorted(found, key=lambda scenario: scenario.width))
        for name, found in sorted(by_name.items())
    )
    return f"\n| image | widths | what must not work | end |\n|---|---|---|---|\n{rows}\n"


def page(text: str) -> str:
    """Return the page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> None:
    """Write the page."""
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
