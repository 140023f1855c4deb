# SPDX-License-Identifier: GPL-2.0-or-later
"""Partitions, memory and channels come and go while others run: in both builds alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, Guest
from tests.guests.live_views import FRAME, LiveMachine
from tests.guests.machine_code import COUNTER, DATA, increment
from tests.unit.tiny_guests import SPIN, call, load
from ultravisor.errors import ConfigurationError, MachineError
from ultravisor.machine.abi import (
    CHANNEL_END_WRITABLE,
    Error,
    Hypercall,
    StopReason,
    ViewState,
)
from ultravisor.machine.interface import FrameUse, MonitorBuild, PartitionState
from ultravisor.machine.loader import BuildRange
from ultravisor.machine.view_rows import ChannelEndRow, ExtentRow, SlotRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.guest

QUANTUM = 2_999
DIRECT_MAP = 0xFFFF880000000000
CALL_RESULT = DATA + 0x40


def for_ever(code: bytes) -> bytes:
    """Return code that runs again and again."""
    return code + b"\xe9" + (-len(code) - 5).to_bytes(4, "little", signed=True)


def keep(address: int = CALL_RESULT) -> bytes:
    """Return `mov [address], rax`."""
    return b"\x48\x89\x04\x25" + (address & 0xFFFFFFFF).to_bytes(4, "little")


def guest(text: bytes, name: str = "guest", *processors: int, pages: int = 256) -> Guest:
    return Guest(
        text=text,
        name=name,
        quantum_cycles=QUANTUM,
        processors=processors or (0,),
        memory_size_bytes=pages * FRAME,
    )


COUNTS = for_ever(increment())
YIELDS = for_ever(increment() + call(Hypercall.YIELD))
BLOCKS = for_ever(call(Hypercall.BLOCK))


def both(
    script: Callable[[LiveMachine], object], *guests: Guest, processor_count: int = 1
) -> object:
    """Run a script under both builds: what it returns, and the state hash, must be equal."""
    found = []
    for build in BUILDS:
        live = LiveMachine.boot(build, *guests, processor_count=processor_count)
        with live.machine:
            found.append((script(live), live.machine.state_hash()))
    assert found[0] == found[1]
    return found[0][0]


def word(live: LiveMachine, number: int, address: int = COUNTER) -> int:
    """Return a word of a guest's memory."""
    return int.from_bytes(live.machine.guest_read(number, address, 8), "little")


def state(live: LiveMachine, number: int) -> PartitionState:
    return live.machine.partition_statistics(number).state


def far(live: LiveMachine, index: int = 0) -> int:
    """Return a frame far behind those that the boot gave out."""
    return live.last_frame() - 1024 * (index + 1)


def test_a_partition_is_created_while_others_run() -> None:
    def script(live: LiveMachine) -> object:
        live.run()
        generation = live.create(2, guest(COUNTS, "late"), far(live))
        assert generation == 2
        live.acknowledge(generation)
        live.run()
        assert word(live, 2) > 0
        return word(live, 1), word(live, 2), live.machine.partition_hash(2)

    both(script, guest(COUNTS))


def test_a_partition_is_created_paused_and_stopped() -> None:
    def script(live: LiveMachine) -> object:
        live.acknowledge(live.create(2, guest(COUNTS), far(live), state=ViewState.PAUSED))
        live.acknowledge(live.create(3, guest(COUNTS), far(live, 1), state=ViewState.STOPPED))
        live.run()
        assert [state(live, number) for number in (2, 3)] == [
            PartitionState.PAUSED,
            PartitionState.READY,
        ]
        assert word(live, 2) == 0
        live.set_state(2, ViewState.RUNNING)
        live.acknowledge(live.set_state(3, ViewState.RUNNING))
        live.run()
        assert word(live, 2) > 0
        assert word(live, 3) > 0
        return [live.machine.partition_hash(number) for number in (1, 2, 3)]

    both(script, guest(COUNTS))


def test_a_paused_partition_stands_still_and_goes_on() -> None:
    def script(live: LiveMachine) -> object:
        live.run()
        live.acknowledge(live.set_state(1, ViewState.PAUSED))
        before = word(live, 1)
        live.run(500_000)
        assert word(live, 1) == before
        assert state(live, 1) == PartitionState.PAUSED
        live.acknowledge(live.set_state(1, ViewState.RUNNING))
        live.run()
        assert word(live, 1) > before
        return before, word(live, 1)

    both(script, guest(COUNTS), guest(YIELDS, "other"))


