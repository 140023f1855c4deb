# SPDX-License-Identifier: GPL-2.0-or-later
"""Transactions: optimistic, all or nothing, safe to retry, and never starved."""

from __future__ import annotations

import pytest

from tests.unit.resource_examples import (
    add_channel,
    add_partition,
    add_zone,
    make_database,
    set_state,
)
from ultravisor.resources.commit_engine import IDLE_LIMIT_CYCLES, OPEN_LIMIT
from ultravisor.resources.errors import (
    ConflictError,
    InvalidError,
    LimitError,
    OwnershipError,
    StateError,
    UnknownIdError,
)
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.processor_operations import SlotPlan
from ultravisor.resources.records import (
    Channel,
    Device,
    Domain,
    Extent,
    Partition,
    PartitionState,
    Quota,
    Slot,
    VirtualProcessor,
    Zone,
)
from ultravisor.resources.reservations import AGED_AFTER


def test_a_commit_is_the_next_generation() -> None:
    database = make_database()
    transaction = database.begin("command")
    transaction.create_partition("a")
    assert transaction.commit().generation == 1
    assert database.generation == 1


def test_what_only_reads_makes_no_generation() -> None:
    database = make_database()
    number = add_partition(database, "a")
    transaction = database.begin("command")
    assert transaction.read_partition(number).name == "a"
    assert transaction.commit().generation == 1
    assert database.generation == 1


def test_values_answer_the_operations_in_their_order() -> None:
    database = make_database()
    transaction = database.begin("command")
    number = transaction.create_partition("a")
    transaction.assign_memory(number, 4)
    transaction.add_virtual_processor(number, 1)
    # The descriptor took frame 1536, first of the smallest free run; the rest of it fits best.
    assert transaction.commit().values == (1, ((0, 1537, 4),), 0)


def test_operations_wait_for_the_commit() -> None:
    database = make_database()
    before = database.state_hash()
    transaction = database.begin("command")
    transaction.create_partition("a")
    assert database.state_hash() == before
    transaction.abort()
    with pytest.raises(StateError, match="it is aborted"):
        transaction.create_partition("b")


def test_a_refused_transaction_changes_nothing() -> None:
    database = make_database()
    before = database.state_hash()
    transaction = database.begin("command")
    number = transaction.create_partition("a")
    transaction.assign_memory(number, 100_000)
    with pytest.raises(LimitError, match=r"table block: 100000 frames .* 1526 frames are free"):
        transaction.commit()
    assert (database.state_hash(), database.generation) == (before, 0)
    with pytest.raises(StateError, match="it is refused"):
        transaction.commit()


def test_a_dry_run_tells_and_keeps_nothing() -> None:
    journal = MemoryJournal()
    database = make_database(journal)
    before = database.state_hash()
    transaction = database.begin("command")
    transaction.create_partition("a")
    commit = transaction.commit(dry_run=True)
    assert [change.table for change in commit.changes][-1] == "quota"
    assert (database.state_hash(), journal.last) == (before, 0)


def test_changes_have_the_whole_records() -> None:
    database = make_database()
    number = add_partition(database, "a")
    commit = set_state(database, number, "running")
    (change,) = commit.changes
    assert isinstance(change.before, Partition)
    assert isinstance(change.after, Partition)
    assert (change.before.state, change.after.state) == ("ready", "running")
    assert (change.before.version, change.after.version) == (1, 2)


# Conflicts.


def test_a_changed_record_is_a_conflict() -> None:
    database = make_database()
    number = add_partition(database, "a")
    first, second = database.begin("command"), database.begin("command")
    for transaction in (first, second):
        transaction.set_partition_state(number, "running")
    first.commit()
    with pytest.raises(ConflictError, match=r"table partition, key \(1,\): it changed in gen"):
        second.commit()


def test_what_was_read_must_not_have_changed() -> None:
    database = make_database()
    one, two = add_partition(database, "a"), add_partition(database, "b")
    transaction = database.begin("command")
    transaction.read_partition(one)
    transaction.set_partition_state(two, "running")
    set_state(database, one, "running")
    with pytest.raises(ConflictError, match="table partition, key"):
        transaction.commit()


