# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor ps`: the partitions of a living host.

Owns the columns and the schema "ultravisor.ps/1".
"""

from __future__ import annotations

from typing import Any

import click

from ultravisor.cli.living import living_options, print_json, print_table

STATE_STYLES = {"running": "green", "paused": "yellow", "stopped": "red", "failed": "red"}


@click.command(
    "ps",
    help="""List the partitions of a living host, and what they do.

\b
Examples:
  ultravisor ps
  ultravisor ps --json --host laboratory

\b
Exit codes: 0 listed, 2 several hosts live, 6 none does.
""",
)
@living_options
def command(host: str | None, as_json: bool) -> int:
    """Ask, and print."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Ps

    with connect(host) as client:
        rows: list[dict[str, Any]] = client.ask(Ps())
    if as_json:
        print_json({"schema": "ultravisor.ps/1", "partitions": rows})
    else:
        print_partitions(rows)
    return 0


def print_partitions(rows: list[dict[str, Any]]) -> None:
    """Print the table of partitions."""
    from rich.text import Text

    from ultravisor.cli.table_form import make_table, number
    from ultravisor.cli.terminal import printable

    table = make_table(
        ("number", True),
        ("partition", False),
        ("kind", False),
        ("bits", True),
        ("state", False),
        ("processors", False),
        ("memory", True),
        ("work", True),
        ("why", False),
    )
    for row in rows:
        table.add_row(
            str(row["number"]),
            Text(row["name"]),
            row["kind"],
            str(row["width"]),
            Text(row["state"], STATE_STYLES.get(row["state"], "")),
            ",".join(str(processor) for processor in row["processors"]),
            f"{row['memory_size_bytes'] >> 20} MiB",
            number(row["work"], short=True),
            Text(printable(row["reason"] or "")),
        )
    print_table(table)
