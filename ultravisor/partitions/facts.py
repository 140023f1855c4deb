# SPDX-License-Identifier: GPL-2.0-or-later
"""What command knows of the host when it decides: records read by one transaction.

Owns the collection and the questions that agents ask of it. Made by command from the answers to its
reads, and by `policy explain` for an empty host; it holds the records of ultravisor.resources and
cannot reach the database.
"""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

from ultravisor.resources.records import (
    Channel,
    ChannelEnd,
    Device,
    Domain,
    Extent,
    FrameRange,
    Machine,
    Partition,
    PartitionState,
    Processor,
    Quota,
    Slot,
    VirtualProcessor,
    Zone,
)


class Facts(Struct, frozen=True, kw_only=True):
    """The host at one generation, as far as decisions need it."""

    machine: Machine
    free: tuple[FrameRange, ...] = ()
    """Free machine frames, in ascending order; runs that touch are one."""
    next_descriptor_frame: int | None = None
    """The frame that the database will take for the descriptor of the next partition."""
    partitions: tuple[Partition, ...] = ()
    extents: tuple[Extent, ...] = ()
    virtual_processors: tuple[VirtualProcessor, ...] = ()
    slots: tuple[Slot, ...] = ()
    channels: tuple[Channel, ...] = ()
    channel_ends: tuple[ChannelEnd, ...] = ()
    devices: tuple[Device, ...] = ()
    processors: tuple[Processor, ...] = ()
    zones: tuple[Zone, ...] = ()
    quotas: tuple[Quota, ...] = ()
    domains: tuple[Domain, ...] = ()
    generation: int = 0

    def partition_of(self, domain: str) -> Partition | None:
        """Return the partition that a domain is, unless it is destroyed."""
        for partition in self.partitions:
            if partition.domain == domain and partition.state != PartitionState.DESTROYED:
                return partition
        return None

    def partition_named(self, name: str) -> Partition | None:
        """Return the partition of a name, unless it is destroyed."""
        for partition in self.partitions:
            if partition.name == name and partition.state != PartitionState.DESTROYED:
                return partition
        return None

    def free_number(self) -> int | None:
        """Return the lowest number of the view that nobody has; 0 is never used."""
        taken = {row.number for row in self.partitions if row.state != PartitionState.DESTROYED}
        numbers = range(1, self.machine.partition_limit)
        return next((number for number in numbers if number not in taken), None)

    def slots_by_processor(self) -> dict[int, list[Slot]]:
        """Return each physical processor's slots by position; empty maps too."""
        maps: dict[int, list[Slot]] = {number: [] for number in range(self.machine.processor_count)}
        for slot in sorted(self.slots, key=lambda row: (row.processor, row.position)):
            maps[slot.processor].append(slot)
        return maps

    def load_cycles(self) -> dict[int, int]:
        """Return the sum of the quanta of each physical processor's map, in cycles."""
        return {
            number: sum(slot.quantum_cycles for slot in slots)
            for number, slots in self.slots_by_processor().items()
        }

    def ports_of(self, partition: int) -> set[int]:
        """Return the event ports of a partition that channels and devices use."""
        ends = {end.port for end in self.channel_ends if end.partition == partition}
        return ends | {row.port for row in self.devices if row.owner == partition}

    def device_named(self, name: str) -> Device | None:
        """Return a device by its name."""
        return next((device for device in self.devices if device.name == name), None)


def merge_free(ranges: list[FrameRange]) -> tuple[FrameRange, ...]:
    """Join the runs that touch; the runs may come in any order."""
    merged: list[FrameRange] = []
    for run in sorted(ranges, key=lambda row: row.machine_frame):
        last = merged[-1] if merged else None
        if last is not None and last.machine_frame + last.frame_count == run.machine_frame:
            joined = FrameRange(last.machine_frame, last.frame_count + run.frame_count)
            merged[-1] = joined
        else:
            merged.append(run)
    return tuple(merged)


def without(free: tuple[FrameRange, ...], taken: tuple[FrameRange, ...]) -> tuple[FrameRange, ...]:
    """Return what is free when more is taken; what is taken must have been free."""
    by_run: dict[FrameRange, list[FrameRange]] = defaultdict(list)
    for part in taken:
        by_run[_run_around(free, part)].append(part)
    left: list[FrameRange] = []
    for run in free:
        first, end = run.machine_frame, run.machine_frame + run.frame_count
        for part in sorted(by_run.get(run, ()), key=lambda row: row.machine_frame):
            if part.machine_frame > first:
                left.append(FrameRange(first, part.machine_frame - first))
            first = part.machine_frame + part.frame_count
        if first < end:
            left.append(FrameRange(first, end - first))
    return tuple(left)


def _run_around(free: tuple[FrameRange, ...], part: FrameRange) -> FrameRange:
    for run in free:
        inside = run.machine_frame <= part.machine_frame
        if inside and part.machine_frame + part.frame_count <= run.machine_frame + run.frame_count:
            return run
    raise AssertionError(f"frames {part} are not free")
