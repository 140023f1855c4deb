# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs this host to publish a view, and the monitor to acknowledge it.

Owns the two measurements that ultravisor.bench.start shows: wall time, with the native monitor,
medians. One partition of many is changed, in what nobody has to wait for.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import NamedTuple

from ultravisor.assembly import make_machine, populate
from ultravisor.bench.memory import make_bench_plan
from ultravisor.machine.views import Views

STEP_CYCLES = 2_000


class ViewTimes(NamedTuple):
    """Medians, in microseconds."""

    publication_us: float
    """Beginning a candidate, one row of a partition, and its publication."""
    acknowledgement_us: float
    """Running the machine until every processor has acknowledged it."""


def view_times(partition_count: int, repeats: int) -> ViewTimes:
    """Publish `repeats` generations on a host of so many partitions; return the medians."""
    plan = make_bench_plan(partition_count)
    publications = []
    acknowledgements = []
    with make_machine(plan) as machine:
        populate(machine, plan)
        machine.boot()
        views = Views(machine)
        cycles = STEP_CYCLES
        machine.run(cycles)
        for number in range(repeats):
            index = 1 + number % partition_count
            start_ns = time.perf_counter_ns()
            body = views.begin()
            row = body.partition(index)
            body.set_partition(index, replace(row, rights=row.rights ^ 1))
            generation = views.publish()
            publications.append(time.perf_counter_ns() - start_ns)
            start_ns = time.perf_counter_ns()
            while views.acknowledged() < generation:
                cycles += STEP_CYCLES
                machine.run(cycles)
            acknowledgements.append(time.perf_counter_ns() - start_ns)
    return ViewTimes(
        statistics.median(publications) / 1000, statistics.median(acknowledgements) / 1000
    )
