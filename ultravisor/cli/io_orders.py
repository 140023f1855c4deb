# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor io failover|drain|restart`: operators' orders about I/O.

Owns the verbs, which differ in their order and their sentence only. Each order goes to the command
partition; what is printed is its answer, once the media operate elsewhere.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.living import living_options, print_json

if TYPE_CHECKING:
    from ultravisor.life.client import LivingHostClient
    from ultravisor.life.protocol import IoOrder, IoOrderName

# A host that has just come up has ports on their way: an order waits for them so long.
PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 0.1

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
            answer = _ask(client, IoOrder(order=name, name=given["name"]))
        if as_json:
            print_json({"schema": "ultravisor.io-order/1", "order": name, **answer})
        else:
            print(f"{given['name']}: {answer['state']} (generation {answer['generation']})")
        return 0

    return command


def _ask(client: LivingHostClient, order: IoOrder) -> dict[str, Any]:
    """Give an order, again and again while a port that it needs is on its way, but not for long."""
    from ultravisor.errors import UsageError
    from ultravisor.partitions.medium_orders import SOON

    until_seconds = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer: dict[str, Any] = client.ask(order)
        except UsageError as failure:
            if not failure.hint.endswith(SOON) or time.monotonic() > until_seconds:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return answer


failover = _order(
    "failover", "MEDIUM", "disk0", "Move a medium to its other port; its client sees a delay."
)
drain = _order(
    "drain", "PARTITION", "io-a", "Move all media away from the ports of an I/O partition."
)
restart = _order(
    "restart", "PARTITION", "io-a", "Drain an I/O partition, then reset it; it stands by."
)
