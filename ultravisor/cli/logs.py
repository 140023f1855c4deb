# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor logs`: what a partition of a living host has written."""

from __future__ import annotations

import sys
from typing import Any

import click

from ultravisor.cli.living import living_options, print_json


@click.command(
    "logs",
    help="""Print what a partition has written to its console.

\b
Examples:
  ultravisor logs hello
  ultravisor logs hello --tail 10 --follow

\b
Exit codes: 0 printed, 2 several hosts live, 6 no such host or partition, 70 the host has
ended meanwhile, 130 Ctrl-C.
""",
)
@click.argument("partition")
@click.option("--tail", type=click.IntRange(0), metavar="LINES", help="Only the last lines.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what it writes from now on.")
@living_options
def command(partition: str, tail: int | None, follow: bool, host: str | None, as_json: bool) -> int:
    """Ask, and print what comes."""
    from ultravisor.cli.console_text import ConsoleText
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Logs

    console = ConsoleText()

    def show(row: dict[str, Any], *, final: bool = False) -> None:
        if as_json:
            print_json({"partition": partition, **row})
        else:
            sys.stdout.write(console.take(row["text"], final=final))
            sys.stdout.flush()

    with connect(host) as client:
        request = Logs(partition=partition, tail=tail, follow=follow)
        result: dict[str, Any] = client.ask(request, on_event=show)
    show(result, final=True)
    return 0
