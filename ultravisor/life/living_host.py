# SPDX-License-Identifier: GPL-2.0-or-later
"""The composition root of a host that lives: machine, infrastructure, and what enters.

Owns the order of things in a piece of the run: what enters is delivered, the machine runs with
all turns of its programs, and what came out is handed on. Everything that enters goes through
the input log, stamped with the machine's clock, so that the log replays the host exactly.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from ultravisor.consoles import Console
from ultravisor.errors import ConfigurationError, MachineError, UsageError
from ultravisor.life.channel_views import (
    ChannelRow,
    channel_rows,
    channel_statistics,
    channel_tap,
)
from ultravisor.life.firmware import Firmware
from ultravisor.life.infrastructure import ULTRAVISOR, Infrastructure
from ultravisor.life.rows import (
    PartitionDetails,
    PartitionRow,
    find_partition,
    partition_details,
    partition_rows,
)
from ultravisor.life.watch import Watch
from ultravisor.machine.interface import ExitReason
from ultravisor.partitions.genesis import NUMBERS
from ultravisor.results import ConsoleOutput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.channels.statistics import ChannelStatistics
    from ultravisor.channels.tap import ChannelTap
    from ultravisor.life.life_plan import LifePlan
    from ultravisor.resources.database import ResourceDatabase

COMMAND = "command"


class LifeInput(Struct, frozen=True):
    """Something that entered: what a replay feeds in again at the same moment."""

    at_cycles: int
    kind: Literal["console", "order", "restart"]
    partition: int
    """The number of the partition that it is for."""
    number: int = 0
    """Of an order."""
    data: bytes = b""


class LivingHost:
    """A host whose partitions come and go; closed by `close`."""

    def __init__(
        self, plan: LifePlan, journal: Path | None = None, *, watched: bool = True
    ) -> None:
        """Make the machine, and bring it to where boot can begin.

        With `watched` false nothing is reported by the host itself: a replay has the reports.
        """
        self.plan = plan
        self.inputs: list[LifeInput] = []
        self.position_cycles = 0
        self._watched = watched
        self._reason = ExitReason.NONE
        self._orders = 0
        self._consoles: dict[str, Console] = {}
        self._firmware = Firmware(plan.machine)
        self.machine = self._firmware.machine
        try:
            self.infrastructure = Infrastructure(self._firmware, plan.policy, journal)
        except BaseException:
            self.machine.close()
            raise
        self._watch = Watch(self.machine)

    def close(self) -> None:
        """Give everything back; what was committed is in the journal."""
        self.infrastructure.close()
        self.machine.close()

    @property
    def clock_frequency_hz(self) -> int:
        """Return the nominal frequency of the guests' clock."""
        return self.machine.options.clock_frequency_hz

    @property
    def can_run(self) -> bool:
        """Say whether running on would change anything."""
        return self._reason <= ExitReason.PAUSED

    @property
    def state(self) -> str:
        """Say in a word or a sentence how the host is."""
        failure = self.infrastructure.failure()
        if failure:
            return f"degraded: {failure}"
        if not self.infrastructure.boot.is_done:
            return "booting"
        return "running" if self.can_run else "idle"

    @property
    def deaf(self) -> str:
        """Return why orders cannot be answered any more; empty: they can."""
        return self.infrastructure.failure_of("ultravisor", "command")

    @property
    def database(self) -> ResourceDatabase:
        """Return the database, for questions; raise UsageError before there is one."""
        database = self.infrastructure.database
        if database is None:
            raise UsageError("the ultravisor has not begun yet", "ask again in a moment")
        return database

    # What enters.

    def order(self, message: bytes) -> int:
        """Give command an order; return the number that its answer has."""
        self._orders += 1
        self._enter(
            LifeInput(self.position_cycles, "order", NUMBERS[COMMAND], self._orders, message)
        )
        return self._orders

    def input(self, name: str, data: bytes) -> None:
        """Give a partition console input."""
        number = find_partition(self.database, name).number
        self._enter(LifeInput(self.position_cycles, "console", number, data=data))

    def restart_ultravisor(self) -> None:
        """Kill the ultravisor; another is rebuilt from the journal, while guests run."""
        self._enter(LifeInput(self.position_cycles, "restart", NUMBERS[ULTRAVISOR]))

    def feed(self, entry: LifeInput) -> None:
        """Take an entry of a log that is replayed; the host has come to its moment."""
        if entry.at_cycles != self.position_cycles:
            raise UsageError(f"an input of {entry.at_cycles} cycles at {self.position_cycles}")
        self._orders = max(self._orders, entry.number)
        self._enter(entry)

    def _enter(self, entry: LifeInput) -> None:
        """Let it in, and write it down; whoever it is for is woken."""
        if entry.kind == "console":
            # What the machine refuses has not entered.
            self.machine.input(entry.partition, entry.data, self.position_cycles)
            self.inputs.append(entry)
        else:
            self.inputs.append(entry)
            if entry.kind == "order":
                self.infrastructure.command.deliver(entry.number, entry.data)
            else:
                self.infrastructure.restart_ultravisor()
            self._wake(entry.partition)
        if self._reason == ExitReason.IDLE:
            self._reason = ExitReason.PAUSED

    def _wake(self, partition: int) -> None:
        """Let a program have a turn, by input that is empty: an event and nothing else."""
        # Not in the view yet: its program finds what was delivered at its first turn.
        with contextlib.suppress(MachineError, ConfigurationError):
            self.machine.input(partition, b"", self.position_cycles)

    # The run.

    def advance(
        self,
        cycles: int,
        on_console: Callable[[ConsoleOutput], None],
        on_event: Callable[[int, str, str, str], None],
        on_answer: Callable[[int, bytes], None],
    ) -> None:
        """Run for so many cycles more; hand on what came out, in its order.

        Raises MachineError where the machine itself fails.
        """
        self.position_cycles += cycles
        end = self.infrastructure.programs.run(self.machine, self.position_cycles)
        self._reason = end.reason
        if end.reason in (ExitReason.MONITOR_PANIC, ExitReason.ENGINE_FAILURE):
            what = end.reason.name.lower().replace("_", " ")
            raise MachineError(f"{what}: {self.machine.error()}")
        database = self.infrastructure.database
        if database is not None:
            for kind, subject, text in self._watch.changes(database):
                on_event(end.clock_cycles, kind, subject, text)
        self._take_consoles(on_console)
        if database is not None and self._watched:
            for report in self._watch.ended(database):
                self.order(report)
        for number, data in self.infrastructure.command.collect():
            on_answer(number, data)

    def _take_consoles(self, on_console: Callable[[ConsoleOutput], None]) -> None:
        for chunk in self.machine.consoles():
            name = self._watch.name_of(chunk.partition)
            self._consoles.setdefault(name, Console()).write(chunk.data)
            on_console(ConsoleOutput(name, chunk.data, chunk.clock_cycles))

    # Questions.

    def partitions(self) -> tuple[PartitionRow, ...]:
        """Return a row for each partition."""
        return partition_rows(self.database, self.machine)

    def inspect(self, name: str) -> PartitionDetails:
        """Return all that is known of a partition."""
        return partition_details(self.database, self.machine, name)

    def console(self, name: str) -> bytes:
        """Return what the partitions of a name have written so far."""
        if name not in self._consoles:
            find_partition(self.database, name)
            return b""
        return bytes(self._consoles[name].data)

    def channels(self) -> tuple[ChannelRow, ...]:
        """Return a row for each channel."""
        return channel_rows(self.database)

    def channel_statistics(self, number: int) -> ChannelStatistics:
        """Return what a channel says of itself."""
        return channel_statistics(self.database, self.machine, number)

    def tap(self, number: int) -> ChannelTap:
        """Return a tap on a channel."""
        return channel_tap(self.database, self.machine, number)

    @property
    def generation(self) -> int:
        """Return the generation of the resource database; 0 before there is one."""
        database = self.infrastructure.database
        return 0 if database is None else database.generation

    def copy_journal(self, path: Path) -> int:
        """Write a copy of the journal to a new file; return its last generation."""
        return self.infrastructure.copy_journal(path)
