# SPDX-License-Identifier: GPL-2.0-or-later
"""The paths that `bench switch` measures.

Owns their names, which guests run each, and where in the record of all instructions a path
begins and ends. guest_kernels/paths has the code; switch_run runs it, switch_measure reads
the record. Knows neither cycles nor machines.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, NamedTuple

StateName = Literal["warm", "cold-cache", "cold-tlb", "cold-predictor", "all-cold"]
TransportName = Literal["syscall", "int", "vmcall"]
# The instruction of each width's hypercall page.
PAGE_TRANSPORTS: Final[dict[int, TransportName]] = {64: "syscall", 32: "int"}
# `vmcall` is undefined without VT-x, so that it arrives by way of an exception; both have it.
TRANSPORTS: Final[dict[int, tuple[TransportName, ...]]] = {
    64: ("syscall", "vmcall"),
    32: ("int", "vmcall"),
}
IMAGES: Final = {64: "paths", 32: "paths_32"}
WIDTHS: Final = tuple(IMAGES)


class Scenario(NamedTuple):
    """The guests that run together: a word of the command line for each partition."""

    words: tuple[str, ...]
    client: int = 1
    """The partition whose rounds the host counts."""
    is_preempted: bool = False
    """No rounds: slots end."""


class Where(Enum):
    """What kind of point of a record begins or ends a path."""

    SYMBOL = "symbol"
    """An instruction of the image."""
    USER = "user"
    """One of the user program, which is copied to an address of its own."""
    MONITOR = "monitor"
    """The first that is the monitor's."""
    OTHER = "other"
    """The first of another partition than the first one; what led to it begins with the monitor."""


class Point(NamedTuple):
    """Where a path begins, or the first instruction that is no longer of it."""

    where: Where
    symbol: str = ""
    partition: int = 0


class Path(NamedTuple):
    """A path."""

    name: str
    sentence: str
    scenario: Scenario
    begin: Point
    end: Point
    is_call: bool = True
    """It begins with a call, for which there are several transports."""
    resumed: int | None = None
    """The partition that gets the processor."""


def _call(word: str) -> tuple[Scenario, Point, Point]:
    begin = Point(Where.SYMBOL, "path_call_begin", 1)
    return Scenario((word,)), begin, Point(Where.SYMBOL, "path_call_end", 1)


NOTHING: Final = Scenario(("path_none",))
_YIELD = Scenario(("path_yield", "path_yield_partner"))
# The server is first: the slot is its own, so that an event for it switches at once.
_EVENT = Scenario(("path_event_partner", "path_event"), client=2)
_YIELD_BEGIN = Point(Where.SYMBOL, "path_call_begin", 1)

PATHS: Final = (
    Path("null", "a call that does nothing, and its return", *_call("path_null")),
    Path(
        "yield",
        "from the call of one partition until another returns from its own",
        _YIELD,
        _YIELD_BEGIN,
        Point(Where.SYMBOL, "path_partner_end", 2),
        resumed=2,
    ),
    Path(
        "yield-round",
        "to the other partition and back; without the other's own work",
        _YIELD,
        _YIELD_BEGIN,
        Point(Where.SYMBOL, "path_call_end", 1),
        resumed=2,
    ),
    Path(
        "yield-fpu",
        "as yield, until the other one, and not as first, has used SSE",
        Scenario(("path_yield_floating", "path_yield_floating_partner")),
        _YIELD_BEGIN,
        Point(Where.SYMBOL, "path_partner_floating_end", 2),
        resumed=2,
    ),
    Path(
        "event",
        "an event to a waiting partition, and one back; with both handlers",
        _EVENT,
        Point(Where.SYMBOL, "path_call_begin", 2),
        Point(Where.SYMBOL, "path_call_end", 2),
        resumed=1,
    ),
    Path(
        "page-fault",
        "a store to nowhere: to the guest's handler and back behind the store",
        Scenario(("path_fault",)),
        Point(Where.MONITOR),
        Point(Where.SYMBOL, "path_fault_end", 1),
        is_call=False,
    ),
    Path(
        "system-call",
        "from a guest's user program to its kernel, which returns at once",
        Scenario(("path_system_call",)),
        Point(Where.USER, "user_call_begin", 1),
        Point(Where.USER, "user_call_end", 1),
        is_call=False,
    ),
    Path(
        "timer",
        "a slot ends: until the next partition's first instruction",
        Scenario(("path_preempt", "path_preempt"), is_preempted=True),
        Point(Where.MONITOR),
        Point(Where.OTHER),
        is_call=False,
    ),
    Path(
        "update-1",
        "one present entry of a page table is replaced by another",
        *_call("path_update_1"),
    ),
    Path(
        "update-64",
        "64 entries, in one call",
        *_call("path_update_64"),
    ),
    Path(
        "space",
        "the guest gives itself another address space",
        *_call("path_space"),
    ),
)
PATHS_BY_NAME: Final = {path.name: path for path in PATHS}
