# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that a host needs, read and checked, before anything starts.

Owns the step from a configuration to images, sizes, maps and links. Called by
ultravisor.host and by the command, which thereby finds errors before it forks a child;
it must not load the extension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ultravisor.configuration import LinkEnd, parse_link_end
from ultravisor.device_check import check_host_files
from ultravisor.errors import ConfigurationError, UsageError
from ultravisor.machine.abi import (
    MACHINE_MEMORY_MAXIMUM_MIB,
    MACHINE_MEMORY_MINIMUM_MIB,
    PartitionKind,
    Right,
)
from ultravisor.machine.flat_image import FlatImage, read_flat_image
from ultravisor.machine.image import Image, read_image
from ultravisor.machine.image_width import WIDTHS_BY_BITS
from ultravisor.resolution import find_image, monitor_image

if TYPE_CHECKING:
    from ultravisor.configuration import Configuration, PartitionConfiguration


MIB = 1 << 20
# What a partition gets when neither its configuration nor its image says how much.
MEMORY_DEFAULT_BYTES = 8 * MIB
# The monitor's own share when the host's memory is not given: what lies below the
# frame table, and 1/64 for the table itself and what partitions need beside their memory.
MONITOR_SHARE_BYTES = 16 * MIB
MONITOR_SHARE_DIVISOR = 64
HOST_MEMORY_STEP_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class PlannedPartition:
    """A partition with its image and sizes; its number is its place, from 1."""

    configuration: PartitionConfiguration
    image: Image
    memory_size_bytes: int
    processors: tuple[int, ...]
    rights: Right
    kind: PartitionKind


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A slot of a processor's cyclic map; `partition` is an index."""

    processor: int
    partition: int
    virtual_processor: int
    quantum_cycles: int
    donates: bool


@dataclass(frozen=True, slots=True)
class PlannedLink:
    """A directed link between partitions, which are indexes."""

    partition: int
    port: int
    target_partition: int
    target_port: int
    target_processor: int


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host that can be made."""

    configuration: Configuration
    memory_size_bytes: int
    partitions: tuple[PlannedPartition, ...]
    slots: tuple[PlannedSlot, ...]
    links: tuple[PlannedLink, ...]
    monitor: FlatImage | None
    """The simulated monitor; None for the native build."""

    def index(self, name: str) -> int:
        """Return the index of a partition; raise KeyError where none has the name."""
        for index, partition in enumerate(self.partitions):
            if partition.configuration.name == name:
                return index
        raise KeyError(name)


def make_plan(configuration: Configuration, *, lives: bool = False) -> HostPlan:
    """Read and check all images and files, and compute sizes and maps.

    Devices are of a host that `lives`: raises UsageError where there are some, and it does not.
    """
    if configuration.device and not lives:
        raise UsageError(
            f"[[device]] `{configuration.device[0].name}`: a host that boots has no devices",
            "a living host has: `ultravisor up` takes the same file",
        )
    check_host_files(configuration.device)
    host = configuration.host
    # A record and a saved state say what ran, whatever the default will be one day.
    host = msgspec.structs.replace(host, clock=host.clock_name)
    configuration = msgspec.structs.replace(configuration, host=host)
    images: dict[str, Image] = {}
    partitions = []
    for index, row in enumerate(configuration.partition):
        if row.image not in images:
            images[row.image] = read_image(find_image(row.image))
        partitions.append(_partition(configuration, index, images[row.image]))
    simulated = configuration.host.monitor == "simulated"
    return HostPlan(
        configuration=configuration,
        memory_size_bytes=_memory_size_bytes(configuration, partitions),
        partitions=tuple(partitions),
        slots=_slots(configuration),
        links=_links(configuration),
        monitor=read_flat_image(monitor_image(configuration.host.fpu)) if simulated else None,
    )


def _partition(configuration: Configuration, index: int, image: Image) -> PlannedPartition:
    row = configuration.partition[index]
    if row.memory_mib is not None:
        memory_size_bytes = row.memory_mib * MIB
    else:
        memory_size_bytes = _rounded(image.memory_size_bytes or MEMORY_DEFAULT_BYTES, MIB)
    width = WIDTHS_BY_BITS[image.width]
    if memory_size_bytes > width.memory_maximum_mib * MIB:
        raise ConfigurationError(
            f"partition `{row.name}`: {memory_size_bytes // MIB} MiB of memory for {image.path}; "
            f"{width.memory_limit}",
            "lower the partition's memory_mib",
        )
    if image.size_bytes > memory_size_bytes:
        raise ConfigurationError(
            f"partition `{row.name}`: {image.path} needs {image.size_bytes} bytes for its "
            f"segments, the partition has {memory_size_bytes}",
            "raise the partition's memory_mib",
        )
    rights = Right.NONE
    for name in row.rights:
        rights |= Right[name.upper()]
    kind = PartitionKind[row.kind.upper()]
    processors = configuration.processors_of(index)
    return PlannedPartition(row, image, memory_size_bytes, processors, rights, kind)


def _memory_size_bytes(configuration: Configuration, partitions: list[PlannedPartition]) -> int:
    """Return the host's memory: as given, or what the partitions need and a share."""
    used = sum(partition.memory_size_bytes for partition in partitions)
    limit = (configuration.host.memory_mib or MACHINE_MEMORY_MAXIMUM_MIB) * MIB
    needed = used + used // MONITOR_SHARE_DIVISOR + MONITOR_SHARE_BYTES
    if used >= limit or (configuration.host.memory_mib is None and needed > limit):
        raise ConfigurationError(
            f"the partitions need {-(-used // MIB)} MiB, and the monitor its share of memory; "
            f"the host has {limit // MIB} MiB",
            "give the host more memory (--memory, host.memory_mib) or the partitions less",
        )
    if configuration.host.memory_mib is not None:
        return limit
    return min(
        limit, max(_rounded(needed, HOST_MEMORY_STEP_BYTES), MACHINE_MEMORY_MINIMUM_MIB * MIB)
    )


def _rounded(size_bytes: int, step_bytes: int) -> int:
    return -(-size_bytes // step_bytes) * step_bytes


def _slots(configuration: Configuration) -> tuple[PlannedSlot, ...]:
    """Return the maps: the slots given, and one a virtual processor elsewhere."""
    indexes = {row.name: index for index, row in enumerate(configuration.partition)}
    explicit = {row.processor for row in configuration.slot}
    given = [
        PlannedSlot(
            row.processor,
            indexes[row.partition],
            row.virtual_processor,
            row.quantum_cycles,
            row.donates,
        )
        for row in configuration.slot
    ]
    made = [
        PlannedSlot(processor, index, number, row.quantum_cycles, False)
        for index, row in enumerate(configuration.partition)
        for number, processor in enumerate(configuration.processors_of(index))
        if processor not in explicit
    ]
    return tuple(given + made)


def _links(configuration: Configuration) -> tuple[PlannedLink, ...]:
    indexes = {row.name: index for index, row in enumerate(configuration.partition)}

    def directed(start: LinkEnd, end: LinkEnd) -> PlannedLink:
        return PlannedLink(
            indexes[start.partition],
            start.port,
            indexes[end.partition],
            end.port,
            end.virtual_processor,
        )

    links = []
    for row in configuration.link:
        start, end = parse_link_end(row.from_), parse_link_end(row.to)
        links.append(directed(start, end))
        if row.both:
            links.append(directed(end, start))
    return tuple(links)
