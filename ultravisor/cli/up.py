# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor up`: a host that lives.

Owns the verb's options, and what is printed while a host lives in the foreground.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.completion import complete_hosts
from ultravisor.cli.host_options import host_options, take_settings
from ultravisor.cli.living import print_json
from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from ultravisor.life.daemon import Life
    from ultravisor.results import ConsoleOutput

INFRASTRUCTURE = ("boot", "ultravisor", "command", "operations")


@click.command(
    "up",
    help="""Start a host that lives until `ultravisor down`, and serve its clients.

\b
Examples:
  ultravisor up hello duo
  ultravisor up examples/two-processors.toml --name laboratory --detach

FILE is what `ultravisor boot` takes. The infrastructure comes up first: boot, ultravisor,
command and operations; then command makes a partition of each guest, by transactions.
Clients reach the host through a socket that only you can open, in
$XDG_RUNTIME_DIR/ultravisor or in ultravisor-UID among the temporary files.

\b
Exit codes: 0 brought down, 2 the name is taken, 3 and 6 as with boot,
70 the machine failed: the log says why; 130 Ctrl-C.
""",
)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=complete_hosts)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Policies, zones, domains and channels; several files are one policy.",
)
@click.option("--name", help="By what name the host is found; by default that of FILE.")
@click.option("--detach", is_flag=True, help="Return when the host is ready; it lives on.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the resource database's journal in a new file; it outlives the host.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="At the end, write what `ultravisor replay` needs.",
)
@click.option(
    "--pace",
    type=click.Choice(["wall", "none"]),
    default="wall",
    show_default=True,
    help="Not ahead of the wall's clock, or as fast as it goes; guests cannot tell.",
)
@host_options
@click.option("--json", "as_json", is_flag=True, help="Say in JSON that the host is ready.")
@click.option("--quiet", "-q", is_flag=True, help="Do not show the guests' consoles.")
def command(files: tuple[str, ...], **given: Any) -> int:
    """Make the plan, so that errors come before anything starts; then live."""
    from ultravisor.life.daemon import Life, detach
    from ultravisor.life.life_plan import plan_life
    from ultravisor.life.places import place_named

    policies = given["policy"]
    if not files and not policies:
        raise UsageError("nothing to bring up", "name images, a configuration, or --policy FILE")
    plan = plan_life(files, policies, take_settings(given))
    place = place_named(given["name"] or Path([*files, *policies][0]).stem)
    life = Life(place, plan, given["journal"], given["record"], paced=given["pace"] == "wall")
    if given["detach"]:
        detach(life)
        _ready(life, as_json=given["as_json"])
        return 0
    names = [*INFRASTRUCTURE, *(row.name for row in plan.policy.policy.domain)]
    return _in_foreground(life, names, as_json=given["as_json"], quiet=given["quiet"])


def _ready(life: Life, *, as_json: bool) -> None:
    place = life.place
    if as_json:
        print_json({"schema": "ultravisor.up/1", "name": place.name, "socket": str(place.socket)})
    else:
        print(f"host {place.name} lives; look with: ultravisor ps --host {place.name}")


def _in_foreground(life: Life, names: list[str], *, as_json: bool, quiet: bool) -> int:
    """Show the consoles until the host is brought down, or Ctrl-C."""
    from ultravisor.cli.console_printer import ConsolePrinter
    from ultravisor.errors import ExitCode
    from ultravisor.life.daemon import live

    printer = ConsolePrinter(names, sys.stdout)

    def ready() -> None:
        if as_json:
            _ready(life, as_json=True)
        elif not quiet:
            print(f"host {life.place.name} lives; end it with Ctrl-C", file=sys.stderr)

    def show(output: ConsoleOutput) -> None:
        if not quiet and not as_json:
            printer.write(output)

    end = live(life, ready, show)
    printer.finish()
    return ExitCode.INTERRUPTED if end.interrupted else ExitCode.OK
