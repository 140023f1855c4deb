# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's typed face: what is refused, files, snapshots, marks and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor.assembly import make_machine, populate
from ultravisor.errors import (
    ConfigurationError,
    EngineError,
    MachineError,
    NotFoundError,
    UltravisorError,
)
from ultravisor.machine import native
from ultravisor.machine.abi import STRUCTURES, Hypercall, StopReason
from ultravisor.machine.image import parse_image
from ultravisor.machine.interface import ExitReason, NativeError, PartitionState
from ultravisor.machine.machine import Machine
from ultravisor.machine.records import MachineOptions, PartitionOptions
from ultravisor.plan import MIB, make_plan
from ultravisor.resolution import resolve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

LONG_CYCLES = 1 << 40


def options(**changes: object) -> MachineOptions:
    settings: dict[str, object] = {
        "memory_size_bytes": 64 * MIB,
        "clock_frequency_hz": 1_000_000_000,
        "interleave_cycles": 10_000,
    }
    return MachineOptions(**(settings | changes))  # type: ignore[arg-type]


def booted(code: bytes, data: bytes = b"", **changes: object) -> Machine:
    machine = Machine(options(**changes))
    image = parse_image(tiny.image(code, data), "tiny.elf")
    number = machine.partition_add(
        PartitionOptions(
            name="tiny",
            memory_size_bytes=2 * MIB,
            entry_address=image.entry_address,
            segments=image.segments,
        )
    )
    assert number == 1
    machine.slot_add(processor=0, partition=1, virtual_processor=0, quantum_cycles=1000)
    machine.boot()
    return machine


def demo_machine() -> Machine:
    plan = make_plan(resolve(["pingpong", "smp"], processors=2))
    machine = make_machine(plan)
    populate(machine, plan)
    machine.boot()
    return machine


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_size_bytes": 63 * MIB},
        {"memory_size_bytes": 62 * MIB},
        {"memory_size_bytes": (8192 + 2) * MIB},
        {"processor_count": 0},
        {"processor_count": 9},
    ],
)
def test_options_outside_their_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Machine(options(**changes))
    assert len(caught.value.message) > 10


@pytest.mark.parametrize("changes", [{"processor_count": 8}, {"memory_size_bytes": 8192 * MIB}])
def test_options_at_their_limits_are_accepted(changes: dict[str, object]) -> None:
    Machine(options(**changes)).close()


def test_what_is_done_in_the_wrong_order_is_refused() -> None:
    with booted(tiny.leave()) as machine:
        with pytest.raises(MachineError):
            machine.boot()
        with pytest.raises(UltravisorError):
            machine.slot_add(processor=0, partition=1, virtual_processor=0, quantum_cycles=1000)
        assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED
        assert machine.partition_statistics(1).stop_reason == StopReason.EXIT
        with pytest.raises(ConfigurationError):
            machine.partition_statistics(2)
        with pytest.raises(ConfigurationError):
            machine.processor_statistics(1)


def test_a_machine_without_partitions_boots_and_has_nothing_to_do() -> None:
    with Machine(options()) as machine:
        machine.boot()
        assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED


def test_a_closed_machine_says_so() -> None:
    machine = booted(tiny.leave())
    snapshot = machine.snapshot()
    machine.close()
    machine.close()
    assert machine.closed
    with pytest.raises(MachineError, match="the machine has been closed"):
        machine.run(1)
    with pytest.raises(MachineError, match="the snapshot has been freed"):
        _ = snapshot.handle


def test_a_snapshot_belongs_to_its_machine() -> None:
    with booted(tiny.leave()) as first, booted(tiny.leave()) as second:
        snapshot = first.snapshot()
        with pytest.raises(MachineError, match="another machine"):
            second.restore(snapshot)
        snapshot.free()
        snapshot.free()
        with pytest.raises(MachineError, match="freed"):
            first.restore(snapshot)


def test_restoring_brings_back_everything() -> None:
    with demo_machine() as machine:
        machine.run(100_000)
        before = machine.state_hash()
        snapshot = machine.snapshot()
        assert machine.dirty_frames() == 0
        machine.run(LONG_CYCLES)
        after = machine.state_hash()
        assert after != before
        assert machine.dirty_frames() > 0
        for _ in range(2):
            machine.restore(snapshot)
            assert machine.state_hash() == before
            machine.run(LONG_CYCLES)
            assert machine.state_hash() == after


