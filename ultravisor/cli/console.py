# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor console`: a person at a partition's console.

Owns the loop between the terminal and the host. Lines go to the partition when they are
complete, and into the host's input log, so that the session can be replayed.
"""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.living import living_options, print_json

if TYPE_CHECKING:
    from ultravisor.life.client import LivingHostClient

READ_BYTES = 4096


@click.command(
    "console",
    help="""Attach to a partition's console: see what it writes, type what it reads.

\b
Examples:
  ultravisor console shell
  ultravisor console shell --input "help"

Ctrl-C or the end of the input leaves; the partition goes on. What is typed enters through
the host's input log.

\b
Exit codes: 0 left, 2 several hosts live, 6 no such host or partition, 130 Ctrl-C.
""",
)
@click.argument("partition")
@click.option("--input", "text", metavar="TEXT", help="Send one line, and do not attach.")
@living_options
def command(partition: str, text: str | None, host: str | None, as_json: bool) -> int:
    """Send, or attach."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Input

    with connect(host) as client:
        if text is not None:
            client.ask(Input(partition=partition, text=text + "\n"))
            return 0
        return _attach(client, partition, as_json=as_json)


def _attach(client: LivingHostClient, partition: str, *, as_json: bool) -> int:
    from ultravisor.cli.terminal import printable
    from ultravisor.life.protocol import Input, Inspect, Logs

    def show(row: dict[str, Any]) -> None:
        if as_json:
            print_json({"partition": partition, **row})
        else:
            sys.stdout.write(printable(row["text"].replace("\r\n", "\n")))
            sys.stdout.flush()

    client.ask(Inspect(id=1, partition=partition))
    client.send(Logs(id=1, partition=partition, follow=True))
    typed, identifier = sys.stdin.fileno(), 2
    while True:
        ready, _, _ = select.select([client, typed], [], [])
        if client in ready:
            client.take_events(show)
        if typed in ready:
            data = os.read(typed, READ_BYTES)
            if not data:
                # Its answer comes behind all that the partition has written until now.
                client.ask(Inspect(id=1, partition=partition), on_event=show)
                return 0
            line = data.decode("utf-8", "replace")
            client.send(Input(id=identifier, partition=partition, text=line))
            identifier += 1
