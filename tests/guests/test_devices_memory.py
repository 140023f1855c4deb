# SPDX-License-Identifier: GPL-2.0-or-later
"""What devices reach of memory, and how guests reach registers, under both builds of the monitor.

The guest `disk` has its disk write into a channel and over code that it has executed, and accesses
registers in every form; it checks itself what came of it.
"""

from __future__ import annotations

import pytest

from tests.guests.device_hosts import DeviceHost, disk_guest
from ultravisor.machine.abi import CHANNEL_END_WRITABLE, ViewChannelState
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel
from ultravisor.machine.view_rows import ChannelEndRow, ChannelRow

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
LONG_CYCLES = 20_000_000
DONE = b"disk: 16 sectors written and read\n"
CHANNEL_FRAMES = 2
CHANNEL_GUEST_FRAME = 8192
# Far behind the guests, and before the registers.
CHANNEL_MACHINE_FRAME = 12 * 1024


def add_channel(host: DeviceHost, *, writable: bool) -> None:
    """Publish a channel between partitions 1 and 2, which the first may write or not."""
    body = host.views.begin()
    body.channel_count = 1
    ends = (
        ChannelEndRow(
            partition=1,
            port=10,
            guest_frame=CHANNEL_GUEST_FRAME,
            flags=CHANNEL_END_WRITABLE if writable else 0,
        ),
        ChannelEndRow(
            partition=2, port=10, guest_frame=CHANNEL_GUEST_FRAME, flags=CHANNEL_END_WRITABLE
        ),
    )
    body.set_channel(
        0,
        ChannelRow(
            id=1,
            state=ViewChannelState.MAPPED,
            machine_frame=CHANNEL_MACHINE_FRAME,
            frame_count=CHANNEL_FRAMES,
            ends=ends,
        ),
    )
    host.views.publish()


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize(("writable", "refused_count"), [(True, 1), (False, 2)])
def test_a_device_writes_a_channel_only_where_its_owner_may(
    writable: bool, refused_count: int, width: int
) -> None:
    seen = []
    for build in BUILDS:
        host = DeviceHost.boot(
            build,
            disk_guest("one", f"channel={CHANNEL_GUEST_FRAME}", width),
            disk_guest("other", "", width),
        )
        add_channel(host, writable=writable)
        assert host.run(LONG_CYCLES) == ExitReason.HALTED
        end = b"done" if writable else b"refused"
        assert b"disk: DMA to a channel " + end + b"\n" in host.console, bytes(host.console)
        assert host.console.count(DONE) == 2
        assert host.devices.statistics(1).failed_count == refused_count
        seen.append(host.hashes(2))
        host.machine.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("timing", [TimingModel.OFF, TimingModel.UNIT])
@pytest.mark.parametrize("width", [64, 32])
def test_code_replaced_by_dma_is_executed_as_it_is_then(width: int, timing: TimingModel) -> None:
    seen = []
    for build in BUILDS:
        host = DeviceHost.boot(build, disk_guest("one", "code", width), timing=timing)
        assert host.run(LONG_CYCLES) == ExitReason.HALTED
        assert bytes(host.console) == b"disk: code replaced by DMA\n" + DONE
        statistics = host.devices.statistics(1)
        assert (statistics.failed_count, statistics.refused_count) == (1, 1)
        seen.append(host.hashes(1))
        host.machine.close()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("timing", [TimingModel.OFF, TimingModel.UNIT])
@pytest.mark.parametrize("width", [64, 32])
def test_registers_are_accessed_in_every_form_alike(width: int, timing: TimingModel) -> None:
    seen = []
    for build in BUILDS:
        host = DeviceHost.boot(build, disk_guest("one", "registers", width), timing=timing)
        assert host.run(LONG_CYCLES) == ExitReason.HALTED
        assert bytes(host.console) == b"disk: registers accessed in every form\n" + DONE
        seen.append((host.hashes(1), host.devices.statistics(1)))
        host.machine.close()
    assert seen[0] == seen[1]
    # Two narrow loads, a crooked store in four parts, and what cmpxchg8b stores back in two.
    assert (seen[0][1].failed_count, seen[0][1].refused_count) == (0, 8)
    assert seen[0][1].reason == "load of 2 bytes at register 0"
