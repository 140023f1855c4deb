# SPDX-License-Identifier: GPL-2.0-or-later
"""Failover of media: decided by command, carried out by the ultravisor, heard of by the ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.simulation.fabric import Fabric
from tests.simulation.io_guests import MediaGuest
from tests.simulation.io_judge import Judge
from tests.simulation.test_life import number, policy, state
from ultravisor.partitions.messages import Done, Ended, IoOrder, Order, Rejected
from ultravisor.resources.records import Channel, Device

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = """
[[zone]]
name = "service"
reaches = ["web"]
[[zone]]
name = "web"
reaches = ["service"]
[[domain]]
name = "io-a"
kind = "io"
zone = "service"
image = "media"
devices = ["disk0.0", "net0.0"]
[[domain]]
name = "io-b"
kind = "io"
zone = "service"
image = "media"
devices = ["disk0.1", "net0.1"]
[[domain]]
name = "web-1"
zone = "web"
image = "media"
[[disk]]
device = "disk0"
client = "web-1"
[[network]]
device = "net0"
client = "web-1"
[[restart]]
kind = ["io"]
on = ["failed", "stopped"]
attempts_maximum = 1000
back_off_cycles = 200000
back_off_factor = 1
[[restart]]
name = "*"
attempts_maximum = 1000
back_off_cycles = 200000
back_off_factor = 1
"""
DEVICES = ("disk0.0", "disk0.1", "net0.0", "net0.1")
MEDIA = ("disk0", "net0")


class World:
    """A fabric with media, its judge, and what is done to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, text: str = HOST, **more: Any) -> None:
        self.fabric = Fabric(policy(text), devices=DEVICES, memory_mib=64, **more)
        self.fabric.guests["media"] = MediaGuest
        self.fabric.loader.images["media"] = self.fabric.loader.images["hello"]
        self.judge = Judge(self.fabric, monkeypatch)
        self.dead: dict[tuple[str, int], str] = {}

    def boot(self) -> World:
        self.run()
        self.settled()
        return self

    def step(self) -> bool:
        moved = self.fabric.step()
        self.judge.look_if_begun()
        return moved

    def run(self) -> None:
        """Run until all is quiet; deaths of which nobody heard are reported again."""
        for _ in range(40):
            while self.step():
                pass
            if not self.report():
                return
        raise AssertionError("deaths go on and on")

    def run_until(self, condition: Any) -> None:
        for _ in range(200_000):
            if condition():
                return
            if not self.step() and not self.report():
                assert condition(), "the fabric is quiet, and it is not true"
                return
        raise AssertionError("not true in time")

    def report(self) -> bool:
        """Do what the monitor's watch does: say of each that has ended, until it is known."""
        for (name, life), end in sorted(self.dead.items()):
            if state(self.fabric, name) in (("running", life), ("paused", life)):
                self.fabric.order(Ended(number(self.fabric, name), life, end, "crash"))  # type: ignore[arg-type]
                return True
        return False

    def settled(self) -> None:
        for name in MEDIA:
            self.judge.settled(name)

    def guest(self, name: str) -> MediaGuest:
        found: MediaGuest = self.fabric.programs[number(self.fabric, name)]
        return found

    def crash(self, name: str, end: str = "failed") -> None:
        """Let a partition end; that is reported."""
        found = state(self.fabric, name)
        if found is None or found[0] not in ("running", "paused"):
            return
        if (name, found[1]) in self.dead:
            return
        self.guest(name).hung = True
        self.dead[name, found[1]] = end
        self.report()

    def port(self, name: str) -> Device:
        rows = self.fabric.ultravisor.database.records(Device)
        found: Device = next(row for row in rows if row.name == name)
        return found

    def where(self, name: str = "disk0") -> str | None:
        rows = self.fabric.ultravisor.database.records(Device)
        found = [row.name for row in rows if row.state == "operating" and row.name.startswith(name)]
        return found[0] if found else None

    def path(self, port: str) -> tuple[int, int]:
        """Return the key of the channel to a port."""
        owner = self.port(port).owner
        for row in self.fabric.ultravisor.database.records(Channel):
            if row.policy == "medium " + port.split(".")[0]:
                if self.judge.end_of(row.id, 1) == owner:
                    return (1, row.id)
        raise AssertionError(f"no path to {port}")

    def order(self, order: str, name: str) -> Any:
        return self.fabric.answer(self.fabric.order(IoOrder(order, name)))  # type: ignore[arg-type]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield World(monkeypatch).boot()


def test_a_host_with_media_operates_each_at_one_port(world: World) -> None:
    assert world.where("disk0") == "disk0.0"
    assert world.where("net0") == "net0.0"
    client = world.guest("web-1")
    assert len(client.paths()) == 4
    assert {row.key for row in client.operating()} == {
        world.path("disk0.0"), world.path("net0.0"),
    }  # fmt: skip
    assert world.judge.told > 0
