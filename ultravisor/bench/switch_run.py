# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the guests of a path, and records every instruction of its rounds.

Owns the order of a round: until the guest delays, pause, make cold what shall be cold,
record until it delays again. Pausing is invisible to guests. Used by switch_measure; it
knows no phases.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ultravisor.bench.switch_paths import IMAGES, StateName
from ultravisor.bench.switch_rows import Record, read_rows
from ultravisor.bench.switch_symbols import symbol_addresses
from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    LinkConfiguration,
    PartitionConfiguration,
    SlotConfiguration,
)
from ultravisor.errors import MachineError
from ultravisor.host import Host
from ultravisor.machine.flat_image import read_flat_image
from ultravisor.machine.interface import ExitReason, TimingEvent, TimingForget, TimingPath
from ultravisor.plan import MIB, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from ultravisor.bench.switch_paths import Scenario
    from ultravisor.machine.cores import CoreName
    from ultravisor.machine.models import Model
    from ultravisor.plan import HostPlan

# USER_TEXT_ADDRESS and WORK_STEP_BYTES of guest_kernels/paths/paths.h.
USER_TEXT_ADDRESS: Final = 0x10000000
WORK_STEP_BYTES: Final = 4096 + 64
PAGE_LIMIT: Final = 1024
WARM_ROUNDS: Final = 4
# Far shorter than the guest's delay, so that the host comes by while it lasts.
SLICE_CYCLES: Final = 1000
ROUND_LIMIT_CYCLES: Final = 100_000_000
WINDOW_INSTRUCTIONS: Final = 40_000
QUANTUM_ENDLESS_CYCLES: Final = 1 << 40
# Of the guests that are preempted; for each page that their work touches so much more.
QUANTUM_CYCLES: Final = 60_000
QUANTUM_PAGE_CYCLES: Final = 1000
# How long before the end of a slot the host makes cold what shall be cold.
BEFORE_SLOT_END_CYCLES: Final = 600
WINDOW_PREEMPTED_INSTRUCTIONS: Final = 10_000
WINDOW_PAGE_INSTRUCTIONS: Final = 10
LINK_PORT: Final = 8

FORGET: Final[dict[StateName, int]] = {
    "warm": 0,
    # Decoded instructions go with the lines of code that they are of.
    "cold-cache": TimingForget.CACHES | TimingForget.UOPS,
    "cold-tlb": TimingForget.TRANSLATIONS,
    "cold-predictor": TimingForget.PREDICTORS,
    "all-cold": TimingForget.CACHES
    | TimingForget.TRANSLATIONS
    | TimingForget.PREDICTORS
    | TimingForget.UOPS,
}
STATES: Final[tuple[StateName, ...]] = tuple(FORGET)


class Setting(NamedTuple):
    """On what everything is run."""

    core: CoreName
    pages: int
    repeats: int
    monitor: Path
    """The simulated monitor's image."""
    model: Model = ()
    """What the core counts though the machine lacks it."""


