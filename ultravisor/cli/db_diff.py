# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db diff`: how two generations differ.

Owns the verb's options only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ultravisor.cli.db_journal import journal_option, json_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    "diff",
    help="""Show how the second generation differs from the first.

\b
Examples:
  ultravisor db diff 3 7 --journal host.journal
  ultravisor db diff 7 3 --journal host.journal --json

\b
Exit codes: 0 shown, 3 damaged, 6 no such journal or generation.
""",
)
@click.argument("first", type=click.IntRange(0))
@click.argument("second", type=click.IntRange(0))
@journal_option
@json_option
def command(first: int, second: int, journal: Path, as_json: bool) -> int:
    """Show it."""
    from ultravisor.cli.db_journal import change_fields, change_line, open_database

    for change in open_database(journal).diff(first, second):
        print(json.dumps(change_fields(change)) if as_json else change_line(change))
    return 0
