# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with devices of their own, under both builds of the monitor.

The guest `disk` finds its block device in its view, maps the registers, starts it, writes and reads
sectors by DMA and takes the interrupt as an event. What it tries besides is refused.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.guests.device_hosts import LATENCY_CYCLES, PORT, DeviceHost, disk_guest
from ultravisor.errors import UltravisorError
from ultravisor.machine.abi import DEVICE_LIMIT, StopReason
from ultravisor.machine.devices import DeviceKind, DiskFailure
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
LONG_CYCLES = 20_000_000
DONE = b"disk: 16 sectors written and read\n"


def run_alone(
    build: MonitorBuild,
    command_line: str = "",
    width: int = 64,
    timing: TimingModel = TimingModel.OFF,
) -> tuple[DeviceHost, ExitReason]:
    """Run one guest to its end."""
    host = DeviceHost.boot(build, disk_guest("one", command_line, width), timing=timing)
    return host, host.run(LONG_CYCLES)


@pytest.mark.parametrize("timing", [TimingModel.OFF, TimingModel.UNIT])
@pytest.mark.parametrize("width", [64, 32])
def test_a_guest_reads_what_it_wrote_alike_in_both_builds(width: int, timing: TimingModel) -> None:
    seen = []
    for build in BUILDS:
        host, reason = run_alone(build, width=width, timing=timing)
        statistics = host.machine.partition_statistics(1)
        assert (reason, bytes(host.console)) == (ExitReason.HALTED, DONE), statistics
        device = host.devices.statistics(1)
        assert device.kind == DeviceKind.BLOCK
        assert (device.request_count, device.failed_count, device.refused_count) == (32, 0, 0)
        assert (device.read_bytes, device.written_bytes) == (16 * 512, 16 * 512)
        seen.append((host.hashes(1), host.machine.processor_statistics(0).clock_cycles))
        host.machine.close()
    assert seen[0] == seen[1]


def test_each_request_takes_its_latency() -> None:
    host, _ = run_alone(MonitorBuild.NATIVE)
    clock_cycles = host.machine.processor_statistics(0).clock_cycles
    assert clock_cycles >= 32 * LATENCY_CYCLES
    assert clock_cycles < 32 * LATENCY_CYCLES + 400_000


def test_pauses_are_invisible() -> None:
    whole, _ = run_alone(MonitorBuild.NATIVE)
    parts = DeviceHost.boot(MonitorBuild.NATIVE, disk_guest("one", ""))
    until = 0
    while parts.run(until) == ExitReason.PAUSED:
        until += 1_237
    assert parts.hashes(1) == whole.hashes(1)


@pytest.mark.parametrize("processor_count", [1, 2])
def test_hostile_guests_are_refused_and_others_unharmed(processor_count: int) -> None:
    seen = []
    for build in BUILDS:
        for command_line in ("", "hostile foreign={}"):
            first = 64 * 1024 * 1024 // 4096 - 8
            other = disk_guest("other", "", processor=0)
            one = disk_guest("one", command_line.format(first), processor=processor_count - 1)
            host = DeviceHost.boot(build, other, one, processor_count=processor_count)
            assert host.devices.first_frame == first
            assert host.run(LONG_CYCLES) == ExitReason.HALTED
            assert host.console.count(DONE) == 2, host.machine.partition_statistics(2)
            refused = host.devices.statistics(2).failed_count
            assert (refused > 0) == (command_line != "")
            assert host.devices.statistics(1).failed_count == 0
            seen.append((command_line, host.hashes(2)))
            host.machine.close()
    assert seen[0] == seen[2]
    assert seen[1] == seen[3]


def test_who_is_beside_a_hostile_guest_on_another_processor_ends_alike() -> None:
    hashes = set()
    for command_line in ("", f"hostile foreign={64 * 256 - 8}"):
        host = DeviceHost.boot(
            MonitorBuild.NATIVE,
            disk_guest("other", ""),
            disk_guest("one", command_line, processor=1),
            processor_count=2,
        )
        assert host.run(LONG_CYCLES) == ExitReason.HALTED
        hashes.add(host.machine.partition_hash(1))
    assert len(hashes) == 1


