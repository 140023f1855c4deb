# SPDX-License-Identifier: GPL-2.0-or-later
"""Many partitions: they fit, and a transaction costs what it touches."""

from __future__ import annotations

import pytest

from ultravisor.bench.resources import Workload, filled
from ultravisor.resources.records import Partition

KINDS = ("state", "quanta", "memory", "channels")


def steps(partitions: int, kind: str) -> int:
    """Return how many tens of SQLite's steps twenty transactions of a kind take."""
    database = filled(partitions)
    work = Workload(database, partitions)
    count = 0

    def progress() -> bool:
        nonlocal count
        count += 1
        return False

    database._store.connection.set_progress_handler(progress, 10)
    for number in range(20):
        getattr(work, kind)(number)
    database._store.connection.set_progress_handler(None)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_a_transaction_costs_what_it_touches(kind: str) -> None:
    few, many = steps(50, kind), steps(1000, kind)
    assert few > 100
    assert many <= 1.2 * few


@pytest.mark.slow
def test_ten_thousand_partitions_fit() -> None:
    database = filled(10_000)
    assert len(database.records(Partition)) == 10_000
    assert database.check() == []
