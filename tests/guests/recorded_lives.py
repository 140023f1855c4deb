# SPDX-License-Identifier: GPL-2.0-or-later
"""Lives for the tests of records, snapshots and journals: short, and with something in them.

Owns the plan of a small host, what is ordered of it, and how long its pieces are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.life.life_plan import plan_life
from ultravisor.life.life_record import LifeLog
from ultravisor.life.living_host import LivingHost
from ultravisor.partitions.definitions import Domain
from ultravisor.partitions.messages import Create, Order, OrderName, encode

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.life.inheritance import Inheritance
    from ultravisor.life.life_plan import LifePlan
    from ultravisor.life.life_record import LifeRecord, LifeResult
    from ultravisor.results import ConsoleOutput

PIECE_CYCLES = 1_000_000
HOSTS = [("native", 1), ("native", 2), ("simulated", 1)]
"""Builds of the monitor, and numbers of processors."""


def small_plan(
    monitor: str = "native", processors: int = 1, inheritance: Inheritance | None = None
) -> LifePlan:
    """Return the plan of a host with two guests."""
    settings: dict[str, object] = {"monitor": monitor, "processors": processors}
    if inheritance is None:
        return plan_life(["hello", "duo"], [], settings)
    return plan_life(["hello", "duo"], [], settings, inheritance)


def unheard(_output: ConsoleOutput) -> None:
    """Take console output and do nothing with it."""


class Driver:
    """Runs a host in pieces, and keeps what it answers."""

    def __init__(self, host: LivingHost) -> None:
        self.host = host
        self.answers: list[tuple[int, bytes]] = []
        self.events: list[tuple[str, str, str]] = []

    def advance(self, cycles: int) -> None:
        self.host.advance(
            cycles,
            unheard,
            lambda _clock, *event: self.events.append(event),
            lambda *answer: self.answers.append(answer),
        )

    def pieces(self, count: int) -> None:
        for _ in range(count):
            self.advance(PIECE_CYCLES)

    def create(self, name: str, image: str = "hello") -> None:
        self.host.order(encode(Create(Domain(name=name, image=image))))

    def order(self, order: OrderName, name: str) -> None:
        self.host.order(encode(Order(order, name)))


def eventful(driver: Driver) -> LifeResult:
    """Let a host live: partitions come, end, begin again and go; the ultravisor is killed."""
    driver.create("late")
    driver.pieces(3)
    driver.host.input("duo", b"typed\n")
    driver.order("reset", "late")
    driver.pieces(3)
    driver.host.restart_ultravisor()
    driver.create("wrong", "no-such-image")
    driver.pieces(3)
    driver.order("destroy", "late")
    driver.pieces(3)
    return driver.host.result()


def recorded(
    monitor: str = "native", processors: int = 1, journal: Path | None = None
) -> LifeRecord:
    """Return the record of an eventful life."""
    plan = small_plan(monitor, processors)
    log = LifeLog(plan)
    host = LivingHost(plan, journal)
    try:
        for row in host.images.reads:
            log.image(row)
        host.images.on_read = log.image
        host.on_input = log.inputs.append
        driver = Driver(host)
        driver.pieces(4)
        result = eventful(driver)
        log.position_cycles = host.position_cycles
        return log.record(result)
    finally:
        host.close()
