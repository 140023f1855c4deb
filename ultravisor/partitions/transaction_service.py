# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests of the command channel, applied to the resource database.

Owns open transactions and what each request answers. A request that was answered before is
answered the same again; whoever asks under an id that was committed before a restart learns that it
was. Called by the ultravisor program, which says who asks and when an answer may leave; knows no
channels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from ultravisor.channels.command_protocol import (
    Abort,
    AnyAnswer,
    AnyOperation,
    AnyRequest,
    Apply,
    Begin,
    CommitTransaction,
    CreateDevice,
    Done,
    ProtocolError,
    Query,
    Read,
    RefusalKind,
    Refused,
    Transact,
    decode_request,
)
from ultravisor.partitions.operation_table import OperationScribe
from ultravisor.resources.changes import Commit
from ultravisor.resources.errors import InvalidError, ResourceError, UnknownIdError
from ultravisor.resources.records import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.records import Record
    from ultravisor.resources.transaction import Transaction

ANSWERS_KEPT: Final = 1024
"""Answers of one asker that are given again to a request that comes twice."""
OPEN_LIMIT: Final = 64
"""Open transactions of one asker."""


class Outcome(Struct, frozen=True):
    """What a request is answered, and the commit that has to be published before."""

    answer: AnyAnswer
    commit: Commit | None = None


class SavedService(Struct, frozen=True):
    """What must be known to go on."""

    next_transaction: int
    answers: dict[str, tuple[tuple[int, AnyAnswer], ...]]


@dataclass(slots=True)
class _Open:
    """A transaction that was begun and has not ended."""

    transaction: Transaction
    scribe: OperationScribe


