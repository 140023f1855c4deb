# SPDX-License-Identifier: GPL-2.0-or-later
"""What changes on a living host: the database's commits as events, and ends as reports.

Owns what was seen last. A partition that has stopped running by itself is reported to command
once a life; command decides what becomes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.machine.abi import StopReason
from ultravisor.machine.interface import PartitionState as MachineState
from ultravisor.machine.symbols import SymbolTable
from ultravisor.partitions import messages
from ultravisor.reasons import stop_sentence
from ultravisor.resources.records import (
    Channel,
    Device,
    Domain,
    Partition,
    PartitionKind,
    PartitionState,
    Zone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import PartitionStatistics
    from ultravisor.resources.changes import Change
    from ultravisor.resources.database import ResourceDatabase

REPORTED_REASON_BYTES = 200
_ALIVE = (PartitionState.RUNNING, PartitionState.PAUSED)


class SavedWatch(Struct, frozen=True):
    """What must be known to go on watching."""

    generation: int
    names: dict[int, str]
    watched: dict[int, int]


class Watch:
    """What was seen of one host."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.generation = 0
        """Of the database, as last seen."""
        self._names: dict[int, str] = {}
        self._watched: dict[int, int] = {}
        """The incarnation of each partition that ought to run, by its number."""

    def save(self) -> SavedWatch:
        """Return what must be known to go on."""
        return SavedWatch(self.generation, dict(self._names), dict(self._watched))

    def load(self, saved: SavedWatch) -> None:
        """Go on from what was saved."""
        self.generation = saved.generation
        self._names, self._watched = dict(saved.names), dict(saved.watched)

    def name_of(self, number: int) -> str:
        """Return the name of the partition that last had a number."""
        return self._names.get(number, f"partition-{number}")

    def changes(self, database: ResourceDatabase) -> Iterator[tuple[str, str, str]]:
        """Yield kind, subject and sentence of what was committed since the last time."""
        if database.generation == self.generation:
            return
        after, self.generation = self.generation, database.generation
        for generation, rows in database.watch(min(after, database.generation)):
            for change in rows:
                self._follow(change)
                text = _sentence(change)
                if text:
                    yield change.table, _subject(change), f"{text} (generation {generation})"

    def ended(self, database: ResourceDatabase) -> list[bytes]:
        """Return a report for each partition that has stopped since the last time."""
        reports = []
        for number, incarnation in sorted(self._watched.items()):
            statistics = self._machine.partition_statistics(number)
            if statistics.state != MachineState.STOPPED:
                continue
            del self._watched[number]
            partition = database.find(Partition, number)
            # What the database itself has ended needs no report.
            if partition is not None and partition.state in _ALIVE:
                report = _report(number, incarnation, statistics)
                reports.append(messages.encode(report))
        return reports

    def _follow(self, change: Change) -> None:
        row = change.after
        if not isinstance(row, Partition):
            return
        self._names[row.number] = row.name
        if row.kind is PartitionKind.IDLE:
            return
        if row.state in _ALIVE:
            self._watched[row.number] = row.incarnation
        else:
            self._watched.pop(row.number, None)


def _report(number: int, incarnation: int, statistics: PartitionStatistics) -> messages.Ended:
    exited = statistics.stop_reason == StopReason.EXIT and statistics.exit_code == 0
    reason = stop_sentence(statistics, SymbolTable(())) or ""
    return messages.Ended(
        partition=number,
        incarnation=incarnation,
        end="stopped" if exited else "failed",
        reason=reason[:REPORTED_REASON_BYTES],
    )


def _subject(change: Change) -> str:
    row = change.after if change.after is not None else change.before
    if isinstance(row, Partition | Device | Domain | Zone):
        return row.name
    return "/".join(str(part) for part in change.key)


def _sentence(change: Change) -> str:
    """Say what happened to what people follow; empty for all else."""
    before, after = change.before, change.after
    if isinstance(before or after, Partition | Channel | Device):
        old = str(before.state) if isinstance(before, Partition | Channel | Device) else "-"
        new = str(after.state) if isinstance(after, Partition | Channel | Device) else "gone"
        if old == new:
            return ""
        reason = after.reason if isinstance(after, Partition) else ""
        return f"{old} -> {new}" + (f": {reason}" if reason else "")
    if isinstance(before or after, Domain | Zone):
        return "defined" if before is None else "dropped" if after is None else "changed"
    return ""
