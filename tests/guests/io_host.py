# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines with I/O partitions, clients and media, in which a test is the command partition.

Owns media and the steps of a failover, in the order that docs/io-channels.md gives; when which step
is done is the test's. Nothing here judges.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from tests.guests.io_machine import BUS, CHANNELS_GUEST_FRAME, FRAME, IoMachine
from ultravisor.channels.control_messages import CreateDevice, Device, Interrupt
from ultravisor.machine.abi import (
    CHANNEL_END_WRITABLE,
    GUID_DISK,
    GUID_NETWORK,
    GUID_VIRTIO_BLOCK,
    GUID_VIRTIO_NETWORK,
    VIEW_DEVICE_ACTIVE,
    CompletionStatus,
    ControlMessageId,
    ViewState,
)
from ultravisor.machine.view_rows import ChannelEndRow, ChannelRow, DeviceRow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.guests.io_desks import Desks
    from tests.guests.io_machine import Place
    from ultravisor.machine.machine import MachineSnapshot
    from ultravisor.machine.views import ViewBody

PHYSICAL_BUS = 0
PORT_DEVICE_FIRST = 40
_NAMESPACE = UUID("6b8a4f3e-52d1-5c0a-9d37-0c6f4e1b2a90")


@dataclass(slots=True)
class ChannelPath:
    """A channel between an I/O partition and a client."""

    row: int
    machine_frame: int
    server: int
    client: int
    port: int
    """By which both ends signal and are signalled."""


@dataclass(frozen=True, slots=True)
class MediumKind:
    """The types by which a medium is introduced."""

    name: str
    device_type: UUID
    channel_type: UUID


DISK = MediumKind("disk", GUID_VIRTIO_BLOCK, GUID_DISK)
NETWORK = MediumKind("network", GUID_VIRTIO_NETWORK, GUID_NETWORK)


@dataclass(slots=True)
class Medium:
    """A disk or network with a port at each of two I/O partitions, and its client."""

    number: int
    kind: MediumKind
    disk: int
    """Of a network: its switch."""
    instance: UUID
    devices: tuple[int, ...]
    paths: tuple[ChannelPath, ...]
    size_frames: int
    operating: int | None = None
    """Which of the two does."""


