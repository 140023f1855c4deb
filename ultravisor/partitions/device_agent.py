# SPDX-License-Identifier: GPL-2.0-or-later
"""The device agent: which devices a partition gets.

Owns the choice alone, a pure function of the devices that there are. A device has one owner; it is
given to a domain of kind io that names it, and goes back when its partition is destroyed. Its
registers lie behind everything that its owner has, and it has an event port of its own there.
Called by the planner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.partitions.channel_agent import EndPlace, free_port
from ultravisor.partitions.decisions import Reason
from ultravisor.resources.records import Device

if TYPE_CHECKING:
    from ultravisor.partitions.definitions import Domain
    from ultravisor.partitions.facts import Facts

AGENT = "device"
RULE = "one owner a device, named by its domain"


class NoDeviceError(Exception):
    """A device that a domain names does not exist or is somebody's."""

    def __init__(self, reason: Reason) -> None:
        """Keep the sentence that the asker is told."""
        super().__init__(reason.sentence)
        self.reason = reason


class DeviceSeat(Struct, frozen=True):
    """A device, and where its owner has it."""

    device: Device
    guest_frame: int
    """Of its registers."""
    port: int
    """The owner's event port that its interrupts arrive at."""


class DeviceChoice(Struct, frozen=True):
    """The devices that a domain's partition is given."""

    seats: tuple[DeviceSeat, ...]
    reasons: tuple[Reason, ...]


def choose_devices(facts: Facts, domain: Domain, owner: EndPlace) -> DeviceChoice:
    """Choose the devices of a domain, behind what its partition has; NoDeviceError, NoPortError."""
    seats, reasons = [], []
    for name in domain.devices:
        device = facts.device_named(name)
        if device is None:
            known = ", ".join(sorted(row.name for row in facts.devices)) or "none"
            sentence = f"`{domain.name}`: no device is named `{name}`; the host has: {known}"
            raise NoDeviceError(Reason(AGENT, RULE, sentence))
        if device.owner is not None:
            sentence = f"`{domain.name}`: device `{name}` belongs to partition {device.owner}"
            raise NoDeviceError(Reason(AGENT, RULE, sentence))
        seat = DeviceSeat(device, owner.end_guest_frame, free_port(owner))
        end = owner.end_guest_frame + device.frame_count
        owner = EndPlace(owner.partition, end, owner.ports | {seat.port})
        seats.append(seat)
        sentence = (
            f"`{domain.name}` gets device {device.id} `{name}`, "
            f"at guest frame {seat.guest_frame:#x}, port {seat.port}"
        )
        reasons.append(Reason(AGENT, RULE, sentence))
    return DeviceChoice(tuple(seats), tuple(reasons))
