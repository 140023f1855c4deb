# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor snap save`: a host, run up to a moment or living, and saved.

Owns the verb's options and the schema "ultravisor.snap/1"; ultravisor.saved_state owns
the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.completion import complete_hosts
from ultravisor.cli.host_options import host_options, take_settings
from ultravisor.cli.living import print_json
from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from ultravisor.cli.session import SessionResult


@click.command(
    "save",
    help="""Save the state of a host that is run up to a moment, or of one that lives.

\b
Examples:
  ultravisor snap save pingpong --cycles 300000 --output pingpong.state
  ultravisor snap save --host NAME --output living.state

With FILE, a host is run until its clocks reach --cycles. Without, a living host is saved where
it is, and lives on; `ultravisor up --snapshot STATE` goes on from there.

The file holds the machine, the consoles so far, the input log, the configuration, and
the hashes of the images, which must still be there to restore it. A save that does not
come to its end leaves no file.

\b
Exit codes: 0 saved (also where the host ended before), 2 no place for the file,
3 and 6 as with boot (6 also: no such host lives), 70 and 130: not saved.
""",
)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=complete_hosts)
@click.option("--cycles", type=click.IntRange(0), help="The moment, in cycles; with FILE.")
@click.option("--host", metavar="NAME", help="Which living host; by default the only one.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="STATE",
    help="The file; one that is there is replaced.",
)
@host_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
@click.option("--quiet", "-q", is_flag=True, help="Only what was saved: no consoles, no progress.")
@click.option("--no-supervise", is_flag=True, help="Run in this process.")
def command(
    files: tuple[str, ...], cycles: int | None, host: str | None, output: Path, **given: Any
) -> int:
    """Run, save, and return the exit code."""
    settings = take_settings(given)
    if not files:
        _refuse_for_living(cycles, settings)
        return _save_living(host, output, as_json=given["as_json"])
    if host is not None:
        raise UsageError("--host names a host that lives, FILE one that does not", "give one")
    if cycles is None:
        raise UsageError("--cycles is missing", "say at which moment FILE is to be saved")
    from ultravisor.cli.session import (
        NOT_SAVED,
        SessionOptions,
        report_internal_failure,
        run_session,
    )
    from ultravisor.errors import ExitCode
    from ultravisor.plan import make_plan
    from ultravisor.resolution import resolve
    from ultravisor.saved_state import require_place

    plan = make_plan(resolve(files, **settings))
    require_place(output)
    shown = not given["quiet"] and not given["as_json"]
    session = run_session(
        plan,
        SessionOptions(
            cycles=cycles,
            consoles=shown,
            progress=shown,
            supervise=not given["no_supervise"],
            save=output,
        ),
    )
    code = session.result.exit.code
    if code == ExitCode.INTERNAL:
        report_internal_failure(session, None)
    if code in NOT_SAVED:
        return code
    _report(session, output, as_json=given["as_json"])
    return ExitCode.OK


def _refuse_for_living(cycles: int | None, settings: dict[str, Any]) -> None:
    if cycles is not None or any(value is not None for value in settings.values()):
        raise UsageError(
            "a living host is saved as and where it is",
            "name FILE to run one up to --cycles, or leave out the options of [host]",
        )


def _save_living(name: str | None, output: Path, *, as_json: bool) -> int:
    """Ask a living host to write itself."""
    from ultravisor.cli.terminal import printable
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Snapshot

    with connect(name) as client:
        found: dict[str, Any] = client.ask(Snapshot(path=str(output.absolute())), dict[str, Any])
    if as_json:
        print_json(
            {"schema": "ultravisor.snap/1", "file": str(output), **found, "reason": "living"}
        )
    else:
        print(
            f"saved {printable(str(output))}: at {found['position_cycles']} cycles, "
            f"generation {found['generation']}, state hash {found['state_hash']}"
        )
    return 0


def _report(session: SessionResult, output: Path, *, as_json: bool) -> None:
    from ultravisor.cli.terminal import printable
    from ultravisor.saved_state import read_manifest

    manifest = read_manifest(output)
    result = session.result
    if as_json:
        print(
            json.dumps(
                {
                    "schema": "ultravisor.snap/1",
                    "file": str(output),
                    "size_bytes": output.stat().st_size,
                    "position_cycles": manifest.position_cycles,
                    "state_hash": manifest.state_hash,
                    "reason": result.exit.reason,
                },
                ensure_ascii=False,
            )
        )
        return
    print(
        f"saved {printable(str(output))}: at {manifest.position_cycles} cycles "
        f"({result.exit.reason}), state hash {manifest.state_hash}"
    )
