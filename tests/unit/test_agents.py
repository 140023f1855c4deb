# SPDX-License-Identifier: GPL-2.0-or-later
"""The resource agents: pure functions from what is free to what is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultravisor.partitions.channel_agent import (
    CONTROL_PORT,
    POLLED,
    EndPlace,
    NoPortError,
    choose_channel,
    choose_control_channel,
)
from ultravisor.partitions.facts import merge_free, without
from ultravisor.partitions.memory_agent import NoMemoryError, choose_frames
from ultravisor.partitions.policy import RestartRule
from ultravisor.partitions.restarts import (
    RestartState,
    back_off_cycles,
    conflict_back_off_cycles,
    ended,
    started,
)
from ultravisor.partitions.row_runs import RowLimitError, RowRuns
from ultravisor.resources.records import FrameRange

FREE = (FrameRange(100, 50), FrameRange(512, 1024), FrameRange(4096, 600))


def test_the_shortest_run_that_is_long_enough_is_taken_where_no_block_is_split() -> None:
    assert choose_frames(FREE, 20, 1, "a").ranges == (FrameRange(100, 20),)


def test_a_large_block_is_taken_on_its_border() -> None:
    assert choose_frames(FREE, 512, 1, "a").ranges == (FrameRange(4096, 512),)


def test_several_runs_are_taken_where_none_is_long_enough() -> None:
    assert choose_frames(FREE, 1500, 2, "a").ranges == (
        FrameRange(512, 1024),
        FrameRange(4096, 476),
    )


def test_too_many_runs_or_too_few_frames_are_refused_with_figures() -> None:
    with pytest.raises(NoMemoryError, match="the 1 longest free runs have 1024"):
        choose_frames(FREE, 1500, 1, "a")
    with pytest.raises(NoMemoryError, match="2000 frames are wanted, 1674 are free"):
        choose_frames(FREE, 2000, 9, "a")


runs = st.lists(st.tuples(st.integers(1, 2000), st.integers(1, 2000)), min_size=1, max_size=12)


@given(runs, st.integers(1, 6000), st.integers(1, 16))
def test_what_is_chosen_was_free_and_is_exactly_enough(
    gaps: list[tuple[int, int]], count: int, most: int
) -> None:
    free, place = [], 0
    for gap, length in gaps:
        free.append(FrameRange(place + gap, length))
        place += gap + length
    whole = merge_free(free)
    try:
        chosen = choose_frames(whole, count, most, "a").ranges
    except NoMemoryError:
        longest = sorted((run.frame_count for run in whole), reverse=True)[:most]
        assert sum(longest) < count
        return
    assert sum(run.frame_count for run in chosen) == count
    assert len(chosen) <= most
    left = without(whole, chosen)
    assert sum(run.frame_count for run in left) == sum(run.frame_count for run in whole) - count
    assert merge_free([*left, *chosen]) == whole


def test_ports_and_places_lie_behind_what_a_partition_has() -> None:
    client = EndPlace(1, 256, frozenset({CONTROL_PORT, CONTROL_PORT + 1}))
    choice = choose_channel(FREE, 10, client, EndPlace(2, 77), "c")
    assert (choice.client.guest_frame, choice.client.port) == (256, CONTROL_PORT + 2)
    assert (choice.server.guest_frame, choice.server.port) == (77, CONTROL_PORT + 1)


def test_a_server_without_a_port_left_polls_control_channels_and_refuses_others() -> None:
    full = EndPlace(2, 0, frozenset(range(64)))
    choice = choose_control_channel(FREE, 10, EndPlace(1, 0), full, "c")
    assert (choice.client.port, choice.server.port) == (POLLED, POLLED)
    with pytest.raises(NoPortError):
        choose_channel(FREE, 10, EndPlace(1, 0), full, "c")


def test_back_off_grows_by_its_factor_up_to_its_maximum() -> None:
    rule = RestartRule(back_off_cycles=10, back_off_factor=3, back_off_maximum_cycles=100)
    assert [back_off_cycles(rule, n) for n in range(5)] == [10, 30, 90, 100, 100]


def test_attempts_end_at_their_maximum_and_are_forgotten_after_a_long_run() -> None:
    rule = RestartRule(attempts_maximum=1, back_off_cycles=10, forget_after_cycles=1000)
    first = ended(started(RestartState(), 0), rule, 5)
    assert (first.attempts, first.due_cycles) == (1, 15)
    assert ended(started(first, 15), rule, 20).due_cycles is None
    assert ended(started(first, 15), rule, 1015).due_cycles == 1025


def test_conflicts_are_retried_later_each_time_up_to_a_bound() -> None:
    waits = [conflict_back_off_cycles(n) for n in range(1, 40)]
    assert waits[:3] == [10_000, 20_000, 40_000]
    assert waits == sorted(waits)
    assert waits[-1] == 1_000_000


def test_rows_stay_where_they_are_while_their_owner_lives() -> None:
    rows: RowRuns[str] = RowRuns(8)
    assert rows.resize("a", 2) == range(2)
    assert rows.resize("b", 3) == range(2, 5)
    assert rows.resize("a", 1) == range(1)
    assert rows.resize("b", 4) == range(2, 6)
    assert rows.resize("a", 2) == range(2)
    assert rows.resize("a", 0) == range(0)
    assert rows.resize("c", 2) == range(2)
    with pytest.raises(RowLimitError):
        rows.resize("d", 3)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=60))
def test_rows_are_never_two_owners_at_once(steps: list[tuple[int, int]]) -> None:
    rows: RowRuns[int] = RowRuns(16)
    for owner, count in steps:
        try:
            assert len(rows.resize(owner, count)) == count
        except RowLimitError:
            continue
        taken = [row for other in range(6) for row in rows.get(other)]
        assert len(taken) == len(set(taken))
        assert all(0 <= row < 16 for row in taken)
