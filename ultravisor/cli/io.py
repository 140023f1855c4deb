# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor io`: media, their ports, and which of them operates.

Owns the group only: listing and the orders are a module each.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {
    "ls": Verb("ultravisor.cli.io_ls", "List the ports of all media."),
    "failover": Verb("ultravisor.cli.io_orders", "Move a medium to its other port.", "failover"),
    "drain": Verb("ultravisor.cli.io_orders", "Move all media away from a partition.", "drain"),
    "restart": Verb("ultravisor.cli.io_orders", "Drain a partition, then reset it.", "restart"),
}


@click.group(
    "io",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Look at disks and networks, and say which I/O partition they operate at.

\b
Examples:
  ultravisor io ls
  ultravisor io failover disk0

Failover needs no order: when an I/O partition ends, its media operate at their other ports.
""",
)
def command() -> None:
    """Hold the four together."""
