# SPDX-License-Identifier: GPL-2.0-or-later
"""Failover of media: decided by command, carried out by the ultravisor, heard of by the ends."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.simulation.fabric import Fabric
from tests.simulation.io_guests import MediaGuest
from tests.simulation.io_judge import Judge
from tests.simulation.test_life import number, policy, state
from ultravisor.partitions.medium_orders import SOON, STAYS, MediumOrders
from ultravisor.partitions.messages import Done, Ended, IoOrder, Order, Rejected
from ultravisor.partitions.report_budget import REPORT_CYCLES
from ultravisor.resources.records import Channel, Device, DeviceState

if TYPE_CHECKING:
    from ultravisor.partitions.messages import IoOrderName

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
        self.judge.look()
        return moved

    def run(self) -> None:
        """Run until all is quiet; deaths of which nobody heard are reported again."""
        for _ in range(40):
            for _ in range(30_000):
                if not self.step():
                    break
            else:
                last = list(self.fabric.command.decider.decisions)[-3:]
                raise AssertionError(f"it is never quiet: {last}")
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

    def lose_something(self, dice: random.Random) -> None:
        """Let a client lose a path, or an owner a device, that it believes to operate."""
        guests = sorted(self.judge.guests().items())
        things = [
            (number, thing.key)
            for number, guest in guests
            for thing in guest.residence.things.values()
            if thing.operating and not guest.hung and (thing.key[0] == 0 or not thing.server)
        ]
        if things:
            number, key = dice.choice(things)
            self.judge.guests()[number].to_lose.add(key)
            self.fabric.wake(number)

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
            is_path = row.policy == "medium " + port.split(".", maxsplit=1)[0]
            if is_path and self.judge.end_of(row.id, 1) == owner:
                return (1, row.id)
        raise AssertionError(f"no path to {port}")

    def order(self, order: IoOrderName, name: str) -> Any:
        return self.fabric.answer(self.fabric.order(IoOrder(order, name)))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch).boot()


def test_a_host_with_media_operates_each_at_one_port(world: World) -> None:
    assert world.where("disk0") == "disk0.0"
    assert world.where("net0") == "net0.0"
    client = world.guest("web-1")
    assert len(client.paths()) == 4
    assert {row.key for row in client.operating()} == {
        world.path("disk0.0"), world.path("net0.0"),
    }  # fmt: skip
    assert world.judge.told > 0


@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_who_ends_is_followed_by_the_other_and_then_stands_by_for_it(
    world: World, end: str
) -> None:
    world.crash("io-a", end)
    world.run_until(lambda: world.where("disk0") == "disk0.1" and world.where("net0") == "net0.1")
    world.run()
    assert state(world.fabric, "io-a") == ("running", 2)
    assert world.port("disk0.0").state == "standby"
    world.settled()


def test_the_choice_is_sticky(world: World) -> None:
    world.crash("io-a")
    world.run()
    world.crash("web-1")
    world.run()
    assert world.where("disk0") == "disk0.1"
    world.settled()


def test_a_second_death_brings_the_medium_back(world: World) -> None:
    world.crash("io-a")
    world.run()
    world.crash("io-b")
    world.run()
    assert world.where("disk0") == "disk0.0"
    world.settled()


def test_both_may_die_at_once(world: World) -> None:
    world.crash("io-a")
    world.crash("io-b")
    world.run()
    assert world.where("disk0") is not None
    world.settled()


def test_a_path_that_its_client_lost_fails_and_recovers(world: World) -> None:
    world.guest("web-1").to_lose.add(world.path("disk0.0"))
    world.fabric.wake(number(world.fabric, "web-1"))
    world.run_until(lambda: world.port("disk0.0").state == "failed")
    world.run_until(lambda: world.where("disk0") == "disk0.1")
    world.run()
    assert world.port("disk0.0").state == "standby"
    assert world.where("net0") == "net0.0", "another medium of the same partition stays"
    world.settled()


def test_a_device_that_its_owner_lost_fails_and_recovers(world: World) -> None:
    world.guest("io-a").to_lose.add((0, world.port("disk0.0").id))
    world.fabric.wake(number(world.fabric, "io-a"))
    world.run_until(lambda: world.where("disk0") == "disk0.1")
    world.run()
    assert world.port("disk0.0").state == "standby"
    world.settled()


def test_a_server_that_refuses_to_operate_is_passed_over(world: World) -> None:
    refusing = world.guest("io-b").residence
    refusing.refuses.add(world.path("disk0.1"))
    answer = world.order("failover", "disk0")
    assert isinstance(answer, Rejected)
    assert "`disk0.1` is failed" in answer.sentence
    world.run()
    assert world.where("disk0") == "disk0.0"
    world.settled()


@pytest.mark.parametrize("name", ["io-b", "web-1"])
def test_nobody_fails_a_port_that_is_not_its_own_or_does_not_operate(
    world: World, name: str
) -> None:
    guest = world.guest(name)
    guest.lies = [(bus, device) for bus in (0, 1, 2) for device in range(40)]
    if name == "web-1":
        own = {world.path("disk0.0"), world.path("net0.0")}
        guest.lies = [key for key in guest.lies if key not in own]
    before = world.fabric.ultravisor.database.state_hash()
    for _ in range(20):
        world.fabric.wake(number(world.fabric, name))
        world.run()
    assert world.fabric.ultravisor.database.state_hash() == before


def test_a_client_that_lies_without_end_is_heard_less_and_less(world: World) -> None:
    guest = world.guest("web-1")
    begun = world.fabric.time_cycles
    for _ in range(3000):
        guest.lies = [row.key for row in guest.operating()]
        world.fabric.wake(number(world.fabric, "web-1"))
        world.step()
    heard = {
        change.after.version
        for _, changes in world.fabric.ultravisor.database.log()
        for change in changes
        if isinstance(change.after, Device) and change.after.state == "failed"
    }
    guest.lies = []
    assert world.fabric.time_cycles - begun < 7 * REPORT_CYCLES
    assert len(heard) == 3, "at once, after one wait, after twice that"
    world.run()
    world.settled()
    for name in ("io-a", "io-b"):
        assert state(world.fabric, name) == ("running", 1)


def test_a_paused_owner_is_left_and_is_not_stopped_for_it(world: World) -> None:
    assert isinstance(world.fabric.answer(world.fabric.order(Order("pause", "io-a"))), Done)
    world.run()
    assert world.where("disk0") == "disk0.1"
    assert world.port("disk0.0").state == "failed"
    assert isinstance(world.fabric.answer(world.fabric.order(Order("resume", "io-a"))), Done)
    world.run()
    assert world.port("disk0.0").state == "standby"
    assert state(world.fabric, "io-a") == ("running", 1)
    world.settled()


def test_a_paused_client_is_not_stopped_by_a_failover(world: World) -> None:
    assert isinstance(world.fabric.answer(world.fabric.order(Order("pause", "web-1"))), Done)
    assert isinstance(world.order("failover", "disk0"), Done)
    world.run()
    assert state(world.fabric, "web-1") == ("paused", 1)
    assert isinstance(world.fabric.answer(world.fabric.order(Order("resume", "web-1"))), Done)
    world.run()
    assert world.where("disk0") == "disk0.1"
    world.settled()


@pytest.mark.parametrize("name", ["io-a", "io-b", "web-1"])
def test_whoever_is_reset_or_destroyed_and_made_again_has_its_media(
    world: World, name: str
) -> None:
    for orders in (["reset"], ["destroy", "start"]):
        for order in orders:
            answer = world.fabric.answer(world.fabric.order(Order(order, name)))  # type: ignore[arg-type]
            assert isinstance(answer, Done), answer
        world.run()
        world.settled()


def test_every_decision_says_why(world: World) -> None:
    world.crash("io-a")
    world.run()
    sentences = [
        reason.sentence
        for row in world.fabric.command.decider.decisions
        for reason in row.reasons
        if reason.question == "medium"
    ]
    assert "`disk0.0` of `io-a` operates: `disk0.1` is allocated" in sentences
    assert "`disk0.1` of `io-b` operates: `disk0.0` is revoked" in sentences


# Orders.


def test_a_medium_is_moved_by_an_order(world: World) -> None:
    answer = world.order("failover", "disk0")
    assert isinstance(answer, Done)
    assert answer.state == "operates at disk0.1"
    world.run()
    assert (world.where("disk0"), world.where("net0")) == ("disk0.1", "net0.0")
    world.settled()


def test_a_partition_is_drained_by_an_order(world: World) -> None:
    assert isinstance(world.order("drain", "io-a"), Done)
    assert (world.where("disk0"), world.where("net0")) == ("disk0.1", "net0.1")
    world.run()
    assert isinstance(world.order("drain", "io-a"), Done), "it has nothing that operates"
    world.settled()


def test_a_partition_is_restarted_by_an_order_after_it_was_drained(world: World) -> None:
    answer = world.order("restart", "io-a")
    assert isinstance(answer, Done)
    assert state(world.fabric, "io-a") == ("running", 2)
    world.run()
    assert world.where("disk0") == "disk0.1"
    assert world.port("disk0.0").state == "standby"
    world.settled()


@pytest.mark.parametrize(
    ("order", "name", "kind", "words"),
    [
        (
            "failover",
            "disk9",
            "unknown-id",
            "no medium is named `disk9`; there are disk0, net0",
        ),
        ("drain", "nobody", "unknown-id", "no partition is named `nobody`"),
        ("drain", "web-1", "state", "only an I/O partition"),
        ("restart", "command", "state", "only an I/O partition"),
    ],
)
def test_senseless_orders_are_refused(
    world: World, order: IoOrderName, name: str, kind: str, words: str
) -> None:
    answer = world.order(order, name)
    assert isinstance(answer, Rejected)
    assert answer.kind == kind
    assert words in answer.sentence


@pytest.mark.parametrize(("order", "name"), [("failover", "disk0"), ("drain", "io-a")])
def test_without_another_port_that_is_able_nothing_is_moved(
    world: World, order: IoOrderName, name: str
) -> None:
    assert isinstance(world.fabric.answer(world.fabric.order(Order("kill", "io-b"))), Done)
    world.run()
    answer = world.order(order, name)
    assert isinstance(answer, Rejected)
    assert "`disk0`: no other port is able; `disk0.0` is operating" in answer.sentence
    assert answer.rule == STAYS
    assert world.where("disk0") == "disk0.0"


@pytest.mark.parametrize("name", ["disk0", "io-a"])
def test_a_refusal_says_that_a_port_is_on_its_way(world: World, name: str) -> None:
    facts = world.fabric.command.decider.facts
    assert facts is not None
    devices = tuple(
        replace(row, state=DeviceState.ALLOCATED) if row.name == "disk0.1" else row
        for row in facts.devices
    )
    order = IoOrder("failover" if name == "disk0" else "drain", name)
    refusal = MediumOrders().take(1, order, replace(facts, devices=devices))
    assert isinstance(refusal, Rejected)
    assert refusal.rule == SOON


# Kills.


def scenario(world: World, seed: int) -> None:
    """Begin a failover, in one of its ways."""
    match seed % 4:
        case 0:
            world.crash("io-a")
        case 1:
            world.fabric.order(IoOrder("failover", "disk0"))
        case 2:
            world.guest("web-1").to_lose.add(world.path("disk0.0"))
            world.fabric.wake(number(world.fabric, "web-1"))
        case _:
            world.guest("io-a").to_lose.add((0, world.port("disk0.0").id))
            world.fabric.wake(number(world.fabric, "io-a"))


def end_quietly(world: World) -> None:
    """Let everything come to rest, and judge it."""
    world.fabric.fault.arm(None)
    world.run()
    world.settled()


def back(world: World) -> None:
    """Have the disk operate at its first port again."""
    if world.where("disk0") != "disk0.0":
        assert isinstance(world.order("failover", "disk0"), Done)
        end_quietly(world)


def kill_ultravisor(world: World, way: int, points: range) -> None:
    """Fail over once for each point, and kill the ultravisor there."""
    for at in points:
        back(world)
        scenario(world, way)
        world.fabric.fault.arm(at)
        world.run()
        end_quietly(world)


def kill_command(world: World, way: int, steps: range) -> None:
    """Fail over once for each number of steps, and kill command after so many."""
    for count in steps:
        back(world)
        scenario(world, way)
        for _ in range(count):
            world.step()
        world.fabric.restart_command()
        end_quietly(world)


@pytest.mark.parametrize("way", range(4))
def test_the_ultravisor_may_be_killed_during_a_failover(
    monkeypatch: pytest.MonkeyPatch, way: int
) -> None:
    world = World(monkeypatch, seed=way).boot()
    kill_ultravisor(world, way, range(way, 90, 13))
    assert world.fabric.kills >= 5


@pytest.mark.parametrize("way", range(4))
def test_command_may_be_killed_during_a_failover(monkeypatch: pytest.MonkeyPatch, way: int) -> None:
    world = World(monkeypatch, seed=way).boot()
    kill_command(world, way, range(way, 120, 17))


@pytest.mark.slow
@pytest.mark.parametrize("way", range(4))
def test_the_ultravisor_may_be_killed_at_any_point(
    monkeypatch: pytest.MonkeyPatch, way: int
) -> None:
    kill_ultravisor(World(monkeypatch, seed=way).boot(), way, range(120))


@pytest.mark.slow
@pytest.mark.parametrize("way", range(4))
def test_command_may_be_killed_at_any_step(monkeypatch: pytest.MonkeyPatch, way: int) -> None:
    kill_command(World(monkeypatch, seed=way).boot(), way, range(120))


def act(world: World, dice: random.Random) -> None:
    """Do one thing of all that can happen, at random."""
    world.run_until(lambda: world.fabric.ultravisor.has_begun)
    names = ("io-a", "io-b", "web-1")
    what = dice.randrange(8)
    if what <= 1:
        world.crash(dice.choice(names), dice.choice(("failed", "stopped")))
    elif what == 2:
        world.crash("io-a")
        world.crash("io-b")
    elif what == 3:
        order = dice.choice((("failover", "disk0"), ("failover", "net0"), ("drain", "io-a")))
        world.fabric.order(IoOrder(*order))  # type: ignore[arg-type]
    elif what == 4:
        world.fabric.order(IoOrder("restart", dice.choice(names[:2])))
    elif what == 5:
        world.lose_something(dice)
    elif what == 6:
        world.fabric.restart_command()
    else:
        world.fabric.fault.arm(dice.randrange(60))


def live(world: World, seed: int) -> None:
    """Let several things happen at once, and all come to rest."""
    dice = random.Random(seed)
    world.fabric.random.seed(seed)
    world.fabric.acknowledge_after = dice.randrange(4)
    for _ in range(dice.randint(1, 4)):
        act(world, dice)
        for _ in range(dice.randrange(60)):
            world.step()
    end_quietly(world)


@pytest.mark.parametrize("block", range(2))
def test_whatever_happens_at_once_one_port_operates_in_the_end(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    world = World(monkeypatch, seed=block).boot()
    for seed in range(block * 30, block * 30 + 30):
        live(world, seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(2, 60))
def test_whatever_happens_one_port_operates_in_the_end_many_times(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    world = World(monkeypatch, seed=block).boot()
    for seed in range(block * 30, block * 30 + 30):
        live(world, seed)
