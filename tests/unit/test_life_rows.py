# SPDX-License-Identifier: GPL-2.0-or-later
"""What a living host says of its partitions, from records and counters that are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.machine_statistics import StatisticsMachine, statistics
from tests.unit.resource_examples import (
    GUID,
    add_channel,
    add_partition,
    make_database,
    set_state,
)
from ultravisor.errors import NotFoundError
from ultravisor.life.rows import (
    PartitionRow,
    find_partition,
    partition_details,
    partition_rows,
)
from ultravisor.machine.abi import Hypercall
from ultravisor.resources.processor_operations import SlotPlan

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase


@pytest.fixture
def database() -> ResourceDatabase:
    return make_database()


@pytest.fixture
def machine() -> StatisticsMachine:
    return StatisticsMachine()


def lay(database: ResourceDatabase, number: int) -> None:
    """Give a partition a layout: the machine runs it."""
    with database.begin("command") as transaction:
        transaction.set_layout(number, b"layout")
        transaction.commit()


def destroy(database: ResourceDatabase, number: int) -> None:
    with database.begin("command") as transaction:
        transaction.destroy_partition(number)
        transaction.commit()


def test_a_row_has_records_and_counters(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    number = add_partition(database, "a", frames=5)
    lay(database, number)
    set_state(database, number, "running")
    machine.partitions[number] = statistics(work=12345)
    assert partition_rows(database, machine.machine) == (
        PartitionRow(
            number=number,
            name="a",
            kind="guest",
            width=64,
            state="running",
            incarnation=1,
            processors=(0,),
            memory_size_bytes=5 * 4096,
            work=12345,
            reason=None,
        ),
    )


def test_who_was_never_laid_has_done_no_work(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    number = add_partition(database, "a")
    machine.partitions[number] = statistics(work=12345)
    (row,) = partition_rows(database, machine.machine)
    assert row.work == 0


def test_who_is_absent_from_the_machine_has_done_no_work(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    lay(database, add_partition(database, "a"))
    (row,) = partition_rows(database, machine.machine)
    assert row.work == 0


def test_who_is_destroyed_is_not_in_the_list(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    destroy(database, add_partition(database, "a"))
    add_partition(database, "b")
    assert [row.name for row in partition_rows(database, machine.machine)] == ["b"]


def test_a_name_finds_the_partition_that_has_it_now(database: ResourceDatabase) -> None:
    destroy(database, add_partition(database, "a"))
    again = add_partition(database, "a")
    assert find_partition(database, "a").number == again


def test_a_name_that_nobody_has_is_refused_with_those_that_are(
    database: ResourceDatabase,
) -> None:
    add_partition(database, "a")
    destroy(database, add_partition(database, "b"))
    add_partition(database, "c")
    with pytest.raises(NotFoundError) as refused:
        find_partition(database, "b")
    assert refused.value.message == "no partition is named `b`"
    assert refused.value.hint == "there are a, c"


def test_details_name_calls_and_traps(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    number = add_partition(database, "a")
    lay(database, number)
    machine.partitions[number] = statistics(
        hypercalls={int(Hypercall.CONSOLE_WRITE): 3},
        traps={14: 2},
        events_sent=4,
        events_delivered=5,
    )
    details = partition_details(database, machine.machine, "a")
    assert details.hypercalls == {"console_write": 3}
    assert list(details.traps.values()) == [2]
    assert (details.events_sent, details.events_delivered) == (4, 5)


def test_details_have_extents_slots_and_devices(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    number = add_partition(database, "a", frames=5)
    with database.begin("command") as transaction:
        transaction.set_quanta(0, [SlotPlan(number, 0, 20)])
        device = transaction.add_device("disk", "disk0", 1500, 2)
        transaction.assign_device(device, number, 5, 3)
        transaction.commit()
    details = partition_details(database, machine.machine, "a")
    (extent,), (slot,), (owned,) = details.extents, details.slots, details.devices
    assert (extent["guest_frame"], extent["frame_count"]) == (0, 5)
    assert (slot["processor"], slot["quantum_cycles"]) == (0, 20)
    assert (owned["id"], owned["name"], owned["guest_frame"]) == (device, "disk0", 5)


def test_details_name_the_other_end_of_a_channel(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    first, second = add_partition(database, "a"), add_partition(database, "b")
    channel = add_channel(database, first, second)
    shared = {"id": channel, "state": "mapped", "type_guid": GUID, "frame_count": 2}
    for name, side, peer in (("a", 0, second), ("b", 1, first)):
        (row,) = partition_details(database, machine.machine, name).channels
        assert row == {**shared, "side": side, "guest_frame": 100, "port": 4, "peer": peer}


def test_details_have_the_generation_of_the_last_change(
    database: ResourceDatabase, machine: StatisticsMachine
) -> None:
    number = add_partition(database, "a")
    add_partition(database, "b")
    assert partition_details(database, machine.machine, "a").version == 1
    set_state(database, number, "running")
    assert partition_details(database, machine.machine, "a").version == 3
