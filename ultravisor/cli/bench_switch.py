# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench switch`: what paths through the monitor cost, in modelled cycles.

Owns the options and their errors. ultravisor.bench.switch_measure measures, and
bench_switch_table shows.
"""

from __future__ import annotations

import difflib
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import msgspec

from ultravisor.bench.switch_paths import (
    PATHS,
    PATHS_BY_NAME,
    TRANSPORTS,
    WIDTHS,
    StateName,
    TransportName,
)
from ultravisor.cli.output_file import OutputFile
from ultravisor.errors import UsageError
from ultravisor.machine.cores import CORES
from ultravisor.resolution import monitor_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.bench.switch_measure import Request
    from ultravisor.bench.switch_results import SwitchResult
    from ultravisor.configuration import FpuName

Name = TypeVar("Name", bound=str)

STATES: tuple[StateName, ...] = ("warm", "cold-cache", "cold-tlb", "cold-predictor", "all-cold")
FPU_NAMES: tuple[FpuName, ...] = ("eager", "lazy")
TRANSPORT_NAMES: tuple[TransportName, ...] = ("syscall", "int", "vmcall")
PAGE_LIMIT = 1024

_LIST = "\n".join(f"  {path.name:<12} {path.sentence}" for path in PATHS)


@click.command(
    "switch",
    help=f"""Measure hypercalls and world switches by phase, in modelled cycles.

\b
Examples:
  ultravisor bench switch
  ultravisor bench switch null yield --core haswell --state warm --width 64

Every instruction of the simulated monitor goes through the core: a path's phases add up to
its cycles exactly. With at most four rows there is a waterfall of each.

\b
Paths; all of them when none is named:
{_LIST}

\b
Exit codes: 0 done, 2 wrong use, 3 an entry path that cannot be
    built, 6 not found, 69 no compiler, 70 an entry path that does not come back.
""",
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--core",
    type=click.Choice(CORES),
    default="skylake",
    show_default=True,
    help="Which core to model.",
)
@click.option(
    "--state",
    "states",
    default="warm,all-cold",
    show_default=True,
    metavar="LIST",
    help=f"What the core has forgotten when a path begins: {', '.join(STATES)}.",
)
@click.option(
    "--width", "widths", default="64,32", show_default=True, metavar="LIST", help="Of the guests."
)
@click.option(
    "--transport",
    "transports",
    metavar="LIST",
    help=f"How guests call: {', '.join(TRANSPORT_NAMES)}.  [default: as the page of calls does]",
)
@click.option(
    "--fpu",
    "fpus",
    metavar="LIST",
    help="When guests get FPU and SSE: eager, at every switch; lazy, when used.  [default: eager]",
)
@click.option(
    "--pages",
    type=click.IntRange(1, PAGE_LIMIT),
    default=16,
    show_default=True,
    help="How many pages a guest's own work touches, before and after a path.",
)
@click.option(
    "--repeat",
    "repeats",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="How often each path is gone in each state.",
)
@click.option(
    "--entry",
    metavar="FILE.S",
    help="Build the monitor with this entry, exit and switch path; see docs/bench-switch.md.",
)
@click.option(
    "--save",
    metavar="FILE",
    help="Write the JSON object to a file too: what `bench compare` reads.",
)
@click.option(
    "--html",
    "page",
    metavar="FILE",
    help="Write a page to look at: a waterfall of each path, and its instructions.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Measure and show."""
    request = make_request(paths, given["states"], given["widths"], given["transports"])
    with ExitStack() as files:
        save, page = (_open(files, given[name]) for name in ("save", "page"))
        result = _measure(request, _schemes(given["fpus"], given["entry"]), given)
        if save is not None:
            save.write(msgspec.json.encode(result) + b"\n")
        if page is not None:
            from ultravisor.bench.switch_page import switch_page

            page.write(switch_page([result]).encode())
    if given["as_json"]:
        print(msgspec.json.encode(result).decode())
    else:
        from ultravisor.cli.bench_switch_table import show

        show(result)
    return 0


def _open(files: ExitStack, name: str | None) -> OutputFile | None:
    """Prove at once that a file can be written which is wanted at the end."""
    if name is None:
        return None
    file = OutputFile(Path(name))
    files.callback(file.close)
    return file


def _schemes(fpus: str | None, entry: str | None) -> tuple[FpuName, ...]:
    if fpus is not None and entry is not None:
        raise UsageError(
            "--fpu is for the monitor's own entry paths; a file of --entry has its own scheme",
            "leave one of them out",
        )
    return _choose(fpus, FPU_NAMES, "scheme") if fpus is not None else FPU_NAMES[:1]


def _measure(request: Request, schemes: Sequence[FpuName], given: dict[str, Any]) -> SwitchResult:
    """Measure with the bundled monitors, or apart with one that is built for this."""
    from ultravisor.bench.switch_run import Setting

    setting = Setting(given["core"], given["pages"], given["repeats"], monitor_image())
    if given["entry"] is None:
        from ultravisor.bench.switch_fpu import join
        from ultravisor.bench.switch_measure import measure

        results = []
        for fpu in schemes:
            setting = setting._replace(monitor=monitor_image(fpu))
            results.append(measure(setting, request, fpu=fpu, on_progress=_report))
        return join(results)
    from ultravisor.bench.switch_apart import measure_apart
    from ultravisor.bench.switch_entry import build_monitor

    entry: str = given["entry"]
    with TemporaryDirectory() as folder:
        setting = setting._replace(monitor=build_monitor(Path(entry), Path(folder)))
        return measure_apart(setting, request, entry=entry, on_progress=_report)


def _report(what: str) -> None:
    if sys.stderr.isatty():
        print(f"measuring: {what} ...", file=sys.stderr)


def make_request(paths: Sequence[str], states: str, widths: str, transports: str | None) -> Request:
    """Return what is asked for, each thing once; raise UsageError for what there is not."""
    from ultravisor.bench.switch_measure import Request

    names = _choose(",".join(paths), tuple(PATHS_BY_NAME), "path") if paths else PATHS_BY_NAME
    chosen_widths = [int(width) for width in _choose(widths, [str(w) for w in WIDTHS], "width")]
    chosen = _choose(transports, TRANSPORT_NAMES, "transport") if transports is not None else ()
    request = Request(
        paths=[PATHS_BY_NAME[name] for name in names],
        widths=chosen_widths,
        states=_choose(states, STATES, "state"),
        transports=chosen,
    )
    _require_transport(request)
    return request


def _require_transport(request: Request) -> None:
    """Refuse a choice of which nothing would be left."""
    if not request.transports or any(not path.is_call for path in request.paths):
        return
    for width in request.widths:
        if set(request.transports) & set(TRANSPORTS[width]):
            return
    has = "; ".join(f"{width} bits: {', '.join(TRANSPORTS[width])}" for width in request.widths)
    raise UsageError(
        f"guests of {' and '.join(map(str, request.widths))} bits do not call by "
        f"{' or '.join(request.transports)}",
        f"choose others: {has}",
    )


def _choose(given: str, allowed: Sequence[Name], what: str) -> tuple[Name, ...]:
    """Split a list at its commas; the order stays, and each is taken once."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, 1)
            hint = f"did you mean `{close[0]}`? " if close else ""
            raise UsageError(f"there is no {what} `{name}`", f"{hint}{what}s: {', '.join(allowed)}")
    if not names:
        raise UsageError(f"no {what} is named", f"{what}s: {', '.join(allowed)}")
    return tuple(cast("Name", name) for name in dict.fromkeys(names))
