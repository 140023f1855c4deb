# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests' programs of guests' code, compiled for this host, once plainly and with sanitizers.

Owns the compiler's line and how a program is run.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.channels.c_ends import COMMON, ROOT, VARIANTS, WARNINGS

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 300
# Files of the guests' that each end of a channel is made of.
CHANNEL_FILES = (
    "io_channel",
    "payload_area",
    "signal_queue",
    "channel_client",
    "channel_server",
    "guid",
)


@cache
def program(
    variant: str, names: tuple[str, ...], common: tuple[str, ...], *, watched: bool = False
) -> Path:
    """Return a program of this folder's files and the guests', compiled once a session.

    Args:
        variant: of VARIANTS.
        names: files of this folder, without ending; the first one names the program.
        common: files of guest_kernels/common.
        watched: whether the simulation sees each access to shared memory.
    """
    target = Path(mkdtemp(prefix="ultravisor-io-")) / f"{names[0]}-{variant}"
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(f"-std=c11 -D_GNU_SOURCE {WARNINGS}"),
        *VARIANTS[variant],
        *("-iquote", str(COMMON), "-iquote", str(ROOT / "monitor" / "abi")),
        *(("-include", str(HERE / "watched_word.h")) if watched else ()),
        *("-o", str(target)),
        *(str(HERE / f"{name}.c") for name in names),
        *(str(COMMON / f"{name}.c") for name in common),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


def output(command: list[str], given: str = "") -> list[str]:
    """Run a program and return the lines that it writes; it must end well."""
    # The inherited sanitizers of a sanitized interpreter are not the program's.
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
        env=environment,
    )
    assert done.returncode == 0, f"{done.stdout[-200:]}\n{done.stderr}"
    return done.stdout.splitlines()
