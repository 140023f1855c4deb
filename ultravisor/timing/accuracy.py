# SPDX-License-Identifier: GPL-2.0-or-later
"""How far predictions are from published measurements.

Owns the reading of BHive's format, the error, and Kendall's rank correlation. Used by
`ultravisor timing evaluate` and by docs/accuracy.md's generator. It must not know how a
prediction is made.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from ultravisor.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# BHive's figures are cycles of so many iterations.
ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class MeasuredBlock:
    """One row: code, and its published cycles an iteration."""

    code: bytes
    cycles: float


@dataclass(frozen=True, slots=True)
class PredictedBlock:
    """A row and what a core says; None where the core cannot say."""

    block: MeasuredBlock
    cycles: float | None

    @property
    def error(self) -> float:
        """Return the absolute relative error; 1 for what is not supported."""
        if self.cycles is None:
            return 1.0
        return abs(self.cycles - self.block.cycles) / self.block.cycles


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The figures of an evaluation."""

    blocks: int
    unsupported: int
    mape_percent: float
    median_percent: float
    kendall_tau: float


def read_measurements(path: Path) -> list[MeasuredBlock]:
    """Read rows `hex,cycles per 100 iterations`; raise with file and line when one is not."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as failure:
        raise ConfigurationError(f"{path}: cannot be read: {failure}") from None
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        code, separator, cycles = line.partition(",")
        try:
            row = MeasuredBlock(bytes.fromhex(code), float(cycles) / ITERATIONS)
        except ValueError:
            row = None
        if row is None or not separator or not row.code or not row.cycles > 0:
            raise ConfigurationError(
                f"{path}:{number}: not a row of measurements", "a row is: hex,cycles"
            )
        rows.append(row)
    if not rows:
        raise ConfigurationError(f"{path}: no rows", "a row is: hex,cycles")
    return rows


def accuracy(predicted: Sequence[PredictedBlock]) -> Accuracy:
    """Return the figures; a block that is not supported counts as 100 % and as zero cycles."""
    errors = [row.error for row in predicted]
    return Accuracy(
        blocks=len(predicted),
        unsupported=sum(row.cycles is None for row in predicted),
        mape_percent=100 * fmean(errors),
        median_percent=100 * median(errors),
        kendall_tau=kendall_tau(
            [row.block.cycles for row in predicted], [row.cycles or 0.0 for row in predicted]
        ),
    )


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Kendall's tau-b, by Knight's method: a sort and a count of exchanges."""
    order = sorted(range(len(first)), key=lambda place: (first[place], second[place]))
    ranked = [second[place] for place in order]
    pairs = len(first) * (len(first) - 1) // 2
    tied_first = _tied([first[place] for place in order])
    tied_both = _tied([(first[place], second[place]) for place in order])
    exchanges, ranked = _exchanges(ranked)
    tied_second = _tied(ranked)
    discordant = exchanges
    concordant = pairs - tied_first - tied_second + tied_both - discordant
    scale = float(pairs - tied_first) * float(pairs - tied_second)
    return (concordant - discordant) / scale**0.5 if scale else 0.0


def _tied(values: Sequence[object]) -> int:
    """Count pairs of equal neighbours in a sorted sequence."""
    pairs = 0
    run = 0
    for before, value in itertools.pairwise(values):
        run = run + 1 if value == before else 0
        pairs += run
    return pairs


def _exchanges(values: list[float]) -> tuple[int, list[float]]:
    """Merge-sort; return the number of exchanges of a bubble sort, and the sorted list."""
    count = 0
    width = 1
    while width < len(values):
        merged: list[float] = []
        for start in range(0, len(values), 2 * width):
            left = values[start : start + width]
            right = values[start + width : start + 2 * width]
            place = 0
            for value in right:
                while place < len(left) and left[place] <= value:
                    merged.append(left[place])
                    place += 1
                count += len(left) - place
                merged.append(value)
            merged += left[place:]
        values = merged
        width *= 2
    return count, values
