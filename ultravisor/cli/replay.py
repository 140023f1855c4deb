# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor replay`: a recorded run, run again and compared.

Owns the verb's options and the verdict.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ultravisor.cli.session import SessionResult
    from ultravisor.recording import RunRecord


@click.command(
    "replay",
    help="""Run a recorded run again, and compare every hash with what was recorded.

\b
Examples:
  ultravisor replay run.json
  ultravisor replay run.json --verify

FILE was written by `boot --record`, by `up --record`, or for a machine that failed. A life is
lived again unpaced: what entered it enters again, each at its moment.

Exit code 1 when anything differs. With --verify the verdict is all: 0 when everything
is equal, whatever the guests' own exit codes were.
""",
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--verify", is_flag=True, help="Show no consoles and no table; only compare.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
@click.option("--no-supervise", is_flag=True, help="Run in this process.")
def command(file: Path, verify: bool, as_json: bool, no_supervise: bool) -> int:
    """Replay, and return the exit code."""
    from ultravisor.life.life_record import is_life_record

    if is_life_record(file):
        from ultravisor.cli.life_replay import replay_life

        return replay_life(file, verify=verify, as_json=as_json, supervise=not no_supervise)
    from ultravisor.cli.session import SessionOptions, run_session
    from ultravisor.errors import RecordError
    from ultravisor.recording import differences, read_record, replay_plan

    record = read_record(file)
    if verify and record.result is None:
        failure = record.failure or "unknown"
        message = f"{file}: the recorded run came to no result ({failure})"
        raise RecordError(message, "replay it without --verify")
    shown = not verify and not as_json
    session = run_session(
        replay_plan(record),
        SessionOptions(
            cycles=record.cycles,
            consoles=shown,
            progress=shown,
            supervise=not no_supervise,
            inputs=record.inputs,
        ),
    )
    found = differences(record.result, session.result) if record.result is not None else []
    if as_json:
        _print_json(record, session, found)
    else:
        _print_text(record, session, found, shown=shown)
    if found:
        return 1
    return 0 if verify else session.result.exit.code


def _print_json(record: RunRecord, session: SessionResult, found: list[str]) -> None:
    print(
        json.dumps(
            {
                "schema": "ultravisor.replay/1",
                "compared": record.result is not None,
                "equal": not found if record.result is not None else None,
                "differences": found,
                "result": json.loads(session.result.to_json()),
            },
            ensure_ascii=False,
        )
    )


def _print_text(
    record: RunRecord, session: SessionResult, found: list[str], *, shown: bool
) -> None:
    if shown:
        from ultravisor.cli.table import print_result

        print_result(session.result, sys.stdout)
    for difference in found:
        print(f"differs: {difference}")
    if record.result is None:
        print("nothing to compare with: the recorded run came to no result")
    elif not found:
        print(f"equal: {len(session.result.partitions)} partitions, every hash as recorded")
