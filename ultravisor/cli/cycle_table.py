# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a cycle-level core's cycles went, as tables for a person.

Owns their columns, and what is left out where a terminal is narrow. Called by cli.table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from ultravisor.cli.table_form import make_table, number, width_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from ultravisor.results import CycleResult, HostResult

# A cause's letter in a bar, and its colour where there are colours.
CAUSES = {
    "retiring": ("r", "green"),
    "front_end": ("f", "yellow"),
    "speculation": ("s", "magenta"),
    "core": ("c", "cyan"),
    "memory": ("m", "blue"),
    "transition": ("t", "red"),
}
BAR_MAXIMUM_COLUMNS = 40
# Below that, digits are given up for the bar; below this, the bar is.
BAR_WANTED_COLUMNS = 24
BAR_MINIMUM_COLUMNS = 8
# Between two columns of a table.
GAP_COLUMNS = 3
NOBODY = "-"


class _Row(NamedTuple):
    """A path of a partition, on all processors together."""

    partition: str
    path: str
    cycles: int
    stack: dict[str, int]
    events: dict[str, int]


def cycle_tables(result: HostResult, columns: int) -> list[Table | Text]:
    """Return what is to be printed; nothing without a cycle-level core."""
    rows = _rows(result.cycles)
    if not rows:
        return []
    short, bar_columns = _layout(rows, columns)
    shown: list[Table | Text] = [_cycles(rows, short=short, bar_columns=bar_columns)]
    if bar_columns:
        shown.append(_legend())
    events = _events(rows, short=False)
    return [*shown, events if width_columns(events) <= columns else _events(rows, short=True)]


def _rows(results: Iterable[CycleResult]) -> list[_Row]:
    """Add up processors; what is nobody's comes last."""
    found: dict[tuple[bool, str, str], _Row] = {}
    for row in results:
        name = row.partition if row.partition is not None else NOBODY
        place = (row.partition is None, name, row.path)
        before = found.get(place, _Row(name, row.path, 0, {}, {}))
        found[place] = _Row(
            name,
            row.path,
            before.cycles + row.cycles,
            _sum(before.stack, row.stack),
            _sum(before.events, row.events),
        )
    order = sorted(found, key=lambda place: place[0])
    return [found[place] for place in order]


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + count for name, count in right.items()}


def _layout(rows: list[_Row], columns: int) -> tuple[bool, int]:
    """Return whether numbers are short, and how wide the bar is; 0: there is none."""
    room = 0
    for short in (False, True):
        used = width_columns(_cycles(rows, short=short, bar_columns=0))
        room = columns - used - GAP_COLUMNS
        if room >= BAR_WANTED_COLUMNS:
            return short, min(room, BAR_MAXIMUM_COLUMNS)
    return True, room if room >= BAR_MINIMUM_COLUMNS else 0


def _cycles(rows: list[_Row], *, short: bool, bar_columns: int) -> Table:
    titles = [
        ("partition", False),
        ("path", False),
        ("cycles", True),
        ("share", True),
        ("instr" if short else "instructions", True),
        ("IPC", True),
    ]
    table = make_table(*titles, *([("spent", False)] if bar_columns else []))
    total = sum(row.cycles for row in rows)
    for row in rows:
        instructions = row.events["instructions"]
        cells: list[Text | str] = [
            Text(row.partition),
            Text(row.path),
            number(row.cycles, short=short),
            f"{row.cycles / total:.1%}" if total else "",
            number(instructions, short=short),
            f"{instructions / row.cycles:.2f}" if row.cycles and instructions else "",
        ]
        if bar_columns:
            cells.append(stack_bar(row.stack, bar_columns))
        table.add_row(*cells)
    return table


def _legend() -> Text:
    causes = (f"{letter} {name.replace('_', ' ')}" for name, (letter, _) in CAUSES.items())
    return Text(f"spent: {', '.join(causes)}", "dim")


def stack_bar(stack: Mapping[str, int], columns: int) -> Text:
    """Return a cycle stack as a line of letters, so many columns wide."""
    bar = Text()
    total = sum(stack.values())
    if not total:
        return bar
    done, drawn = 0, 0
    for name, (letter, style) in CAUSES.items():
        done += stack[name]
        # Rounding where each part ends keeps the whole as wide as it has to be.
        end = (2 * done * columns + total) // (2 * total)
        bar.append(letter * (end - drawn), style)
        drawn = end
    return bar


def _events(rows: list[_Row], *, short: bool) -> Table:
    table = make_table(
        ("partition", False),
        ("path", False),
        ("uops" if short else "micro-ops", True),
        ("L1D", True) if short else ("L1D misses", True),
        ("L2", True) if short else ("L2 misses", True),
        ("LLC", True) if short else ("LLC misses", True),
        ("TLB", True) if short else ("TLB misses", True),
        ("walks", True),
        ("mispred" if short else "mispredicts", True),
    )
    for row in rows:
        events = row.events
        counts = (
            events["uops"],
            events["data_cache_misses"],
            events["second_cache_misses"],
            events["shared_cache_misses"],
            events["data_tlb_misses"] + events["code_tlb_misses"],
            events["page_walks"],
            events["mispredicts"],
        )
        cells = [number(count, short=short) for count in counts]
        table.add_row(Text(row.partition), Text(row.path), *cells)
    return table
