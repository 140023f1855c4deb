# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal file: torn tails are cut, damage is refused, one process has it."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from tests.unit.resource_examples import MACHINE, add_partition, make_database, set_state
from ultravisor.resources import storage
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.errors import JournalError
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.journal_records import read_contents
from ultravisor.resources.records import FrameRange


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of three generations."""
    path = tmp_path / "host.journal"
    database = make_database(FileJournal.open(path))
    number = add_partition(database, "a")
    for state in ("running", "paused"):
        set_state(database, number, state)
    database.close()
    return path


def opened(path: Path) -> ResourceDatabase:
    return ResourceDatabase.open(FileJournal.open(path), MACHINE)


def offsets(path: Path) -> list[int]:
    """Return where the records of a journal begin, and where the last ends."""
    records = read_contents(path.read_bytes(), "").records
    return [*(record.offset for record in records), records[-1].end]


def test_the_state_is_rebuilt(path: Path) -> None:
    first = opened(path)
    rows = list(first.dump())
    first.close()
    again = opened(path)
    assert (again.generation, list(again.dump()), again.check()) == (3, rows, [])


def test_it_is_private_to_its_owner(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lost", [1, 30, 45])
def test_a_torn_tail_is_cut_and_said(path: Path, lost: int) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-lost])
    start = offsets_of_last(data)
    journal = FileJournal.open(path)
    assert f"after offset {start} were never acknowledged and are cut off" in journal.notice
    assert ResourceDatabase.open(journal, MACHINE).generation == 2
    assert path.stat().st_size == start


def offsets_of_last(data: bytes) -> int:
    return read_contents(data, "").records[-1].offset


def test_a_damaged_middle_is_refused_with_its_offset(path: Path) -> None:
    second = offsets(path)[2]
    data = bytearray(path.read_bytes())
    data[second + 50] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalError, match=f"damaged at offset {second}, in generation 2"):
        FileJournal.open(path)
    assert path.read_bytes() == data


def test_a_damaged_snapshot_is_refused(path: Path) -> None:
    database = opened(path)
    database.compact()
    database.close()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(JournalError, match="in generation 1; the record at offset 0 says"):
        FileJournal.open(path)


@pytest.mark.parametrize("content", [b"x", b"no journal at all, but long enough for a head of one"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(JournalError, match="no journal, or damaged at offset 0"):
        FileJournal.open(other)
    assert other.read_bytes() == content


def test_a_record_of_another_chain_is_not_taken(path: Path) -> None:
    starts = offsets(path)
    data = path.read_bytes()
    # Generation 3 right after 1: sound in itself, and not what follows.
    path.write_bytes(data[: starts[2]] + data[starts[3] :])
    with pytest.raises(JournalError, match="in generation 2"):
        FileJournal.open(path)


def test_a_journal_of_another_machine_is_refused(path: Path) -> None:
    other = msgspec.structs.replace(MACHINE, processor_count=1)
    with pytest.raises(JournalError, match="the journal is of another machine"):
        ResourceDatabase.open(FileJournal.open(path), other)


def test_a_machine_that_cannot_be_leaves_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "j"
    wrong = msgspec.structs.replace(MACHINE, reserved=(FrameRange(0, 10**6),))
    with pytest.raises(JournalError, match="reserved frames"):
        ResourceDatabase.open(FileJournal.open(path), wrong)
    assert path.read_bytes() == b""


def test_the_machine_is_in_the_journal(path: Path) -> None:
    assert ResourceDatabase.open(FileJournal.open(path)).machine == MACHINE


def test_an_empty_journal_needs_a_machine(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no machine is given"):
        ResourceDatabase.open(FileJournal.open(tmp_path / "j"))


def test_one_process_at_a_time(path: Path) -> None:
    journal = FileJournal.open(path)
    with pytest.raises(JournalError, match="another process uses this journal"):
        FileJournal.open(path)
    journal.close()
    FileJournal.open(path).close()


def test_the_lock_holds_for_another_process_and_after_compaction(path: Path) -> None:
    database = opened(path)
    database.compact()
    program = (
        "import sys; from pathlib import Path; "
        "from ultravisor.resources.file_journal import FileJournal; "
        "FileJournal.open(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert "another process uses this journal" in done.stderr
    database.close()


def test_compaction_keeps_the_state_and_bounds_the_file(path: Path) -> None:
    database = opened(path)
    for _ in range(200):
        set_state(database, 1, "running")
        set_state(database, 1, "paused")
    long = path.stat().st_size
    wanted = database.state_hash()
    database.compact(keep=2)
    assert path.stat().st_size < long / 4
    set_state(database, 1, "running")
    set_state(database, 1, "paused")
    database.close()
    again = opened(path)
    assert (again.first_generation, again.generation) == (401, 405)
    assert [row for row in again.dump() if row[0] != "partition"]
    assert again.at(403).state_hash() == wanted


def test_group_commit_is_durable_after_its_sync(path: Path) -> None:
    database = opened(path)
    transaction = database.begin("command")
    transaction.set_partition_state(1, "running")
    transaction.commit(sync=False)
    assert (database.generation, database.durable_generation) == (4, 3)
    assert database.sync() == 4


@pytest.mark.parametrize("call", ["open", "flock", "pwrite", "fsync", "replace", "sync the folder"])
def test_a_compaction_that_fails_at_a_step_leaves_a_whole_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    database = opened(path)
    before = database.state_hash()

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        if call == "flock":
            patched.setattr(fcntl, "flock", fail)
        elif call == "replace":
            patched.setattr(Path, "replace", fail)
        elif call == "sync the folder":
            patched.setattr(storage, "_sync_folder", fail)
        else:
            patched.setattr(os, call, fail)
        with pytest.raises(JournalError, match="cannot replace: Input/output error"):
            database.compact(keep=1)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    database._journal.close()
    again = opened(path)
    # The old file, or behind the last step the new one: never a mixture.
    assert again.first_generation == (2 if call == "sync the folder" else 0)
    assert (again.generation, again.state_hash()) == (3, before)
    set_state(again, 1, "running")
    again.close()


def test_what_a_killed_compaction_has_left_is_replaced_by_the_next(path: Path) -> None:
    path.with_name(path.name + ".new").write_bytes(b"half of a jour")
    database = opened(path)
    before = database.state_hash()
    database.compact()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    database.close()
    again = opened(path)
    assert (again.first_generation, again.state_hash()) == (3, before)
