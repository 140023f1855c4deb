# SPDX-License-Identifier: GPL-2.0-or-later
"""The composition root of a host that lives: machine, infrastructure, and what enters.

Owns the order of things in a piece of the run: what enters is delivered, the machine runs with
all turns of its programs, and what came out is handed on. Everything that enters goes through
the input log, stamped with the machine's clock, so that the log replays the host exactly.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from ultravisor.consoles import Console
from ultravisor.errors import ConfigurationError, MachineError, UsageError
from ultravisor.life.channel_views import (
    ChannelRow,
    channel_rows,
    channel_statistics,
    channel_tap,
)
from ultravisor.life.firmware import Firmware
from ultravisor.life.image_ledger import ImageLedger
from ultravisor.life.infrastructure import ULTRAVISOR, Infrastructure
from ultravisor.life.life_inputs import LifeInput
from ultravisor.life.life_record import LifeResult
from ultravisor.life.rows import (
    PartitionDetails,
    PartitionRow,
    find_partition,
    is_beginning,
    partition_details,
    partition_rows,
    require_reader,
)
from ultravisor.life.saved_life import SavedConsole, SavedLife
from ultravisor.life.watch import Watch
from ultravisor.machine.devices import Devices
from ultravisor.machine.interface import ExitReason
from ultravisor.partitions.genesis import NUMBERS
from ultravisor.results import ConsoleOutput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.channels.statistics import ChannelStatistics
    from ultravisor.channels.tap import ChannelTap
    from ultravisor.life.life_plan import LifePlan
    from ultravisor.machine.machine import MachineSnapshot
    from ultravisor.resources.database import ResourceDatabase

COMMAND = "command"
# How often consoles are taken. Together, partitions cannot write more in that time than the
# machine keeps (QUEUE_LIMIT_BYTES in native/engine/queue.h): three instructions at the least, and
# CONSOLE_LIMIT bytes a call. So nothing is lost that longer pieces would lose.
DRAIN_CYCLES = 32_768


class LivingSnapshot(NamedTuple):
    """A living host at one moment, in memory."""

    machine: MachineSnapshot
    life: SavedLife


class LivingHost:
    """A host whose partitions come and go; closed by `close`."""

    def __init__(
        self,
        plan: LifePlan,
        journal: Path | None = None,
        *,
        watched: bool = True,
        images: ImageLedger | None = None,
    ) -> None:
        """Make the machine, and bring it to where boot can begin.

        With `watched` false nothing is reported by the host itself: a replay has the reports, and
        its `images` know what an earlier life has read.
        """
        self.plan = plan
        self.inputs: list[LifeInput] = []
        self.on_input: Callable[[LifeInput], None] | None = None
        """Told of everything that enters, before it takes effect."""
        self.on_frame: Callable[[str, bytes], None] | None = None
        """Given what leaves a switch for the outside; without it, it is lost."""
        self.images = ImageLedger() if images is None else images
        self.position_cycles = 0
        self._watched = watched
        self._reason = ExitReason.NONE
        self._orders = 0
        self._consoles: dict[str, Console] = {}
        self._firmware = Firmware(plan, self.images)
        self.machine = self._firmware.machine
        try:
            self.infrastructure = Infrastructure(self._firmware, plan, journal)
        except BaseException:
            self.machine.close()
            raise
        self._watch = Watch(self.machine)
        self._switches = Devices(self.machine)

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
        """Give a partition console input; UsageError where it has not begun, or has ended."""
        partition = find_partition(self.database, name)
        require_reader(self.machine, partition)
        self._enter(LifeInput(self.position_cycles, "console", partition.number, data=data))

    def is_beginning(self, name: str) -> bool:
        """Say whether a partition is about to run, and what is typed would be lost yet."""
        return is_beginning(self.machine, find_partition(self.database, name))

    def frame(self, switch: str, data: bytes) -> None:
        """Let a frame come to a switch from the outside, which its plan has to have."""
        self._enter(LifeInput(self.position_cycles, "frame", data=data, switch=switch))

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
        # What the machine refuses has not entered.
        if entry.kind == "console":
            self.machine.input(entry.partition, entry.data, self.position_cycles)
            self._note(entry)
        elif entry.kind == "frame":
            number = self._outside(entry.switch)
            self._switches.frame_in(number, entry.data, self.position_cycles)
            self._note(entry)
        else:
            self._note(entry)
            if entry.kind == "order":
                self.infrastructure.command.deliver(entry.number, entry.data)
            else:
                self.infrastructure.restart_ultravisor()
            self._wake(entry.partition)
        if self._reason == ExitReason.IDLE:
            self._reason = ExitReason.PAUSED

    def _outside(self, switch: str) -> int:
        """Return the number of a switch with an outside; raise ConfigurationError."""
        if switch not in self._firmware.outsides:
            raise ConfigurationError(f"no switch `{switch}` has a port to the outside")
        return self._firmware.outsides[switch]

    def _note(self, entry: LifeInput) -> None:
        self.inputs.append(entry)
        if self.on_input is not None:
            self.on_input(entry)

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

        How long the pieces are changes nothing: what is seen of the host is seen after each turn
        of a program, and what is reported to command enters as an input. Raises MachineError
        where the machine itself fails.
        """

        def look(clock_cycles: int) -> None:
            self._look(clock_cycles, on_console, on_event)

        until_cycles = self.position_cycles + cycles
        while self.position_cycles < until_cycles:
            self.position_cycles = min(until_cycles, self.position_cycles + DRAIN_CYCLES)
            end = self.infrastructure.programs.run(self.machine, self.position_cycles, look)
            self._reason = end.reason
            if end.reason in (ExitReason.MONITOR_PANIC, ExitReason.ENGINE_FAILURE):
                what = end.reason.name.lower().replace("_", " ")
                raise MachineError(f"{what}: {self.machine.error()}")
            self._take_consoles(on_console)
            self._take_frames()
        self._look(end.clock_cycles, on_console, on_event)
        self.infrastructure.shorten_journal()
        database = self.infrastructure.database
        if database is not None and self._watched:
            for report in self._watch.ended(database):
                self.order(report)
        for number, data in self.infrastructure.command.collect():
            on_answer(number, data)

    def _look(
        self,
        clock_cycles: int,
        on_console: Callable[[ConsoleOutput], None],
        on_event: Callable[[int, str, str, str], None],
    ) -> None:
        """See what was committed; what was written before belongs to the names before."""
        database = self.infrastructure.database
        if database is None or database.generation == self._watch.generation:
            return
        self._take_consoles(on_console)
        for kind, subject, text in self._watch.changes(database):
            on_event(clock_cycles, kind, subject, text)

    def _take_consoles(self, on_console: Callable[[ConsoleOutput], None]) -> None:
        for chunk in self.machine.consoles():
            name = self._watch.name_of(chunk.partition)
            self._console(name).write(chunk.data)
            on_console(ConsoleOutput(name, chunk.data, chunk.clock_cycles))
        for partition, size_bytes in self.machine.dropped().console_bytes.items():
            self._console(self._watch.name_of(partition)).dropped_bytes += size_bytes

    def _take_frames(self) -> None:
        """Hand on what left for the outside; nobody in the host can tell whether that is done."""
        for name, number in self._firmware.outsides.items():
            for frame in self._switches.take_frames(number):
                if self.on_frame is not None:
                    self.on_frame(name, frame.data)

    def _console(self, name: str) -> Console:
        return self._consoles.setdefault(name, Console())

    # Its whole state.

    def snapshot(self) -> LivingSnapshot:
        """Keep the whole host in memory."""
        return LivingSnapshot(self.machine.snapshot(), self.save())

    def restore(self, snapshot: LivingSnapshot) -> None:
        """Go back to a snapshot of this host; one with a journal in a file cannot: UsageError."""
        self.infrastructure.load(snapshot.life.infrastructure)
        self.machine.restore(snapshot.machine)
        self._load(snapshot.life)

    def save(self) -> SavedLife:
        """Return everything but the machine."""
        return SavedLife(
            infrastructure=self.infrastructure.save(),
            watch=self._watch.save(),
            consoles={
                name: SavedConsole(bytes(row.data), row.dropped_bytes)
                for name, row in self._consoles.items()
            },
            inputs=tuple(self.inputs),
            images=tuple(self.images.reads),
            orders=self._orders,
            position_cycles=self.position_cycles,
            exit_reason=self._reason,
        )

    def load(self, saved: SavedLife) -> None:
        """Be as was saved; the machine already is."""
        self.infrastructure.load(saved.infrastructure)
        self._load(saved)

    def _load(self, saved: SavedLife) -> None:
        for _ in self.machine.consoles():
            pass  # what was not taken yet is not of this life
        self.machine.dropped()
        for number in self._firmware.outsides.values():
            self._switches.take_frames(number)
        self._watch.load(saved.watch)
        self._consoles = {}
        for name, row in saved.consoles.items():
            console = self._console(name)
            console.data[:] = row.data
            console.dropped_bytes = row.dropped_bytes
        self.inputs = list(saved.inputs)
        self.images.reads = list(saved.images)
        self._orders = saved.orders
        self.position_cycles = saved.position_cycles
        self._reason = saved.exit_reason

    def result(self) -> LifeResult:
        """Return what makes two lives equal."""
        database = self.infrastructure.database
        return LifeResult(
            state_hash=f"{self.machine.state_hash():016x}",
            database_hash="" if database is None else database.state_hash(),
            generation=self.generation,
            consoles={
                name: hashlib.sha256(row.data).hexdigest()
                for name, row in sorted(self._consoles.items())
            },
        )

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
