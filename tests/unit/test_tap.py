# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP interfaces: frames by a descriptor, errors by sentences, and one of the host itself."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from typing import TYPE_CHECKING

import pytest

from ultravisor.errors import UltravisorError
from ultravisor.life.tap import DEVICE, Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Pair = tuple[Tap, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Yield an interface and the host's side of it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Tap(ours.detach(), "tap0") as tap, theirs:
        yield tap, theirs


def test_frames_come_in_their_order_and_whole(pair: Pair) -> None:
    tap, host = pair
    frames = [bytes([number]) * (14 + number * 300) for number in range(6)]
    for frame in frames:
        host.send(frame)
    assert tap.read() == frames
    assert tap.lost_count == 0


def test_nothing_to_read_does_not_wait(pair: Pair) -> None:
    tap, host = pair
    assert tap.read() == []
    host.close()
    assert tap.read() == []


def test_no_more_frames_are_read_than_asked_for(pair: Pair) -> None:
    tap, host = pair
    for number in range(5):
        host.send(bytes([number]) * 60)
    assert [frame[0] for frame in tap.read(3)] == [0, 1, 2]
    assert [frame[0] for frame in tap.read(3)] == [3, 4]


@pytest.mark.parametrize("size_bytes", [1, 13, 1515, 9000])
def test_what_is_no_frame_is_lost_and_counted(pair: Pair, size_bytes: int) -> None:
    tap, host = pair
    host.send(bytes(size_bytes))
    host.send(bytes(60))
    assert tap.read() == [bytes(60)]
    assert tap.lost_count == 1


def test_frames_leave_one_by_one(pair: Pair) -> None:
    tap, host = pair
    assert tap.write(b"a" * 60)
    assert tap.write(b"b" * 1514)
    assert (host.recv(2000), host.recv(2000)) == (b"a" * 60, b"b" * 1514)


def test_a_frame_that_the_host_has_no_room_for_is_lost_and_counted(pair: Pair) -> None:
    tap, _ = pair
    sent = 0
    while tap.write(bytes(1514)):
        sent += 1
    assert sent > 0
    assert tap.lost_count == 1


def test_an_interface_that_is_gone_is_an_error_with_its_name(pair: Pair) -> None:
    tap, host = pair
    host.close()
    with pytest.raises(UltravisorError, match="TAP interface tap0 is lost: Broken pipe"):
        tap.write(bytes(60))


def test_closing_twice_is_closing() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    tap = Tap(ours.detach(), "tap0")
    tap.close()
    tap.close()
    theirs.close()


@pytest.mark.parametrize("name", ["", "a" * 16, "a b", "a/b", "tap%d", "a:1", "..", "ä", "a\n"])
def test_names_that_the_host_would_misread_are_refused(name: str) -> None:
    with pytest.raises(UltravisorError, match="a name has 1 to 15 printable letters"):
        Tap.open(name)


def test_a_host_without_the_driver_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UltravisorError, match="No such file") as raised:
        Tap.open("tap0", str(tmp_path / "tun"))
    assert raised.value.hint == "the host has no TUN/TAP driver: modprobe tun"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EPERM, "ip tuntap add dev tap0 mode tap user"),
        (errno.EBUSY, "another process uses the interface"),
        (errno.EINVAL, "is no TAP interface"),
    ],
)
def test_a_refused_interface_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    with pytest.raises(UltravisorError, match=os.strerror(number)) as raised:
        Tap.open("tap0", os.devnull)
    assert hint in raised.value.hint


def test_the_hosts_own_interface_gives_what_is_sent_through_it() -> None:
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        pytest.skip(f"this host has no {DEVICE}, or forbids it")
    try:
        tap = Tap.open("uvtest0")
    except UltravisorError as error:
        pytest.skip(f"this host refuses a TAP interface: {error}")
    with tap:
        # It is down: it takes nothing yet, and has nothing.
        assert tap.read() == []
        assert not tap.write(b"\xff" * 6 + b"\x02\0\0\0\0\x09" + b"\x88\xb5" + bytes(46))
        assert tap.lost_count == 1
