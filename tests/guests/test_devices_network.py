# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with network cards on a switch, under both builds of the monitor.

One guest sends frames and checks that each comes back with its addresses turned round; another is
the other end. Captures are checked byte by byte.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.guests.device_hosts import LATENCY_CYCLES, DeviceHost, disk_guest
from tests.guests.network_frames import ANSWERER_PORT, TALKER_PORT, address, frame
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
LONG_CYCLES = 20_000_000
FRAMES = 16


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
