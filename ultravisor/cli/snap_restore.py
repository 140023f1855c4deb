# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor snap restore`: a saved host goes on.

Owns the verb's options; what is shown is what boot shows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(
    "restore",
    help="""Let a saved host go on, to its end or to a moment.

\b
Examples:
  ultravisor snap restore pingpong.state
  ultravisor snap restore pingpong.state --cycles 400000 --json

Consoles are shown from the host's beginning. --cycles counts from there too.

\b
Exit codes: those of boot; 3 where STATE is damaged, truncated, of another version or
no snapshot, or where an image is no longer the one that was saved.
""",
)
@click.argument("state", type=click.Path(path_type=Path), metavar="STATE")
@click.option("--cycles", type=click.IntRange(0), help="Stop when the clocks reach this.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
@click.option("--quiet", "-q", is_flag=True, help="Only the consoles: no table, no progress.")
@click.option("--no-supervise", is_flag=True, help="Run in this process.")
def command(state: Path, cycles: int | None, as_json: bool, quiet: bool, no_supervise: bool) -> int:
    """Restore, run, and return the exit code."""
    from ultravisor.cli.session import SessionOptions, report_internal_failure, run_session
    from ultravisor.errors import ExitCode
    from ultravisor.saved_state import read_manifest, saved_plan

    session = run_session(
        saved_plan(read_manifest(state)),
        SessionOptions(
            cycles=cycles,
            consoles=not as_json,
            progress=not quiet and not as_json,
            supervise=not no_supervise,
            state=state,
        ),
    )
    if as_json:
        print(session.result.to_json())
    elif not quiet:
        from ultravisor.cli.table import print_result

        print_result(session.result, sys.stdout)
    if session.result.exit.code == ExitCode.INTERNAL:
        report_internal_failure(session, None)
    return session.result.exit.code
