# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold over several rows: queries that return no rows, run before a commit.

Owns the list of invariants. Each is written once and run in two ways: over what a
transaction touched, and over everything (`check_all`). A row that a query returns is a
sentence of what is wrong.
"""

from __future__ import annotations

import re
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ultravisor.resources.errors import (
    InvalidError,
    LimitError,
    OwnershipError,
    PolicyError,
    QuotaError,
    ResourceError,
    StateError,
)
from ultravisor.resources.records import Block, BlockState
from ultravisor.resources.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ultravisor.resources.changes import Change
    from ultravisor.resources.records import Record
    from ultravisor.resources.store import Store


class Invariant(NamedTuple):
    """One rule; in its query `{scope}` stands for the condition that narrows it."""

    rule: str
    scope: str
    error: type[ResourceError]
    query: str


# The condition that narrows a query to one thing of a scope, in terms of its alias.
_SCOPES: Final = {
    "partition": "p.number = ?1",
    "memory": "p.number = ?1",
    "processors": "p.number = ?1",
    "ports": "p.number = ?1",
    "channel": "c.id = ?1",
    "processor": "r.number = ?1",
    "device": "d.id = ?1",
    "frames": "b.machine_frame BETWEEN ?1 AND ?2",
    "quota": "1",
}
_COVERED = """coalesce((SELECT sum(min(b.machine_frame + b.frame_count,
    {run}.machine_frame + {run}.frame_count) - max(b.machine_frame, {run}.machine_frame))
    FROM block b WHERE b.state = '{state}' AND b.owner = {owner}
    AND b.machine_frame < {run}.machine_frame + {run}.frame_count
    AND b.machine_frame + b.frame_count > {run}.machine_frame), 0)"""
_TIER_RANK = "CASE {row}.tier WHEN 'g' THEN 2 WHEN 'm' THEN 1 ELSE 0 END"
_TIER_FRAMES = "CASE {row}.tier WHEN 'g' THEN 262144 WHEN 'm' THEN 512 ELSE 1 END"

INVARIANTS: Final = (
    Invariant(
        "partition-limit",
        "partition",
        LimitError,
        "SELECT printf('table partition, key %d: numbers end at %d', p.number, m.partition_limit) "
        "FROM partition p, machine m WHERE p.number > m.partition_limit AND {scope}",
    ),
    Invariant(
        "descriptor-frame",
        "partition",
        OwnershipError,
        "SELECT printf('table partition, key %d: its descriptor is not on a block of its own', "
        "p.number) FROM partition p WHERE p.descriptor_frame IS NOT NULL AND {scope} "
        "AND NOT EXISTS (SELECT 1 FROM block b WHERE b.state = 'descriptor' "
        "AND b.owner = p.number AND b.machine_frame <= p.descriptor_frame "
        "AND b.machine_frame + b.frame_count > p.descriptor_frame)",
    ),
    Invariant(
        "extent-on-own-blocks",
        "memory",
        OwnershipError,
        "SELECT printf('table extent, key (%d, %d): not all of its frames are owned by the "
        "partition', e.partition, e.guest_frame) FROM partition p JOIN extent e "
        "ON e.partition = p.number WHERE {scope} AND e.frame_count <> "
        + _COVERED.format(run="e", state="owned", owner="p.number"),
    ),
    Invariant(
        "owned-blocks-in-extents",
        "memory",
        OwnershipError,
        "SELECT printf('table block, owner %d: it owns frames that no extent holds, or twice', "
        "p.number) FROM partition p WHERE {scope} AND "
        "coalesce((SELECT sum(frame_count) FROM extent e WHERE e.partition = p.number), 0) <> "
        "coalesce((SELECT sum(frame_count) FROM block b WHERE b.state = 'owned' "
        "AND b.owner = p.number), 0)",
    ),
    Invariant(
        "guest-frames-once",
        "memory",
        InvalidError,
        "SELECT printf('table extent, partition %d: guest frame %d is used twice', number, "
        "guest_frame) FROM (SELECT p.number AS number, u.guest_frame AS guest_frame, "
        "lag(u.guest_frame + u.frame_count, 1, 0) OVER (PARTITION BY p.number "
        "ORDER BY u.guest_frame, u.frame_count) AS free_from FROM partition p JOIN ("
        "SELECT partition, guest_frame, frame_count FROM extent UNION ALL "
        "SELECT n.partition, n.guest_frame, c.frame_count FROM channel_end n "
        "JOIN channel c ON c.id = n.channel UNION ALL "
        "SELECT d.owner, d.guest_frame, d.frame_count FROM device d WHERE d.owner IS NOT NULL "
        "AND d.frame_count > 0) u ON u.partition = p.number WHERE {scope}) "
        "WHERE guest_frame < free_from",
    ),
    Invariant(
        "partition-extent-limit",
        "memory",
        LimitError,
        "SELECT printf('table extent, partition %d: more than %d extents', p.number, "
        "m.partition_extent_limit) FROM partition p, machine m WHERE {scope} AND "
        "(SELECT count(*) FROM extent e WHERE e.partition = p.number) > m.partition_extent_limit",
    ),
    Invariant(
        "partition-processor-limit",
        "processors",
        LimitError,
        "SELECT printf('table virtual_processor, partition %d: more than %d', p.number, "
        "m.partition_processor_limit) FROM partition p, machine m WHERE {scope} AND "
        "(SELECT count(*) FROM virtual_processor v WHERE v.partition = p.number) "
        "> m.partition_processor_limit",
    ),
    Invariant(
        "processors-in-order",
        "processors",
        InvalidError,
        "SELECT printf('table virtual_processor, partition %d: indexes have gaps', p.number) "
        'FROM partition p WHERE {scope} AND (SELECT coalesce(max("index") + 1, 0) <> count(*) '
        "FROM virtual_processor v WHERE v.partition = p.number)",
    ),
    Invariant(
        "port-limit",
        "ports",
        LimitError,
        "SELECT printf('table %s, key (%d, port %d): ports end before %d', u.source, p.number, "
        "u.port, m.port_limit) FROM partition p, machine m JOIN ("
        "SELECT 'link' AS source, partition, port FROM link UNION ALL "
        "SELECT 'link', target_partition, target_port FROM link UNION ALL "
        "SELECT 'channel_end', partition, port FROM channel_end UNION ALL "
        "SELECT 'device', owner, port FROM device WHERE owner IS NOT NULL) u "
        "ON u.partition = p.number WHERE {scope} AND u.port >= m.port_limit",
    ),
    Invariant(
        "ports-once",
        "ports",
        InvalidError,
        "SELECT printf('table device, partition %d: port %d is used twice', p.number, u.port) "
        "FROM partition p JOIN (SELECT partition, port FROM channel_end UNION ALL "
        "SELECT owner, port FROM device WHERE owner IS NOT NULL) u ON u.partition = p.number "
        "WHERE u.port > 0 AND {scope} GROUP BY p.number, u.port HAVING count(*) > 1",
    ),
    Invariant(
        "ended-uses-no-device",
        "partition",
        StateError,
        "SELECT printf('table device, key %d: %s, and its owner is %s', d.id, d.state, p.state) "
        "FROM partition p JOIN device d ON d.owner = p.number "
        "WHERE p.state IN ('stopped', 'failed') AND d.state NOT IN ('allocated', 'revoked') "
        "AND {scope}",
    ),
    Invariant(
        "destroyed-owns-nothing",
        "partition",
        StateError,
        "SELECT printf('table partition, key %d: destroyed, and still owns something', p.number) "
        "FROM partition p WHERE p.state = 'destroyed' AND {scope} AND ("
        "EXISTS (SELECT 1 FROM block b WHERE b.state IN ('owned', 'descriptor') "
        "AND b.owner = p.number) "
        "OR EXISTS (SELECT 1 FROM virtual_processor v WHERE v.partition = p.number) "
        "OR EXISTS (SELECT 1 FROM channel_end n WHERE n.partition = p.number) "
        "OR EXISTS (SELECT 1 FROM link l WHERE l.partition = p.number) "
        "OR EXISTS (SELECT 1 FROM device d WHERE d.owner = p.number))",
    ),
    Invariant(
        "allocated-has-resources",
        "partition",
        StateError,
        "SELECT printf('table partition, key %d: %s, and without memory or virtual processors', "
        "p.number, p.state) FROM partition p WHERE p.state NOT IN ('defined', 'destroyed') "
        "AND {scope} AND NOT (EXISTS (SELECT 1 FROM extent e WHERE e.partition = p.number) "
        "AND EXISTS (SELECT 1 FROM virtual_processor v WHERE v.partition = p.number))",
    ),
    Invariant(
        "channel-has-two-ends",
        "channel",
        InvalidError,
        "SELECT printf('table channel, key %d: it has not exactly two ends in two partitions', "
        "c.id) FROM channel c WHERE {scope} AND (SELECT count(DISTINCT n.partition) <> 2 "
        "FROM channel_end n WHERE n.channel = c.id)",
    ),
    Invariant(
        "channel-inside-zone",
        "channel",
        PolicyError,
        "SELECT printf('table channel, key %d: partition %d is not of zone `%s`, and no policy "
        "lets it leave', c.id, p.number, coalesce(c.zone, '')) FROM channel c "
        "JOIN channel_end n ON n.channel = c.id JOIN partition p ON p.number = n.partition "
        "WHERE c.policy = '' AND p.zone IS NOT c.zone AND {scope}",
    ),
    Invariant(
        "channel-on-own-blocks",
        "channel",
        OwnershipError,
        "SELECT printf('table channel, key %d: not all of its frames are its own, or not only', "
        "c.id) FROM channel c WHERE {scope} AND (c.frame_count <> "
        + _COVERED.format(run="c", state="channel", owner="c.id")
        + " OR c.frame_count <> (SELECT sum(frame_count) FROM block b "
        "WHERE b.state = 'channel' AND b.owner = c.id))",
    ),
    Invariant(
        "slot-limit",
        "processor",
        LimitError,
        "SELECT printf('table slot, processor %d: more than %d slots', r.number, m.slot_limit) "
        "FROM processor r, machine m WHERE {scope} AND "
        "(SELECT count(*) FROM slot s WHERE s.processor = r.number) > m.slot_limit",
    ),
    Invariant(
        "slots-in-order",
        "processor",
        InvalidError,
        "SELECT printf('table slot, processor %d: positions have gaps', r.number) "
        "FROM processor r WHERE {scope} AND (SELECT coalesce(max(position) + 1, 0) <> count(*) "
        "FROM slot s WHERE s.processor = r.number)",
    ),
    Invariant(
        "quanta-fit",
        "processor",
        LimitError,
        "SELECT printf('table slot, processor %d: quanta of %d cycles, capacity is %d', "
        "r.number, (SELECT sum(quantum_cycles) FROM slot s WHERE s.processor = r.number), "
        "r.capacity_cycles) FROM processor r WHERE {scope} AND (SELECT sum(quantum_cycles) "
        "FROM slot s WHERE s.processor = r.number) > r.capacity_cycles",
    ),
    Invariant(
        "quantum-minimum",
        "processor",
        LimitError,
        "SELECT printf('table slot, key (%d, %d): a quantum of %d cycles, at least %d are needed',"
        " s.processor, s.position, s.quantum_cycles, m.quantum_minimum_cycles) "
        "FROM processor r JOIN slot s ON s.processor = r.number, machine m "
        "WHERE {scope} AND s.quantum_cycles < m.quantum_minimum_cycles",
    ),
    Invariant(
        "slot-on-its-processor",
        "processor",
        OwnershipError,
        "SELECT printf('table slot, key (%d, %d): virtual processor (%d, %d) is on processor %d', "
        's.processor, s.position, s.partition, s."index", v.processor) '
        "FROM processor r JOIN slot s ON s.processor = r.number JOIN virtual_processor v "
        'ON v.partition = s.partition AND v."index" = s."index" '
        "WHERE {scope} AND v.processor <> s.processor",
    ),
    Invariant(
        "one-port-operates",
        "device",
        StateError,
        "SELECT printf('table device, key %d: `%s` operates, and so does `%s`', "
        "d.id, d.name, o.name) FROM device d JOIN device o ON o.id <> d.id "
        "AND rtrim(o.name, '0123456789') = rtrim(d.name, '0123456789') "
        "WHERE d.state = 'operating' AND o.state = 'operating' "
        "AND rtrim(d.name, '0123456789') LIKE '%.' AND {scope}",
    ),
    Invariant(
        "device-on-own-blocks",
        "device",
        OwnershipError,
        "SELECT printf('table device, key %d: not all of its frames are its own, or not only', "
        "d.id) FROM device d WHERE {scope} AND (d.frame_count <> "
        + _COVERED.format(run="d", state="device", owner="d.id")
        + " OR d.frame_count <> coalesce((SELECT sum(frame_count) FROM block b "
        "WHERE b.state = 'device' AND b.owner = d.id), 0))",
    ),
    Invariant(
        "blocks-tile-machine",
        "frames",
        OwnershipError,
        "SELECT printf('table block, frame %d: the block ends at frame %d, the next begins at %d', "
        "b.machine_frame, b.machine_frame + b.frame_count, coalesce(next, -1)) FROM ("
        "SELECT b.machine_frame, b.frame_count, coalesce((SELECT min(n.machine_frame) "
        "FROM block n WHERE n.state <> 'split' AND n.machine_frame > b.machine_frame), "
        "(SELECT frame_count FROM machine)) AS next FROM block b "
        "WHERE b.state <> 'split' AND {scope}) b "
        "WHERE next <> b.machine_frame + b.frame_count",
    ),
    Invariant(
        "blocks-under-split",
        "frames",
        OwnershipError,
        "SELECT printf('table block, key (%s, %d): no index page holds it', b.tier, "
        "b.machine_frame) FROM block b WHERE b.tier IN ('m', 'k') AND {scope} AND NOT EXISTS ("
        "SELECT 1 FROM block u WHERE u.state = 'split' "
        "AND u.tier = CASE b.tier WHEN 'k' THEN 'm' ELSE 'g' END AND u.machine_frame = "
        "b.machine_frame - b.machine_frame % CASE b.tier WHEN 'k' THEN 512 ELSE 262144 END)",
    ),
    Invariant(
        "split-over-blocks",
        "frames",
        OwnershipError,
        "SELECT printf('table block, key (%s, %d): split, and its index page is not below it', "
        "b.tier, b.machine_frame) FROM block b WHERE b.tier IN ('g', 'm') AND b.state = 'split' "
        "AND {scope} AND ("
        "NOT EXISTS (SELECT 1 FROM block l WHERE l.machine_frame = b.machine_frame "
        "AND l.tier = CASE b.tier WHEN 'g' THEN 'm' ELSE 'k' END) OR EXISTS ("
        "SELECT 1 FROM block o WHERE o.state <> 'split' AND o.machine_frame BETWEEN "
        f"b.machine_frame AND b.machine_frame + {_TIER_FRAMES.format(row='b')} - 1 "
        f"AND {_TIER_RANK.format(row='o')} >= {_TIER_RANK.format(row='b')}))",
    ),
    Invariant(
        "machine-limit",
        "quota",
        LimitError,
        "SELECT printf('table quota, machine: %d %s, the limit is %d', q.used, q.resource, "
        "q.amount) FROM quota q WHERE q.used > q.amount AND q.scope = 'machine' AND {scope}",
    ),
    Invariant(
        "quota",
        "quota",
        QuotaError,
        "SELECT printf('table quota, %s `%s`: %d %s, the quota is %d', q.scope, q.subject, "
        "q.used, q.resource, q.amount) FROM quota q WHERE q.used > q.amount "
        "AND q.scope <> 'machine' AND {scope}",
    ),
)

# What a counter must say; too costly for a commit, where counters.py keeps it right.
COUNTED: Final = """
    SELECT scope, subject, resource, used, counted FROM (
    SELECT q.*, CASE q.resource
      WHEN 'partitions' THEN (SELECT count(*) FROM partition p WHERE p.state <> 'destroyed'
        AND (q.scope = 'machine' OR p.zone = q.subject))
      WHEN 'channels' THEN CASE WHEN q.scope = 'partition'
        THEN (SELECT count(*) FROM channel_end n WHERE n.partition = q.subject)
        ELSE (SELECT count(*) FROM channel c WHERE q.scope = 'machine' OR c.zone = q.subject) END
      WHEN 'channel_frames' THEN (SELECT coalesce(sum(frame_count), 0) FROM channel c
        WHERE q.scope = 'machine' OR (q.scope = 'zone' AND c.zone = q.subject))
      ELSE (SELECT coalesce(sum(CASE q.resource WHEN 'frames' THEN u.frame_count ELSE 1 END), 0)
        FROM (SELECT 'extents' AS resource, partition, 0 AS frame_count FROM extent
          UNION ALL SELECT 'frames', partition, frame_count FROM extent
          UNION ALL SELECT 'virtual_processors', partition, 0 FROM virtual_processor
          UNION ALL SELECT 'links', partition, 0 FROM link) u
        JOIN partition p ON p.number = u.partition WHERE u.resource = q.resource
        AND CASE q.scope WHEN 'machine' THEN 1 WHEN 'zone' THEN p.zone = q.subject
          ELSE p.number = q.subject END)
      END AS counted FROM quota q)"""

# Which scopes a table's record belongs to, and which of its fields names the thing.
_SCOPE_OF: Final = {
    "partition": (("partition", "number"),),
    "extent": (("partition", "partition"), ("memory", "partition")),
    "virtual_processor": (
        ("partition", "partition"),
        ("processors", "partition"),
        ("processor", "processor"),
    ),
    "link": (("partition", "partition"), ("ports", "partition"), ("ports", "target_partition")),
    "channel": (("channel", "id"),),
    "channel_end": (
        ("channel", "channel"),
        ("partition", "partition"),
        ("memory", "partition"),
        ("ports", "partition"),
    ),
    "processor": (("processor", "number"),),
    "slot": (("processor", "processor"),),
    "device": (
        ("device", "id"),
        ("partition", "owner"),
        ("memory", "owner"),
        ("ports", "owner"),
    ),
}
# Whose rules a block's owner is under.
_OWNER_SCOPES: Final = {
    BlockState.OWNED: "memory",
    BlockState.DESCRIPTOR: "partition",
    BlockState.CHANNEL: "channel",
    BlockState.DEVICE: "device",
}


def narrowed(invariant: Invariant) -> str:
    """Return an invariant's query for one thing of its scope."""
    return invariant.query.replace("{scope}", _SCOPES[invariant.scope])