class TransactionService:
    """The database's side of one or more command channels."""

    def __init__(self, database: ResourceDatabase) -> None:
        """Serve a database; transactions that were open before a restart are gone."""
        self._database = database
        # Never a number that was given before a restart: each commit makes a new range.
        self._next = (database.generation << 20) + 1
        self._open: dict[tuple[str, int], _Open] = {}
        self._answers: dict[str, OrderedDict[int, AnyAnswer]] = {}
        self._handlers: dict[type, Callable[[str, int, Any], Outcome]] = {
            Begin: self._begin,
            Read: self._read,
            Apply: self._apply,
            CommitTransaction: self._commit,
            Abort: self._abort,
            Transact: self._transact,
        }

    def save(self) -> SavedService:
        """Return what must be known to go on; open transactions end with a program."""
        answers = {asker: tuple(rows.items()) for asker, rows in self._answers.items()}
        return SavedService(self._next, answers)

    def load(self, saved: SavedService) -> None:
        """Go on from what was saved."""
        self._next = saved.next_transaction
        self._answers = {asker: OrderedDict(rows) for asker, rows in saved.answers.items()}

    def serve(self, asker: str, request_id: int, payload: bytes) -> Outcome:
        """Do what a request asks for, once; refusals are answers."""
        answered = self._answers.setdefault(asker, OrderedDict())
        if request_id in answered:
            return Outcome(answered[request_id])
        try:
            request = decode_request(payload)
            outcome = self._handlers[type(request)](asker, request_id, request)
        except ProtocolError as failure:
            # Not kept: the same id may come again, whole.
            return Outcome(Refused(RefusalKind.INVALID, failure.message))
        except ResourceError as failure:
            kind = RefusalKind(failure.kind)
            outcome = Outcome(Refused(kind, failure.message, failure.rule))
        if _is_kept(request, outcome.answer):
            answered[request_id] = outcome.answer
            if len(answered) > ANSWERS_KEPT:
                answered.popitem(last=False)
        return outcome

    def _begin(self, asker: str, request_id: int, request: Begin) -> Outcome:
        self._forget_over(asker)
        transaction = self._database.begin(asker)
        number = self._next
        self._next += 1
        scribe = OperationScribe(self._database, transaction)
        self._open[asker, number] = _Open(transaction, scribe)
        return Outcome(Done(transaction.generation, (number,)))

    def _forget_over(self, asker: str) -> None:
        """Let go of transactions that have ended by themselves, once there are many."""
        if len(self._open) >= OPEN_LIMIT:
            self._open = {key: row for key, row in self._open.items() if not row.transaction.over}

    def _found(self, asker: str, number: int) -> _Open:
        found = self._open.get((asker, number))
        if found is None:
            raise UnknownIdError(f"transaction {number} of {asker}: there is none", "transaction")
        return found

    def _read(self, asker: str, request_id: int, request: Read) -> Outcome:
        if request.transaction == 0:
            values = tuple(self._look(query) for query in request.queries)
            return Outcome(Done(self._database.generation, values))
        transaction = self._found(asker, request.transaction).transaction
        values = tuple(self._read_in(transaction, query) for query in request.queries)
        return Outcome(Done(transaction.generation, values))

    def _look(self, query: Query) -> list[Record]:
        table, root = self._place(query)
        if not query.key:
            return list(self._database.records(table.record))
        if root is not None:
            return list(self._database.records_of(table.record, root))
        found = self._database.find(table.record, *query.key)
        return [] if found is None else [found]

    def _read_in(self, transaction: Transaction, query: Query) -> list[Record]:
        table, root = self._place(query)
        if not query.key:
            return list(transaction.records(table.record))
        if root is not None:
            return list(transaction.records_of(table.record, root))
        return [transaction.read(table.record, *query.key)]

    def _place(self, query: Query) -> tuple[Any, int | None]:
        """Return the table, and the first column of the key where only that is given."""
        table = self._database.table(query.table)
        if not query.key or len(query.key) == len(table.key):
            return table, None
        if len(query.key) == 1 and isinstance(query.key[0], int):
            return table, query.key[0]
        raise InvalidError(f"table {query.table}, key {query.key}: no key of this table", "key")

    def _apply(self, asker: str, request_id: int, request: Apply) -> Outcome:
        found = self._found(asker, request.transaction)
        for operation in request.operations:
            _require_no_registers(operation)
        known = tuple(found.scribe.write(operation) for operation in request.operations)
        return Outcome(Done(found.transaction.generation, known))

    def _commit(self, asker: str, request_id: int, request: CommitTransaction) -> Outcome:
        found = self._open.get((asker, request.transaction))
        if found is None:
            return self._committed_before(asker, request_id, request.transaction)
        try:
            found.scribe.finish()
            commit = found.transaction.commit(request_id, dry_run=request.dry_run, sync=False)
        finally:
            self._open.pop((asker, request.transaction), None)
        return _done(commit, found.scribe, dry_run=request.dry_run)

    def _committed_before(self, asker: str, request_id: int, number: int) -> Outcome:
        """Say that a transaction was committed before a restart; its values are not kept."""
        stored = self._database.find(Request, asker, request_id)
        if stored is None:
            raise UnknownIdError(f"transaction {number} of {asker}: there is none", "transaction")
        return Outcome(Done(stored.version, (), repeated=True))

    def _abort(self, asker: str, request_id: int, request: Abort) -> Outcome:
        self._found(asker, request.transaction).transaction.abort()
        del self._open[asker, request.transaction]
        return Outcome(Done(self._database.generation))

    def _transact(self, asker: str, request_id: int, request: Transact) -> Outcome:
        transaction = self._database.begin(asker, request_id)
        scribe = OperationScribe(self._database, transaction)
        # What was committed before a restart changed what it rests on: its answer is kept.
        is_kept = request.reads and self._database.find(Request, asker, request_id) is not None
        try:
            for read in () if is_kept else request.reads:
                self._expect(transaction, read.table, read.key, read.version)
            for operation in request.operations:
                _require_no_registers(operation)
                scribe.write(operation)
            scribe.finish()
            commit = transaction.commit(request_id, dry_run=request.dry_run, sync=False)
        except InvalidError as failure:
            return self._forced_before(asker, request_id, request, scribe, failure)
        except ProtocolError as failure:
            raise InvalidError(failure.message, "result-of") from None
        finally:
            transaction.abort()
        return _done(commit, scribe, dry_run=request.dry_run)

    def _forced_before(
        self,
        asker: str,
        request_id: int,
        request: Transact,
        scribe: OperationScribe,
        failure: InvalidError,
    ) -> Outcome:
        """Answer a repeated request that took by force: those it stopped are stopped no more."""
        stored = self._database.find(Request, asker, request_id)
        forced = any(getattr(operation, "forced", False) for operation in request.operations)
        if failure.rule != "request-once" or stored is None or not forced:
            raise failure
        values = tuple(msgspec.msgpack.decode(stored.answer))
        return Outcome(Done(stored.version, scribe.answers(values), repeated=True))

    def _expect(
        self, transaction: Transaction, table: str, key: tuple[int | str, ...], version: int
    ) -> None:
        if version == 0 and self._database.find(self._database.table(table).record, *key) is None:
            return
        transaction.expect(table, key, version)


def _require_no_registers(operation: AnyOperation) -> None:
    """Refuse a device whose registers were memory: a machine has all that it will ever have."""
    if isinstance(operation, CreateDevice) and operation.frame_count:
        sentence = f"device `{operation.name}`: registers come with the machine, not by a request"
        raise InvalidError(sentence, "registers-of-the-machine")


def _done(commit: Commit, scribe: OperationScribe, *, dry_run: bool) -> Outcome:
    answer = Done(commit.generation, scribe.answers(commit.values), commit.repeated)
    published = None if dry_run or commit.repeated or not commit.changes else commit
    return Outcome(answer, published)


def _is_kept(request: AnyRequest, answer: AnyAnswer) -> bool:
    """Say whether a second message of the same id is answered without looking at it.

    Reads answer what there is now, and what was refused for a conflict is to be tried again under
    its id, for that is how it grows older.
    """
    if isinstance(request, Read):
        return False
    return not (isinstance(answer, Refused) and answer.kind is RefusalKind.CONFLICT)
