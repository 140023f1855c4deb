# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws the states of partitions, channels and devices in docs/resources.md.

Run by `make docs`; tests/unit/test_resource_diagrams.py says when the page is stale.
"""

from __future__ import annotations

from pathlib import Path

from ultravisor.resources.transitions import TRANSITIONS

TARGET = Path(__file__).parent / "resources.md"
BEGIN = "<!-- states of a {}: drawn by docs/resource_diagrams.py -->\n"
END = "<!-- end of states -->\n"


def diagram(table: str) -> str:
    """Return the mermaid diagram of a table's states."""
    lines = [
        f"    {step.before or '[*]'} --> {step.after}: {step.verb}" for step in TRANSITIONS[table]
    ]
    last = {step.after for step in TRANSITIONS[table]} - {s.before for s in TRANSITIONS[table]}
    lines += [f"    {state} --> [*]" for state in sorted(last)]
    return "\n```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```\n\n"


def page(text: str) -> str:
    """Return the page with the diagrams as the table has them now."""
    for table in TRANSITIONS:
        begin = BEGIN.format(table)
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(END)
        text = f"{before}{begin}{diagram(table)}{END}{after}"
    return text


def main() -> None:
    """Write the page."""
    TARGET.write_text(page(TARGET.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