def test_a_file_brings_back_everything(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with demo_machine() as machine:
        machine.run(100_000)
        before = machine.state_hash()
        machine.write(path)
        machine.run(LONG_CYCLES)
        after = machine.state_hash()
    with demo_machine() as machine:
        machine.read(path)
        assert machine.state_hash() == before
        machine.run(LONG_CYCLES)
        assert machine.state_hash() == after


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"something else" * 1000)
    with demo_machine() as machine:
        before = machine.state_hash()
        for wrong in (path, tmp_path / "absent", tmp_path):
            with pytest.raises(NotFoundError):
                machine.read(wrong)
        assert machine.state_hash() == before
        with pytest.raises(NotFoundError):
            machine.write(tmp_path / "absent" / "state")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with demo_machine() as machine:
        machine.write(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with demo_machine() as machine, pytest.raises(UltravisorError):
        machine.read(path)


def test_the_state_of_another_machine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with demo_machine() as machine:
        machine.write(path)
    with booted(tiny.leave()) as machine, pytest.raises(UltravisorError):
        machine.read(path)


def test_marks_come_with_the_guests_clock() -> None:
    code = b"".join(tiny.call(Hypercall.MARK, number, 10 * number) for number in (7, 8, 9))
    with booted(code + tiny.leave()) as machine:
        machine.run(LONG_CYCLES)
        first, second, third = machine.marks()
        assert (first.id, first.value, first.partition, first.virtual_processor) == (7, 70, 1, 0)
        assert (second.id, second.value) == (8, 80)
        between = second.guest_cycles - first.guest_cycles
        assert third.guest_cycles - second.guest_cycles == between
        assert 30 <= between <= len(tiny.call(Hypercall.MARK, 8, 80))
        assert list(machine.marks()) == []


def test_guest_memory_is_read_as_the_kernel_sees_it() -> None:
    with booted(tiny.leave(), b"data") as machine:
        assert machine.guest_read(1, tiny.DATA_ADDRESS, 6) == b"data\0\0"
        assert machine.guest_read(1, 0x10, 4) == b""
        around_the_end = machine.guest_read(1, tiny.DATA_ADDRESS + 4090, 1 << 16)
        assert 6 <= len(around_the_end) < 1 << 16


def test_a_running_partition_can_be_stopped() -> None:
    with booted(tiny.SPIN) as machine:
        assert machine.run(10_000).reason == ExitReason.PAUSED
        machine.partition_stop(1)
        assert machine.run(20_000).reason == ExitReason.HALTED
        statistics = machine.partition_statistics(1)
        assert (statistics.state, statistics.stop_reason) == (
            PartitionState.STOPPED,
            StopReason.OPERATOR,
        )


def test_work_is_counted_by_the_unit_model() -> None:
    from ultravisor.machine.interface import TimingModel

    def work(rounds: int) -> int:
        code = tiny.count_down(rounds) + tiny.leave()
        with booted(code, timing=TimingModel.UNIT) as machine:
            machine.run(LONG_CYCLES)
            return machine.partition_statistics(1).work

    # A round is dec and jnz.
    assert work(2345) - work(1000) == 2 * 1345
    # One mov before the rounds; four and vmcall, which counts as executed, to leave.
    assert work(10) == 1 + 2 * 10 + 4 + 1


def test_the_engine_is_the_one_that_was_calibrated() -> None:
    report = native.calibrate()
    assert report.calibrated, report.text
    assert report.version == "2.1.3"


def test_another_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    report = native.EngineReport("9.9.9", 0, False, "offsets do not match")
    monkeypatch.setattr(native, "calibrate", lambda: report)
    with pytest.raises(EngineError, match="offsets do not match"):
        Machine(options())


def test_every_error_code_becomes_an_exception() -> None:
    for error in NativeError:
        if error == NativeError.OK:
            assert native.check(error) == 0
            continue
        with pytest.raises(UltravisorError):
            native.check(error)
    with pytest.raises(MachineError, match="returned -99"):
        native.check(-99)
    assert native.check(5) == 5


def test_plain_running_is_timed() -> None:
    plan = make_plan(resolve(["hello"]))
    with make_machine(plan) as machine:
        populate(machine, plan)
        machine.boot()
        assert machine.run_plain(1) > 0


def test_the_shared_page_lies_where_the_start_page_says() -> None:
    """The start page's address arrives in RDI: the guest shows it on its console."""
    code = (
        b"\x48\x89\xfe"  # mov rsi, rdi
        + b"\x48\x89\x34\x25"  # mov [DATA_ADDRESS], rsi
        + (tiny.DATA_ADDRESS & 0xFFFFFFFF).to_bytes(4, "little")
        + tiny.say(8)
        + tiny.leave()
    )
    with booted(code, b"\0" * 8) as machine:
        machine.run(LONG_CYCLES)
        (chunk,) = machine.consoles()
        start_page = int.from_bytes(chunk.data, "little")
        layout = {field.name: field for field in STRUCTURES["start_page"].fields}
        place = layout["shared_pages_address"]
        raw = machine.guest_read(1, start_page + place.offset, place.size_bytes)
        shared = machine.guest_read(1, int.from_bytes(raw, "little"), 4)
        assert shared == b"UVSH"
