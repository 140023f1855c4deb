# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulation of disks, from the guests' own code, and its histories.

Owns which files it is made of, and the reading of what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.io.c_programs import CHANNEL_FILES, output, program
from tests.io.disk_history import Applied, Begin, End, Event, Failed, Kept, Left, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DISK_FILES = ("disk", "disk_path", "disk_server", *CHANNEL_FILES)
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


def run(variant: str, begin: int, count: int, what: int | str = 0) -> list[str]:
    """Return what the seeds from `begin` on write; `what` is a mistake's number or who lies."""
    file = program(variant, SIMULATION, DISK_FILES, watched=True)
    return output([str(file), str(begin), str(count), str(what)])


def ask_rules(arguments: Iterable[str], lines: Iterable[tuple[int, ...]]) -> list[list[int]]:
    """Return what an end answers to signals by hand, under sanitizers."""
    file = program("sanitized", RULES, DISK_FILES)
    given = "".join(" ".join(map(str, line)) + "\n" for line in lines)
    return [[int(word) for word in line.split()] for line in output([str(file), *arguments], given)]


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
    for line in run(variant, begin, count, mistake):
        kind, *rest = line.split()
        numbers = [int(number) for number in rest]
        if kind == "S":
            seed, events = numbers[0], []
        elif kind == "F":
            yield Simulation(seed, tuple(events), *numbers[:3])
        else:
            events.append(_event(kind, numbers))
