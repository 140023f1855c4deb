# SPDX-License-Identifier: GPL-2.0-or-later
"""Which frames have changed since a snapshot: counted by what a guest is known to have written.

Under both builds, and with several machines that are followed at once; the tests of what a
snapshot holds lie beside the guests.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, LONG_CYCLES, Guest, boot, make_machine
from tests.guests.machine_code import DATA, PAGE, RBX, TEXT, page
from tests.unit import tiny_guests as tiny
from tests.unit.tiny_guests import leave, load
from ultravisor.errors import UltravisorError
from ultravisor.machine.interface import ExitReason, MonitorBuild
from ultravisor.machine.records import Segment

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

pytestmark = pytest.mark.guest
both_builds = pytest.mark.parametrize("build", BUILDS, ids=["native", "simulated"])

GRAIN_FRAMES = 4
FIELD = TEXT + 0x100000
FIELD_PAGES = 256
TRACKED_LIMIT = 64
WRITTEN = 0xA5


def writer(count: int, stride_bytes: int) -> Guest:
    """Return a guest that writes a byte `count` times, `stride_bytes` apart, then spins."""
    loop = (
        b"\xc6\x03"  # mov byte [rbx], WRITTEN
        + bytes([WRITTEN])
        + b"\x48\x81\xc3"  # add rbx, stride
        + stride_bytes.to_bytes(4, "little")
        + b"\xff\xc9"  # dec ecx
    )
    loop += b"\x75" + (-len(loop) - 2).to_bytes(1, "little", signed=True)
    code = load(RBX, FIELD) + b"\xb9" + count.to_bytes(4, "little") + loop
    field = Segment(
        address=FIELD, size_bytes=FIELD_PAGES * PAGE, data=b"", writable=True, executable=False
    )
    return Guest(text=page({TEXT: code + tiny.SPIN}), memory_size_bytes=4 << 20, more=(field,))


def booted(build: MonitorBuild, guest: Guest) -> Machine:
    machine = make_machine(build)
    boot(machine, (guest,))
    return machine


def dirty_after(build: MonitorBuild, count: int, stride_bytes: int) -> int:
    """Return how many frames have changed once all is written."""
    with booted(build, writer(count, stride_bytes)) as machine:
        snapshot = machine.snapshot()
        assert machine.dirty_frames() == 0
        machine.run(100_000)
        last = FIELD + (count - 1) * stride_bytes
        assert machine.guest_read(1, last, 1) == bytes([WRITTEN])
        found = machine.dirty_frames()
        snapshot.free()
        assert machine.dirty_frames() == 0
    return found


@both_builds
def test_what_is_written_is_counted_by_the_grain(build: MonitorBuild) -> None:
    """Beside the first grain, each other one that a byte was written to counts whole."""
    first = dirty_after(build, 1, PAGE)
    assert 0 < first < 100
    assert first % GRAIN_FRAMES == 0
    for grains in (2, 3, 17, 60):
        found = dirty_after(build, grains, GRAIN_FRAMES * PAGE)
        assert found - first == GRAIN_FRAMES * (grains - 1)
    dense = dirty_after(build, 4 * GRAIN_FRAMES + 1, PAGE)
    assert dense - first == GRAIN_FRAMES * 4
    assert dirty_after(build, PAGE, 1) - first in (0, GRAIN_FRAMES)


@both_builds
def test_writing_again_counts_once(build: MonitorBuild) -> None:
    with booted(build, writer(2000, 8)) as machine:
        snapshot = machine.snapshot()
        machine.run(1_000)
        early = machine.dirty_frames()
        machine.run(3_000)
        assert machine.dirty_frames() == early > 0
        snapshot.free()


@both_builds
def test_restoring_brings_back_what_was_written(build: MonitorBuild) -> None:
    with booted(build, writer(60, GRAIN_FRAMES * PAGE)) as machine:
        machine.run(100)
        before = machine.state_hash()
        snapshot = machine.snapshot()
        hashes = set()
        for _ in range(3):
            machine.run(50_000)
            hashes.add(machine.state_hash())
            assert machine.guest_read(1, FIELD + 59 * GRAIN_FRAMES * PAGE, 1) != b"\0"
            assert machine.dirty_frames() > 0
            machine.restore(snapshot)
            assert machine.dirty_frames() == 0
            assert machine.guest_read(1, FIELD + 59 * GRAIN_FRAMES * PAGE, 1) == b"\0"
            assert machine.state_hash() == before
        assert len(hashes) == 1


@both_builds
def test_two_snapshots_of_one_machine(build: MonitorBuild) -> None:
    """Whichever was followed last, both bring back their own moment."""
    with booted(build, writer(60, GRAIN_FRAMES * PAGE)) as machine:
        moments = []
        for cycles in (50, 300, 900):
            machine.run(cycles)
            moments.append((machine.state_hash(), machine.snapshot()))
        for order in ((2, 0, 1), (1, 1, 2), (0, 2, 0)):
            for index in order:
                machine.run(20_000)
                expected, snapshot = moments[index]
                machine.restore(snapshot)
                assert machine.state_hash() == expected
        # The one that is followed is freed; the others still bring back everything.
        machine.run(20_000)
        moments[0][1].free()
        machine.restore(moments[2][1])
        assert machine.state_hash() == moments[2][0]


@both_builds
def test_machines_are_followed_apart(build: MonitorBuild) -> None:
    """One that runs dirties nothing of another, and may lose its snapshot meanwhile."""
    guest = writer(60, GRAIN_FRAMES * PAGE)
    with booted(build, guest) as first, booted(build, guest) as second:
        before = second.state_hash()
        mine, other = first.snapshot(), second.snapshot()
        first.run(50_000)
        assert (first.dirty_frames() > 0, second.dirty_frames()) == (True, 0)
        mine.free()
        assert first.dirty_frames() == 0
        second.run(50_000)
        assert second.dirty_frames() > 0
        assert second.state_hash() == first.state_hash()
        first.close()
        second.restore(other)
        assert (second.dirty_frames(), second.state_hash()) == (0, before)


def test_as_many_machines_are_followed_as_the_limit_says() -> None:
    """One more is refused and goes on as it was; it has its turn when another gives up."""
    guest = Guest(text=page({TEXT: tiny.count_down(1000) + leave(0)}))
    with ExitStack() as stack:
        machines = [
            stack.enter_context(booted(MonitorBuild.NATIVE, guest)) for _ in range(TRACKED_LIMIT)
        ]
        snapshots = [machine.snapshot() for machine in machines]
        more = stack.enter_context(booted(MonitorBuild.NATIVE, guest))
        with pytest.raises(UltravisorError, match=f"{TRACKED_LIMIT} machines"):
            more.snapshot()
        more.run(500)
        snapshots[5].free()
        kept = more.snapshot()
        before = more.state_hash()
        assert more.run(LONG_CYCLES).reason == ExitReason.HALTED
        more.restore(kept)
        assert more.state_hash() == before
        machines[7].run(LONG_CYCLES)
        assert machines[7].guest_read(1, DATA, 1) == b"\0"
        machines[7].restore(snapshots[7])
        assert machines[7].dirty_frames() == 0
