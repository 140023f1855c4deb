# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be written to a terminal.

Owns the decision about colours, and the rule that guests' bytes cannot steer a
person's terminal. Imports nothing heavy: the command's top level uses it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

WEIGHTS = {"bold": 1, "dim": 2}
COLOURS = {
    "red": 31,
    "green": 32,
    "yellow": 33,
    "blue": 34,
    "magenta": 35,
    "cyan": 36,
    "bright_green": 92,
    "bright_yellow": 93,
    "bright_blue": 94,
    "bright_magenta": 95,
    "bright_cyan": 96,
}
CODES = WEIGHTS | COLOURS
# Red is for what went wrong.
PARTITION_COLOURS = tuple(name for name in COLOURS if name != "red")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def colours_wanted(stream: TextIO) -> bool:
    """Say whether colours go to a stream: a terminal, unless the environment forbids it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty()


def paint(text: str, colour: str, stream: TextIO) -> str:
    """Return the text in a colour or weight where the stream wants it."""
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if colours_wanted(stream) else text


def printable(text: str) -> str:
    """Return a text without characters that would steer a terminal; tabs stay."""
    return CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
