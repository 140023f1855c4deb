# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor io ls`: the ports of all media.

Owns the columns and the schema "ultravisor.io-ls/1".
"""

from __future__ import annotations

from typing import Any

import click

from ultravisor.cli.living import living_options, print_json, print_table

STATE_STYLES = {"operating": "green", "standby": "yellow", "failed": "red", "revoked": "red"}


@click.command(
    "ls",
    help="""List the ports of all media: who owns them, and which operate.

\b
Examples:
  ultravisor io ls
  ultravisor io ls --json --host laboratory

\b
Exit codes: 0 listed, 2 several hosts live, 6 none does.
""",
)
@living_options
def command(host: str | None, as_json: bool) -> int:
    """Ask, and print."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Media

    with connect(host) as client:
        rows: list[dict[str, Any]] = client.ask(Media())
    if as_json:
        print_json({"schema": "ultravisor.io-ls/1", "ports": rows})
    else:
        print_media(rows)
    return 0


def print_media(rows: list[dict[str, Any]]) -> None:
    """Print the table of ports."""
    from rich.text import Text

    from ultravisor.cli.table_form import make_table

    names = ("medium", "port", "kind", "state", "partition", "client", "channel")
    table = make_table(*((name, name == "channel") for name in names))
    for row in rows:
        table.add_row(
            Text(row["medium"]),
            Text(row["port"]),
            row["kind"],
            Text(row["state"], STATE_STYLES.get(row["state"], "")),
            Text(row["partition"] or ""),
            Text(row["client"] or ""),
            "" if row["channel"] is None else f"{row['channel']} {row['channel_state']}",
        )
    print_table(table)
