# SPDX-License-Identifier: GPL-2.0-or-later
"""What `bench switch` found, as tables for a person.

Owns their columns and their order; 80 columns are enough. Called by the command. The
waterfall of a single path is bench_switch_waterfall's.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ultravisor.bench.switch_phases import Phase
from ultravisor.cli.bench_switch_waterfall import waterfall
from ultravisor.cli.terminal import colours_wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ultravisor.bench.switch_results import (
        BreakEven,
        PathResult,
        Reference,
        SwitchResult,
    )

# With so few paths to show there is room for a waterfall of each.
WATERFALL_LIMIT: Final = 4
EVENT_COLUMNS: Final = (
    ("uops", "uops"),
    ("L1D", "data_cache_misses"),
    ("L2", "second_cache_misses"),
    ("LLC", "shared_cache_misses"),
    ("walks", "page_walks"),
    ("mispr", "mispredicts"),
)
PHASE_COLUMNS: Final = {
    Phase.GUEST: "guest",
    Phase.ENTRY: "entry",
    Phase.DISPATCH: "disp",
    Phase.BODY: "body",
    Phase.SCHEDULE: "sched",
    Phase.SAVE: "save",
    Phase.SPACE: "space",
    Phase.RESTORE: "restor",
    Phase.EXIT: "exit",
}


def show(result: SwitchResult) -> None:
    """Print everything."""
    coloured = colours_wanted(sys.stdout)
    console = Console(
        color_system="standard" if coloured else None, highlight=False, markup=False, emoji=False
    )
    for (width, state), rows in groupby(result.paths, key=lambda row: (row.width, row.state)):
        of_group = list(rows)
        console.print(Text(f"{width}-bit guests, {state}: {result.unit}", "bold"))
        console.print(counts_table(of_group))
        console.print(phases_table(of_group))
        console.print(spread_table(of_group))
    if len(result.paths) <= WATERFALL_LIMIT:
        for row in result.paths:
            console.print(waterfall(row, result.unit, console.width))
    console.print(Text("\n".join(closing_lines(result)), "dim"))
    references = references_table(result.paths)
    if references is not None:
        console.print(references)


def title(row: PathResult) -> str:
    """Return how a row is called: with what is not as usual."""
    unusual = [name for name in (row.transport, row.fpu) if name in {"vmcall", "lazy"}]
    return ", ".join([row.path, *unusual])


def narrow_table(*columns: str) -> Table:
    """Return an empty table whose columns stand close; all but the first hold numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def counts_table(rows: Iterable[PathResult]) -> Table:
    """Return cycles, instructions and events: those of the representative repeat."""
    table = narrow_table("path", "cycles", "instr", "IPC", *(name for name, _ in EVENT_COLUMNS))
    for row in rows:
        instructions = row.events["instructions"]
        table.add_row(
            title(row),
            str(row.cycles.median),
            str(instructions),
            f"{instructions / row.cycles.median:.2f}",
            *(str(row.events[event]) for _, event in EVENT_COLUMNS),
        )
    return table


def phases_table(rows: Sequence[PathResult]) -> Table:
    """Return the cycles of each phase: they add up to the path's."""
    used = {phase.phase for row in rows for phase in row.phases}
    columns = {name: PHASE_COLUMNS.get(name, name) for name in Phase if name in used}
    table = narrow_table("cycles by phase", *columns.values())
    for row in rows:
        cycles = {phase.phase: phase.cycles.values[row.representative] for phase in row.phases}
        table.add_row(title(row), *(str(cycles.get(name, "")) for name in columns))
    return table


def spread_table(rows: Sequence[PathResult]) -> Table:
    """Return the distribution over the repeats, and what is paid afterwards."""
    table = narrow_table(
        "over the repeats", "min", "median", "max", "refill: interrupted", "resumed"
    )
    for row in rows:
        refill = {found.who: f"{found.refill_cycles:+d}" for found in row.refill}
        spread = (row.cycles.minimum, row.cycles.median, row.cycles.maximum)
        after = (refill.get("interrupted", ""), refill.get("resumed", ""))
        table.add_row(title(row), *map(str, spread), *after)
    return table


def closing_lines(result: SwitchResult) -> list[str]:
    """Say what the figures are."""
    lines = [
        f"All cycles are {result.unit}; {result.repeats} repeats; counts and phases are of the "
        "repeat with the median.",
        f"refill: what the guest's own work on {result.pages} pages takes more right afterwards "
        "than undisturbed.",
    ]
    for found in result.break_even:
        lines += break_even_lines(found)
    if result.entry is not None:
        lines.append(f"The monitor was built with {result.entry}.")
    return lines


def break_even_lines(found: BreakEven) -> list[str]:
    """Say when it is worth while to take FPU and SSE lazily."""
    transport = ", vmcall" if found.transport == "vmcall" else ""
    unused, used = (
        f"{abs(cycles):,} cycles {'more' if cycles > 0 else 'less'}"
        for cycles in (-found.saved_cycles, found.added_cycles)
    )
    share = "the same scheme is ahead whether it is used or not"
    if found.share is not None:
        share = f"both cost the same with use in {found.share:.0%} of the slots"
    return [
        f"FPU and SSE lazily, {found.width} bits{transport}, {found.state}: a switch takes {unused}"
        f" without use, {used} with use; {share}."
    ]


def references_table(rows: Sequence[PathResult]) -> Table | None:
    """Return the published figures beside the warm paths that they are like."""
    warm = [row for row in rows if row.state == "warm" and row.references]
    if not warm:
        return None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("modelled here, warm")
    table.add_column("published", justify="right")
    table.add_column("of what, on which machine, by whom; what differs", overflow="fold")
    for name in dict.fromkeys(row.path for row in warm):
        ours = [row for row in warm if row.path == name]
        cells = "\n".join([name, *(f"{row.cycles.median} ({_how(row)})" for row in ours)])
        for reference in ours[0].references:
            table.add_row(cells, str(reference.cycles), reference_text(reference))
            cells = ""
    return table


def _how(row: PathResult) -> str:
    lazy = ", lazy" if row.fpu == "lazy" else ""
    return f"{row.width}, {row.transport}{lazy}" if row.transport else f"{row.width}{lazy}"


def reference_text(reference: Reference) -> str:
    """Return all about a published figure but the figure."""
    quoted = "" if reference.verified else ", quoted and not read again"
    return (
        f"{reference.what}; {reference.machine} [{reference.source}{quoted}]; "
        f"differs: {reference.differs}"
    )
