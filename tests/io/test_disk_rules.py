# SPDX-License-Identifier: GPL-2.0-or-later
"""What each end of a disk channel makes of wrong signals, one by one, at the limits."""

from __future__ import annotations

from enum import IntEnum

import pytest

from tests.io.c_simulation import ask_rules

CAPACITY, LIMIT = 1000, 200
PAYLOAD = 20480
CHANNEL_SIZE_BYTES = 86016 + 65536
AREA_SECTORS = (CHANNEL_SIZE_BYTES - PAYLOAD) // 512
DESCRIBE, READ, WRITE, FLUSH, DISCARD, ZERO = range(1, 7)
READ_ONLY, CAN_DISCARD = 1, 2
UNNOTICED = 200
OPERATE, STAND_BY = (101, 0, 0, 0), (100, 0, 0, 0)
PENDING = -1


class Status(IntEnum):
    """The statuses of the contract."""

    OK = 0
    IO_ERROR = 1
    UNSUPPORTED = 2
    INVALID = 3
    READ_ONLY = 4
    NO_SPACE = 5
    FENCED = 6


def statuses(flags: int, *requests: tuple[int, int, int, int]) -> list[int]:
    """Return how a server of 1000 sectors answers requests."""
    return [answer[0] for answer in ask_rules(("server", str(flags)), requests)]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ((READ, 0, 1, PAYLOAD), Status.OK),
        ((WRITE, CAPACITY - 1, 1, PAYLOAD), Status.OK),
        ((READ, CAPACITY, 1, PAYLOAD), Status.INVALID),
        ((READ, CAPACITY - 1, 2, PAYLOAD), Status.INVALID),
        ((READ, 2**64 - 1, 2, PAYLOAD), Status.INVALID),
        ((READ, 0, 0, PAYLOAD), Status.INVALID),
        ((READ, 0, LIMIT, PAYLOAD), Status.OK),
        ((READ, 0, LIMIT + 1, PAYLOAD), Status.INVALID),
        ((READ, 0, 2**32 - 1, PAYLOAD), Status.INVALID),
        ((READ, 0, 1, PAYLOAD - 1), Status.INVALID),
        ((READ, 0, 1, 0), Status.INVALID),
        ((READ, 0, 1, CHANNEL_SIZE_BYTES - 512), Status.OK),
        ((READ, 0, 1, CHANNEL_SIZE_BYTES - 511), Status.INVALID),
        ((READ, 0, 1, 2**32 - 1), Status.INVALID),
        ((FLUSH, 2**64 - 1, 2**32 - 1, 2**32 - 1), Status.OK),
        ((DISCARD, 0, CAPACITY, 0), Status.OK),
        ((ZERO, 1, CAPACITY, 0), Status.INVALID),
        ((0, 0, 1, PAYLOAD), Status.UNSUPPORTED),
        ((7, 0, 1, PAYLOAD), Status.UNSUPPORTED),
    ],
)
def test_a_server_answers_each_request_by_its_rule(
    request_: tuple[int, int, int, int], status: Status
) -> None:
    assert statuses(CAN_DISCARD, OPERATE, request_) == [status]


@pytest.mark.parametrize("operation", [DISCARD, ZERO])
def test_a_server_without_discard_supports_none(operation: int) -> None:
    assert statuses(0, OPERATE, (operation, 0, 1, 0)) == [Status.UNSUPPORTED]


@pytest.mark.parametrize("operation", [WRITE, DISCARD, ZERO])
def test_a_read_only_disk_is_not_changed(operation: int) -> None:
    flags = READ_ONLY | CAN_DISCARD
    assert statuses(flags, OPERATE, (operation, 0, 1, PAYLOAD)) == [Status.READ_ONLY]
    assert statuses(flags, OPERATE, (READ, 0, 1, PAYLOAD)) == [Status.OK]


def test_a_server_serves_only_while_it_operates() -> None:
    read = (READ, 0, 1, PAYLOAD)
    answers = statuses(0, read, OPERATE, read, STAND_BY, read, OPERATE, read)
    assert answers == [Status.FENCED, Status.OK, Status.FENCED, Status.OK]


def test_a_server_describes_its_disk_before_it_operates() -> None:
    answers = ask_rules(("server", str(READ_ONLY)), [(DESCRIBE, 0, 0, 0)])
    assert answers == [[Status.OK, CAPACITY, LIMIT, READ_ONLY]]


