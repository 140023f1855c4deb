# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db get`: one record.

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
    "get",
    help="""Show one record, by the words of its key.

\b
Examples:
  ultravisor db get partition 1 --journal host.journal
  ultravisor db get slot 0 2 --journal host.journal --at 3 --json

\b
Exit codes: 0 shown, 2 no such key, 3 damaged, 6 no such journal, table, record or generation.
""",
)
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@journal_option
@at_option
@json_option
def command(table: str, key: tuple[str, ...], journal: Path, at: int | None, as_json: bool) -> int:
    """Show it."""
    from ultravisor.cli.db_journal import fields_of, key_of, open_state

    state = open_state(journal, at)
    known = state.table(table)
    fields = fields_of(state.get(known.record, *key_of(known, key)))
    if as_json:
        print(json.dumps(fields))
    else:
        for name, value in fields.items():
            print(f"{name:<28}{'-' if value is None else value}")
    return 0
