# SPDX-License-Identifier: GPL-2.0-or-later
"""What a view must say for a state of the database, worked out in another way than the product's.

Owns the comparison alone; run after every publication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ultravisor.machine.abi import CHANNEL_END_WRITABLE, SLOT_DONATES, VIEW_DEVICE_ACTIVE
from ultravisor.resources.records import (
    REACHABLE,
    Channel,
    ChannelEnd,
    Device,
    Extent,
    Link,
    Partition,
    Slot,
    VirtualProcessor,
)

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase

STATES = {"ready": 0, "running": 1, "paused": 2, "stopped": 0, "failed": 0}


def check_view(rows: dict[tuple[str, int], Any], database: ResourceDatabase) -> None:
    """Assert that the rows say exactly what the database says: no more, no less, no half."""
    tables: dict[str, dict[int, Any]] = {}
    for (table, index), row in rows.items():
        tables.setdefault(table, {})[index] = row
    shown = {
        row.number: row
        for row in database.records(Partition)
        if row.layout and row.state in STATES and row.kind != "idle"
    }
    partitions = tables.get("partition", {})
    assert partitions.keys() == shown.keys()
    for number, row in partitions.items():
        record = shown[number]
        assert (row.id, row.name, row.incarnation) == (number, record.name, record.incarnation)
        assert row.state == STATES[record.state]
        _check_extents(row, tables.get("extent", {}), database)
    extents = sum(row.extent_count for row in partitions.values())
    assert len(tables.get("extent", {})) == extents
    processors = _check_virtual_processors(partitions, tables, database)
    _check_slots(tables.get("slots", {}), processors, shown.keys(), database)
    _check_channels(partitions, tables.get("channel", {}), shown.keys(), database)
    _check_devices(tables.get("device", {}), shown.keys(), database)
    links = {
        (row.partition, row.port, row.target_partition, row.target_port, row.target_processor)
        for row in database.records(Link)
        if {row.partition, row.target_partition} <= shown.keys()
    }
    assert {
        (row.partition, row.port, row.target_partition, row.target_port, row.target_processor)
        for row in tables.get("link", {}).values()
    } == links


def _check_devices(rows: dict[int, Any], shown: Any, database: ResourceDatabase) -> None:
    """A device is in the row of its id while its owner is in the view; it acts when it operates."""
    assert {
        index: (row.id, row.partition, row.port, row.flags, row.machine_frame, row.guest_frame)
        for index, row in rows.items()
    } == {
        row.id - 1: (
            row.id,
            row.owner,
            row.port,
            VIEW_DEVICE_ACTIVE if row.state == "operating" else 0,
            row.machine_frame,
            row.guest_frame,
        )
        for row in database.records(Device)
        if row.frame_count and row.owner in shown
    }


def _check_extents(row: Any, extents: dict[int, Any], database: ResourceDatabase) -> None:
    found = [extents[row.first_extent + index] for index in range(row.extent_count)]
    assert [(e.partition, e.guest_frame, e.machine_frame, e.frame_count) for e in found] == [
        (e.partition, e.guest_frame, e.machine_frame, e.frame_count)
        for e in database.records_of(Extent, row.id)
    ]


def _check_virtual_processors(
    partitions: dict[int, Any], tables: dict[str, dict[int, Any]], database: ResourceDatabase
) -> dict[tuple[int, int], int]:
    """Return the global number of each virtual processor in the view."""
    numbers: dict[tuple[int, int], int] = {}
    rows = tables.get("virtual_processor", {})
    for number, row in partitions.items():
        records = database.records_of(VirtualProcessor, number)
        assert row.virtual_processor_count == len(records)
        for record in records:
            index = row.first_virtual_processor + record.index
            found = rows[index]
            assert (found.partition, found.index) == (number, record.index)
            assert found.processor == record.processor
            numbers[number, record.index] = index
    assert len(rows) == len(numbers)
    return numbers


def _check_slots(
    slots: dict[int, Any], numbers: dict[tuple[int, int], int], shown: Any, database: Any
) -> None:
    expected: dict[int, list[tuple[int, int, int]]] = {}
    for row in database.records(Slot):
        if row.partition in shown:
            flags = SLOT_DONATES if row.donates else 0
            place = (numbers[row.partition, row.index], flags, row.quantum_cycles)
            expected.setdefault(row.processor, []).append(place)
    assert {
        processor: [(r.virtual_processor, r.flags, r.quantum_cycles) for r in rows]
        for processor, rows in slots.items()
    } == expected


def _check_channels(
    partitions: dict[int, Any], channels: dict[int, Any], shown: Any, database: ResourceDatabase
) -> None:
    expected = {}
    for row in database.records(Channel):
        ends = database.records_of(ChannelEnd, row.id)
        assert len(ends) == 2
        if row.state in REACHABLE and all(end.partition in shown for end in ends):
            places = [
                (e.partition, e.guest_frame, e.port, CHANNEL_END_WRITABLE if e.writable else 0)
                for e in ends
            ]
            expected[row.id] = (row.machine_frame, row.frame_count, places)
    found = {}
    for row in channels.values():
        places = [(e.partition, e.guest_frame, e.port, e.flags) for e in row.ends]
        found[row.id] = (row.machine_frame, row.frame_count, places)
    assert found == expected
    for number, row in partitions.items():
        if row.control_channel:
            assert channels[row.control_channel - 1].ends[0].partition == number
