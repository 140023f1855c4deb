# SPDX-License-Identifier: GPL-2.0-or-later
"""What the verbs that talk to a living host have in common.

Owns their two options and the printing of tables and JSON lines. Imports nothing heavy.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.table import Table

Function = TypeVar("Function", bound="Callable[..., Any]")


def living_options(function: Function) -> Function:
    """Give a verb `--host` and `--json`."""
    function = click.option(
        "--json", "as_json", is_flag=True, help="Print JSON: one object, or one a line."
    )(function)
    return click.option(
        "--host", metavar="NAME", help="Which living host; by default the only one."
    )(function)


def print_json(value: object) -> None:
    """Print one JSON object in a line, at once: somebody may be waiting for it."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_table(table: Table) -> None:
    """Print a table in the form of all tables."""
    from rich.console import Console

    from ultravisor.cli.terminal import colours_wanted

    colours = colours_wanted(sys.stdout)
    Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else 120,
        no_color=not colours,
        force_terminal=colours,
        color_system="standard" if colours else None,
        highlight=False,
        markup=False,
        emoji=False,
    ).print(table)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line."""
    from ultravisor.cli.terminal import printable

    rows = [(name, "" if value is None else str(value)) for name, value in fields]
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print(f"{name:<{width}}  {printable(value)}")
