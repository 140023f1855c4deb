# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db`: the resource database of a host, from its journal.

Owns the group only: each verb is a module with a `command`.
"""

from __future__ import annotations

import click

from ultravisor.cli.lazy import LazyGroup, Verb

VERBS = {
    "init": Verb("ultravisor.cli.db_init", "Make a journal for a host that has nothing yet."),
    "ls": Verb("ultravisor.cli.db_ls", "List tables, or the records of one."),
    "get": Verb("ultravisor.cli.db_get", "Show one record."),
    "log": Verb("ultravisor.cli.db_log", "Show what each commit changed."),
    "watch": Verb("ultravisor.cli.db_watch", "Show the commits after a generation."),
    "diff": Verb("ultravisor.cli.db_diff", "Show how two generations differ."),
    "check": Verb("ultravisor.cli.db_check", "Check every invariant."),
    "export": Verb("ultravisor.cli.db_export", "Write a generation to an SQLite file."),
}


@click.group(
    "db",
    cls=LazyGroup,
    verbs=VERBS,
    help="""Ask the resource database of a host, now or at a generation of its past.

\b
Examples:
  ultravisor db ls partition --journal host.journal
  ultravisor db diff 3 7 --host laboratory --json

Without --journal a living host is asked; the journal of one that lives is in use.
""",
)
def command() -> None:
    """Hold the verbs together."""
