# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal of a living host: in memory it stays short, in a file it is kept whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.guests.living_hosts import Operator
from ultravisor.life import infrastructure
from ultravisor.partitions.messages import Done

if TYPE_CHECKING:
    from pathlib import Path

QUICK: dict[str, Any] = {"monitor": "native", "timing": "off", "processors": 1}
KEPT = 8


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a journal grow long soon."""
    monkeypatch.setattr(infrastructure, "KEPT_COMMITS", KEPT)


def work(operator: Operator) -> None:
    """Commit some tens of generations, one after the other."""
    for number in range(3 * KEPT):
        quota = ["SetQuota", "zone", "default", "frames", 100_000 + number]
        assert isinstance(operator.transact(quota), Done)


def brought_up(journal: Path | None = None) -> Operator:
    operator = Operator(["hello"], journal=journal, **QUICK)
    operator.until(lambda: operator.state("hello") == "stopped")
    return operator


def test_a_journal_in_memory_stays_short() -> None:
    with brought_up() as operator:
        work(operator)
        database = operator.host.database
        assert KEPT <= database.generation - database.first_generation < 2 * KEPT
        assert database.check() == []


def test_a_journal_in_a_file_keeps_everything(tmp_path: Path) -> None:
    with brought_up(tmp_path / "host.journal") as operator:
        work(operator)
        assert operator.host.database.first_generation == 0


def test_an_ultravisor_begins_anew_from_a_journal_that_was_cut_back() -> None:
    with brought_up() as operator:
        work(operator)
        lost, rebuilt = operator.restart_ultravisor()
        assert lost == rebuilt
        work(operator)
        assert isinstance(operator.order("reset", "hello"), Done)


def test_where_the_journal_is_cut_changes_nothing_of_a_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = []
    for kept in (KEPT, 1_000_000):
        monkeypatch.setattr(infrastructure, "KEPT_COMMITS", kept)
        with brought_up() as operator:
            work(operator)
            results.append(operator.host.result())
    assert results[0] == results[1]


def test_a_journal_that_was_cut_back_is_copied(tmp_path: Path) -> None:
    with brought_up() as operator:
        work(operator)
        generation = operator.host.copy_journal(tmp_path / "copy")
        assert generation == operator.host.generation


def test_a_host_is_saved_and_goes_on_with_a_journal_that_was_cut_back() -> None:
    with brought_up() as operator:
        work(operator)
        snapshot = operator.host.snapshot()
        before = operator.host.result()
        work(operator)
        operator.host.restore(snapshot)
        assert operator.host.result() == before
        work(operator)
