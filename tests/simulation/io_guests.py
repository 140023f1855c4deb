# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with media: I/O partitions that serve, and clients that are served.

Owns what such a guest does with its control channel, as the documentation of channels to disks has
it. They do no I/O: what they believe is all that a failover is judged by (io_judge.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulation.fabric import POLL_CYCLES
from ultravisor.channels.control_messages import CreateDevice, Device, DeviceState, Nothing
from ultravisor.machine.abi import (
    GUID_DISK,
    GUID_NETWORK,
    SEGMENT_STATE_PAUSED,
    CompletionStatus,
    ControlFlag,
    ControlMessageId,
    Hypercall,
    SegmentState,
)
from ultravisor.partitions.media import PHYSICAL_BUS
from ultravisor.partitions.residence import Residence

if TYPE_CHECKING:
    from uuid import UUID

    from ultravisor.channels.control_messages import ControlMessage, Packet

Key = tuple[int, int]
MEDIA = (GUID_DISK, GUID_NETWORK)


class Thing:
    """A port, an end that serves, or a path: what a guest believes of it."""

    def __init__(self, key: Key, instance: UUID, *, server: bool) -> None:
        self.key = key
        self.instance = instance
        self.server = server
        self.operating = False
        self.lost = False


class MediaResidence(Residence):
    """Takes what is of media, and hands the rest on."""

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[Key, Thing] = {}
        self.refuses: set[Key] = set()
        """What is answered with a failure when it is said to operate."""
        self.again: list[Key] = []
        """What was said to operate though it is lost: it is told again."""
        self.heard: list[tuple[str, Key]] = []

    def _act(self, message: ControlMessage) -> tuple[CompletionStatus, Packet]:
        packet = message.packet
        if isinstance(packet, CreateDevice) and (
            packet.bus == PHYSICAL_BUS or packet.type in MEDIA
        ):
            return self._take(message, packet), Nothing()
        if isinstance(packet, DeviceState) and (packet.bus, packet.device) in self.things:
            return self._operate(packet), Nothing()
        if isinstance(packet, Device) and message.id == ControlMessageId.DEVICE_DESTROY:
            key = (packet.bus, packet.device)
            if self.things.pop(key, None) is not None:
                self.heard.append(("gone", key))
                return CompletionStatus.SUCCESS, Nothing()
        return super()._act(message)

    def _take(self, message: ControlMessage, packet: CreateDevice) -> CompletionStatus:
        key = (packet.bus, packet.device)
        present = self.things.get(key)
        if present is not None and present.instance == packet.instance:
            return CompletionStatus.ALREADY_DONE
        server = bool(message.flags & ControlFlag.SERVER)
        self.things[key] = Thing(key, packet.instance, server=server)
        self.heard.append(("new", key))
        return CompletionStatus.SUCCESS

    def _operate(self, packet: DeviceState) -> CompletionStatus:
        key = (packet.bus, packet.device)
        thing = self.things[key]
        operating = bool(packet.state & SegmentState.OPERATING)
        if not operating:
            thing.operating = thing.lost = False
        elif key in self.refuses:
            return CompletionStatus.DRIVER_FAILURE
        elif thing.lost:
            self.again.append(key)
        else:
            thing.operating = True
        self.heard.append(("runs" if operating else "rests", key))
        return CompletionStatus.SUCCESS

    def lose(self, turn: Any, key: Key) -> None:
        """Stop to use something, and say so."""
        self.things[key].operating, self.things[key].lost = False, True
        self.tell_lost(turn, key)

    def tell_lost(self, turn: Any, key: Key) -> None:
        """Say that something is lost, whether it is or not."""
        if self._client is None:
            return
        packet = DeviceState(bus=key[0], device=key[1], state=SEGMENT_STATE_PAUSED)
        self._client.tell(ControlMessageId.DEVICE_CHANGE_STATE_EVENT, packet)
        self._signal(turn)


class MediaGuest:
    """A guest that answers, and loses what a test says."""

    def __init__(self) -> None:
        self.residence = MediaResidence()
        self.to_lose: set[Key] = set()
        self.lies: list[Key] = []
        """What it says is lost at each of its turns, one after the other."""
        self.hung = False
        self.wait_cycles = POLL_CYCLES
        self.told = 0

    def turn(self, turn: Any) -> None:
        if self.hung:
            return
        self.residence.attend(turn)
        for key in sorted(self.to_lose & self.residence.things.keys()):
            self.residence.lose(turn, key)
        self.to_lose.clear()
        for key in self.residence.again:
            self.residence.tell_lost(turn, key)
        self.residence.again.clear()
        if self.lies:
            self.residence.tell_lost(turn, self.lies[0])
            self.lies.append(self.lies.pop(0))
        quiet = self.residence.told == self.told
        self.wait_cycles = 2 * self.wait_cycles if quiet else POLL_CYCLES
        self.told = self.residence.told
        turn.call(Hypercall.TIMER_SET, turn.time_cycles + self.wait_cycles)

    def paths(self) -> list[Thing]:
        """Return the paths that it has as a client."""
        rows = self.residence.things.values()
        return [row for row in rows if row.key[0] != PHYSICAL_BUS and not row.server]

    def operating(self) -> list[Thing]:
        """Return the paths that it uses."""
        return [row for row in self.paths() if row.operating]
