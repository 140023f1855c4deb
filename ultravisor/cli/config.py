# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor config`: configurations, looked at without a boot.

Owns the group only.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {"show": Verb("ultravisor.cli.config_show", "Show the effective configuration.")}


@click.group(
    "config",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Look at configurations.

\b
Examples:
  ultravisor config show demo
  ultravisor config show demo --origin
""",
)
def command() -> None:
    """Hold what can be done with configurations together."""
