# SPDX-License-Identifier: GPL-2.0-or-later
"""Failover of networks, seed by seed: the drivers' own code in a world of crashes, judged apart."""

from __future__ import annotations

import pytest

from tests.channels.c_ends import VARIANTS
from tests.io.c_network import Simulation, judge, run, simulations

SEED_COUNT = 100
MANY_SEEDS = 5000
FRAME_COUNT = 60


def failures(begin: int, count: int) -> list[str]:
    """Return the first violation of each seed that has one."""
    return [
        f"seed {simulation.seed}: {wrong[0]}"
        for simulation in simulations(begin, count, "faults")
        if (wrong := judge(simulation))
    ]


def test_no_seed_repeats_reorders_or_changes_a_frame() -> None:
    assert failures(0, SEED_COUNT) == []


@pytest.mark.slow
def test_no_seed_of_five_thousand_repeats_reorders_or_changes_a_frame() -> None:
    assert failures(SEED_COUNT, MANY_SEEDS) == []


def test_without_faults_every_frame_arrives() -> None:
    for simulation in simulations(0, SEED_COUNT, "calm"):
        assert judge(simulation) == []
        ends = [kind for kind, *_ in simulation.events if kind in "WR"]
        assert (ends.count("W"), ends.count("R")) == (FRAME_COUNT, FRAME_COUNT)
        assert (simulation.passed, simulation.moved, simulation.lost) == (FRAME_COUNT, 1, 0)


def test_the_seeds_have_crashes_takeovers_and_frames_that_are_left() -> None:
    seen = list(simulations(0, SEED_COUNT, "faults"))
    assert sum(one.crashes for one in seen) > SEED_COUNT
    assert sum(one.moved > 1 for one in seen) > SEED_COUNT / 2
    assert sum(one.left for one in seen) > SEED_COUNT
    assert sum(one.dropped for one in seen) > 0


def test_each_path_that_is_taken_is_announced_before_its_frames() -> None:
    for simulation in simulations(0, SEED_COUNT, "faults"):
        announced: int | None = None
        for kind, path, *_ in simulation.events:
            if kind == "M":
                announced = path
            elif kind == "L":
                announced = None if announced == path else announced
            elif kind == "R":
                assert announced == path, simulation.seed


def test_a_seed_is_the_same_under_sanitizers() -> None:
    assert run("sanitized", 0, SEED_COUNT, "faults") == run("plain", 0, SEED_COUNT, "faults")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("who", ["lie-to-client", "lie-to-servers"])
def test_a_lying_end_harms_nobody(who: str, variant: str) -> None:
    lines = [line.split() for line in run(variant, 0, SEED_COUNT, who) if line[0] == "F"]
    assert len(lines) == SEED_COUNT
    assert sum(int(line[6]) for line in lines) > (SEED_COUNT if who == "lie-to-client" else -1)


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([("T", 0, 1, 0), ("W", 0, 1, 1), ("W", 0, 1, 1)], "W: a frame twice"),
        ([("T", 0, 1, 0), ("T", 0, 2, 0), ("W", 0, 2, 1), ("W", 0, 1, 1)], "W: out of order"),
        ([("T", 0, 1, 0), ("W", 1, 1, 1)], "W 1: did not begin on path 1"),
        ([("A", 0, 1, 0), ("R", 0, 1, 0)], "R 1: other bytes"),
        ([("R", 0, 1, 1)], "R 1: did not begin on path 0"),
    ],
)
def test_the_judge_refuses_a_bad_history(
    events: list[tuple[str, int, int, int]], wrong: str
) -> None:
    assert wrong in judge(Simulation(0, events, passed=0, left=9))


def test_the_judge_refuses_books_that_are_too_good() -> None:
    assert judge(Simulation(0, [], passed=1)) == ["0 frames on the wire, 1 counted as passed"]
