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

if TYPE_CHECKING:
    from rich.table import Table

    from ultravisor.bench.switch_compare import Comparison, PathDifference

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
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--instructions",
    "count",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many instructions to show of each path: those that differ most.",
)
@click.option("--html", "page", metavar="FILE", help="Write a page with both side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(first: str, second: str, count: int, page: str | None, as_json: bool) -> int:
    """Compare and show."""
    from ultravisor.bench.switch_compare import compare
    from ultravisor.bench.switch_results import read_result

    sides = [read_result(Path(name)) for name in (first, second)]
    found = compare(*sides)
    if page is not None:
        from ultravisor.bench.switch_page import switch_page
        from ultravisor.cli.output_file import OutputFile

        OutputFile(Path(page)).write(switch_page(sides).encode())
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
            console.print(Text(f"{how(row)}: instructions that differ most", "bold"))
            console.print(instructions_table(row, count))


def how(row: PathDifference) -> str:
    """Return how a row is called."""
    transport = ", vmcall" if row.transport == "vmcall" else ""
    lazy = ", lazy" if row.fpu_a == row.fpu_b == "lazy" else ""
    return f"{row.path}{transport}{lazy} {row.width} {row.state}"


def sides_line(found: Comparison) -> str:
    """Say what the sides are: the unit of each, and the scheme where it is what differs."""
    units = []
    schemes = {(row.fpu_a, row.fpu_b) for row in found.paths}
    for place, unit in enumerate((found.unit_a, found.unit_b)):
        scheme = {pair[place] for pair in schemes if len(set(pair)) > 1} - {None}
        units.append(f"{unit}, FPU {scheme.pop()}" if scheme else unit)
    return f"A: {units[0]}   B: {units[1]}"


def totals_table(found: Comparison) -> Table:
    """Return the cycles of each path on both sides."""
    from ultravisor.cli.bench_switch_table import narrow_table

    table = narrow_table("path", "A", "B", "difference", "")
    for row in found.paths:
        share = f"{row.difference / row.cycles_a:+.1%}" if row.cycles_a else ""
        cycles = (str(row.cycles_a), str(row.cycles_b), f"{row.difference:+d}")
        table.add_row(how(row), *cycles, share)
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
        table.add_row(how(row), *shown)
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
