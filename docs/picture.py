# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws what `make demo` shows and leaves, docs/demo.svg and docs/system.svg, for the README.

Run by `make docs`. The demonstration is deterministic, so the picture changes only when what
it shows does. The files need nothing from a network.
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
SYSTEM = TARGET.with_name("system.svg")
COLUMNS = 118


def demonstration() -> list[str]:
    """Return the lines of `ultravisor demo`, with colours."""
    command = [sys.executable, "-m", "ultravisor", "demo", "--picture", str(SYSTEM)]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.rstrip().splitlines()
    return [line.replace(str(SYSTEM), "build/demo.html") for line in lines]


def draw(lines: list[str]) -> str:
    """Return the picture; no web fonts, no names that change from run to run."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi("$ make demo\n" + "\n".join(lines)))
    picture = console.export_svg(title="make demo", unique_id="demo")
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    TARGET.write_text(draw(demonstration()), encoding="utf-8")
