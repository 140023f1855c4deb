# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench resources`: transactions a second of the resource database.

Owns what is measured and the targets. Everything is measured on this host: through the
database's own interface, beside a bare update of SQLite in the same run, and through the command
channel of a host that lives (ultravisor.bench.channel), beside the same channel without a database.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ultravisor.bench.figures import BASIS, Figure, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.transaction import Transaction

SCHEMA = "ultravisor.bench.resources/1"
FEW = 100
GROUP = 32
"""Commits that share a sync; what a queue of requests holds when it is drained."""
PARTITION_FRAMES = 8
GUID = "2ebe7f20-0b44-4d3c-8ffa-7d1f6a6fd1e6"
ROUNDS = 20


def rates(count: int, *runs: Callable[[int], None]) -> list[float]:
    """Return runs a second of each: the best of many short rounds, taken in turn.

    Others use this host too: a short round is often left alone, a long one never.
    """
    best = [0.0] * len(runs)
    length = max(count // ROUNDS, 1)
    for turn in range(ROUNDS):
        for place, run in enumerate(runs):
            start = time.perf_counter()
            for number in range(turn * length, (turn + 1) * length):
                run(number)
            best[place] = max(best[place], length / (time.perf_counter() - start))
    return best


def bare_update(path: str) -> Callable[[int], None]:
    """Return the reference: one row of SQLite, updated in a transaction of its own."""
    import apsw

    connection = apsw.Connection(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER) STRICT")
    connection.execute("INSERT INTO t VALUES (1, 0)")
    execute = connection.cursor().execute

    def run(number: int) -> None:
        execute("BEGIN IMMEDIATE")
        execute("UPDATE t SET b = ? WHERE a = 1", (number,))
        execute("COMMIT")

    return run


def filled(partitions: int, path: Path | None = None) -> ResourceDatabase:
    """Return a database with running partitions."""
    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.file_journal import FileJournal
    from ultravisor.resources.journal import MemoryJournal
    from ultravisor.resources.records import Limits, MachineDescription

    machine = MachineDescription(
        frame_count=partitions * (PARTITION_FRAMES + 4) + 4096,
        processor_count=8,
        limits=Limits(
            partition_limit=partitions,
            virtual_processor_limit=partitions,
            extent_limit=4 * partitions,
            channel_limit=partitions,
        ),
    )
    database = ResourceDatabase.open(
        MemoryJournal() if path is None else FileJournal.open(path), machine
    )
    for first in range(0, partitions, 50):
        transaction = database.begin("bench")
        for index in range(first, min(first + 50, partitions)):
            number = transaction.create_partition(f"p{index}")
            transaction.assign_memory(number, PARTITION_FRAMES)
            transaction.add_virtual_processor(number, index % 8)
            for state in ("allocated", "ready", "running"):
                transaction.set_partition_state(number, state)
        transaction.commit(sync=False)
    database.sync()
    return database


class Workload:
    """Kinds of transactions on a filled database; each has a request id, as from a channel."""

    def __init__(self, database: ResourceDatabase, partitions: int, group: int = 0) -> None:
        self.database = database
        self.partitions = partitions
        self.group = group
        self.request = 0
        self.channel = 0

    def _finish(self, transaction: Transaction) -> None:
        self.request += 1
        transaction.commit(self.request, sync=False)
        if self.group and self.request % self.group == 0:
            self.database.sync()

    def state(self, number: int) -> None:
        """Read a partition, and pause or resume it."""
        partition = number % self.partitions + 1
        transaction = self.database.begin("bench")
        running = transaction.read_partition(partition).state == "running"
        transaction.set_partition_state(partition, "paused" if running else "running")
        self._finish(transaction)

    def quanta(self, number: int) -> None:
        """Change a quantum of a processor's map of four slots."""
        from ultravisor.resources.processor_operations import SlotPlan

        processor = number % 8
        slots = [SlotPlan(processor + 1 + 8 * place, 0, 1000 + number) for place in range(4)]
        transaction = self.database.begin("bench")
        transaction.set_quanta(processor, slots)
        self._finish(transaction)

    def memory(self, number: int) -> None:
        """Give a partition two frames, or take them back."""
        partition = number // 2 % self.partitions + 1
        transaction = self.database.begin("bench")
        if number % 2:
            transaction.release_memory(partition, 1000, 2)
        else:
            transaction.assign_memory(partition, 2, 1000)
        self._finish(transaction)

    def channels(self, number: int) -> None:
        """Plan and map a channel, or unmap it."""
        from ultravisor.resources.channel_operations import EndPlan

        transaction = self.database.begin("bench")
        if number % 2:
            transaction.unmap_channel(self.channel)
        else:
            first = number // 2 % (self.partitions - 1) + 1
            ends = EndPlan(first, 2000, 1), EndPlan(first + 1, 2000, 1)
            self.channel = transaction.plan_channel(GUID, 2, ends)
            transaction.map_channel(self.channel)
        self._finish(transaction)


def measure(transactions: int, partitions: int) -> dict[str, Figure]:
    """Return all figures by name."""
    unit = "a second"
    few = Workload(filled(FEW), FEW)
    many = Workload(filled(partitions), partitions)
    bare = bare_update(":memory:")
    reference, state, slow = rates(transactions, bare, few.state, many.state)
    memory, slow_memory = rates(transactions, few.memory, many.memory)
    quanta, channels = rates(transactions, few.quanta, few.channels)
    times = max(state / slow, memory / slow_memory)
    figures = {
        "reference": Figure("bare update of SQLite", reference, unit, 0, "memory"),
        "state": Figure("change of state", state, unit, 10_000, f"{FEW} partitions"),
        "quanta": Figure("map of four slots", quanta, unit, 0, ""),
        "memory": Figure("frames, both ways", memory, unit, 0, ""),
        "channels": Figure("channel, both ways", channels, unit, 0, ""),
        "many": Figure("change of state", slow, unit, 0, f"{partitions:,} partitions"),
        "many_memory": Figure(
            "frames, both ways", slow_memory, unit, 0, f"{partitions:,} partitions"
        ),
        "slow_down": Figure(
            "slow-down", times, "times", 2, f"{FEW} to {partitions:,} partitions, the worse of both"
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        database = filled(FEW, Path(folder, "journal"))
        grouped = Workload(database, FEW, GROUP)
        bare = bare_update(str(Path(folder, "bare")))
        (reference,) = rates(transactions // 10, bare)
        (state,) = rates(transactions, grouped.state)
        figures["file_reference"] = Figure(
            "bare update of SQLite", reference, unit, 0, "file, each commit synced"
        )
        figures["file"] = Figure(
            "change of state", state, unit, 2_000, f"journal file, {GROUP} commits a sync"
        )
        database.close()
    return figures | through_channel(transactions)


def through_channel(transactions: int) -> dict[str, Figure]:
    """Return the figures of a host that lives, by name."""
    from ultravisor.bench.channel import GUESTS, channel_figures
    from ultravisor.bench.channel_load import IN_FLIGHT

    found = channel_figures(transactions, ROUNDS)
    unit, host = "a second", f"{GUESTS} partitions"
    through = f"{host}, end to end, processor time"
    return {
        "channel_reference": Figure(
            "channel, no database",
            found.round_trip_rate,
            unit,
            0,
            f"{IN_FLIGHT} requests at once, processor time",
        ),
        "channel_state": Figure(
            "channel, change of state", found.state_rate, unit, 10_000, through
        ),
        "channel_map": Figure("channel, map of two slots", found.map_rate, unit, 10_000, through),
        "channel_file": Figure(
            "channel, change of state",
            found.file_state_rate,
            unit,
            2_000,
            f"{host}, journal file, a sync a turn, wall time",
        ),
        "publication": Figure(
            "publication of a commit", found.publication_us, "us", 200, f"{host}, median, wall time"
        ),
        "host_start": Figure(
            "start of a host",
            found.start_seconds,
            "s",
            1.5,
            "a process until boot is done, wall time",
        ),
    }


@click.command(
    "resources",
    help="""Measure transactions a second of the resource database, alone and through its channel.

\b
Examples:
  ultravisor bench resources
  ultravisor bench resources --transactions 500 --json

The database stands beside a bare update of SQLite in the same run, the command channel of a
host that lives beside the same channel without a database. What a publication of views and the
start of a host take is measured too. A missed target is marked, and is no failure.
""",
)
@click.option(
    "--transactions",
    type=click.IntRange(20, 1_000_000),
    default=4000,
    show_default=True,
    help="Transactions of each kind, in 20 rounds; the best round is shown.",
)
@click.option(
    "--partitions",
    type=click.IntRange(100, 100_000),
    default=10_000,
    show_default=True,
    help="Partitions of the larger database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(transactions: int, partitions: int, as_json: bool) -> int:
    """Measure and print."""
    if sys.stderr.isatty():
        print("filling and measuring, about a minute ...", file=sys.stderr)
    figures = measure(transactions, partitions)
    heading = f"{BASIS.capitalize()}; rates are the best of {ROUNDS} rounds."
    print(to_json(SCHEMA, figures) if as_json else to_text(figures, heading))
    return 0
