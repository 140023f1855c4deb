# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench io`: what its figures are made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ultravisor.bench import io
from ultravisor.cli import run

if TYPE_CHECKING:
    from ultravisor.bench.io import Delays

pytestmark = pytest.mark.guest

MOMENTS = 3


@pytest.fixture(scope="module")
def crash() -> Delays:
    return io.delays("crash", MOMENTS)


def test_delays_are_the_same_in_every_run(crash: Delays) -> None:
    assert io.delays("crash", MOMENTS) == crash


def test_a_crash_delays_a_request_beyond_those_that_nothing_delays(crash: Delays) -> None:
    assert crash.moments == MOMENTS
    assert 100_000 < crash.least <= crash.median <= crash.most < io.BOUND_CYCLES


def test_a_hang_is_found_by_the_watchdog() -> None:
    found = io.delays("hang", 1)
    assert io.WATCHDOG_CYCLES - io.SPREAD_CYCLES < found.least < io.BOUND_CYCLES


def test_the_command_prints_all_figures(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "io", "--requests", "100", "--moments", "1", "--bound-cycles", "1"]
    assert run([*command, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures.pop("schema") == "ultravisor.bench.io/1"
    assert figures.pop("basis") == "measured on this host"
    assert sorted(figures) == [
        "delay_break",
        "delay_crash",
        "delay_hang",
        "reads",
        "reference",
        "signals",
        "small_reads",
        "small_writes",
        "writes",
    ]
    assert all(row["value"] > 0 for row in figures.values())
    assert not any(figures[f"delay_{fault}"]["met"] for fault in io.FAULTS)
