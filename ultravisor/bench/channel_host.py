# SPDX-License-Identifier: GPL-2.0-or-later
"""A host in the native build whose command channel is measured, end to end.

Owns the machine: boot, ultravisor and operations are the product's own, an asking program sits in
command's place, and guests are laid that never run: their state and their processors' maps are what
transactions change. Times are of this host. Started as a process, it ends when boot is done.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ultravisor.bench.channel_load import AskingProgram, EchoProgram
from ultravisor.channels.command_protocol import (
    AssignMemory,
    CreatePartition,
    CreateVirtualProcessor,
    Done,
    SetLayout,
    SetPartitionState,
    SetQuanta,
    SlotPlan,
    Transact,
    result_of,
)
from ultravisor.configuration import Configuration, HostConfiguration
from ultravisor.errors import UltravisorError
from ultravisor.life.firmware import Firmware
from ultravisor.life.image_ledger import ImageLedger
from ultravisor.life.infrastructure import Infrastructure
from ultravisor.life.life_plan import LifePlan
from ultravisor.partitions.channel_types import TYPE_COMMAND
from ultravisor.partitions.genesis import NUMBERS
from ultravisor.partitions.introductions import CLIENT, SERVER
from ultravisor.partitions.message_link import ChannelPlace
from ultravisor.partitions.messages import FrameRun, Load
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.plan import MIB, HostPlan
from ultravisor.resources.records import FRAME_SIZE_BYTES, Channel, ChannelEnd, Extent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ultravisor.channels.command_protocol import AnyOperation
    from ultravisor.partitions.view_records import RowPlaces, ViewBody, Views
    from ultravisor.resources.database import ResourceDatabase

GUEST_MIB = 8
INFRASTRUCTURE_MIB = 128
GUEST_PROCESSOR = 1
"""Boot, ultravisor, command and operations are on processor 0."""
STEP_CYCLES = 1_000_000
STEP_LIMIT = 100_000
SLOTS = 2
"""Of the map that a transaction changes."""
QUANTUM_CYCLES = 100_000


class TimedViews:
    """The ultravisor's way to the monitors, with a watch: from a candidate to its publication."""

    def __init__(self, views: Views) -> None:
        """Watch these views."""
        self.seconds: list[float] = []
        self._views = views
        self._begun = 0.0

    def begin(self) -> ViewBody:
        """Begin a candidate, and the time."""
        self._begun = time.perf_counter()
        return self._views.begin()

    def publish(self) -> int:
        """Publish it, and note the time."""
        generation = self._views.publish()
        self.seconds.append(time.perf_counter() - self._begun)
        return generation

    def places(self) -> RowPlaces:
        """Return where rows are."""
        return self._views.places()

    def acknowledged(self) -> int:
        """Return what is acknowledged."""
        return self._views.acknowledged()