def test_reading_what_changed_since_the_beginning_is_a_conflict() -> None:
    database = make_database()
    number = add_partition(database, "a")
    transaction = database.begin("command")
    set_state(database, number, "running")
    with pytest.raises(ConflictError, match="after this transaction began at generation 1"):
        transaction.read_partition(number)


def test_transactions_on_different_things_do_not_conflict() -> None:
    database = make_database()
    one, two = add_partition(database, "a"), add_partition(database, "b")
    first, second = database.begin("command"), database.begin("command")
    first.assign_memory(one, 2)
    second.assign_memory(two, 2)
    first.commit()
    assert second.commit().generation == 4


def test_what_belongs_to_a_partition_changes_its_version() -> None:
    database = make_database()
    number = add_partition(database, "a")
    transaction = database.begin("command")
    assert [extent.frame_count for extent in transaction.records_of(Extent, number)] == [4]
    other = database.begin("command")
    other.assign_memory(number, 1)
    other.commit()
    transaction.set_domain("d", "x")
    with pytest.raises(ConflictError):
        transaction.commit()


def test_a_list_conflicts_with_any_change_of_its_table() -> None:
    database = make_database()
    add_partition(database, "a")
    transaction = database.begin("command")
    assert len(transaction.records(Partition)) == 1
    add_partition(database, "b")
    transaction.set_domain("d", "x")
    with pytest.raises(ConflictError, match="table partition: it changed in generation 2"):
        transaction.commit()


def test_what_was_missing_must_still_be_missing() -> None:
    database = make_database()
    transaction = database.begin("command")
    with pytest.raises(UnknownIdError):
        transaction.read(Zone, "z")
    add_zone(database, "z")
    transaction.set_domain("d", "x")
    with pytest.raises(ConflictError, match="table zone"):
        transaction.commit()


def test_what_was_read_must_still_be_there() -> None:
    database = make_database()
    add_zone(database, "z")
    transaction = database.begin("command")
    transaction.read(Zone, "z")
    other = database.begin("command")
    other.destroy_zone("z")
    other.commit()
    transaction.set_domain("d", "x")
    with pytest.raises(ConflictError, match="it is gone"):
        transaction.commit()


def test_a_version_that_was_read_earlier_can_be_expected() -> None:
    database = make_database()
    number = add_partition(database, "a")
    version = database.get(Partition, number).version
    transaction = database.begin("command")
    transaction.expect("partition", (number,), version)
    transaction.set_partition_state(number, "running")
    transaction.commit()
    with pytest.raises(ConflictError, match="it has changed"):
        database.begin("command").expect("partition", (number,), version)


def test_two_creators_get_different_numbers() -> None:
    database = make_database()
    first, second = database.begin("command"), database.begin("command")
    numbers = first.create_partition("a"), second.create_partition("b")
    second.commit()
    first.commit()
    assert numbers == (1, 2)


def test_a_promise_ends_with_its_transaction() -> None:
    database = make_database()
    transaction = database.begin("command")
    assert transaction.create_partition("a") == 1
    transaction.abort()
    assert database.begin("command").create_partition("b") == 1


# Retries.


def test_a_repeated_request_gets_the_stored_answer() -> None:
    journal = MemoryJournal()
    database = make_database(journal)
    transaction = database.begin("command")
    transaction.create_partition("a")
    first = transaction.commit(7)
    for again in (database, make_database(journal)):
        retry = again.begin("command")
        retry.create_partition("a")
        commit = retry.commit(7)
        assert (commit.generation, commit.values, commit.repeated) == (1, first.values, True)
        assert again.generation == 1


def test_request_ids_of_askers_are_apart() -> None:
    database = make_database()
    for asker in ("command", "operations"):
        transaction = database.begin(asker)
        transaction.set_domain(asker, "x")
        assert not transaction.commit(7).repeated


