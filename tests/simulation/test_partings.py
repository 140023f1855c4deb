# SPDX-License-Identifier: GPL-2.0-or-later
"""How channels are parted with: the ends that live are asked to let go before they lose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from tests.simulation.fabric import Fabric, ResidentGuest
from tests.simulation.test_life import booted, number, policy, state, with_disk
from tests.simulation.view_check import check_view
from ultravisor.machine.abi import CompletionStatus, ControlMessageId
from ultravisor.partitions.control_desk import BUS
from ultravisor.partitions.messages import Done, Ended, Order, SetPolicy, encode
from ultravisor.partitions.residence import Residence
from ultravisor.partitions.ultravisor import LEAVE_CYCLES
from ultravisor.resources.records import Channel

if TYPE_CHECKING:
    from ultravisor.channels.control_messages import ControlMessage, Packet

DISK = "414815ed"


def channel(fabric: Fabric) -> Channel | None:
    if not fabric.ultravisor.has_begun:
        return None
    rows = fabric.ultravisor.database.records(Channel)
    return next((row for row in rows if row.type_guid.startswith(DISK)), None)


def channel_state(fabric: Fabric) -> str | None:
    row = channel(fabric)
    return None if row is None else str(row.state)


def states_of(fabric: Fabric, channel_id: int) -> list[str]:
    """Return all states that a channel has had."""
    found = [
        str(change.after.state)
        for _, changes in fabric.ultravisor.database.log()
        for change in changes
        if isinstance(change.after, Channel) and change.after.id == channel_id
    ]
    return [row for row, before in zip(found, ["", *found], strict=False) if row != before]


class Keeper(ResidentGuest):
    """Lets go of nothing that it is told to let go of."""

    def __init__(self) -> None:
        super().__init__()
        self.residence = KeepingResidence()


class KeepingResidence(Residence):
    """Refuses."""

    def _act(self, message: ControlMessage) -> tuple[CompletionStatus, Packet]:
        status, packet = super()._act(message)
        if message.id == ControlMessageId.DEVICE_DESTROY:
            status = CompletionStatus.DRIVER_FAILURE
        return status, packet


class Witness(ResidentGuest):
    """Keeps what it was told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.residence = WitnessResidence()


class WitnessResidence(Residence):
    """Writes down what it does."""

    log: ClassVar[list[str]] = []

    def _act(self, message: ControlMessage) -> tuple[CompletionStatus, Packet]:
        status, packet = super()._act(message)
        self.log.append(f"{message.name} {status.name}")
        return status, packet


def booted_with(image: str, guest: type[ResidentGuest], **more: Any) -> Fabric:
    """Return a host whose server, `storage`, is a guest of this class."""
    server = 'kind = "io"\nzone = "service"\nimage = "hello"'
    text = with_disk().replace(server, server.replace("hello", image))
    fabric = Fabric(policy(text), **more)
    fabric.guests[image] = guest
    fabric.loader.images[image] = fabric.loader.images["hello"]
    fabric.views.on_publish = lambda rows: check_view(rows, fabric.ultravisor.database)
    fabric.run()
    assert channel_state(fabric) == "attached"
    return fabric


def reset(fabric: Fabric, name: str = "web-1") -> int:
    """Reset and run until all is quiet; return how long it took until the answer, in cycles."""
    begun = fabric.time_cycles
    assert isinstance(fabric.answer(fabric.order(Order("reset", name))), Done)
    took = fabric.time_cycles - begun
    fabric.run()
    return took


def test_a_reset_asks_the_other_end_and_gives_the_channel_back() -> None:
    fabric = booted(with_disk())
    row = channel(fabric)
    assert row is not None
    assert reset(fabric) < LEAVE_CYCLES
    assert states_of(fabric, row.id)[-4:] == ["leaving", "revoked", "mapped", "attached"]
    assert state(fabric, "storage") == ("running", 1)
    assert state(fabric, "web-1") == ("running", 2)


def test_the_other_end_hears_standby_then_destroy_then_create() -> None:
    WitnessResidence.log.clear()
    fabric = booted_with("witness", Witness)
    WitnessResidence.log.clear()
    reset(fabric)
    assert WitnessResidence.log == [
        "device_change_state SUCCESS", "device_destroy SUCCESS", "device_create SUCCESS",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["web-1", "storage"])
def test_either_end_may_be_reset_again_and_again(name: str) -> None:
    fabric = booted(with_disk())
    for life in (2, 3, 4):
        reset(fabric, name)
        assert state(fabric, name) == ("running", life)
        assert channel_state(fabric) == "attached"
    assert fabric.ultravisor.database.check() == []


