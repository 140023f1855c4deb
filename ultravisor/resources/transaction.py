# SPDX-License-Identifier: GPL-2.0-or-later
"""A transaction as its asker sees it: reads, then operations that wait for the commit.

Owns what a transaction remembers: the versions that it read and the operations in their
order. Nothing is written before `commit`, which `commit_engine.py` does. Reads show what
was committed when the transaction began, not what it is going to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

from ultravisor.resources import (
    channel_operations,
    device_operations,
    memory_operations,
    partition_operations,
    processor_operations,
    zone_operations,
)
from ultravisor.resources.errors import ConflictError, InvalidError, LimitError, StateError
from ultravisor.resources.lookups import require, require_partition, shown
from ultravisor.resources.partition_operations import PartitionPlan
from ultravisor.resources.records import (
    Channel,
    ChannelEnd,
    Extent,
    Link,
    Partition,
    Processor,
    Record,
    Slot,
    VirtualProcessor,
)
from ultravisor.resources.tables import TABLE_OF, TABLES, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultravisor.resources.changes import Commit
    from ultravisor.resources.channel_operations import EndPlan
    from ultravisor.resources.claims import Claims
    from ultravisor.resources.processor_operations import SlotPlan
    from ultravisor.resources.reservations import Request, Thing
    from ultravisor.resources.store import Store

R = TypeVar("R", bound=Record)

OPERATION_LIMIT = 4096
"""Operations of one transaction."""
# Tables whose records change by themselves or with every commit; reading them promises nothing.
_UNVERSIONED = ("machine", "request")

# What the first column of a key names, where a record belongs to something.
_ROOTS: dict[type[Record], type[Record]] = {
    Extent: Partition,
    VirtualProcessor: Partition,
    Link: Partition,
    Slot: Processor,
    ChannelEnd: Channel,
}


class Operation(NamedTuple):
    """One operation that waits for the commit."""

    name: str
    run: Callable[..., Any]
    arguments: tuple[Any, ...]


class Engine(Protocol):
    """What a transaction needs of the database."""

    store: Store
    claims: Claims
    now_cycles: int

    def commit(
        self, transaction: Transaction, request: Request | None, *, dry_run: bool, sync: bool
    ) -> Commit:
        """Do it all, or raise."""

    def end(self, transaction: Transaction) -> None:
        """Forget it."""

    def met_conflict(self, transaction: Transaction, request: Request | None) -> None:
        """Let its request grow older."""

    def table_changed(self, table: str) -> int:
        """Return the last generation that changed a table."""


class Transaction:
    """One transaction; its end is `commit` or `abort`, or that it expires."""

    def __init__(self, engine: Engine, asker: str, request_id: int | None, generation: int) -> None:
        self.asker = asker
        self.request_id = request_id
        self.generation = generation
        """What its reads show."""
        self.last_cycles = engine.now_cycles
        self.operations: list[Operation] = []
        self.read_things: dict[Thing, bool] = {}
        """What was read, and whether it existed."""
        self.named_things: dict[Thing, None] = {}
        """What operations name, in their order."""
        self.claimed: list[tuple[str, int]] = []
        self.over = ""
        """Why it takes nothing more; empty while it is open."""
        self._engine = engine
        self._store = engine.store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        """Abort what was not committed."""
        if not self.over:
            self.abort()

    # Reads.

    def read(self, record: type[R], *key: int | str) -> R:
        """Return a record; raise UnknownIdError, or ConflictError where it changed since."""
        self._open()
        table = TABLE_OF[record].name
        found = self._store.get(record, *key)
        self._saw(table, key, found)
        return require(self._store, record, *key) if found is None else found

    def read_partition(self, number: int) -> Partition:
        """Return a partition that is not destroyed."""
        self.read(Partition, number)
        return require_partition(self._store, number)

    def records(self, record: type[R]) -> list[R]:
        """Return all records of a table; any change of the table is then a conflict."""
        self._open()
        table = TABLE_OF[record].name
        if table not in _UNVERSIONED:
            self._check_version(table, None, self._engine.table_changed(table))
            self.read_things[table, None] = True
        return self._store.select(record)

    def records_of(self, record: type[R], root: int) -> list[R]:
        """Return what belongs to one partition, processor or channel, by its number.

        Records are extents, virtual processors, links, slots or ends; whatever changes one
        changes the version of the root too, and is then a conflict.
        """
        table = TABLE_OF[record]
        if record not in _ROOTS:
            raise InvalidError(f"table {table.name}: its records belong to nothing else")
        self.read(_ROOTS[record], root)
        return self._store.select(record, f"{table.key[0]} = ?", root)

    def expect(self, table: str, key: Key, version: int) -> None:
        """Commit only if a record still has the version that was read earlier."""
        self._open()
        if table not in TABLES:
            raise InvalidError(f"table {table}: there is none of this name")
        kind = TABLES[table].record
        if len(key) != len(TABLES[table].key):
            raise InvalidError(f"table {table}, key {shown(key)}: no key of this table")
        found: Any = self._store.get(kind, *key)
        if found is None or found.version != version:
            self._conflict(table, key, "it is gone" if found is None else "it has changed")
        self._saw(table, key, found)

    def _saw(self, table: str, key: Key, found: Any) -> None:
        if table in _UNVERSIONED:
            return
        if found is not None:
            self._check_version(table, key, found.version)
        self.read_things[table, key] = found is not None

    def _check_version(self, table: str, key: Key | None, version: int) -> None:
        if version > self.generation:
            self._conflict(table, key, f"changed in generation {version}")

    def _conflict(self, table: str, key: Key | None, what: str) -> None:
        where = f"table {table}" + ("" if key is None else f", key {shown(key)}")
        self.read_things[table, key] = True
        self.over = "refused"
        request = None if self.request_id is None else (self.asker, self.request_id)
        self._engine.met_conflict(self, request)
        self._engine.end(self)
        raise ConflictError(
            f"{where}: {what}, after this transaction began at generation {self.generation}",
            "version",
        )

    # Operations: each returns at once what it will be called, where that is known.

    def create_partition(self, name: str, *, number: int | None = None, **plan: Any) -> int:
        """Define a partition; fields as in PartitionPlan. Return its number."""
        if number is None:
            number = self._claim("partition")
        try:
            wanted = PartitionPlan(name=name, **plan)
        except TypeError as failure:
            raise InvalidError(f"table partition, key {number}: {failure}") from None
        self._add("create_partition", partition_operations.create, number, wanted)
        self._name("partition", number)
        return number

    def destroy_partition(self, number: int) -> None:
        """Take everything from a partition that does not run."""
        self._add("destroy_partition", partition_operations.destroy, number)
        self._name("partition", number)

    def set_partition_state(self, number: int, state: str, reason: str = "") -> None:
        """Move a partition on, as `transitions.py` allows."""
        self._add("set_partition_state", partition_operations.set_state, number, state, reason)
        self._name("partition", number)

    def set_layout(self, number: int, layout: bytes) -> None:
        """Keep what the loader says of a partition's tables and pages."""
        self._add("set_layout", partition_operations.set_layout, number, layout)
        self._name("partition", number)

    def assign_memory(
        self,
        number: int,
        frame_count: int,
        guest_frame: int | None = None,
        machine_frame: int | None = None,
    ) -> None:
        """Give a partition frames: the best fit, or those named. Answer: the runs."""
        arguments = (number, frame_count, guest_frame, machine_frame)
        self._add("assign_memory", memory_operations.assign, *arguments)
        self._name("partition", number)

    def release_memory(self, number: int, guest_frame: int, frame_count: int) -> None:
        """Take frames from a partition, by their guest-physical place."""
        arguments = (number, guest_frame, frame_count)
        self._add("release_memory", memory_operations.release, *arguments)
        self._name("partition", number)

    def add_virtual_processor(self, number: int, processor: int) -> None:
        """Give a partition one more virtual processor. Answer: its index."""
        self._add("add_virtual_processor", processor_operations.add, number, processor)
        self._name("partition", number)

    def remove_virtual_processor(self, number: int) -> None:
        """Take a partition's last virtual processor, with its slots."""
        self._add("remove_virtual_processor", processor_operations.remove, number)
        self._name("partition", number)

    def set_virtual_processor_state(self, number: int, index: int, state: str) -> None:
        """Say whether a virtual processor may be scheduled."""
        arguments = (number, index, state)
        self._add("set_virtual_processor_state", processor_operations.set_state, *arguments)
        self._name("partition", number)

    def move_virtual_processor(self, number: int, index: int, processor: int) -> None:
        """Move a virtual processor to another physical one."""
        arguments = (number, index, processor)
        self._add("move_virtual_processor", processor_operations.move, *arguments)
        self._name("partition", number)

    def set_quanta(self, processor: int, slots: Sequence[SlotPlan]) -> None:
        """Make these the slots of a processor's cyclic map."""
        self._add("set_quanta", processor_operations.set_quanta, processor, tuple(slots))
        self._name("processor", processor)

    def plan_channel(
        self,
        type_guid: str,
        frame_count: int,
        ends: Sequence[EndPlan],
        policy: str = "",
        machine_frame: int | None = None,
    ) -> int:
        """Make a channel of fresh frames, or of those named, in no view yet. Return its id."""
        number = self._claim("channel")
        arguments = (number, type_guid, frame_count, tuple(ends), policy, machine_frame)
        self._add("plan_channel", channel_operations.plan, *arguments)
        self._name("channel", number)
        for end in ends:
            self._name("partition", end.partition)
        return number

    def map_channel(self, channel: int) -> None:
        """Let both ends reach a planned channel."""
        self.set_channel_state(channel, "mapped")

    def set_channel_state(self, channel: int, state: str) -> None:
        """Move a channel on, as `transitions.py` allows."""
        self._add("set_channel_state", channel_operations.set_state, channel, state)
        self._name("channel", channel)

    def unmap_channel(self, channel: int) -> None:
        """End a channel's life, revoking it where it is mapped."""
        self._add("unmap_channel", channel_operations.unmap, channel)
        self._name("channel", channel)

    def set_link(
        self, number: int, port: int, target: int, target_port: int, target_processor: int = 0
    ) -> None:
        """Let events sent on a port arrive at a virtual processor of another partition."""
        arguments = (number, port, target, target_port, target_processor)
        self._add("set_link", channel_operations.set_link, *arguments)
        self._name("partition", number)
        self._name("partition", target)

    def drop_link(self, number: int, port: int) -> None:
        """Let a port lead nowhere."""
        self._add("drop_link", channel_operations.drop_link, number, port)
        self._name("partition", number)

    def add_device(self, kind: str, name: str, machine_frame: int = 0, frame_count: int = 0) -> int:
        """Take a device in, with the frames that are its registers. Return its id."""
        number = self._claim("device")
        arguments = (number, kind, name, machine_frame, frame_count)
        self._add("add_device", device_operations.add, *arguments)
        self._name("device", number)
        return number

    def assign_device(
        self, device: int, owner: int | None, guest_frame: int = 0, port: int = 0
    ) -> None:
        """Give a device to a partition, at a guest frame and an event port, or to none."""
        arguments = (device, owner, guest_frame, port)
        self._add("assign_device", device_operations.assign, *arguments)
        self._name("device", device)

    def set_device_state(self, device: int, state: str) -> None:
        """Move a device on, as `transitions.py` allows."""
        self._add("set_device_state", device_operations.set_state, device, state)
        self._name("device", device)

    def remove_device(self, device: int) -> None:
        """Let a device go that nobody owns."""
        self._add("remove_device", device_operations.remove, device)
        self._name("device", device)

    def create_zone(self, name: str, guid: str) -> None:
        """Make a zone."""
        self._add("create_zone", zone_operations.create_zone, name, guid)
        self._name("zone", name)

    def destroy_zone(self, name: str) -> None:
        """Let a zone go that nothing is in."""
        self._add("destroy_zone", zone_operations.destroy_zone, name)
        self._name("zone", name)

    def set_quota(self, scope: str, subject: str, resource: str, amount: int) -> None:
        """Bound what a zone, a partition or the machine uses."""
        arguments = (scope, subject, resource, amount)
        self._add("set_quota", zone_operations.set_quota, *arguments)
        self._name("quota", scope, subject, resource)

    def drop_quota(self, scope: str, subject: str, resource: str) -> None:
        """Let a quota go."""
        self._add("drop_quota", zone_operations.drop_quota, scope, subject, resource)
        self._name("quota", scope, subject, resource)

    def set_domain(self, name: str, definition: str, zone: str | None = None) -> None:
        """Keep a definition of partitions, new or changed."""
        self._add("set_domain", zone_operations.set_domain, name, definition, zone)
        self._name("domain", name)

    def drop_domain(self, name: str) -> None:
        """Let a domain go that no partition is of."""
        self._add("drop_domain", zone_operations.drop_domain, name)
        self._name("domain", name)

    # The end of it.

    def commit(
        self, request_id: int | None = None, *, dry_run: bool = False, sync: bool = True
    ) -> Commit:
        """Do all operations, or none: then an error says why, and the transaction is over.

        `request_id` makes a retry safe: the second time, the stored answer comes back.
        `dry_run` does everything but keep it. Without `sync` the commit is durable only
        after the database's next `sync`; do not acknowledge it before.
        """
        number = self.request_id if request_id is None else request_id
        request = None if number is None else (self.asker, number)
        return self._engine.commit(self, request, dry_run=dry_run, sync=sync)

    def abort(self) -> None:
        """Give it up; nothing was written."""
        self.over = self.over or "aborted"
        self._engine.end(self)

    def refuse_over(self) -> None:
        """Raise where it takes nothing more; what expired may be tried again."""
        if self.over:
            kind = ConflictError if self.over == "expired" else StateError
            raise kind(f"transaction of {self.asker}: it is {self.over}", "transaction-over")

    def _open(self) -> None:
        self.refuse_over()
        self.last_cycles = self._engine.now_cycles

    def _claim(self, table: str) -> int:
        self._open()
        number = self._engine.claims.claim(table)
        self.claimed.append((table, number))
        return number

    def _add(self, name: str, run: Callable[..., Any], *arguments: Any) -> None:
        self._open()
        if len(self.operations) == OPERATION_LIMIT:
            raise LimitError(
                f"transaction of {self.asker}: more than {OPERATION_LIMIT} operations",
                "operation-limit",
            )
        self.operations.append(Operation(name, run, arguments))

    def _name(self, table: str, *key: int | str) -> None:
        self.named_things[table, key] = None
