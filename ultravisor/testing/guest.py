# SPDX-License-Identifier: GPL-2.0-or-later
"""A partition under test: what a test can expect of it.

Owns the expectations. Those about an end run the host until it has come; those about
counts look at what has happened so far. Made by testing.booted_host.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

from ultravisor.errors import UsageError
from ultravisor.machine.abi import Hypercall, StopReason
from ultravisor.machine.traps import trap_title
from ultravisor.testing.console import ConsoleUnderTest
from ultravisor.testing.limits import EXPECTATION_LIMIT_CYCLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ultravisor.results import Mark, PartitionResult
    from ultravisor.testing.booted_host import BootedHost

STOP_NAMES = tuple(
    reason.name.lower() for reason in StopReason if reason not in (StopReason.NONE, StopReason.EXIT)
)
CALL_NAMES = tuple(call.name.lower() for call in Hypercall)
MARKS_SHOWN = 32
# Which of a mark's two times is compared.
MarkClock = Literal["guest", "schedule"]


class Guest:
    """A partition of a host under test."""

    def __init__(self, name: str, host: BootedHost) -> None:
        self.name = name
        self.console = ConsoleUnderTest(name, host)
        self._host = host

    @property
    def result(self) -> PartitionResult:
        """Return what has become of the partition so far."""
        return self._host.result.partition(self.name)

    @property
    def marks(self) -> list[Mark]:
        """Return the marks that the partition has set so far, oldest first."""
        return [mark for mark in self._host.marks() if mark.partition == self.name]

    def expect_exit(
        self, code: int = 0, *, within_cycles: int = EXPECTATION_LIMIT_CYCLES
    ) -> PartitionResult:
        """Run the host until the partition ends; it must have exited with this code."""
        __tracebackhide__ = True
        expected = f"`{self.name}` to exit with code {code}"
        result = self._end(expected, within_cycles)
        if result.exit_code != code:
            came = (
                "it was stopped" if result.exit_code is None else f"its code is {result.exit_code}"
            )
            self._host.fail(self.name, expected, came)
        return result

    def expect_stop(
        self,
        reason: str,
        *,
        vector: int | None = None,
        within_cycles: int = EXPECTATION_LIMIT_CYCLES,
    ) -> PartitionResult:
        """Run the host until the partition ends; it must have been stopped for this reason.

        `reason` is a member of the contract's enum stop_reason, such as `unhandled_trap`.
        """
        __tracebackhide__ = True
        _require(reason, STOP_NAMES, "stop")
        trap = "" if vector is None else f" by {trap_title(vector)}, vector {vector}"
        expected = f"`{self.name}` to be stopped: {reason}{trap}"
        stop = self._end(expected, within_cycles).stop
        if stop is None:
            self._host.fail(self.name, expected, "it exited")
        if stop.reason != reason or vector not in (None, stop.vector):
            came = f"the stop is {stop.reason}, vector {stop.vector}"
            self._host.fail(self.name, expected, came)
        return self.result

    def expect_hypercalls(self, counts: Mapping[str, int], *, at_least: bool = False) -> None:
        """Compare how often calls were made so far: exactly, or at least, so often.

        Calls that are not named may have been made any number of times.
        """
        __tracebackhide__ = True
        for name in counts:
            _require(name, CALL_NAMES, "hypercall")
        made = self.result.hypercalls
        wrong = {
            name: count
            for name, count in counts.items()
            if made.get(name, 0) < count or (not at_least and made.get(name, 0) > count)
        }
        if wrong:
            limit = "at least " if at_least else ""
            expected = ", ".join(f"{limit}{count} {name}" for name, count in wrong.items())
            came = ", ".join(f"{made.get(name, 0)} {name}" for name in wrong)
            self._host.fail(self.name, f"`{self.name}` to have made {expected}", f"it made {came}")

    def cycles_within(
        self,
        low: int,
        high: int,
        *,
        between: tuple[int, int] | None = None,
        clock: MarkClock = "guest",
    ) -> int:
        """Compare cycles with bounds, both included; return them.

        Without `between`, the partition's work so far. With it, the cycles from the first
        mark with the first id to the next with the second: of the guest's work, or with
        `clock="schedule"` of the clock by which slots and timers run.
        """
        __tracebackhide__ = True
        if between is None:
            cycles, what = self.result.work, f"the work of `{self.name}`"
        else:
            cycles = self._cycles_between(*between, clock)
            what = f"the cycles of `{self.name}` between marks {between[0]} and {between[1]}"
        if not low <= cycles <= high:
            expected = f"{what} to be within {low:,} and {high:,}"
            self._host.fail(self.name, expected, f"they are {cycles:,}")
        return cycles

    def _cycles_between(self, first_id: int, second_id: int, clock: MarkClock) -> int:
        __tracebackhide__ = True
        first: Mark | None = None
        second: Mark | None = None
        for mark in self.marks:
            if first is None:
                first = mark if mark.id == first_id else None
            elif (mark.id, mark.virtual_processor) == (second_id, first.virtual_processor):
                second = mark
                break
        if first is None or second is None:
            seen = ", ".join(str(mark.id) for mark in self.marks[:MARKS_SHOWN]) or "none"
            self._host.fail(
                self.name,
                f"mark {first_id} and then mark {second_id}, of one virtual processor",
                f"the marks are: {seen}",
            )
        if clock == "schedule":
            return second.clock_cycles - first.clock_cycles
        return second.guest_cycles - first.guest_cycles

    def _end(self, expected: str, within_cycles: int) -> PartitionResult:
        """Run the host until the partition no longer runs."""
        __tracebackhide__ = True
        if not self._host.run_until(lambda: self.result.state != "running", within_cycles):
            self._host.fail(self.name, expected, self._host.why_not(self.name, within_cycles))
        return self.result


def _require(name: str, names: tuple[str, ...], what: str) -> None:
    """Raise UsageError where a name is not in the contract: a mistake of the test."""
    __tracebackhide__ = True
    if name in names:
        return
    close = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}"
    raise UsageError(f"the contract has no {what} `{name}`", hint)