@cache
def _statement(scope: str, one: bool) -> str:
    """Return all queries of a scope as one: rows of (place in INVARIANTS, sentence)."""
    parts = [
        f"SELECT {place}, * FROM "
        f"({narrowed(invariant) if one else invariant.query.replace('{scope}', '1')})"
        for place, invariant in enumerate(INVARIANTS)
        if invariant.scope == scope
    ]
    return " UNION ALL ".join(parts)


def check_changes(store: Store, changes: Iterable[Change]) -> None:
    """Raise the error of the first rule that what was changed breaks."""
    for scope, bindings in touched_by(store, changes):
        _refuse(store, _statement(scope, True), bindings)


def touched_by(store: Store, changes: Iterable[Change]) -> list[tuple[str, tuple[int, ...]]]:
    """Return the scopes that changes touch, in a fixed order: always the same error is first."""
    touched: set[tuple[str, tuple[int, ...]]] = set()
    blocks: list[Block] = []
    for change in changes:
        table, before, after = change.table, change.before, change.after
        if table == "quota":
            touched.add(("quota", ()))
        elif table == "block":
            blocks += [row for row in (before, after) if isinstance(row, Block)]
        for scope, name, looks_at in _scopes_of(table):
            if before is None or after is None or looks_at(before) != looks_at(after):
                keys = {getattr(row, name) for row in (before, after) if row is not None}
                touched |= {(scope, (key,)) for key in keys - {None}}
    if blocks:
        touched |= {
            (_OWNER_SCOPES[row.state], (row.owner,)) for row in blocks if row.owner is not None
        }
        runs = [(row.machine_frame, row.machine_frame + row.frame_count) for row in blocks]
        touched |= {("frames", run) for run in _joined_runs(store, runs)}
    return sorted(touched)