class Guests:
    """A booted host whose guests go one path round after round; a context manager."""

    def __init__(self, setting: Setting, scenario: Scenario, width: int, *, vmcall: bool) -> None:
        """Boot, and run until every part of the path has been gone a few times."""
        plan = _plan(setting, scenario, width, vmcall=vmcall)
        data = plan.partitions[0].image.data
        self.symbols = symbol_addresses(data)
        self._scenario = scenario
        self._pages = setting.pages
        self._quantum_cycles = QUANTUM_CYCLES + QUANTUM_PAGE_CYCLES * setting.pages
        self._host = Host(plan)
        self._machine = self._host.machine
        self._position_cycles = 0
        try:
            if scenario.is_preempted:
                self._wait_for_work()
            else:
                for _ in range(WARM_ROUNDS):
                    self._go_to_delay()
            self._begin = (self._machine.snapshot(), self._position_cycles)
        except BaseException:
            self._host.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._host.close()

    def records(self, state: StateName, repeats: int) -> Iterator[Record]:
        """Go the path so often, each time in that state; from the same moment on every time."""
        snapshot, self._position_cycles = self._begin
        self._machine.restore(snapshot)
        for turn in range(repeats + 1):
            if self._scenario.is_preempted:
                self._record_preemption(state)
            else:
                self._record_round(state)
            if turn == 0:
                # The first one follows on rounds in another state.
                continue
            rows = read_rows(self._machine.window_data())
            offset = USER_TEXT_ADDRESS - self.symbols["user_program"]
            yield Record(rows, self.symbols, offset)

    def _record_round(self, state: StateName) -> None:
        self._open(state, WINDOW_INSTRUCTIONS)
        self._go_to_delay()

    def _record_preemption(self, state: StateName) -> None:
        """Find when the slot ends; go back, and stop shortly before."""
        before, position_cycles = self._machine.snapshot(), self._position_cycles
        turns = self._turns()
        while self._turns() == turns:
            self._run_to(self._position_cycles + BEFORE_SLOT_END_CYCLES)
        end_cycles = self._position_cycles
        self._machine.restore(before)
        before.free()
        self._position_cycles = position_cycles
        self._run_to(end_cycles - 2 * BEFORE_SLOT_END_CYCLES)
        self._open(state, WINDOW_PREEMPTED_INSTRUCTIONS + WINDOW_PAGE_INSTRUCTIONS * self._pages)
        self._run_to(end_cycles + self._quantum_cycles * 2 // 3)

    def _open(self, state: StateName, instruction_count: int) -> None:
        if FORGET[state]:
            self._machine.timing_forget(0, TimingForget(FORGET[state]))
        self._machine.window_open(0, 0, instruction_count)

    def _turns(self) -> int:
        """Return something that changes when a slot ends: switches; of a guest alone, ticks."""
        if len(self._scenario.words) > 1:
            return self._machine.processor_statistics(0).switches
        ticks = self._machine.timing_statistics(0, 1, TimingPath.INTERRUPT)
        return ticks.events[TimingEvent.INSTRUCTION]

    def _rounds(self, partition: int) -> int:
        """Return how many rounds a guest has begun."""
        pointer = self._machine.guest_read(partition, self.symbols["path_control"], 8)
        address = int.from_bytes(pointer, "little")
        return int.from_bytes(self._machine.guest_read(partition, address, 8), "little")

    def _go_to_delay(self) -> None:
        """Run until the client has begun a round; it delays then."""
        self._run_until_more(self._scenario.client, SLICE_CYCLES)

    def _wait_for_work(self) -> None:
        """Run until all have begun to work, and some slots more."""
        for partition in range(1, len(self._scenario.words) + 1):
            if self._rounds(partition) == 0:
                self._run_until_more(partition, self._quantum_cycles)
        self._run_to(self._position_cycles + WARM_ROUNDS * 2 * self._quantum_cycles)

    def _run_until_more(self, partition: int, slice_cycles: int) -> None:
        rounds = self._rounds(partition)
        limit = self._position_cycles + ROUND_LIMIT_CYCLES
        while self._rounds(partition) == rounds:
            self._run_to(self._position_cycles + slice_cycles)
            if self._position_cycles > limit:
                raise self._failed(f"no round was done in {ROUND_LIMIT_CYCLES:,} cycles")

    def _run_to(self, position_cycles: int) -> None:
        self._position_cycles = position_cycles
        reason = self._machine.run(position_cycles).reason
        if reason != ExitReason.PAUSED:
            said = b"".join(chunk.data for chunk in self._machine.consoles()).decode().strip()
            raise self._failed(said or self._machine.error() or reason.name.lower())

    def _failed(self, why: str) -> MachineError:
        return MachineError(
            f"the guests of {' and '.join(self._scenario.words)} did not go on: {why}",
            "an entry path of your own may not return as the monitor's does",
        )


def _plan(setting: Setting, scenario: Scenario, width: int, *, vmcall: bool) -> HostPlan:
    names = [f"guest{number}" for number in range(1, len(scenario.words) + 1)]
    options = f"pages={setting.pages}{' vmcall' if vmcall else ''}"
    memory_mib = 4 + setting.pages * WORK_STEP_BYTES // MIB
    quantum_cycles = QUANTUM_ENDLESS_CYCLES
    if scenario.is_preempted:
        quantum_cycles = QUANTUM_CYCLES + QUANTUM_PAGE_CYCLES * setting.pages
    ends = [f"{name}:{LINK_PORT}" for name in names]
    plan = make_plan(
        Configuration(
            host=HostConfiguration(
                processors=1, monitor="simulated", timing=setting.core, model=setting.model
            ),
            partition=tuple(
                PartitionConfiguration(
                    name=name,
                    image=IMAGES[width],
                    command_line=f"{word} {options}",
                    memory_mib=memory_mib,
                )
                for name, word in zip(names, scenario.words, strict=True)
            ),
            slot=tuple(
                SlotConfiguration(
                    processor=0, partition=name, quantum_cycles=quantum_cycles, donates=True
                )
                for name in names
            ),
            link=(LinkConfiguration(from_=ends[0], to=ends[1]),) if len(names) > 1 else (),
        )
    )
    return dataclasses.replace(plan, monitor=read_flat_image(setting.monitor))
