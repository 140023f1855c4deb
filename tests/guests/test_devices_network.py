# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with network cards on a switch, under both builds of the monitor.

One guest sends frames and checks that each comes back with its addresses turned round; another, or
the test from the outside of the switch, is the other end. Captures are checked byte by byte.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.guests.device_hosts import ADDRESS_PREFIX, LATENCY_CYCLES, DeviceHost, disk_guest
from ultravisor.errors import UltravisorError
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
LONG_CYCLES = 20_000_000
FRAMES = 16
ANSWERER_PORT, TALKER_PORT, OUTSIDE_PORT = 1, 2, 3
TYPE = b"\x88\xb5"


def address(port: int) -> bytes:
    """Return the address of the card at a port."""
    return bytes([*ADDRESS_PREFIX, port])


def frame(number: int, target: bytes, source: bytes) -> bytes:
    """Return frame `number` of a conversation, as the guest makes it."""
    size_bytes = 14 + number * 97 % 1501
    head = target + source + TYPE
    return head + bytes((number + at) & 0xFF for at in range(14, size_bytes))


def conversation(talker: bytes, answerer: bytes) -> list[bytes]:
    """Return all frames of a conversation in their order."""
    return [
        frame(number, target, source)
        for number in range(FRAMES)
        for target, source in ((answerer, talker), (talker, answerer))
    ]


def records(capture: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the time in nanoseconds and the bytes of each frame of a pcap file."""
    assert capture[:24] == struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    at = 24
    while at < len(capture):
        seconds, nanoseconds, captured, original = struct.unpack_from("<IIII", capture, at)
        assert captured == original
        yield seconds * 1_000_000_000 + nanoseconds, capture[at + 16 : at + 16 + captured]
        at += 16 + captured


def talk(
    build: MonitorBuild,
    capture: Path,
    *,
    width: int = 64,
    timing: TimingModel = TimingModel.OFF,
    processor_count: int = 1,
) -> DeviceHost:
    """Run two guests that talk through a switch; the answerer's card runs before the talker's."""
    host = DeviceHost.start(
        build,
        disk_guest("answerer", f"frames={FRAMES}", width),
        disk_guest("talker", f"frames={FRAMES} peer={ANSWERER_PORT}", width, processor_count - 1),
        timing=timing,
        processor_count=processor_count,
    )
    switch = host.devices.open_switch(port_count=4, capture=capture)
    answerer = host.add_network(switch, ANSWERER_PORT)
    talker = host.add_network(switch, TALKER_PORT)
    host.attach(host.row(answerer, 1))
    host.run(400_000)
    host.attach(host.row(answerer, 1), host.row(talker, 2))
    assert host.run(LONG_CYCLES) == ExitReason.HALTED, bytes(host.console)
    return host


@pytest.mark.parametrize("processor_count", [1, 2])
@pytest.mark.parametrize("width", [64, 32])
def test_two_guests_talk_through_a_switch_alike_in_both_builds(
    width: int, processor_count: int, tmp_path: Path
) -> None:
    seen = []
    for build in BUILDS:
        capture = tmp_path / build.name
        host = talk(build, capture, width=width, processor_count=processor_count)
        assert b"network: 16 frames exchanged\n" in host.console
        assert b"network: 16 frames answered\n" in host.console
        total_bytes = sum(len(one) for one in conversation(b"", b"")) + FRAMES * 2 * 12
        for device in (1, 2):
            statistics = host.devices.statistics(device)
            assert (statistics.request_count, statistics.refused_count) == (2 * FRAMES, 0)
            assert (statistics.failed_count, statistics.reason) == (0, "")
            assert statistics.read_bytes == statistics.written_bytes == total_bytes // 2
        seen.append((host.hashes(2), capture.read_bytes()))
        host.machine.close()
    assert seen[0] == seen[1]


def test_a_capture_has_every_frame_and_when_it_was_sent(tmp_path: Path) -> None:
    host = talk(MonitorBuild.NATIVE, tmp_path / "capture", timing=TimingModel.UNIT)
    found = list(records((tmp_path / "capture").read_bytes()))
    assert [data for _, data in found] == conversation(address(TALKER_PORT), address(ANSWERER_PORT))
    times = [nanoseconds for nanoseconds, _ in found]
    assert times == sorted(times)
    frequency_hz = host.machine.options.clock_frequency_hz
    # From one frame to the next: the receiver's latency and the sender's, but for rounding.
    gap_cycles = [(later - sooner + 1) * frequency_hz // 10**9 for sooner, later in pairwise(times)]
    assert min(gap_cycles) >= 2 * LATENCY_CYCLES


def outside_host(build: MonitorBuild, width: int = 64, frames: int = FRAMES) -> DeviceHost:
    """Return a host whose guest answers what comes from the outside of its switch."""
    host = DeviceHost.start(build, disk_guest("answerer", f"frames={frames}", width))
    switch = host.devices.open_switch(port_count=4)
    host.attach(host.row(host.add_network(switch, ANSWERER_PORT), 1))
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
