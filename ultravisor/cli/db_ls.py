# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db ls`: tables, or the records of one.

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
    "ls",
    help="""List the tables and how many records they have, or the records of one table.

\b
Examples:
  ultravisor db ls --journal host.journal
  ultravisor db ls partition --journal host.journal --at 3 --json

\b
Exit codes: 0 listed, 3 damaged, 6 no such journal, table or generation.
""",
)
@click.argument("table", required=False)
@journal_option
@at_option
@json_option
def command(table: str | None, journal: Path, at: int | None, as_json: bool) -> int:
    """List."""
    from ultravisor.cli.db_journal import fields_of, open_state, print_records
    from ultravisor.resources.tables import TABLES

    state = open_state(journal, at)
    if table is None:
        for name, known in TABLES.items():
            count = len(state.records(known.record))
            row = {"table": name, "records": count}
            print(json.dumps(row) if as_json else f"{name:<20}{count:>8}")
        return 0
    known = state.table(table)
    records = state.records(known.record)
    if as_json:
        for record in records:
            print(json.dumps(fields_of(record)))
    else:
        print_records(records, known.columns)
    return 0
