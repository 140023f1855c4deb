# SPDX-License-Identifier: GPL-2.0-or-later
"""I/O partitions on a raw machine: data, takeovers, crashes, watchdogs and hostile clients."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.guests.io_host import PHYSICAL_BUS, IoHost
from tests.guests.io_machine import BUS
from ultravisor.channels.control_messages import CreateDevice, Device, DeviceState, Interrupt
from ultravisor.machine.abi import (
    GUID_DISK,
    GUID_VIRTIO_BLOCK,
    SEGMENT_STATE_PAUSED,
    CompletionStatus,
    ControlMessageId,
    StopReason,
)
from ultravisor.machine.devices import DiskFailure
from ultravisor.machine.interface import MonitorBuild, TimingModel

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from tests.guests.io_host import Medium

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
SPAN = 64
DONE = "reads_writes: 464 requests ended, 0 failed, 0 sectors wrong, {} sent again"


def pair(
    build: MonitorBuild = MonitorBuild.NATIVE,
    client: str = "requests=400 seed=3",
    *,
    width: int = 64,
    io: tuple[str, str] = ("", ""),
    path: Path | None = None,
    timing: TimingModel = TimingModel.OFF,
    processor_count: int = 1,
    latency_cycles: int = 20_000,
) -> tuple[IoHost, Medium]:
    """Return a host with two I/O partitions, 2 and 3, a client, 4, and its disk at the first."""
    host = IoHost.boot(build, timing, processor_count=processor_count)
    last = processor_count - 1
    servers = (host.add_io(io[0]), host.add_io(io[1], processor=last))
    number = host.add_client(client, width, processor=last)
    medium = host.add_medium(servers, number, path=path, latency_cycles=latency_cycles)
    host.operate(medium, 0)
    return host, medium


def repeated(host: IoHost, number: int = 4, ended: str = "464 requests ended, 0 failed") -> int:
    """Return how many requests were sent again, after all have ended and were right."""
    line = host.console(number).splitlines()[-1]
    begin, end = f"reads_writes: {ended}, 0 sectors wrong, ", " sent again"
    assert line.startswith(begin), host.text()
    assert line.endswith(end), host.text()
    return int(line.removeprefix(begin).removesuffix(end))


@pytest.mark.parametrize("timing", [TimingModel.OFF, TimingModel.UNIT])
@pytest.mark.parametrize("width", [64, 32])
def test_a_client_reads_what_it_wrote_alike_in_both_builds(
    width: int, timing: TimingModel, tmp_path: Path
) -> None:
    seen = []
    for build in BUILDS:
        host, _ = pair(build, width=width, timing=timing, path=tmp_path / build.name)
        host.run_until_ended(4)
        assert repeated(host) == 0
        hashes = [host.machine.partition_hash(number) for number in (1, 2, 3, 4)]
        seen.append((hashes, host.machine.state_hash(), (tmp_path / build.name).read_bytes()))
        host.machine.close()
    assert seen[0] == seen[1]


def test_data_arrives_at_the_medium_byte_by_byte(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    host, medium = pair(client="sequence requests=16 sectors=8 depth=4", path=file)
    host.run_until_ended(4)
    assert "16 writes and 16 reads of 8 sectors, 0 bad" in host.console(4)
    blocks = [file.read_bytes()[place * 4096 :][:4096] for place in range(16)]
    # Each begins with the number of its place; buffers hold nothing else.
    assert blocks == [place.to_bytes(4, "little") + bytes(4092) for place in range(16)]
    statistics = host.devices.statistics(medium.devices[0])
    assert (statistics.read_bytes, statistics.written_bytes) == (65536, 65536)
    assert (statistics.failed_count, statistics.refused_count) == (0, 0)


def test_many_requests_are_in_flight_at_a_time() -> None:
    host, medium = pair(client="sequence requests=500 depth=64", latency_cycles=1_000_000)
    most = 0
    while host.is_running(4):
        host.run()
        most = max(most, host.devices.statistics(medium.devices[0]).in_flight_count)
    assert most == 64


def test_discards_and_zeroes_that_are_longer_than_the_device_takes_are_done_in_pieces(
    tmp_path: Path,
) -> None:
    host = IoHost.boot(MonitorBuild.NATIVE)
    servers = (host.add_io(), host.add_io())
    client = host.add_client("zeroes")
    file = tmp_path / "disk"
    with file.open("wb") as stream:
        for place in (0, (32 << 20) - 4096, (64 << 20) - 4096, (80 << 20) - 8192):
            stream.seek(place)
            stream.write(b"\xa5" * 8192)
    medium = host.add_medium(servers, client, path=file, size_bytes=80 << 20)
    host.operate(medium, 0)
    host.run_until_ended(client)
    assert host.console(client).endswith("reads_writes: 163840 sectors discarded and zeroed\n")
    assert host.devices.statistics(medium.devices[0]).request_count == 6
    data = file.read_bytes()
    assert data == bytes(len(data))


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("width", [64, 32])
def test_a_takeover_loses_nothing(build: MonitorBuild, width: int) -> None:
    host, medium = pair(build, width=width)
    again = 0
    for index in (1, 0, 1, 0, 1):
        host.run(700_000)
        assert host.is_running(4)
        host.take_over(medium, index)
    host.run_until_ended(4)
    again = repeated(host)
    assert again > 0
    counts = [host.devices.statistics(device).request_count for device in medium.devices]
    assert min(counts) > 20
    assert sum(counts) >= 464


def test_a_medium_is_reached_by_no_port_between_the_fence_and_the_takeover() -> None:
    host, medium = pair()
    host.run(500_000)
    host.fence(medium, 0)
    before = [host.devices.statistics(device).request_count for device in medium.devices]
    host.run(2_000_000)
    after = [host.devices.statistics(device).request_count for device in medium.devices]
    assert before == after
    host.leave(medium, 0)
    host.ask_state(2, PHYSICAL_BUS, medium.devices[0], operates=False)
    assert host.devices.statistics(medium.devices[0]).in_flight_count == 0
    host.operate(medium, 1)
    host.run_until_ended(4)
    assert repeated(host) > 0


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("width", [64, 32])
def test_a_crash_loses_no_request(build: MonitorBuild, width: int) -> None:
    host, medium = pair(build, width=width, io=("crash_after=100", ""))
    host.run_until_ended(2)
    assert "io: crashes, as it was told to" in host.console(2)
    statistics = host.machine.partition_statistics(2)
    assert statistics.stop_reason == StopReason.UNHANDLED_TRAP, statistics
    host.fail_over(medium, 1)
    host.run_until_ended(4)
    assert repeated(host) > 0


def test_a_crashed_partition_comes_back_and_takes_over_again() -> None:
    host, medium = pair(client="requests=1000 seed=3", io=("crash_after=100", "crash_after=200"))
    host.run_until_ended(2)
    host.fail_over(medium, 1)
    host.restart_io(2, "")
    host.run_until_ended(3)
    host.fail_over(medium, 0)
    host.restart_io(3, "")
    host.run(500_000)
    host.take_over(medium, 1)
    host.run_until_ended(4)
    assert repeated(host, ended="1064 requests ended, 0 failed") > 0


@pytest.mark.parametrize("build", BUILDS)
def test_a_watchdog_stops_a_partition_that_hangs(build: MonitorBuild) -> None:
    host, medium = pair(build, io=("hang_after=50 watchdog_cycles=3000000", ""))
    host.run_until_ended(2)
    assert "io: hangs, as it was told to" in host.console(2)
    assert host.machine.partition_statistics(2).stop_reason == StopReason.WATCHDOG
    host.fail_over(medium, 1)
    host.run_until_ended(4)
    assert repeated(host) > 0


def test_a_watchdog_lets_a_partition_live_that_has_nothing_to_do() -> None:
    host, _ = pair(client="requests=1", io=("watchdog_cycles=1000000", "watchdog_cycles=1000000"))
    host.run_until_ended(4)
    for _ in range(100):
        host.run(200_000)
    assert host.is_running(2)
    assert host.is_running(3)


def test_a_partition_that_hangs_without_a_watchdog_is_moved_from_all_the_same() -> None:
    host, medium = pair(io=("hang_after=50 watchdog_cycles=0", ""))
    while "io: hangs" not in host.console(2):
        host.run()
    host.fail_over(medium, 1)
    host.run_until_ended(4)
    assert repeated(host) > 0
    assert host.is_running(2)


@pytest.mark.parametrize("build", BUILDS)
def test_who_breaks_its_queue_harms_no_other_medium(build: MonitorBuild) -> None:
    host, _ = pair(build, client="requests=400 seed=3")
    hostile = host.add_client("hostile")
    other = host.add_medium((2, 3), hostile)
    host.operate(other, 0)
    host.run_until_ended(4)
    assert repeated(host) == 0
    assert "its queue is broken now" in host.console(hostile)
    path = other.paths[0].row
    assert host.console(2) == f"io: channel {path}: its client does not keep the rules\n"
    assert host.is_running(2)
    assert host.is_running(3)


def test_a_client_that_broke_its_queue_is_served_in_its_next_life() -> None:
    host, _ = pair(client="hostile")
    medium = host.media[0]
    while "does not keep the rules" not in host.console(2):
        host.run()
    assert host.ask_state(2, PHYSICAL_BUS, medium.devices[0], operates=True) == (
        CompletionStatus.DRIVER_FAILURE
    )
    host.restart_client(4, "requests=400 seed=3")
    host.operate(medium, 0)
    host.run_until_ended(4)
    assert repeated(host) == 0


def test_errors_of_the_medium_are_the_clients_to_see() -> None:
    host, medium = pair()
    host.devices.fail(medium.disk, DiskFailure(error=errno.EIO, skip_count=50, strike_count=3))
    host.run_until_ended(4)
    assert repeated(host, ended="464 requests ended, 3 failed") == 0
    assert host.desks.desks[2].told == []


def test_a_device_that_breaks_is_reported_and_can_be_used_again() -> None:
    host, medium = pair(io=("break_after=50", ""))
    while not host.desks.desks[2].told:
        host.run()
    assert host.desks.desks[2].told == [(PHYSICAL_BUS, medium.devices[0], SEGMENT_STATE_PAUSED)]
    assert "wants a reset" in host.console(2)
    while not host.desks.desks[4].told:
        host.run()
    # The client was answered `fenced`, and says that its path is lost.
    assert host.desks.desks[4].told == [(BUS, medium.paths[0].row, SEGMENT_STATE_PAUSED)]
    host.take_over(medium, 1)
    host.run(500_000)
    host.take_over(medium, 0)
    host.run_until_ended(4)
    assert repeated(host) > 0


def test_one_partition_serves_several_media_at_once() -> None:
    host, first = pair()
    clients = [4, host.add_client("requests=300 seed=9", 32), host.add_client("requests=300")]
    media = [first]
    for client in clients[1:]:
        media.append(host.add_medium((2, 3), client))
        host.operate(media[-1], len(media) % 2)
    host.run(300_000)
    host.take_over(media[1], 1 - media[1].operating)  # type: ignore[operator]
    host.run_until_ended(*clients)
    assert repeated(host) == 0
    for client in clients[1:]:
        repeated(host, client, "364 requests ended, 0 failed")


@pytest.mark.parametrize("io", ["", "break_after=50", "watchdog_cycles=0"])
def test_devices_without_an_event_port_are_polled(io: str) -> None:
    host = IoHost.boot(MonitorBuild.NATIVE)
    host.has_device_ports = False
    servers = (host.add_io(io), host.add_io())
    medium = host.add_medium(servers, host.add_client("requests=400 seed=3"))
    host.operate(medium, 0)
    if io == "break_after=50":
        while not host.desks.desks[2].told:
            host.run()
        host.take_over(medium, 1)
    host.run_until_ended(4)
    repeated(host)


def test_two_processors_serve_and_ask_at_the_same_time() -> None:
    host, medium = pair(processor_count=2)
    host.run(700_000)
    host.take_over(medium, 1)
    host.run_until_ended(4)
    repeated(host)


def created(bus: int, device: int, address: int, kind: UUID, size_bytes: int) -> CreateDevice:
    return CreateDevice(bus, device, address, size_bytes, kind, kind, Interrupt(9, 9))


@pytest.mark.parametrize(
    ("packet", "status"),
    [
        (created(PHYSICAL_BUS, 9, 0x5000_0000, GUID_VIRTIO_BLOCK, 4096), "DEVICE_INVALID"),
        (created(PHYSICAL_BUS, 9, 0x5000_0000, GUID_VIRTIO_BLOCK, 4095), "CHANNEL_TOO_SMALL"),
        (created(BUS, 9, 0x5000_0000, GUID_DISK, 1 << 19), "CHANNEL_INVALID"),
        (created(7, 9, 0x5000_0000, GUID_DISK, 1 << 19), "BUS_INVALID"),
    ],
)
def test_what_is_not_there_is_refused_and_forgotten(packet: CreateDevice, status: str) -> None:
    host = IoHost.boot(MonitorBuild.NATIVE)
    number = host.add_io()
    for _ in range(20):
        answer = host.ask(number, ControlMessageId.DEVICE_CREATE, packet, server=True)
        assert answer == CompletionStatus[status]
    gone = host.ask(number, ControlMessageId.DEVICE_DESTROY, Device(packet.bus, packet.device))
    assert gone == CompletionStatus.DEVICE_INVALID
    changed = DeviceState(packet.bus, packet.device, SEGMENT_STATE_PAUSED)
    answer = host.ask(number, ControlMessageId.DEVICE_CHANGE_STATE, changed)
    assert answer == CompletionStatus.DEVICE_INVALID
