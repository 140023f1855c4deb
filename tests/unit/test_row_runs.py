# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of rows: each owner's stay together, and what is free is known."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from ultravisor.partitions.row_runs import RowLimitError, RowRuns

LIMIT = 40


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 12)), max_size=40))
def test_runs_are_apart_and_the_end_is_behind_the_last(steps: list[tuple[int, int]]) -> None:
    runs: RowRuns[int] = RowRuns(LIMIT)
    assert runs.end == 0
    for owner, count in steps:
        with suppress(RowLimitError):
            runs.resize(owner, count)
        rows = [row for other in runs.owners for row in runs.get(other)]
        assert len(rows) == len(set(rows))
        assert runs.end == max(rows, default=-1) + 1


@given(st.lists(st.integers(1, 6), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_runs_that_are_seeded_are_where_they_were(sizes: list[int], dice: object) -> None:
    before: RowRuns[int] = RowRuns(LIMIT)
    for owner, count in enumerate(sizes):
        before.resize(owner, count)
    before.resize(len(sizes) // 2, 0)
    owners = list(before.owners)
    dice.shuffle(owners)  # type: ignore[attr-defined]
    after: RowRuns[int] = RowRuns(LIMIT)
    for owner in owners:
        after.seed(owner, before.get(owner))
    assert [after.get(owner) for owner in owners] == [before.get(owner) for owner in owners]
    assert after.end == before.end
