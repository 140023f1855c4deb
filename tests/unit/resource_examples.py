# SPDX-License-Identifier: GPL-2.0-or-later
"""Small machines and partitions for the tests of the resource database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.resources.channel_operations import EndPlan
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.journal import Journal, MemoryJournal
from ultravisor.resources.records import FrameRange, Limits, MachineDescription

if TYPE_CHECKING:
    from ultravisor.resources.changes import Commit

GUID = "2ebe7f20-0b44-4d3c-8ffa-7d1f6a6fd1e6"
ZONE_GUID = "3b1c0c5e-7a7e-4a53-9f0c-5b6a4f6f0a11"
# Three whole 2 MiB blocks and seven frames; the first 16 frames are the monitor's.
FRAMES = 3 * 512 + 7
RESERVED = 16
MACHINE = MachineDescription(
    frame_count=FRAMES,
    processor_count=2,
    processor_capacity_cycles=1000,
    reserved=(FrameRange(0, RESERVED),),
    limits=Limits(partition_limit=8, slot_limit=4, partition_extent_limit=4, port_limit=8),
)


def make_database(
    journal: Journal | None = None, machine: MachineDescription = MACHINE
) -> ResourceDatabase:
    """Return a database of a small machine."""
    return ResourceDatabase.open(MemoryJournal() if journal is None else journal, machine)


def add_partition(
    database: ResourceDatabase, name: str, *, frames: int = 4, zone: str | None = None
) -> int:
    """Commit a partition with memory and one virtual processor; return its number."""
    transaction = database.begin("command")
    number = transaction.create_partition(name, zone=zone)
    transaction.assign_memory(number, frames)
    transaction.add_virtual_processor(number, 0)
    for state in ("allocated", "ready"):
        transaction.set_partition_state(number, state)
    transaction.commit()
    return number


def set_state(database: ResourceDatabase, number: int, state: str) -> Commit:
    """Commit a change of a partition's state."""
    transaction = database.begin("command")
    transaction.set_partition_state(number, state)
    return transaction.commit()


def ends(first: int, second: int, place: int = 100) -> tuple[EndPlan, EndPlan]:
    """Return the two ends of a channel at a guest-physical place and a port of it."""
    port = place % 8
    return EndPlan(first, place, port), EndPlan(second, place, port)


def add_channel(
    database: ResourceDatabase, first: int, second: int, place: int = 100, policy: str = ""
) -> int:
    """Commit a mapped channel; return its id."""
    transaction = database.begin("command")
    channel = transaction.plan_channel(GUID, 2, ends(first, second, place), policy)
    transaction.map_channel(channel)
    transaction.commit()
    return channel


def add_zone(database: ResourceDatabase, name: str, guid: str = ZONE_GUID) -> None:
    """Commit a zone."""
    transaction = database.begin("command")
    transaction.create_zone(name, guid)
    transaction.commit()
