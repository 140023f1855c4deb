# SPDX-License-Identifier: GPL-2.0-or-later
"""The commit: validate, do, check, journal, keep; or leave everything as it was.

Owns the one place where the database is written. Between BEGIN and COMMIT of SQLite lies
everything that may refuse; the journal is written before COMMIT, and taken back when that
fails. Whatever fails in between, the transaction is rolled back as a whole.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from ultravisor.resources.changes import Commit, revokes
from ultravisor.resources.changeset import encode as encode_changes
from ultravisor.resources.claims import Claims
from ultravisor.resources.counters import count_changes
from ultravisor.resources.errors import (
    ConflictError,
    DatabaseError,
    InvalidError,
    JournalError,
    LimitError,
)
from ultravisor.resources.invariants import check_changes
from ultravisor.resources.records import Request as RequestRecord
from ultravisor.resources.reservations import Reservations
from ultravisor.resources.tables import TABLES
from ultravisor.resources.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.resources.changes import Change
    from ultravisor.resources.journal import Journal
    from ultravisor.resources.reservations import Request
    from ultravisor.resources.store import Store

IDLE_LIMIT_CYCLES = 10_000_000_000
"""A transaction that is left alone for longer is over."""
OPEN_LIMIT = 64
"""Open transactions of one asker."""
REQUESTS_KEPT = 4096
"""Generations for which the answer to a request is kept."""

REQUESTS_SWEPT = 64
"""Generations after which old answers are looked for."""

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class CommitEngine:
    """Open transactions of one store and journal, and their commits."""

    def __init__(self, store: Store, journal: Journal, generation: int) -> None:
        self.store = store
        self.journal = journal
        self.generation = generation
        self.claims = Claims(store)
        self.now_cycles = 0
        self.broken = ""
        """Why nothing more is taken: what is kept can only be told by opening it again."""
        self.on_commit: Callable[[Commit], None] = lambda _commit: None
        self._reservations = Reservations()
        self._open: list[Transaction] = []
        self._highest: dict[str, int] = {}
        self._table_changed: dict[str, int] = dict.fromkeys(TABLES, generation)

    def begin(self, asker: str, request_id: int | None) -> Transaction:
        """Open a transaction that reads the generation in force."""
        self.refuse_broken()
        if (
            len(self._open) >= OPEN_LIMIT
            and sum(other.asker == asker for other in self._open) >= OPEN_LIMIT
        ):
            raise LimitError(
                f"{asker} has {OPEN_LIMIT} open transactions", "open-limit", "commit or abort one"
            )
        transaction = Transaction(self, asker, request_id, self.generation)
        self._open.append(transaction)
        return transaction

    def end(self, transaction: Transaction) -> None:
        """Forget a transaction and what it was promised."""
        for table, number in transaction.claimed:
            self.claims.release(table, number)
        transaction.claimed.clear()
        if transaction in self._open:
            self._open.remove(transaction)

    def advance(self, now_cycles: int) -> None:
        """Say what time it is: transactions and reservations that idled too long end."""
        self.now_cycles = now_cycles
        oldest = now_cycles - IDLE_LIMIT_CYCLES
        for transaction in [other for other in self._open if other.last_cycles < oldest]:
            transaction.over = "expired"
            self.end(transaction)
        self._reservations.expire(oldest)

    def commit(
        self, transaction: Transaction, request: Request | None, *, dry_run: bool, sync: bool
    ) -> Commit:
        """Do a transaction's operations, or raise and change nothing."""
        self.refuse_broken()
        transaction.refuse_over()
        transaction.over = "refused"
        try:
            return self._commit(transaction, request, dry_run=dry_run, sync=sync)
        except ConflictError:
            self.met_conflict(transaction, request)
            raise
        finally:
            self.end(transaction)

    def met_conflict(self, transaction: Transaction, request: Request | None) -> None:
        """Let a request that met a conflict grow older."""
        if request is not None:
            touched = [*transaction.read_things, *transaction.named_things]
            self._reservations.met_conflict(request, touched, self.now_cycles)

    def table_changed(self, table: str) -> int:
        """Return the last generation that changed anything in a table, or may have."""
        return self._table_changed[table]

    def _commit(
        self, transaction: Transaction, request: Request | None, *, dry_run: bool, sync: bool
    ) -> Commit:
        digest = _digest(transaction)
        stored = None if request is None else self._stored(request, digest)
        if stored is not None:
            transaction.over = "committed"
            self._synced(sync)
            return stored
        if not transaction.operations:
            self._validate(transaction)
            transaction.over = "committed"
            return Commit(self.generation, (), (), revokes=False)
        commit = self._in_database(transaction, request, digest, dry_run)
        transaction.over = "tried" if dry_run else "committed"
        if not dry_run:
            self._synced(sync)
            if request is not None:
                self._reservations.done(request)
            self.on_commit(commit)
        return commit

    def _synced(self, sync: bool) -> None:
        """Make durable what is about to be acknowledged; if that fails, all is over."""
        if sync and self.journal.durable < self.generation:
            self.make_durable()

    def make_durable(self) -> None:
        """Sync the journal; after a failure nobody knows what is kept."""
        try:
            self.journal.sync()
        except JournalError as failure:
            self.broken = failure.message
            raise

    def _stored(self, request: Request, digest: bytes) -> Commit | None:
        """Return the answer of a request that was committed before."""
        asker, number = request
        if number > self._highest_request(asker):
            return None
        found = self.store.get(RequestRecord, asker, number)
        if found is None:
            return None
        if found.digest != digest:
            raise InvalidError(
                f"table request, key ({request[0]}, {request[1]}): the id was used for something "
                "else",
                "request-once",
            )
        values = tuple(_decode(found.answer))
        return Commit(found.version, values, (), revokes=False, repeated=True)

    def _highest_request(self, asker: str) -> int:
        """Return an id above which no answer is kept for an asker: nobody need look for it."""
        highest = self._highest.get(asker)
        if highest is None:
            statement = "SELECT coalesce(max(request_id), 0) FROM request WHERE asker = ?"
            highest = self._highest[asker] = int(self.store.value(statement, asker))
        return highest

    def _in_database(
        self, transaction: Transaction, request: Request | None, digest: bytes, dry_run: bool
    ) -> Commit:
        """Run the one short database transaction; leave nothing of it when anything fails."""
        generation = self.generation + 1
        try:
            self.store.begin(generation)
            values, changes = self._do(transaction, request)
            kept = () if request is None else self._keep_answer(request, digest, values)
            commit = Commit(generation, values, changes, revokes(changes))
            if dry_run:
                self._roll_back()
                return commit
            self.journal.append(generation, encode_changes((*changes, *kept)))
            self._keep()
        except BaseException:
            self._roll_back()
            raise
        self.generation = generation
        if request is not None:
            asker, number = request
            self._highest[asker] = max(number, self._highest_request(asker))
        for change in changes:
            self._table_changed[change.table] = generation
        return commit

    def _do(
        self, transaction: Transaction, request: Request | None
    ) -> tuple[tuple[Any, ...], tuple[Change, ...]]:
        self._validate(transaction)
        values = []
        for operation in transaction.operations:
            try:
                values.append(operation.run(self.store, *operation.arguments))
            except (TypeError, ValueError, OverflowError) as failure:
                raise InvalidError(f"{operation.name}: {failure}", operation.name) from failure
        changes = self.store.changes()
        if count_changes(self.store, changes):
            changes = self.store.changes()
        check_changes(self.store, changes)
        self._reservations.check(request, changes)
        return tuple(values), changes

    def _validate(self, transaction: Transaction) -> None:
        """Raise ConflictError where what the transaction touched changed after it began."""
        begun = transaction.generation
        if begun == self.generation:
            return
        for (table, key), existed in transaction.read_things.items():
            self._validate_thing(begun, table, key, existed)
        for table, key in transaction.named_things:
            self._validate_thing(begun, table, key, existed=False)

    def _validate_thing(self, begun: int, table: str, key: Any, existed: bool) -> None:
        version = self._table_changed[table] if key is None else self._version(table, key)
        if version is None:
            if existed:
                raise _changed(table, key, begun, "is gone")
        elif version > begun:
            raise _changed(table, key, begun, f"changed in generation {version}")

    def _version(self, table: str, key: Any) -> int | None:
        where = TABLES[table].where_key
        found: int | None = self.store.value(f"SELECT version FROM {table} WHERE {where}", *key)
        return found

    def _keep_answer(
        self, request: Request, digest: bytes, values: tuple[Any, ...]
    ) -> tuple[Change, ...]:
        """Store the answer, and forget those too old to be asked for; return what changed."""
        start = self.store.note_count
        generation = self.store.generation
        if generation % REQUESTS_SWEPT == 0:
            oldest = generation - REQUESTS_KEPT
            for request_record in self.store.select(RequestRecord, "version <= ?", oldest):
                self.store.delete(request_record)
        self.store.insert(RequestRecord(*request, digest, _encode(values), generation))
        return self.store.changes(start)

    def _keep(self) -> None:
        """Finish what the journal has; if SQLite cannot, take it back."""
        try:
            self.store.execute("COMMIT")
        except BaseException:
            try:
                self.journal.retract()
            except BaseException as failure:
                self.broken = f"a commit failed and could not be taken back: {failure}"
                raise
            raise

    def _roll_back(self) -> None:
        """Leave SQLite as it was before; if it cannot, only opening again can."""
        try:
            if self.store.connection.in_transaction:
                self.store.execute("ROLLBACK")
        except DatabaseError as failure:
            if self.store.connection.in_transaction:
                self.broken = f"a transaction could not be rolled back: {failure}"
        if self.journal.last != self.generation:
            self.broken = "the journal and the database do not agree on the last commit"

    def refuse_broken(self) -> None:
        """Raise where what is kept can only be told by opening the journal again."""
        if self.broken:
            raise DatabaseError(
                f"the database takes nothing more: {self.broken}", "open it again from its journal"
            )


def _digest(transaction: Transaction) -> bytes:
    """Return a digest of what is asked: of names alone, since numbers differ in a retry."""
    return _digest_of(tuple([operation.name for operation in transaction.operations]))


@lru_cache
def _digest_of(names: tuple[str, ...]) -> bytes:
    return hashlib.blake2b(",".join(names).encode(), digest_size=8).digest()


def _changed(table: str, key: object, begun: int, what: str) -> ConflictError:
    where = f"table {table}" + ("" if key is None else f", key {key}")
    return ConflictError(
        f"{where}: it {what}, after this transaction began at generation {begun}", "version"
    )