def test_a_timer_that_passes_in_a_pause_is_seen_after_it() -> None:
    timer = (
        call(Hypercall.TIME_GET)
        + b"\x48\x8d\xb8\x00\x40\x00\x00"
        + load(0, Hypercall.TIMER_SET)
        + b"\x0f\x01\xc1"
        + call(Hypercall.BLOCK)
        + COUNTS
    )

    def script(live: LiveMachine) -> object:
        live.run(4_000)
        live.acknowledge(live.set_state(1, ViewState.PAUSED))
        live.run(200_000)
        assert word(live, 1) == 0
        live.acknowledge(live.set_state(1, ViewState.RUNNING))
        live.run()
        assert word(live, 1) > 0
        return word(live, 1)

    both(script, guest(timer), guest(BLOCKS, "other"))


def test_a_view_stops_a_partition_for_good() -> None:
    def script(live: LiveMachine) -> object:
        live.run()
        live.acknowledge(live.set_state(1, ViewState.STOPPED))
        live.acknowledge(live.set_state(1, ViewState.RUNNING))
        statistics = live.machine.partition_statistics(1)
        assert statistics.stop_reason == StopReason.OPERATOR
        assert statistics.state == PartitionState.STOPPED
        return word(live, 1)

    both(script, guest(COUNTS), guest(COUNTS, "other"))


@pytest.mark.parametrize("text", [COUNTS, YIELDS, BLOCKS], ids=["counts", "yields", "blocks"])
def test_a_destroyed_partition_leaves_nothing(text: bytes) -> None:
    def script(live: LiveMachine) -> object:
        frame = far(live)
        live.acknowledge(live.create(2, guest(text, "short", 0, 1), frame))
        live.run()
        assert live.views.use(frame, 256) == FrameUse.REFERENCED
        live.acknowledge(live.destroy(2))
        assert live.views.use(frame, 256) == FrameUse.FREE
        assert state(live, 2) == PartitionState.ABSENT
        # Somebody else's free memory: zeros, whatever was there.
        live.acknowledge(live.create(3, guest(BLOCKS, pages=512), frame - 256))
        assert live.machine.guest_read(3, DIRECT_MAP + 256 * FRAME, 256 * FRAME) == bytes(
            256 * FRAME
        )
        return word(live, 1)

    both(script, guest(COUNTS), processor_count=2)


def test_a_number_is_used_again_by_another_incarnation() -> None:
    def script(live: LiveMachine) -> object:
        found = []
        for incarnation in (1, 2, 3):
            text = increment() * incarnation + SPIN
            generation = live.create(2, guest(text), far(live), incarnation=incarnation)
            live.acknowledge(generation)
            live.run()
            assert word(live, 2) == incarnation
            found.append((live.machine.partition_hash(2), live.machine.partition_statistics(2)))
            live.acknowledge(live.destroy(2))
        return found

    both(script, guest(YIELDS))


def test_a_number_is_used_again_within_one_generation() -> None:
    def script(live: LiveMachine) -> object:
        live.acknowledge(live.create(2, guest(COUNTS), far(live)))
        live.run()
        live.destroy(2)
        live.acknowledge(live.create(2, guest(increment() + SPIN), far(live, 1), incarnation=2))
        live.run()
        assert word(live, 2) == 1
        assert live.views.use(far(live), 256) == FrameUse.FREE
        return live.machine.partition_statistics(2)

    both(script, guest(COUNTS))


def test_memory_that_is_still_used_is_revoked_by_force() -> None:
    """The guest touches all of its data for ever; the view takes its last frames away."""

    def script(live: LiveMachine) -> object:
        live.run()
        body = live.views.begin()
        row = body.extent(body.partition(1).first_extent)
        body.set_extent(
            body.partition(1).first_extent, replace(row, frame_count=row.frame_count - 16)
        )
        last = row.machine_frame + row.frame_count - 16
        live.acknowledge(live.views.publish())
        statistics = live.machine.partition_statistics(1)
        assert statistics.stop_reason == StopReason.REVOKED
        assert live.views.use(last, 16) == FrameUse.FREE
        assert live.views.use(row.machine_frame, row.frame_count - 16) == FrameUse.REFERENCED
        return live.machine.partition_hash(1)

    both(script, guest(COUNTS), guest(COUNTS, "other"))


