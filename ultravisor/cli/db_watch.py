# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db watch`: the commits after a generation.

Owns the verb's options only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ultravisor.cli.db_journal import journal_option, json_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    "watch",
    help="""Show the commits after a generation, and none twice.

\b
Examples:
  ultravisor db watch --journal host.journal --after 3
  ultravisor db watch --journal host.journal --after 0 --json

The journal of a host that does not run gets no new ones: what there is is shown.

\b
Exit codes: 0 shown, 3 damaged, 6 no such journal or generation.
""",
)
@click.option("--after", type=click.IntRange(0), required=True, help="The last one known.")
@journal_option
@json_option
def command(after: int, journal: Path, as_json: bool) -> int:
    """Show them."""
    from ultravisor.cli.db_journal import open_database, print_commits

    print_commits(open_database(journal).watch(after), as_json=as_json)
    return 0
