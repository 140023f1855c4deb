# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor snap`: a host's state in a file.

Owns the group only: saving and restoring are a module each.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {
    "save": Verb("ultravisor.cli.snap_save", "Save a host: run up to a moment, or living."),
    "restore": Verb("ultravisor.cli.snap_restore", "Let a saved host go on."),
}


@click.group(
    "snap",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Save a host's state to a file, and let it go on from there.

\b
Examples:
  ultravisor snap save pingpong --cycles 300000 --output pingpong.state
  ultravisor snap restore pingpong.state

A host that lives is saved too; `ultravisor up --snapshot` goes on from it. A restored run
ends as the straight one does: the same consoles, cycles and hashes.
""",
)
def command() -> None:
    """Hold the two together."""
