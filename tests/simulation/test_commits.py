# SPDX-License-Identifier: GPL-2.0-or-later
"""Commits over the command channel: whole or absent, once, in order, for those who are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.script import ScriptFabric
from ultravisor.channels.command_protocol import (
    Abort,
    AnyOperation,
    Apply,
    AssignMemory,
    Begin,
    CommitTransaction,
    CreatePartition,
    DefineZone,
    DestroyPartition,
    Done,
    Query,
    Read,
    ReadVersion,
    RefusalKind,
    Refused,
    ReleaseMemory,
    SetQuota,
    Transact,
    result_of,
)
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.records import Extent, Partition, Request, Zone

if TYPE_CHECKING:
    from pathlib import Path

CREATE = (
    CreatePartition(name="p"),
    AssignMemory(partition=result_of(0), frame_count=256, guest_frame=0),
)


def names(fabric: ScriptFabric) -> list[str]:
    return [row.name for row in fabric.ultravisor.database.records(Partition)]


def test_a_transaction_in_one_message_is_done_and_answers_each_operation() -> None:
    fabric = ScriptFabric()
    (answer,) = fabric.ask((7, Transact(CREATE)))
    assert isinstance(answer, Done)
    assert answer.values[0] == 3
    assert answer.values[1][0][2] == 256
    assert names(fabric) == ["boot", "ultravisor", "p"]


def test_a_transaction_in_steps_is_seen_only_once_it_is_committed() -> None:
    fabric = ScriptFabric()
    (begun,) = fabric.ask((1, Begin()))
    assert isinstance(begun, Done)
    number = begun.values[0]
    fabric.ask((2, Apply(number, CREATE)))
    assert names(fabric) == ["boot", "ultravisor"]
    (done,) = fabric.ask((3, CommitTransaction(number)))
    assert isinstance(done, Done)
    assert done.values[0] == 3
    assert names(fabric) == ["boot", "ultravisor", "p"]


def test_an_aborted_transaction_leaves_nothing_and_is_unknown_afterwards() -> None:
    fabric = ScriptFabric()
    (begun,) = fabric.ask((1, Begin()))
    assert isinstance(begun, Done)
    number = begun.values[0]
    fabric.ask((2, Apply(number, CREATE)), (3, Abort(number)))
    (again,) = fabric.ask((4, CommitTransaction(number)))
    assert isinstance(again, Refused)
    assert again.kind is RefusalKind.UNKNOWN_ID
    assert names(fabric) == ["boot", "ultravisor"]


def test_reads_answer_records_of_one_generation() -> None:
    fabric = ScriptFabric()
    (answer,) = fabric.ask((1, Read(0, (Query("partition"), Query("zone"), Query("extent", (2,))))))
    assert isinstance(answer, Done)
    partitions, zones, extents = answer.values
    assert [row["name"] for row in partitions] == ["boot", "ultravisor"]
    assert zones == []
    assert [row["frame_count"] for row in extents] == [512]


def test_a_dry_run_answers_and_changes_nothing() -> None:
    fabric = ScriptFabric()
    before = fabric.ultravisor.database.state_hash()
    (answer,) = fabric.ask((1, Transact(CREATE, dry_run=True)))
    assert isinstance(answer, Done)
    assert fabric.ultravisor.database.state_hash() == before


@pytest.mark.parametrize(
    ("operations", "kind"),
    [
        ((DestroyPartition(99),), RefusalKind.UNKNOWN_ID),
        ((DestroyPartition(1),), RefusalKind.STATE),
        (
            (AssignMemory(partition=1, frame_count=1, guest_frame=9999, machine_frame=0),),
            RefusalKind.OWNERSHIP,
        ),
        ((AssignMemory(partition=1, frame_count=1 << 20, guest_frame=9999),), RefusalKind.LIMIT),
        ((CreatePartition(name="p", kind="strange"),), RefusalKind.INVALID),
        (
            (AssignMemory(partition=result_of(5), frame_count=1, guest_frame=0),),
            RefusalKind.INVALID,
        ),
        (
            (
                DefineZone("z", "00000000-0000-0000-0000-000000000001"),
                SetQuota("zone", "z", "partitions", 0),
                CreatePartition(name="p", zone="z"),
            ),
            RefusalKind.QUOTA,
        ),
    ],
)
def test_refusals_are_distinct_and_leave_nothing(
    operations: tuple[AnyOperation, ...], kind: RefusalKind
) -> None:
    fabric = ScriptFabric()
    before = fabric.ultravisor.database.state_hash()
    (answer,) = fabric.ask((1, Transact(operations)))
    assert isinstance(answer, Refused)
    assert answer.kind is kind
    assert answer.sentence
    assert fabric.ultravisor.database.state_hash() == before


def test_a_decision_that_rests_on_an_older_version_is_a_conflict() -> None:
    fabric = ScriptFabric()
    (answer,) = fabric.ask((1, Read(0, (Query("partition", (1,)),))))
    assert isinstance(answer, Done)
    version = answer.values[0][0]["version"]
    more = AssignMemory(partition=1, frame_count=1, guest_frame=9000)
    reads = (ReadVersion("partition", (1,), version),)
    first, second = fabric.ask((2, Transact((more,), reads)), (3, Transact((more,), reads)))
    assert isinstance(first, Done)
    assert isinstance(second, Refused)
    assert second.kind is RefusalKind.CONFLICT


def test_a_request_that_comes_twice_is_done_once_and_answered_the_same() -> None:
    fabric = ScriptFabric()
    fabric.ask((5, Transact(CREATE)), (5, Transact(CREATE)))
    fabric.ask((5, Transact(CREATE)))
    assert len(set(map(repr, fabric.script.answers[5]))) == 1
    assert names(fabric) == ["boot", "ultravisor", "p"]


def test_a_request_that_comes_again_after_a_restart_is_answered_from_the_journal() -> None:
    fabric = ScriptFabric()
    (first,) = fabric.ask((5, Transact(CREATE)))
    fabric.restart_ultravisor()
    (second,) = fabric.ask((5, Transact(CREATE)))
    assert isinstance(first, Done)
    assert second == Done(first.generation, first.values, repeated=True)
    assert names(fabric) == ["boot", "ultravisor", "p"]


def test_whoever_committed_in_steps_learns_after_a_restart_that_it_was_done() -> None:
    fabric = ScriptFabric()
    (begun,) = fabric.ask((1, Begin()))
    assert isinstance(begun, Done)
    fabric.ask((2, Apply(begun.values[0], CREATE)), (3, CommitTransaction(begun.values[0])))
    fabric.restart_ultravisor()
    done, lost = fabric.ask(
        (3, CommitTransaction(begun.values[0])), (4, CommitTransaction(begun.values[0]))
    )
    assert isinstance(done, Done)
    assert done.repeated
    assert isinstance(lost, Refused)
    assert lost.kind is RefusalKind.UNKNOWN_ID


def test_a_commit_that_revokes_is_answered_only_after_all_have_acknowledged() -> None:
    fabric = ScriptFabric()
    fabric.acknowledge_after = 50
    last = fabric.ultravisor.database.records_of(Extent, 1)[-1]
    end = last.guest_frame + last.frame_count
    fabric.ask((1, Transact((AssignMemory(partition=1, frame_count=8, guest_frame=end + 5000),))))
    release = ReleaseMemory(partition=1, guest_frame=end + 5000, frame_count=8)
    fabric.script.ask(2, Transact((release,)))
    fabric.script.ask(3, Read(0, (Query("zone"),)))
    fabric.wake(1)
    fabric.run_until(lambda: 3 in fabric.script.answers)
    assert fabric.views.generation > fabric.views.acknowledged()
    assert 2 not in fabric.script.answers
    fabric.run_until(lambda: 2 in fabric.script.answers)
    assert fabric.views.generation == fabric.views.acknowledged()


def open_journal(kind: str, folder: Path) -> FileJournal | None:
    return FileJournal.open(folder / "journal") if kind == "file" else None


def work(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that gives and takes, and whose view revokes."""
    return (
        CreatePartition(name=f"p{number}"),
        AssignMemory(partition=result_of(0), frame_count=64, guest_frame=0),
        ReleaseMemory(partition=1, guest_frame=20_000 + number, frame_count=1),
    )


