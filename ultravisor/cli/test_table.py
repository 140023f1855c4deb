# SPDX-License-Identifier: GPL-2.0-or-later
"""What `ultravisor test` prints: a line an outcome as it comes, and a summary.

Owns the columns. The lines are plain text, so that they can be read while the next
scenario runs, and searched afterwards.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ultravisor.cli.terminal import paint, printable
from ultravisor.machine.cores import basis_of, unit_of
from ultravisor.testing.outcome import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from ultravisor.testing.outcome import Outcome, TestReport
    from ultravisor.testing.scenario import Scenario

COLOURS = {
    "success": "green",
    "skip": "yellow",
    "error": "red",
    "failure": "red",
    "crash": "red",
}
BUILD_COLUMNS = len("simulated")
VERDICT_COLUMNS = len("success")
CYCLES_COLUMNS = 14
NAME_MINIMUM_COLUMNS = len("scenario")
# Of a long reason, and of the console of what went wrong: the end says most.
LINES_SHOWN = 5


class TestTable:
    """Writes outcomes to a stream, one line each."""

    # Not a test, whatever collectors make of the name.
    __test__ = False

    def __init__(self, scenarios: Sequence[Scenario], stream: TextIO) -> None:
        """Write the head of the table."""
        self._stream = stream
        self._name_columns = max(
            NAME_MINIMUM_COLUMNS, *(len(printable(row.name)) for row in scenarios)
        )
        head = self._line("scenario", "width", "build", "verdict", "cycles", "reason")
        print(paint(head, "cyan", stream), file=stream, flush=True)

    def show(self, outcome: Outcome) -> None:
        """Write one line; of what went wrong, the console's end and the way to repeat it."""
        verdict = f"{outcome.verdict:<{VERDICT_COLUMNS}}"
        good = outcome.verdict in GOOD
        # Of a success its sentence says more than how it ended.
        said = outcome.sentence if outcome.verdict == "success" else outcome.reason
        reason, *more = said.splitlines() or [""]
        line = self._line(
            printable(outcome.name),
            str(outcome.width),
            outcome.build,
            paint(verdict, COLOURS[outcome.verdict], self._stream),
            f"{outcome.cycles:,}",
            printable(reason),
        )
        print(line, file=self._stream)
        for text in more[-LINES_SHOWN:]:
            print(f"    {printable(text)}", file=self._stream)
        if not good:
            lines = [text for text in outcome.console.splitlines() if text != reason]
            for text in lines[-LINES_SHOWN:]:
                print(f"    | {printable(text)}", file=self._stream)
        if outcome.replay:
            print(f"    repeat it with: ultravisor replay {outcome.replay}", file=self._stream)
        self._stream.flush()

    def finish(self, report: TestReport) -> None:
        """Write what differs between the builds, and the summary."""
        for row in report.disagreements:
            print(f"{paint('differs:', 'red', self._stream)} {row.image}: {row.text}")
        counts = [f"{count} {verdict}" for verdict, count in report.summary.items() if count]
        if report.disagreements:
            counts.append(f"{len(report.disagreements)} differing between builds")
        colour = "green" if report.exit_code == 0 else "red"
        unit = basis_of(unit_of(report.timing))
        print(
            f"{paint(', '.join(counts), colour, self._stream)}; cycles are {unit}; "
            f"limit {report.limit_cycles:,}, seed {report.seed}",
            file=self._stream,
        )

    def _line(self, name: str, width: str, build: str, verdict: str, *rest: str) -> str:
        cycles, reason = rest
        return (
            f"{name:<{self._name_columns}}  {width:>5}  {build:<{BUILD_COLUMNS}}  "
            f"{verdict:<{VERDICT_COLUMNS}}  {cycles:>{CYCLES_COLUMNS}}  {reason}"
        ).rstrip()


def print_scenarios(scenarios: Sequence[Scenario], stream: TextIO, *, as_json: bool) -> None:
    """Write what there is to run, without running it."""
    if as_json:
        rows = [
            {
                "name": row.name,
                "image": row.image.path,
                "width": row.width,
                "sentence": row.sentence,
                "expected": row.expectation,
            }
            for row in scenarios
        ]
        report = {"schema": "ultravisor.test-list/1", "scenarios": rows}
        print(json.dumps(report, ensure_ascii=False), file=stream)
        return
    for row in scenarios:
        print(f"{printable(row.name)} ({row.width}): {printable(row.sentence)}", file=stream)
        if row.expected_stop:
            print(f"    expects {row.expectation}", file=stream)
