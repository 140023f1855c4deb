# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that talk with the outside of a switch: frames as input, TAP interfaces, replays.

The guest `disk` with a network card answers each frame with its addresses turned round.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path

import pytest

from tests.guests.device_hosts import DeviceHost, disk_guest
from tests.guests.network_frames import ANSWERER_PORT, OUTSIDE_PORT, address, frame
from ultravisor.errors import UltravisorError
from ultravisor.life.tap import DEVICE, Tap
from ultravisor.machine.interface import ExitReason, MonitorBuild

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
LONG_CYCLES = 20_000_000
FRAMES = 16
PIECE_CYCLES = 50_000
# linux/if.h, linux/sockios.h and linux/if_ether.h.
IFF_UP = 0x1
SIOCSIFFLAGS = 0x8914
LOCAL_TYPE = 0x88B5


def outside_host(
    build: MonitorBuild, width: int = 64, frames: int = FRAMES, *, has_outside: bool = True
) -> DeviceHost:
    """Return a host whose guest answers what comes from the outside of its switch."""
    host = DeviceHost.start(build, disk_guest("answerer", f"frames={frames}", width))
    switch = host.devices.open_switch(port_count=4)
    host.attach(host.row(host.add_network(switch, ANSWERER_PORT), 1))
    if has_outside:
        host.devices.add_outside(switch, OUTSIDE_PORT)
    return host


@pytest.mark.parametrize("width", [64, 32])
def test_the_outside_talks_with_a_guest_alike_in_both_builds(width: int) -> None:
    seen = []
    for build in BUILDS:
        host = outside_host(build, width)
        outside, guest = address(OUTSIDE_PORT), address(ANSWERER_PORT)
        for number in range(FRAMES):
            host.devices.frame_in(0, frame(number, guest, outside), 400_000 + 30_000 * number)
        assert host.run(LONG_CYCLES) == ExitReason.HALTED, bytes(host.console)
        left = host.devices.take_frames(0)
        assert [one.data for one in left] == [
            frame(number, outside, guest) for number in range(FRAMES)
        ]
        assert host.devices.take_frames(0) == []
        seen.append((host.hashes(1), [one.sent_cycles for one in left]))
        host.machine.close()
    assert seen[0] == seen[1]


def test_who_takes_frames_and_when_is_invisible() -> None:
    hashes = []
    for step_cycles in (LONG_CYCLES, 7_919):
        host = outside_host(MonitorBuild.NATIVE)
        for number in range(FRAMES):
            data = frame(number, address(ANSWERER_PORT), address(OUTSIDE_PORT))
            host.devices.frame_in(0, data, 400_000 + 11_000 * number)
        until = step_cycles
        while host.run(until) == ExitReason.PAUSED:
            host.devices.take_frames(0)
            until += step_cycles
        hashes.append(host.hashes(1))
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("in_file", [False, True])
def test_a_snapshot_has_the_frames_that_are_to_come(in_file: bool, tmp_path: Path) -> None:
    host = outside_host(MonitorBuild.NATIVE, frames=2)
    for number in range(2):
        data = frame(number, address(ANSWERER_PORT), address(OUTSIDE_PORT))
        host.devices.frame_in(0, data, 400_000 + 30_000 * number)
    host.run(420_000)
    host.devices.take_frames(0)
    if in_file:
        host.machine.write(tmp_path / "state")
        other = outside_host(MonitorBuild.NATIVE, frames=2)
        other.machine.read(tmp_path / "state")
    else:
        snapshot = host.machine.snapshot()
        host.run(LONG_CYCLES)
        host.machine.restore(snapshot)
        host.devices.take_frames(0)
        other = host
    assert other.run(LONG_CYCLES) == ExitReason.HALTED
    assert [one.data for one in other.devices.take_frames(0)] == [
        frame(1, address(OUTSIDE_PORT), address(ANSWERER_PORT))
    ]


