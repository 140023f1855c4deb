# SPDX-License-Identifier: GPL-2.0-or-later
"""Failovers from one snapshot: what goes wrong, and when, a seed says.

Owns the faults and the observing of a run: marks of the client say what it asked and was told, the
file behind the disk what reached the medium. Judging is tests/io/disk_history.py's.

The file is looked at more often than a request takes, so that no change is missed: a request to
sectors that another one changes is sent only when that one has ended, and is carried out its
latency after that. What reached the medium counts as there at the begin of the interval in which it
was seen, and the medium as durable at every moment: here no host dies.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from tests.guests.io_host import PHYSICAL_BUS, IoHost, Medium, SavedHost
from tests.io.disk_history import (
    SECTOR_COUNT,
    Applied,
    Begin,
    End,
    Event,
    Failed,
    Kept,
    Left,
    Operation,
    judge,
)
from ultravisor.machine.abi import ViewState
from ultravisor.machine.devices import DiskFailure
from ultravisor.machine.interface import ExitReason
from ultravisor.machine.view_rows import LinkRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.machine.interface import MonitorBuild
    from ultravisor.machine.records import MarkRecord

SECTOR = 512
LATENCY_CYCLES = 60_000
LOOK_CYCLES = 40_000
WARM_CYCLES = 1_500_000
LINE = f"requests=110 depth=12 sectors=4 span={SECTOR_COUNT} seed=7 records"
MARK_BEGINS, MARK_ENDS, MARK_SECTOR_READ = 1, 2, 3
A, B, CLIENT = 2, 3, 4


@dataclass(slots=True)
class WatchedHost(IoHost):
    """A host whose disk is a file that is looked at all the time."""

    file: int = -1
    """Descriptor of the file behind the disk; -1: there is none yet."""
    seen: bytes = bytes(SECTOR * SECTOR_COUNT)
    events: list[Event] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    zeroing: dict[int, range] = field(default_factory=dict)
    """Sectors of requests under way that give zeros."""

    def run(self, cycles: int = LOOK_CYCLES) -> ExitReason:
        """Run in steps that are short enough to see every change of the medium."""
        reason = ExitReason.PAUSED
        while cycles > 0 and reason == ExitReason.PAUSED:
            step = min(cycles, LOOK_CYCLES)
            cycles -= step
            reason = IoHost.run(self, step)
            self._look()
            for mark in self.marks:
                self._take(mark)
            self.marks.clear()
        return reason

    def _look(self) -> None:
        if self.file < 0:
            return
        now = os.pread(self.file, SECTOR * SECTOR_COUNT, 0)
        if now != self.seen:
            for sector in range(SECTOR_COUNT):
                place = slice(sector * SECTOR, (sector + 1) * SECTOR)
                if now[place] != self.seen[place]:
                    self.events.append(Applied(sector, sector_value(now[place])))
            self.seen = now
        self.events.append(Kept())

    def _take(self, mark: MarkRecord) -> None:
        request, kind, word = mark.id >> 4, mark.id & 0xF, mark.value
        if kind == MARK_BEGINS:
            operation = Operation(word & 0xFF)
            sector, count = word >> 16, word >> 8 & 0xFF
            if operation in {Operation.DISCARD, Operation.WRITE_ZEROES}:
                self.zeroing[request] = range(sector, sector + count)
            self.events.append(Begin(request, operation, sector, count))
        elif kind == MARK_SECTOR_READ:
            self.read.append(word)
        elif kind == MARK_ENDS:
            # Zeros where there were zeros are no change that could be seen.
            for sector in self.zeroing.pop(request, ()):
                if self.seen[sector * SECTOR :][:SECTOR] == bytes(SECTOR):
                    self.events.append(Applied(sector, 0))
            self.events.append(End(request, word, tuple(self.read)))
            self.read = []


def sector_value(data: bytes) -> int:
    """Return the number that the client gave a sector; -1: it is no whole one."""
    number = int.from_bytes(data[:4], "little")
    return number if data == whole_sector(number) else -1


@cache
def whole_sector(number: int) -> bytes:
    """Return what the client writes for a number."""
    words = [number]
    for index in range(1, SECTOR // 4):
        word = 0 if number == 0 else number * 2654435761 + index * 40503
        words.append(word & 0xFFFFFFFF)
    return b"".join(word.to_bytes(4, "little") for word in words)


@dataclass(slots=True)
class Failovers:
    """A host in the middle of its traffic, to which each seed goes back."""

    host: WatchedHost
    medium_number: int
    saved: SavedHost
    contents: bytes
    events: tuple[Event, ...]
    read: tuple[int, ...]
    zeroing: dict[int, range]

    @classmethod
    def prepare(cls, build: MonitorBuild, width: int, folder: Path) -> Failovers:
        """Boot two I/O partitions and a client, and run until it is in the middle."""
        host = WatchedHost.boot(build)
        assert isinstance(host, WatchedHost)
        servers = (host.add_io("watchdog_cycles=0"), host.add_io("watchdog_cycles=0"))
        client = host.add_client(LINE, width)
        file = folder / f"disk-{build.name}-{width}"
        size_bytes = SECTOR * SECTOR_COUNT
        medium = host.add_medium(
            servers, client, path=file, size_bytes=size_bytes, latency_cycles=LATENCY_CYCLES
        )
        host.file = os.open(file, os.O_RDWR)
        host.operate(medium, 0)
        host.run(WARM_CYCLES)
        assert host.is_running(client)
        return cls(
            host,
            medium.number,
            host.snapshot(),
            file.read_bytes(),
            tuple(host.events),
            tuple(host.read),
            dict(host.zeroing),
        )

    def run(self, seed: int) -> tuple[str, list[str]]:
        """Go back, do what the seed says, run to the end; return the fault and what was wrong."""
        host = self.host
        host.restore(self.saved)
        host.devices.heal(host.media[self.medium_number].disk)
        os.pwrite(host.file, self.contents, 0)
        host.seen, host.events = self.contents, list(self.events)
        host.read, host.zeroing = list(self.read), dict(self.zeroing)
        random = Random(seed)
        fault = FAULTS[seed % len(FAULTS)]
        host.run(random.randrange(1, 600) * 1_000)
        if host.is_running(CLIENT):
            fault(host, host.media[self.medium_number], random)
        host.run_until_ended(CLIENT)
        contents = host.seen
        places = (contents[at : at + SECTOR] for at in range(0, len(contents), SECTOR))
        host.events.append(Left(tuple(map(sector_value, places))))
        wrong = judge(host.events)
        console = host.console(CLIENT)
        if "0 sectors wrong" not in console:
            wrong.append(console)
        return fault.__name__, wrong


def _wait(host: WatchedHost, random: Random, most: int = 400) -> None:
    host.run(random.randrange(1, most) * 1_000)


def crash_of_the_one_that_operates(host: WatchedHost, medium: Medium, random: Random) -> None:
    """A dies at once, without a word; after a while B takes over, and A comes back."""
    host.machine.partition_stop(A)
    _wait(host, random)
    host.fail_over(medium, 1)
    if random.random() < 0.5:
        _wait(host, random)
        host.restart_io(A)


def crash_of_the_one_that_waits(host: WatchedHost, medium: Medium, random: Random) -> None:
    """B dies and comes back, and takes over."""
    host.machine.partition_stop(B)
    _wait(host, random)
    host.restart_io(B)
    _wait(host, random)
    host.take_over(medium, 1)


def crash_of_both(host: WatchedHost, medium: Medium, random: Random) -> None:
    """Both die; the first that is there again serves."""
    numbers = [A, B]
    random.shuffle(numbers)
    for number in numbers:
        host.machine.partition_stop(number)
        _wait(host, random, 50)
    host.fence(medium, 0)
    host.leave(medium, 0)
    random.shuffle(numbers)
    host.restart_io(numbers[0])
    host.operate(medium, numbers[0] - A)
    _wait(host, random)
    host.restart_io(numbers[1])


def stale_server(host: WatchedHost, medium: Medium, random: Random) -> None:
    """A is fenced, and is not told: it goes on while B serves, and hears of it later."""
    host.fence(medium, 0)
    if random.random() < 0.5:
        _wait(host, random)
    host.leave(medium, 0)
    host.operate(medium, 1)
    _wait(host, random)
    host.ask_state(A, PHYSICAL_BUS, medium.devices[0], operates=False)
    if host.is_running(CLIENT) and random.random() < 0.5:
        host.take_over(medium, 0)


def lost_events(host: WatchedHost, medium: Medium, random: Random) -> None:
    """Events between client and server are lost for a while; then B takes over."""
    body = host.views.begin()
    kept = {}
    for index in range(body.link_count):
        row = body.link(index)
        if row.port == medium.paths[0].port:
            kept[index] = row
            body.set_link(index, LinkRow())
    host.views.publish()
    _wait(host, random)
    body = host.views.begin()
    for index, row in kept.items():
        body.set_link(index, row)
    host.views.publish()
    host.take_over(medium, 1)


def _stand_still(host: WatchedHost, number: int, random: Random) -> None:
    for state in (ViewState.PAUSED, ViewState.RUNNING):
        body = host.views.begin()
        body.set_partition(number, replace(body.partition(number), state=state))
        host.views.publish()
        _wait(host, random)


def late_events(host: WatchedHost, medium: Medium, random: Random) -> None:
    """A server or the client stands still for a while, and hears of everything later."""
    _stand_still(host, random.choice((A, B, CLIENT)), random)
    if host.is_running(CLIENT):
        host.take_over(medium, 1)


def errors_of_the_disk(host: WatchedHost, medium: Medium, random: Random) -> None:
    """Some requests fail, before and after a takeover."""
    strikes = random.randrange(1, 4)
    failure = DiskFailure(error=errno.EIO, skip_count=random.randrange(30), strike_count=strikes)
    host.devices.fail(medium.disk, failure)
    host.events += [Failed()] * strikes
    _wait(host, random)
    if host.is_running(CLIENT):
        host.take_over(medium, 1)


def crash_during_a_failover(host: WatchedHost, medium: Medium, random: Random) -> None:
    """A dies, and B while it takes over; A comes back, and serves."""
    host.machine.partition_stop(A)
    host.fence(medium, 0)
    host.leave(medium, 0)
    body = host.views.begin()
    body.set_device(medium.devices[1] - 1, replace(body.device(medium.devices[1] - 1), flags=1))
    host.views.publish()
    host.say_state(B, PHYSICAL_BUS, medium.devices[1], operates=True)
    host.run(random.randrange(1, 60) * 1_000)
    told = random.random() < 0.5
    if told:
        host.operate(medium, 1)
        host.run(random.randrange(1, 60) * 1_000)
    host.machine.partition_stop(B)
    host.restart_io(A)
    host.fence(medium, 1)
    host.leave(medium, 1)
    host.operate(medium, 0)


def many_takeovers(host: WatchedHost, medium: Medium, random: Random) -> None:
    """To and fro, as fast as it goes."""
    for round_ in range(random.randrange(2, 8)):
        if host.is_running(CLIENT):
            host.take_over(medium, (round_ + 1) % 2)
            host.run(random.randrange(1, 60) * 1_000)


FAULTS: tuple[Callable[[WatchedHost, Medium, Random], None], ...] = (
    crash_of_the_one_that_operates,
    crash_of_the_one_that_waits,
    crash_of_both,
    stale_server,
    lost_events,
    late_events,
    errors_of_the_disk,
    crash_during_a_failover,
    many_takeovers,
)
