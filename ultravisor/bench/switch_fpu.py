# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking FPU and SSE eagerly or lazily: what the one saves, and where the other is ahead.

Owns how results of several schemes become one, which rows of two results belong together,
and at which share of slots both schemes cost the same. Used by the commands and
switch_compare; measures nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ultravisor.bench.switch_results import BreakEven

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ultravisor.bench.switch_results import PathResult, SwitchResult

UNUSED = "yield"
USED = "yield-fpu"


class _Place(NamedTuple):
    """What rows of the paths that are compared have in common."""

    width: int
    transport: str | None
    state: str


def join(results: Sequence[SwitchResult]) -> SwitchResult:
    """Return one result of several that differ in the scheme only; rows of a path are adjacent."""
    first = results[0]
    order = {_plain_key(row): place for place, row in enumerate(first.paths)}
    paths = [row for result in results for row in result.paths]
    paths.sort(key=lambda row: order[_plain_key(row)])
    hashes = {name: sha256 for result in results for name, sha256 in result.monitors.items()}
    return msgspec.structs.replace(
        first, monitors=hashes, paths=tuple(paths), break_even=tuple(_break_evens(paths))
    )


def rows_alike(results: Sequence[SwitchResult]) -> Iterator[tuple[PathResult, ...]]:
    """Return the rows that all results have, in the first one's order.

    Where no result has several schemes, the scheme may be what differs.
    """
    several = any(len({row.fpu for row in result.paths}) > 1 for result in results)
    keyed = [
        {(_plain_key(row), row.fpu if several else None): row for row in result.paths}
        for result in results
    ]
    for key in keyed[0]:
        if all(key in rows for rows in keyed):
            yield tuple(rows[key] for rows in keyed)


def _plain_key(row: PathResult) -> tuple[str, int, str | None, str]:
    return row.path, row.width, row.transport, row.state


def _break_evens(paths: Sequence[PathResult]) -> Iterator[BreakEven]:
    """Return those of warm paths: of cold ones, where the code lies decides more."""
    cycles = {
        (_Place(row.width, row.transport, row.state), row.path, row.fpu): row.cycles.median
        for row in paths
        if row.state == "warm"
    }
    for place in dict.fromkeys(place for place, _, _ in cycles):
        wanted = [(place, path, fpu) for path in (UNUSED, USED) for fpu in ("eager", "lazy")]
        if all(key in cycles for key in wanted):
            unused_eager, unused_lazy, used_eager, used_lazy = (cycles[key] for key in wanted)
            yield break_even(place, unused_eager - unused_lazy, used_lazy - used_eager)


def break_even(
    place: tuple[int, str | None, str], saved_cycles: int, added_cycles: int
) -> BreakEven:
    """Return the share p of slots at which (1 - p) of what is saved is p of what is added."""
    total = saved_cycles + added_cycles
    meets = saved_cycles >= 0 and added_cycles >= 0 and total > 0
    return BreakEven(*place, saved_cycles, added_cycles, saved_cycles / total if meets else None)
