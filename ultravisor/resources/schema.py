# SPDX-License-Identifier: GPL-2.0-or-later
"""The schema: STRICT tables with their constraints, and the triggers of a living database.

Owns all data definitions. What one row can say of itself, or of a row that it names, is a
constraint here; what takes several rows is a query in `invariants.py`. A replay uses the
tables without the triggers: what they did is in the changesets already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.resources import records
from ultravisor.resources.transitions import TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

    from ultravisor.resources.transitions import Transition

# Frames of a block, as an expression.
_BLOCK = "CASE tier WHEN 'g' THEN 262144 WHEN 'm' THEN 512 ELSE 1 END"
_PAGE = f"(512 * {_BLOCK})"


def _one_of(words: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def _is_one_of(column: str, words: Iterable[str]) -> str:
    """Return the condition that a column is one of these; comparisons, as for `_is_step`."""
    return f"CASE {column} " + " ".join(f"WHEN '{word}' THEN 1" for word in words) + " ELSE 0 END"


def _state(states: type[StrEnum]) -> str:
    return f"state TEXT NOT NULL CHECK ({_is_one_of('state', states)})"


TABLE_STATEMENTS: Final = (
    """CREATE TABLE machine (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        frame_count INTEGER NOT NULL CHECK (frame_count > 0),
        processor_count INTEGER NOT NULL CHECK (processor_count > 0),
        partition_limit INTEGER NOT NULL CHECK (partition_limit > 0),
        slot_limit INTEGER NOT NULL CHECK (slot_limit > 0),
        partition_processor_limit INTEGER NOT NULL CHECK (partition_processor_limit > 0),
        partition_extent_limit INTEGER NOT NULL CHECK (partition_extent_limit > 0),
        port_limit INTEGER NOT NULL CHECK (port_limit > 0),
        quantum_minimum_cycles INTEGER NOT NULL CHECK (quantum_minimum_cycles > 0),
        next_channel INTEGER NOT NULL CHECK (next_channel > 0),
        next_device INTEGER NOT NULL CHECK (next_device > 0),
        version INTEGER NOT NULL CHECK (version >= 0)
    ) STRICT""",
    """CREATE TABLE zone (
        name TEXT PRIMARY KEY NOT NULL CHECK (name <> ''),
        guid TEXT NOT NULL UNIQUE CHECK (length(guid) = 36),
        version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    f"""CREATE TABLE quota (
        scope TEXT NOT NULL CHECK ({_is_one_of("scope", records.QuotaScope)}),
        subject TEXT NOT NULL CHECK ((subject = '') = (scope = 'machine')),
        resource TEXT NOT NULL CHECK ({_is_one_of("resource", records.QuotaResource)}),
        amount INTEGER NOT NULL CHECK (amount >= 0),
        used INTEGER NOT NULL CHECK (used >= 0),
        version INTEGER NOT NULL,
        PRIMARY KEY (scope, subject, resource)
    ) STRICT, WITHOUT ROWID""",
    # Always empty but inside a transaction that is about to be refused.
    "CREATE INDEX quota_exceeded ON quota (scope) WHERE used > amount",
    """CREATE TABLE domain (
        name TEXT PRIMARY KEY NOT NULL CHECK (name <> ''),
        zone TEXT REFERENCES zone (name),
        definition TEXT NOT NULL,
        version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    f"""CREATE TABLE block (
        tier TEXT NOT NULL CHECK ({_is_one_of("tier", records.Tier)}),
        machine_frame INTEGER NOT NULL CHECK (machine_frame >= 0),
        frame_count INTEGER NOT NULL CHECK (frame_count > 0),
        {_state(records.BlockState)},
        owner INTEGER,
        version INTEGER NOT NULL,
        PRIMARY KEY (tier, machine_frame),
        CHECK (machine_frame % {_BLOCK} = 0 AND frame_count % {_BLOCK} = 0),
        CHECK (machine_frame / {_PAGE} = (machine_frame + frame_count - 1) / {_PAGE}),
        CHECK (state <> 'split' OR (tier <> 'k' AND frame_count = {_BLOCK})),
        CHECK ((owner IS NULL) = (state = 'free' OR state = 'split' OR state = 'reserved'))
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX block_leaf ON block (machine_frame) WHERE state <> 'split'",
    "CREATE INDEX block_free ON block (frame_count, machine_frame) WHERE state = 'free'",
    "CREATE INDEX block_owner ON block (state, owner, machine_frame) WHERE owner IS NOT NULL",
    f"""CREATE TABLE partition (
        number INTEGER PRIMARY KEY CHECK (number > 0),
        name TEXT NOT NULL CHECK (name <> '' AND octet_length(name) < 32),
        kind TEXT NOT NULL CHECK ({_is_one_of("kind", records.PartitionKind)}),
        {_state(records.PartitionState)},
        incarnation INTEGER NOT NULL CHECK (incarnation > 0),
        descriptor_frame INTEGER UNIQUE,
        zone TEXT REFERENCES zone (name),
        domain TEXT REFERENCES domain (name),
        width INTEGER NOT NULL CHECK (width IN (32, 64)),
        rights INTEGER NOT NULL CHECK (rights >= 0),
        image TEXT NOT NULL,
        command_line TEXT NOT NULL CHECK (octet_length(command_line) < 1024),
        layout BLOB NOT NULL,
        reason TEXT NOT NULL,
        version INTEGER NOT NULL,
        CHECK ((descriptor_frame IS NULL) = (state = 'destroyed')),
        CHECK (state <> 'destroyed' OR (zone IS NULL AND domain IS NULL))
    ) STRICT""",
    "CREATE UNIQUE INDEX partition_name ON partition (name) WHERE state <> 'destroyed'",
    "CREATE INDEX partition_destroyed ON partition (number) WHERE state = 'destroyed'",
    "CREATE INDEX partition_zone ON partition (zone) WHERE zone IS NOT NULL",
    "CREATE INDEX partition_domain ON partition (domain) WHERE domain IS NOT NULL",
    """CREATE TABLE extent (
        partition INTEGER NOT NULL REFERENCES partition (number),
        guest_frame INTEGER NOT NULL CHECK (guest_frame >= 0),
        machine_frame INTEGER NOT NULL UNIQUE CHECK (machine_frame >= 0),
        frame_count INTEGER NOT NULL CHECK (frame_count > 0),
        version INTEGER NOT NULL,
        PRIMARY KEY (partition, guest_frame)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE processor (
        number INTEGER PRIMARY KEY CHECK (number >= 0),
        capacity_cycles INTEGER NOT NULL CHECK (capacity_cycles > 0),
        version INTEGER NOT NULL
    ) STRICT""",
    f"""CREATE TABLE virtual_processor (
        partition INTEGER NOT NULL REFERENCES partition (number),
        "index" INTEGER NOT NULL CHECK ("index" >= 0),
        processor INTEGER NOT NULL REFERENCES processor (number),
        {_state(records.ProcessorState)},
        version INTEGER NOT NULL,
        PRIMARY KEY (partition, "index")
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE slot (
        processor INTEGER NOT NULL REFERENCES processor (number),
        position INTEGER NOT NULL CHECK (position >= 0),
        partition INTEGER NOT NULL,
        "index" INTEGER NOT NULL,
        quantum_cycles INTEGER NOT NULL CHECK (quantum_cycles > 0),
        donates INTEGER NOT NULL CHECK (donates IN (0, 1)),
        version INTEGER NOT NULL,
        PRIMARY KEY (processor, position),
        FOREIGN KEY (partition, "index") REFERENCES virtual_processor (partition, "index")
    ) STRICT, WITHOUT ROWID""",
    'CREATE INDEX slot_virtual_processor ON slot (partition, "index")',
    f"""CREATE TABLE channel (
        id INTEGER PRIMARY KEY CHECK (id > 0),
        type_guid TEXT NOT NULL CHECK (length(type_guid) = 36),
        zone TEXT REFERENCES zone (name),
        policy TEXT NOT NULL,
        {_state(records.ChannelState)},
        machine_frame INTEGER NOT NULL UNIQUE CHECK (machine_frame >= 0),
        frame_count INTEGER NOT NULL CHECK (frame_count > 0),
        version INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX channel_zone ON channel (zone) WHERE zone IS NOT NULL",
    """CREATE TABLE channel_end (
        channel INTEGER NOT NULL REFERENCES channel (id),
        side INTEGER NOT NULL CHECK (side IN (0, 1)),
        partition INTEGER NOT NULL REFERENCES partition (number),
        guest_frame INTEGER NOT NULL CHECK (guest_frame >= 0),
        port INTEGER NOT NULL CHECK (port >= 0),
        writable INTEGER NOT NULL CHECK (writable IN (0, 1)),
        version INTEGER NOT NULL,
        PRIMARY KEY (channel, side),
        UNIQUE (partition, guest_frame)
    ) STRICT, WITHOUT ROWID""",
    # Port 0 is none: an end that polls.
    "CREATE UNIQUE INDEX channel_end_port ON channel_end (partition, port) WHERE port > 0",
    """CREATE TABLE link (
        partition INTEGER NOT NULL REFERENCES partition (number),
        port INTEGER NOT NULL CHECK (port >= 0),
        target_partition INTEGER NOT NULL,
        target_port INTEGER NOT NULL CHECK (target_port >= 0),
        target_processor INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (partition, port),
        FOREIGN KEY (target_partition, target_processor)
            REFERENCES virtual_processor (partition, "index")
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX link_target ON link (target_partition, target_processor)",
    f"""CREATE TABLE device (
        id INTEGER PRIMARY KEY CHECK (id > 0),
        kind TEXT NOT NULL CHECK (kind <> ''),
        name TEXT NOT NULL UNIQUE CHECK (name <> ''),
        {_state(records.DeviceState)},
        owner INTEGER REFERENCES partition (number),
        machine_frame INTEGER NOT NULL CHECK (machine_frame >= 0),
        frame_count INTEGER NOT NULL CHECK (frame_count >= 0),
        guest_frame INTEGER NOT NULL CHECK (guest_frame >= 0),
        port INTEGER NOT NULL CHECK (port >= 0),
        version INTEGER NOT NULL,
        CHECK (owner IS NOT NULL OR state IN {_one_of(records.DEVICE_AT_REST)}),
        CHECK (owner IS NOT NULL OR (guest_frame = 0 AND port = 0))
    ) STRICT""",
    "CREATE INDEX device_owner ON device (owner) WHERE owner IS NOT NULL",
    """CREATE TABLE request (
        asker TEXT NOT NULL,
        request_id INTEGER NOT NULL,
        digest BLOB NOT NULL,
        answer BLOB NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (asker, request_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX request_version ON request (version)",
)


def _is_step(steps: Iterable[Transition]) -> str:
    """Return the condition that a change of state is one of these.

    As comparisons: for a list, SQLite fills a table each time, which costs more than the update.
    """
    after: dict[StrEnum, list[str]] = {}
    for step in steps:
        if step.before is not None:
            after.setdefault(step.before, []).append(f"NEW.state = '{step.after}'")
    cases = " ".join(f"WHEN '{before}' THEN {' OR '.join(may)}" for before, may in after.items())
    return f"CASE OLD.state {cases} ELSE 0 END"


def _state_triggers() -> list[str]:
    """Return the triggers that refuse what `transitions.py` does not list."""
    statements = []
    for table, steps in TRANSITIONS.items():
        first = _one_of(step.after for step in steps if step.before is None)
        statements += [
            f"CREATE TRIGGER {table}_first_state BEFORE INSERT ON {table} "
            f"WHEN NEW.state NOT IN {first} BEGIN SELECT RAISE(ABORT, 'first state'); END",
            f"CREATE TRIGGER {table}_next_state BEFORE UPDATE OF state ON {table} "
            f"WHEN OLD.state <> NEW.state AND NOT {_is_step(steps)} "
            f"BEGIN SELECT RAISE(ABORT, 'next state'); END",
        ]
    return statements


TRIGGER_STATEMENTS: Final = tuple(_state_triggers())
