# SPDX-License-Identifier: GPL-2.0-or-later
"""`up --tap`: a guest answers through an interface of the machine that runs the tests; refusals.

Where that machine has no TAP interfaces, or forbids them, what needs one is skipped with the
reason.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guests import living_processes
from tests.guests.living_processes import PATIENCE_SECONDS, Ended, call
from tests.guests.test_devices_outside import up
from tests.guests.test_living_outside import GUEST, HOST, PEER, POLICY
from ultravisor.errors import UltravisorError
from ultravisor.life.tap import DEVICE, Tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.guest, pytest.mark.slow]
INTERFACE = "uvtest2"
EVERY_TYPE = 0x0003  # linux/if_ether.h


@pytest.fixture(autouse=True)
def folder() -> Iterator[Path]:
    """Stand for the user's folder; its path is short enough for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="uv-") as name,
        living_processes.runtime_folder(Path(name)),
    ):
        yield Path(name)


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    """Return the command that brings up a host with a shell on the switch `lan`."""
    (tmp_path / "host.toml").write_text(HOST, encoding="utf-8")
    (tmp_path / "policy.toml").write_text(POLICY.replace("IMAGE", "shell"), encoding="utf-8")
    policy = str(tmp_path / "policy.toml")
    return ("up", str(tmp_path / "host.toml"), "--policy", policy, "--name", "lab", "--detach")


def require_taps() -> None:
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        pytest.skip(f"this machine has no {DEVICE}, or forbids it")
    try:
        Tap.open(INTERFACE).close()
    except UltravisorError as error:
        pytest.skip(f"this machine refuses a TAP interface: {error}")


class Wire:
    """A socket at the machine's side of the interface."""

    def __init__(self) -> None:
        try:
            up(INTERFACE)
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_TYPE))
        except OSError as error:
            pytest.skip(f"this machine lets nobody send through its interfaces: {error}")
        self.socket.bind((INTERFACE, EVERY_TYPE))
        self.socket.settimeout(0.2)

    def ask(self, frame: bytes, answer: Callable[[bytes], object]) -> object:
        """Send a frame until it is answered: guests come up meanwhile."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            self.socket.send(frame)
            try:
                while True:
                    found = answer(self.socket.recv(2000))
                    if found is not None:
                        return found
            except TimeoutError:
                continue
        raise AssertionError("nobody answered")


def done(*command: str) -> Ended:
    """Run a command that has to succeed."""
    ended = call(*command)
    assert ended.code == 0, ended
    return ended


def test_a_guest_answers_an_interface_of_this_machine(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    require_taps()
    record, state = str(tmp_path / "life.json"), str(tmp_path / "life.state")
    done(*words, "--tap", f"lan={INTERFACE}", "--record", record)
    wire = Wire()
    with wire.socket:
        card = wire.ask(PEER.who_has(GUEST), lambda frame: PEER.answer_of(frame, GUEST))
        assert isinstance(card, bytes)
        assert wire.ask(PEER.echo(card, GUEST, 3, b"hello"), PEER.echoed) == (3, b"hello")
        done("snap", "save", "--host", "lab", "--output", state)
        (row,) = json.loads(done("inspect", "--json").out)["outsides"]
        assert (row["switch"], row["interface"], row["state"]) == ("lan", INTERFACE, "joined")
        assert row["left_frames"] >= 2
    done("down")
    assert "as recorded" in done("replay", record).out
    refused = call("up", "--snapshot", state, "--detach")
    assert refused.code == 3
    assert "saved with switch `lan` joined to the outside" in refused.err
    assert "join it again: --tap lan=NAME" in refused.err
    done("up", "--snapshot", state, "--tap", f"lan={INTERFACE}", "--detach")
    wire = Wire()
    with wire.socket:
        assert wire.ask(PEER.echo(card, GUEST, 4, b"again"), PEER.echoed) == (4, b"again")


def test_what_is_no_tap_interface_is_refused(words: tuple[str, ...]) -> None:
    require_taps()
    refused = call(*words, "--tap", "lan=lo")
    assert refused.code == 3
    assert "TAP interface lo: /dev/net/tun: Invalid argument" in refused.err
    assert "the interface exists and is no TAP interface" in refused.err


@pytest.mark.parametrize(
    ("taps", "code", "message"),
    [
        (("wan=tap0",), 3, "no switch is named `wan`\n  there are lan"),
        (("lan",), 2, "`lan` is no switch and an interface"),
        (("lan=tap0", "lan=tap1"), 2, "switch `lan` is joined twice"),
        (("lan=tap0", "wan=tap0"), 2, "TAP interface tap0 is named twice"),
        (("lan=a/b",), 3, "TAP interface 'a/b': a name has 1 to 15 printable letters"),
    ],
)
def test_a_tap_that_cannot_be_is_refused_before_the_host_lives(
    words: tuple[str, ...], taps: tuple[str, ...], code: int, message: str
) -> None:
    refused = call(*words, *(word for tap in taps for word in ("--tap", tap)))
    assert refused.code == code
    assert message in refused.err
    assert call("ps").code == 6


def test_a_tap_of_a_host_that_was_saved_without_one_is_refused(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    state = str(tmp_path / "life.state")
    done(*words)
    done("snap", "save", "--host", "lab", "--output", state)
    done("down")
    refused = call("up", "--snapshot", state, "--tap", "lan=tap0", "--detach")
    assert refused.code == 3
    assert "saved without a port to the outside at switch `lan`" in refused.err