def test_whoever_gets_a_revoked_frame_never_sees_its_last_owner() -> None:
    """One processor stores into the frame for ever, while the other revokes it and gives it on."""
    page = DIRECT_MAP + 250 * FRAME
    stores = for_ever(load(6, page) + b"\x48\xff\x06")

    def script(live: LiveMachine) -> object:
        frame = far(live)
        live.acknowledge(live.create(2, guest(stores, "stores", 1), frame))
        live.run()
        assert word(live, 2, page) > 0
        body = live.views.begin()
        row = body.partition(2).first_extent
        body.set_extent(row, replace(body.extent(row), frame_count=240))
        live.acknowledge(live.views.publish())
        assert live.machine.partition_statistics(2).stop_reason == StopReason.REVOKED
        rest = BuildRange(guest_frame=512, machine_frame=frame + 240, frame_count=16)
        live.acknowledge(live.create(3, guest(COUNTS), far(live, 1), more=(rest,)))
        live.run()
        assert word(live, 3) > 0
        assert live.machine.guest_read(3, DIRECT_MAP + 512 * FRAME, 16 * FRAME) == bytes(16 * FRAME)
        return live.machine.partition_hash(2)

    both(script, guest(COUNTS), processor_count=2)


def test_memory_is_added_and_taken_back_unused() -> None:
    def script(live: LiveMachine) -> object:
        live.run()
        frame = far(live)
        body = live.views.begin()
        row = body.partition(2)
        added = ExtentRow(partition=2, guest_frame=4096, machine_frame=frame, frame_count=100)
        body.extent_count = row.first_extent + 2
        body.set_extent(row.first_extent + 1, added)
        body.set_partition(2, replace(row, extent_count=2))
        live.acknowledge(live.views.publish())
        assert live.views.use(frame, 100) == FrameUse.OWNED
        body = live.views.begin()
        body.set_extent(row.first_extent + 1, ExtentRow())
        body.set_partition(2, row)
        live.acknowledge(live.views.publish())
        assert live.views.use(frame, 100) == FrameUse.FREE
        assert state(live, 2) == PartitionState.RUNNING
        return word(live, 2)

    both(script, guest(COUNTS), guest(COUNTS, "other"))


def channel_ends(
    first: int, second: int, flags: int = CHANNEL_END_WRITABLE
) -> tuple[ChannelEndRow, ChannelEndRow]:
    end = ChannelEndRow(partition=first, guest_frame=8192, flags=flags)
    return end, replace(end, partition=second)


CHANNEL_ADDRESS = DIRECT_MAP + 8192 * FRAME


def channel_access(store: bool) -> bytes:
    """Return code that counts in a channel's first word, or reads it into the data for ever."""
    base = load(6, CHANNEL_ADDRESS)
    return for_ever(base + (b"\x48\xff\x06" if store else b"\x48\x8b\x06" + keep()))


def test_a_channel_is_shared_by_its_two_ends() -> None:
    def script(live: LiveMachine) -> object:
        frame = far(live, 4)
        ends = channel_ends(2, 3)
        live.acknowledge(live.set_channel(0, ends, frame, 4))
        window = BuildRange(guest_frame=8192, machine_frame=frame, frame_count=4, writable=True)
        live.create(2, guest(channel_access(True)), far(live), channels=(window,))
        reader = replace(window, writable=False)
        live.acknowledge(
            live.create(3, guest(channel_access(False)), far(live, 1), channels=(reader,))
        )
        live.run()
        assert 0 < word(live, 3, CALL_RESULT) <= word(live, 2, CHANNEL_ADDRESS)
        hashes = [live.machine.partition_hash(number) for number in (1, 2, 3)]
        # Both ends still map it: it is revoked by force, and costs both of them their lives.
        live.acknowledge(live.drop_channel(0))
        assert [live.machine.partition_statistics(number).stop_reason for number in (1, 2, 3)] == [
            StopReason.NONE,
            StopReason.REVOKED,
            StopReason.REVOKED,
        ]
        assert live.views.use(frame, 4) == FrameUse.FREE
        return hashes

    both(script, guest(COUNTS))