@pytest.mark.parametrize("build", BUILDS)
def test_a_fenced_device_acts_no_more_until_it_is_active_again(build: MonitorBuild) -> None:
    host = DeviceHost.boot(build, disk_guest("one", ""))
    host.run(4 * LATENCY_CYCLES + 60_000)
    before = host.devices.statistics(1)
    assert 0 < before.request_count < 32
    host.change(1, flags=0)
    assert host.run(1_000_000) == ExitReason.IDLE
    fenced = host.devices.statistics(1)
    assert (fenced.request_count, fenced.active) == (before.request_count, False)
    host.change(1, flags=1)
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
    assert bytes(host.console) == DONE


@pytest.mark.parametrize("build", BUILDS)
def test_registers_taken_away_stop_who_still_maps_them(build: MonitorBuild) -> None:
    host = DeviceHost.boot(build, disk_guest("one", ""), disk_guest("two", "sectors=1"))
    host.run(200_000)
    host.attach(host.row(2, 2), host.row(1, 2))
    assert host.devices.statistics(1).owner == 2
    assert host.devices.statistics(1).status == 0
    host.run(LONG_CYCLES)
    assert host.machine.partition_statistics(1).stop_reason == StopReason.REVOKED
    assert host.machine.partition_statistics(2).stop_reason == StopReason.EXIT


@pytest.mark.parametrize("build", BUILDS)
def test_a_snapshot_in_memory_brings_devices_back(build: MonitorBuild) -> None:
    host = DeviceHost.boot(build, disk_guest("one", ""))
    host.run(150_000)
    snapshot = host.machine.snapshot()
    then = host.hashes(1)
    ends = []
    for _ in range(2):
        host.run(LONG_CYCLES)
        ends.append(host.hashes(1))
        host.machine.restore(snapshot)
        assert host.hashes(1) == then
    assert ends[0] == ends[1]
    whole, _ = run_alone(build)
    assert ends[0] == whole.hashes(1)


@pytest.mark.parametrize("build", BUILDS)
def test_a_snapshot_in_a_file_brings_devices_back(build: MonitorBuild, tmp_path: Path) -> None:
    host = DeviceHost.boot(build, disk_guest("one", ""))
    host.run(150_000)
    host.machine.write(tmp_path / "state")
    other = DeviceHost.boot(build, disk_guest("one", ""))
    other.machine.read(tmp_path / "state")
    assert other.hashes(1) == host.hashes(1)
    other.run(LONG_CYCLES)
    host.run(LONG_CYCLES)
    assert other.hashes(1) == host.hashes(1)


def test_a_failing_disk_is_the_guests_to_see() -> None:
    host = DeviceHost.boot(MonitorBuild.NATIVE, disk_guest("one", ""))
    host.devices.fail(0, DiskFailure(error=errno.EIO, skip_count=3, strike_count=1))
    host.run(LONG_CYCLES)
    statistics = host.machine.partition_statistics(1)
    assert statistics.exit_code != 0
    assert host.devices.statistics(1).failed_count == 1


def test_as_many_devices_as_there_are_registers() -> None:
    host = DeviceHost.boot(
        MonitorBuild.NATIVE, disk_guest("one", ""), device_frame_count=DEVICE_LIMIT
    )
    for _ in range(DEVICE_LIMIT - 1):
        host.devices.add_console()
    with pytest.raises(UltravisorError, match=f"registers for {DEVICE_LIMIT} devices"):
        host.devices.add_console()
    with pytest.raises(UltravisorError, match=f"at most {DEVICE_LIMIT} devices"):
        DeviceHost.boot(MonitorBuild.NATIVE, device_frame_count=DEVICE_LIMIT + 1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"id": 3}, "the machine has no device 3"),
        ({"machine_frame": 4000}, "the registers of device 1 are the frame"),
        ({"frame_count": 2}, "the registers of device 1 are the frame"),
        ({"partition": 128}, "partition 128, port 9 and flags 0x1 cannot be"),
        ({"port": 64}, "port 64"),
        ({"port": 1}, "port 1"),
        ({"flags": 2}, "flags 0x2"),
    ],
)
def test_wrong_rows_are_refused_with_a_sentence(fields: dict[str, int], sentence: str) -> None:
    host = DeviceHost.boot(MonitorBuild.NATIVE, disk_guest("one", ""))
    with pytest.raises(UltravisorError, match=sentence):
        host.change(1, **fields)


def test_one_device_has_one_row() -> None:
    host = DeviceHost.boot(MonitorBuild.NATIVE, disk_guest("one", ""))
    with pytest.raises(UltravisorError, match="or another row has it"):
        host.attach(host.row(1, 1), host.row(1, 1))
    assert host.row(1, 1).port == PORT
