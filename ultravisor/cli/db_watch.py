# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db watch`: the commits after a generation.

Owns the verb's options, and how it goes on while a living host commits.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ultravisor.cli.db_journal import journal_option, json_option

if TYPE_CHECKING:
    from pathlib import Path

LOOK_SECONDS = 0.2


@click.command(
    "watch",
    help="""Show the commits after a generation, and none twice.

\b
Examples:
  ultravisor db watch --journal host.journal --after 3
  ultravisor db watch --after 0 --follow --json

The journal of a host that does not run gets no new ones: what there is is shown. With --follow
a living host is asked again and again.

\b
Exit codes: 0 shown, 2 --follow with --journal, 3 damaged, 6 no such host, journal or
generation, 130 Ctrl-C.
""",
)
@click.option("--after", type=click.IntRange(0), required=True, help="The last one known.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what a living host commits.")
@journal_option
@json_option
def command(after: int, follow: bool, journal: Path, as_json: bool) -> int:
    """Show them."""
    from ultravisor.errors import UsageError

    context = click.get_current_context()
    if follow and context.params["journal"] is not None:
        raise UsageError("--follow asks a living host: leave --journal out")
    last = _show(journal, after, as_json=as_json)
    if follow:
        _follow(context.params["host"], last, as_json=as_json)
    return 0


def _show(journal: Path, after: int, *, as_json: bool) -> int:
    """Print the commits after a generation; return the last one."""
    from ultravisor.cli.db_journal import open_database, print_commits

    database = open_database(journal)
    print_commits(database.watch(after), as_json=as_json)
    return database.generation


def _follow(host: str | None, last: int, *, as_json: bool) -> None:
    """Print what comes until the host ends, which is raised, or until Ctrl-C."""
    from ultravisor.cli.db_journal import fetched_journal
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Hello

    with connect(host) as client:
        while True:
            time.sleep(LOOK_SECONDS)
            if client.ask(Hello())["generation"] > last:
                with fetched_journal(client.place.name) as journal:
                    last = _show(journal, last, as_json=as_json)
