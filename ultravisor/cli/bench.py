# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench`: measurements.

Owns the group only: each measurement is a module with a `command`.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {
    "speed": Verb(
        "ultravisor.bench.speed", "Speed, hypercalls and switches, each beside its reference."
    ),
    "switch": Verb(
        "ultravisor.cli.bench_switch", "Hypercalls and world switches by phase, modelled cycles."
    ),
    "compare": Verb("ultravisor.cli.bench_compare", "What differs between two of those."),
    "resources": Verb("ultravisor.bench.resources", "Transactions of the resource database."),
    "io": Verb("ultravisor.bench.io", "Channels to I/O partitions, transfers, failovers."),
    "start": Verb("ultravisor.bench.start", "What a start, a partition and a boot cost the host."),
}


@click.group(
    "bench",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Measure speed and costs.

\b
Examples:
  ultravisor bench speed
  ultravisor bench switch null yield --core skylake
""",
)
def command() -> None:
    """Hold the measurements together."""
