# SPDX-License-Identifier: GPL-2.0-or-later
"""When an end of a medium may be told that it operates.

Owns the order of a failover as far as partitions hear of it: the new port's view is acknowledged,
then its device and its server hear of it, and once they have answered, the client does. What may
not be said yet is left open, so that a new ultravisor, which cannot know what the lost one said,
disturbs nobody. Called by the ultravisor program for its desks; decides no failover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ultravisor.partitions.control_desk import BUS
from ultravisor.partitions.media import PHYSICAL_BUS, medium_of, medium_of_channel
from ultravisor.resources.records import DeviceState, PartitionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ultravisor.partitions.control_desk import ControlDesk
    from ultravisor.partitions.record_mirror import RecordMirror
    from ultravisor.resources.records import Device

_CLIENT: Final = 0
_SERVER: Final = 1
_LIVE: Final = (PartitionState.RUNNING, PartitionState.PAUSED)


def port_behind(mirror: RecordMirror, channel: int) -> Device | None:
    """Return the device to which a channel is a path; None: the channel is no path, or a dead end.

    That is the port of its medium that its server owns.
    """
    row = mirror.channel(channel)
    medium = "" if row is None else medium_of_channel(row)
    if not medium:
        return None
    devices = mirror.devices_of(mirror.ends(channel)[_SERVER].partition)
    return next((device for device in devices if medium_of(device.name) == medium), None)


class SavedGates(Struct, frozen=True):
    """What must be known to go on."""

    since: tuple[tuple[int, int, int], ...] = ()
    """Device, its version, and the generation of the view that showed it operating first."""


class PathGates:
    """What may be said of media now; the ultravisor keeps it up to date."""

    def __init__(self, mirror: RecordMirror) -> None:
        """Begin with desks of nobody, and no generation that was acknowledged."""
        self._mirror = mirror
        self._desks: dict[int, ControlDesk] = {}
        self._since: dict[tuple[int, int], int] = {}
        self._acknowledged = 0

    def save(self) -> SavedGates:
        """Return what must be known to go on."""
        return SavedGates(tuple((*key, since) for key, since in sorted(self._since.items())))

    def load(self, saved: SavedGates) -> None:
        """Go on from what was saved."""
        self._since = {(device, version): since for device, version, since in saved.since}

    def update(
        self, desks: Mapping[int, ControlDesk], generation: int, acknowledged: int
    ) -> frozenset[int]:
        """Take the desks by partition, and the generations of the view, published and acknowledged.

        Return the partitions that have to do with media.
        """
        self._desks = dict(desks)
        self._acknowledged = acknowledged
        ports = [row for number in desks for row in self._mirror.devices_of(number)]
        # Who operates anew has another version, though it may be the same port.
        self._since = {
            (row.id, row.version): self._since.get((row.id, row.version), generation)
            for row in ports
            if row.state is DeviceState.OPERATING
        }
        return frozenset(
            number
            for number in desks
            if self._mirror.devices_of(number)
            or any(self._is_path(channel) for channel in self._mirror.channels_of(number))
        )

    @property
    def is_open(self) -> bool:
        """Say whether every port that operates does so for all processors."""
        return all(since <= self._acknowledged for since in self._since.values())

    def of_device(self, device: Device) -> bool | None:
        """Return what a port's owner is to hear; None: nothing yet.

        A generation that shows it operating, acknowledged, is one that shows the others fenced.
        """
        if device.state is not DeviceState.OPERATING:
            return False
        since = self._since.get((device.id, device.version))
        return True if since is not None and since <= self._acknowledged else None

    def of_path(self, channel: int, *, is_server: bool) -> bool | None:
        """Return what an end of a path is to hear; None: nothing yet."""
        device = port_behind(self._mirror, channel)
        if device is None or device.state is not DeviceState.OPERATING:
            return False
        ends = self._mirror.ends(channel)
        server, client = (self._desks.get(ends[side].partition) for side in (_SERVER, _CLIENT))
        key = (BUS, channel)
        serves = (
            server is not None
            and self.of_device(device) is True
            and server.operates((PHYSICAL_BUS, device.id))
        )
        uses = client is not None and self._lives(ends[_CLIENT].partition)
        uses = uses and client is not None and client.may_operate(key)
        if is_server:
            # Who serves anew does so only for a client that has begun anew.
            is_known = server is not None and server.operates(key)
            return True if serves and (is_known or not uses) else None
        if server is not None and serves and server.operates(key):
            return True
        return False if uses else None

    def _is_path(self, channel: int) -> bool:
        row = self._mirror.channel(channel)
        return row is not None and bool(medium_of_channel(row))

    def _lives(self, number: int) -> bool:
        row = self._mirror.partition(number)
        return row is not None and row.state in _LIVE


def ports_lost(mirror: RecordMirror, desks: Iterable[tuple[int, ControlDesk]]) -> dict[int, int]:
    """Return the ports that operate but are lost, each with the partition that says so.

    A client may say so of the port behind its own path, an owner of its own port and its channels.
    """
    found: dict[int, int] = {}
    for number, desk in desks:
        owned = {row.id: row for row in mirror.devices_of(number)}
        for bus, device in sorted(desk.lost):
            if bus == BUS:
                port = port_behind(mirror, device) if device in mirror.channels_of(number) else None
            else:
                port = owned.get(device)
            if port is not None and port.state is DeviceState.OPERATING:
                found.setdefault(port.id, number)
    return found
