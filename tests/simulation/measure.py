# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures the command channel end to end in a fabric; run as `python -m tests.simulation.measure`.

Owns the load: whole transactions in one message each, many on their way at once. The figures are of
processor time of this process, measured: both ends of the channel, the fabric, the codec, the
database and its journal. They belong to the host they were measured on.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.script import ScriptFabric
from ultravisor.channels.command_protocol import (
    AnyOperation,
    CreatePartition,
    Done,
    SetLink,
    SetQuanta,
    SlotPlan,
    Transact,
)
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.records import Partition

COUNT = 4000
IN_FLIGHT = 200


def quanta(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that changes the map of processor 0."""
    slots = tuple(SlotPlan(n, 0, 100_000 + number % 7) for n in (1, 2))
    return (SetQuanta(0, slots),)


def link(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that sets one event link."""
    port = 10 + number % 40
    return (SetLink(partition=1, port=port, target_partition=2, target_port=port),)


def partition(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that makes a partition without anything."""
    return (CreatePartition(name=f"p{number % 100}"),)


def send(fabric: ScriptFabric, make: object, count: int, first: int) -> float:
    """Send requests in bursts; return the seconds of this process until all are answered."""
    begun = time.process_time()
    for burst in range(0, count, IN_FLIGHT):
        numbers = range(first + burst, first + min(burst + IN_FLIGHT, count))
        fabric.ask(*((number, Transact(make(number))) for number in numbers))  # type: ignore[operator]
    seconds = time.process_time() - begun
    done = sum(isinstance(fabric.script.answer(n), Done) for n in range(first, first + count))
    assert done == count, f"{count - done} were refused"
    return seconds


def report(name: str, fabric: ScriptFabric) -> None:
    """Print the figures of one journal."""
    fabric.views.on_publish = lambda _rows: None
    first = 1000
    for load in (link, quanta):
        seconds = send(fabric, load, COUNT, first)
        first += COUNT
        print(f"{name}: {load.__name__}: {COUNT / seconds:,.0f} transactions/s (measured)")
    begun = time.process_time()
    fabric.restart_ultravisor()
    fabric.take_turn(2)
    seconds = time.process_time() - begun
    generation = fabric.ultravisor.database.generation
    print(f"{name}: restart after {generation} commits: {seconds * 1000:.0f} ms (measured)")
    assert len(fabric.ultravisor.database.records(Partition)) == 2


def main() -> None:
    """Measure both journals, and profile one."""
    report("memory", ScriptFabric(journal=MemoryJournal()))
    with tempfile.TemporaryDirectory() as folder:
        report("file", ScriptFabric(journal=FileJournal.open(Path(folder, "journal"))))
    if "--profile" in sys.argv:
        fabric = ScriptFabric()
        fabric.views.on_publish = lambda _rows: None
        profile = cProfile.Profile()
        profile.runcall(send, fabric, link, COUNT, 1000)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
