# SPDX-License-Identifier: GPL-2.0-or-later
"""What each end of a network channel makes of wrong signals, one by one, at the limits."""

from __future__ import annotations

from enum import IntEnum

import pytest

from tests.io.c_network import NETWORK_FILES
from tests.io.c_programs import output, program

PAYLOAD = 20480
CHANNEL_SIZE_BYTES = 86016 + 65536
LIMIT = 1514
DESCRIBE, SEND, POST, RECLAIM, LINK = range(1, 6)
STAND_BY, OPERATE, LINK_DOWN, LINK_UP = ((100 + number, 0, 0) for number in range(4))
COMPLETE, ROOM, QUIET, AT_ONCE = range(104, 108)
UNNOTICED = 200


class Status(IntEnum):
    """The statuses of the contract."""

    OK = 0
    DROPPED = 1
    INVALID = 2
    CANCELLED = 3
    UNSUPPORTED = 4


def ask(end: str, lines: list[tuple[int, ...]]) -> list[list[int]]:
    """Return what an end answers to signals by hand, under sanitizers."""
    command = [str(program("sanitized", ("network_rules",), NETWORK_FILES)), end]
    given = "".join(" ".join(map(str, line)) + "\n" for line in lines)
    return [[int(word) for word in line.split()] for line in output(command, given)]


def server(*lines: tuple[int, int, int]) -> list[list[int]]:
    """Return number, operation, status and size of answers; and stops, strays, under way."""
    return [answer[:4] for answer in ask("server", list(lines))]


def statuses(*lines: tuple[int, int, int]) -> list[int]:
    """Return the statuses of answers."""
    return [answer[2] for answer in server(*lines)[:-1]]


FRAME, BUFFER = (SEND, PAYLOAD, 60), (POST, PAYLOAD, LIMIT)


@pytest.mark.parametrize(
    "request_",
    [
        (SEND, PAYLOAD, 13),
        (SEND, PAYLOAD, 1001),
        (SEND, PAYLOAD, 2**32 - 1),
        (SEND, PAYLOAD - 1, 60),
        (SEND, 0, 60),
        (SEND, CHANNEL_SIZE_BYTES - 59, 60),
        (SEND, 2**32 - 1, 60),
        (POST, PAYLOAD, LIMIT - 1),
        (POST, PAYLOAD - 1, LIMIT),
        (POST, PAYLOAD, CHANNEL_SIZE_BYTES - PAYLOAD + 1),
        (POST, PAYLOAD, 2**32 - 1),
        (POST, CHANNEL_SIZE_BYTES - LIMIT + 1, LIMIT),
    ],
)
def test_a_wrong_buffer_is_invalid_whether_the_server_operates_or_not(
    request_: tuple[int, int, int],
) -> None:
    assert statuses(request_, OPERATE, request_) == [Status.INVALID, Status.INVALID]


@pytest.mark.parametrize(
    "request_",
    [
        (SEND, PAYLOAD, 14),
        (SEND, PAYLOAD, 1000),
        (SEND, CHANNEL_SIZE_BYTES - 60, 60),
        (POST, CHANNEL_SIZE_BYTES - LIMIT, LIMIT),
        (POST, PAYLOAD, CHANNEL_SIZE_BYTES - PAYLOAD),
    ],
)
def test_a_right_buffer_is_handed_to_the_back_end(request_: tuple[int, int, int]) -> None:
    assert server(OPERATE, request_) == [[0, 0, 1]]


@pytest.mark.parametrize("operation", [0, LINK, 6, 77])
def test_an_unknown_operation_is_unsupported(operation: int) -> None:
    assert statuses(OPERATE, (operation, PAYLOAD, 60)) == [Status.UNSUPPORTED]


def test_a_server_describes_its_network_before_it_operates() -> None:
    assert ask("server", [(DESCRIBE, 0, 0)])[0] == [1, DESCRIBE, Status.OK, 1000, 0, 5]


def test_a_server_serves_only_while_it_operates() -> None:
    assert statuses(FRAME, BUFFER) == [Status.DROPPED, Status.CANCELLED]
    assert statuses(OPERATE, STAND_BY, FRAME, BUFFER) == [Status.DROPPED, Status.CANCELLED]


def test_what_is_under_way_ends_with_the_server_s_operation() -> None:
    answers = server(OPERATE, FRAME, BUFFER, (ROOM, 2, 0), FRAME, BUFFER, STAND_BY)
    ends = sorted((number, status, size) for number, _, status, size in answers[:-1])
    dropped, cancelled = (Status.DROPPED, 60), (Status.CANCELLED, 0)
    assert ends == [(2, *dropped), (3, *cancelled), (5, *dropped), (6, *cancelled)]
    assert answers[-1] == [1, 0, 0]


def test_what_was_asked_before_a_server_operates_is_given_up() -> None:
    unnoticed = [(UNNOTICED + one[0], *one[1:]) for one in (FRAME, BUFFER, (DESCRIBE, 0, 0))]
    ends = [Status.DROPPED, Status.CANCELLED, Status.OK]
    assert statuses(*unnoticed, OPERATE) == ends
    # What was never taken counts as no buffer of the next life.
    assert statuses(*unnoticed, OPERATE, *[BUFFER] * 65) == [*ends, Status.DROPPED]


