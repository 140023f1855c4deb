# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person reads when a guest did not do what a test expected.

Owns the form of that message: what was expected, what came, the state of the partition,
the end of its console, and how to repeat the run. Used by the expectations beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ultravisor.results import PartitionResult

CONSOLE_LINES_SHOWN = 12


class ExpectationFailed(AssertionError):
    """A guest did something else than a test expected."""


def compose(
    expected: str, came: str, partition: PartitionResult, position_cycles: int, replay: str
) -> ExpectationFailed:
    """Return the failure of an expectation."""
    lines = [
        f"expected {expected}",
        f"  but {came}",
        f"  {state_line(partition)}, at {position_cycles:,} cycles of the host",
        *console_lines(partition.console),
    ]
    if replay:
        lines.append(f"  repeat it with: ultravisor replay {replay}")
    return ExpectationFailed("\n".join(lines))


def state_line(partition: PartitionResult) -> str:
    """Say what a partition is doing, with the first reason that it does nothing any more."""
    line = f"partition `{partition.name}`: {partition.state}"
    if partition.exit_code is not None:
        line += f" with code {partition.exit_code}"
    if partition.reason is not None:
        line += f": {partition.reason}"
    return line


def console_lines(console: str) -> list[str]:
    """Return the end of a console, indented, for a message."""
    lines = console.splitlines()
    if not lines:
        return ["  console: empty"]
    shown = lines[-CONSOLE_LINES_SHOWN:]
    which = f"last {len(shown)} of {len(lines)} lines" if len(shown) < len(lines) else "all of it"
    return [f"  console ({which}):", *(f"    | {line}" for line in shown)]