def test_a_third_partition_cannot_map_a_channel() -> None:
    """Its initial tables name the frames of others' channel: its start is refused."""

    def script(live: LiveMachine) -> object:
        frame = far(live, 4)
        ends = channel_ends(1, 2)
        live.acknowledge(live.set_channel(0, ends, frame, 4))
        window = BuildRange(guest_frame=8192, machine_frame=frame, frame_count=4)
        live.acknowledge(live.create(3, guest(COUNTS), far(live), channels=(window,)))
        statistics = live.machine.partition_statistics(3)
        assert statistics.stop_reason == StopReason.BAD_START
        assert statistics.stop_error_code == Error.NOT_OWNER
        assert live.views.use(frame, 4) == FrameUse.OWNED
        return statistics

    both(script, guest(COUNTS), guest(COUNTS, "other"))


def test_an_end_without_the_flag_cannot_write() -> None:
    def script(live: LiveMachine) -> object:
        frame = far(live, 4)
        ends = channel_ends(1, 2, flags=0)
        live.acknowledge(live.set_channel(0, ends, frame, 4))
        window = BuildRange(guest_frame=8192, machine_frame=frame, frame_count=4, writable=True)
        body = live.views.begin()
        body.set_channel(0, replace(body.channel(0), ends=channel_ends(1, 3, flags=0)))
        live.views.publish()
        live.acknowledge(live.create(3, guest(COUNTS), far(live), channels=(window,)))
        statistics = live.machine.partition_statistics(3)
        assert statistics.stop_error_code == Error.TYPE_CONFLICT
        return statistics

    both(script, guest(COUNTS), guest(COUNTS, "other"))


def test_a_slot_map_changes_while_guests_run() -> None:
    def script(live: LiveMachine) -> object:
        live.run()
        body = live.views.begin()
        first, second = body.slots(0)
        body.set_slots(0, (second, SlotRow(virtual_processor=0, quantum_cycles=500), second))
        live.acknowledge(live.views.publish())
        live.run(300_000)
        body = live.views.begin()
        body.set_slots(0, (first,))
        live.acknowledge(live.views.publish())
        counted = word(live, 2)
        live.run()
        assert word(live, 2) == counted
        return word(live, 1), word(live, 2)

    both(script, guest(COUNTS), guest(YIELDS, "other"))


def test_rights_change_while_a_guest_runs() -> None:
    say = for_ever(call(Hypercall.CONSOLE_WRITE, DATA, 1) + keep())

    def script(live: LiveMachine) -> object:
        live.run()
        assert word(live, 1, CALL_RESULT) == 1
        body = live.views.begin()
        body.set_partition(1, replace(body.partition(1), rights=0))
        live.acknowledge(live.views.publish())
        live.run()
        assert word(live, 1, CALL_RESULT) == 2**64 - Error.NOT_PERMITTED
        return None

    both(script, guest(say), guest(COUNTS, "other"))


@pytest.mark.parametrize("build", BUILDS)
def test_pauses_of_one_partition_are_nobody_elses_business(build: MonitorBuild) -> None:
    """Slots are absolute: who is paused leaves its own slots empty, and that is all."""

    def hashes(pause: bool) -> list[int]:
        quiet = (guest(YIELDS, "first", 0, pages=300), guest(COUNTS, "second", 1, pages=300))
        live = LiveMachine.boot(build, *quiet, guest(COUNTS, "third", 0, 1), processor_count=2)
        with live.machine:
            for round_number in range(10):
                live.run(20_011)
                if pause:
                    live.set_state(
                        3, ViewState.PAUSED if round_number % 2 == 0 else ViewState.RUNNING
                    )
            live.run(100_000)
            return [live.machine.partition_hash(number) for number in (1, 2)]

    assert hashes(False) == hashes(True)


@pytest.mark.parametrize("build", BUILDS)
def test_the_end_of_one_partition_is_nobody_elses_business(build: MonitorBuild) -> None:
    def hashes(destroy: bool) -> list[int]:
        quiet = (guest(YIELDS, "first", 0, pages=300), guest(COUNTS, "second", 1, pages=300))
        live = LiveMachine.boot(build, *quiet, guest(COUNTS, "third", 0, 1), processor_count=2)
        with live.machine:
            live.run(60_013)
            if destroy:
                body = live.views.begin()
                row = body.partition(3)
                body.set_extent(row.first_extent, ExtentRow())
                body.set_partition(3, type(row)())
                live.views.publish()
            live.run(1_000_000)
            if destroy:
                assert state(live, 3) == PartitionState.ABSENT
            return [live.machine.partition_hash(number) for number in (1, 2)]

    assert hashes(False) == hashes(True)


