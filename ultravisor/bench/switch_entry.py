# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulated monitor, built with an entry path of the user's own.

Owns the call of the monitor's Makefile. The sources are the project's folder `monitor`, which
an installed package does not have. Called by the command.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ultravisor.errors import ConfigurationError, MissingExtraError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

ENTRY_FOLDER: Final = Path(__file__).resolve().parents[2] / "monitor" / "entry"
TOOLS: Final = ("make", "gcc", "ld", "objdump", "nm")
BUILD_LIMIT_SECONDS: Final = 300
LINES_SHOWN: Final = 12


def build_monitor(entry: Path, folder: Path) -> Path:
    """Build a monitor in a folder; return its image."""
    if not entry.is_file():
        raise NotFoundError(
            f"{entry}: no such file", f"begin with a copy of {_shown(ENTRY_FOLDER / 'entry.S')}"
        )
    _require_sources()
    output = folder / "images"
    done = subprocess.run(
        [
            "make",
            "--silent",
            f"--directory={ENTRY_FOLDER}",
            f"ENTRY={entry.resolve()}",
            f"OUTPUT={output}",
            f"BUILD={folder / 'objects'}",
            str(output / "monitor.elf"),
        ],
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ConfigurationError(
            f"{entry}: the monitor cannot be built with it:\n{_tail(done.stderr.splitlines())}",
            f"it has to define what {_shown(ENTRY_FOLDER / 'entry.S')} defines",
        )
    return output / "monitor.elf"


def _require_sources() -> None:
    if not (ENTRY_FOLDER / "Makefile").is_file():
        raise MissingExtraError(
            "the monitor's sources are not installed",
            "run the command in a checkout of the project, after `make build`",
        )
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise MissingExtraError(
            f"the monitor cannot be built without {', '.join(missing)}", "install a compiler"
        )


def _tail(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines[:LINES_SHOWN])


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])
