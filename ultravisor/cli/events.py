# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor events`: what has happened on a living host.

Owns the form of a line; --json prints the host's own events, one a line.
"""

from __future__ import annotations

from typing import Any

import click

from ultravisor.cli.living import living_options, print_json


@click.command(
    "events",
    help="""Print what has happened to partitions, channels, devices and transactions.

\b
Examples:
  ultravisor events
  ultravisor events --follow --json

\b
Exit codes: 0 printed, 2 several hosts live, 6 none does, 70 the host has ended meanwhile,
130 Ctrl-C.
""",
)
@click.option(
    "--since", type=click.IntRange(0), default=0, help="From the event of this number on."
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on.")
@living_options
def command(since: int, follow: bool, host: str | None, as_json: bool) -> int:
    """Ask, and print what comes."""
    from ultravisor.cli.terminal import printable
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Events

    def show(row: dict[str, Any]) -> None:
        if as_json:
            print_json(row)
            return
        line = f"{row['number']:>6} {row['clock_cycles']:>16,} {row['kind']:<12} {row['subject']}"
        print(printable(f"{line}  {row['text']}".rstrip()), flush=True)

    with connect(host) as client:
        client.ask(Events(since=since, follow=follow), on_event=show)
    return 0
