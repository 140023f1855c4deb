# SPDX-License-Identifier: GPL-2.0-or-later
"""The resource database: open it, begin transactions, ask it, look back.

Owns how the parts are put together and how a journal becomes a state again. Called by the
ultravisor partition and by the command; it must not know what the records are used for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ultravisor.resources import tiered_map
from ultravisor.resources.commit_engine import CommitEngine
from ultravisor.resources.connection import bring_to_life, new_connection, snapshot_of
from ultravisor.resources.errors import JournalError, OwnershipError
from ultravisor.resources.history import History, apply
from ultravisor.resources.journal import Base
from ultravisor.resources.queries import Queries
from ultravisor.resources.records import (
    BlockState,
    Machine,
    MachineDescription,
    Processor,
    Quota,
    QuotaResource,
    QuotaScope,
)
from ultravisor.resources.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.resources.changes import Change, Commit
    from ultravisor.resources.journal import Journal
    from ultravisor.resources.transaction import Transaction

RECENT_COUNT = 256
"""Commits whose changes are kept ready for watches."""


class ResourceDatabase(Queries):
    """The state in force; questions are those of Queries."""

    def __init__(self, store: Store, journal: Journal, machine: MachineDescription) -> None:
        super().__init__(store, journal.last)
        self.machine = machine
        self._journal = journal
        self._history = History(store, journal)
        self._engine = CommitEngine(store, journal, journal.last)
        self._engine.on_commit = self._remember
        self._recent: deque[Commit] = deque(maxlen=RECENT_COUNT)

    @classmethod
    def open(cls, journal: Journal, machine: MachineDescription | None = None) -> ResourceDatabase:
        """Return the state that a journal says; a new journal starts with the machine.

        Raises JournalError where the journal is of another machine, or damaged. Without a
        machine the journal must have one.
        """
        base = journal.base
        if base is None:
            if machine is None:
                raise JournalError("the journal is empty, and no machine is given")
            base = Base(msgspec.msgpack.encode(machine), 0, b"")
            # What cannot be made must not be written either.
            _make(machine)
            journal.start(base)
        kept = _description(base.description)
        if machine is not None and machine != kept:
            raise JournalError(
                f"the journal is of another machine: {kept}, not {machine}",
                "name another file, or start with the machine that it was written for",
            )
        return cls(_rebuild(base, kept, journal), journal, kept)

    def close(self) -> None:
        """Let go of the journal's file, after a last sync."""
        if not self._engine.broken:
            self.sync()
        self._journal.close()

    @property
    def generation(self) -> int:
        """Return the generation in force."""
        return self._engine.generation

    @property
    def durable_generation(self) -> int:
        """Return the last generation that may be acknowledged."""
        return self._journal.durable

    @property
    def first_generation(self) -> int:
        """Return the oldest generation that can be asked for."""
        return self._history.first

    def begin(self, asker: str, request_id: int | None = None) -> Transaction:
        """Open a transaction; with a request id, a retry of it grows older and goes first."""
        return self._engine.begin(asker, request_id)

    def advance(self, now_cycles: int) -> None:
        """Say what time it is on the machine's clock: what idled too long expires."""
        self._engine.advance(now_cycles)

    def sync(self) -> int:
        """Make all commits durable; return the last generation that may be acknowledged."""
        self._engine.refuse_broken()
        self._engine.make_durable()
        return self._journal.durable

    def at(self, generation: int) -> Queries:
        """Return the state at a generation of the past."""
        return self._history.at(generation)

    def log(
        self, after: int = 0, last: int | None = None
    ) -> Iterator[tuple[int, tuple[Change, ...]]]:
        """Return each generation after one (or the journal's base), with its changes."""
        end = self.generation if last is None else last
        return self._history.log(max(after, self._history.first), end)

    def diff(self, first: int, last: int) -> tuple[Change, ...]:
        """Return how the state at one generation differs from that at another."""
        return self._history.diff(first, last)

    def watch(self, after: int) -> Iterator[tuple[int, tuple[Change, ...]]]:
        """Return the commits after a generation that there are now; ask again for later ones."""
        recent = [commit for commit in self._recent if commit.generation > after]
        if len(recent) == self.generation - after:
            yield from ((commit.generation, commit.changes) for commit in recent)
        else:
            yield from self._history.log(after, self.generation)

    def compact(self, keep: int = 0) -> None:
        """Forget the past but for the last `keep` generations, so that the journal is short."""
        self.sync()
        first = max(self._history.first, self.generation - keep)
        snapshot = snapshot_of(self._history.store_at(first).connection)
        self._journal.compact(Base(msgspec.msgpack.encode(self.machine), first, snapshot))

    def _remember(self, commit: Commit) -> None:
        self._recent.append(commit)


def _description(encoded: bytes) -> MachineDescription:
    try:
        return msgspec.msgpack.decode(encoded, type=MachineDescription)
    except msgspec.MsgspecError as failure:
        raise JournalError(
            f"the journal's description of the machine is wrong: {failure}"
        ) from None


def _rebuild(base: Base, machine: MachineDescription, journal: Journal) -> Store:
    """Return the state after all entries of a journal."""
    if base.snapshot:
        store = Store(new_connection())
        apply(base.snapshot, store.connection)
    else:
        store = _make(machine)
    with store.connection:
        for entry in journal.entries(base.generation, journal.last):
            apply(entry.changeset, store.connection)
    bring_to_life(store.connection)
    return store


def _make(machine: MachineDescription) -> Store:
    """Return the state of generation 0: all memory free but what is the monitor's."""
    store = Store(new_connection())
    limits = machine.limits
    with store.connection:
        store.insert(
            Machine(
                id=1,
                frame_count=machine.frame_count,
                processor_count=machine.processor_count,
                partition_limit=limits.partition_limit,
                slot_limit=limits.slot_limit,
                partition_processor_limit=limits.partition_processor_limit,
                partition_extent_limit=limits.partition_extent_limit,
                port_limit=limits.port_limit,
                quantum_minimum_cycles=limits.quantum_minimum_cycles,
                next_channel=1,
                next_device=1,
                version=0,
            )
        )
        for number in range(machine.processor_count):
            store.insert(Processor(number, machine.processor_capacity_cycles, 0))
        for resource in (
            QuotaResource.PARTITIONS,
            QuotaResource.VIRTUAL_PROCESSORS,
            QuotaResource.EXTENTS,
            QuotaResource.LINKS,
            QuotaResource.CHANNELS,
        ):
            amount = getattr(limits, resource.removesuffix("s") + "_limit")
            store.insert(Quota(QuotaScope.MACHINE, "", resource, amount, 0, 0))
        tiered_map.format_map(store, machine.frame_count)
        for run in machine.reserved:
            try:
                tiered_map.assign(store, run, tiered_map.FREE, (BlockState.RESERVED, None))
            except OwnershipError as failure:
                raise JournalError(f"the machine's reserved frames: {failure}") from None
    return store
