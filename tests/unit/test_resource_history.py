# SPDX-License-Identifier: GPL-2.0-or-later
"""The past of the database: at, log, diff, watch and export."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.unit.resource_examples import add_partition, make_database, set_state
from ultravisor.errors import OutputError
from ultravisor.resources.database import RECENT_COUNT
from ultravisor.resources.errors import HistoryError, UnknownIdError
from ultravisor.resources.records import Extent, Partition

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.resources.changes import Change
    from ultravisor.resources.database import ResourceDatabase


@pytest.fixture
def database() -> ResourceDatabase:
    """Return a database in which a partition came, ran and paused."""
    made = make_database()
    add_partition(made, "a")
    set_state(made, 1, "running")
    set_state(made, 1, "paused")
    return made


def states(change: Change) -> tuple[str | None, str | None]:
    """Return a partition's state before and after."""
    before, after = change.before, change.after
    return (
        before.state if isinstance(before, Partition) else None,
        after.state if isinstance(after, Partition) else None,
    )


def test_each_generation_can_be_asked(database: ResourceDatabase) -> None:
    found = [database.at(generation).find(Partition, 1) for generation in range(4)]
    assert [None if p is None else p.state for p in found] == [None, "ready", "running", "paused"]
    assert database.at(2).generation == 2
    assert database.at(2).check() == []


@pytest.mark.parametrize("generation", [-1, 4])
def test_other_generations_are_not_found(database: ResourceDatabase, generation: int) -> None:
    with pytest.raises(HistoryError, match=f"generation {generation}: the journal knows 0 to 3"):
        database.at(generation)


def test_what_was_compacted_is_not_found(database: ResourceDatabase) -> None:
    database.compact(keep=1)
    assert database.at(2).get(Partition, 1).state == "running"
    with pytest.raises(HistoryError) as refused:
        database.at(1)
    assert refused.value.message == "generation 1: the journal was compacted and begins at 2"
    assert refused.value.hint == (
        "a host that is brought up with --journal FILE keeps all its generations"
    )


def test_the_log_has_whole_records(database: ResourceDatabase) -> None:
    log = dict(database.log())
    assert list(log) == [1, 2, 3]
    assert [states(change) for change in log[2]] == [("ready", "running")]
    tables = [change.table for change in log[1]]
    assert tables == ["block", "block", "block", "partition", "extent", "virtual_processor"]


def test_the_log_can_begin_and_end_anywhere(database: ResourceDatabase) -> None:
    assert [generation for generation, _ in database.log(1, 2)] == [2]


def test_a_difference_leaves_out_what_came_between(database: ResourceDatabase) -> None:
    (change,) = database.diff(1, 3)
    assert states(change) == ("ready", "paused")
    (back,) = database.diff(3, 1)
    assert states(back) == ("paused", "ready")
    assert database.diff(2, 2) == ()


def test_a_watch_tells_what_the_log_tells(database: ResourceDatabase) -> None:
    watched = list(database.watch(1))
    assert watched == list(database.log(1))
    assert list(database.watch(3)) == []


def test_a_watch_that_is_far_behind_misses_nothing(database: ResourceDatabase) -> None:
    for _ in range(RECENT_COUNT // 2 + 1):
        set_state(database, 1, "running")
        set_state(database, 1, "paused")
    watched = [generation for generation, _ in database.watch(0)]
    assert watched == list(range(1, database.generation + 1))


def test_the_export_is_a_file_of_sqlite(database: ResourceDatabase, tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database.at(2).export(path)
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, state FROM partition").fetchall()
    connection.close()
    assert rows == [("a", "running")]
    with pytest.raises(OutputError, match="exists already"):
        database.export(path)


def test_an_export_to_nowhere_is_refused(database: ResourceDatabase, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        database.export(tmp_path / "missing" / "state.db")


def test_records_are_found_by_key_and_by_root(database: ResourceDatabase) -> None:
    assert [extent.frame_count for extent in database.records_of(Extent, 1)] == [4]
    with pytest.raises(UnknownIdError, match="table partition, key 9: no such record"):
        database.get(Partition, 9)
    with pytest.raises(UnknownIdError, match="table nothing"):
        database.table("nothing")
