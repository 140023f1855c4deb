# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor test`: images that are tests, each run in a host of its own and judged.

Owns the verb's options; ultravisor.testing finds, runs and judges the scenarios, and
cli.test_table shows them.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.completion import complete_scenarios
from ultravisor.errors import ExitCode
from ultravisor.machine.cores import TIMING_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.testing.outcome import Outcome, TestReport
    from ultravisor.testing.scenario import Scenario


@click.command(
    "test",
    help="""Run images that are tests, each in a host of its own, and judge them.

\b
Examples:
  ultravisor test example
  ultravisor test build/images --build both --json

A PATH is an image or a folder of images; a SET is the name of a bundled folder. An image
succeeds when it exits with code 0 or is stopped as its note expects; it skips with code
3, reports an error with 4 and a failure with 5. Any other end is a crash, also not to end
within --cycles.

\b
Exit codes: 0 all succeeded or skipped, 1 one did not or the builds differ, 2 wrong usage,
3 not an image, 6 no such file, 70 the monitor or the engine failed, 130 Ctrl-C.
""",
)
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH|SET...", shell_complete=complete_scenarios
)
@click.option(
    "--build",
    type=click.Choice(["native", "simulated", "both"]),
    default="native",
    show_default=True,
    help="Which build of the monitor; both: they must agree.",
)
@click.option(
    "--timing",
    type=click.Choice(TIMING_NAMES),
    default="off",
    show_default=True,
    help="off: cycles are bytes of code; unit: one cycle an instruction; else a core's cycles.",
)
@click.option(
    "--cycles",
    type=click.IntRange(1),
    help="When a scenario that has not ended is a crash; by default 20,000,000.",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="The one source of randomness.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="How many scenarios run at a time.",
)
@click.option("--list", "as_list", is_flag=True, help="Say what there is to run, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(paths: tuple[str, ...], as_list: bool, as_json: bool, **given: Any) -> int:
    """Run everything, print what came out, return the exit code."""
    from ultravisor.testing.scenario import find_scenarios

    # All are read first: a name that is none is told before anything starts.
    scenarios = find_scenarios(paths)
    if as_list:
        from ultravisor.cli.test_table import print_scenarios

        print_scenarios(scenarios, sys.stdout, as_json=as_json)
        return 0
    report, whole = _run(scenarios, given, show=not as_json)
    if as_json:
        print(report.to_json())
    return report.exit_code if whole else ExitCode.INTERRUPTED


def _run(
    scenarios: list[Scenario], given: dict[str, Any], *, show: bool
) -> tuple[TestReport, bool]:
    """Return the report, and whether Ctrl-C left all of it to run."""
    from ultravisor.cli.test_table import TestTable
    from ultravisor.testing.limits import SCENARIO_LIMIT_CYCLES
    from ultravisor.testing.outcome import TestReport, find_disagreements
    from ultravisor.testing.runner import BUILDS, RunSettings
    from ultravisor.testing.workers import Task, run_tasks

    settings = RunSettings(
        timing=given["timing"],
        limit_cycles=given["cycles"] or SCENARIO_LIMIT_CYCLES,
        seed=given["seed"],
    )
    builds = BUILDS if given["build"] == "both" else (given["build"],)
    tasks = [Task(scenario, build) for scenario in scenarios for build in builds]
    outcomes: Iterator[Outcome] = run_tasks(tasks, settings, given["jobs"])
    table = TestTable(scenarios, sys.stdout) if show else None
    done: list[Outcome] = []
    with contextlib.suppress(KeyboardInterrupt):
        for outcome in outcomes:
            done.append(outcome)
            if table is not None:
                table.show(outcome)
    report = TestReport(
        timing=settings.timing,
        limit_cycles=settings.limit_cycles,
        seed=settings.seed,
        outcomes=tuple(done),
        disagreements=find_disagreements(done, settings.timing),
    )
    if table is not None:
        table.finish(report)
    return report, len(done) == len(tasks)
