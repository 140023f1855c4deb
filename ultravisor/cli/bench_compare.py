# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench compare`: two results of `bench switch`, side by side.

Owns the options and the tables; ultravisor.bench.switch_compare compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from ultravisor.machine.models import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ultravisor.bench.switch_compare import ComparedAxis, Comparison, PathDifference

# Of an instruction's text, in 80 columns.
TEXT_COLUMNS: Final = 28


@click.command(
    "compare",
    help="""Show what differs between two results of `bench switch`.

\b
Examples:
  ultravisor bench compare before.json after.json
  ultravisor bench compare skylake.json haswell.json --instructions 0 --json

A and B are what `ultravisor bench switch --save` wrote. Differences are B's less A's: those
of the phases add up to the path's, and so do those of all instructions.

\b
Exit codes: 0 done, 2 nothing in common, 3 not such a file, 6 not found.
""",
)
@click.argument("first", type=click.Path(path_type=Path), metavar="A")
@click.argument("second", type=click.Path(path_type=Path), metavar="B")
@click.option(
    "--instructions",
    "count",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many instructions to show of each path: those that differ most.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a page with both side by side.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(first: Path, second: Path, count: int, page: Path | None, as_json: bool) -> int:
    """Compare and show."""
    from ultravisor.bench.switch_compare import compare
    from ultravisor.bench.switch_results import read_result
    from ultravisor.cli.output_file import OutputFile, require_distinct

    for name, side in (("A", first), ("B", second)):
        require_distinct({name: side, "--html": page})
    sides = [read_result(side) for side in (first, second)]
    found = compare(*sides)
    if page is not None:
        from ultravisor.bench.switch_page import switch_page

        OutputFile(page).write(switch_page(sides).encode())
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _show(found, count)
    return 0


def _show(found: Comparison, count: int) -> None:
    from rich.console import Console
    from rich.text import Text

    from ultravisor.cli.terminal import colours_wanted

    console = Console(
        color_system="standard" if colours_wanted(sys.stdout) else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for warning in found.warnings:
        console.print(Text(f"warning: {warning}", "yellow"))
    console.print(Text(sides_line(found), "bold"))
    console.print(totals_table(found))
    console.print(phases_table(found))
    for row in found.paths:
        if row.instructions and count:
            console.print(
                Text(f"{how(row, found.compared)}: instructions that differ most", "bold")
            )
            console.print(instructions_table(row, count))


def how(row: PathDifference, compared: Sequence[ComparedAxis]) -> str:
    """Return how a row is called, without what is compared."""
    differing = {axis.axis for axis in compared}
    unusual = {"transport": row.transport == "vmcall", "fpu": row.fpu == "lazy"}
    marks = [
        getattr(row, axis) for axis, is_so in unusual.items() if is_so and axis not in differing
    ]
    words = {"width": str(row.width), "state": row.state}
    if row.model != NONE:
        words["model"] = row.model
    said = [word for axis, word in words.items() if axis not in differing]
    return " ".join([", ".join([row.path, *marks]), *said])


def sides_line(found: Comparison) -> str:
    """Say what the sides are: the unit of each, and what is compared."""
    from ultravisor.bench.switch_match import axis_text

    a, b = (
        ", ".join([unit, *(axis_text(axis.axis, getattr(axis, side)) for axis in found.compared)])
        for side, unit in (("a", found.unit_a), ("b", found.unit_b))
    )
    return f"A: {a}   B: {b}"


def totals_table(found: Comparison) -> Table:
    """Return the cycles of each path on both sides."""
    from ultravisor.cli.bench_switch_table import narrow_table

    table = narrow_table("path", "A", "B", "difference", "")
    for row in found.paths:
        share = f"{row.difference / row.cycles_a:+.1%}" if row.cycles_a else ""
        cycles = (str(row.cycles_a), str(row.cycles_b), f"{row.difference:+d}")
        table.add_row(how(row, found.compared), *cycles, share)
    return table


def phases_table(found: Comparison) -> Table:
    """Return the difference of each phase."""
    from ultravisor.bench.switch_phases import Phase
    from ultravisor.cli.bench_switch_table import PHASE_COLUMNS, narrow_table

    used = {phase.phase for row in found.paths for phase in row.phases}
    columns = {name: PHASE_COLUMNS.get(name, name) for name in Phase if name in used}
    table = narrow_table("difference", *columns.values())
    for row in found.paths:
        cells = {phase.phase: f"{phase.difference:+d}" for phase in row.phases}
        shown = ("" if cells.get(name) == "+0" else cells.get(name, "") for name in columns)
        table.add_row(how(row, found.compared), *shown)
    return table


def instructions_table(row: PathDifference, count: int) -> Table:
    """Return the instructions that differ most; what a side lacks has a dash there."""
    from ultravisor.cli.bench_switch_table import narrow_table

    table = narrow_table("instruction", "A", "B", "difference", "at")
    for column in (table.columns[0], table.columns[-1]):
        column.no_wrap, column.overflow, column.justify = True, "ellipsis", "left"
    table.columns[0].max_width = TEXT_COLUMNS
    ordered = sorted(row.instructions, key=lambda found: -abs(found.difference))
    for found in ordered[:count]:
        sides = ("-" if side is None else str(side) for side in (found.cycles_a, found.cycles_b))
        where = f"{found.phase}: {found.symbol}" if found.symbol else found.phase
        table.add_row(found.text, *sides, f"{found.difference:+d}", where)
    return table
