# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor demo`: a whole system in one story, and both builds of the monitor compared.

Owns how the demonstration is shown. It is also the quickest test of an installation.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ultravisor.results import HostResult

COMPARED = ("duo", "duo_32", "pingpong", "pingpong_32")
# What both builds must agree on, a field of a partition's result each.
COMPARED_FIELDS = ("state", "exit_code", "console", "state_hash", "work")


@click.command(
    "demo",
    help="""Show a whole system lose parts, and compare both builds of the monitor.

\b
Examples:
  ultravisor demo
  ultravisor demo --quiet --picture system.html

Two I/O partitions serve three guests; one of them crashes in the middle of a file, and then
the ultravisor is killed. The picture shows the host at the end, and who owns what.

\b
Exit codes: 0 all verdicts are right, 1 one is not, 2 no place for the picture.
""",
)
@click.option("--quiet", "-q", is_flag=True, help="Only the verdicts: no consoles, no tables.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a picture of the system, a page of its own: .html, else SVG.",
)
def command(quiet: bool, picture: Path | None) -> int:
    """Run the demonstration; return 1 when anything is not as it should be."""
    verdicts = [_tell(picture, shown=not quiet), *(_compare(name) for name in COMPARED)]
    return 0 if all(verdicts) else 1


def _tell(picture: Path | None, *, shown: bool) -> bool:
    """Tell the story; say whether everything came out as it should."""
    from ultravisor.cli.demo_audience import DemonstrationAudience
    from ultravisor.cli.output_file import OutputFile
    from ultravisor.demonstration import Demonstration
    from ultravisor.topology_picture import draw, page

    place = None if picture is None else OutputFile(picture)
    audience = DemonstrationAudience(sys.stdout, shown=shown)
    demonstration = Demonstration(audience)
    try:
        demonstration.run()
        if place is not None and picture is not None:
            form = page if picture.suffix == ".html" else draw
            place.write(form(audience.topology).encode())
    finally:
        demonstration.close()
        if place is not None:
            place.close()
    if picture is not None:
        print(f"a picture of the system at its end: {picture}")
    for verdict in demonstration.verdicts:
        print(f"{'right' if verdict.holds else 'WRONG'}: {verdict.sentence}")
    return all(verdict.holds for verdict in demonstration.verdicts)


def _run(name: str, monitor: str) -> HostResult:
    from ultravisor.cli.session import SessionOptions, run_session
    from ultravisor.plan import make_plan
    from ultravisor.resolution import resolve

    plan = make_plan(resolve([name], monitor=monitor))
    return run_session(plan, SessionOptions(consoles=False, progress=False)).result


def _compare(name: str) -> bool:
    """Run one configuration under both builds; say whether they agree."""
    native = _run(name, "native")
    simulated = _run(name, "simulated")
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