def run_killed(fabric: ScriptFabric, at: int | None) -> list[str]:
    """Ask for three transactions, with the ultravisor killed at one point; return the points."""
    room = AssignMemory(partition=1, frame_count=4, guest_frame=20_000)
    fabric.ask((9, Transact((room,))))
    fabric.fault.arm(at)
    fabric.ask(*((number, Transact(work(number))) for number in (1, 2, 3)))
    points = fabric.fault.names
    fabric.fault.arm(None)
    return points


def assert_whole(fabric: ScriptFabric) -> None:
    """Every request was done once, and everybody knows it."""
    database = fabric.ultravisor.database
    assert database.check() == []
    # Of requests that were on their way together, a lost one comes again behind the others.
    assert sorted(names(fabric)) == ["boot", "p1", "p2", "p3", "ultravisor"]
    for number in (1, 2, 3):
        answer = fabric.script.answer(number)
        assert isinstance(answer, Done)
        stored = database.find(Request, "boot", number)
        assert stored is not None
        assert stored.version == answer.generation
    found = sum(row.frame_count for row in database.records_of(Extent, 1))
    assert found == 512 + 4 - 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_the_ultravisor_may_be_killed_at_every_point_of_commits(kind: str, tmp_path: Path) -> None:
    folders = iter(range(100_000))

    def fresh() -> ScriptFabric:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        fabric = ScriptFabric(journal=open_journal(kind, folder))
        if kind == "file":
            fabric.reopen = lambda: FileJournal.open(folder / "journal")
        return fabric

    whole = fresh()
    points = run_killed(whole, None)
    assert_whole(whole)
    assert {"journal append", "journal synced", "view publish", "memory write"} <= set(points)
    for at in range(len(points)):
        fabric = fresh()
        run_killed(fabric, at)
        assert fabric.kills == 1, f"point {at}: {points[at]}"
        assert_whole(fabric)
        fabric.journal.close()


