# SPDX-License-Identifier: GPL-2.0-or-later
"""How many instructions a second a core runs on this host, alone.

Owns the workload: blocks as loops, each with the addresses that it had when it was
measured. Used by `ultravisor timing speed`. It must not know how results are shown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.machine.cycle_core import Core
from ultravisor.timing.harness import PROBE_COPIES, trace_block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.timing.accuracy import MeasuredBlock

ADDRESS = 1 << 28
# Short enough for a command, long enough for a clock.
TIMES = 20_000


@dataclass(frozen=True, slots=True)
class Speed:
    """What was run, and how long it took; processor time, not wall-clock."""

    blocks: int
    instructions: int
    seconds: float

    @property
    def instructions_per_second(self) -> float:
        """Return the speed."""
        return self.instructions / self.seconds


def measure_speed(core: str, blocks: Sequence[MeasuredBlock], times: int = TIMES) -> Speed:
    """Run every block `times` times on one core, caches and predictors included."""
    model = Core(core)
    instructions = 0
    seconds = 0.0
    for block in blocks:
        code = model.decode(block.code, ADDRESS)
        trace = trace_block(block.code, PROBE_COPIES)
        accesses = trace[-1] if trace is not None else []
        begin = time.process_time()
        model.repeat(code, accesses, times)
        seconds += time.process_time() - begin
        instructions += times * code.instruction_count
    return Speed(len(blocks), instructions, seconds)
