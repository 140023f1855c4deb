# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db check`: every invariant, over everything.

Owns the verb's options only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ultravisor.cli.db_journal import at_option, journal_option, json_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    "check",
    help="""Check every invariant, and print the sentences of those that do not hold.

\b
Examples:
  ultravisor db check --journal host.journal
  ultravisor db check --journal host.journal --at 3 --json

\b
Exit codes: 0 all hold, 1 some do not, 3 damaged, 6 no such journal or generation.
""",
)
@journal_option
@at_option
@json_option
def command(journal: Path, at: int | None, as_json: bool) -> int:
    """Check."""
    from ultravisor.cli.db_journal import open_state

    state = open_state(journal, at)
    found = state.check()
    if as_json:
        print(json.dumps({"generation": state.generation, "broken": found}))
    else:
        print("\n".join(found) or f"generation {state.generation}: all invariants hold")
    return 1 if found else 0
