# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two results of `bench switch`, by phase and instruction.

Owns which instruction of the one is which of the other, where code was added or moved in
between: schema "ultravisor.bench.compare/1". Differences are B's less A's; those of phases
and of instructions add up to the path's.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ultravisor.bench.switch_fpu import rows_alike
from ultravisor.bench.switch_phases import Phase, source_name
from ultravisor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ultravisor.bench.switch_results import InstructionResult, PathResult, SwitchResult

SCHEMA: Final = "ultravisor.bench.compare/1"
# Addresses move when code does: what is as large as one counts as the same.
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{4,}")


class PhaseDifference(Struct, frozen=True):
    """A phase on both sides; one that a side does not have took it nothing."""

    phase: str
    cycles_a: int
    cycles_b: int
    difference: int


class InstructionDifference(Struct, frozen=True):
    """An instruction on both sides, or with None for the cycles on one only."""

    phase: str
    symbol: str
    text: str
    cycles_a: int | None
    cycles_b: int | None
    difference: int


class PathDifference(Struct, frozen=True):
    """A path in one width, by one transport, in one state."""

    path: str
    width: int
    transport: str | None
    state: str
    cycles_a: int
    cycles_b: int
    difference: int
    fpu_a: str | None
    fpu_b: str | None
    """When FPU and SSE change hands on either side; None: an entry path of the user's own."""
    phases: tuple[PhaseDifference, ...]
    instructions: tuple[InstructionDifference, ...]
    """Those that differ, in the order of B; what only A has, where it was."""


class Comparison(Struct, frozen=True, kw_only=True):
    """All of it; sides that were not measured alike say how in `warnings`."""

    schema: str = SCHEMA
    unit_a: str
    unit_b: str
    warnings: tuple[str, ...]
    paths: tuple[PathDifference, ...]


def compare(first: SwitchResult, second: SwitchResult) -> Comparison:
    """Compare what both have; raise UsageError when that is nothing."""
    pairs = list(rows_alike((first, second)))
    paths = tuple(_compare_path(*pair) for pair in pairs)
    if not paths:
        raise UsageError(
            "the two results have no path in common",
            "measure the same paths, widths, transports and states in both",
        )
    return Comparison(
        unit_a=first.unit,
        unit_b=second.unit,
        warnings=tuple(_warnings(first, second, len(pairs))),
        paths=paths,
    )


def _warnings(first: SwitchResult, second: SwitchResult, common: int) -> Iterator[str]:
    if first.unit != second.unit:
        yield f"the cores differ: {first.unit}, and {second.unit}"
    if first.pages != second.pages:
        yield f"the guests' own work differs: {first.pages} pages, and {second.pages}"
    for name, result in (("A", first), ("B", second)):
        if len(result.paths) > common:
            yield f"{len(result.paths) - common} rows are in {name} only"


def _compare_path(first: PathResult, second: PathResult) -> PathDifference:
    return PathDifference(
        path=first.path,
        width=first.width,
        transport=first.transport,
        state=first.state,
        fpu_a=first.fpu,
        fpu_b=second.fpu,
        cycles_a=first.cycles.median,
        cycles_b=second.cycles.median,
        difference=second.cycles.median - first.cycles.median,
        phases=tuple(_compare_phases(first, second)),
        instructions=tuple(_compare_instructions(first.instructions, second.instructions)),
    )


def _compare_phases(first: PathResult, second: PathResult) -> Iterator[PhaseDifference]:
    sides = [
        {phase.phase: phase.cycles.values[row.representative] for phase in row.phases}
        for row in (first, second)
    ]
    for phase in Phase:
        if phase in sides[0] or phase in sides[1]:
            cycles_a, cycles_b = (side.get(phase, 0) for side in sides)
            yield PhaseDifference(phase, cycles_a, cycles_b, cycles_b - cycles_a)


def _compare_instructions(
    first: Sequence[InstructionResult], second: Sequence[InstructionResult]
) -> Iterator[InstructionDifference]:
    """Return those that take other cycles; matched as a text is, line by line."""
    matcher = SequenceMatcher(
        None, [_key(row) for row in first], [_key(row) for row in second], autojunk=False
    )
    for kind, begin_a, end_a, begin_b, end_b in matcher.get_opcodes():
        if kind == "equal":
            for a, b in zip(first[begin_a:end_a], second[begin_b:end_b], strict=True):
                if a.cycles != b.cycles:
                    yield _difference(b, a.cycles, b.cycles)
            continue
        for row in first[begin_a:end_a]:
            yield _difference(row, row.cycles, None)
        for row in second[begin_b:end_b]:
            yield _difference(row, None, row.cycles)


def _difference(
    row: InstructionResult, cycles_a: int | None, cycles_b: int | None
) -> InstructionDifference:
    difference = (cycles_b or 0) - (cycles_a or 0)
    return InstructionDifference(row.phase, row.symbol, row.text, cycles_a, cycles_b, difference)


def _key(row: InstructionResult) -> tuple[str, str, str]:
    function = source_name(row.symbol.partition("+")[0])
    return row.phase, function, _ADDRESS.sub("*", row.text)
