# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db export`: a generation, as an SQLite file.

Owns the verb's options only.
"""

from __future__ import annotations

from pathlib import Path

import click

from ultravisor.cli.db_journal import at_option, journal_option


@click.command(
    "export",
    help="""Write a generation to a new file that any tool for SQLite can read.

\b
Examples:
  ultravisor db export state.db --journal host.journal
  ultravisor db export before.db --journal host.journal --at 3

\b
Exit codes: 0 written, 2 no place for the file, 3 damaged, 6 no such journal or generation.
""",
)
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@journal_option
@at_option
def command(output: Path, journal: Path, at: int | None) -> int:
    """Write it."""
    from ultravisor.cli.db_journal import open_state

    state = open_state(journal, at)
    state.export(output)
    print(f"{output}: generation {state.generation}")
    return 0
