# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench io`: what it costs that devices belong to partitions of their own.

Owns what is measured and the targets: signals over a channel to an I/O partition and back, reads
and writes through it beside a plain copy of the same bytes, and how long a request takes at the
most when its server fails. Rates are of this host's processor time, delays of the guests' clock.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from ultravisor.bench.figures import BASIS, Figure, to_json, to_text

if TYPE_CHECKING:
    from ultravisor.bench.io_host import IoHost

SCHEMA: Final = "ultravisor.bench.io/1"
MARK_BITS: Final = 4
"""Of a mark's number of the guest `reads_writes`: its kind; the request is above."""
MARK_BEGINS, MARK_ENDS, MARK_PHASE = 1, 2, 4
SECTOR_BYTES: Final = 512
LARGE_SECTORS: Final = 128
SIGNALS_TARGET: Final = 300_000
TRANSFER_TARGET_MB: Final = 200
MEGABYTE: Final = 1_000_000
ROUNDS: Final = 3
COPY_BYTES: Final = 64 << 20
WATCHDOG_CYCLES: Final = 10_000_000
BOUND_CYCLES: Final = 20_000_000
# The moments at which a server fails lie in so many cycles of traffic.
SPREAD_CYCLES: Final = 4_000_000
FAULTS: Final = ("crash", "hang", "break")
TRAFFIC: Final = "requests=1000000 depth=16 records seed=1"


class Delays(NamedTuple):
    """Of the longest request in each of many failovers, in cycles of the guests' clock."""

    least: int
    median: int
    most: int
    moments: int


def phase_seconds(client: str) -> list[float]:
    """Run a client to its end; return the processor time of each of its phases."""
    from ultravisor.bench.io_host import IoHost

    times: list[float] = []
    with IoHost(client, WATCHDOG_CYCLES) as host:
        while "reads_writes:" not in host.console():
            host.run()
            phases = [mark for mark in host.host.machine.marks() if mark.id == MARK_PHASE]
            times += [time.process_time()] * len(phases)
    return [after - before for before, after in pairwise(times)]


def best_rates(client: str, amount: float) -> list[float]:
    """Return amounts a second of each phase of a client: the best of some rounds."""
    rounds = [phase_seconds(client) for _ in range(ROUNDS)]
    return [amount / min(seconds) for seconds in zip(*rounds, strict=True)]


def copy_rate() -> float:
    """Return the reference: bytes a second that this host's memory is copied with."""
    source, best = bytes(COPY_BYTES), 0.0
    for _ in range(ROUNDS):
        before = time.process_time()
        bytearray(source)
        best = max(best, COPY_BYTES / (time.process_time() - before))
    return best


def transfers(requests: int) -> dict[str, Figure]:
    """Return the figures of signals and of data."""
    copies = copy_rate()
    (signals,) = best_rates(f"signals requests={10 * requests}", 10 * requests)
    small = best_rates(f"sequence requests={requests} sectors=1 depth=64", requests)
    client = f"sequence requests={requests} sectors={LARGE_SECTORS} depth=16"
    large = best_rates(client, requests * LARGE_SECTORS * SECTOR_BYTES)
    write, read = (rate / MEGABYTE for rate in large)
    size, unit = f"{LARGE_SECTORS * SECTOR_BYTES >> 10} KiB a request", "MB/s"
    through = f"{size}, 16 under way, a disk in memory"
    return {
        "signals": Figure(
            "signals there and back",
            signals,
            "a second",
            SIGNALS_TARGET,
            "guest to I/O partition, 64 unanswered",
        ),
        "small_writes": Figure("writes of a sector", small[0], "a second", 0, "64 under way"),
        "small_reads": Figure("reads of a sector", small[1], "a second", 0, "64 under way"),
        "reference": Figure("plain copy in memory", copies / MEGABYTE, unit, 0, "on this host"),
        "writes": Figure("sequential writes", write, unit, TRANSFER_TARGET_MB, through),
        "reads": Figure("sequential reads", read, unit, TRANSFER_TARGET_MB, through),
    }


