# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a partition's word that a port is lost counts.

Owns the wait between two reports of one teller: each costs transactions and a failover, and one
that tells without end must cost no one but itself. The first is heard at once; while a teller goes
on, the wait doubles, and it is forgotten after a quiet time. No report is dropped: it waits. Called
by the ultravisor program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORT_CYCLES: Final = 1_000_000
"""The wait between the first two reports of a teller: assumed."""
REPORT_MAXIMUM_CYCLES: Final = 1_000_000_000
QUIET_FACTOR: Final = 16
"""A teller that was quiet for so many of its waits begins anew."""


class Hearing(Struct, frozen=True):
    """When a teller was heard last, and how long its next report waits after that."""

    heard_cycles: int
    wait_cycles: int


class SavedBudget(Struct, frozen=True):
    """What must be known to go on."""

    hearings: dict[int, Hearing] = {}
    waiting: dict[int, int] = {}


class ReportBudget:
    """The tellers, and when each is heard again."""

    def __init__(self) -> None:
        """Begin with nobody heard."""
        self._hearings: dict[int, Hearing] = {}
        self._waiting: dict[int, int] = {}

    def take(self, lost: Mapping[int, int], now_cycles: int) -> tuple[int, ...]:
        """Return the ports that are lost as of now, of `lost`: each with who says so."""
        self._waiting = {}
        heard: list[int] = []
        tellers: set[int] = set()
        for port, teller in sorted(lost.items()):
            before = self._hearings.get(teller)
            due_cycles = 0 if before is None else before.heard_cycles + before.wait_cycles
            if teller not in tellers and due_cycles > now_cycles:
                self._waiting[teller] = due_cycles
                continue
            heard.append(port)
            if teller not in tellers:
                tellers.add(teller)
                self._hearings[teller] = _next(before, now_cycles)
        return tuple(heard)

    def due_cycles(self) -> list[int]:
        """Return when tellers that wait are heard."""
        return sorted(self._waiting.values())

    def save(self) -> SavedBudget:
        """Return what must be known to go on."""
        return SavedBudget(self._hearings, self._waiting)

    def load(self, saved: SavedBudget) -> None:
        """Go on from what was saved."""
        self._hearings, self._waiting = dict(saved.hearings), dict(saved.waiting)


def _next(before: Hearing | None, now_cycles: int) -> Hearing:
    """Return how long a teller that is heard now waits for its next hearing."""
    if before is None:
        return Hearing(now_cycles, REPORT_CYCLES)
    quiet = now_cycles - before.heard_cycles >= QUIET_FACTOR * before.wait_cycles
    wait_cycles = REPORT_CYCLES if quiet else 2 * before.wait_cycles
    return Hearing(now_cycles, min(wait_cycles, REPORT_MAXIMUM_CYCLES))