def test_the_ultravisor_may_be_killed_again_and_again() -> None:
    fabric = ScriptFabric(seed=3)
    for number in range(1, 40):
        fabric.fault.arm((number * 7) % 20)
        zone = DefineZone(f"z{number}", f"00000000-0000-0000-0000-{number:012d}")
        (answer,) = fabric.ask((number, Transact((zone,))))
        assert isinstance(answer, Done)
    fabric.fault.arm(None)
    assert fabric.kills > 20
    assert len(fabric.ultravisor.database.records(Zone)) == 39
    assert fabric.ultravisor.database.check() == []


def test_the_rebuilt_state_equals_the_lost_one() -> None:
    fabric = ScriptFabric()
    fabric.ask((1, Transact(CREATE)))
    before, rows = fabric.ultravisor.database.state_hash(), dict(fabric.views.rows)
    fabric.restart_ultravisor()
    fabric.take_turn(2)
    assert fabric.ultravisor.database.state_hash() == before
    assert fabric.views.rows == rows


def test_a_retried_request_is_not_starved_by_younger_ones() -> None:
    fabric = ScriptFabric()
    database = fabric.ultravisor.database
    row = database.get(Partition, 1)
    old = Transact(
        (AssignMemory(partition=1, frame_count=1, guest_frame=30_000),),
        (ReadVersion("partition", (1,), row.version),),
    )
    kinds = []
    for number in range(100, 110):
        # Somebody younger is always there first.
        young = AssignMemory(partition=1, frame_count=1, guest_frame=31_000 + number)
        version = database.get(Partition, 1).version
        retried = Transact(old.operations, (ReadVersion("partition", (1,), version),))
        answers = fabric.ask((number, Transact((young,))), (5, retried))
        kinds.append(type(answers[1]).__name__)
        if isinstance(answers[1], Done):
            break
    assert kinds[-1] == "Done", kinds
    assert len(kinds) <= 4
