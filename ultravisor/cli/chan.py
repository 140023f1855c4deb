# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor chan`: the memory channels of a living host.

Owns its three verbs. What they show was written by the channels' ends; looking disturbs nothing.
"""

from __future__ import annotations

from textwrap import shorten
from typing import Any

import click

from ultravisor.cli.living import living_options, print_fields, print_json, print_table

# Command reads whole tables through a channel: --json shows them, a line does not.
SENTENCE_LIMIT = 160


@click.group(
    "chan",
    help="""Look at memory channels: who shares them, and what goes through.

\b
Examples:
  ultravisor chan ls
  ultravisor chan tap 4 --follow
""",
)
def command() -> None:
    """Hold the three together."""


@command.command(
    "ls",
    help="""List the channels of a living host.

\b
Examples:
  ultravisor chan ls
  ultravisor chan ls --json
""",
)
@living_options
def list_channels(host: str | None, as_json: bool) -> int:
    """Ask, and print."""
    rows = _ask("ls", None, host)
    if as_json:
        print_json({"schema": "ultravisor.chan-ls/1", "channels": rows})
        return 0
    from ultravisor.cli.table_form import make_table

    table = make_table(
        ("id", True),
        ("type", False),
        ("state", False),
        ("size", True),
        ("client", False),
        ("port", True),
        ("server", False),
        ("port", True),
    )
    for row in rows:
        client, server = row["ends"]
        table.add_row(
            str(row["id"]),
            row["type"],
            row["state"],
            f"{row['size_bytes'] >> 10} KiB",
            client["partition"],
            str(client["port"]),
            server["partition"],
            str(server["port"]),
        )
    print_table(table)
    return 0


@command.command(
    "stat",
    help="""Show what a channel says of itself: its header, and its queues.

\b
Examples:
  ultravisor chan stat 4
  ultravisor chan stat 4 --json

\b
Exit codes: 0 shown, 2 several hosts live, 6 no such host or channel.
""",
)
@click.argument("channel", type=click.IntRange(0))
@living_options
def show_channel(channel: int, host: str | None, as_json: bool) -> int:
    """Ask, and print."""
    found = _ask("stat", channel, host)
    if as_json:
        print_json({"schema": "ultravisor.chan-stat/1", "id": channel, **found})
        return 0
    queues = found.pop("queues")
    print_fields(found.items())
    for queue in queues:
        print()
        print_fields(queue.items())
    return 0


@command.command(
    "tap",
    help="""Show the signals that went through a channel, and with --follow those that come.

\b
Examples:
  ultravisor chan tap 4
  ultravisor chan tap 4 --follow --json

\b
Exit codes: 0 shown, 2 several hosts live, 6 no such host or channel, or it is no more,
70 the host has ended meanwhile, 130 Ctrl-C.
""",
)
@click.argument("channel", type=click.IntRange(0))
@click.option("--follow", "-f", is_flag=True, help="Go on with what is sent from now on.")
@living_options
def tap_channel(channel: int, follow: bool, host: str | None, as_json: bool) -> int:
    """Ask, and print what comes."""
    from ultravisor.cli.terminal import printable
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Channels

    def show(row: dict[str, Any]) -> None:
        if as_json:
            print_json(row)
        elif "missed" in row:
            print(f"{row['queue']:<10}        {row['missed']} signals were missed", flush=True)
        else:
            sentence = shorten(row["sentence"], SENTENCE_LIMIT, placeholder=" ...")
            print(printable(f"{row['queue']:<10} {row['number']:>6} {sentence}"), flush=True)

    with connect(host) as client:
        client.ask(Channels(query="tap", channel=channel, follow=follow), on_event=show)
    return 0


def _ask(query: Any, channel: int | None, host: str | None) -> Any:
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Channels

    with connect(host) as client:
        return client.ask(Channels(query=query, channel=channel))
