# SPDX-License-Identifier: GPL-2.0-or-later
"""What a trace has to know of a host, and its tracks.

Owns the numbers of tracks and the conversion of cycles to nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ultravisor.machine.cores import unit_of
from ultravisor.trace.packets import track

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.plan import HostPlan

NANOSECONDS = 1_000_000_000
HOST_TRACK = 0x10
PROCESSOR_TRACKS = 0x100
PARTITION_TRACKS = 0x1000
VIRTUAL_PROCESSOR_TRACKS = 0x10000


class TracedPartition(NamedTuple):
    """A partition of the host; its number is its place, from 1."""

    name: str
    width: int
    processors: tuple[int, ...]
    """The physical processor of each virtual one."""


class VirtualProcessor(NamedTuple):
    """A virtual processor; its global number is its place."""

    name: str
    partition: int
    """Its number, from 1."""
    width: int
    track: int


@dataclass(frozen=True)
class HostLayout:
    """The host whose trace is written."""

    processor_count: int
    partitions: tuple[TracedPartition, ...]
    links: dict[tuple[int, int], tuple[int, int, int]]
    """From (partition, port) to (partition, virtual processor, port); partitions from 1."""
    clock_frequency_hz: int
    has_core: bool
    facts: tuple[tuple[str, int | str], ...]
    """What was run, for whoever reads the trace."""

    @cached_property
    def virtual_processors(self) -> tuple[VirtualProcessor, ...]:
        """Return all virtual processors by global number."""
        rows = [
            (f"{row.name}/{index}", number, row.width)
            for number, row in enumerate(self.partitions, 1)
            for index in range(len(row.processors))
        ]
        return tuple(
            VirtualProcessor(*row, track=VIRTUAL_PROCESSOR_TRACKS + number)
            for number, row in enumerate(rows)
        )

    def global_number(self, partition: int, index: int) -> int:
        """Return the global number of a partition's virtual processor."""
        return sum(len(row.processors) for row in self.partitions[: partition - 1]) + index

    def nanoseconds(self, cycles: int) -> int:
        """Return the nominal time at which a clock shows so many cycles."""
        return cycles * NANOSECONDS // self.clock_frequency_hz

    def tracks(self) -> Iterator[bytes]:
        """Return the packets that describe the tracks, but for counters."""
        yield track(HOST_TRACK, "host")
        for number in range(self.processor_count):
            yield track(PROCESSOR_TRACKS + number, f"processor {number}", rank=1 + number)
        for number, row in enumerate(self.partitions, 1):
            yield track(PARTITION_TRACKS + number, f"partition {row.name}", rank=100 + number)
        for rank, processor in enumerate(self.virtual_processors):
            parent = PARTITION_TRACKS + processor.partition
            yield track(processor.track, processor.name, parent=parent, rank=rank)


def layout_of(plan: HostPlan, processor_count: int) -> HostLayout:
    """Return what a trace has to know of a planned host."""
    host = plan.configuration.host
    return HostLayout(
        processor_count=processor_count,
        partitions=tuple(
            TracedPartition(row.configuration.name, row.image.width, row.processors)
            for row in plan.partitions
        ),
        links={
            (row.partition + 1, row.port): (
                row.target_partition + 1,
                row.target_processor,
                row.target_port,
            )
            for row in plan.links
        },
        clock_frequency_hz=host.clock_frequency_hz,
        has_core=host.core is not None,
        facts=(
            ("monitor", host.monitor),
            ("timing", host.timing),
            ("clock", host.clock_name),
            ("cycle", unit_of(host.timing)),
            ("clock_frequency_hz", host.clock_frequency_hz),
            ("seed", host.seed),
            ("time", "modelled: cycles of the clock at its nominal frequency, not wall-clock time"),
        ),
    )
