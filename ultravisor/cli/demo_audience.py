# SPDX-License-Identifier: GPL-2.0-or-later
"""How the demonstration looks: headings, consoles, what became of whom, tables.

Owns the form only; what happens is ultravisor.demonstration's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from ultravisor.cli.console_printer import ConsolePrinter
from ultravisor.cli.io_ls import print_media
from ultravisor.cli.ps import print_partitions
from ultravisor.cli.terminal import paint
from ultravisor.life.media_rows import port_rows
from ultravisor.topology import gather

if TYPE_CHECKING:
    from ultravisor.life.living_host import LivingHost
    from ultravisor.results import ConsoleOutput

PARTITIONS = ("io-a", "io-b", "alice", "bob", "carol")
# Of a life's many events, those that a newcomer can follow.
FOLLOWED = {
    "partition": ("running", "failed", "stopped"),
    "device": ("operating",),
}
HEADING, EVENT = "bold", "dim"


class DemonstrationAudience:
    """Shows the story on a stream, or nothing of it."""

    def __init__(self, stream: TextIO, *, shown: bool) -> None:
        self._stream = stream
        self._shown = shown
        self._printer = ConsolePrinter(PARTITIONS, stream)
        self.topology: dict[str, Any] = {}
        """What the host consisted of when it was looked at."""

    def heading(self, text: str) -> None:
        """Show what happens next."""
        if self._shown:
            self._printer.finish()
            print(f"\n{paint(text, HEADING, self._stream)}", file=self._stream)

    def console(self, output: ConsoleOutput) -> None:
        """Show a partition's lines."""
        if self._shown:
            self._printer.write(output)

    def event(self, clock_cycles: int, kind: str, subject: str, text: str) -> None:
        """Show what became of a partition or a device, where anybody can follow it."""
        sentence = text.rpartition(" (")[0]
        state = sentence.partition(" -> ")[2].partition(":")[0]
        if self._shown and state in FOLLOWED.get(kind, ()):
            line = f"  {clock_cycles:>11,} cycles: {subject} {sentence}"
            print(paint(line, EVENT, self._stream), file=self._stream)

    def looked(self, host: LivingHost) -> None:
        """Show the tables, and keep what a picture is drawn from."""
        self.topology = gather(host.database, "system")
        if self._shown:
            self._printer.finish()
            print(file=self._stream)
            print_partitions(msgspec.to_builtins(host.partitions()))
            print_media(msgspec.to_builtins(port_rows(host.database)))
