# SPDX-License-Identifier: GPL-2.0-or-later
"""Living hosts in which guests talk over a channel, unpaced and without a server.

Owns the policies and the running of such hosts, and what they have said. Used by the tests of
channels between guests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.life.life_plan import plan_life
from ultravisor.life.living_host import LivingHost
from ultravisor.partitions.messages import Order, encode

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.channels.statistics import ChannelStatistics
    from ultravisor.configuration import MonitorName
    from ultravisor.partitions.messages import OrderName
    from ultravisor.results import ConsoleOutput

STEP_CYCLES = 200_000
STEP_LIMIT = 1_000
TALK_TYPE = "7d0c1c52-9f0e-5a44-8a3b-2c9d6b1f4e10"
# Short slots: an answer waits for a whole round of them.
PLACEMENT = """
[[placement]]
quantum_cycles = 20000
donates = true
"""


def domain(name: str, image: str, command_line: str, more: str = "") -> str:
    """Return a domain of a policy."""
    return (
        f'[[domain]]\nname = "{name}"\nimage = "{image}"\ncommand_line = "{command_line}"\n{more}\n'
    )


def channel(name: str, server: str, client: str) -> str:
    """Return a channel of a policy."""
    return (
        f'[[channel]]\nname = "{name}"\nserver = "{server}"\nclient = "{client}"\n'
        f'type = "{TALK_TYPE}"\nsize_kib = 16\n'
    )


def pair(server: str = "ends=1", client: str = "messages=200", widths: str = "64-64") -> str:
    """Return a policy with a server and a client, in the widths `server-client`."""
    images = ["talk" if width == "64" else "talk_32" for width in widths.split("-")]
    return (
        domain("server", images[0], server)
        + domain("client", images[1], client)
        + channel("talk", "server", "client")
        + PLACEMENT
    )


class Talk:
    """A host in which guests talk; closed by `with`."""

    def __init__(self, folder: Path, policy: str, monitor: MonitorName = "native") -> None:
        path = folder / "policy.toml"
        path.write_text(policy)
        self.host = LivingHost(plan_life([], [path], {"monitor": monitor}))
        self.events: list[tuple[str, str, str]] = []
        self.answers: dict[int, bytes] = {}

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.host.close()

    def step(self, cycles: int = STEP_CYCLES) -> None:
        """Run a short while."""
        self.host.advance(cycles, self._console, self._event, self.answers.__setitem__)

    def _console(self, output: ConsoleOutput) -> None:
        assert output.data, "what is written is something"

    def _event(self, _cycles: int, kind: str, subject: str, text: str) -> None:
        self.events.append((kind, subject, text))

    def run_until(self, *expected: str) -> None:
        """Run until each of `name: line` is on that partition's console."""
        for _ in range(STEP_LIMIT):
            if all(self.has_said(*line.split(": ", 1)) for line in expected):
                return
            self.step()
        said = {name: self.lines(name) for name in ("server", "client")}
        raise AssertionError(f"not said: {expected}; but {said}")

    def has_said(self, name: str, line: str) -> bool:
        """Say whether a line that begins so is on a console."""
        return any(row.startswith(line) for row in self.lines(name))

    def lines(self, name: str) -> list[str]:
        """Return what partitions of a name have written."""
        if self.host.generation == 0 or name not in self.states():
            return []
        return self.host.console(name).decode().splitlines()

    def states(self) -> dict[str, tuple[str, int]]:
        """Return state and incarnation, by name."""
        return {row.name: (row.state, row.incarnation) for row in self.host.partitions()}

    def reason(self, name: str) -> str | None:
        """Return why a partition has ended."""
        return next(row.reason for row in self.host.partitions() if row.name == name)

    def give(self, order: OrderName, name: str) -> int:
        """Give an order; return its number."""
        return self.host.order(encode(Order(order, name)))

    def order(self, order: OrderName, name: str) -> None:
        """Give an order, and run until it is answered."""
        number = self.give(order, name)
        for _ in range(STEP_LIMIT):
            if number in self.answers:
                return
            self.step()
        raise AssertionError(f"{order} {name} is not answered")

    def channel(self) -> int:
        """Return the id of the channel over which they talk."""
        return next(row.id for row in self.host.channels() if row.type == TALK_TYPE)

    def statistics(self) -> ChannelStatistics:
        """Return what that channel says of itself."""
        return self.host.channel_statistics(self.channel())

    def run_until_sent(self, count: int) -> None:
        """Run until the client has sent so many messages, and not all."""
        for _ in range(STEP_LIMIT):
            rows = (
                [row for row in self.host.channels() if row.type == TALK_TYPE]
                if (self.host.generation)
                else []
            )
            if rows and rows[0].state == "attached":
                queues = self.statistics().queues
                if queues and queues[0].sent_count >= count:
                    return
            self.step()
        raise AssertionError(f"{count} messages were never sent")
