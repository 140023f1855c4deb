# SPDX-License-Identifier: GPL-2.0-or-later
"""A living host with the outside of a switch: a shell answers echoes that come by an interface.

The interface is one end of a socket pair; the peer at the other end is the test.
"""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING, Self, TypeVar

import pytest
from msgspec.structs import replace

from tests.guests.echo_frames import EchoPeer
from tests.guests.living_hosts import Operator
from tests.guests.recorded_lives import unheard
from ultravisor.errors import ConfigurationError, RecordError
from ultravisor.life.life_record import (
    LifeLog,
    LifeRecord,
    differences,
    read_life_record,
    write_record,
)
from ultravisor.life.life_state import load_life, read_life, save_life, saved_life_plan
from ultravisor.life.living_host import LivingHost
from ultravisor.life.outside import Outside, OutsideRow
from ultravisor.life.replay import replay
from ultravisor.life.tap import READ_LIMIT_FRAMES, Tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.guest, pytest.mark.slow]

HOST = """
[[device]]
name = "net0"
kind = "network"
latency_cycles = 5000
"""
POLICY = """
[[zone]]
name = "service"
reaches = ["guests"]

[[zone]]
name = "guests"
reaches = ["service"]

[[domain]]
name = "io-a"
kind = "io"
zone = "service"
image = "io"
devices = ["net0.0"]

[[domain]]
name = "alice"
zone = "guests"
image = "IMAGE"
command_line = 'script="address 10.0.0.1"'

[[network]]
device = "net0"
client = "alice"
"""
GUEST = "10.0.0.1"
PEER = EchoPeer(bytes.fromhex("020000000099"), "10.0.0.9")
PIECE_CYCLES = 500_000
PIECES_MAXIMUM = 4_000
T = TypeVar("T")


class Laboratory:
    """A living host, an interface that its switch is joined to, and the peer's end of it."""

    def __init__(self, folder: Path, image: str = "shell", monitor: str = "native") -> None:
        (folder / "host.toml").write_text(f'[host]\nmonitor = "{monitor}"\n{HOST}')
        (folder / "policy.toml").write_text(POLICY.replace("IMAGE", image))
        files, policies = [str(folder / "host.toml")], [folder / "policy.toml"]
        self.operator = Operator(files, policies, outsides=("lan",))
        self.host = self.operator.host
        self.log = LifeLog(self.host.plan)
        for row in self.host.images.reads:
            self.log.image(row)
        self.host.images.on_read = self.log.image
        self.host.on_input = self.log.inputs.append
        ours, self.peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peer.setblocking(False)
        self.tap = Tap(ours.detach(), "tap0")
        self.lost: list[tuple[str, str]] = []
        self.outside = Outside(self.host, {"lan": self.tap}, lambda *loss: self.lost.append(loss))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tap.close()
        self.peer.close()
        self.host.close()

    def piece(self) -> list[bytes]:
        """Let the outside and the host have a turn; return the frames that left."""
        self.outside.enter()
        self.operator.run(PIECE_CYCLES)
        frames = []
        while True:
            try:
                frame = self.peer.recv(2000)
            except BlockingIOError:
                return frames
            if not frame:
                return frames
            frames.append(frame)

    def ask(self, frame: bytes, answer: Callable[[bytes], T | None], every: int) -> T:
        """Send a frame, and again each so many pieces, until it is answered."""
        for piece in range(PIECES_MAXIMUM):
            if piece % every == 0:
                self.peer.send(frame)
            for left in self.piece():
                found = answer(left)
                if found is not None:
                    return found
        raise AssertionError("nobody answered")

    def card(self) -> bytes:
        """Return the guest's card, once it says that it has its address."""
        return self.ask(PEER.who_has(GUEST), lambda frame: PEER.answer_of(frame, GUEST), 20)

    def ping(self, card: bytes, number: int, data: bytes) -> tuple[int, bytes]:
        """Return what the guest's echo has."""
        return self.ask(PEER.echo(card, GUEST, number, data), PEER.echoed, PIECES_MAXIMUM)

    def record(self) -> LifeRecord:
        """Return the record of the life up to here."""
        self.log.position_cycles = self.host.position_cycles
        return self.log.record(self.host.result())


@pytest.mark.parametrize("image", ["shell", "shell_32"])
def test_a_guest_answers_echoes_and_the_record_replays_without_an_interface(
    tmp_path: Path, image: str
) -> None:
    with Laboratory(tmp_path, image) as laboratory:
        card = laboratory.card()
        for number, size_bytes in enumerate((0, 56, 1400)):
            data = bytes(at & 0xFF for at in range(size_bytes))
            assert laboratory.ping(card, number, data) == (number, data)
        (row,) = laboratory.outside.rows()
        assert (row.switch, row.interface, row.state) == ("lan", "tap0", "joined")
        assert row.left_frames >= 4
        frames = [entry for entry in laboratory.log.inputs if entry.kind == "frame"]
        assert len(frames) == row.entered_frames >= 4
        assert {entry.switch for entry in frames} == {"lan"}
        record = laboratory.record()
    path = tmp_path / "life.json"
    write_record(path, record.to_json())
    read = read_life_record(path)
    assert read == record
    assert record.result is not None
    for piece_cycles in (2_000_000, 123_457):
        assert differences(record.result, replay(read, unheard, piece_cycles)) == []
    fewer = tuple(entry for entry in record.inputs if entry.kind != "frame")
    assert differences(record.result, replay(replace(record, inputs=fewer), unheard)) != []
