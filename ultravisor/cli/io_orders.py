# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor io failover|drain|restart`: operators' orders about I/O.

Owns the verbs, which differ in their order and their sentence only. Each order goes to the command
partition; what is printed is its answer, once the media operate elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.living import living_options, print_json

if TYPE_CHECKING:
    from ultravisor.life.protocol import IoOrderName

CODES = """
\b
Exit codes: 0 done, 2 several hosts live, there is one port only, no other port is able, or it is
no I/O partition; 6 no such host, medium or partition.
"""


def _order(name: IoOrderName, noun: str, example: str, summary: str) -> click.Command:
    """Return the verb of an order."""

    @click.command(
        name,
        help=f"""{summary}

\b
Examples:
  ultravisor io {name} {example}
  ultravisor io {name} {example} --json
{CODES}""",
    )
    @click.argument("name", metavar=noun)
    @living_options
    def command(host: str | None, as_json: bool, **given: str) -> int:
        from ultravisor.life.client import connect
        from ultravisor.life.protocol import IoOrder

        with connect(host) as client:
            answer: dict[str, Any] = client.ask(IoOrder(order=name, name=given["name"]))
        if as_json:
            print_json({"schema": "ultravisor.io-order/1", "order": name, **answer})
        else:
            print(f"{given['name']}: {answer['state']} (generation {answer['generation']})")
        return 0

    return command


failover = _order(
    "failover", "MEDIUM", "disk0", "Move a medium to its other port; its client sees a delay."
)
drain = _order(
    "drain", "PARTITION", "io-a", "Move all media away from the ports of an I/O partition."
)
restart = _order(
    "restart", "PARTITION", "io-a", "Drain an I/O partition, then reset it; it stands by."
)