def test_input_that_was_not_read_is_not_the_next_incarnations() -> None:
    reads = for_ever(call(Hypercall.CONSOLE_READ, DATA, 8) + keep())

    def script(live: LiveMachine) -> object:
        live.acknowledge(live.create(2, guest(BLOCKS), far(live)))
        live.machine.input(2, b"secret", live.cycles)
        live.run()
        live.acknowledge(live.destroy(2))
        live.acknowledge(live.create(2, guest(reads), far(live), incarnation=2))
        live.run()
        assert word(live, 2, DATA) == 0
        live.machine.input(2, b"hello", live.cycles)
        live.run()
        return live.machine.guest_read(2, DATA, 8)

    assert both(script, guest(COUNTS)) == b"hello\0\0\0"


@pytest.mark.parametrize("build", BUILDS)
def test_a_snapshot_in_a_file_brings_its_generation_back(
    build: MonitorBuild, tmp_path: Path
) -> None:
    live = LiveMachine.boot(build, guest(COUNTS), guest(YIELDS, "other"))
    with live.machine:
        live.acknowledge(live.create(3, guest(COUNTS), far(live)))
        live.run()
        live.machine.write(tmp_path / "state")
        at, before = live.cycles, live.machine.state_hash()
        live.run()
        after = live.machine.state_hash()
    other = LiveMachine.boot(build, guest(COUNTS), guest(YIELDS, "other"))
    with other.machine:
        other.machine.read(tmp_path / "state")
        other.cycles = at
        assert other.machine.state_hash() == before
        assert other.views.acknowledged() == 2
        other.run()
        assert other.machine.state_hash() == after


@pytest.mark.parametrize("build", BUILDS)
def test_a_snapshot_brings_its_generation_back(build: MonitorBuild) -> None:
    live = LiveMachine.boot(build, guest(COUNTS), guest(YIELDS, "other"))
    with live.machine:
        live.acknowledge(live.create(3, guest(COUNTS), far(live)))
        live.run()
        snapshot = live.machine.snapshot()
        before = live.machine.state_hash()
        at = live.cycles
        live.run()
        after = live.machine.state_hash()
        live.acknowledge(live.destroy(3))
        live.acknowledge(live.create(4, guest(YIELDS), far(live, 1)))
        live.run()
        live.machine.restore(snapshot)
        live.cycles = at
        assert live.machine.state_hash() == before
        assert live.views.acknowledged() == 2
        live.run()
        assert live.machine.state_hash() == after


def test_a_body_is_changed_only_until_it_is_published() -> None:
    live = LiveMachine.boot(MonitorBuild.NATIVE, guest(COUNTS))
    with live.machine:
        body = live.views.begin()
        live.views.publish()
        with pytest.raises(MachineError):
            body.set_partition(1, body.partition(1))
        with pytest.raises(MachineError):
            live.views.publish()


def test_wrong_rows_of_the_host_are_refused_before_they_are_published() -> None:
    live = LiveMachine.boot(MonitorBuild.NATIVE, guest(COUNTS))
    with live.machine:
        body = live.views.begin()
        body.set_slots(0, [SlotRow(virtual_processor=0, quantum_cycles=15)])
        with pytest.raises(ConfigurationError, match="processor 0, slot 0: a quantum"):
            live.views.publish()
        body.set_slots(0, [SlotRow(virtual_processor=9, quantum_cycles=100)])
        with pytest.raises(ConfigurationError, match="virtual processor 9"):
            live.views.publish()
        body.extent_count = 1025
        with pytest.raises(ConfigurationError, match="1024 extents"):
            live.views.publish()
        with pytest.raises(ConfigurationError, match="rows are 0 to 127, not 128"):
            body.set_partition(128, body.partition(1))
        assert live.views.acknowledged() == 1


def test_a_build_is_refused_where_somebody_is() -> None:
    live = LiveMachine.boot(MonitorBuild.NATIVE, guest(COUNTS))
    with live.machine:
        first = live.views.first_frame()
        extent = BuildRange(guest_frame=0, machine_frame=first, frame_count=256)
        with pytest.raises(ConfigurationError, match="not free"):
            live.loader.build(2, guest(COUNTS).options(), (extent,))
        place = replace(extent, machine_frame=far(live))
        twice = (place, replace(place, guest_frame=300))
        with pytest.raises(ConfigurationError, match="twice"):
            live.loader.build(2, guest(COUNTS).options(), twice)
        with pytest.raises(MachineError, match="nobody owns"):
            live.loader.scrub(first, 1)
