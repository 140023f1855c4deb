# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor demo`: the bundled host, and both builds of the monitor compared.

Owns what the demonstration shows. It is also the quickest test of an installation.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ultravisor.results import HostResult

HOST = "demo"
COMPARED = ("duo", "duo_32", "pingpong", "pingpong_32")
# What both builds must agree on, a field of a partition's result each.
COMPARED_FIELDS = ("state", "exit_code", "console", "state_hash", "work")


@click.command(
    "demo",
    help="""Boot the bundled host, then compare both builds of the monitor.

\b
Examples:
  ultravisor demo
  ultravisor demo --quiet

Exit code 0 when every guest ended well and both builds agree.
""",
)
@click.option("--quiet", "-q", is_flag=True, help="Only the verdicts: no consoles, no table.")
def command(quiet: bool) -> int:
    """Run the demonstration; return 1 when anything is not as it should be."""
    result = _run(HOST, "native", shown=not quiet)
    partitions = f"{len(result.partitions)} partitions on {len(result.processors)} processors"
    print(f"\n{partitions}: {result.exit.reason}")
    verdicts = [result.exit.code == 0, *(_compare(name) for name in COMPARED)]
    return 0 if all(verdicts) else 1


def _run(name: str, monitor: str, *, shown: bool) -> HostResult:
    from ultravisor.cli.session import SessionOptions, run_session
    from ultravisor.plan import make_plan
    from ultravisor.resolution import resolve

    plan = make_plan(resolve([name], monitor=monitor))
    session = run_session(plan, SessionOptions(consoles=shown, progress=shown))
    if shown:
        from ultravisor.cli.table import print_result

        print_result(session.result, sys.stdout)
    return session.result


def _compare(name: str) -> bool:
    """Run one configuration under both builds; say whether they agree."""
    native = _run(name, "native", shown=False)
    simulated = _run(name, "simulated", shown=False)
    differences = [
        f"{before.name}: {field}"
        for before, after in zip(native.partitions, simulated.partitions, strict=True)
        for field in COMPARED_FIELDS
        if getattr(before, field) != getattr(after, field)
    ]
    if differences:
        print(f"{name}: native and simulated monitor DIFFER in {', '.join(differences)}")
        return False
    hashes = ", ".join(f"{row.name} {row.state_hash}" for row in native.partitions)
    print(f"{name}: native and simulated monitor agree ({hashes}); {native.exit.reason}")
    return native.exit.code == 0
