# SPDX-License-Identifier: GPL-2.0-or-later
"""Predictions for published blocks, in the state in which they were measured.

Owns how many copies are run and what counts as supported. Used by `ultravisor timing
evaluate` and by the accuracy page. It must not know the measured figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.machine.cycle_core import START_ADDRESS, BlockMeter, BlockRun
from ultravisor.timing.accuracy import MeasuredBlock, PredictedBlock
from ultravisor.timing.harness import CODE_PAGE_OFFSET, trace_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# As BHive does: the difference between two numbers of copies.
WARM_COPIES = 100
COPIES = 100


def predict_block(meter: BlockMeter, code: bytes, ideals: int = 0) -> float | None:
    """Return cycles an iteration; None when an instruction has no entry in the tables."""
    accesses = trace_block(code, WARM_COPIES + COPIES)
    run = BlockRun(
        address=START_ADDRESS + CODE_PAGE_OFFSET,
        warm_copies=WARM_COPIES,
        copies=COPIES,
        accesses=accesses,
        ideals=ideals,
    )
    measurement = meter.measure(code, run)
    return None if measurement.unknown_count else measurement.cycles_per_copy


def predict_all(core: str, blocks: Iterable[MeasuredBlock]) -> Iterator[PredictedBlock]:
    """Yield a prediction for each block."""
    meter = BlockMeter(core)
    for block in blocks:
        yield PredictedBlock(block, predict_block(meter, block.code))
