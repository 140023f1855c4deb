# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor policy`: policies, looked at without a host.

Owns the group only.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {
    "check": Verb("ultravisor.cli.policy_check", "Say whether policy files are right."),
    "explain": Verb("ultravisor.cli.policy_explain", "Say which rule decides what."),
}


@click.group(
    "policy",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Look at policies.

\b
Examples:
  ultravisor policy check examples/policy.toml
  ultravisor policy explain examples/policy.toml --domain web
""",
)
def command() -> None:
    """Hold what can be done with policies together."""
