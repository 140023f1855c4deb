# SPDX-License-Identifier: GPL-2.0-or-later
"""The story of a whole system: it comes up, works, loses an I/O partition and its ultravisor.

Owns what happens, in what order, and what has to be true afterwards; how it is shown is its
caller's. Everything is typed at consoles, as a person could, and takes effect at the same cycle in
every run. Called by `ultravisor demo`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ultravisor.errors import UltravisorError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.living_host import LivingHost
from ultravisor.machine.devices import Devices
from ultravisor.resources.records import Device, DeviceState, Partition, PartitionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.results import ConsoleOutput

HOST: Final = "system"
STEP_CYCLES: Final = 100_000
STEPS_LIMIT: Final = 100_000
FILL_BYTES: Final = 1 << 20
# How much of it has reached the disk when its server crashes.
CRASH_BYTES: Final = FILL_BYTES // 2
SHELLS: Final = ("alice", "bob")
GUESTS: Final = (*SHELLS, "carol")
FIRST, SECOND = "io-a", "io-b"
DISK: Final = "disk0"
PROMPT: Final = b"> "


class Audience(Protocol):
    """Who watches."""

    def heading(self, text: str) -> None:
        """Hear what happens next."""

    def console(self, output: ConsoleOutput) -> None:
        """See what a partition writes."""

    def event(self, clock_cycles: int, kind: str, subject: str, text: str) -> None:
        """Hear what became of a partition, a channel or a device."""

    def looked(self, host: LivingHost) -> None:
        """Look at the host when everything has happened and everybody still lives."""


class Verdict(NamedTuple):
    """Something that has to be true, and whether it is."""

    sentence: str
    holds: bool


class Demonstration:
    """One run of the story; closed by `close`."""

    def __init__(self, audience: Audience) -> None:
        """Make the bundled system."""
        self._audience = audience
        self.host = LivingHost(plan_life([HOST], [Path(HOST)], {}))
        self.verdicts: list[Verdict] = []

    def close(self) -> None:
        """Give everything back."""
        self.host.close()

    def run(self) -> None:
        """Tell the story; raise UltravisorError where it does not go on."""
        self._boot()
        self._work()
        self._lose_an_io_partition()
        self._lose_the_ultravisor()
        self._look_back()

    def _boot(self) -> None:
        self._audience.heading(
            "A host comes up: its infrastructure, two I/O partitions, three guests"
        )
        self._until(lambda: all(self._prompts(name) for name in SHELLS), "guests come up")

    def _work(self) -> None:
        self._audience.heading("Guests make files on their disks, and reach each other")
        self._type("alice", "format", "write note.txt nothing is lost", "ping 10.0.0.2 3")
        self._type("bob", "format", "fill data.bin 262144 7", "verify data.bin 7")

    def _lose_an_io_partition(self) -> None:
        self._audience.heading(
            f"{FIRST} crashes while alice writes {FILL_BYTES >> 10} KiB; {SECOND} takes over"
        )
        written_bytes = self._written_bytes() + CRASH_BYTES
        prompts = self._prompts("alice")
        self._enter("alice", f"fill large.bin {FILL_BYTES} 11")
        self._until(lambda: self._written_bytes() >= written_bytes, "half of a file is written")
        self._enter(FIRST, "crash")
        self._until(lambda: self._prompts("alice") > prompts, "the other one takes over")
        self._until(lambda: self._port_of(FIRST).state is DeviceState.STANDBY, f"{FIRST} is back")
        self._type("alice", "verify large.bin 11", "ping 10.0.0.2 3")
        self._judge(
            f"{SECOND} serves {DISK}, {FIRST} stands by",
            self._port_of(SECOND).state is DeviceState.OPERATING,
        )

    def _lose_the_ultravisor(self) -> None:
        self._audience.heading("The ultravisor is killed; another is rebuilt from its journal")
        lost = self.host.database
        generation, lost_hash = lost.generation, lost.state_hash()
        self.host.restart_ultravisor()
        self._until(lambda: self.host.infrastructure.database is not None, "it is rebuilt")
        rebuilt_hash = self.host.database.at(generation).state_hash()
        self._judge(
            f"the new ultravisor knows generation {generation} as the lost one did",
            rebuilt_hash == lost_hash,
        )
        self._type("alice", "cat note.txt", "ping 10.0.0.2 3")
        self._type("bob", "verify data.bin 7")

    def _look_back(self) -> None:
        """See what guests say of themselves: their exit codes tell of every command."""
        self._audience.looked(self.host)
        for name in SHELLS:
            self._enter(name, "exit")
        self._until(lambda: all(self._has_ended(name) for name in GUESTS), "guests end")
        for name in GUESTS:
            row = self._partition(name)
            self._judge(
                f"{name} found everything as it should be", row.state is PartitionState.STOPPED
            )

    def _type(self, name: str, *lines: str) -> None:
        """Type lines at a shell, each when the one before is done."""
        for line in lines:
            prompts = self._prompts(name) + 1
            self._enter(name, line)
            self._until(partial(self._has_prompted, name, prompts), f"{name} does `{line}`")

    def _has_prompted(self, name: str, prompts: int) -> bool:
        return self._prompts(name) >= prompts

    def _enter(self, name: str, line: str) -> None:
        self.host.input(name, f"{line}\n".encode())

    def _prompts(self, name: str) -> int:
        if self.host.infrastructure.database is None:
            return 0
        names = {row.name for row in self.host.partitions()}
        return self.host.console(name).count(PROMPT) if name in names else 0

    def _partition(self, name: str) -> Partition:
        return next(row for row in self.host.database.records(Partition) if row.name == name)

    def _has_ended(self, name: str) -> bool:
        return self._partition(name).state in (PartitionState.STOPPED, PartitionState.FAILED)

    def _port_of(self, name: str) -> Device:
        """Return the port of the disk that a partition owns."""
        number = self._partition(name).number
        ports = (row for row in self.host.database.records(Device) if row.owner == number)
        return next(row for row in ports if row.name.startswith(f"{DISK}."))

    def _written_bytes(self) -> int:
        """Return what has reached the disk through the first port."""
        return Devices(self.host.machine).statistics(self._port_of(FIRST).id).written_bytes

    def _judge(self, sentence: str, holds: bool) -> None:
        self.verdicts.append(Verdict(sentence, holds))

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(STEPS_LIMIT):
            if holds():
                return
            self.host.advance(
                STEP_CYCLES,
                self._audience.console,
                self._audience.event,
                lambda *_: None,
            )
        raise UltravisorError(f"the demonstration does not go on: {what}")
