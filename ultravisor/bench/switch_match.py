# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rows of several results of `bench switch` belong together, and what is compared there.

Owns the axes of a row beside its path, and what their values are called. An axis in which each
result has one value, and not all the same, is what is compared; in all others rows must agree.
Used by switch_compare, switch_page and the tables; measures nothing.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ultravisor.errors import UsageError
from ultravisor.machine.models import NONE

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from ultravisor.bench.switch_results import PathResult, SwitchResult

AXES: Final = ("width", "transport", "fpu", "state", "model")
_TEXTS: Final[dict[str, Callable[[Any], str]]] = {
    "width": "{} bits".format,
    "fpu": lambda fpu: f"FPU {fpu}" if fpu else "FPU by its own entry path",
    "model": "model {}".format,
}
# What goes without saying, unless rows differ in it; and where an axis does not apply.
_UNSAID: Final[dict[str, frozenset[str | None]]] = {
    "transport": frozenset({None}),
    "fpu": frozenset({"eager", None}),
    "model": frozenset({NONE}),
}


class Match(NamedTuple):
    """Rows side by side, one of each result, and the axes in which results differ as a whole."""

    groups: tuple[tuple[PathResult, ...], ...]
    compared: dict[str, tuple[str | int | None, ...]]
    """For each axis the value of each result."""


def match_rows(results: Sequence[SwitchResult]) -> Match:
    """Match by path and axes, in the first one's order; raise UsageError when nothing matches."""
    values = {axis: _single_values(results, axis) for axis in AXES}
    compared = {axis: found for axis, found in values.items() if len(set(found)) > 1}
    key = attrgetter("path", *(axis for axis in AXES if axis not in compared))
    sides = [{key(row): row for row in result.paths} for result in results]
    groups = tuple(
        tuple(side[name] for side in sides)
        for name in sides[0]
        if all(name in side for side in sides)
    )
    if not groups:
        raise UsageError(
            "the results have no path in common",
            "measure the same paths, widths, transports, states, schemes and models in both",
        )
    differing = {axis for axis in compared for rows in groups if _differ(rows, axis)}
    # A transport that only rows without a partner have is not compared.
    return Match(groups, {axis: compared[axis] for axis in compared if axis in differing})


def axis_text(axis: str, value: object) -> str:
    """Return what a value is called: `64 bits`, `syscall`, `FPU lazy`, `warm`, `model verw`."""
    return _TEXTS.get(axis, str)(value)


def varied_axes(results: Iterable[SwitchResult]) -> frozenset[str]:
    """Return the axes that have several values in a result, or over all of them."""
    rows = [row for result in results for row in result.paths]
    return frozenset(axis for axis in AXES if len({getattr(row, axis) for row in rows}) > 1)


def row_text(row: PathResult, varied: Container[str], compared: Container[str] = ()) -> str:
    """Return how a row is called: what is usual only where it varies, nothing that is compared."""
    return ", ".join([row.path, *_axis_texts(row, varied, compared)])


def _axis_texts(row: PathResult, varied: Container[str], compared: Container[str]) -> Iterator[str]:
    for axis in AXES:
        value = getattr(row, axis)
        goes_unsaid = value in _UNSAID.get(axis, ()) and (axis == "transport" or axis not in varied)
        if axis not in compared and not goes_unsaid:
            yield axis_text(axis, value)


def _single_values(results: Sequence[SwitchResult], axis: str) -> tuple[str | int | None, ...]:
    """Return the one value that each result has in an axis; nothing where one has several."""
    sides = [dict.fromkeys(getattr(row, axis) for row in result.paths) for result in results]
    if axis == "transport":
        for side in sides:
            side.pop(None, None)  # of paths that do not begin with a call
    return tuple(next(iter(side)) for side in sides) if all(len(s) == 1 for s in sides) else ()


def _differ(rows: Iterable[PathResult], axis: str) -> bool:
    return len({getattr(row, axis) for row in rows}) > 1