class ChannelHost:
    """A booted host; closed by `close`."""

    def __init__(self, guests: int, journal: Path | None = None) -> None:
        """Boot it, take command's place, and lay the guests."""
        self._position_cycles = 0
        plan = LifePlan(_plan(INFRASTRUCTURE_MIB + guests * GUEST_MIB), PlacedPolicy())
        self._firmware = Firmware(plan, ImageLedger())
        self.views = TimedViews(self._firmware.views)
        self._infrastructure: Infrastructure | None = None
        try:
            # What is published from here on is seen by the watch, and by the machine's own views.
            self._firmware.views = self.views  # type: ignore[assignment]
            self._infrastructure = Infrastructure(self._firmware, plan, journal)
            self._run_until(lambda: self.infrastructure.boot.is_done, "boot is not done")
            self._asking = AskingProgram(1)
            self._seat("command", self._asking)
            self._run_until(lambda: self._asking.is_attached, "no command channel")
            self.guests = [self._lay(f"guest-{index}") for index in range(guests)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give everything back."""
        if self._infrastructure is not None:
            self._infrastructure.close()
        self._firmware.machine.close()

    @property
    def infrastructure(self) -> Infrastructure:
        """Return the programs."""
        assert self._infrastructure is not None, "made with the host"
        return self._infrastructure

    @property
    def _database(self) -> ResourceDatabase:
        database = self.infrastructure.database
        assert database is not None, "boot is done, so the ultravisor has begun"
        return database

    def transact(self, *transactions: Sequence[AnyOperation]) -> list[Done]:
        """Send transactions, run until all are answered, and return the answers."""
        self._asking.ask(Transact(tuple(row)) for row in transactions)
        self._wake("command")
        self._run_until(lambda: self._asking.is_done, "a transaction is not answered")
        answers = [answer for answer in self._asking.answers if isinstance(answer, Done)]
        if len(answers) != len(transactions):
            raise UltravisorError(f"a transaction was refused: {self._asking.answers[0]}")
        return answers

    def change_state(self, number: int) -> Sequence[AnyOperation]:
        """Return the transaction that pauses a guest; the next one for it resumes it."""
        count = len(self.guests)
        state = "running" if number // count % 2 else "paused"
        return (SetPartitionState(self.guests[number % count], state),)

    def change_map(self, number: int) -> Sequence[AnyOperation]:
        """Return the transaction that changes the map of the guests' processor."""
        slots = [SlotPlan(guest, 0, QUANTUM_CYCLES + number % 7) for guest in self.guests[:SLOTS]]
        return (SetQuanta(GUEST_PROCESSOR, tuple(slots)),)

    def silence(self) -> None:
        """Put a program in the ultravisor's place that answers without a database."""
        for channel in self._database.records(Channel):
            ends = self._database.records_of(ChannelEnd, channel.id)
            if channel.type_guid == str(TYPE_COMMAND) and (
                ends[CLIENT].partition == NUMBERS["command"]
            ):
                own = ends[SERVER]
                place = ChannelPlace(
                    own.guest_frame * FRAME_SIZE_BYTES,
                    channel.frame_count * FRAME_SIZE_BYTES,
                    own.port,
                    is_server=True,
                )
                self._seat("ultravisor", EchoProgram(place))
                return
        raise UltravisorError("command has no channel")

    def _lay(self, name: str) -> int:
        """Make a guest that could run; return its number."""
        frames = GUEST_MIB * MIB // FRAME_SIZE_BYTES
        own = result_of(0)
        made = (
            CreatePartition(name=name, image="hello"),
            AssignMemory(partition=own, frame_count=frames, guest_frame=0),
            CreateVirtualProcessor(own, GUEST_PROCESSOR),
            SetPartitionState(own, "allocated"),
        )
        number: int = self.transact(made)[0].values[0]
        runs = [
            FrameRun(row.guest_frame, row.machine_frame, row.frame_count)
            for row in self._database.records_of(Extent, number)
        ]
        load = Load(
            partition=number,
            incarnation=1,
            name=name,
            image="hello",
            command_line="",
            rights=0,
            processors=1,
            extents=tuple(runs),
            channels=(),
            control_channel_address=0,
        )
        layout = self._firmware.loader.build(load)
        steps = [SetPartitionState(number, state) for state in ("ready", "running")]
        self.transact((SetLayout(number, layout), *steps))
        return number

    def _seat(self, name: str, program: AskingProgram | EchoProgram) -> None:
        self.infrastructure.programs.kill(name)
        self.infrastructure.programs.start(name, program, None)
        self._wake(name)

    def _wake(self, name: str) -> None:
        self._firmware.machine.input(NUMBERS[name], b"", self._position_cycles)

    def _run_until(self, condition: Callable[[], bool], complaint: str) -> None:
        machine, programs = self._firmware.machine, self.infrastructure.programs
        for _ in range(STEP_LIMIT):
            if condition():
                return
            self._position_cycles += STEP_CYCLES
            programs.run(machine, self._position_cycles)
            failure = self.infrastructure.failure()
            if failure:
                raise UltravisorError(failure)
        raise UltravisorError(complaint)


def _plan(memory_mib: int) -> HostPlan:
    host = HostConfiguration(memory_mib=memory_mib, processors=GUEST_PROCESSOR + 1)
    return HostPlan(
        configuration=Configuration(host=host),
        memory_size_bytes=memory_mib * MIB,
        partitions=(),
        slots=(),
        links=(),
        monitor=None,
    )


if __name__ == "__main__":
    ChannelHost(0).close()
