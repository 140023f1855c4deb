# SPDX-License-Identifier: GPL-2.0-or-later
"""The bundled sets of scenarios end as they are meant to, alike under both builds.

`example` shows how scenarios are written and `library` tests what they stand on: all of them
succeed. Each image of `verdicts` shows one way not to.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from ultravisor.testing.outcome import find_disagreements
from ultravisor.testing.runner import BUILDS, RunSettings, run_scenario
from ultravisor.testing.scenario import find_scenarios

if TYPE_CHECKING:
    from ultravisor.testing.outcome import Outcome
    from ultravisor.testing.verdict import VerdictName

pytestmark = pytest.mark.guest

EXPECTED: dict[str, tuple[VerdictName, str]] = {
    "crashes": ("crash", "page fault (#PF), write to a page that is not mapped at 0x1000"),
    "errs": ("error", "partition 1 found no partner to test with"),
    "fails": ("failure", "verdicts/fails.c:16: two and two are 4: expected sum == 5"),
    "fails_call": ("failure", "expected none, got invalid_argument: hypercall_table_pin("),
    "is_not_stopped": ("failure", "expected stop: bad_return; it exited with code 0"),
    "never_ends": ("crash", "still running at the limit of cycles"),
    "skips": ("skip", "needs 16 virtual processors, has 1"),
    "stops_otherwise": ("crash", "expected stop: unhandled_trap, vector 14; invalid opcode (#UD)"),
    "waits": ("crash", "waits for what can never come"),
}


@cache
def outcomes_of(name: str) -> tuple[Outcome, ...]:
    """Run a set under both builds, once."""
    return tuple(
        run_scenario(scenario, build, RunSettings())
        for scenario in find_scenarios([name])
        for build in BUILDS
    )


@pytest.mark.parametrize("name", ["example", "library"])
def test_all_of_a_good_set_succeed(name: str) -> None:
    wrong = [
        f"{row.image} ({row.build}): {row.verdict}: {row.reason}"
        for row in outcomes_of(name)
        if row.verdict != "success"
    ]
    assert not wrong, "\n".join(wrong)
    assert len(outcomes_of(name)) >= 6


@pytest.mark.parametrize("name", ["example", "library", "verdicts"])
def test_every_scenario_is_there_in_both_widths(name: str) -> None:
    widths: dict[str, set[int]] = {}
    for scenario in find_scenarios([name]):
        widths.setdefault(scenario.name, set()).add(scenario.width)
    assert set(map(frozenset, widths.values())) == {frozenset({32, 64})}


def test_each_verdict_comes_with_its_reason() -> None:
    rows = outcomes_of("verdicts")
    assert {row.name.removeprefix("verdicts/") for row in rows} == set(EXPECTED)
    for row in rows:
        verdict, words = EXPECTED[row.name.removeprefix("verdicts/")]
        assert row.verdict == verdict, f"{row.image}: {row.reason}"
        assert words in row.reason, row.image


@pytest.mark.parametrize("name", ["example", "library", "verdicts"])
def test_both_builds_agree(name: str) -> None:
    assert find_disagreements(outcomes_of(name)) == ()


@pytest.mark.parametrize("name", ["example", "library", "verdicts"])
def test_every_scenario_says_what_it_tests(name: str) -> None:
    for scenario in find_scenarios([name]):
        assert scenario.sentence.endswith("."), scenario.image.path
        assert "  " not in scenario.sentence