def test_a_request_id_is_not_for_something_else() -> None:
    database = make_database()
    transaction = database.begin("command")
    transaction.set_domain("d", "x")
    transaction.commit(7)
    other = database.begin("command")
    other.drop_domain("d")
    with pytest.raises(InvalidError, match=r"table request, key \(command, 7\)"):
        other.commit(7)


def test_a_refused_request_is_tried_again() -> None:
    database = make_database()
    transaction = database.begin("command")
    transaction.drop_domain("d")
    with pytest.raises(UnknownIdError):
        transaction.commit(7)
    other = database.begin("command")
    other.set_domain("d", "x")
    other.commit(8)
    retry = database.begin("command")
    retry.drop_domain("d")
    assert retry.commit(7).generation == 2


def attempt_with_interference(rounds: int) -> int:
    """Retry a request whose partition somebody else changes every time; return the rounds."""
    database = make_database()
    number = add_partition(database, "a")
    states = ("running", "paused")
    for attempt in range(rounds):
        transaction = database.begin("slow", 1)
        transaction.read_partition(number)
        transaction.set_domain("d", "x")
        other = database.begin("fast")
        current = database.get(Partition, number).state
        other.set_partition_state(number, states[current == "running"])
        try:
            other.commit()
        except ConflictError as refusal:
            assert refusal.rule == "reservation"  # noqa: PT017
        try:
            transaction.commit()
        except ConflictError:
            continue
        return attempt
    return rounds


def test_a_retried_transaction_is_not_starved() -> None:
    assert attempt_with_interference(rounds=10) == AGED_AFTER


def test_a_conflict_while_reading_counts_as_one() -> None:
    database = make_database()
    number = add_partition(database, "a")
    for state in ("running", "paused"):
        transaction = database.begin("slow", 1)
        set_state(database, number, state)
        with pytest.raises(ConflictError):
            transaction.read_partition(number)
    with pytest.raises(ConflictError, match="reserved for request 1 of slow, which met 2"):
        set_state(database, number, "running")


def test_the_oldest_is_not_held_up_by_a_younger_one() -> None:
    database = make_database()
    number = add_partition(database, "a")
    begun = [(database.begin("old", 1), database.begin("young", 1)) for _ in range(AGED_AFTER)]
    set_state(database, number, "running")
    for pair in begun:
        for transaction in pair:
            with pytest.raises(ConflictError):
                transaction.read_partition(number)
    young, old = database.begin("young", 1), database.begin("old", 1)
    for transaction in (young, old):
        transaction.set_partition_state(number, "paused")
    with pytest.raises(ConflictError, match="reserved for request 1 of old"):
        young.commit()
    assert old.commit().generation == 3


def test_a_reservation_ends_when_nobody_retries() -> None:
    database = make_database()
    number = add_partition(database, "a")
    for state in ("running", "paused"):
        transaction = database.begin("slow", 1)
        set_state(database, number, state)
        with pytest.raises(ConflictError):
            transaction.read_partition(number)
    database.advance(IDLE_LIMIT_CYCLES + 1)
    assert set_state(database, number, "running").generation == 4


# Ends.


def test_an_idle_transaction_expires() -> None:
    database = make_database()
    transaction = database.begin("command")
    database.advance(IDLE_LIMIT_CYCLES)
    transaction.set_domain("d", "x")
    database.advance(2 * IDLE_LIMIT_CYCLES)
    transaction.set_domain("e", "x")
    database.advance(3 * IDLE_LIMIT_CYCLES + 1)
    with pytest.raises(ConflictError, match="it is expired"):
        transaction.commit()


def test_open_transactions_of_an_asker_are_bounded() -> None:
    database = make_database()
    opened = [database.begin("command") for _ in range(OPEN_LIMIT)]
    with pytest.raises(LimitError, match=f"command has {OPEN_LIMIT} open"):
        database.begin("command")
    database.begin("operations")
    opened[0].abort()
    database.begin("command")


# What operations do.