def test_a_destroyed_end_takes_its_channel_along_after_the_other_has_let_go() -> None:
    fabric = booted(with_disk())
    row = channel(fabric)
    assert row is not None
    assert isinstance(fabric.answer(fabric.order(Order("destroy", "web-1"))), Done)
    fabric.run()
    assert channel(fabric) is None
    assert states_of(fabric, row.id)[-2:] == ["leaving", "revoked"]
    assert state(fabric, "storage") == ("running", 1)


def test_a_channel_that_the_policy_drops_is_parted_with() -> None:
    fabric = booted(with_disk())
    row = channel(fabric)
    assert row is not None
    text = with_disk()
    start = text.index("[[channel]]")
    shorter = policy(text[:start] + text[text.index("[[restart]]") :])
    fabric.operations.deliver(1, encode(SetPolicy(0, shorter)))
    fabric.wake(5)
    fabric.run()
    assert channel(fabric) is None
    assert states_of(fabric, row.id)[-2:] == ["leaving", "revoked"]
    for name in ("storage", "web-1"):
        assert state(fabric, name) == ("running", 1)


def test_who_refuses_to_let_go_is_waited_for_so_long_and_no_longer() -> None:
    fabric = booted_with("keeper", Keeper)
    assert LEAVE_CYCLES <= reset(fabric) < 2 * LEAVE_CYCLES
    assert state(fabric, "web-1") == ("running", 2)


def test_a_failed_end_is_parted_with_before_its_restart() -> None:
    fabric = booted(with_disk())
    row = channel(fabric)
    assert row is not None
    fabric.order(Ended(number(fabric, "web-1"), 1, "failed", "page fault"))
    fabric.run_until(lambda: state(fabric, "web-1") == ("running", 2))
    fabric.run()
    assert states_of(fabric, row.id)[-4:] == ["leaving", "revoked", "mapped", "attached"]


def test_an_end_that_is_gone_while_the_other_leaves_is_not_waited_for() -> None:
    fabric = booted_with("keeper", Keeper)
    begun = fabric.time_cycles
    fabric.order(Order("reset", "web-1"))
    fabric.run_until(lambda: channel_state(fabric) == "leaving")
    fabric.order(Ended(number(fabric, "storage"), 1, "stopped", "exit"))
    fabric.run_until(lambda: channel_state(fabric) == "revoked")
    assert fabric.time_cycles - begun < LEAVE_CYCLES


@pytest.mark.parametrize("turns", range(0, 60, 3))
def test_the_ultravisor_killed_while_they_part_forgets_nobody(turns: int) -> None:
    fabric = booted(with_disk(), seed=turns)
    fabric.order(Order("reset", "web-1"))
    for _ in range(turns):
        fabric.step()
    fabric.restart_ultravisor()
    fabric.run_until(lambda: fabric.ultravisor.has_begun)
    fabric.run_until(lambda: state(fabric, "web-1") == ("running", 2))
    fabric.run()
    assert channel_state(fabric) == "attached"
    assert state(fabric, "storage") == ("running", 1)
    assert fabric.ultravisor.database.check() == []


def test_a_new_ultravisor_asks_again_before_it_revokes() -> None:
    fabric = booted_with("keeper", Keeper)
    fabric.order(Order("reset", "web-1"))
    fabric.run_until(lambda: channel_state(fabric) == "leaving")
    fabric.restart_ultravisor()
    begun = fabric.time_cycles
    fabric.run_until(lambda: channel_state(fabric) == "revoked")
    # The keeper still has it: nothing that the old one knew made the new one believe otherwise.
    assert fabric.time_cycles - begun >= LEAVE_CYCLES


def test_command_killed_while_they_part_goes_on() -> None:
    for turns in range(0, 60, 4):
        fabric = booted(with_disk(), seed=turns)
        fabric.order(Order("reset", "web-1"))
        fabric.run_until(lambda fabric=fabric: channel_state(fabric) == "leaving")  # type: ignore[misc]
        fabric.restart_command()
        fabric.run()
        assert channel_state(fabric) in ("revoked", "attached")
        assert state(fabric, "storage") == ("running", 1)


def test_an_introduction_that_was_refused_is_tried_when_the_channel_comes_again() -> None:
    fabric = booted(with_disk())
    desk = fabric.ultravisor._desks[_control_of(fabric, "storage")]
    row = channel(fabric)
    assert row is not None
    desk.failures[BUS, row.id] = int(CompletionStatus.MAP_FAILED)
    reset(fabric)
    assert desk.failures == {}
    assert channel_state(fabric) == "attached"


def _control_of(fabric: Fabric, name: str) -> int:
    mirror = fabric.ultravisor._mirror
    return next(
        found for found in fabric.ultravisor._desks
        if mirror.ends(found)[0].partition == number(fabric, name)
    )  # fmt: skip
