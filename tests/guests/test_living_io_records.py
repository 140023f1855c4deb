# SPDX-License-Identifier: GPL-2.0-or-later
"""Lives with failovers in them: recorded and lived again, saved in the middle and gone on with."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.guests.living_media import Client, MediaOperator
from tests.guests.recorded_lives import PIECE_CYCLES, unheard
from ultravisor.life.life_record import LifeLog, LifeResult, differences
from ultravisor.life.life_state import load_life, read_life, save_life, saved_life_plan
from ultravisor.life.living_host import LivingHost
from ultravisor.life.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.guest, pytest.mark.slow]

HOSTS = [("native", 1), ("native", 2), ("simulated", 1), ("simulated", 2)]
CLIENTS = (
    Client("client", "reads_writes", "requests=700 depth=8 seed=5"),
    Client("shell", "shell_32", 'prompt script="address 10.0.0.2"', network=True),
    Client("asker", "shell", 'prompt script="address 10.0.0.1"', network=True),
)
OPTIONS = "watchdog_cycles=20000000"
MEDIA = ("disk0", "disk1", "net1", "disk2", "net2")
MOMENTS = (0, 20_000, 60_000, 150_000, 400_000, 1_500_000)
"""Between a fault and a snapshot: until nobody has heard of it, and until all have ended."""


def operator_at(folder: Path, monitor: str, processors: int) -> MediaOperator:
    return MediaOperator.at(
        folder, *CLIENTS, options=OPTIONS, monitor=monitor, processors=processors
    )


def until_whole(operator: MediaOperator) -> None:
    operator.until(lambda: all(operator.is_whole(medium) for medium in MEDIA))


def eventful(operator: MediaOperator) -> LifeResult:
    """Lose I/O partitions in every way while guests write files and reach each other."""
    until_whole(operator)
    operator.enter("shell", "format;fill a 20000 3")
    for fault in ("crash", "break", "hang"):
        operator.enter(operator.operating(), fault)
        operator.run(PIECE_CYCLES)
        operator.enter("asker", "ping 10.0.0.2")
        until_whole(operator)
    operator.io_order("drain", operator.operating())
    operator.enter(operator.operating(), "crash")
    operator.run(PIECE_CYCLES // 20)
    operator.host.restart_ultravisor()
    operator.until(lambda: operator.host.infrastructure.database is not None, 1_000)
    until_whole(operator)
    report = operator.report()
    assert (report.failed, report.wrong) == (0, 0)
    operator.enter("shell", "verify a 3;echo done")
    operator.until(lambda: "done" in operator.console("shell"), PIECE_CYCLES)
    assert "a: 20000 bytes are as they were filled" in operator.console("shell")
    return operator.host.result()


@pytest.mark.parametrize(("monitor", "processors"), HOSTS)
def test_a_life_with_failovers_is_lived_again(
    tmp_path: Path, monitor: str, processors: int
) -> None:
    with operator_at(tmp_path, monitor, processors) as operator:
        host = operator.host
        log = LifeLog(host.plan)
        for row in host.images.reads:
            log.image(row)
        host.images.on_read = log.image
        host.on_input = log.inputs.append
        result = eventful(operator)
        log.position_cycles = host.position_cycles
        record = log.record(result)
    for piece_cycles in (PIECE_CYCLES, 77_777):
        assert differences(result, replay(record, unheard, piece_cycles)) == []


def life_goes_on(host: LivingHost, cycles: int) -> LifeResult:
    for _ in range(cycles // PIECE_CYCLES):
        host.advance(PIECE_CYCLES, unheard, lambda *_: None, lambda *_: None)
    return host.result()


@pytest.mark.parametrize("fault", ["crash", "break", "failover"])
@pytest.mark.parametrize(("monitor", "processors"), HOSTS[1:3])
@pytest.mark.parametrize("moment_cycles", MOMENTS)
def test_a_host_saved_in_the_middle_of_a_failover_goes_on(
    tmp_path: Path, monitor: str, processors: int, moment_cycles: int, fault: str
) -> None:
    path = tmp_path / "life.state"
    with operator_at(tmp_path, monitor, processors) as operator:
        until_whole(operator)
        host, before = operator.host, (operator.operating(), operator.standby())
        if fault == "failover":
            operator.give_io("failover", "disk0")
        else:
            operator.enter(before[0], fault)
        if moment_cycles:
            operator.run(moment_cycles)
        save_life(host, path, "media")
        snapshot = host.snapshot()
        expected = life_goes_on(host, 12 * PIECE_CYCLES)
        assert operator.operating() == before[1]
        host.restore(snapshot)
        assert life_goes_on(host, 12 * PIECE_CYCLES) == expected
    manifest = read_life(path)
    with closing(LivingHost(saved_life_plan(path, manifest))) as host:
        load_life(host, path, manifest)
        assert differences(expected, life_goes_on(host, 12 * PIECE_CYCLES)) == []
