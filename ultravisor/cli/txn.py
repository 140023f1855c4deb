# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor txn`: an operator's transaction, whole, through command.

Owns reading it from a file; what its operations are is the command protocol's affair.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ultravisor.cli.living import living_options, print_json


@click.command(
    "txn",
    help="""Give command a transaction: all of it is committed, or nothing.

\b
Examples:
  ultravisor txn examples/quanta.json --dry-run
  ultravisor txn - < examples/quanta.json

FILE is JSON and nothing else: an array of operations, each an array of its name and its
fields in their order; docs/living-hosts.md lists them. --dry-run checks it against all rules
and changes nothing. One operation that stops partition 6:

\b
  [["SetPartitionState", 6, "stopped", "no longer needed"]]

\b
Exit codes: 0 committed, or could be; 2 not possible now, 3 not an array of operations,
4 refused by policy, 5 conflict, 6 no such host or thing.
""",
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Check it, and change nothing.")
@living_options
def command(file: Path, dry_run: bool, host: str | None, as_json: bool) -> int:
    """Read, send, print."""
    from ultravisor.life.client import connect
    from ultravisor.life.protocol import Transact

    operations = _read(file)
    with connect(host) as client:
        answer: dict[str, Any] = client.ask(Transact(operations=operations, dry_run=dry_run))
    if as_json:
        print_json({"schema": "ultravisor.txn/1", "dry_run": dry_run, **answer})
    elif dry_run:
        print(f"could be committed ({len(operations)} operations)")
    else:
        print(f"committed: generation {answer['generation']}, values {answer['values']}")
    return 0


def _read(file: Path) -> tuple[list[Any], ...]:
    import msgspec

    from ultravisor.errors import ConfigurationError, NotFoundError

    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return msgspec.json.decode(data, type=tuple[list[Any], ...])
    except OSError as failure:
        raise NotFoundError(f"{file}: cannot be read: {failure.strerror}") from None
    except (msgspec.DecodeError, RecursionError) as failure:
        raise ConfigurationError(f"{file}: not an array of operations: {failure}") from None
