# SPDX-License-Identifier: GPL-2.0-or-later
"""The form that all tables of results have, and their numbers.

Owns nothing of what is in them. Called by the modules of cli that show results.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

SUFFIXES = ("k", "M", "G", "T", "P", "E")
SHORT_FROM = 10_000


def make_table(*columns: tuple[str, bool]) -> Table:
    """Return an empty table; each column has a title and says whether it holds numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title, numeric in columns:
        table.add_column(title, justify="right" if numeric else "left", overflow="fold")
    return table


def width_columns(table: Table) -> int:
    """Return the columns that a table takes when nothing has to be folded."""
    return Console(width=10_000, color_system=None).measure(table).maximum


def number(count: int, *, short: bool = False) -> str:
    """Return a count with all of its digits, or where room is scarce with three: `12.3M`."""
    if not short or count < SHORT_FROM:
        return f"{count:,}"
    scaled, place = count / 1000, 0
    # What would be rounded up to four digits goes to the next suffix.
    while scaled >= 999.5 and place < len(SUFFIXES) - 1:
        scaled, place = scaled / 1000, place + 1
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{digits}f}{SUFFIXES[place]}"
