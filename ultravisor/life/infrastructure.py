# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of a living host, and what each of them is given.

Owns their making, and the ultravisor's restart from its journal. Called by living_host.
Programs reach each other only through channels; what comes from outside is handed to command
and to operations here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.errors import UsageError
from ultravisor.hosted_programs import HostedPrograms
from ultravisor.life.inheritance import begin_journal
from ultravisor.life.saved_life import SavedInfrastructure, load_journal, save_journal
from ultravisor.partitions.boot import BootProgram
from ultravisor.partitions.command import CommandProgram
from ultravisor.partitions.genesis import NUMBERS
from ultravisor.partitions.operations import OperationsProgram
from ultravisor.partitions.ultravisor import UltravisorProgram
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.journal import MemoryJournal

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.life.firmware import Firmware
    from ultravisor.life.life_plan import LifePlan
    from ultravisor.machine.hosted import HostedProgram
    from ultravisor.resources.journal import Journal

ULTRAVISOR = "ultravisor"
# A journal in memory is cut back to so many commits when it has twice as many. Measured with 64
# partitions: the ultravisor begins anew from 8192 commits in 0.6 s, from 4096 in 0.3 s; cutting
# takes 0.26 s, once in 4096 commits.
KEPT_COMMITS = 4096


class Infrastructure:
    """Boot, ultravisor, command and operations of one host."""

    def __init__(self, firmware: Firmware, plan: LifePlan, journal: Path | None) -> None:
        """Make the programs; the journal is kept in a file, or in memory outside the ultravisor."""
        self._firmware = firmware
        self._policy = plan.policy
        self._path = journal
        self._journal: Journal = (
            MemoryJournal() if journal is None else begin_journal(journal, plan.inheritance)
        )
        self._seat_all()

    def _seat_all(self) -> None:
        """Make all programs, each knowing nothing yet."""
        self._remembered: ResourceDatabase | None = None
        self._ultravisor = self._make_ultravisor()
        self.boot = BootProgram(self._firmware.loader, self._firmware.layout.order)
        self.command = CommandProgram()
        self.operations = OperationsProgram(self._policy)
        made: dict[str, HostedProgram] = {
            "boot": self.boot,
            ULTRAVISOR: self._ultravisor,
            "command": self.command,
            "operations": self.operations,
        }
        seats = {NUMBERS[name]: (name, program) for name, program in made.items()}
        self.programs = HostedPrograms(seats)

    @property
    def database(self) -> ResourceDatabase | None:
        """Return the database, for questions; None before the ultravisor's first turn.

        One that has begun anew reads the journal at its next turn; until then it is read here.
        """
        if self._ultravisor.has_begun:
            return self._ultravisor.database
        if self._remembered is None and self._journal.base is not None:
            self._remembered = ResourceDatabase.open(self._journal)
        return self._remembered

    def restart_ultravisor(self) -> None:
        """Kill the ultravisor with all that it knows; another begins from the journal."""
        self.programs.kill(ULTRAVISOR)
        if self._path is not None:
            self._journal.close()
            self._journal = FileJournal.open(self._path)
        self._remembered = None
        self._ultravisor = self._make_ultravisor()
        self.programs.start(ULTRAVISOR, self._ultravisor, None)

    def failure(self) -> str:
        """Return the first program that has ended, and why; empty: all run."""
        failure = self.failure_of("boot", ULTRAVISOR, "command", "operations")
        if failure:
            return failure
        return f"boot: {self.boot.failure}" if self.boot.failure else ""

    def failure_of(self, *names: str) -> str:
        """Return the first of some programs that has ended, and why; empty: they run."""
        for name in names:
            failure = self.programs.failure(name)
            if failure:
                return f"{name}: {failure}"
        return ""

    def shorten_journal(self) -> None:
        """Forget the oldest commits where the journal has grown long; between two runs only.

        A journal in memory alone: what an operator keeps in a file is all kept.
        """
        if self._path is not None or self.failure_of(ULTRAVISOR) or not self._ultravisor.has_begun:
            return
        database = self._ultravisor.database
        if database.generation - database.first_generation >= 2 * KEPT_COMMITS:
            database.compact(KEPT_COMMITS)

    def copy_journal(self, path: Path) -> int:
        """Write what is durable of the journal to a new file; return its last generation."""
        base = self._journal.base
        if base is None:
            raise UsageError("the ultravisor has not begun yet", "ask again in a moment")
        if path.exists():
            raise UsageError(f"{path}: exists already", "name a new file")
        copy = FileJournal.open(path)
        try:
            copy.start(base)
            for generation, changeset in self._journal.entries(copy.last, self._journal.durable):
                copy.append(generation, changeset)
            copy.sync()
            return copy.last
        finally:
            copy.close()

    def save(self) -> SavedInfrastructure:
        """Return the journal, and the state of all programs; between two runs only."""
        return SavedInfrastructure(self.programs.save(), save_journal(self._journal))

    def load(self, saved: SavedInfrastructure) -> None:
        """Be as was saved: other programs, with those states.

        Raises UsageError where there is a journal in a file: it keeps what was acknowledged.
        """
        if self._path is None:
            self._journal = MemoryJournal()
        elif self._journal.base is not None:
            hint = "save it to a file, and go on from that: ultravisor up --snapshot"
            raise UsageError("a host that keeps its journal in a file cannot go back", hint)
        load_journal(self._journal, saved.journal)
        self._seat_all()
        self.programs.load(saved.programs)

    def close(self) -> None:
        """Make durable what is not, and let go of the journal."""
        self._journal.close()

    def _make_ultravisor(self) -> UltravisorProgram:
        genesis = self._firmware.layout.genesis
        return UltravisorProgram(self._firmware.views, self._journal, genesis)
