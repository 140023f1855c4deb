# SPDX-License-Identifier: GPL-2.0-or-later
"""Failover of disks, seed by seed: the drivers' own code in a world of crashes, judged apart."""

from __future__ import annotations

import pytest

from tests.channels.c_ends import VARIANTS
from tests.io.c_simulation import (
    LIE_TO_CLIENT,
    LIE_TO_SERVERS,
    MISTAKES,
    run,
    simulations,
)
from tests.io.disk_history import judge

SEED_COUNT = 400
MANY_SEEDS = 10_000
MISTAKE_SEED_COUNT = 100
REQUEST_COUNT = 40


def failures(begin: int, count: int, mistake: int = 0) -> list[str]:
    """Return the first violation of each seed that has one."""
    return [
        f"seed {simulation.seed}: {violations[0]}"
        for simulation in simulations(begin, count, mistake=mistake)
        if (violations := judge(simulation.events))
    ]


def test_no_seed_loses_repeats_or_reorders_anything() -> None:
    assert failures(0, SEED_COUNT) == []


@pytest.mark.slow
def test_no_seed_of_ten_thousand_loses_repeats_or_reorders_anything() -> None:
    assert failures(SEED_COUNT, MANY_SEEDS) == []


def test_the_seeds_have_crashes_takeovers_and_repeated_requests() -> None:
    seen = list(simulations(0, SEED_COUNT))
    assert len(seen) == SEED_COUNT
    assert sum(one.crashes for one in seen) > SEED_COUNT
    assert sum(one.takeovers > 1 for one in seen) > SEED_COUNT / 2
    assert sum(one.repeated for one in seen) > SEED_COUNT


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_disk_that_is_wrong_is_found(mistake: str) -> None:
    assert failures(0, MISTAKE_SEED_COUNT, MISTAKES[mistake])


def test_a_seed_is_the_same_under_sanitizers() -> None:
    assert run("sanitized", 0, SEED_COUNT) == run("plain", 0, SEED_COUNT)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("who", [LIE_TO_CLIENT, LIE_TO_SERVERS])
def test_a_lying_end_harms_nobody(who: str, variant: str) -> None:
    written = run(variant, 0, SEED_COUNT, who)
    lines = [line.split() for line in written if line[0] == "H"]
    assert len(lines) == SEED_COUNT
    for submitted, ended, _ in (map(int, line[1:]) for line in lines):
        assert ended <= submitted <= REQUEST_COUNT
