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
    AssignMemory,
    CreatePartition,
    CreateVirtualProcessor,
    Done,
    SetLayout,
    SetLink,
    SetPartitionState,
    SetQuanta,
    SlotPlan,
    Transact,
    result_of,
)
from ultravisor.partitions.view_records import Layout, encode_layout
from ultravisor.resources.file_journal import FileJournal
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.records import Partition

COUNT = 4000
IN_FLIGHT = 200
FIRST_GUEST = 3
GUESTS = 20
LAYOUT = Layout(
    entry_address=0x400000,
    stack_top_address=0x800000,
    start_page_address=0x1000,
    hypercall_frame=2,
    time_frame=3,
    shared_first_frame=4,
    kernel_root_frame=5,
    table_first_frame=5,
    table_counts=(1, 1, 1, 1),
)


def guest(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that makes a guest that is in the view, and runs."""
    own = result_of(0)
    return (
        CreatePartition(name=f"guest-{number}"),
        AssignMemory(partition=own, frame_count=4, guest_frame=0),
        CreateVirtualProcessor(own, 0),
        SetPartitionState(own, "allocated"),
        SetLayout(own, encode_layout(LAYOUT)),
        SetPartitionState(own, "ready"),
        SetPartitionState(own, "running"),
    )


def state(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that pauses a guest, or resumes it the next time."""
    after = "running" if number // GUESTS % 2 else "paused"
    return (SetPartitionState(FIRST_GUEST + number % GUESTS, after),)


def quanta(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that changes the map of processor 0."""
    slots = tuple(SlotPlan(n, 0, 100_000 + number % 7) for n in (1, 2))
    return (SetQuanta(0, slots),)


def link(number: int) -> tuple[AnyOperation, ...]:
    """A transaction that sets one event link."""
    port = 10 + number % 40
    return (SetLink(partition=1, port=port, target_partition=2, target_port=port),)


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
    send(fabric, guest, GUESTS, 500)
    first = COUNT
    for load in (state, link, quanta):
        seconds = send(fabric, load, COUNT, first)
        first += COUNT
        print(f"{name}: {load.__name__}: {COUNT / seconds:,.0f} transactions/s (measured)")
    begun = time.process_time()
    fabric.restart_ultravisor()
    fabric.take_turn(2)
    seconds = time.process_time() - begun
    generation = fabric.ultravisor.database.generation
    print(f"{name}: restart after {generation} commits: {seconds * 1000:.0f} ms (measured)")
    assert len(fabric.ultravisor.database.records(Partition)) == 2 + GUESTS


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
