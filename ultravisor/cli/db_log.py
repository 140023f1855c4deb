# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db log`: what each commit changed.

Owns the verb's options only.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ultravisor.cli.db_journal import journal_option, json_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    "log",
    help="""Show what each commit changed, as far back as the journal goes.

\b
Examples:
  ultravisor db log --journal host.journal
  ultravisor db log --journal host.journal --after 3 --last 7 --json

A line begins with the generation; + is a record that came, - one that went, ~ one that changed.

\b
Exit codes: 0 shown, 3 damaged, 6 no such journal or generation.
""",
)
@click.option("--after", type=click.IntRange(0), default=0, help="Only later generations.")
@click.option("--last", type=click.IntRange(0), help="No later generation.")
@journal_option
@json_option
def command(after: int, last: int | None, journal: Path, as_json: bool) -> int:
    """Show them."""
    from ultravisor.cli.db_journal import open_database, print_commits

    database = open_database(journal)
    if after < database.first_generation:
        print(
            f"generations up to {database.first_generation} were compacted; a host that is "
            "brought up with --journal FILE keeps all",
            file=sys.stderr,
        )
    print_commits(database.log(after, last), as_json=as_json)
    return 0
