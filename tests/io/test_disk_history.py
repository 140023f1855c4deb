# SPDX-License-Identifier: GPL-2.0-or-later
"""The judge of histories: good ones pass, and each kind of bad one is refused for its reason."""

from __future__ import annotations

import pytest

from tests.io.disk_history import (
    IO_ERROR,
    SECTOR_COUNT,
    Applied,
    Begin,
    End,
    Event,
    Failed,
    Kept,
    Left,
    Operation,
    judge,
)

READ, WRITE, FLUSH, ZERO = (
    Operation.READ,
    Operation.WRITE,
    Operation.FLUSH,
    Operation.WRITE_ZEROES,
)
FENCED = 6


def value(request: int, sector: int = 0) -> int:
    """Return what a write puts into a sector."""
    return (request + 1) * SECTOR_COUNT + sector


def wrote(request: int, sector: int = 0) -> list[Event]:
    """A write of one sector, from begin to end."""
    return [
        Begin(request, WRITE, sector, 1),
        Applied(sector, value(request, sector)),
        End(request),
    ]


def left(first: int) -> Left:
    """A medium that holds zeros, but in sector 0."""
    return Left((first, *[0] * (SECTOR_COUNT - 1)))


FLUSHED: list[Event] = [Begin(9, FLUSH), Kept(), End(9)]

GOOD: dict[str, list[Event]] = {
    "write, read": [*wrote(0), Begin(1, READ, 0, 2), End(1, 0, (value(0), 0))],
    "repeated before its end": [Begin(0, WRITE, 0, 1), *[Applied(0, value(0))] * 2, End(0)],
    "torn by a failover, then whole": [
        Begin(0, WRITE, 0, 2),
        Applied(0, value(0)),
        Applied(0, value(0)),
        Applied(1, value(0, 1)),
        End(0),
    ],
    "failed in the middle: old and new may be read": [
        Begin(0, WRITE, 0, 2),
        Applied(0, value(0)),
        Failed(),
        End(0, IO_ERROR),
        Begin(1, READ, 0, 2),
        End(1, 0, (value(0), 0)),
    ],
    "zeros over a write": [
        *wrote(0),
        Begin(1, ZERO, 0, 1),
        Applied(0, 0),
        End(1),
        Begin(2, READ, 0, 1),
        End(2, 0, (0,)),
    ],
    "flushed and left": [*wrote(0), *FLUSHED, left(value(0))],
    "not flushed, and old": [*wrote(0), left(0)],
    "flushed, and newer": [*wrote(0), *FLUSHED, *wrote(10), left(value(10))],
    "written while the flush was under way, and not left": [
        Begin(0, FLUSH),
        *wrote(1),
        Kept(),
        End(0),
        left(0),
    ],
}

BAD: dict[str, tuple[list[Event], str]] = {
    "lost write": ([Begin(0, WRITE, 0, 1), End(0)], "request 0 ended and was not applied to 0"),
    "half a write": (
        [Begin(0, WRITE, 0, 2), Applied(0, value(0)), End(0)],
        "request 0 ended and was not applied to 1",
    ),
    "applied again after its end": (
        [*wrote(0), Applied(0, value(0))],
        "request 0 applied to 0 after its end",
    ),
    "applied again after a later write": (
        [
            Begin(0, WRITE, 0, 1),
            Applied(0, value(0)),
            Begin(1, WRITE, 0, 1),
            Applied(0, value(1)),
            Applied(0, value(0)),
            End(0),
            End(1),
        ],
        "request 0 applied to 0 after 1",
    ),
    "reordered": (
        [
            Begin(0, WRITE, 0, 1),
            Begin(1, WRITE, 0, 1),
            Applied(0, value(1)),
            Applied(0, value(0)),
            End(0),
            End(1),
        ],
        "request 0 applied to 0 after 1",
    ),
    "stale read": (
        [*wrote(0), *wrote(1), Begin(2, READ, 0, 1), End(2, 0, (value(0),))],
        f"read 2 saw {value(0)} in 0: stale, or not asked",
    ),
    "read of what is not there yet": (
        [Begin(0, WRITE, 0, 1), Begin(1, READ, 0, 1), End(1, 0, (value(0),))],
        f"read 1 saw {value(0)} in 0, which was not there",
    ),
    "short read": ([Begin(0, READ, 0, 2), End(0, 0, (0,))], "read 0 returned 1 sectors"),
    "torn sector": (
        [*wrote(0), Begin(1, READ, 0, 1), End(1, 0, (2**64 - 1,))],
        f"read 1 saw {2**64 - 1} in 0: stale, or not asked",
    ),
    "another's data": (
        [Begin(0, WRITE, 0, 1), Applied(1, value(0)), Applied(0, value(0)), End(0)],
        f"sector 1 was given {value(0)}, which nobody asked for",
    ),
    "flush that keeps nothing": (
        [*wrote(0), Begin(1, FLUSH), End(1)],
        "flush 1 ended and nothing was kept",
    ),
    "flush that only kept before": (
        [*wrote(0), Kept(), Begin(1, FLUSH), End(1)],
        "flush 1 ended and nothing was kept",
    ),
    "flushed and lost": (
        [*wrote(0), *FLUSHED, left(0)],
        "sector 0 has 0 after the end: request 0 was flushed",
    ),
    "flushed and older": (
        [*wrote(0), *wrote(1), *FLUSHED, left(value(0))],
        f"sector 0 has {value(0)} after the end: request 1 was flushed",
    ),
    "left and never applied": (
        [Begin(0, WRITE, 0, 1), left(value(0)), Applied(0, value(0)), End(0)],
        f"sector 0 has {value(0)} after the end: request -1 was flushed",
    ),
    "never ended": ([Begin(0, READ, 0, 1)], "request 0 never ended"),
    "ended twice": ([*wrote(0), End(0)], "request 0 ended and was not under way"),
    "the failover was seen": (
        [Begin(0, READ, 0, 1), End(0, FENCED)],
        "request 0 failed with 6, the medium did not",
    ),
    "failed by nobody": (
        [Begin(0, READ, 0, 1), End(0, IO_ERROR)],
        "request 0 failed with 1, the medium did not",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_passes(name: str) -> None:
    assert judge(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_refused_for_its_reason(name: str) -> None:
    history, reason = BAD[name]
    assert judge(history)[0] == reason
