# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of one console at a terminal, in pieces as it comes.

Owns what lies across the border of two pieces: a carriage return is shown, as all that would steer
a terminal is, unless the line ends behind it.
"""

from __future__ import annotations

from ultravisor.cli.terminal import printable


class ConsoleText:
    """Pieces of one console, in their order."""

    def __init__(self) -> None:
        """Begin with nothing held back."""
        self._held = ""

    def take(self, text: str, *, final: bool = False) -> str:
        """Return what can be shown now; with `final` all of it."""
        whole = self._held + text
        self._held = "\r" if whole.endswith("\r") and not final else ""
        return printable(whole.removesuffix(self._held).replace("\r\n", "\n"))
