# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor console`: a person at a partition's console.

Owns the loop between the terminal and the host. Lines go to the partition when they are
complete, and into the host's input log, so that the session can be replayed.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.living import living_options, print_json

if TYPE_CHECKING:
    from ultravisor.life.client import LivingHostClient

# A line's limit is in characters, and each wrong byte becomes one.
READ_BYTES = 2048


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
Exit codes: 0 left, 2 several hosts live, or the partition reads nothing, 6 no such host or
partition, or it is no more, 70 the host has ended meanwhile, 130 Ctrl-C.
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
    from ultravisor.cli.console_text import ConsoleText
    from ultravisor.life.protocol import Inspect, Logs

    console = ConsoleText()

    def show(row: dict[str, Any]) -> None:
        if as_json:
            print_json({"partition": partition, **row})
        else:
            sys.stdout.write(console.take(row["text"]))
            sys.stdout.flush()

    client.ask(Inspect(id=1, partition=partition))
    client.send(Logs(id=1, partition=partition, follow=True))
    keyboard = _Keyboard(client, partition)
    while keyboard.is_open:
        sources: list[LivingHostClient | _Keyboard] = [client, keyboard]
        ready, _, _ = select.select(sources, [], [])
        if client in ready:
            client.take_events(show)
        if keyboard in ready:
            keyboard.pass_on()
    # Its answer comes behind all that the partition has written until now.
    client.ask(Inspect(id=1, partition=partition), on_event=show)
    return 0


class _Keyboard:
    """Standard input, on its way to a partition."""

    def __init__(self, client: LivingHostClient, partition: str) -> None:
        self._client = client
        self._partition = partition
        self._requests = count(2)
        # A character may lie across the border of what is read at once.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # A process that was given no standard input has read all of it.
        self.is_open = sys.stdin is not None

    def fileno(self) -> int:
        """Return what `select` waits on."""
        return sys.stdin.fileno()

    def pass_on(self) -> None:
        """Send what can be read at once."""
        from ultravisor.life.protocol import Input

        data = os.read(self.fileno(), READ_BYTES)
        self.is_open = bool(data)
        text = self._decoder.decode(data, final=not data)
        if text:
            self._client.send(Input(id=next(self._requests), partition=self._partition, text=text))
