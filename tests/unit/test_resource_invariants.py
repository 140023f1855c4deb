# SPDX-License-Identifier: GPL-2.0-or-later
"""Each invariant is broken behind the database's back, and found; what holds is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.unit.resource_examples import (
    GUID,
    add_channel,
    add_partition,
    add_zone,
    make_database,
)
from ultravisor.machine import abi
from ultravisor.resources.changes import Change
from ultravisor.resources.errors import ResourceError
from ultravisor.resources.invariants import (
    INVARIANTS,
    Invariant,
    check_changes,
    narrowed,
    touched_by,
)
from ultravisor.resources.processor_operations import SlotPlan
from ultravisor.resources.records import (
    Block,
    BlockState,
    ChannelState,
    DeviceState,
    Limits,
    PartitionKind,
    PartitionState,
    ProcessorState,
    Record,
    Slot,
    VirtualProcessor,
)
from ultravisor.resources.tables import TABLE_OF, TABLES
from ultravisor.resources.transitions import TRANSITIONS

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.store import Store

# What breaks each rule, as a statement on the example below.
BREAKS = {
    "partition-limit": "UPDATE machine SET partition_limit = 1",
    "descriptor-frame": "UPDATE partition SET descriptor_frame = 900 WHERE number = 1",
    "extent-on-own-blocks": "UPDATE extent SET machine_frame = 900 WHERE partition = 1",
    "owned-blocks-in-extents": "DELETE FROM extent WHERE partition = 1",
    "guest-frames-once": "UPDATE channel_end SET guest_frame = 3 WHERE side = 0",
    "partition-extent-limit": (
        "INSERT INTO extent SELECT 1, value, 900 + value, 1, 0 FROM generate_series(10, 13)"
    ),
    "partition-processor-limit": "UPDATE machine SET partition_processor_limit = 1",
    "processors-in-order": 'UPDATE virtual_processor SET "index" = 5 WHERE "index" = 1',
    "port-limit": "UPDATE machine SET port_limit = 1",
    "ports-once": "UPDATE device SET port = 4",
    "ended-uses-no-device": "UPDATE partition SET state = 'failed' WHERE number = 1",
    "destroyed-owns-nothing": (
        "UPDATE partition SET state = 'destroyed', descriptor_frame = NULL, zone = NULL"
    ),
    "allocated-has-resources": "DELETE FROM extent WHERE partition = 2",
    "channel-has-two-ends": "DELETE FROM channel_end WHERE side = 1",
    "channel-inside-zone": "UPDATE partition SET zone = NULL WHERE number = 1",
    "channel-on-own-blocks": "UPDATE channel SET machine_frame = 900",
    "slot-limit": "UPDATE machine SET slot_limit = 1",
    "slots-in-order": "UPDATE slot SET position = 7 WHERE position = 1",
    "quanta-fit": "UPDATE processor SET capacity_cycles = 30 WHERE number = 0",
    "quantum-minimum": "UPDATE slot SET quantum_cycles = 1",
    "slot-on-its-processor": "UPDATE virtual_processor SET processor = 1",
    "one-port-operates": "UPDATE device SET state = 'operating'",
    "device-on-own-blocks": "UPDATE device SET machine_frame = 900",
    "blocks-tile-machine": (
        "UPDATE block SET frame_count = frame_count - 1 WHERE state = 'owned' AND frame_count > 1"
    ),
    "blocks-under-split": "DELETE FROM block WHERE tier = 'm' AND state = 'split'",
    "split-over-blocks": (
        "UPDATE block SET state = 'split', frame_count = 512 WHERE tier = 'm' AND state = 'free'"
    ),
    "machine-limit": "UPDATE quota SET amount = 0 WHERE scope = 'machine'",
    "quota": "UPDATE quota SET amount = 0 WHERE scope = 'zone'",
}


def make_example() -> ResourceDatabase:
    """Return a database that has something of everything."""
    database = make_database()
    add_zone(database, "z")
    one = add_partition(database, "a", zone="z")
    two = add_partition(database, "b", zone="z")
    add_channel(database, one, two)
    transaction = database.begin("command")
    transaction.add_virtual_processor(one, 0)
    transaction.set_quanta(0, [SlotPlan(one, 0, 20), SlotPlan(one, 1, 20)])
    transaction.set_link(one, 3, two, 3)
    for port in range(2):
        device = transaction.add_device("block", f"disk0.{port}", 800 + 2 * port, 2)
        transaction.assign_device(device, one, 600 + 2 * port, 5 + port)
        transaction.set_device_state(device, "known")
    transaction.set_quota("zone", "z", "frames", 100)
    transaction.commit()
    return database


def break_it(database: ResourceDatabase, statement: str) -> Store:
    """Run a statement with everything off that would refuse it."""
    connection = database._store.connection
    connection.execute("PRAGMA foreign_keys = OFF")
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    if "generate_series" in statement:
        statement = re.sub(
            r"generate_series\((\d+), (\d+)\)",
            r"(WITH RECURSIVE s(value) AS (SELECT \1 UNION ALL SELECT value + 1 FROM s "
            r"WHERE value < \2) SELECT value FROM s)",
            statement,
        )
    connection.execute(statement)
    return database._store


def test_every_rule_has_its_case() -> None:
    assert sorted(BREAKS) == sorted(invariant.rule for invariant in INVARIANTS)


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_found_by_the_check_of_everything(rule: str) -> None:
    database = make_example()
    assert database.check() == []
    break_it(database, BREAKS[rule])
    found = [sentence for sentence in database.check() if sentence.startswith(rule + ": table ")]
    assert found, database.check()


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_found_where_a_commit_touched_it(rule: str) -> None:
    database = make_example()
    changes = [change for _, changes in database.log() for change in changes]
    check_changes(database._store, changes)
    store = break_it(database, BREAKS[rule])
    (invariant,) = [invariant for invariant in INVARIANTS if invariant.rule == rule]
    found = [
        sentence
        for scope, bindings in touched_by(store, changes)
        if scope == invariant.scope
        for (sentence,) in store.execute(narrowed(invariant), bindings)
    ]
    assert found
    with pytest.raises(ResourceError, match="table "):
        check_changes(store, changes)


SLOT = Slot(3, 0, 1, 0, 1000, False, 5)
PROCESSOR = VirtualProcessor(1, 0, 2, ProcessorState.ONLINE, 5)


@pytest.mark.parametrize(
    ("before", "columns", "touched"),
    [
        (SLOT, {"version": 6}, []),
        (SLOT, {"donates": True}, []),
        (SLOT, {"quantum_cycles": 2000}, [("processor", (3,))]),
        (SLOT, {"partition": 7}, [("processor", (3,))]),
        (PROCESSOR, {"version": 6}, []),
        (PROCESSOR, {"processor": 4}, [("processor", (2,)), ("processor", (4,))]),
    ],
)
def test_a_change_touches_what_its_columns_can_break(
    before: Record, columns: dict[str, object], touched: list[object]
) -> None:
    store = make_example()._store
    table = TABLE_OF[type(before)]
    after = msgspec.structs.replace(before, **columns)
    assert touched_by(store, [Change(table.name, table.key_of(before), before, after)]) == touched
    # What comes or goes touches all its scopes.
    inserted = touched_by(store, [Change(table.name, table.key_of(before), None, before)])
    assert set(inserted) >= {row for row in touched if row != ("processor", (4,))}
    assert len(inserted) > 0


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda row: row.rule)
def test_a_version_breaks_no_rule(invariant: Invariant) -> None:
    assert "version" not in re.findall(r"\w+", invariant.query)


def test_a_block_that_changes_hands_alone_is_found() -> None:
    database = make_example()
    (block,) = [
        block for block in database.records(Block) if block.owner == 1 and block.state == "owned"
    ]
    store = database._store
    store.begin(9)
    store.update(block, owner=2)
    with pytest.raises(
        ResourceError,
        match=r"table block, owner 2: it owns frames that no ext|"
        r"table extent, key \(1, 0\): not all of its frames",
    ):
        check_changes(store, store.changes())


def test_a_wrong_counter_is_found() -> None:
    database = make_example()
    break_it(database, "UPDATE quota SET used = 77 WHERE scope = 'zone'")
    assert database.check() == ["counter: quota zone z frames: 77, not 8"]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO block VALUES ('k', 5, 600, 'free', NULL, 0)",
        "INSERT INTO block VALUES ('m', 5, 512, 'free', NULL, 0)",
        "INSERT INTO block VALUES ('k', 5, 1, 'free', 1, 0)",
        "INSERT INTO block VALUES ('k', 5, 1, 'owned', NULL, 0)",
        "INSERT INTO block VALUES ('k', 5, 'x', 'free', NULL, 0)",
        "INSERT INTO channel_end VALUES (1, 2, 1, 900, 5, 1, 0)",
        "INSERT INTO channel_end VALUES (9, 0, 1, 900, 5, 1, 0)",
        "UPDATE partition SET width = 16",
        "UPDATE partition SET state = 'running', version = 9 WHERE state = 'destroyed'",
        "UPDATE partition SET state = 'paused' WHERE number = 1",
        f"INSERT INTO channel VALUES (9, '{GUID}', NULL, '', 'mapped', 901, 1, 0)",
        "UPDATE slot SET partition = 9",
        "UPDATE zone SET guid = 'short'",
    ],
)
def test_the_schema_itself_refuses(statement: str) -> None:
    database = make_example()
    before = database.state_hash()
    connection = database._store.connection
    if "destroyed" in statement:
        transaction = database.begin("command")
        transaction.destroy_partition(1)
        transaction.commit()
        before = database.state_hash()
    with pytest.raises(Exception, match=r"constraint|next state|first state|cannot store"):
        connection.execute(statement)
    assert database.state_hash() == before


def test_columns_are_the_fields_of_the_records() -> None:
    connection = make_database()._store.connection
    for table in TABLES.values():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")]
        assert tuple(columns) == table.columns
        (strict,) = connection.execute(
            "SELECT strict FROM pragma_table_list WHERE name = ?", (table.name,)
        ).fetchall()
        assert strict == (1,)


def test_limits_and_kinds_are_those_of_the_contract() -> None:
    limits = Limits()
    for name, value in {
        "PARTITION_LIMIT": limits.partition_limit,
        "VIRTUAL_PROCESSOR_LIMIT": limits.virtual_processor_limit,
        "SLOT_LIMIT": limits.slot_limit,
        "EXTENT_LIMIT": limits.extent_limit,
        "EVENT_LINK_LIMIT": limits.link_limit,
        "PARTITION_PROCESSOR_LIMIT": limits.partition_processor_limit,
        "PARTITION_EXTENT_LIMIT": limits.partition_extent_limit,
        "EVENT_PORT_LIMIT": limits.port_limit,
        "QUANTUM_MINIMUM_CYCLES": limits.quantum_minimum_cycles,
    }.items():
        assert getattr(abi, name) == value
    kinds = {kind.name for kind in abi.PartitionKind} - {"UNUSED"}
    assert {kind.name for kind in PartitionKind} == kinds


def test_every_state_is_reached_and_every_kind_of_block_is_known() -> None:
    for table, states in {
        "partition": PartitionState,
        "channel": ChannelState,
        "device": DeviceState,
    }.items():
        assert {step.after for step in TRANSITIONS[table]} == set(states)
    assert len(BlockState) == 7