@cache
def _scopes_of(table: str) -> tuple[tuple[str, str, Callable[[Record], Any]], ...]:
    """Return the scopes of a table's records: name, field of the thing, and what is looked at.

    What a rule looks at are the columns whose names occur in its query: where none of those has
    another value than before, the rule held then and holds now.
    """
    found = []
    for scope, name in _SCOPE_OF.get(table, ()):
        queries = " ".join(row.query for row in INVARIANTS if row.scope == scope)
        words = set(re.findall(r"\w+", queries)) | {name}
        columns = [column for column in TABLES[table].columns if column in words]
        found.append((scope, name, attrgetter(*columns)))
    return tuple(found)


def _joined_runs(store: Store, blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the frames whose blocks changed ones can have cut: theirs and the block before."""
    runs: list[tuple[int, int]] = []
    for first, end in sorted(blocks):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(runs[-1][1], end - 1))
        else:
            runs.append((first, end - 1))
    before = "SELECT max(machine_frame) FROM block WHERE state <> 'split' AND machine_frame < ?"
    return [(store.value(before, first) or 0, last) for first, last in runs]


def _refuse(store: Store, statement: str, bindings: tuple[int, ...]) -> None:
    row: Any = store.execute(statement, bindings).fetchone()
    if row is not None:
        invariant = INVARIANTS[row[0]]
        raise invariant.error(row[1], invariant.rule)


def check_all(store: Store) -> list[str]:
    """Return what is wrong anywhere in the database, as sentences; nothing when all holds."""
    found = []
    for scope in _SCOPES:
        rows: list[Any] = store.execute(_statement(scope, False)).fetchall()
        found += [f"{INVARIANTS[place].rule}: {sentence}" for place, sentence in rows]
    first: object = store.value("SELECT min(machine_frame) FROM block WHERE state <> 'split'")
    if first != 0:
        found.append(f"blocks-tile-machine: table block: the first block is at frame {first}")
    counters: list[Any] = store.execute(COUNTED).fetchall()
    for scope, subject, resource, used, counted in counters:
        if used != counted:
            found.append(f"counter: quota {scope} {subject} {resource}: {used}, not {counted}")
    found += [f"reference: {row}" for row in store.execute("PRAGMA foreign_key_check").fetchall()]
    return found
