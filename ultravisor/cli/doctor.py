# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor doctor`: whether this installation works.

Owns how the checks are shown; ultravisor.checkup makes them.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from ultravisor.cli.terminal import paint, printable

if TYPE_CHECKING:
    from ultravisor.checkup import Check


@click.command(
    "doctor",
    help="""Say whether this installation works, and what to do where it does not.

\b
Examples:
  ultravisor doctor
  ultravisor doctor --json

Exit code 0 when every check is well, 1 otherwise.
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(as_json: bool) -> int:
    """Make every check; return 1 when one failed."""
    import msgspec

    from ultravisor.checkup import check_all

    checks = []
    for check in check_all():
        checks.append(check)
        if not as_json:
            _show(check)
    ok = all(check.ok for check in checks)
    if as_json:
        rows = [msgspec.structs.asdict(check) for check in checks]
        print(json.dumps({"schema": "ultravisor.doctor/1", "ok": ok, "checks": rows}))
    return 0 if ok else 1


def _show(check: Check) -> None:
    mark = paint("ok  ", "green", sys.stdout) if check.ok else paint("FAIL", "red", sys.stdout)
    print(f"{mark} {check.name:<15} {printable(check.detail)}")
    if not check.ok and check.advice:
        print(f"     {'':<15} {check.advice}")
    sys.stdout.flush()
