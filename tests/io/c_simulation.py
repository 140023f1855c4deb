# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulation of disks, compiled for this host from the guests' own code, and its histories.

Owns the compiling, once plainly and once with sanitizers, and the reading of what it writes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from tests.channels.c_ends import COMMON, ROOT, VARIANTS, WARNINGS
from tests.io.disk_history import Applied, Begin, End, Event, Failed, Kept, Left, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
DRIVERS = ("disk", "disk_path", "disk_server", "payload_area")
COMMON_NAMES = (*DRIVERS, "signal_queue", "channel_client", "channel_server", "guid")
SIMULATION = ("disk_faults", "disk_world", "medium")
RULES = ("disk_rules",)
LIE_TO_CLIENT = "lie-to-client"
LIE_TO_SERVERS = "lie-to-servers"
# What the model of the medium can do wrong, by number.
MISTAKES = {"no_fence": 1, "no_flush": 2, "early_end": 3, "lost_write": 4}


@dataclass(frozen=True, slots=True)
class Simulation:
    """What happened under one seed."""

    seed: int
    events: tuple[Event, ...]
    crashes: int
    takeovers: int
    repeated: int


@cache
def program(variant: str, *, rules: bool = False) -> Path:
    """Return the simulation, or the ends against signals by hand, compiled once a session."""
    names = RULES if rules else SIMULATION
    watched = () if rules else ("-include", str(HERE / "watched_word.h"))
    target = Path(mkdtemp(prefix="ultravisor-io-")) / f"{names[0]}-{variant}"
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(f"-std=c11 -D_GNU_SOURCE {WARNINGS}"),
        *VARIANTS[variant],
        *("-iquote", str(COMMON), "-iquote", str(ROOT / "monitor" / "abi")),
        *(*watched, "-o", str(target)),
        *(str(HERE / f"{name}.c") for name in names),
        *(str(COMMON / f"{name}.c") for name in COMMON_NAMES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


def _output(command: list[str], given: str = "") -> str:
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, f"{done.stdout[-200:]}\n{done.stderr}"
    return done.stdout


def run(variant: str, begin: int, count: int, what: int | str = 0) -> str:
    """Return what the seeds from `begin` on write; `what` is a mistake's number or who lies."""
    return _output([str(program(variant)), str(begin), str(count), str(what)])


def ask_rules(arguments: Iterable[str], lines: Iterable[tuple[int, ...]]) -> list[list[int]]:
    """Return what an end answers to signals by hand, under sanitizers."""
    command = [str(program("sanitized", rules=True)), *arguments]
    given = "".join(" ".join(map(str, line)) + "\n" for line in lines)
    return [[int(word) for word in line.split()] for line in _output(command, given).splitlines()]


def _event(kind: str, numbers: list[int]) -> Event:
    if kind == "I":
        request, operation, sector, sector_count = numbers
        return Begin(request, Operation(operation), sector, sector_count)
    if kind == "C":
        return End(numbers[0], numbers[1], tuple(numbers[2:]))
    if kind == "A":
        return Applied(*numbers)
    if kind == "P":
        return Left(tuple(numbers))
    return Kept() if kind == "Y" else Failed()


def simulations(
    begin: int, count: int, *, variant: str = "plain", mistake: int = 0
) -> Iterator[Simulation]:
    """Run so many seeds and return their histories."""
    seed, events = begin, list[Event]()
    for line in run(variant, begin, count, mistake).splitlines():
        kind, *rest = line.split()
        numbers = [int(number) for number in rest]
        if kind == "S":
            seed, events = numbers[0], []
        elif kind == "F":
            yield Simulation(seed, tuple(events), *numbers[:3])
        else:
            events.append(_event(kind, numbers))
