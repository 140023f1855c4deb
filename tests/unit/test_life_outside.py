# SPDX-License-Identifier: GPL-2.0-or-later
"""Which switch is joined to which interface: what is read, refused, and told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

import pytest

from ultravisor.configuration import DeviceConfiguration
from ultravisor.device_check import check_outsides
from ultravisor.errors import ConfigurationError, SnapshotError, UsageError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.outside import Outside, OutsideRow, parse_joins, require_joins
from ultravisor.life.tap import READ_LIMIT_FRAMES, Tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.life.living_host import LivingHost


class FakeHost:
    """As much of a living host as its outside needs."""

    def __init__(self) -> None:
        self.on_frame: Callable[[str, bytes], None] | None = None
        self.entered: list[tuple[str, bytes]] = []

    def frame(self, switch: str, data: bytes) -> None:
        self.entered.append((switch, data))


def network(name: str, switch: str | None = None, ports: int = 2) -> DeviceConfiguration:
    return DeviceConfiguration(name=name, kind="network", switch=switch, ports=ports)


def test_each_switch_is_joined_to_its_interface() -> None:
    assert parse_joins(["lan=tap0", "wan=tap=1"]) == {"lan": "tap0", "wan": "tap=1"}
    assert parse_joins([]) == {}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["lan"], "`lan` is no switch and an interface"),
        (["=tap0"], "`=tap0` is no switch and an interface"),
        (["lan="], "`lan=` is no switch and an interface"),
        (["lan=tap0", "lan=tap1"], "switch `lan` is joined twice"),
        (["lan=tap0", "wan=tap0"], "TAP interface tap0 is named twice"),
    ],
)
def test_what_is_no_join_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        parse_joins(texts)
    assert raised.value.hint


def test_a_saved_host_is_joined_as_it_was() -> None:
    require_joins("x.state", ["lan", "wan"], {"wan": "b", "lan": "a"})
    with pytest.raises(SnapshotError, match="switch `lan`, `wan` joined to the outside") as raised:
        require_joins("x.state", ["lan", "wan"], {})
    assert raised.value.hint == "join it again: --tap lan=NAME --tap wan=NAME"
    with pytest.raises(SnapshotError, match="without a port to the outside at switch `lan`"):
        require_joins("x.state", [], {"lan": "a"})


def test_a_switch_with_a_port_left_can_be_joined() -> None:
    rows = [network(f"net{number}") for number in range(7)]
    check_outsides(rows, ("lan",))
    check_outsides([*rows, network("net7", ports=1), network("other", "wan")], ("lan", "wan"))


@pytest.mark.parametrize(
    ("rows", "outsides", "message", "hint"),
    [
        ([], ("lan",), "no switch is named `lan`", "[[device]] of a network makes one"),
        ([network("a"), network("b", "b")], ("wan",), "named `wan`", "there are lan, b"),
        ([network("a")], ("lan", "lan"), "joined to the outside twice", "one port"),
        ([network(f"n{number}") for number in range(8)], ("lan",), "no port left", "has 16 ports"),
    ],
)
def test_a_switch_that_cannot_be_joined_is_refused(
    rows: list[DeviceConfiguration], outsides: tuple[str, ...], message: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        check_outsides(rows, outsides)
    assert hint in raised.value.hint


def test_the_plan_has_the_joined_switches_in_the_order_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "host.toml"
    path.write_text(
        '[[device]]\nname = "a"\nkind = "network"\n'
        '[[device]]\nname = "b"\nkind = "network"\nswitch = "back"\n'
    )
    assert plan_life([str(path)], [], {}, outsides=("lan", "back")).outsides == ("back", "lan")


def test_frames_go_both_ways_and_are_counted() -> None:
    host = FakeHost()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Tap(ours.detach(), "tap0") as tap, theirs:
        outside = Outside(cast("LivingHost", host), {"lan": tap}, lambda *_: None)
        theirs.send(b"a" * 60)
        theirs.send(b"b" * 13)
        theirs.send(b"c" * 1514)
        outside.enter()
        assert host.entered == [("lan", b"a" * 60), ("lan", b"c" * 1514)]
        assert host.on_frame is not None
        host.on_frame("lan", b"d" * 60)
        assert theirs.recv(2000) == b"d" * 60
        assert outside.rows() == (OutsideRow("lan", "tap0", "joined", 2, 1, 1),)
        assert outside.descriptors == [tap.fileno()]


def test_a_piece_takes_a_bounded_number_of_frames_of_each_interface() -> None:
    class Endless(Tap):
        def read(self, limit: int = READ_LIMIT_FRAMES) -> list[bytes]:
            return [bytes(60)] * limit

    host = FakeHost()
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
    taps = {str(number): Endless(pair[0].detach(), "x") for number, pair in enumerate(pairs)}
    Outside(cast("LivingHost", host), taps, lambda *_: None).enter()
    assert len(host.entered) == 2 * READ_LIMIT_FRAMES
    for tap in taps.values():
        tap.close()
    for _, theirs in pairs:
        theirs.close()