def test_what_was_asked_before_a_server_operates_is_not_carried_out() -> None:
    """Another path may have carried it out meanwhile, and something later, too."""
    unnoticed = (UNNOTICED + WRITE, 0, 1, PAYLOAD)
    assert statuses(0, unnoticed, OPERATE) == [Status.FENCED]
    assert statuses(0, OPERATE, unnoticed, STAND_BY, OPERATE) == [Status.FENCED]


def client(*servers: tuple[int, int, int, int, int, int]) -> list[list[int]]:
    """Return status, lost paths, capacity, limit and flags after a read from each server."""
    return ask_rules(("client",), servers)


def test_a_client_takes_what_the_server_describes() -> None:
    assert client((CAPACITY, LIMIT, 2, 0, 0, 0))[0][:5] == [Status.OK, 0, CAPACITY, LIMIT, 2]


def test_a_client_s_transfers_fit_its_area() -> None:
    assert client((CAPACITY, 2**32 - 1, 0, 0, 0, 0))[0][2:4] == [CAPACITY, AREA_SECTORS]


def test_flags_that_nobody_knows_are_dropped() -> None:
    assert client((CAPACITY, LIMIT, 2**32 - 1, 0, 0, 0))[0][4] == READ_ONLY | CAN_DISCARD


@pytest.mark.parametrize("status", [Status.IO_ERROR, Status.INVALID, Status.NO_SPACE])
def test_an_error_of_the_disk_reaches_the_user(status: Status) -> None:
    assert client((CAPACITY, LIMIT, 0, status, 0, 0))[0][:2] == [status, 0]


@pytest.mark.parametrize(
    "server",
    [
        (0, LIMIT, 0, 0, 0, 0),
        (CAPACITY, 0, 0, 0, 0, 0),
        (CAPACITY, LIMIT, 0, 7, 0, 0),
        (CAPACITY, LIMIT, 0, 0, 1, 0),
        (CAPACITY, LIMIT, 0, Status.FENCED, 0, 0),
    ],
    ids=["no sectors", "no limit", "unknown status", "other operation", "fenced"],
)
def test_a_path_whose_server_breaks_the_rules_is_lost(
    server: tuple[int, int, int, int, int, int],
) -> None:
    answer = client(server)[0]
    assert answer[:2] == [PENDING, 1]
    # Until it has been said not to operate, what it had may still be under way.
    assert answer[5:] == [0, 1]


@pytest.mark.parametrize(
    "second",
    [(CAPACITY + 1, LIMIT, 0), (CAPACITY, LIMIT - 1, 0), (CAPACITY, LIMIT, READ_ONLY)],
)
def test_a_second_path_to_another_disk_is_lost(second: tuple[int, int, int]) -> None:
    answers = client((CAPACITY, LIMIT, 0, 0, 0, 0), (*second, 0, 0, 0))
    assert answers[1][:5] == [PENDING, 1, CAPACITY, LIMIT, 0]


@pytest.mark.parametrize(("sector", "status"), [(CAPACITY - 1, 0), (CAPACITY, 3), (2**64 - 1, 3)])
def test_a_client_asks_for_nothing_beyond_the_disk(sector: int, status: int) -> None:
    assert client((CAPACITY, LIMIT, 0, 0, 0, sector))[0][:2] == [status, 0]


def transfers(*lines: tuple[int, int, int, int]) -> list[list[int]]:
    """Return status, number of requests and sum of bytes of whole transfers, one by one."""
    return ask_rules(("transfer",), lines)


def test_a_long_transfer_is_done_in_pieces() -> None:
    written, read = transfers((WRITE, 10, 500, 3), (READ, 9, 502, 0))
    # The area holds 256 sectors, the server's limit is 200.
    assert written[:2] == [Status.OK, 3]
    assert read == [Status.OK, 3, 500 * 512 * 3]


def test_zeroes_and_flushes_need_one_request() -> None:
    flush = (FLUSH, 0, 0, 0)
    answers = transfers((WRITE, 0, 1000, 1), (ZERO, 0, 999, 0), flush, (READ, 0, 1000, 9))
    assert [answer[:2] for answer in answers] == [[0, 5], [0, 1], [0, 1], [0, 5]]
    assert answers[3][2] == 512


def test_a_transfer_ends_with_its_first_bad_piece() -> None:
    assert transfers((READ, 700, 400, 0))[0][:2] == [Status.INVALID, 1]
