# SPDX-License-Identifier: GPL-2.0-or-later
"""The closing table of a run.

Owns its columns. Called by the verbs that run hosts; imports rich, so that it is
imported only when there is a result to show.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ultravisor.cli.cycle_table import cycle_tables
from ultravisor.cli.span_table import span_table
from ultravisor.cli.table_form import make_table
from ultravisor.cli.terminal import colours_wanted, printable
from ultravisor.machine.cores import basis_of
from ultravisor.machine.models import model_text

if TYPE_CHECKING:
    from typing import TextIO

    from rich.table import Table

    from ultravisor.results import HostResult, PartitionResult

# Where the width of the output cannot be told: a file, a pipe.
WIDTH_DEFAULT_COLUMNS = 120
STATE_STYLES = {"running": "yellow", "exited": "green", "stopped": "red"}


def print_result(result: HostResult, stream: TextIO) -> None:
    """Print partitions, processors, hash and reason."""
    colours = colours_wanted(stream)
    columns = WIDTH_DEFAULT_COLUMNS
    if stream.isatty():
        columns = shutil.get_terminal_size((WIDTH_DEFAULT_COLUMNS, 24)).columns
    console = Console(
        file=stream,
        width=columns,
        no_color=not colours,
        force_terminal=colours,
        color_system="standard" if colours else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print()
    console.print(_partitions(result))
    console.print(_processors(result))
    for part in cycle_tables(result, columns):
        console.print(part)
    if result.spans:
        console.print(span_table(result, columns))
    for line in _closing_lines(result):
        console.print(Text(line, "dim"))
    console.print(f"state hash {result.state_hash}   seed {result.seed}")
    style = "green" if result.exit.code == 0 else "red"
    console.print(Text(printable(f"{result.exit.reason} (exit code {result.exit.code})"), style))


def _closing_lines(result: HostResult) -> list[str]:
    """Say what has to be known to read the tables."""
    lines = [_unit_line(result)]
    unknown = sum(row.events["unknown_instructions"] for row in result.cycles)
    if unknown:
        executed = sum(row.events["instructions"] for row in result.cycles)
        lines.append(
            f"{unknown:,} of {executed:,} instructions are unknown to the core and were timed "
            f"by its default: one micro-op of one cycle"
        )
    if result.marks_dropped:
        lines.append(f"{result.marks_dropped:,} later marks were not kept")
    return lines


def _unit_line(result: HostResult) -> str:
    """Say what a cycle is, and what of the machine's cycles nobody executed."""
    line = f"work and cycles are {basis_of(result.unit)}"
    if result.model:
        line += f"; with the model {model_text(result.model)}"
    if result.assumed_cycles:
        costs = ", ".join(f"{name} {count}" for name, count in result.assumed_cycles.items())
        line += f"; of machine cycles, the monitor's are assumed: {costs}"
    return line


def _partitions(result: HostResult) -> Table:
    table = make_table(
        ("partition", False),
        ("bits", True),
        ("state", False),
        ("exit", True),
        ("work", True),
        ("hypercalls", True),
        ("traps", True),
        ("reason", False),
    )
    for row in result.partitions:
        table.add_row(
            Text(row.name),
            str(row.width),
            Text(row.state, _style(row)),
            "" if row.exit_code is None else str(row.exit_code),
            f"{row.work:,}",
            f"{sum(row.hypercalls.values()):,}",
            f"{sum(row.traps.values()):,}",
            Text(printable(row.reason or "")),
        )
    return table


def _style(row: PartitionResult) -> str:
    return "red" if row.exit_code else STATE_STYLES[row.state]


def _processors(result: HostResult) -> Table:
    table = make_table(
        ("processor", False),
        ("guest cycles", True),
        ("machine cycles", True),
        ("idle cycles", True),
        ("switches", True),
    )
    for row in result.processors:
        counts = (row.guest_cycles, row.machine_cycles, row.idle_cycles, row.switches)
        table.add_row(str(row.id), *(f"{count:,}" for count in counts))
    return table
