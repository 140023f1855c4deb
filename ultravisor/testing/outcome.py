# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of scenarios yields, as typed records; as JSON they are what `test --json` prints.

Owns the schema "ultravisor.test/1" and the exit code. Filled by testing.runner, read by
the command, by the pytest plugin and by users of the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from ultravisor.configuration import MonitorName
from ultravisor.errors import ExitCode
from ultravisor.machine.cores import TimingName, core_of
from ultravisor.results import StopResult
from ultravisor.testing.verdict import VERDICTS, VerdictName

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GOOD: tuple[VerdictName, ...] = ("success", "skip")
# What both builds of the monitor must have alike.
COMPARED = ("verdict", "reason", "exit_code", "cycles", "state_hash", "console")
# With a cycle-level core the monitor's own accesses and branches leave traces in caches and
# predictors: the builds take other times, and a guest may show that.
COMPARED_WITH_CORE = ("verdict", "reason", "exit_code")


class Outcome(Struct, frozen=True, kw_only=True):
    """One scenario, run once."""

    name: str
    image: str
    """The path of the image."""
    width: int
    build: MonitorName
    sentence: str
    """What it tests."""
    expected: str
    """How it means to end: a verdict, or a stop."""
    verdict: VerdictName
    reason: str
    cycles: int
    """Guest work, in the unit of the timing model."""
    exit_code: int | None = None
    stop: StopResult | None = None
    state_hash: str = ""
    """Of the partition; empty where the run came to no result."""
    console: str = ""
    internal: bool = False
    """The monitor or the engine failed, and not the guest."""
    replay: str = ""
    """The file that repeats such a failure; empty where there is none."""


class Disagreement(Struct, frozen=True):
    """A scenario that the two builds of the monitor did not run alike."""

    image: str
    width: int
    fields: tuple[str, ...]
    """What differs."""

    @property
    def text(self) -> str:
        """Return the difference in words."""
        return f"native and simulated differ in {', '.join(self.fields)}"


class TestReport(Struct, frozen=True, kw_only=True):
    """All scenarios that were run."""

    # Not a test, whatever collectors make of the name.
    __test__ = False

    timing: TimingName
    limit_cycles: int
    seed: int
    outcomes: tuple[Outcome, ...]
    disagreements: tuple[Disagreement, ...]
    schema: Literal["ultravisor.test/1"] = "ultravisor.test/1"

    @property
    def summary(self) -> dict[VerdictName, int]:
        """Return how often each verdict was given."""
        given = [row.verdict for row in self.outcomes]
        return {verdict: given.count(verdict) for verdict in VERDICTS}

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of the command."""
        if any(row.internal for row in self.outcomes):
            return ExitCode.INTERNAL
        good = all(row.verdict in GOOD for row in self.outcomes) and not self.disagreements
        return ExitCode.OK if good else ExitCode.GUEST_FAILED

    def to_json(self) -> str:
        """Return the report as one line of JSON, the schema first."""
        fields = msgspec.structs.asdict(self)
        ordered = {"schema": fields.pop("schema"), "summary": self.summary, **fields}
        return msgspec.json.encode(ordered).decode()


def find_disagreements(
    outcomes: Iterable[Outcome], timing: TimingName = "off"
) -> tuple[Disagreement, ...]:
    """Compare the outcomes of each image under both builds."""
    found = []
    by_image: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_image.setdefault(outcome.image, []).append(outcome)
    for rows in by_image.values():
        fields = differing_fields(rows, timing)
        if fields:
            found.append(Disagreement(rows[0].image, rows[0].width, fields))
    return tuple(found)


def differing_fields(rows: Sequence[Outcome], timing: TimingName = "off") -> tuple[str, ...]:
    """Return the fields that should be alike in all outcomes of one image, and are not."""
    compared = COMPARED if core_of(timing) is None else COMPARED_WITH_CORE
    return tuple(field for field in compared if len({getattr(row, field) for row in rows}) > 1)
