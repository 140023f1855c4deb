# SPDX-License-Identifier: GPL-2.0-or-later
"""The cycle-level cores: decode blocks, run them, measure one unrolled.

Owns the typed face of native/timing. Imported by ultravisor.timing and by tests; it must
not know partitions, files or published measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.errors import NotFoundError
from ultravisor.machine.cores import CORES, VALIDATED
from ultravisor.machine.cycle_records import Step, TimingStatistics, read_statistics, read_step
from ultravisor.machine.native import check, ffi, lib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine._native import CData
    from ultravisor.machine.interface import TimingIdeal, TimingTransition

__all__ = [
    "CORES",
    "START_ADDRESS",
    "VALIDATED",
    "Access",
    "BlockMeter",
    "BlockRun",
    "Code",
    "Core",
    "Cost",
    "Measurement",
    "SharedCache",
    "Step",
    "TimingStatistics",
    "costs",
]

# A multiple of a page: where a block begins within a line of code is then known.
START_ADDRESS = 1 << 28


@dataclass(frozen=True, slots=True)
class Access:
    """One load or store, in program order."""

    address: int
    machine_address: int
    size_bytes: int
    is_write: bool
    # Of the block, from 1; 0: the first that has such an access.
    instruction: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRun:
    """How a block is run; `accesses` has those of each copy, warm ones included."""

    width_bits: int = 64
    address: int = START_ADDRESS
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
        run_.address = wanted.address
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
            steps=tuple(read_step(steps[i]) for i in range(measurement.step_count)),
        )


def _accesses(accesses: Sequence[Sequence[Access]]) -> tuple[CData, CData]:
    flat = [
        (
            item.address & (1 << 64) - 1,
            item.machine_address,
            item.size_bytes,
            int(item.is_write),
            item.instruction,
        )
        for copy in accesses
        for item in copy
    ]
    ends = []
    total = 0
    for copy in accesses:
        total += len(copy)
        ends.append(total)
    return ffi.new("struct timing_access[]", flat or 1), ffi.new("uint32_t[]", ends)


@dataclass(frozen=True, slots=True)
class Cost:
    """A row of the hand-kept table of costs."""

    name: str
    cycles: int
    assumed: bool
    source: str


def costs(core: str) -> tuple[Cost, ...]:
    """Return every instruction that costs cycles instead of ports, with its source."""
    parameters = core_parameters(core)
    row = ffi.new("struct timing_cost *")
    found: list[Cost] = []
    while lib.timing_cost_row(parameters, len(found), row):
        name, source = ffi.string(row.name).decode(), ffi.string(row.source).decode()
        found.append(Cost(name, row.cycles, bool(row.assumed), source))
    return tuple(found)


class Code:
    """A decoded block."""

    def __init__(self, decoder: CData, code: bytes, address: int, width_bits: int) -> None:
        self.address = address
        self.size_bytes = len(code)
        decoded = lib.timing_decode(
            decoder, ffi.from_buffer("uint8_t[]", code), len(code), address, width_bits
        )
        self.handle = ffi.gc(decoded, lib.timing_code_free)
        self.instruction_count: int = lib.timing_code_instruction_count(self.handle)
        self.unknown_count: int = lib.timing_code_unknown_count(self.handle)

    def effects(self, instruction: int) -> tuple[int, int]:
        """Return what an instruction waits for and what it makes, as bits."""
        sources, destinations = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        lib.timing_code_effects(self.handle, instruction, sources, destinations)
        return sources[0], destinations[0]


class SharedCache:
    """The last cache of a host; cores that share it are given it when they are made."""

    def __init__(self, core: str) -> None:
        self.handle = ffi.gc(lib.timing_shared_open(core_parameters(core)), lib.timing_shared_close)


def _outcome(code: Code, items: CData, count: int, target: int | None) -> CData:
    outcome = ffi.new("struct timing_outcome *")
    outcome.accesses, outcome.access_count = items, count
    outcome.executed_count = code.instruction_count
    outcome.address = outcome.machine_address = code.address
    outcome.branch_taken, outcome.target = target is not None, target or 0
    return outcome


class Core:
    """One physical processor's timing, driven block by block."""

    def __init__(self, core: str, shared: SharedCache | None = None) -> None:
        parameters = core_parameters(core)
        # Kept alive: the core reaches into them.
        self._shared = shared
        self._steps = ffi.new("struct timing_step[]", 1)
        self._decoder = ffi.gc(lib.timing_decoder_open(parameters), lib.timing_decoder_close)
        self._core = ffi.gc(lib.timing_core_open(parameters), lib.timing_core_close)
        if shared is not None:
            check(lib.timing_shared_attach(shared.handle, self._core))

    def decode(self, code: bytes, address: int = START_ADDRESS, width_bits: int = 64) -> Code:
        """Decode a block, once."""
        return Code(self._decoder, code, address, width_bits)

    def execute(
        self,
        code: Code,
        accesses: Sequence[Access] = (),
        *,
        target: int | None = None,
        first: int = 0,
        executed: int | None = None,
    ) -> int:
        """Run a block, its branch taken to `target` if given; return the cycles it took.

        In parts, if wanted: from the instruction `first` on, up to `executed` of all.
        """
        items, _ = _accesses([accesses])
        outcome = _outcome(code, items, len(accesses), target)
        outcome.first_instruction = first
        if executed is not None:
            outcome.executed_count = executed
        return lib.timing_execute(self._core, code.handle, outcome)

    def repeat(self, code: Code, accesses: Sequence[Access], times: int) -> None:
        """Run a block again and again with the same accesses, for benchmarks."""
        items, _ = _accesses([accesses])
        outcome = _outcome(code, items, len(accesses), code.address)
        lib.timing_repeat(self._core, code.handle, outcome, times)

    def transition(self, transition: TimingTransition, value: int = 0) -> int:
        """Let something happen beside instructions; return its cycles."""
        return lib.timing_transition(self._core, int(transition), value)

    def model(self, model: int, monitor_address: int = 0, monitor_size_bytes: int = 0) -> None:
        """Set bits of MachineModel, and where the monitor lies."""
        lib.timing_core_model(self._core, int(model), monitor_address, monitor_size_bytes)

    @property
    def owner(self) -> int:
        """Return whose root was loaded last; 0: nobody's."""
        return lib.timing_core_owner(self._core)

    def stale(self, owner: int, *, in_force_too: bool) -> None:
        """Let an owner's tables have changed."""
        lib.timing_core_stale(self._core, owner, int(in_force_too))

    def record(self, limit: int) -> None:
        """Record the first micro-ops from now on; 0: no more."""
        self._steps = ffi.new("struct timing_step[]", max(1, limit))
        lib.timing_core_record(self._core, self._steps if limit else ffi.NULL, limit)

    def recorded(self) -> tuple[Step, ...]:
        """Return what was recorded."""
        count = lib.timing_core_recorded(self._core)
        return tuple(read_step(self._steps[i]) for i in range(count))

    def context(self, number: int) -> None:
        """Attribute what follows to a context."""
        lib.timing_core_context(self._core, number)

    def reset(self) -> None:
        """Forget everything."""
        lib.timing_core_reset(self._core)

    @property
    def cycles(self) -> int:
        """Return the core's clock."""
        return lib.timing_core_cycles(self._core)

    def statistics(self, context: int = 0) -> TimingStatistics:
        """Return a context's figures."""
        found = ffi.new("struct timing_statistics *")
        lib.timing_core_statistics(self._core, context, found)
        return read_statistics(found)

    def state(self) -> bytes:
        """Return all that a snapshot keeps."""
        size = ffi.new("uint64_t *")
        memory = lib.timing_core_state(self._core, size)
        return bytes(ffi.buffer(memory, size[0]))

    def restore(self, state: bytes) -> None:
        """Go back to a state that was kept."""
        size = ffi.new("uint64_t *")
        memory = lib.timing_core_state(self._core, size)
        ffi.buffer(memory, size[0])[:] = state
