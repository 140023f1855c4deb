# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever fails, a transaction has its full effect or none, and the asker is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.fake_storage import FakeStorage
from tests.unit.resource_examples import GUID, MACHINE, ends, make_database
from ultravisor.errors import UltravisorError
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.errors import DatabaseError, JournalError
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.processor_operations import SlotPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

    from ultravisor.resources.changes import Commit
    from ultravisor.resources.journal import Journal


def prepare(database: ResourceDatabase) -> None:
    """Commit what the tried transaction needs."""
    transaction = database.begin("command")
    for name in ("a", "b"):
        number = transaction.create_partition(name)
        transaction.assign_memory(number, 600)
        transaction.add_virtual_processor(number, 0)
    transaction.plan_channel(GUID, 2, ends(1, 2, 1000))
    transaction.commit()


def do_everything(database: ResourceDatabase, *, sync: bool = True) -> Commit:
    """Commit one transaction that touches every table that a commit can write."""
    with database.begin("command") as transaction:
        transaction.create_zone("z", GUID)
        transaction.set_quota("zone", "z", "frames", 100)
        number = transaction.create_partition("c", zone="z")
        transaction.assign_memory(number, 30)
        transaction.add_virtual_processor(number, 1)
        transaction.release_memory(1, 0, 5)
        transaction.set_quanta(0, [SlotPlan(1, 0, 20), SlotPlan(2, 0, 30)])
        transaction.map_channel(1)
        transaction.set_link(1, 0, 2, 0)
        device = transaction.add_device("disk", "disk0", 1500, 2)
        transaction.assign_device(device, 1, 900, 2)
        transaction.set_domain("d", "x")
        transaction.destroy_partition(2)
        return transaction.commit(9, sync=sync)


def expected_hash() -> str:
    database = make_database()
    prepare(database)
    do_everything(database)
    return database.state_hash()


Injector = "Callable[[apsw.Connection, int, bool], None]"


def refuse_statement(connection: apsw.Connection, number: int, forever: bool) -> None:
    """Let the statement of this number fail before it runs."""
    left = [number]

    def trace(_cursor: Any, _statement: str, _bindings: Any) -> bool:
        left[0] -= 1
        return not (left[0] == -1 or (forever and left[0] < -1))

    connection.exec_trace = trace


def interrupt(connection: apsw.Connection, number: int, forever: bool) -> None:
    """Interrupt SQLite in the middle of a statement, after some hundreds of its steps."""
    left = [number]

    def progress() -> bool:
        left[0] -= 1
        return left[0] == -1 or (forever and left[0] < -1)

    connection.set_progress_handler(progress, 200)


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize("inject", [refuse_statement, interrupt])
def test_each_statement_that_fails_leaves_nothing(
    inject: Callable[[apsw.Connection, int, bool], None], forever: bool
) -> None:
    wanted = expected_hash()
    for number in range(2000):
        journal = MemoryJournal()
        database = make_database(journal)
        prepare(database)
        before = database.state_hash()
        connection = database._store.connection
        inject(connection, number, forever)
        try:
            do_everything(database)
        except UltravisorError as failure:
            error: UltravisorError | None = failure
        else:
            error = None
        connection.exec_trace = None
        connection.set_progress_handler(None)
        if error is None:
            break
        assert isinstance(error, DatabaseError)
        assert judge(database, journal, before, wanted)
    assert database.state_hash() == wanted
    assert number > 30


def judge(database: ResourceDatabase, journal: Journal, before: str, wanted: str) -> bool:
    """Say whether nothing was kept, and whether a retry has its full effect."""
    try:
        database.begin("command").abort()
    except DatabaseError:
        # It could not even be rolled back: only the journal can tell, and it tells.
        database = ResourceDatabase.open(journal, MACHINE)
    assert database.state_hash() == before
    assert do_everything(database).generation == 2
    assert database.check() == []
    return database.state_hash() == wanted


@pytest.mark.parametrize("forever", [False, True], ids=["once", "from-then-on"])
@pytest.mark.parametrize("written", [0, 1, 60, 10_000])
def test_each_file_operation_that_fails_leaves_nothing(forever: bool, written: int) -> None:
    wanted = expected_hash()
    for number in range(20):
        storage = FakeStorage()
        database = make_database(FileJournal(storage))
        prepare(database)
        before = database.state_hash()
        storage.fail_at, storage.written_before_failure = number, written
        storage.fails_forever = forever
        try:
            do_everything(database)
        except JournalError:
            failed = True
        else:
            failed = False
        storage.fail_at, storage.fails_forever = -1, False
        if not failed:
            break
        again = ResourceDatabase.open(FileJournal(FakeStorage(storage.content)), MACHINE)
        # What was written and not synced may be there; half of it never is.
        assert again.state_hash() in (before, wanted)
        retried = do_everything(again)
        assert (retried.generation, again.state_hash()) == (2, wanted)
    assert number == 2


def test_after_a_failed_sync_nothing_is_taken() -> None:
    storage = FakeStorage()
    database = make_database(FileJournal(storage))
    prepare(database)
    storage.fail_at = 1
    with pytest.raises(JournalError, match="fake: cannot sync: Input/output error"):
        do_everything(database)
    with pytest.raises(DatabaseError, match="takes nothing more: fake: cannot sync"):
        database.begin("command")


def test_a_full_disk_refuses_one_commit_and_takes_the_next() -> None:
    storage = FakeStorage()
    database = make_database(FileJournal(storage))
    prepare(database)
    storage.fail_at, storage.written_before_failure = 0, 30
    with pytest.raises(JournalError, match="cannot write: No space left on device"):
        do_everything(database)
    assert do_everything(database).generation == 2


# Crashes.


def workload(database: ResourceDatabase, step: int) -> None:
    """Do one commit of a workload; groups of three share a sync."""
    transaction = database.begin("command")
    transaction.set_domain("one", str(step))
    transaction.set_domain("other", str(step))
    transaction.commit(step, sync=False)
    if step % 3 == 2:
        database.sync()


def test_every_image_that_a_crash_leaves_is_whole() -> None:
    storage = FakeStorage()
    database = make_database(FileJournal(storage))
    hashes = {0: database.state_hash()}
    images = 0
    for step in range(9):
        workload(database, step)
        hashes[database.generation] = database.state_hash()
        if step == 4:
            database.compact(keep=2)
        for image in {*storage.images()}:
            images += 1
            again = ResourceDatabase.open(FileJournal(FakeStorage(image)), MACHINE)
            assert database.durable_generation <= again.generation <= database.generation
            assert again.state_hash() == hashes[again.generation]
    assert images > 200


def test_a_crash_after_a_commit_was_taken_back_does_not_bring_it_back() -> None:
    storage = FakeStorage()
    database = make_database(FileJournal(storage))
    workload(database, 2)
    kept = database.state_hash()

    def refuse_commit(_cursor: Any, statement: str, _bindings: Any) -> bool:
        return statement != "COMMIT"

    database._store.connection.exec_trace = refuse_commit
    with pytest.raises(DatabaseError):
        workload(database, 3)
    database._store.connection.exec_trace = None
    for image in storage.images():
        again = ResourceDatabase.open(FileJournal(FakeStorage(image)), MACHINE)
        assert again.state_hash() == kept
