# SPDX-License-Identifier: GPL-2.0-or-later
"""A path's phases as bars, each beginning where the last one ended.

Owns how a waterfall is drawn in a terminal. Called by bench_switch_table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from ultravisor.bench.switch_results import PathResult

COLOURS: Final = {
    "guest": "green",
    "entry": "yellow",
    "dispatch": "cyan",
    "body": "blue",
    "schedule": "magenta",
    "save": "bright_yellow",
    "space": "bright_cyan",
    "restore": "bright_blue",
    "exit": "bright_green",
}
# The name of a phase, its cycles and its share.
LABEL_COLUMNS: Final = 9 + 8 + 7
BAR_MINIMUM_COLUMNS: Final = 20


def waterfall(row: PathResult, unit: str, columns: int) -> Text:
    """Return the picture of a path, as wide as there is room."""
    bar_columns = max(BAR_MINIMUM_COLUMNS, columns - LABEL_COLUMNS - 1)
    total = row.cycles.median
    transport = f", {row.transport}" if row.transport else ""
    lazy = ", FPU lazy" if row.fpu == "lazy" else ""
    text = Text()
    text.append(f"{row.path}, {row.width} bits{transport}{lazy}, {row.state}: ", "bold")
    text.append(f"{total:,} {unit}\n")
    done = 0
    for phase in row.phases:
        cycles = phase.cycles.values[row.representative]
        begin = _column(done, total, bar_columns)
        done += cycles
        end = _column(done, total, bar_columns)
        text.append(f"{phase.phase:<9}{cycles:>8,}{cycles / total if total else 0:>7.1%} ")
        text.append(" " * begin)
        # What took any time is seen.
        bar = "█" * (end - begin) or ("▏" if cycles else "")
        text.append(bar, COLOURS.get(phase.phase, "white"))
        text.append("\n")
    return text


def _column(cycles: int, total: int, columns: int) -> int:
    return (2 * cycles * columns + total) // (2 * total) if total else 0
