# SPDX-License-Identifier: GPL-2.0-or-later
"""What changes on a living host, as events and reports: each once, and none of what is not new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.machine_statistics import StatisticsMachine, statistics
from tests.unit.resource_examples import (
    add_channel,
    add_partition,
    add_zone,
    make_database,
    set_state,
)
from ultravisor.life.watch import REPORTED_REASON_BYTES, Watch
from ultravisor.machine.abi import StopReason
from ultravisor.machine.interface import PartitionState as MachineState
from ultravisor.partitions import messages

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase


@pytest.fixture
def database() -> ResourceDatabase:
    return make_database()


@pytest.fixture
def machine() -> StatisticsMachine:
    return StatisticsMachine()


@pytest.fixture
def watch(machine: StatisticsMachine) -> Watch:
    return Watch(machine.machine)


def running(database: ResourceDatabase, watch: Watch, name: str = "a") -> int:
    """Bring a partition to run, seen by the watch."""
    number = add_partition(database, name)
    set_state(database, number, "running")
    list(watch.changes(database))
    return number


def ended(watch: Watch, database: ResourceDatabase) -> list[messages.Ended]:
    """Return what command would be told."""
    reports = [messages.FROM_OUTSIDE.decode(report) for report in watch.ended(database)]
    assert all(isinstance(report, messages.Ended) for report in reports)
    return [report for report in reports if isinstance(report, messages.Ended)]


def test_each_commit_is_told_once(database: ResourceDatabase, watch: Watch) -> None:
    number = add_partition(database, "a")
    assert list(watch.changes(database)) == [("partition", "a", "- -> ready (generation 1)")]
    set_state(database, number, "running")
    assert list(watch.changes(database)) == [
        ("partition", "a", "ready -> running (generation 2)"),
    ]
    assert list(watch.changes(database)) == []


def test_why_a_partition_ended_is_told(database: ResourceDatabase, watch: Watch) -> None:
    number = running(database, watch)
    with database.begin("command") as transaction:
        transaction.set_partition_state(number, "failed", "out of luck")
        transaction.commit()
    assert list(watch.changes(database)) == [
        ("partition", "a", "running -> failed: out of luck (generation 3)"),
    ]


def test_zones_and_domains_are_defined_changed_and_dropped(
    database: ResourceDatabase, watch: Watch
) -> None:
    add_zone(database, "z")
    for text in ("x", "y", None):
        with database.begin("command") as transaction:
            if text is None:
                transaction.drop_domain("d")
            else:
                transaction.set_domain("d", text)
            transaction.commit()
    assert list(watch.changes(database)) == [
        ("zone", "z", "defined (generation 1)"),
        ("domain", "d", "defined (generation 2)"),
        ("domain", "d", "changed (generation 3)"),
        ("domain", "d", "dropped (generation 4)"),
    ]


def test_a_channel_is_named_by_its_id(database: ResourceDatabase, watch: Watch) -> None:
    first, second = add_partition(database, "a"), add_partition(database, "b")
    list(watch.changes(database))
    channel = add_channel(database, first, second)
    assert list(watch.changes(database)) == [
        ("channel", str(channel), "- -> mapped (generation 3)"),
    ]


def test_a_change_that_nobody_follows_is_not_told(database: ResourceDatabase, watch: Watch) -> None:
    with database.begin("command") as transaction:
        transaction.set_quota("machine", "", "partitions", 3)
        transaction.commit()
    assert list(watch.changes(database)) == []
    assert watch.generation == 1


def test_a_name_is_known_after_its_partition_has_gone(
    database: ResourceDatabase, watch: Watch
) -> None:
    number = running(database, watch)
    set_state(database, number, "stopped")
    with database.begin("command") as transaction:
        transaction.destroy_partition(number)
        transaction.commit()
    list(watch.changes(database))
    assert watch.name_of(number) == "a"
    assert watch.name_of(7) == "partition-7"


@pytest.mark.parametrize(
    ("exit_code", "text", "end", "reason"),
    [
        (0, "", "stopped", "exited with code 0"),
        (0, "done", "stopped", "done"),
        (3, "", "failed", "exited with code 3"),
    ],
)
def test_who_exits_is_reported_once(
    database: ResourceDatabase,
    machine: StatisticsMachine,
    watch: Watch,
    exit_code: int,
    text: str,
    end: messages.End,
    reason: str,
) -> None:
    number = running(database, watch)
    assert ended(watch, database) == []
    machine.partitions[number] = statistics(
        state=MachineState.STOPPED,
        stop_reason=StopReason.EXIT,
        exit_code=exit_code,
        stop_text=text,
    )
    assert ended(watch, database) == [messages.Ended(number, 1, end, reason)]
    assert ended(watch, database) == []


def test_who_is_stopped_by_a_trap_has_failed_and_says_where(
    database: ResourceDatabase, machine: StatisticsMachine, watch: Watch
) -> None:
    number = running(database, watch)
    machine.partitions[number] = statistics(
        state=MachineState.STOPPED,
        stop_reason=StopReason.UNHANDLED_TRAP,
        stop_vector=6,
        stop_rip=0x1234,
    )
    (report,) = ended(watch, database)
    assert report.end == "failed"
    assert report.reason.endswith("at 0x1234 without a handler")


def test_a_long_reason_is_cut(
    database: ResourceDatabase, machine: StatisticsMachine, watch: Watch
) -> None:
    number = running(database, watch)
    machine.partitions[number] = statistics(
        state=MachineState.STOPPED, stop_reason=StopReason.EXIT, stop_text="x" * 1000
    )
    (report,) = ended(watch, database)
    assert report.reason == "x" * REPORTED_REASON_BYTES


def test_reports_come_by_number(
    database: ResourceDatabase, machine: StatisticsMachine, watch: Watch
) -> None:
    numbers = [running(database, watch, name) for name in ("c", "b", "a")]
    for number in reversed(numbers):
        machine.partitions[number] = statistics(
            state=MachineState.STOPPED, stop_reason=StopReason.EXIT
        )
    assert [row.partition for row in ended(watch, database)] == numbers


def test_what_the_database_has_ended_is_not_reported(
    database: ResourceDatabase, machine: StatisticsMachine, watch: Watch
) -> None:
    number = running(database, watch)
    set_state(database, number, "stopped")
    machine.partitions[number] = statistics(
        state=MachineState.STOPPED, stop_reason=StopReason.OPERATOR
    )
    # Before the watch has seen the commit, and after.
    assert ended(watch, database) == []
    list(watch.changes(database))
    assert ended(watch, database) == []


def test_a_paused_partition_is_still_watched(
    database: ResourceDatabase, machine: StatisticsMachine, watch: Watch
) -> None:
    number = running(database, watch)
    set_state(database, number, "paused")
    list(watch.changes(database))
    machine.partitions[number] = statistics(
        state=MachineState.STOPPED, stop_reason=StopReason.REVOKED
    )
    assert [row.reason for row in ended(watch, database)] == [
        "its view took away what it still used"
    ]


def test_a_saved_watch_goes_on_where_it_was(
    database: ResourceDatabase, machine: StatisticsMachine, watch: Watch
) -> None:
    number = running(database, watch)
    again = Watch(machine.machine)
    again.load(watch.save())
    machine.partitions[number] = statistics(state=MachineState.STOPPED, stop_reason=StopReason.EXIT)
    assert list(again.changes(database)) == []
    assert again.name_of(number) == "a"
    assert ended(again, database) == ended(watch, database) != []


def test_a_database_that_was_taken_back_is_watched_from_there(
    database: ResourceDatabase, watch: Watch
) -> None:
    add_partition(database, "a")
    add_partition(database, "b")
    list(watch.changes(database))
    earlier = make_database()
    add_partition(earlier, "a")
    assert list(watch.changes(earlier)) == []
    add_partition(earlier, "c")
    assert list(watch.changes(earlier)) == [("partition", "c", "- -> ready (generation 2)")]