def test_a_reclaim_gives_every_buffer_back_before_its_answer() -> None:
    answers = server(OPERATE, BUFFER, BUFFER, (RECLAIM, 0, 0), (RECLAIM, 0, 0))
    assert [answer[1:3] for answer in answers[:-1]] == [
        [POST, Status.CANCELLED],
        [POST, Status.CANCELLED],
        [RECLAIM, Status.OK],
        [RECLAIM, Status.OK],
    ]
    # The second one found nothing to stop.
    assert answers[-1] == [1, 0, 0]


def test_posted_buffers_are_bounded() -> None:
    assert statuses(OPERATE, *[BUFFER] * 66) == [Status.DROPPED, Status.DROPPED]


@pytest.mark.parametrize(
    ("size_bytes", "status"),
    [(13, Status.DROPPED), (14, Status.OK), (LIMIT, Status.OK), (LIMIT + 1, Status.DROPPED)],
)
def test_a_device_s_size_is_passed_on_only_when_it_can_be(size_bytes: int, status: Status) -> None:
    answers = server(OPERATE, BUFFER, (COMPLETE, Status.OK, size_bytes))
    assert answers[0] == [2, POST, status, size_bytes if status == Status.OK else 0]


def test_a_completion_of_nothing_is_counted() -> None:
    assert server(OPERATE, (COMPLETE, 0, 60)) == [[0, 1, 0]]


def test_a_full_device_is_asked_again_in_the_order_of_requests() -> None:
    done = (COMPLETE, Status.OK, 60)
    answers = server((ROOM, 1, 0), OPERATE, FRAME, FRAME, FRAME, done, done, done)
    assert [answer[0] for answer in answers[:-1]] == [3, 4, 5]


def test_an_answer_does_not_overtake_those_that_found_no_room() -> None:
    describe = (DESCRIBE, 0, 0)
    quiet = [OPERATE, FRAME, (QUIET, 1, 0), *[describe] * 130]
    answers = server(*quiet, (UNNOTICED + QUIET, 0, 0), (COMPLETE, Status.OK, 60))
    assert [answer[0] for answer in answers[:-1]] == [*range(4, 134), 2]


def test_a_device_may_complete_at_once() -> None:
    begun = [(ROOM, 0, 0), OPERATE, *[FRAME] * 30, (AT_ONCE, 1, 0), FRAME]
    answers = server(*begun)
    assert [answer[0] for answer in answers[:-1]] == [*range(3, 33), 34]


def test_a_client_is_told_of_a_link_that_changes_once() -> None:
    answers = ask("server", [LINK_UP, LINK_UP, LINK_DOWN])[:-1]
    assert [(answer[1], answer[4]) for answer in answers] == [(LINK, 1), (LINK, 0)]


# What a server says: limit of frames, bytes of the address, flags; to which operation it answers
# what, once: what is added to the operation, status, size.
RIGHT = (LIMIT, 2, 1, SEND, 0, Status.OK, 60)


def client(*servers: tuple[int, ...]) -> list[list[int]]:
    """Return lost, moved, bytes received, sent, limit, up; used again at once, and later."""
    return ask("client", list(servers))


def test_a_client_takes_what_the_server_describes() -> None:
    assert client(RIGHT) == [[0, 1, 0, 3, LIMIT, 1, 1, 1]]
    assert client((2**32 - 1, *RIGHT[1:]))[0][4] == LIMIT
    assert client((82, *RIGHT[1:]))[0][:5] == [0, 1, 0, 3, 82]


def test_a_link_that_is_down_is_not_announced() -> None:
    assert client((LIMIT, 2, 0, 0, 0, 0, 0))[0] == [0, 0, 0, 3, LIMIT, 0, 1, 1]


@pytest.mark.parametrize("size_bytes", [14, LIMIT])
def test_a_frame_that_fits_is_received(size_bytes: int) -> None:
    assert client((LIMIT, 2, 1, POST, 0, Status.OK, size_bytes))[0][:3] == [0, 1, size_bytes]


@pytest.mark.parametrize("operation", [SEND, POST])
def test_what_is_dropped_loses_no_path(operation: int) -> None:
    assert client((LIMIT, 2, 1, operation, 0, Status.DROPPED, 0))[0][:3] == [0, 1, 0]


@pytest.mark.parametrize(
    "server_",
    [
        (81, *RIGHT[1:]),
        (LIMIT, 0, *RIGHT[2:]),
        (LIMIT, 3, *RIGHT[2:]),
        (LIMIT, 2, 1, POST, 0, Status.OK, 13),
        (LIMIT, 2, 1, POST, 0, Status.OK, LIMIT + 1),
        (LIMIT, 2, 1, POST, 0, Status.CANCELLED, 0),
        (LIMIT, 2, 1, SEND, 0, Status.INVALID, 60),
        (LIMIT, 2, 1, SEND, 0, 5, 60),
        (LIMIT, 2, 1, SEND, 1, Status.OK, 60),
    ],
    ids=[
        "limit",
        "no address",
        "group",
        "short",
        "long",
        "cancelled",
        "invalid",
        "unknown status",
        "other operation",
    ],
)
def test_a_path_whose_server_breaks_the_rules_is_lost(server_: tuple[int, ...]) -> None:
    answer = client(server_)[0]
    assert (answer[0], answer[2]) == (1, 0)
    assert answer[5:] == [0, 0, 1]


@pytest.mark.parametrize("second", [(LIMIT - 1, 2), (LIMIT, 4)])
def test_a_second_path_of_another_card_is_lost(second: tuple[int, int]) -> None:
    assert client(RIGHT, (*second, *RIGHT[2:]))[1][:4] == [1, 0, 0, 0]