@dataclass(slots=True)
class IoHost(IoMachine):
    """A machine with media that two of its partitions serve and a third one uses."""

    media: list[Medium] = field(default_factory=list)
    has_device_ports: bool = True
    """False: devices raise no events, and are polled."""

    # -- media

    def add_medium(
        self,
        servers: tuple[int, ...],
        client: int,
        *,
        size_bytes: int = 64 * 1024,
        path: Path | None = None,
        latency_cycles: int = 20_000,
        channel_size_bytes: int = 512 * 1024,
    ) -> Medium:
        """Open a disk with a port for each server, and introduce ports and channels to all."""
        disk = self.devices.open_disk(path, size_bytes=size_bytes)
        devices = tuple(
            self.devices.add_block(disk, port, name=f"disk{disk}", latency_cycles=latency_cycles)
            for port in range(len(servers))
        )
        return self._add(DISK, disk, devices, servers, client, channel_size_bytes)

    def add_network(
        self, switch: int, first_port: int, servers: tuple[int, ...], client: int
    ) -> Medium:
        """Plug a card of two ports into a switch, and introduce ports and channels to all."""
        address = bytes([2, 0, 0, 0, 0, client])
        devices = tuple(
            self.devices.add_network(
                switch, first_port + port, address=address, latency_cycles=20_000
            )
            for port in range(len(servers))
        )
        return self._add(NETWORK, switch, devices, servers, client, 256 * 1024)

    def _add(
        self,
        kind: MediumKind,
        disk: int,
        devices: tuple[int, ...],
        servers: tuple[int, ...],
        client: int,
        channel_size_bytes: int,
    ) -> Medium:
        number = len(self.media)
        count = channel_size_bytes // FRAME
        paths = tuple(
            ChannelPath(
                row=32 + 2 * number + index,
                machine_frame=self.take_frames(count),
                server=server,
                client=client,
                port=16 + 2 * number + index,
            )
            for index, server in enumerate(servers)
        )
        instance = uuid5(_NAMESPACE, f"{kind.name}{number}")
        medium = Medium(number, kind, disk, instance, devices, paths, count)
        self.media.append(medium)
        body = self.views.begin()
        for link in paths:
            self.set_links(body, (link.server, link.port), (link.client, link.port))
        for index in range(len(paths)):
            self._set_path(body, medium, index)
            self._set_device(body, medium, index, active=False)
        self.acknowledge(self.views.publish())
        for index in range(len(paths)):
            self.introduce_server(medium, index)
            self.introduce_client(medium, index)
        return medium

    def _set_path(self, body: ViewBody, medium: Medium, index: int) -> None:
        path = medium.paths[index]
        guest_frame = CHANNELS_GUEST_FRAME + 1024 + path.row * 1024
        client, server = (
            ChannelEndRow(
                partition=number,
                port=path.port,
                guest_frame=guest_frame,
                flags=CHANNEL_END_WRITABLE,
            )
            for number in (path.client, path.server)
        )
        count = medium.size_frames
        self.set_channel(body, path.row, path.machine_frame, count, (client, server))

    def _set_device(self, body: ViewBody, medium: Medium, index: int, *, active: bool) -> None:
        device = medium.devices[index]
        body.device_count = max(body.device_count, device)
        body.set_device(
            device - 1,
            DeviceRow(
                id=device,
                partition=medium.paths[index].server,
                port=PORT_DEVICE_FIRST + medium.number if self.has_device_ports else 0,
                flags=VIEW_DEVICE_ACTIVE if active else 0,
                machine_frame=self.devices.first_frame + device - 1,
                frame_count=1,
                guest_frame=CHANNELS_GUEST_FRAME + 512 + device,
            ),
        )

    def introduce_server(self, medium: Medium, index: int) -> None:
        """Tell an I/O partition of its port, and of its channel, whose client is there."""
        path, device = medium.paths[index], medium.devices[index]
        packet = CreateDevice(
            PHYSICAL_BUS,
            device,
            (CHANNELS_GUEST_FRAME + 512 + device) * FRAME,
            FRAME,
            medium.kind.device_type,
            medium.instance,
            Interrupt(PORT_DEVICE_FIRST + medium.number, PORT_DEVICE_FIRST + medium.number),
        )
        status = self.ask(path.server, ControlMessageId.DEVICE_CREATE, packet)
        assert status == CompletionStatus.SUCCESS, status
        self._introduce_served_path(medium, index)

    def _introduce_served_path(self, medium: Medium, index: int) -> None:
        path = medium.paths[index]
        self._introduce_path(medium, index, path.server, server=True)
        self.ask_state(path.server, BUS, path.row, operates=True)

    def introduce_client(self, medium: Medium, index: int) -> None:
        """Tell a client of a path; it does not operate."""
        self._introduce_path(medium, index, medium.paths[index].client, server=False)

    def _introduce_path(self, medium: Medium, index: int, number: int, *, server: bool) -> None:
        path = medium.paths[index]
        packet = CreateDevice(
            BUS,
            path.row,
            (CHANNELS_GUEST_FRAME + 1024 + path.row * 1024) * FRAME,
            medium.size_frames * FRAME,
            medium.kind.channel_type,
            medium.instance,
            Interrupt(path.port, path.port),
        )
        status = self.ask(number, ControlMessageId.DEVICE_CREATE, packet, server=server)
        assert status == CompletionStatus.SUCCESS, status

    # -- the steps of a failover

    def fence(self, medium: Medium, index: int) -> None:
        """Fence a port: nothing that comes from it reaches the medium from here on."""
        self._activate(medium, index, active=False)

    def _activate(self, medium: Medium, index: int, *, active: bool) -> None:
        body = self.views.begin()
        self._set_device(body, medium, index, active=active)
        self.acknowledge(self.views.publish())

    def leave(self, medium: Medium, index: int) -> None:
        """Tell the client that a path does not operate, and run until it has left it."""
        path = medium.paths[index]
        self.ask_state(path.client, BUS, path.row, operates=False)

    def operate(self, medium: Medium, index: int) -> None:
        """Make a port the one that operates: server first, client last."""
        path = medium.paths[index]
        self._activate(medium, index, active=True)
        self.ask_state(path.server, PHYSICAL_BUS, medium.devices[index], operates=True)
        self.ask_state(path.client, BUS, path.row, operates=True)
        medium.operating = index

    def take_over(self, medium: Medium, index: int) -> None:
        """Move a medium from the other port, whose partition lives, to this one."""
        other = 1 - index
        path = medium.paths[other]
        self.fence(medium, other)
        self.leave(medium, other)
        self.ask_state(path.server, PHYSICAL_BUS, medium.devices[other], operates=False)
        self.operate(medium, index)

    def fail_over(self, medium: Medium, index: int) -> None:
        """Move a medium from the other port, whose partition is dead, to this one."""
        other = 1 - index
        self.fence(medium, other)
        self.leave(medium, other)
        self.operate(medium, index)

    def restart_io(self, number: int, command_line: str | None = None) -> None:
        """Give a dead I/O partition another life; every path of its is fenced and left."""
        mine = [
            (medium, index)
            for medium in self.media
            for index, path in enumerate(medium.paths)
            if path.server == number
        ]
        for medium, index in mine:
            path = medium.paths[index]
            self.ask(path.client, ControlMessageId.DEVICE_DESTROY, Device(BUS, path.row))
        body = self.views.begin()
        for medium, index in mine:
            body.set_channel(medium.paths[index].row, ChannelRow())
            body.set_device(medium.devices[index] - 1, DeviceRow())
        self.acknowledge(self.views.publish())
        self.destroy(number)
        body = self.views.begin()
        for medium, index in mine:
            self._set_path(body, medium, index)
            self._set_device(body, medium, index, active=False)
        self.acknowledge(self.views.publish())
        self.start(number, command_line)
        for medium, index in mine:
            self.introduce_server(medium, index)
            self.introduce_client(medium, index)

    def restart_client(self, number: int, command_line: str) -> None:
        """Give a client another life; all its servers let go of its channels before."""
        mine = [
            (medium, index)
            for medium in self.media
            for index, path in enumerate(medium.paths)
            if path.client == number
        ]
        for medium, index in mine:
            if medium.operating == index:
                self.fence(medium, index)
                medium.operating = None
            path, device = medium.paths[index], medium.devices[index]
            self.ask_state(path.server, PHYSICAL_BUS, device, operates=False)
            self.ask(path.server, ControlMessageId.DEVICE_DESTROY, Device(BUS, path.row))
        body = self.views.begin()
        body.set_partition(number, replace(body.partition(number), state=ViewState.STOPPED))
        self.acknowledge(self.views.publish())
        body = self.views.begin()
        for medium, index in mine:
            body.set_channel(medium.paths[index].row, ChannelRow())
        self.acknowledge(self.views.publish())
        self.destroy(number)
        body = self.views.begin()
        for medium, index in mine:
            self._set_path(body, medium, index)
        self.acknowledge(self.views.publish())
        self.start(number, command_line)
        for medium, index in mine:
            self._introduce_served_path(medium, index)
            self.introduce_client(medium, index)

    # -- going back

    def snapshot(self) -> SavedHost:
        """Keep all of the host at this moment."""
        kept = (
            self.desks,
            self.places,
            self.media,
            self.consoles,
            self.cycles,
            self.free_frame,
        )
        return SavedHost(self.machine.snapshot(), copy.deepcopy(kept))

    def restore(self, saved: SavedHost) -> None:
        """Go back to it."""
        self.machine.restore(saved.snapshot)
        kept = copy.deepcopy(saved.kept)
        self.desks, self.places, self.media, self.consoles, self.cycles, self.free_frame = kept
        self.marks = []


@dataclass(frozen=True, slots=True)
class SavedHost:
    """A host at one moment."""

    snapshot: MachineSnapshot
    kept: tuple[Desks, dict[int, Place], list[Medium], dict[int, bytearray], int, int]
