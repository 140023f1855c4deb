# SPDX-License-Identifier: GPL-2.0-or-later
"""Images as pytest's test items: `pytest images/*.elf`.

Owns the step from an outcome to what pytest reports. Imported by the plugin only when an
image is collected; testing.runner runs and judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ultravisor.errors import UltravisorError
from ultravisor.testing.failure import console_lines
from ultravisor.testing.options import limit_cycles, wanted_builds
from ultravisor.testing.outcome import GOOD, Outcome, differing_fields
from ultravisor.testing.runner import RunSettings, run_scenario
from ultravisor.testing.scenario import Scenario, read_scenario, scenario_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ultravisor.configuration import MonitorName


class ScenarioFailed(Exception):
    """A scenario ended otherwise than well; the message is what a person reads."""


class ImageFile(pytest.File):
    """An image; it has one test item."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Read the image; one that is none is an error of collection."""
        try:
            scenario = read_scenario(self.path)
        except UltravisorError as failure:
            hint = f"\n  {failure.hint}" if failure.hint else ""
            raise self.CollectError(f"{failure.message}{hint}") from None
        builds = wanted_builds(self.config)
        name = "both" if len(builds) > 1 else builds[0]
        yield ScenarioItem.from_parent(self, name=name, scenario=scenario, builds=builds)


class ScenarioItem(pytest.Item):
    """One image, run under one build of the monitor, or under both, which must agree."""

    def __init__(
        self, *, scenario: Scenario, builds: tuple[MonitorName, ...], **fields: Any
    ) -> None:
        super().__init__(**fields)
        self.scenario = scenario
        self.builds = builds

    def runtest(self) -> None:
        """Run the scenario; raise what pytest makes of its verdict."""
        settings = RunSettings(limit_cycles=limit_cycles(self.config))
        outcomes = [run_scenario(self.scenario, build, settings) for build in self.builds]
        for outcome in outcomes:
            if outcome.verdict not in GOOD:
                raise ScenarioFailed(_describe(outcome))
        fields = differing_fields(outcomes)
        if fields:
            raise ScenarioFailed(f"native and simulated differ in {', '.join(fields)}")
        if outcomes[0].verdict == "skip":
            pytest.skip(outcomes[0].reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a scenario's failure without Python's frames."""
        if isinstance(excinfo.value, ScenarioFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return what heads the report: the image, and what it tests."""
        return self.path, None, f"{self._heading()} [{self.name}]"

    def _heading(self) -> str:
        """Return the scenario's name as seen from the project's root folder."""
        root = self.config.rootpath
        inside = self.path.is_relative_to(root)
        return scenario_name(self.path.relative_to(root)) if inside else self.scenario.name


def _describe(outcome: Outcome) -> str:
    lines = [
        f"{outcome.verdict}: {outcome.reason}",
        f"  tests: {outcome.sentence or 'what its exit code says'}",
        f"  expected: {outcome.expected}",
        f"  {outcome.width}-bit, {outcome.build} build, {outcome.cycles:,} cycles",
        *console_lines(outcome.console),
    ]
    if outcome.replay:
        lines.append(f"  repeat it with: ultravisor replay {outcome.replay}")
    return "\n".join(lines)
