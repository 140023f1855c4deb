# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations on devices: they come with the machine, and have an owner at a time.

Owns the table `device`. Called inside a commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.resources import tiered_map
from ultravisor.resources.errors import InvalidError, OwnershipError, StateError
from ultravisor.resources.lookups import require, require_partition, require_step
from ultravisor.resources.records import (
    DEVICE_AT_REST,
    BlockState,
    Device,
    DeviceState,
    FrameRange,
    Machine,
)

if TYPE_CHECKING:
    from ultravisor.resources.store import Store


def add(
    store: Store, id: int, kind: str, name: str, machine_frame: int = 0, frame_count: int = 0
) -> int:
    """Take a device in, with the machine frames that are its registers."""
    if store.value("SELECT id FROM device WHERE name = ?", name) is not None:
        raise InvalidError(f"table device, key {id}: the name `{name}` is taken", "name-once")
    machine = store.get(Machine, 1)
    assert machine is not None
    store.update(machine, next_device=max(machine.next_device, id + 1))
    state = DeviceState.ALLOCATED
    store.insert(Device(id, kind, name, state, None, machine_frame, frame_count, 0, 0, 0))
    if frame_count:
        run = FrameRange(machine_frame, frame_count)
        tiered_map.assign(store, run, tiered_map.FREE, (BlockState.DEVICE, id))
    return id


def assign(store: Store, id: int, owner: int | None, guest_frame: int = 0, port: int = 0) -> None:
    """Give a device to a partition, or to none; it must not be in use.

    The owner finds its registers at a guest frame, and its interrupts at an event port (0: none).
    """
    device = require(store, Device, id)
    if device.state not in DEVICE_AT_REST:
        raise StateError(
            f"table device, key {id}: {device.state}; it changes its owner only when allocated or "
            "revoked",
            "owner-at-rest",
        )
    for number in {device.owner, owner} - {None}:
        assert number is not None
        store.touch(require_partition(store, number))
    if owner is None and (guest_frame, port) != (0, 0):
        raise InvalidError(
            f"table device, key {id}: guest frame {guest_frame} and port {port} of nobody",
            "placed-at-its-owner",
        )
    store.update(device, owner=owner, guest_frame=guest_frame, port=port)


def set_state(store: Store, id: int, state: str) -> None:
    """Move a device on."""
    device = require(store, Device, id)
    require_step(device, state)
    if device.owner is None and state not in DEVICE_AT_REST:
        raise OwnershipError(
            f"table device, key {id}: nobody owns it, so that it cannot be {state}", "owned-in-use"
        )
    store.update(device, state=DeviceState(state))


def remove(store: Store, id: int) -> None:
    """Let a device go that nobody owns."""
    device = require(store, Device, id)
    if device.owner is not None or device.state not in DEVICE_AT_REST:
        raise StateError(f"table device, key {id}: {device.state}, and owned", "owner-at-rest")
    store.delete(device)
    if device.frame_count:
        run = FrameRange(device.machine_frame, device.frame_count)
        tiered_map.assign(store, run, (BlockState.DEVICE, id), tiered_map.FREE)


def revoke_used(store: Store, number: int) -> None:
    """Stop the devices of a partition that has ended; they stay its own."""
    for device in store.select(Device, "owner = ?", number):
        if device.state not in DEVICE_AT_REST:
            store.update(device, state=DeviceState.REVOKED)


def allocate_again(store: Store, number: int) -> None:
    """Let the devices of a partition that is reset begin anew."""
    for device in store.select(Device, "owner = ? AND state = 'revoked'", number):
        store.update(device, state=DeviceState.ALLOCATED)


def take_all(store: Store, number: int) -> None:
    """Take all devices from a partition that is being destroyed."""
    for device in store.select(Device, "owner = ?", number):
        if device.state is not DeviceState.REVOKED:
            device = store.update(device, state=DeviceState.REVOKED)  # noqa: PLW2901
        store.update(device, owner=None, guest_frame=0, port=0)
