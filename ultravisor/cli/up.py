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
    from ultravisor.life.life_plan import LifePlan
    from ultravisor.results import ConsoleOutput

INFRASTRUCTURE = ("boot", "ultravisor", "command", "operations")


@click.command(
    "up",
    help="""Start a host that lives until `ultravisor down`, and serve its clients.

\b
Examples:
  ultravisor up hello duo
  ultravisor up system --policy system --tap lan=tap0 --detach

FILE is what `ultravisor boot` takes, and may be left out where --policy, a journal with
domains, or --snapshot says what there is to run. The infrastructure comes up first: boot,
ultravisor, command and operations; then command makes a partition of each guest, by
transactions.
With --tap a switch of the host is joined to a TAP interface of this machine, so that guests
and this machine reach each other. Root can have any; for a user it is made first, by root:
ip tuntap add dev tap0 mode tap user NAME; ip link set tap0 up.
Clients reach the host through a socket that only you can open, in
$XDG_RUNTIME_DIR/ultravisor or in ultravisor-UID among the temporary files.

\b
Exit codes: 0 brought down, 2 the name is taken, 3 and 6 as with boot, 3 where a journal
or a snapshot is damaged, of something else or in use; 70 the machine failed: a replay file
is left, and the log says why; 130 Ctrl-C.
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
    help="Keep the resource database's journal in a file. The domains of a journal that is there "
    "already are brought up again; it is kept as FILE.previous.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="At the end, however it comes, write what `ultravisor replay` needs.",
)
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="STATE",
    help="Go on from what `ultravisor snap save --host NAME` wrote.",
)
@click.option(
    "--tap",
    "taps",
    multiple=True,
    metavar="SWITCH=NAME",
    help="Join a switch to a TAP interface; once for each switch.",
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
    from ultravisor.life.daemon import detach

    life = _life(files, given)
    if given["detach"]:
        detach(life)
        _ready(life, as_json=given["as_json"])
        return 0
    domains = (*life.plan.policy.policy.domain, *life.plan.inheritance.domains)
    names = [*INFRASTRUCTURE, *(row.name for row in domains)]
    return _in_foreground(life, names, as_json=given["as_json"], quiet=given["quiet"])


def _life(files: tuple[str, ...], given: dict[str, Any]) -> Life:
    """Read and check everything that was named."""
    from ultravisor.life.daemon import Life
    from ultravisor.life.inheritance import Inheritance, read_inheritance
    from ultravisor.life.life_plan import plan_life
    from ultravisor.life.life_record import repeatable
    from ultravisor.life.outside import parse_joins
    from ultravisor.life.places import place_named
    from ultravisor.saved_state import require_place

    policies, journal, snapshot = given["policy"], given["journal"], given["snapshot"]
    settings = take_settings(given)
    taps = parse_joins(given["taps"])
    # Looked at in any case: another host's journal is refused before anything starts.
    inheritance = Inheritance() if journal is None else read_inheritance(journal)
    name = given["name"]
    if snapshot is not None:
        plan, saved_name = _saved(snapshot, files, policies, settings, taps)
        name = name or saved_name
    else:
        if not files and not policies and not inheritance.domains:
            raise UsageError(
                "nothing to bring up", "name images, a configuration, or --policy FILE"
            )
        plan = plan_life(files, policies, settings, inheritance, tuple(taps))
        name = name or Path([*files, *policies, journal][0]).stem
    if given["record"] is not None:
        require_place(given["record"])
        repeatable(plan, UsageError)
    return Life(
        place=place_named(name),
        plan=plan,
        journal=journal,
        record=given["record"],
        paced=given["pace"] == "wall",
        snapshot=snapshot,
        taps=taps,
    )


def _saved(
    snapshot: Path,
    files: tuple[str, ...],
    policies: tuple[Path, ...],
    settings: dict[str, Any],
    taps: dict[str, str],
) -> tuple[LifePlan, str]:
    """Return the plan and the name of a saved host; what is named beside it must be the same."""
    from ultravisor.life.life_plan import plan_life
    from ultravisor.life.life_state import read_life, require_same_life, saved_life_plan
    from ultravisor.life.outside import require_joins

    manifest = read_life(snapshot)
    require_joins(str(snapshot), manifest.origin.outsides, taps)
    if files or policies:
        given = plan_life(files, policies, settings, outsides=tuple(taps))
        require_same_life(snapshot, manifest, given)
    elif any(value is not None for value in settings.values()):
        raise UsageError("a saved host has its settings", "leave out the options of [host]")
    return saved_life_plan(snapshot, manifest), manifest.name


def _ready(life: Life, *, as_json: bool) -> None:
    place = life.place
    _tell_inherited(life)
    if as_json:
        print_json({"schema": "ultravisor.up/1", "name": place.name, "socket": str(place.socket)})
    else:
        print(f"host {place.name} lives; look with: ultravisor ps --host {place.name}")


def _tell_inherited(life: Life) -> None:
    """Say what became of the journal that was there."""
    inheritance = life.plan.inheritance
    if not inheritance.source:
        return
    from ultravisor.life.inheritance import previous_path

    assert life.journal is not None, "what is inherited comes from a journal"
    count = len(inheritance.domains)
    print(
        f"{count} domain{'' if count == 1 else 's'} taken over from {inheritance.source} "
        f"at generation {inheritance.generation}; kept as {previous_path(life.journal)}",
        file=sys.stderr,
    )
    for name in inheritance.unreadable:
        print(f"warning: domain {name}: its definition cannot be read", file=sys.stderr)


def _in_foreground(life: Life, names: list[str], *, as_json: bool, quiet: bool) -> int:
    """Show the consoles until the host is brought down, or Ctrl-C."""
    from ultravisor.cli.console_printer import ConsolePrinter
    from ultravisor.errors import ExitCode
    from ultravisor.life.daemon import live

    printer = ConsolePrinter(names, sys.stdout)

    def ready() -> None:
        if as_json:
            _ready(life, as_json=True)
            return
        _tell_inherited(life)
        if not quiet:
            print(f"host {life.place.name} lives; end it with Ctrl-C", file=sys.stderr)

    def show(output: ConsoleOutput) -> None:
        if not quiet and not as_json:
            printer.write(output)

    end = live(life, ready, show)
    printer.finish()
    return ExitCode.INTERRUPTED if end.interrupted else ExitCode.OK
