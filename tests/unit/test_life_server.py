# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket of a living host: lines, limits, several clients, and none who hurts the others."""

from __future__ import annotations

import json
import socket
import stat
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ultravisor.errors import UsageError
from ultravisor.life import server as server_module
from ultravisor.life.protocol import LINE_LIMIT_BYTES, AnyRequest, Events, Logs, Ps
from ultravisor.life.server import CLIENT_LIMIT, FOLLOW, Client, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Recorder:
    """A handler that remembers what it was asked, and by whom."""

    def __init__(self) -> None:
        self.requests: list[AnyRequest] = []
        self.followers: list[Client] = []
        self.forgotten: list[Client] = []

    def handle(self, request: AnyRequest, client: Client) -> object:
        self.requests.append(request)
        if isinstance(request, Events):
            self.followers.append(client)
            return FOLLOW
        if isinstance(request, Logs):
            raise UsageError("no partition is named `x`", "see `ultravisor ps`")
        return {"asked": len(self.requests)}

    def forget(self, client: Client) -> None:
        self.forgotten.append(client)


class Peer:
    """A client that sends raw bytes."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.socket.setblocking(False)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answers(self, server: Server, count: int) -> list[dict[str, Any]]:
        """Return so many answers, with the server having its turns."""
        data = b""
        for _ in range(100):
            server.poll(0.01)
            try:
                data += self.socket.recv(1 << 20)
            except BlockingIOError:
                continue
            if data.count(b"\n") >= count:
                break
        return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def handler() -> Recorder:
    return Recorder()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "h.sock"


@pytest.fixture
def peer_of(path: Path) -> Iterator[Callable[[], Peer]]:
    peers: list[Peer] = []

    def connect() -> Peer:
        peers.append(Peer(path))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.socket.close()


@pytest.fixture
def server(path: Path, handler: Recorder) -> Iterator[Server]:
    with closing(Server(path, handler)) as server:
        yield server


def test_the_socket_is_its_owners_alone(server: Server, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_socket_goes_with_the_server(path: Path, handler: Recorder) -> None:
    Server(path, handler).close()
    assert not path.exists()


def test_a_socket_that_was_left_is_replaced(
    peer_of: Callable[[], Peer], path: Path, handler: Recorder
) -> None:
    path.write_bytes(b"")
    with closing(Server(path, handler)) as server:
        peer = peer_of()
        peer.send(b'{"verb":"ps","id":3}\n')
        assert peer.answers(server, 1) == [{"id": 3, "result": {"asked": 1}}]


def test_requests_are_answered_in_order_with_their_ids(
    peer_of: Callable[[], Peer], server: Server, path: Path
) -> None:
    peer = peer_of()
    peer.send(b'{"verb":"ps","id":7}\n{"verb":"ps","id":8}\n')
    assert peer.answers(server, 2) == [
        {"id": 7, "result": {"asked": 1}},
        {"id": 8, "result": {"asked": 2}},
    ]


def test_a_line_may_come_in_pieces(
    peer_of: Callable[[], Peer], server: Server, path: Path, handler: Recorder
) -> None:
    peer = peer_of()
    peer.send(b'{"verb":')
    server.poll(0.01)
    server.poll(0.01)
    peer.send(b'"ps","id":1}\n')
    assert peer.answers(server, 1) == [{"id": 1, "result": {"asked": 1}}]
    assert handler.requests == [Ps(id=1)]


def test_a_refusal_names_its_kind_and_what_to_do(
    peer_of: Callable[[], Peer], server: Server, path: Path
) -> None:
    peer = peer_of()
    peer.send(b'{"verb":"logs","id":2,"partition":"x"}\n')
    assert peer.answers(server, 1) == [
        {
            "id": 2,
            "error": {
                "kind": "UsageError",
                "message": "no partition is named `x`",
                "hint": "see `ultravisor ps`",
            },
        }
    ]


@pytest.mark.parametrize(
    ("line", "identifier", "why"),
    [
        (b"hello", 0, "malformed"),
        (b"\xff\xfe", 0, "malformed"),
        (b"[]", 0, "Expected `object`"),
        (b'{"verb":"nonsense","id":4}', 4, "Invalid value 'nonsense'"),
        (b'{"verb":"ps","id":5,"more":1}', 5, "unknown field `more`"),
        (b'{"verb":"logs","id":6}', 6, "missing required field `partition`"),
        (b'{"verb":"logs","id":7,"partition":""}', 7, "length >= 1"),
        (b'{"verb":"events","id":8,"since":-1}', 8, ">= 0"),
        (b'{"verb":"ps","id":9223372036854775808}', 9223372036854775808, "<= 9223372036854775807"),
        (b'{"verb":"txn","operations":' + b"[" * 5000, 0, ""),
    ],
)
def test_what_is_no_request_is_refused_and_its_client_stays(
    peer_of: Callable[[], Peer], server: Server, path: Path, line: bytes, identifier: int, why: str
) -> None:
    peer = peer_of()
    peer.send(line + b"\n")
    (answer,) = peer.answers(server, 1)
    assert answer["id"] == identifier
    assert answer["error"]["kind"] == "UsageError"
    assert why in answer["error"]["message"]
    peer.send(b'{"verb":"ps","id":1}\n')
    assert peer.answers(server, 1)[0]["result"] == {"asked": 1}


def test_a_line_without_an_end_lets_its_client_go(
    peer_of: Callable[[], Peer], server: Server, path: Path, handler: Recorder
) -> None:
    peer = peer_of()
    sent = 0
    while not handler.forgotten and sent < 4 * LINE_LIMIT_BYTES:
        try:
            sent += peer.socket.send(b"x" * 65536)
        except (BlockingIOError, BrokenPipeError):
            server.poll(0)
    assert len(handler.forgotten) == 1
    assert sent >= LINE_LIMIT_BYTES


def test_who_does_not_read_is_let_go_and_others_are_served(
    peer_of: Callable[[], Peer],
    server: Server,
    path: Path,
    handler: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "BACKLOG_LIMIT_BYTES", 1 << 20)
    slow, quick = peer_of(), peer_of()
    slow.send(b'{"verb":"events","id":1,"follow":true}\n')
    server.poll(0.1)
    server.poll(0.01)
    (follower,) = handler.followers
    for _ in range(40):
        follower.event(1, {"text": "x" * 65536})
        server.poll(0)
    assert handler.forgotten == [follower]
    quick.send(b'{"verb":"ps","id":2}\n')
    assert quick.answers(server, 1) == [{"id": 2, "result": {"asked": 2}}]


def test_one_client_more_than_the_limit_is_told_so(
    peer_of: Callable[[], Peer], server: Server, path: Path
) -> None:
    peers = [peer_of() for _ in range(CLIENT_LIMIT)]
    for _ in range(CLIENT_LIMIT):
        server.poll(0.01)
    late = peer_of()
    (answer,) = late.answers(server, 1)
    assert answer["error"]["message"] == "64 clients are there already"
    peers[-1].send(b'{"verb":"ps","id":1}\n')
    assert peers[-1].answers(server, 1) == [{"id": 1, "result": {"asked": 1}}]


def test_who_has_gone_is_forgotten(
    peer_of: Callable[[], Peer], server: Server, path: Path, handler: Recorder
) -> None:
    peer = peer_of()
    peer.send(b'{"verb":"events","id":1,"follow":true}\n')
    server.poll(0.1)
    server.poll(0.01)
    peer.socket.close()
    server.poll(0.1)
    assert handler.forgotten == handler.followers


def test_a_descriptor_of_another_ends_the_wait_and_is_left_alone(
    server: Server, tmp_path: Path
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"x")
        before = time.monotonic()
        server.poll(60.0, [ours.fileno()])
        assert time.monotonic() - before < 30
        assert ours.recv(2) == b"x"
        # It is watched no longer than the wait.
        theirs.send(b"y")
        server.poll(0.0)
        server.poll(0.0, [ours.fileno()])
        assert ours.recv(2) == b"y"
