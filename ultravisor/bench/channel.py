# SPDX-License-Identifier: GPL-2.0-or-later
"""What a living host's command channel, views and start cost this host.

Owns what is measured, which ultravisor.bench.resources shows, in the native build, with command and
the ultravisor as hosted partitions. Rates are of processor time where nobody waits for a disk: this
process does all the work, and others use the host too. All else is wall time.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ultravisor.bench.channel_host import ChannelHost
from ultravisor.bench.child import run_child

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ultravisor.channels.command_protocol import AnyOperation

GUESTS = 64
PUBLICATIONS = 128
STARTS = 3
START = (sys.executable, "-m", "ultravisor.bench.channel_host")


class ChannelFigures(NamedTuple):
    """Rates are the best rounds, in transactions a second; times are medians."""

    round_trip_rate: float
    """Of requests that are answered without a database: the reference."""
    state_rate: float
    map_rate: float
    file_state_rate: float
    """With a journal file, all commits of a turn in one sync."""
    publication_us: float
    """From the beginning of a candidate to its publication, for a commit of its own."""
    start_seconds: float
    """From the start of a process until all hosted partitions run."""


def channel_figures(transactions: int, rounds: int) -> ChannelFigures:
    """Measure all of it, `transactions` of each kind."""
    host = ChannelHost(GUESTS)
    clock = time.process_time
    try:
        length = max(transactions // rounds, 1)
        state, maps = _rates(host, length, rounds, clock, host.change_state, host.change_map)
        host.views.seconds.clear()
        for number in range(PUBLICATIONS):
            host.transact(host.change_state(number + length * rounds))
        publication = statistics.median(host.views.seconds)
        host.silence()
        (round_trip,) = _rates(host, length, rounds, clock, host.change_state)
    finally:
        host.close()
    with tempfile.TemporaryDirectory() as folder:
        host = ChannelHost(GUESTS, Path(folder, "journal"))
        try:
            (kept,) = _rates(host, length, rounds, time.perf_counter, host.change_state)
        finally:
            host.close()
    start = statistics.median(_start_seconds() for _ in range(STARTS))
    return ChannelFigures(round_trip, state, maps, kept, publication * 1e6, start)


def _rates(
    host: ChannelHost,
    length: int,
    rounds: int,
    clock: Callable[[], float],
    *kinds: Callable[[int], Sequence[AnyOperation]],
) -> list[float]:
    """Return transactions a second of each kind: the best of many short rounds, in turn."""
    best = [0.0] * len(kinds)
    for turn in range(rounds):
        for place, make in enumerate(kinds):
            rows = [make(number) for number in range(turn * length, (turn + 1) * length)]
            start = clock()
            host.transact(*rows)
            best[place] = max(best[place], length / (clock() - start))
    return best


def _start_seconds() -> float:
    """Return the wall time of a process that starts a host and ends when boot is done."""
    start = time.perf_counter()
    run_child(START)
    return time.perf_counter() - start