def test_destroying_frees_everything() -> None:
    database = make_database()
    one, two = add_partition(database, "a"), add_partition(database, "b")
    channel = add_channel(database, one, two)
    transaction = database.begin("command")
    transaction.set_quanta(0, [SlotPlan(one, 0, 20), SlotPlan(two, 0, 30), SlotPlan(one, 0, 40)])
    transaction.set_link(one, 1, two, 1)
    transaction.set_link(two, 1, one, 1)
    device = transaction.add_device("disk", "disk0", 1000, 2)
    transaction.assign_device(device, one, 900, 2)
    transaction.set_quota("partition", str(one), "frames", 100)
    transaction.commit()
    transaction = database.begin("command")
    transaction.destroy_partition(one)
    commit = transaction.commit()
    assert commit.revokes
    assert database.get(Partition, one).state is PartitionState.DESTROYED
    assert [(slot.position, slot.partition) for slot in database.records(Slot)] == [(0, two)]
    assert database.find(Channel, channel) is None
    assert database.get(Device, device).owner is None
    assert database.records_of(VirtualProcessor, one) == []
    assert database.check() == []


def test_a_number_is_used_again_with_a_higher_incarnation() -> None:
    database = make_database()
    number = add_partition(database, "a")
    transaction = database.begin("command")
    transaction.destroy_partition(number)
    transaction.commit()
    assert add_partition(database, "a") == number
    assert database.get(Partition, number).incarnation == 2


def test_a_reset_is_the_next_incarnation_and_forgets_the_reason() -> None:
    database = make_database()
    number = add_partition(database, "a")
    set_state(database, number, "running")
    transaction = database.begin("command")
    transaction.set_partition_state(number, "failed", "page fault without a handler")
    transaction.commit()
    assert database.get(Partition, number).reason == "page fault without a handler"
    set_state(database, number, "ready")
    partition = database.get(Partition, number)
    assert (partition.incarnation, partition.reason) == (2, "")


@pytest.mark.parametrize(
    ("operation", "arguments", "revokes"),
    [
        ("assign_memory", (1, 1), False),
        ("release_memory", (1, 1, 1), True),
        ("unmap_channel", (1,), True),
        ("set_channel_state", (1, "attached"), False),
        ("set_partition_state", (1, "running"), False),
        ("destroy_partition", (1,), True),
    ],
)
def test_a_commit_says_whether_it_revokes(
    operation: str, arguments: tuple[object, ...], revokes: bool
) -> None:
    database = make_database()
    add_channel(database, add_partition(database, "a"), add_partition(database, "b"))
    transaction = database.begin("command")
    getattr(transaction, operation)(*arguments)
    assert transaction.commit().revokes == revokes


def test_a_moved_virtual_processor_must_have_left_its_map() -> None:
    database = make_database()
    number = add_partition(database, "a")
    transaction = database.begin("command")
    transaction.set_quanta(0, [SlotPlan(number, 0, 20)])
    transaction.commit()
    transaction = database.begin("command")
    transaction.move_virtual_processor(number, 0, 1)
    with pytest.raises(OwnershipError, match="is on processor 1"):
        transaction.commit()
    transaction = database.begin("command")
    transaction.set_quanta(0, [])
    transaction.move_virtual_processor(number, 0, 1)
    transaction.set_quanta(1, [SlotPlan(number, 0, 20)])
    transaction.commit()
    assert database.get(VirtualProcessor, number, 0).processor == 1


def test_a_domain_is_kept_and_changed() -> None:
    database = make_database()
    for definition in ("x", "y"):
        transaction = database.begin("command")
        transaction.set_domain("d", definition)
        transaction.commit()
    assert database.get(Domain, "d").definition == "y"


def test_counters_follow_a_partition_out_of_its_zone() -> None:
    database = make_database()
    add_zone(database, "z")
    number = add_partition(database, "a", zone="z")
    transaction = database.begin("command")
    transaction.set_quota("zone", "z", "frames", 100)
    transaction.commit()
    transaction = database.begin("command")
    transaction.destroy_partition(number)
    transaction.create_partition("b", number=number)
    transaction.assign_memory(number, 9)
    transaction.commit()
    assert database.get(Quota, "zone", "z", "frames").used == 0
    assert database.check() == []
