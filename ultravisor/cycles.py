# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the cycles of a cycle-level core went, as results name it.

Owns the names of paths, causes and events in results, and the rule that only what has a
cycle or an event is told. Called by result_builder; it must not print.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.machine.interface import TimingEvent, TimingPath
from ultravisor.results import CycleResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine.cycle_records import TimingStatistics
    from ultravisor.machine.machine import Machine

EVENT_NAMES: Final[dict[TimingEvent, str]] = {
    TimingEvent.INSTRUCTION: "instructions",
    TimingEvent.UOP: "uops",
    TimingEvent.UNKNOWN_INSTRUCTION: "unknown_instructions",
    TimingEvent.LOAD: "loads",
    TimingEvent.STORE: "stores",
    TimingEvent.FORWARD: "forwards",
    TimingEvent.BLOCKED_FORWARD: "blocked_forwards",
    TimingEvent.DATA_CACHE_MISS: "data_cache_misses",
    TimingEvent.SECOND_CACHE_MISS: "second_cache_misses",
    TimingEvent.SHARED_CACHE_MISS: "shared_cache_misses",
    TimingEvent.CODE_CACHE_MISS: "code_cache_misses",
    TimingEvent.DATA_TLB_MISS: "data_tlb_misses",
    TimingEvent.CODE_TLB_MISS: "code_tlb_misses",
    TimingEvent.PAGE_WALK: "page_walks",
    TimingEvent.BRANCH: "branches",
    TimingEvent.MISPREDICT: "mispredicts",
    TimingEvent.RESTEER: "resteers",
    TimingEvent.UOP_CACHE_HIT: "uop_cache_hits",
    TimingEvent.UOP_CACHE_MISS: "uop_cache_misses",
    TimingEvent.TRANSITION: "transitions",
    TimingEvent.COHERENCE: "coherence_transfers",
    TimingEvent.PREFETCH: "prefetches",
}
# Partition 0 is nobody's: it has no code, and what would be its own is idling.
IDLE_NAME: Final = "idle"


def path_name(partition: int, path: TimingPath) -> str:
    """Return how results call a path: `guest`, `hypercall`, or of partition 0 `idle`."""
    if partition == 0 and path == TimingPath.GUEST:
        return IDLE_NAME
    return path.name.lower()


def cycle_results(machine: Machine, names: Sequence[str]) -> tuple[CycleResult, ...]:
    """Return a row for each processor, partition and path on which anything happened."""
    found = []
    for processor in range(machine.options.processor_count):
        for partition in range(len(names) + 1):
            for path in TimingPath:
                statistics = machine.timing_statistics(processor, partition, path)
                if any(statistics.cycles.values()) or any(statistics.events.values()):
                    name = names[partition - 1] if partition else None
                    found.append(_result(processor, name, path_name(partition, path), statistics))
    return tuple(found)


def _result(
    processor: int, partition: str | None, path: str, statistics: TimingStatistics
) -> CycleResult:
    return CycleResult(
        processor=processor,
        partition=partition,
        path=path,
        cycles=sum(statistics.cycles.values()),
        stack={cause.name.lower(): count for cause, count in statistics.cycles.items()},
        events={EVENT_NAMES[event]: count for event, count in statistics.events.items()},
    )
