# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of `bench switch` as one HTML file that needs nothing else.

Owns the page: a waterfall of each path, the instructions behind each phase on demand, and two
results side by side on one scale. Called by the command; it must not run anything.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from ultravisor.bench.switch_fpu import rows_alike
from ultravisor.bench.switch_phases import Phase
from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ultravisor.bench.switch_results import PathResult, PhaseResult, Reference, SwitchResult

COLOURS: Final = {
    Phase.GUEST: "#4e9a51",
    Phase.ENTRY: "#c98b1b",
    Phase.DISPATCH: "#3a8fb7",
    Phase.BODY: "#5470c6",
    Phase.SCHEDULE: "#a05195",
    Phase.SAVE: "#d45087",
    Phase.SPACE: "#2a9d8f",
    Phase.RESTORE: "#e76f51",
    Phase.EXIT: "#7a8b2f",
    Phase.START: "#777777",
}
# Of a waterfall's parts, in units of its picture.
LABEL_WIDTH: Final = 80
BAR_WIDTH: Final = 430
VALUE_WIDTH: Final = 110
ROW_HEIGHT: Final = 20

STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 1400px; margin: 2em auto; padding: 0 1em; }
h2 { margin-top: 2em; border-bottom: 1px solid #8884; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 2em; }
svg { width: 100%; max-width: 700px; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
table { border-collapse: collapse; font-size: 13px; }
td, th { padding: 1px 8px; text-align: right; }
.text { text-align: left; font-family: ui-monospace, monospace; }
summary { cursor: pointer; }
.quiet { opacity: 0.75; font-size: 13px; }
"""


def switch_page(results: Sequence[SwitchResult]) -> str:
    """Return the page of one result, or of two side by side: the paths that both have."""
    groups = list(rows_alike(results))
    if not groups:
        raise UsageError(
            "the two results have no path in common",
            "measure the same paths, widths, transports and states in both",
        )
    body = "\n".join(_section(rows, results) for rows in groups)
    names = " and ".join(escape(_name(result)) for result in results)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>Paths through the monitor</title><style>{STYLE}</style></head><body>\n"
        f"<h1>Paths through the monitor</h1>\n<p>{names}</p>\n"
        '<p class="quiet">Every figure is modelled, but for the published ones, which say whose '
        "they are. A phase begins where the last one ended; they add up to the path exactly. "
        "Open a phase to see its instructions.</p>\n"
        f"{body}\n</body></html>\n"
    )


def _name(result: SwitchResult) -> str:
    entry = f", entry path {result.entry}" if result.entry else ""
    return f"{result.unit}{entry}"


def _section(rows: Sequence[PathResult], results: Sequence[SwitchResult]) -> str:
    first = rows[0]
    transport = f", {first.transport}" if first.transport else ""
    head = f"{first.path}, {first.width} bits{transport}, {first.state}"
    scale = max(row.cycles.median for row in rows) or 1
    sides = "\n".join(
        f"<div>{_side(row, result, scale)}</div>" for row, result in zip(rows, results, strict=True)
    )
    references = "".join(_reference(found) for found in first.references)
    shown = f"<ul class=quiet>{references}</ul>" if first.state == "warm" and references else ""
    return (
        f"<h2>{escape(head)}</h2>\n<p>{escape(first.sentence)}</p>\n"
        f'<div class="sides">{sides}</div>{shown}'
    )


def _scheme(row: PathResult) -> str:
    return ", FPU lazy" if row.fpu == "lazy" else ""


def _side(row: PathResult, result: SwitchResult, scale: int) -> str:
    events, cycles = row.events, row.cycles
    refill = "".join(
        f"; {found.who}: {found.refill_cycles:+,} cycles of refill" for found in row.refill
    )
    return (
        f"<p><b>{cycles.median:,}</b> {escape(_name(result) + _scheme(row))}<br>"
        f'<span class="quiet">{cycles.minimum:,} to {cycles.maximum:,} in {len(cycles.values)} '
        f"repeats; {events['instructions']:,} instructions, {events['uops']:,} micro-ops; misses "
        f"L1D {events['data_cache_misses']}, L2 {events['second_cache_misses']}, "
        f"LLC {events['shared_cache_misses']}; {events['page_walks']} walks, "
        f"{events['mispredicts']} mispredicts{refill}</span></p>\n"
        f"{waterfall_svg(row, scale)}\n" + "\n".join(_instructions(row))
    )


def waterfall_svg(row: PathResult, scale: int) -> str:
    """Return a path's phases as bars, each beginning where the last one ended."""
    width, height = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH, ROW_HEIGHT * len(row.phases)
    parts = []
    done = 0
    for place, phase in enumerate(row.phases):
        cycles = _cycles(row, phase)
        left = LABEL_WIDTH + BAR_WIDTH * done / scale
        length = max(BAR_WIDTH * cycles / scale, 1 if cycles else 0)
        top = place * ROW_HEIGHT
        share = f"{cycles / row.cycles.median:.1%}" if row.cycles.median else ""
        parts.append(
            f'<text x="0" y="{top + 14}">{phase.phase}</text>'
            f'<rect x="{left:.1f}" y="{top + 3}" width="{length:.1f}" height="{ROW_HEIGHT - 6}" '
            f'fill="{COLOURS.get(Phase(phase.phase), "#777777")}"><title>{cycles:,} cycles'
            f'</title></rect><text x="{left + length + 6:.1f}" y="{top + 14}">{cycles:,} '
            f"({share})</text>"
        )
        done += cycles
    picture = "".join(parts)
    return f'<svg viewBox="0 0 {width} {height}" role="img">{picture}</svg>'


def _cycles(row: PathResult, phase: PhaseResult) -> int:
    return phase.cycles.values[row.representative]


def _instructions(row: PathResult) -> Iterator[str]:
    for phase in row.phases:
        listed = [found for found in row.instructions if found.phase == phase.phase]
        lines = "".join(
            f"<tr><td>{found.cycles}</td><td>{found.uops}</td><td>{found.count}</td>"
            f'<td class="text">{escape(found.text)}</td>'
            f'<td class="text">{escape(found.symbol)}</td></tr>'
            for found in listed
        )
        yield (
            f"<details><summary>{phase.phase}: {_cycles(row, phase):,} cycles, "
            f"{phase.events['instructions']:,} instructions</summary><table><tr><th>cycles</th>"
            '<th>micro-ops</th><th>times</th><th class="text">instruction</th>'
            f'<th class="text">at</th></tr>{lines}</table></details>'
        )


def _reference(found: Reference) -> str:
    quoted = "" if found.verified else ", quoted and not read again"
    return (
        f"<li>published: {found.cycles:,} cycles, {escape(found.what)}; {escape(found.machine)} "
        f"[{escape(found.source)}{quoted}]; differs: {escape(found.differs)}</li>"
    )