def ended_requests(host: IoHost, begun: dict[int, int]) -> list[tuple[int, int]]:
    """Return when requests that have ended since the last time began and ended, in cycles.

    `begun` has those that have not, by number.
    """
    found = []
    for mark in host.host.machine.marks():
        kind, request = mark.id & (1 << MARK_BITS) - 1, mark.id >> MARK_BITS
        if kind == MARK_BEGINS:
            begun[request] = mark.clock_cycles
        elif kind == MARK_ENDS:
            found.append((begun.pop(request), mark.clock_cycles))
    return found


def longest_request_cycles(host: IoHost, fault: str, begun: dict[int, int]) -> int:
    """Let the server fail, and run on until requests of afterwards end; return the longest."""
    longest = after = 0
    fails_cycles = host.host.position_cycles
    host.type_to_server(fault)
    while after == 0:
        # Of before the piece: what ends in it then, the other server has answered.
        has_changed = host.server_has_changed()
        host.run(SPREAD_CYCLES // 8)
        for begun_cycles, ended_cycles in ended_requests(host, begun):
            longest = max(longest, ended_cycles - begun_cycles)
            after += has_changed and begun_cycles > fails_cycles
        if host.host.position_cycles - fails_cycles > 100 * BOUND_CYCLES:
            return host.host.position_cycles - fails_cycles
    return longest


def delays(fault: str, moments: int) -> Delays:
    """Let the server fail at so many moments of the same traffic; return what clients saw."""
    from ultravisor.bench.io_host import IoHost

    found = []
    with IoHost(TRAFFIC, WATCHDOG_CYCLES) as host:
        host.until_ready()
        begun_before: dict[int, int] = {}
        ended_requests(host, begun_before)
        before = host.host.snapshot()
        for moment in range(moments):
            host.host.restore(before)
            begun = dict(begun_before)
            host.run(1 + moment * SPREAD_CYCLES // moments)
            ended_requests(host, begun)
            found.append(longest_request_cycles(host, fault, begun))
    found.sort()
    return Delays(found[0], found[len(found) // 2], found[-1], moments)


def failovers(moments: int, bound_cycles: int) -> dict[str, Figure]:
    """Return the figures of failovers, by name."""
    figures = {}
    for fault in FAULTS:
        found = delays(fault, moments)
        title, unit = f"longest request, {fault}", "cycles"
        spread = f"at {found.moments} moments: least {found.least:,}, median {found.median:,}"
        figures[f"delay_{fault}"] = Figure(title, found.most, unit, bound_cycles, spread)
    return figures


@click.command(
    "io",
    help=f"""Measure channels to I/O partitions, transfers through them, and failovers.

\\b
Examples:
  ultravisor bench io
  ultravisor bench io --requests 500 --moments 5 --json

Signals and transfers are told in processor time of this host, beside a plain copy in its
memory. The server of a client that works is made to crash, to hang until its watchdog of
{WATCHDOG_CYCLES:,} cycles stops it, or to break its device, at many moments; shown is how long
a request took at the most, in cycles of the guests' clock: the same in every run. A missed
target is marked, and is no failure.
""",
)
@click.option(
    "--requests",
    type=click.IntRange(100, 1_000_000),
    default=4000,
    show_default=True,
    help="Requests of each kind, and ten times as many signals; the best of three rounds is shown.",
)
@click.option(
    "--moments",
    type=click.IntRange(1, 10_000),
    default=40,
    show_default=True,
    help="Failovers of each kind.",
)
@click.option(
    "--bound-cycles",
    type=click.IntRange(1),
    default=BOUND_CYCLES,
    show_default=True,
    help="What a failover may take at the most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(requests: int, moments: int, bound_cycles: int, as_json: bool) -> int:
    """Measure and print."""
    if sys.stderr.isatty():
        print("measuring, about a minute ...", file=sys.stderr)
    figures = transfers(requests) | failovers(moments, bound_cycles)
    heading = (
        f"{BASIS.capitalize()}, in processor time; rates are the best of {ROUNDS} rounds. "
        "Delays are cycles of the guests' clock."
    )
    print(to_json(SCHEMA, figures) if as_json else to_text(figures, heading))
    return 0
