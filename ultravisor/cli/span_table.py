# SPDX-License-Identifier: GPL-2.0-or-later
"""What passed between marks, as a table for a person.

Owns its columns, and how many rows are shown. Called by cli.table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ultravisor.cli.table_form import make_table, number, width_columns

if TYPE_CHECKING:
    from rich.table import Table

    from ultravisor.results import HostResult

# A guest may set marks of any number of ids.
ROWS_SHOWN = 20
# From here on an id is shown in hexadecimal digits: it is an address or a hash.
HEXADECIMAL_FROM = 1 << 32


def span_table(result: HostResult, columns: int) -> Table:
    """Return the table, with short numbers where it would be too wide."""
    whole = _table(result, short=False)
    return whole if width_columns(whole) <= columns else _table(result, short=True)


def _table(result: HostResult, *, short: bool) -> Table:
    table = make_table(
        ("partition", False),
        ("marks", False),
        ("spans", True),
        ("guest min" if short else "guest cycles min", True),
        ("median", True),
        ("max", True),
        ("clock min" if short else "clock cycles min", True),
        ("median", True),
        ("max", True),
    )
    for row in result.spans[:ROWS_SHOWN]:
        ranges = (row.guest_cycles, row.clock_cycles)
        counts = [
            number(count, short=short)
            for found in ranges
            for count in (found.minimum, found.median, found.maximum)
        ]
        table.add_row(
            Text(f"{row.partition}/{row.virtual_processor}"),
            Text(f"{_id(row.from_)} to {_id(row.to)}"),
            number(row.count, short=short),
            *counts,
        )
    hidden = len(result.spans) - ROWS_SHOWN
    if hidden > 0:
        table.caption = f"and {hidden:,} more pairs of marks, which --json shows"
        table.caption_justify = "left"
    return table


def _id(number_: int) -> str:
    return f"{number_:#x}" if number_ >= HEXADECIMAL_FROM else str(number_)
