# SPDX-License-Identifier: GPL-2.0-or-later
"""The story of a whole system: it comes up, works, loses an I/O partition and its ultravisor.

Owns what happens, in what order, and what has to be true afterwards; how it is shown is its
caller's. Everything is typed at consoles, as a person could, and takes effect at the same cycle in
every run. Called by `ultravisor demo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ultravisor.errors import UltravisorError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.living_host import LivingHost
from ultravisor.resources.records import Device, DeviceState, Partition, PartitionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.results import ConsoleOutput

HOST: Final = "system"
STEP_CYCLES: Final = 100_000
STEPS_LIMIT: Final = 100_000
# How much has reached the disk when its server crashes: about half of what is written.
CRASH_WRITTEN_BYTES: Final = 1 << 20
FILL_KIB: Final = 2048
CLIENTS: Final = ("alice", "bob")
FIRST, SECOND = "io-a", "io-b"


class Audience(Protocol):
    """Who watches."""

    def heading(self, text: str) -> None:
        """Hear what happens next."""

    def console(self, output: ConsoleOutput) -> None:
        """See what a partition writes."""

    def event(self, clock_cycles: int, subject: str, text: str) -> None:
        """Hear what became of a partition or a device."""


class Verdict(NamedTuple):
    """Something that has to be true, and whether it is."""

    sentence: str
    holds: bool


class Demonstration:
    """One run of the story; closed by `close`."""

    def __init__(self, audience: Audience) -> None:
        """Make the bundled system."""
        self._audience = audience
        self.host = LivingHost(plan_life([HOST], [HOST], {}))
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
            "A host of two processors boots: ultravisor, command, operations, two I/O partitions "
            "and three guests"
        )
        self._until(lambda: all(self._has_prompt(name, 1) for name in CLIENTS), "guests come up")

    def _work(self) -> None:
        self._audience.heading("Two guests format their disks and reach each other")
        self._type("alice", "format", "write note.txt nothing is lost", "ping 10.0.0.2 3")
        self._type("bob", "format", "fill data 256 7", "verify data 256 7")

    def _lose_an_io_partition(self) -> None:
        self._audience.heading(f"While a guest writes {FILL_KIB} KiB, {FIRST} crashes")
        disk = self._device("disk0.0").id
        written_bytes = self._written_bytes(disk)
        prompts = self._prompts("alice")
        self.host.input("alice", f"fill large {FILL_KIB} 11\n".encode())
        self._until(
            lambda: self._written_bytes(disk) >= written_bytes + CRASH_WRITTEN_BYTES,
            "half of a file is written",
        )
        self.host.input(FIRST, b"crash\n")
        self._until(lambda: self._prompts("alice") > prompts, "the other one takes over")
        self._until(lambda: self._stands_by("disk0.0"), f"{FIRST} is back, and stands by")
        self._type("alice", f"verify large {FILL_KIB} 11", "ping 10.0.0.2 3")

    def _lose_the_ultravisor(self) -> None:
        self._audience.heading("The ultravisor is killed; another is rebuilt from the journal")
        lost = self.host.database
        generation, lost_hash = lost.generation, lost.state_hash()
        self.host.restart_ultravisor()
        self._until(lambda: self.host.infrastructure.database is not None, "it is rebuilt")
        rebuilt_hash = self.host.database.at(generation).state_hash()
        self._judge("the rebuilt ultravisor knows what the lost one knew", lost_hash == rebuilt_hash)
        self._type("alice", "cat note.txt", "ping 10.0.0.2 3")
        self._type("bob", "verify data 256 7")

    def _look_back(self) -> None:
        text = {name: self.host.console(name).decode() for name in CLIENTS}
        self._judge("every file was read back as it was written", "differs" not in "".join(text.values()))
        self._judge(f"{SECOND} has taken over from {FIRST}", not self._stands_by("disk0.1"))
        states = {row.name: row.state for row in self.host.database.records(Partition)}
        self._judge(
            "all partitions run",
            all(states[name] is PartitionState.RUNNING for name in (*CLIENTS, FIRST, SECOND)),
        )

    def _type(self, name: str, *lines: str) -> None:
        """Type lines at a shell, each when it has asked for it."""
        for line in lines:
            prompts = self._prompts(name)
            self.host.input(name, f"{line}\n".encode())
            self._until(lambda: self._prompts(name) > prompts, f"{name} does `{line}`")  # noqa: B023

    def _judge(self, sentence: str, holds: bool) -> None:
        self.verdicts.append(Verdict(sentence, holds))

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(STEPS_LIMIT):
            if holds():
                return
            self.host.advance(
                STEP_CYCLES,
                self._audience.console,
                lambda clock, _, subject, text: self._audience.event(clock, subject, text),
                lambda *_: None,
            )
        raise UltravisorError(f"the demonstration does not go on: {what}")