@pytest.mark.parametrize("build", BUILDS)
def test_frames_to_come_are_not_restored_where_there_is_no_outside(
    build: MonitorBuild, tmp_path: Path
) -> None:
    host = outside_host(build)
    host.devices.frame_in(0, frame(0, address(ANSWERER_PORT), address(OUTSIDE_PORT)), 500_000)
    host.run(400_000)
    host.machine.write(tmp_path / "state")
    other = outside_host(build, has_outside=False)
    before = other.hashes(1)
    with pytest.raises(
        UltravisorError,
        match="frames to come from the outside of switch 0, to which this machine has no port",
    ):
        other.machine.read(tmp_path / "state")
    assert other.hashes(1) == before
    assert other.run(LONG_CYCLES) == ExitReason.IDLE


def test_the_outside_of_a_switch_is_asked_for_once_and_gets_whole_frames() -> None:
    host = outside_host(MonitorBuild.NATIVE)
    other = host.devices.open_switch(port_count=1)
    with pytest.raises(UltravisorError, match="switch 0 has a port to the outside already"):
        host.devices.add_outside(0, 2)
    with pytest.raises(UltravisorError, match="port 1 of switch 1 does not exist or is taken"):
        host.devices.add_outside(other, 1)
    with pytest.raises(UltravisorError, match="there is no switch 7"):
        host.devices.add_outside(7, 0)
    with pytest.raises(UltravisorError, match="switch 1 has no port to the outside"):
        host.devices.frame_in(other, bytes(60), 0)
    with pytest.raises(UltravisorError, match="switch 1 has no port to the outside"):
        host.devices.take_frames(other)
    for size_bytes in (0, 13, 1515):
        with pytest.raises(UltravisorError, match=f"14 to 1514 bytes, not {size_bytes}"):
            host.devices.frame_in(0, bytes(size_bytes), 0)


def pump(host: DeviceHost, tap: Tap, log: list[tuple[int, bytes]], until_cycles: int) -> ExitReason:
    """Run a piece between two looks at an interface, as a living host does."""
    for data in tap.read():
        at_cycles = host.machine.processor_statistics(0).clock_cycles
        log.append((at_cycles, data))
        host.devices.frame_in(0, data, at_cycles)
    reason = host.run(until_cycles)
    for left in host.devices.take_frames(0):
        assert tap.write(left.data)
    return reason


def talk_through(tap: Tap, other: socket.socket, frames: int) -> DeviceHost:
    """Have a guest answer what is sent into an interface; check that a replay does without."""
    host = outside_host(MonitorBuild.NATIVE, frames=frames)
    log: list[tuple[int, bytes]] = []
    until = 400_000
    assert pump(host, tap, log, until) != ExitReason.HALTED
    for number in range(frames):
        other.send(frame(number, address(ANSWERER_PORT), address(OUTSIDE_PORT)))
        expected = frame(number, address(OUTSIDE_PORT), address(ANSWERER_PORT))
        for _ in range(4):
            until += PIECE_CYCLES
            pump(host, tap, log, until)
        assert other.recv(2000) == expected
    replayed = outside_host(MonitorBuild.NATIVE, frames=frames)
    for at_cycles, data in log:
        replayed.devices.frame_in(0, data, at_cycles)
    assert replayed.run(LONG_CYCLES) == ExitReason.HALTED
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
    assert replayed.hashes(1) == host.hashes(1)
    return host


def test_a_guest_answers_through_a_tap_and_a_replay_needs_none() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.settimeout(10)
    with Tap(ours.detach(), "tap0") as tap, theirs:
        host = talk_through(tap, theirs, FRAMES)
    assert host.devices.statistics(1).request_count == 2 * FRAMES


def up(name: str) -> None:
    """Switch an interface of the host on, without the packets that the host sends by itself."""
    setting = Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
    if setting.exists():
        setting.write_text("1", encoding="ascii")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("<16sH22x", name.encode(), IFF_UP))


def test_a_guest_answers_through_an_interface_of_the_host() -> None:
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        pytest.skip(f"this host has no {DEVICE}, or forbids it")
    try:
        tap = Tap.open("uvtest1")
    except UltravisorError as error:
        pytest.skip(f"this host refuses a TAP interface: {error}")
    with tap:
        try:
            up("uvtest1")
            other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(LOCAL_TYPE))
        except OSError as error:
            pytest.skip(f"this host lets nobody send through its interfaces: {error}")
        with other:
            other.bind(("uvtest1", LOCAL_TYPE))
            other.settimeout(10)
            tap.read()
            talk_through(tap, other, 4)
