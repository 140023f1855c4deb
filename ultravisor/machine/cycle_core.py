# SPDX-License-Identifier: GPL-2.0-or-later
"""The cycle-level cores: decode blocks, run them, measure one unrolled.

Owns the typed face of native/timing. Imported by ultravisor.timing and by tests; it must
not know partitions, files or published measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.errors import NotFoundError
from ultravisor.machine.native import check, ffi, lib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine._native import CData
    from ultravisor.machine.interface import TimingIdeal

__all__ = ["CORES", "Access", "BlockMeter", "BlockRun", "Measurement", "Step"]

# In the order in which docs/accuracy.md shows them.
CORES = ("skylake", "haswell", "ivybridge")
VALIDATED = frozenset({"skylake", "haswell"})
NO_PORT = 255
# A multiple of 64: where a block begins within a line of code is then known.
START_ADDRESS = 1 << 28


@dataclass(frozen=True, slots=True)
class Access:
    """One load or store, in program order."""

    address: int
    machine_address: int
    size_bytes: int
    is_write: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One micro-op on its way; `instruction` counts from the first one measured."""

    instruction: int
    port: int | None
    issue: int
    dispatch: int
    done: int
    retire: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRun:
    """How a block is run; `accesses` has those of each copy, warm ones included."""

    width_bits: int = 64
    warm_copies: int = 100
    copies: int = 100
    accesses: Sequence[Sequence[Access]] | None = None
    ideals: TimingIdeal | int = 0
    step_limit: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a run of unrolled copies gave."""

    cycles: int
    copies: int
    instruction_count: int
    unknown_count: int
    steps: tuple[Step, ...]

    @property
    def cycles_per_copy(self) -> float:
        """Return the throughput, in cycles a copy."""
        return self.cycles / self.copies


def core_parameters(name: str) -> CData:
    """Return a core's parameters; raise NotFoundError when there is none of that name."""
    parameters = lib.timing_core_named(name.encode())
    if parameters == ffi.NULL:
        raise NotFoundError(f"there is no core named {name!r}", f"cores: {', '.join(CORES)}")
    return parameters


class BlockMeter:
    """Measures blocks on one core, each from a cold start."""

    def __init__(self, core: str) -> None:
        self.core = core
        self._parameters = core_parameters(core)
        self._decoder = ffi.gc(lib.timing_decoder_open(self._parameters), lib.timing_decoder_close)

    def measure(self, code: bytes, run: BlockRun | None = None) -> Measurement:
        """Run unrolled copies; without accesses every load hits and no store meets a load."""
        wanted = run if run is not None else BlockRun()
        run_ = ffi.new("struct timing_block_run *")
        bytes_ = ffi.from_buffer("uint8_t[]", code)
        steps = ffi.new("struct timing_step[]", max(1, wanted.step_limit))
        run_.bytes, run_.size_bytes, run_.width_bits = bytes_, len(code), wanted.width_bits
        run_.address = START_ADDRESS
        run_.warm_copies, run_.copies = wanted.warm_copies, wanted.copies
        run_.ideals, run_.step_limit = int(wanted.ideals), wanted.step_limit
        run_.steps = steps if wanted.step_limit else ffi.NULL
        kept = _accesses(wanted.accesses) if wanted.accesses is not None else (ffi.NULL, ffi.NULL)
        run_.accesses, run_.access_ends = kept
        measurement = ffi.new("struct timing_measurement *")
        check(lib.timing_measure(self._parameters, self._decoder, run_, measurement))
        return Measurement(
            cycles=measurement.cycles,
            copies=wanted.copies,
            instruction_count=measurement.instruction_count,
            unknown_count=measurement.unknown_count,
            steps=tuple(_step(steps[i]) for i in range(measurement.step_count)),
        )


def _accesses(accesses: Sequence[Sequence[Access]]) -> tuple[CData, CData]:
    flat = [
        (item.address & (1 << 64) - 1, item.machine_address, item.size_bytes, int(item.is_write))
        for copy in accesses
        for item in copy
    ]
    ends = []
    total = 0
    for copy in accesses:
        total += len(copy)
        ends.append(total)
    return ffi.new("struct timing_access[]", flat or 1), ffi.new("uint32_t[]", ends)


def _step(step: CData) -> Step:
    return Step(
        instruction=step.instruction,
        port=None if step.port == NO_PORT else step.port,
        issue=step.issue,
        dispatch=step.dispatch,
        done=step.done,
        retire=step.retire,
    )
