# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which a partition can end has one of five verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import scenario_images as images
from tests.unit import tiny_guests as tiny
from ultravisor.errors import ExitCode
from ultravisor.machine.abi import Verdict
from ultravisor.results import (
    ExitResult,
    HostResult,
    PartitionResult,
    PartitionStateName,
    StopResult,
)
from ultravisor.testing.scenario import Scenario, read_scenario
from ultravisor.testing.verdict import VERDICTS, judge

if TYPE_CHECKING:
    from pathlib import Path

OPCODE = StopResult("unhandled_trap", 6, 0, "0x1000", "0x0")
PAGE_FAULT = StopResult("unhandled_trap", 14, 0, "0x1000", "0x0")
BAD_RETURN = StopResult("bad_return", 0, 0, "0x1000", "0x0")


def partition(
    state: PartitionStateName,
    code: int | None = None,
    reason: str | None = None,
    stop: StopResult | None = None,
) -> PartitionResult:
    return PartitionResult(
        name="scenario",
        kind="guest",
        width=64,
        state=state,
        exit_code=code,
        reason=reason,
        state_hash="0" * 16,
        work=1,
        hypercalls={},
        traps={},
        console="",
        stop=stop,
    )


def result(row: PartitionResult, code: ExitCode = ExitCode.OK, why: str = "why") -> HostResult:
    return HostResult(0, "0" * 16, ExitResult(why, code), (), (row,), "bytes of code")


def scenario(folder: Path, stop: int = 0, vector: int = 0) -> Scenario:
    note = images.scenario_note(stop=stop, vector=vector)
    return read_scenario(images.write(folder, "a", tiny.leave(), scenario=note))


def verdict_of(tested: Scenario, row: PartitionResult) -> str:
    return judge(tested, row, result(row)).verdict


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0, "success"),
        (3, "skip"),
        (4, "error"),
        (5, "failure"),
        (1, "crash"),
        (2, "crash"),
        (6, "crash"),
        (-1, "crash"),
    ],
)
def test_an_exit_code_is_a_verdict(tmp_path: Path, code: int, verdict: str) -> None:
    assert verdict_of(scenario(tmp_path), partition("exited", code)) == verdict


def test_the_verdicts_are_the_contracts() -> None:
    assert tuple(verdict.name.lower() for verdict in Verdict) == VERDICTS[:-1]


def test_a_code_that_is_no_verdict_is_told_with_what_was_said(tmp_path: Path) -> None:
    row = partition("exited", 1, "a.c:7: failed: x")
    judgement = judge(scenario(tmp_path), row, result(row))
    assert judgement.reason == "exited with code 1, no verdict: a.c:7: failed: x"
    row = partition("exited", 9, "exited with code 9")
    assert judge(scenario(tmp_path), row, result(row)).reason == "exited with code 9, no verdict"


@pytest.mark.parametrize(
    ("stop", "vector", "came", "verdict"),
    [
        (2, 6, OPCODE, "success"),
        (2, 0, OPCODE, "success"),
        (2, 6, PAGE_FAULT, "crash"),
        (2, 6, BAD_RETURN, "crash"),
        (4, 0, BAD_RETURN, "success"),
        (4, 0, OPCODE, "crash"),
        (0, 0, OPCODE, "crash"),
    ],
)
def test_only_the_expected_stop_is_a_success(
    tmp_path: Path, stop: int, vector: int, came: StopResult, verdict: str
) -> None:
    row = partition("stopped", reason="so", stop=came)
    assert verdict_of(scenario(tmp_path, stop, vector), row) == verdict


def test_who_should_have_been_stopped_and_returns_fails(tmp_path: Path) -> None:
    row = partition("exited", 0)
    judgement = judge(scenario(tmp_path, 2, 6), row, result(row))
    assert judgement.verdict == "failure"
    assert "expected stop: unhandled_trap, vector 6" in judgement.reason
    assert verdict_of(scenario(tmp_path, 2, 6), partition("exited", 3)) == "skip"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (ExitCode.BUDGET, "still running at the limit of cycles"),
        (ExitCode.GUEST_FAILED, "waits for what can never come"),
    ],
)
def test_not_to_end_is_a_crash(tmp_path: Path, code: ExitCode, words: str) -> None:
    row = partition("running")
    judgement = judge(scenario(tmp_path), row, result(row, code))
    assert judgement == ("crash", words)


def test_when_the_monitor_fails_the_guest_is_not_asked(tmp_path: Path) -> None:
    row = partition("exited", 0)
    failed = result(row, ExitCode.INTERNAL, "monitor panic: x")
    assert judge(scenario(tmp_path), row, failed) == ("crash", "monitor panic: x")
