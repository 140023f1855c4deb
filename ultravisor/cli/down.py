# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor down`: a living host is ended."""

from __future__ import annotations

import click

from ultravisor.cli.living import living_options, print_json


@click.command(
    "down",
    help="""End a living host; its partitions end with it, its journal stays.

\b
Examples:
  ultravisor down
  ultravisor down --host laboratory

\b
Exit codes: 0 ended, 2 several hosts live, 6 none does.
""",
)
@living_options
def command(host: str | None, as_json: bool) -> int:
    """Ask for the end, and wait for it."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Down

    with connect(host) as client:
        client.ask(Down())
        client.wait_for_end()
        name = client.place.name
    if as_json:
        print_json({"schema": "ultravisor.down/1", "name": name})
    else:
        print(f"host {name} has ended")
    return 0
