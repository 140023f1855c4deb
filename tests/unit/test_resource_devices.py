# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices in the resource database: owners, places, states, and what a commit of them revokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.resource_examples import add_channel, add_partition, make_database, set_state
from ultravisor.resources.errors import (
    InvalidError,
    OwnershipError,
    ResourceError,
    StateError,
)
from ultravisor.resources.records import Device

if TYPE_CHECKING:
    from ultravisor.resources.database import ResourceDatabase


def test_a_device_is_owned_before_it_is_used() -> None:
    database = make_database()
    number = add_partition(database, "a")
    transaction = database.begin("command")
    device = transaction.add_device("disk", "disk0")
    transaction.set_device_state(device, "known")
    with pytest.raises(OwnershipError, match="nobody owns it"):
        transaction.commit()
    transaction = database.begin("command")
    device = transaction.add_device("disk", "disk0")
    transaction.assign_device(device, number)
    for state in ("known", "ready", "alive", "operating", "standby", "revoked"):
        transaction.set_device_state(device, state)
    transaction.assign_device(device, None)
    transaction.remove_device(device)
    transaction.commit()
    assert database.records(Device) == []


def add_device(database: ResourceDatabase, owner: int, *states: str, name: str = "disk0.0") -> int:
    """Give a partition a device of one frame, at guest frame 500 and port 2; bring it to states."""
    transaction = database.begin("command")
    device = transaction.add_device("block", name, 1000 + len(database.records(Device)), 1)
    transaction.assign_device(device, owner, 500 + len(database.records(Device)), 2)
    for state in states:
        transaction.set_device_state(device, state)
    transaction.commit()
    return device


OPERATING = ("known", "ready", "alive", "operating")


def test_a_failed_device_operates_again_only_after_standby() -> None:
    database = make_database()
    device = add_device(database, add_partition(database, "a"), *OPERATING, "failed")
    transaction = database.begin("command")
    transaction.set_device_state(device, "operating")
    with pytest.raises(StateError, match="from failed it may go to standby, revoked"):
        transaction.commit()
    transaction = database.begin("command")
    for state in ("standby", "operating"):
        transaction.set_device_state(device, state)
    transaction.commit()
    assert database.get(Device, device).state == "operating"


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_an_ended_partition_keeps_its_devices_revoked_and_a_reset_has_them_again(end: str) -> None:
    database = make_database()
    number = add_partition(database, "a")
    set_state(database, number, "running")
    device = add_device(database, number, *OPERATING)
    transaction = database.begin("command")
    transaction.set_partition_state(number, end)
    assert transaction.commit().revokes
    row = database.get(Device, device)
    assert (row.state, row.owner, row.guest_frame, row.port) == ("revoked", number, 500, 2)
    transaction = database.begin("command")
    transaction.set_partition_state(number, "ready")
    transaction.commit()
    row = database.get(Device, device)
    assert (row.state, row.owner, row.guest_frame, row.port) == ("allocated", number, 500, 2)


def test_a_destroyed_partition_gives_its_devices_and_their_places_back() -> None:
    database = make_database()
    number = add_partition(database, "a")
    device = add_device(database, number)
    transaction = database.begin("command")
    transaction.destroy_partition(number)
    transaction.commit()
    row = database.get(Device, device)
    assert (row.state, row.owner, row.guest_frame, row.port) == ("revoked", None, 0, 0)


@pytest.mark.parametrize(
    ("guest_frame", "port", "rule"),
    [
        (0, 5, "guest-frames-once"),
        (501, 2, "ports-once"),
        (501, 4, "ports-once"),
        (100, 5, "guest-frames-once"),
        (501, 64, "port-limit"),
        (501, 5, None),
        (501, 0, None),
    ],
)
def test_a_device_has_a_place_and_a_port_of_its_own(
    guest_frame: int, port: int, rule: str | None
) -> None:
    database = make_database()
    one, two = add_partition(database, "a"), add_partition(database, "b")
    add_channel(database, one, two)
    add_device(database, one)
    transaction = database.begin("command")
    second = transaction.add_device("block", "disk0.1", 1001, 1)
    transaction.assign_device(second, one, guest_frame, port)
    if rule is None:
        transaction.commit()
        return
    with pytest.raises(ResourceError) as refusal:
        transaction.commit()
    assert refusal.value.rule == rule


def test_nobody_has_no_place_for_a_device() -> None:
    database = make_database()
    device = add_device(database, add_partition(database, "a"))
    transaction = database.begin("command")
    transaction.assign_device(device, None, 500, 2)
    with pytest.raises(InvalidError, match="guest frame 500 and port 2 of nobody"):
        transaction.commit()


def test_a_failed_owner_uses_no_device() -> None:
    database = make_database()
    number = add_partition(database, "a")
    set_state(database, number, "running")
    device = add_device(database, number)
    set_state(database, number, "failed")
    transaction = database.begin("command")
    transaction.set_device_state(device, "known")
    with pytest.raises(StateError, match=f"table device, key {device}: known, and its owner is"):
        transaction.commit()


@pytest.mark.parametrize(
    ("states", "then", "revokes"),
    [
        ((), ("known",), False),
        (OPERATING[:-1], ("operating",), False),
        (OPERATING, ("standby",), True),
        (OPERATING, ("failed",), True),
        (OPERATING, ("revoked",), True),
        ((*OPERATING, "standby"), ("failed",), False),
        ((*OPERATING, "standby"), ("operating", "standby"), False),
    ],
)
def test_a_commit_that_takes_the_leave_to_act_revokes(
    states: tuple[str, ...], then: tuple[str, ...], revokes: bool
) -> None:
    database = make_database()
    device = add_device(database, add_partition(database, "a"), *states)
    transaction = database.begin("command")
    for state in then:
        transaction.set_device_state(device, state)
    assert transaction.commit().revokes == revokes


def test_a_commit_that_takes_a_device_from_its_owner_revokes() -> None:
    database = make_database()
    one, two = add_partition(database, "a"), add_partition(database, "b")
    device = add_device(database, one)
    for owner, revokes in ((two, True), (None, True), (one, False)):
        transaction = database.begin("command")
        transaction.assign_device(device, owner, *((500, 3) if owner is not None else ()))
        assert transaction.commit().revokes == revokes
