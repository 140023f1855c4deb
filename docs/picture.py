# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws docs/demo.svg: what `make demo` shows, as a picture for the README.

Run by `make docs`. The demonstration is deterministic, so the picture changes only when what
it shows does. The file needs nothing from a network.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).parent / "demo.svg"
COLUMNS = 118
# Of the consoles, the first and the last lines; the tables and the verdicts whole.
FIRST_LINES = 9
LAST_CONSOLE_LINES = 7


def demonstration() -> list[str]:
    """Return the lines of `ultravisor demo`, with colours."""
    command = [sys.executable, "-m", "ultravisor", "demo"]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.rstrip().splitlines()


def shorten(lines: list[str]) -> list[str]:
    """Leave out the middle of the consoles, and say so."""
    last = max(index for index, line in enumerate(lines) if "compute: " in line)
    kept_from = last + 1 - LAST_CONSOLE_LINES
    left_out = kept_from - FIRST_LINES
    return [*lines[:FIRST_LINES], f"        ... {left_out} more lines ...", *lines[kept_from:]]


def draw(lines: list[str]) -> str:
    """Return the picture; no web fonts, no names that change from run to run."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi("$ make demo\n" + "\n".join(lines)))
    picture = console.export_svg(title="make demo", unique_id="demo")
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    TARGET.write_text(draw(shorten(demonstration())), encoding="utf-8")
