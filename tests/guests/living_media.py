# SPDX-License-Identifier: GPL-2.0-or-later
"""A living host with media: two I/O partitions, and guests that use a disk or a network by them.

Owns what such a host is made of, what is typed at it, and how its ports are looked at. Used by the
tests of whole hosts beside it; judges nothing.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.guests.living_hosts import Operator
from ultravisor.life.orders import message_of
from ultravisor.life.protocol import IoOrder, IoOrderName
from ultravisor.machine.devices import Devices
from ultravisor.partitions import messages
from ultravisor.resources.records import Channel, ChannelEnd, Device

if TYPE_CHECKING:
    from pathlib import Path

    from tests.guests.living_hosts import Answer
    from ultravisor.life.living_host import LivingSnapshot

SERVERS = ("io-a", "io-b")
FAULTS = ("crash", "hang", "break")
PROMPT = "> "
REPORT = re.compile(r"(\d+) requests ended, (\d+) failed, (\d+) sectors wrong, (\d+) sent again")


class Report(NamedTuple):
    """What a `reads_writes` says at its end."""

    ended: int
    failed: int
    wrong: int
    sent_again: int


class Client(NamedTuple):
    """A guest with a disk of its own, and what follows its image's name on its command line."""

    name: str
    image: str
    line: str
    network: bool = False


def machine_text(
    clients: tuple[Client, ...], *, monitor: str = "native", processors: int = 1, disk: str = ""
) -> str:
    """Return a machine with the media of clients: disk0 for the first, to which `disk` adds."""
    text = f'[host]\nmonitor = "{monitor}"\nprocessors = {processors}\n'
    for number, client in enumerate(clients):
        text += f'[[device]]\nname = "disk{number}"\nkind = "block"\nsize_mib = 4\n'
        text += f"{disk}\n" if number == 0 else ""
        if client.network:
            text += f'[[device]]\nname = "net{number}"\nkind = "network"\nswitch = "lan"\n'
    return text


def policy_text(clients: tuple[Client, ...], options: str = "") -> str:
    """Return two I/O partitions, with options, and their clients."""
    text = ""
    for port, name in enumerate(SERVERS):
        ports = [f"disk{number}.{port}" for number in range(len(clients))]
        ports += [f"net{number}.{port}" for number, row in enumerate(clients) if row.network]
        text += f'[[domain]]\nname = "{name}"\nkind = "io"\nimage = "io"\ndevices = {ports}\n'
        text += f'command_line = "{options}"\n'
    for number, row in enumerate(clients):
        text += f'[[domain]]\nname = "{row.name}"\nimage = "{row.image}"\n'
        text += f"command_line = '{row.line}'\n"
        text += f'[[disk]]\ndevice = "disk{number}"\nclient = "{row.name}"\n'
        if row.network:
            text += f'[[network]]\ndevice = "net{number}"\nclient = "{row.name}"\n'
    return text


class MediaOperator(Operator):
    """Somebody at a living host with media."""

    @classmethod
    def at(cls, folder: Path, *clients: Client, options: str = "", **machine: Any) -> MediaOperator:
        """Bring up a host with clients; `options` are the I/O partitions'."""
        (folder / "host.toml").write_text(machine_text(clients, **machine), encoding="utf-8")
        (folder / "policy.toml").write_text(policy_text(clients, options), encoding="utf-8")
        return cls([str(folder / "host.toml")], [folder / "policy.toml"])

    def go_back(self, snapshot: LivingSnapshot) -> None:
        """Be as at a snapshot; nothing was answered yet."""
        self.host.restore(snapshot)
        self.events.clear()
        self.answers.clear()
        self.devices.heal(0)
        list(self.host.machine.marks())

    @property
    def devices(self) -> Devices:
        """Return the devices of the machine."""
        return Devices(self.host.machine)

    def ports(self, medium: str = "disk0") -> dict[str, str]:
        """Return the states of a medium's ports, by the names of who owns them."""
        if self.host.infrastructure.database is None:
            return {}
        names = {row.number: row.name for row in self.host.partitions()}
        return {
            names.get(row.owner or 0, ""): str(row.state)
            for row in self.host.database.records(Device)
            if row.name.startswith(f"{medium}.")
        }

    def operating(self, medium: str = "disk0") -> str:
        """Return who operates a medium; empty: nobody."""
        owners = [name for name, state in self.ports(medium).items() if state == "operating"]
        assert len(owners) <= 1
        return owners[0] if owners else ""

    def standby(self, medium: str = "disk0") -> str:
        """Return who stands by for a medium; empty: nobody."""
        owners = [name for name, state in self.ports(medium).items() if state == "standby"]
        return owners[0] if owners else ""

    def is_whole(self, medium: str = "disk0") -> bool:
        """Say whether one port operates, the other stands by, and both paths are attached."""
        if not (self.operating(medium) and self.standby(medium)):
            return False
        return all(
            row.state == "attached"
            for row in self.host.database.records(Channel)
            if row.id in self.paths()
        )

    def paths(self, client: str = "client") -> dict[int, str]:
        """Return the channels between a client and I/O partitions, with the latter's names."""
        names = {row.number: row.name for row in self.host.partitions()}
        ends: dict[int, list[str]] = {}
        for row in self.host.database.records(ChannelEnd):
            ends.setdefault(row.channel, []).append(names.get(row.partition, ""))
        return {
            channel: name
            for channel, both in ends.items()
            for name in both
            if client in both and name in SERVERS
        }

    def enter(self, name: str, *lines: str) -> None:
        """Type lines at a console."""
        self.host.input(name, "".join(f"{line}\n" for line in lines).encode())

    def prompts(self, name: str) -> int:
        """Return how often a shell has asked for a line."""
        return self.console(name).count(PROMPT) if name in self.rows() else 0

    def type(self, name: str, *lines: str) -> None:
        """Type lines at a shell, each when the one before is done."""
        for line in lines:
            prompts = self.prompts(name)
            self.enter(name, line)
            self.until(partial(self._has_asked, name, prompts))

    def _has_asked(self, name: str, prompts: int) -> bool:
        return self.prompts(name) > prompts

    def io_order(self, order: IoOrderName, name: str) -> Answer:
        """Give an order about I/O, and wait for its answer."""
        return self.answer(self.give_io(order, name))

    def give_io(self, order: IoOrderName, name: str) -> int:
        """Give an order about I/O; return its number, without waiting."""
        request = IoOrder(order=order, name=name)
        return self.host.order(messages.encode(message_of(request)))

    def requests_done(self, medium: str = "disk0") -> int:
        """Return how many requests both ports of a medium have carried out."""
        rows = self.host.database.records(Device)
        ids = [row.id for row in rows if row.name.startswith(f"{medium}.")]
        return sum(self.devices.statistics(number).request_count for number in ids)

    def report(self, name: str = "client") -> Report:
        """Wait for the end of a `reads_writes`; return what it says."""
        self.until(lambda: self.state(name) in ("stopped", "failed"), 1_000_000)
        found = REPORT.search(self.console(name))
        assert found, self.console(name)
        return Report(*map(int, found.groups()))
