# SPDX-License-Identifier: GPL-2.0-or-later
"""What is refused says why: the kind of error, and a sentence with table, key and rule."""

from __future__ import annotations

import pytest

from tests.unit.resource_examples import (
    GUID,
    add_channel,
    add_partition,
    add_zone,
    ends,
    make_database,
)
from ultravisor.resources.errors import (
    InvalidError,
    LimitError,
    OwnershipError,
    PolicyError,
    QuotaError,
    ResourceError,
    StateError,
    UnknownIdError,
)
from ultravisor.resources.processor_operations import SlotPlan
from ultravisor.resources.records import (
    Channel,
    Quota,
)


@pytest.mark.parametrize(
    ("operation", "arguments", "error", "sentence"),
    [
        ("destroy_partition", (9,), UnknownIdError, "table partition, key 9: no such"),
        ("set_partition_state", (1, "paused"), StateError, "from ready it may go to running, des"),
        ("set_partition_state", (1, "asleep"), InvalidError, "'asleep' is not a valid"),
        ("set_partition_state", (1, "destroyed"), StateError, "destroy_partition destroys it"),
        ("create_partition", ("a",), InvalidError, "the name `a` is partition 1's"),
        ("create_partition", ("x" * 32,), InvalidError, "the schema refuses it"),
        ("assign_memory", (1, 0), InvalidError, "0 frames to assign"),
        ("assign_memory", (1, 1, 0), InvalidError, "guest frame 0 is used"),
        ("assign_memory", (1, 1, 50, 0), OwnershipError, "reserved, not free"),
        ("assign_memory", (1, 9, 50, 1543), OwnershipError, "are not all of this machine"),
        ("release_memory", (1, 2, 9), OwnershipError, "only 2 are its own"),
        ("release_memory", (1, 2, 0), InvalidError, "0 frames to release"),
        ("add_virtual_processor", (1, 5), UnknownIdError, "table processor, key 5"),
        ("remove_virtual_processor", (9,), UnknownIdError, "table partition, key 9"),
        ("set_quanta", (0, [SlotPlan(1, 1, 20)]), UnknownIdError, r"virtual_processor, key \(1, 1"),
        ("set_quanta", (0, [SlotPlan(1, 0, 15)]), LimitError, "at least 16 are needed"),
        ("set_quanta", (0, [SlotPlan(1, 0, 1001)]), LimitError, "of 1001 cycles, capacity is 1000"),
        ("set_quanta", (0, [SlotPlan(1, 0, 20)] * 5), LimitError, "more than 4 slots"),
        ("set_quanta", (1, [SlotPlan(1, 0, 20)]), OwnershipError, "is on processor 0"),
        ("plan_channel", (GUID, 1, ends(1, 1)), InvalidError, "port 4 of partition 1 is channel 1"),
        ("plan_channel", (GUID, 1, ends(1, 2)[:1]), InvalidError, "takes exactly two"),
        ("plan_channel", (GUID, 0, ends(1, 2)), InvalidError, "0 frames"),
        ("plan_channel", ("short", 1, ends(1, 2)), InvalidError, "the schema refuses it"),
        ("plan_channel", (GUID, 1, ends(1, 2, 0)), InvalidError, "guest frame 0 is used twice"),
        ("plan_channel", (GUID, 1, ends(1, 3)), PolicyError, "partition 3 is not of zone ``"),
        ("map_channel", (9,), UnknownIdError, "table channel, key 9"),
        ("unmap_channel", (9,), UnknownIdError, "table channel, key 9"),
        ("set_link", (1, 8, 2, 0), LimitError, "ports end before 8"),
        ("set_link", (1, 0, 2, 0, 1), UnknownIdError, r"virtual_processor, key \(2, 1\)"),
        ("drop_link", (1, 0), UnknownIdError, r"table link, key \(1, 0\)"),
        ("assign_device", (1, 1), UnknownIdError, "table device, key 1"),
        ("destroy_zone", ("z",), StateError, "it has a partition"),
        ("create_zone", ("z", GUID), InvalidError, "table zone, key `z`: there is one"),
        ("set_quota", ("zone", "z", "frames", 3), QuotaError, "zone `z`: 4 frames, the quota is 3"),
        ("set_quota", ("partition", "x", "frames", 3), InvalidError, "`x` is no partition's"),
        ("set_quota", ("machine", "", "partitions", 2), LimitError, "3 partitions, the limit is 2"),
        ("drop_quota", ("machine", "", "partitions"), InvalidError, "limits stay"),
        ("drop_domain", ("d",), UnknownIdError, "table domain, key d"),
    ],
)
def test_what_is_refused_says_why(
    operation: str, arguments: tuple[object, ...], error: type[ResourceError], sentence: str
) -> None:
    database = make_database()
    add_zone(database, "z")
    add_partition(database, "a")
    add_partition(database, "b")
    add_partition(database, "c", zone="z")
    before = database.state_hash()
    transaction = database.begin("command")
    getattr(transaction, operation)(*arguments)
    with pytest.raises(error, match=sentence) as refusal:
        transaction.commit()
    assert type(refusal.value) is error
    assert refusal.value.rule
    assert (database.state_hash(), database.check()) == (before, [])


def test_a_quota_holds_at_its_amount_and_one_above() -> None:
    database = make_database()
    add_zone(database, "z")
    number = add_partition(database, "a", zone="z")
    transaction = database.begin("command")
    transaction.set_quota("zone", "z", "frames", 6)
    transaction.assign_memory(number, 2)
    transaction.commit()
    assert database.get(Quota, "zone", "z", "frames").used == 6
    transaction = database.begin("command")
    transaction.assign_memory(number, 1)
    with pytest.raises(QuotaError, match="7 frames, the quota is 6"):
        transaction.commit()


def test_partitions_end_at_their_limit() -> None:
    database = make_database()
    for number in range(8):
        add_partition(database, f"p{number}")
    with pytest.raises(LimitError, match="table partition, key 9: numbers end at 8"):
        add_partition(database, "ninth")


def test_a_policy_lets_a_channel_leave_its_zone() -> None:
    database = make_database()
    add_zone(database, "z")
    one, two = add_partition(database, "a", zone="z"), add_partition(database, "b")
    channel = add_channel(database, one, two, policy="shared console")
    assert database.get(Channel, channel).policy == "shared console"
