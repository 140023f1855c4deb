# SPDX-License-Identifier: GPL-2.0-or-later
"""A living host with two I/O partitions and one client, to be measured.

Owns how it is made and driven: in the native build, without a clock of timing, so that times of
this host are those of the emulation. What is measured is ultravisor.bench.io's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ultravisor.errors import UltravisorError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.living_host import LivingHost
from ultravisor.resources.records import Device, DeviceState

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER: Final = "first"
"""Whose port operates before anything happens."""
STEP_CYCLES: Final = 1_000_000
STEPS_LIMIT: Final = 100_000
MACHINE: Final = """
[[device]]
name = "disk"
kind = "block"
size_mib = 16
"""
# A slot that its owner does not use goes on: what is measured is work, not waiting for a turn.
POLICY: Final = """
[[domain]]
name = "first"
kind = "io"
image = "io"
devices = ["disk.0"]
command_line = "watchdog_cycles={watchdog_cycles}"
[[domain]]
name = "second"
kind = "io"
image = "io"
devices = ["disk.1"]
command_line = "watchdog_cycles={watchdog_cycles}"
[[domain]]
name = "client"
image = "reads_writes"
command_line = "{client}"
[[disk]]
device = "disk"
client = "client"
[[placement]]
donates = true
"""


class IoHost:
    """The host; a context manager."""

    def __init__(self, client: str, watchdog_cycles: int) -> None:
        """Make it, with a command line for the guest `reads_writes`."""
        with tempfile.TemporaryDirectory() as folder:
            machine, policy = Path(folder, "machine.toml"), Path(folder, "policy.toml")
            machine.write_text(MACHINE, encoding="utf-8")
            text = POLICY.format(client=client, watchdog_cycles=watchdog_cycles)
            policy.write_text(text, encoding="utf-8")
            plan = plan_life([str(machine)], [policy], {"timing": "off", "processors": 2})
        self.host = LivingHost(plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.host.close()

    def run(self, cycles: int = STEP_CYCLES) -> None:
        """Run one piece."""
        self.host.advance(cycles, lambda _: None, lambda *_: None, lambda *_: None)

    def until(self, holds: Callable[[], bool], what: str, cycles: int = STEP_CYCLES) -> None:
        """Run until something holds; raise UltravisorError where it never does."""
        for _ in range(STEPS_LIMIT):
            if holds():
                return
            self.run(cycles)
        raise UltravisorError(f"the measured host does not go on: {what}")

    def until_ready(self) -> None:
        """Run until the client uses its disk, and the other port stands by."""
        self.until(lambda: bool(self.console()), "the client finds its disk")
        self.until(lambda: DeviceState.STANDBY in self._ports(), "the other port stands by")

    def type_to_server(self, line: str) -> None:
        """Type a line at the console of the partition that serves."""
        self.host.input(SERVER, f"{line}\n".encode())

    def server_has_changed(self) -> bool:
        """Say whether the other port operates."""
        return self._ports()[1] is DeviceState.OPERATING

    def console(self) -> str:
        """Return what the client has written."""
        if self.host.infrastructure.database is None:
            return ""
        names = {row.name for row in self.host.partitions()}
        return self.host.console("client").decode() if "client" in names else ""

    def _ports(self) -> list[DeviceState]:
        return [row.state for row in self.host.database.records(Device)]
