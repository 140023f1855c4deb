# SPDX-License-Identifier: GPL-2.0-or-later
"""Our changesets against those of SQLite's own session extension."""

from __future__ import annotations

from typing import Any

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.resource_examples import make_database
from tests.unit.test_resource_faults import do_everything, prepare
from ultravisor.resources.changes import Change
from ultravisor.resources.changeset import encode
from ultravisor.resources.connection import new_connection
from ultravisor.resources.history import apply
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.records import Domain


def parsed(changeset: bytes) -> set[tuple[Any, ...]]:
    return {
        (change.name, change.op, str(change.old), str(change.new))
        for change in apsw.Changeset.iter(changeset)
    }


def test_they_say_the_same_as_a_session() -> None:
    journal = MemoryJournal()
    database = make_database(journal)
    prepare(database)
    session = apsw.Session(database._store.connection, "main")
    session.attach()
    do_everything(database)
    wanted = session.changeset()
    session.close()
    (entry,) = journal.entries(1, 2)
    assert parsed(entry.changeset) == parsed(wanted)
    assert len({change[0] for change in parsed(wanted)}) > 10


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300), st.text(max_size=70_000), st.integers(-(2**63), 2**63 - 1))
def test_values_of_any_length_come_back(name: str, definition: str, version: int) -> None:
    record = Domain("d" + name.replace("\0", ""), None, definition, version)
    connection = new_connection()
    apply(encode([Change("domain", (record.name,), None, record)]), connection)
    assert connection.execute("SELECT * FROM domain").fetchall() == [
        (record.name, None, definition, version)
    ]
    after = Domain(record.name, None, definition + "x", 0)
    apply(encode([Change("domain", (record.name,), record, after)]), connection)
    apply(encode([Change("domain", (record.name,), after, None)]), connection)
    assert connection.execute("SELECT * FROM domain").fetchall() == []
