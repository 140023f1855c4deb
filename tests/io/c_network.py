# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulation of a network card with two paths, and the judge of its histories.

Owns what a history must keep: Ethernet's promise, and no more. Shares nothing with the drivers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.io.c_programs import CHANNEL_FILES, output, program

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NETWORK_FILES = ("network", "network_path", "network_server", *CHANNEL_FILES)
Event = tuple[str, int, int, int]


@dataclass(slots=True)
class Simulation:
    """What happened under one seed, and the card's counts at its end."""

    seed: int
    events: list[Event] = field(default_factory=list)
    crashes: int = 0
    passed: int = 0
    left: int = 0
    dropped: int = 0
    moved: int = 0
    lost: int = 0


def run(variant: str, begin: int, count: int, what: str) -> list[str]:
    """Return the lines of so many seeds."""
    file = program(variant, ("network_world",), NETWORK_FILES, watched=True)
    return output([str(file), str(begin), str(count), what])


def simulations(begin: int, count: int, what: str) -> Iterator[Simulation]:
    """Run so many seeds and return their histories."""
    current = Simulation(begin)
    for line in run("plain", begin, count, what):
        kind, *words = line.split()
        numbers = [int(word) for word in words]
        if kind == "S":
            current = Simulation(numbers[0])
        elif kind == "F":
            yield Simulation(current.seed, current.events, *numbers)
        else:
            path, number, whole = (*numbers, 0, 0)[:3]
            current.events.append((kind, path, number, whole))


def _increasing(numbers: list[int]) -> bool:
    return all(first < second for first, second in pairwise(numbers))


def _direction(events: Iterable[Event], begin: str, end: str) -> Iterator[str]:
    """What is wrong with frames that begin and end with these events."""
    begun = dict[int, int]()
    ended = list[int]()
    for kind, path, number, whole in events:
        if kind == begin:
            begun[number] = path
        elif kind == end:
            ended.append(number)
            if begun.get(number) != path:
                yield f"{end} {number}: did not begin on path {path}"
            if not whole:
                yield f"{end} {number}: other bytes"
    if any(times > 1 for times in Counter(ended).values()):
        yield f"{end}: a frame twice"
    if not _increasing(ended):
        yield f"{end}: out of order"


def judge(simulation: Simulation) -> list[str]:
    """Return what is wrong with a history; nothing: frames were passed once, whole, in order."""
    events = simulation.events
    wrong = [*_direction(events, "T", "W"), *_direction(events, "A", "R")]
    on_wire = sum(kind == "W" for kind, *_ in events)
    if not simulation.passed <= on_wire <= simulation.passed + simulation.left + simulation.dropped:
        wrong.append(f"{on_wire} frames on the wire, {simulation.passed} counted as passed")
    return wrong
