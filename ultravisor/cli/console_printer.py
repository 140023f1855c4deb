# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests' consoles on standard output, interleaved line by line.

Owns the line buffer of each partition and the coloured prefix. Called while a host
runs; it must not know the host.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from ultravisor.cli.terminal import PARTITION_COLOURS, paint, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from ultravisor.results import ConsoleOutput

# A guest that never ends its line must not fill the host's memory.
LINE_LIMIT_CHARACTERS = 4096


class ConsolePrinter:
    """Prints whole lines as they come; what is unfinished, at the end."""

    def __init__(self, names: Sequence[str], stream: TextIO) -> None:
        self._stream = stream
        self._width = max((len(name) for name in names), default=0)
        self._colours: dict[str, str] = {}
        self._lines: dict[str, str] = {}
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        for name in names:
            self._add(name)

    def _add(self, name: str) -> None:
        """Take up a partition; in a host that lives, others come later."""
        self._colours[name] = PARTITION_COLOURS[len(self._colours) % len(PARTITION_COLOURS)]
        self._lines[name] = ""
        self._decoders[name] = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, output: ConsoleOutput) -> None:
        """Take what a partition wrote; print the lines that are complete."""
        name = output.partition
        if name not in self._lines:
            self._add(name)
        text = self._lines[name] + self._decoders[name].decode(output.data)
        *lines, rest = text.split("\n")
        while len(rest) > LINE_LIMIT_CHARACTERS:
            lines.append(rest[:LINE_LIMIT_CHARACTERS])
            rest = rest[LINE_LIMIT_CHARACTERS:]
        self._lines[name] = rest
        for line in lines:
            self._print(name, line)
        if lines:
            self._stream.flush()

    def finish(self) -> None:
        """Print what is left of unfinished lines."""
        for name, line in self._lines.items():
            rest = line + self._decoders[name].decode(b"", final=True)
            if rest:
                self._print(name, rest)
            self._lines[name] = ""
        self._stream.flush()

    def _print(self, name: str, line: str) -> None:
        prefix = paint(f"{name:<{self._width}} |", self._colours[name], self._stream)
        self._stream.write(f"{prefix} {printable(line.removesuffix(chr(13)))}\n")
