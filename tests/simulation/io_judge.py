# SPDX-License-Identifier: GPL-2.0-or-later
"""Judges failovers: what the views show, what ends are told, and what they believe.

Owns the rules of a failover, worked out from the database's records and the guests' beliefs, not
from what the product keeps of them. It looks at every publication and at every word on the wire.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.simulation.io_guests import MediaGuest
from tests.simulation.view_check import check_view
from ultravisor.channels.control_messages import DeviceState
from ultravisor.partitions.control_desk import BUS, ControlDesk
from ultravisor.resources.records import (
    REACHABLE,
    Channel,
    ChannelEnd,
    Device,
    Partition,
)

if TYPE_CHECKING:
    import pytest

    from tests.simulation.fabric import Fabric
    from ultravisor.partitions.control_desk import Introduction

MEDIUM = "medium "


def medium(device: Device) -> str:
    return device.name.rsplit(".", 1)[0]


class Judge:
    """Watches a fabric from its first turn on."""

    def __init__(self, fabric: Fabric, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fabric = fabric
        self.shown: dict[int, dict[str, list[str]]] = {}
        """By generation of the view: the ports of each medium that operate."""
        self.lives: dict[int, int] = defaultdict(int)
        """How often each channel has been mapped."""
        self.mapped: dict[int, bool] = {}
        self.answered: set[tuple[int, int]] = set()
        """Channels and their lives of which the server has answered that it operates."""
        self.told = 0
        fabric.views.on_publish = self.published
        speak = ControlDesk._send
        judge = self

        def listen(
            desk: ControlDesk, number: Any, packet: Any, what: str,
            introduction: Introduction | None = None,
        ) -> bool:  # fmt: skip
            sent = speak(desk, number, packet, what, introduction)
            if sent and introduction is not None and isinstance(packet, DeviceState):
                judge.said(introduction)
            return sent

        monkeypatch.setattr(ControlDesk, "_send", listen)

    @property
    def database(self) -> Any:
        return self.fabric.ultravisor.database

    def published(self, rows: Any) -> None:
        check_view(rows, self.database)
        operating: dict[str, list[str]] = defaultdict(list)
        for device in self.database.records(Device):
            if device.state == "operating":
                operating[medium(device)].append(device.name)
        for name, ports in operating.items():
            assert len(ports) == 1, f"medium {name} operates at {ports}"
        self.shown[self.fabric.views.generation] = dict(operating)
        mapped = {row.id: row.state in REACHABLE for row in self.database.records(Channel)}
        for channel, is_mapped in mapped.items():
            if is_mapped and not self.mapped.get(channel):
                self.lives[channel] += 1
        self.mapped = mapped

    def said(self, row: Introduction) -> None:
        """Judge a word to an end of a path at the moment at which it is said."""
        if row.bus != BUS or not row.told_apart or not row.operating:
            return
        self.told += 1
        port = self.port_of(row.device)
        assert port is not None, "the end of a path without a port is told that it operates"
        acknowledged = self.fabric.views.acknowledged()
        for generation in range(acknowledged, self.fabric.views.generation + 1):
            found = self.shown[generation].get(medium(port), [])
            assert found in ([], [port.name]), (
                f"{port.name}: told in view {generation}, where {found} operate"
            )
        assert self.shown[acknowledged].get(medium(port)) == [port.name]
        life = self.lives[row.device]
        if row.server:
            client = self.guest_at(row.device, 0)
            # What a dead one believed does not count: it touches nothing any more.
            uses = (
                client is not None
                and not client.hung
                and any(path.key == row.key and path.operating for path in client.paths())
            )
            assert not uses or (row.device, life) in self.answered, (
                f"{port.name} is to serve anew, and its client still uses it"
            )
        else:
            self.look()
            assert (row.device, life) in self.answered, (
                f"the client of {port.name} is told before its server has answered"
            )

    def look(self) -> None:
        """See which servers believe that they operate."""
        for guest in self.guests().values():
            for (bus, channel), thing in guest.residence.things.items():
                if thing.server and bus == BUS and thing.operating:
                    self.answered.add((channel, self.lives[channel]))

    def guests(self) -> dict[int, MediaGuest]:
        return {
            number: guest
            for number, guest in self.fabric.programs.items()
            if isinstance(guest, MediaGuest)
        }

    def end_of(self, channel: int, side: int) -> int | None:
        ends = self.database.records_of(ChannelEnd, channel)
        return int(ends[side].partition) if ends else None

    def guest_at(self, channel: int, side: int) -> MediaGuest | None:
        number = self.end_of(channel, side)
        return None if number is None else self.guests().get(number)

    def port_of(self, channel: int) -> Device | None:
        row = self.database.get(Channel, channel)
        server = self.end_of(channel, 1)
        for device in self.database.records(Device):
            if device.owner == server and MEDIUM + medium(device) == row.policy:
                found: Device = device
                return found
        return None

    def settled(self, name: str) -> None:
        """Assert that a medium operates at exactly one port, and that all who live know it."""
        ports = [row for row in self.database.records(Device) if medium(row) == name]
        numbers = {row.number: row for row in self.database.records(Partition)}
        living = [
            row for row in ports
            if row.owner is not None and numbers[row.owner].state == "running"
        ]  # fmt: skip
        operating = [row for row in ports if row.state == "operating"]
        assert len(operating) == bool(living), [(row.name, str(row.state)) for row in ports]
        assert all(row.state == "standby" for row in living if row not in operating)
        for row in self.database.records(Channel):
            if row.policy != MEDIUM + name:
                continue
            client, server = self.guest_at(row.id, 0), self.guest_at(row.id, 1)
            if client is None or numbers[self.end_of(row.id, 0) or 0].state != "running":
                continue
            port = self.port_of(row.id)
            operates = port is not None and port.state == "operating"
            uses = (BUS, row.id) in {path.key for path in client.operating()}
            assert uses == operates, f"{name}: the client and channel {row.id}"
            if server is not None and port is not None and port in living:
                things = server.residence.things
                assert things[0, port.id].operating == operates
                assert things[BUS, row.id].operating == operates
        assert self.database.check() == []
