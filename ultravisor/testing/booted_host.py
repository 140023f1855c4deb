# SPDX-License-Identifier: GPL-2.0-or-later
"""A host under test: run step by step until what a test waits for has come.

Owns the stepping, and the file that repeats a run whose expectation failed. Made by
testing.host_factory; the expectations themselves are testing.guest's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from ultravisor.errors import ExitCode, SupervisedFailure, UsageError
from ultravisor.recording import make_record
from ultravisor.supervised_host import write_replay
from ultravisor.testing.failure import ExpectationFailed, compose
from ultravisor.testing.guest import Guest, MarkClock
from ultravisor.testing.limits import EXPECTATION_LIMIT_CYCLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ultravisor.host import Host
    from ultravisor.results import HostResult, Mark, PartitionResult
    from ultravisor.supervised_host import SupervisedHost
    from ultravisor.testing.console import ConsoleUnderTest

Value = TypeVar("Value")
# How far the host runs before a condition is looked at: what a guest may do beyond it.
STEP_CYCLES = 50_000


class BootedHost:
    """A host that has booted. With one partition, its expectations can be asked of the host."""

    def __init__(self, host: Host | SupervisedHost, replay_folder: Callable[[], Path]) -> None:
        """Take over a host that has just booted; ask for a folder for what a failure leaves."""
        self._host = host
        self._replay_folder = replay_folder
        self._result: HostResult | None = None
        self._guests = {
            row.configuration.name: Guest(row.configuration.name, self)
            for row in host.plan.partitions
        }

    def close(self) -> None:
        """End the host; closing twice is allowed."""
        self._host.close()

    @property
    def host(self) -> Host | SupervisedHost:
        """Return the host itself, for what is not offered here."""
        return self._host

    @property
    def position_cycles(self) -> int:
        """Return how far the host has been asked to run."""
        return self._host.position_cycles

    @property
    def result(self) -> HostResult:
        """Return the results as they are now."""
        if self._result is None:
            self._result = self._call(self._host.result)
        return self._result

    def marks(self) -> list[Mark]:
        """Return the marks that guests have set so far, oldest first."""
        return self._call(self._host.marks)

    def input(self, name: str, data: bytes) -> None:
        """Give a partition console input, now."""
        self._host.input(name, data)
        self._result = None

    def stop(self, name: str) -> None:
        """Stop a partition from outside."""
        self._host.stop(name)
        self._result = None

    def run(self, cycles: int = EXPECTATION_LIMIT_CYCLES) -> HostResult:
        """Run for so many cycles more, or until nothing is left to run."""
        __tracebackhide__ = True
        self._result = self._call(lambda: self._host.run(cycles))
        if self._result.exit.code == ExitCode.INTERNAL:
            raise ExpectationFailed(
                f"{self._result.exit.reason}\n"
                f"  repeat it with: ultravisor replay {self.write_replay('internal failure')}"
            )
        return self._result

    def run_until(self, condition: Callable[[], bool], within_cycles: int) -> bool:
        """Run until the condition holds; say whether it does within so many cycles."""
        __tracebackhide__ = True
        limit = self.position_cycles + within_cycles
        while not condition():
            left = limit - self.position_cycles
            if left <= 0:
                return False
            if self.run(min(STEP_CYCLES, left)).exit.code != ExitCode.BUDGET:
                return condition()
        return True

    def guest(self, name: str | None = None) -> Guest:
        """Return a partition by name; without one, the only partition."""
        if name is None:
            if len(self._guests) > 1:
                names = ", ".join(self._guests)
                raise UsageError("the host has several partitions", f"name one: {names}")
            (name,) = self._guests
        if name not in self._guests:
            raise UsageError(
                f"no partition is named `{name}`", f"there are {', '.join(self._guests)}"
            )
        return self._guests[name]

    @property
    def console(self) -> ConsoleUnderTest:
        """Return the only partition's console."""
        return self.guest().console

    def expect_exit(
        self, code: int = 0, *, within_cycles: int = EXPECTATION_LIMIT_CYCLES
    ) -> PartitionResult:
        """As `Guest.expect_exit`, of the only partition."""
        __tracebackhide__ = True
        return self.guest().expect_exit(code, within_cycles=within_cycles)

    def expect_stop(
        self,
        reason: str,
        *,
        vector: int | None = None,
        within_cycles: int = EXPECTATION_LIMIT_CYCLES,
    ) -> PartitionResult:
        """As `Guest.expect_stop`, of the only partition."""
        __tracebackhide__ = True
        return self.guest().expect_stop(reason, vector=vector, within_cycles=within_cycles)

    def expect_hypercalls(self, counts: Mapping[str, int], *, at_least: bool = False) -> None:
        """As `Guest.expect_hypercalls`, of the only partition."""
        __tracebackhide__ = True
        self.guest().expect_hypercalls(counts, at_least=at_least)

    def cycles_within(
        self,
        low: int,
        high: int,
        *,
        between: tuple[int, int] | None = None,
        clock: MarkClock = "guest",
    ) -> int:
        """As `Guest.cycles_within`, of the only partition."""
        __tracebackhide__ = True
        return self.guest().cycles_within(low, high, between=between, clock=clock)

    def why_not(self, name: str, within_cycles: int) -> str:
        """Say why what a test waited for has not come."""
        if self.result.exit.code == ExitCode.BUDGET:
            return f"it has not come within {within_cycles:,} cycles"
        if self.result.partition(name).state == "running":
            return "it waits, and nothing can ever wake it"
        return "the partition has ended"

    def fail(self, name: str, expected: str, came: str) -> NoReturn:
        """Raise the failure of an expectation of one partition."""
        __tracebackhide__ = True
        partition = self.result.partition(name)
        replay = self.write_replay(f"expected {expected}")
        raise compose(expected, came, partition, self.position_cycles, replay)

    def write_replay(self, failure: str) -> str:
        """Write the file that repeats the run up to here; return its path."""
        record = make_record(
            self._host.plan,
            self._host.inputs,
            cycles=self.position_cycles,
            result=None,
            failure=failure,
        )
        return write_replay(record.to_json(), self._replay_folder() / "run.json")

    def _call(self, function: Callable[[], Value]) -> Value:
        """Turn the death of the host's process into a failure that says how to repeat it."""
        __tracebackhide__ = True
        try:
            return function()
        except SupervisedFailure as failure:
            hint = f"\n  {failure.hint}" if failure.hint else ""
            raise ExpectationFailed(f"{failure.message}{hint}") from None
