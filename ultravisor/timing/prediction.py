# SPDX-License-Identifier: GPL-2.0-or-later
"""What bounds a piece of code: throughput, bottleneck, ports and pipeline.

Owns how these are drawn from a core's run. Used by `ultravisor timing predict`. It must
not know published measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.machine.cycle_core import BlockMeter, BlockRun
from ultravisor.machine.interface import TimingIdeal
from ultravisor.timing.disassembly import disassemble

if TYPE_CHECKING:
    from ultravisor.machine.cycle_records import Step

COPIES = 100
PIPELINE_COPIES = 2
STEPS_PER_BYTE = 64
# A bottleneck is what, left out, makes the block at least so much faster.
GAIN = 0.02
NAMES = {
    TimingIdeal.FRONT_END: "front end",
    TimingIdeal.PORTS: "ports",
    TimingIdeal.DEPENDENCIES: "dependencies",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction: its text, and micro-ops on each port in one iteration."""

    text: str
    size_bytes: int
    ports: dict[int, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is known of a block on one core."""

    core: str
    cycles: float
    bottlenecks: tuple[str, ...]
    unknown_count: int
    lines: tuple[Line, ...]
    pipeline: tuple[Step, ...]  # of the first iterations, from a cold start


def predict(core: str, code: bytes, width_bits: int = 64) -> Prediction:
    """Run the code in unrolled copies, whole and with one thing left out at a time."""
    lines = disassemble(code, width_bits)
    meter = BlockMeter(core)
    step_limit = len(code) * STEPS_PER_BYTE * COPIES // 4
    whole = meter.measure(code, BlockRun(width_bits=width_bits, step_limit=step_limit))
    bottlenecks = [
        name
        for ideal, name in NAMES.items()
        if meter.measure(code, BlockRun(width_bits=width_bits, ideals=ideal)).cycles
        < whole.cycles * (1 - GAIN)
    ]
    counted = len(lines)
    ports: list[dict[int, float]] = [{} for _ in lines]
    copies = max((step.instruction // counted for step in whole.steps), default=0) or 1
    for step in whole.steps:
        if step.port is not None and step.instruction < copies * counted:
            uses = ports[step.instruction % counted]
            uses[step.port] = uses.get(step.port, 0.0) + 1 / copies
    begin = meter.measure(
        code,
        BlockRun(
            width_bits=width_bits,
            warm_copies=0,
            copies=PIPELINE_COPIES,
            step_limit=len(code) * STEPS_PER_BYTE * PIPELINE_COPIES,
        ),
    )
    return Prediction(
        core=core,
        cycles=whole.cycles_per_copy,
        bottlenecks=tuple(bottlenecks) or ("issue and retirement",),
        unknown_count=whole.unknown_count,
        lines=tuple(
            Line(text, size, uses) for (text, size), uses in zip(lines, ports, strict=True)
        ),
        pipeline=begin.steps,
    )


def pipeline_rows(prediction: Prediction, width: int = 80) -> list[str]:
    """Return a text picture: I issues, D dispatches, = executes, E is done, R retires."""
    if not prediction.pipeline:
        return []
    first = min(step.issue for step in prediction.pipeline)
    rows = []
    counted = len(prediction.lines)
    for step in prediction.pipeline:
        cells = [" "] * width
        for cycle in range(step.issue, min(step.retire, first + width - 1) + 1):
            cells[cycle - first] = "."
        for cycle in range(step.dispatch, min(step.done, first + width - 1) + 1):
            cells[cycle - first] = "="
        marks = [(step.dispatch, "D"), (step.done, "E"), (step.retire, "R"), (step.issue, "I")]
        for cycle, mark in marks:
            if cycle - first < width:
                cells[cycle - first] = mark
        copy, place = divmod(step.instruction, counted)
        text = prediction.lines[place].text[:28]
        rows.append(f"{copy} {text:<28} |{''.join(cells).rstrip()}")
    return rows
