# SPDX-License-Identifier: GPL-2.0-or-later
"""From how a partition ended to a verdict.

Owns the five verdicts and the rule by which they are given. Pure: results in, verdict
out. Called by testing.runner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ultravisor.errors import ExitCode
from ultravisor.machine.abi import StopReason, Verdict

if TYPE_CHECKING:
    from ultravisor.results import HostResult, PartitionResult
    from ultravisor.testing.scenario import Scenario

VerdictName = Literal["success", "skip", "error", "failure", "crash"]
VERDICTS: tuple[VerdictName, ...] = ("success", "skip", "error", "failure", "crash")
_BY_CODE: dict[int, VerdictName] = {
    Verdict.SUCCESS: "success",
    Verdict.SKIP: "skip",
    Verdict.ERROR: "error",
    Verdict.FAILURE: "failure",
}


class Judgement(NamedTuple):
    """A verdict, and why."""

    verdict: VerdictName
    reason: str


def judge(scenario: Scenario, partition: PartitionResult, result: HostResult) -> Judgement:
    """Return what became of a scenario; whatever is no other verdict is a crash."""
    if result.exit.code == ExitCode.INTERNAL:
        return Judgement("crash", result.exit.reason)
    if partition.state == "running":
        return Judgement("crash", _endless(result))
    if partition.state == "stopped":
        return _stopped(scenario, partition)
    assert partition.exit_code is not None
    reason = partition.reason or ""
    verdict = _BY_CODE.get(partition.exit_code)
    if verdict is None:
        said = "" if reason.startswith("exited with code") else f": {reason}"
        return Judgement("crash", f"exited with code {partition.exit_code}, no verdict{said}")
    if verdict == "success" and scenario.expected_stop != StopReason.NONE:
        return Judgement("failure", f"expected {scenario.expectation}; it exited with code 0")
    return Judgement(verdict, reason)


def _endless(result: HostResult) -> str:
    if result.exit.code == ExitCode.BUDGET:
        return "still running at the limit of cycles"
    return "waits for what can never come"


def _stopped(scenario: Scenario, partition: PartitionResult) -> Judgement:
    """A stop is a success where it is the expected one, else a crash."""
    stop = partition.stop
    reason = partition.reason or ""
    assert stop is not None
    if scenario.expected_stop == StopReason.NONE:
        return Judgement("crash", reason)
    as_expected = stop.reason == scenario.expected_stop.name.lower() and (
        scenario.expected_vector in (0, stop.vector)
    )
    if as_expected:
        return Judgement("success", reason)
    return Judgement("crash", f"expected {scenario.expectation}; {reason}")
