# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole hosts lose I/O partitions: of each failure a guest sees a delay, and nothing else."""

from __future__ import annotations

import errno
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.guests.living_media import FAULTS, SERVERS, Client, MediaOperator
from ultravisor.machine.devices import DiskFailure
from ultravisor.partitions.messages import Done

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.life.living_host import LivingSnapshot

pytestmark = pytest.mark.guest

REQUESTS = 600
# As they are read back in the end, in 64 more.
ENDED = REQUESTS + 64
LINE = f"requests={REQUESTS} depth=8 seed=5"
WATCHDOG_CYCLES = 3_000_000
OPTIONS = f"watchdog_cycles={WATCHDOG_CYCLES}"
LATEST_CYCLES = 4_000_000
"""When the other one operates, at the latest: long before a sleeping partition's timer."""
STEP_CYCLES = 20_000


@pytest.fixture(
    scope="module",
    params=["reads_writes", pytest.param("reads_writes_32", marks=pytest.mark.slow)],
)
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MediaOperator, LivingSnapshot]]:
    """Bring a host up until its client is in the middle of its work."""
    client = Client("client", request.param, LINE)
    folder = tmp_path_factory.mktemp("living")
    with MediaOperator.at(folder, client, options=OPTIONS) as operator:
        operator.until(operator.is_whole)
        operator.until(lambda: operator.requests_done() > REQUESTS // 4)
        yield operator, operator.host.snapshot()


@pytest.fixture
def operator(prepared: tuple[MediaOperator, LivingSnapshot]) -> MediaOperator:
    """Go back to the middle of the client's work, which io-a serves."""
    operator, snapshot = prepared
    operator.go_back(snapshot)
    assert (operator.operating(), operator.standby()) == SERVERS
    return operator


def client_saw_nothing(operator: MediaOperator) -> None:
    """Run to the client's end; whatever it asked was done, and it read what it had written."""
    report = operator.report()
    assert (report.ended, report.failed, report.wrong) == (ENDED, 0, 0)
    assert operator.state("client") == "stopped"
    assert operator.host.database.check() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_the_other_one_takes_over_and_the_failed_one_stands_by(
    operator: MediaOperator, fault: str
) -> None:
    operator.enter("io-a", fault)
    operator.until(lambda: operator.operating() == "io-b")
    operator.until(operator.is_whole)
    assert operator.standby() == "io-a"
    assert operator.state("io-a") == "running"
    client_saw_nothing(operator)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_standby_that_fails_is_not_missed(operator: MediaOperator, fault: str) -> None:
    operator.enter("io-b", fault)
    if fault == "break":
        operator.run(10 * STEP_CYCLES)
    else:
        operator.until(lambda: not operator.standby())
        operator.until(operator.is_whole)
    assert operator.operating() == "io-a"
    client_saw_nothing(operator)
    assert operator.ports()["io-a"] == "operating"


@pytest.mark.parametrize("order", ["failover", "drain", "restart"])
def test_an_operator_moves_a_medium(operator: MediaOperator, order: str) -> None:
    answer = operator.io_order(order, "disk0" if order == "failover" else "io-a")  # type: ignore[arg-type]
    assert isinstance(answer, Done), answer
    assert operator.operating() == "io-b"
    operator.until(operator.is_whole)
    assert operator.standby() == "io-a"
    client_saw_nothing(operator)


@pytest.mark.parametrize("second_after_cycles", [0, 100_000, 400_000, 1_200_000])
@pytest.mark.parametrize("first", ["crash", "break"])
def test_service_resumes_after_both_have_failed(
    operator: MediaOperator, first: str, second_after_cycles: int
) -> None:
    operator.enter("io-a", first)
    if second_after_cycles:
        operator.run(second_after_cycles)
    operator.enter("io-b", "crash")
    operator.until(lambda: operator.state("io-b") == "failed")
    operator.until(operator.operating)
    operator.until(operator.is_whole)
    client_saw_nothing(operator)


def test_both_take_turns_to_fail(operator: MediaOperator) -> None:
    # So few turns that the client is still at work in the last one: it is what attaches.
    for _ in range(3):
        failing, standing_by = operator.operating(), operator.standby()
        operator.enter(failing, "crash")
        operator.until(lambda: operator.standby() == "")
        operator.until(operator.is_whole)
        assert operator.operating() == standing_by
    client_saw_nothing(operator)


@pytest.mark.parametrize("fault", ["crash", "break"])
@pytest.mark.parametrize("moment", range(8))
def test_an_ultravisor_killed_during_a_failover_finishes_it(
    operator: MediaOperator, fault: str, moment: int
) -> None:
    operator.enter("io-a", fault)
    operator.run((moment + 1) * 7 * STEP_CYCLES)
    lost, rebuilt = operator.restart_ultravisor()
    assert lost == rebuilt
    operator.until(lambda: operator.operating() == "io-b")
    operator.until(operator.is_whole)
    client_saw_nothing(operator)


@pytest.mark.parametrize(
    "fault", ["break", *(pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS[:2])]
)
def test_an_io_partition_hears_of_each_fault_at_once(operator: MediaOperator, fault: str) -> None:
    """Whenever it happens: a sleeping partition wakes, and only the watchdog lets time pass."""
    snapshot = operator.host.snapshot()
    for seed in range(20):
        operator.go_back(snapshot)
        operator.run(Random(seed).randrange(1, 1_000_000))
        begin_cycles = operator.host.position_cycles
        operator.enter("io-a", fault)
        operator.until(lambda: operator.operating() == "io-b")
        most_cycles = LATEST_CYCLES + (WATCHDOG_CYCLES if fault == "hang" else 0)
        assert operator.host.position_cycles - begin_cycles < most_cycles, seed


def test_errors_of_the_medium_reach_the_client_and_move_nothing(operator: MediaOperator) -> None:
    operator.devices.fail(0, DiskFailure(error=errno.EIO, strike_count=3))
    report = operator.report()
    assert (report.ended, report.failed, report.sent_again) == (ENDED, 3, 0)
    assert (operator.operating(), operator.standby()) == SERVERS
    assert not [row for row in operator.told if row.startswith("disk0")]
