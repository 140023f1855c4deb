# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs scenarios: each in a host of its own, which nothing else shares.

Owns how such a host is made, its limit of cycles, and the step from its result to an
outcome. Called by `ultravisor test` and by the pytest plugin. The host runs in a child
process: whatever a guest does to the engine is that guest's outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    MonitorName,
    PartitionConfiguration,
)
from ultravisor.errors import ExitCode, SupervisedFailure
from ultravisor.plan import make_plan
from ultravisor.recording import make_record
from ultravisor.supervised_host import SupervisedHost, write_replay
from ultravisor.testing.limits import SCENARIO_LIMIT_CYCLES
from ultravisor.testing.outcome import Outcome
from ultravisor.testing.verdict import judge

if TYPE_CHECKING:
    from ultravisor.machine.cores import TimingName
    from ultravisor.plan import HostPlan
    from ultravisor.results import HostResult
    from ultravisor.testing.scenario import Scenario

BUILDS: tuple[MonitorName, ...] = ("native", "simulated")
PARTITION_NAME = "scenario"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How scenarios are run."""

    timing: TimingName = "off"
    limit_cycles: int = SCENARIO_LIMIT_CYCLES
    seed: int = 0


def run_scenario(scenario: Scenario, build: MonitorName, settings: RunSettings) -> Outcome:
    """Run one scenario under one build of the monitor."""
    plan = _plan(scenario, build, settings)
    try:
        with SupervisedHost(plan) as host:
            result = host.run(settings.limit_cycles)
    except SupervisedFailure as failure:
        return _outcome(
            scenario,
            build,
            verdict="crash",
            reason=failure.message,
            internal=True,
            replay=failure.replay_path,
        )
    return _judged(scenario, build, plan, result)


def _plan(scenario: Scenario, build: MonitorName, settings: RunSettings) -> HostPlan:
    host = HostConfiguration(monitor=build, timing=settings.timing, seed=settings.seed)
    partition = PartitionConfiguration(name=PARTITION_NAME, image=scenario.image.path)
    return make_plan(Configuration(host=host, partition=(partition,)))


def _judged(scenario: Scenario, build: MonitorName, plan: HostPlan, result: HostResult) -> Outcome:
    partition = result.partition(PARTITION_NAME)
    judgement = judge(scenario, partition, result)
    internal = result.exit.code == ExitCode.INTERNAL
    replay = ""
    if internal:
        replay = write_replay(make_record(plan, (), cycles=None, result=result).to_json(), None)
    return _outcome(
        scenario,
        build,
        verdict=judgement.verdict,
        reason=judgement.reason,
        cycles=partition.work,
        exit_code=partition.exit_code,
        stop=partition.stop,
        state_hash=partition.state_hash,
        console=partition.console,
        internal=internal,
        replay=replay,
    )


def _outcome(scenario: Scenario, build: MonitorName, **fields: Any) -> Outcome:
    return Outcome(
        name=scenario.name,
        image=scenario.image.path,
        width=scenario.width,
        build=build,
        sentence=scenario.sentence,
        expected=scenario.expectation,
        **({"cycles": 0} | fields),
    )
