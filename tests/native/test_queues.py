# SPDX-License-Identifier: GPL-2.0-or-later
"""What nobody takes is bounded: consoles and logs keep the oldest, drop the newest, and no guest
can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, Guest, boot, make_machine
from tests.guests.machine_code import DATA, PAGE, RBX, SYSCALL, TEXT, page, say, short
from tests.unit import tiny_guests as tiny
from tests.unit.tiny_guests import leave, load
from ultravisor.machine.abi import CONSOLE_LIMIT, Hypercall
from ultravisor.machine.interface import ExitReason, LogCategory, MonitorBuild
from ultravisor.machine.native import ffi, lib
from ultravisor.machine.records import TRACE_RECORD, DroppedRecords
from ultravisor.trace.host_trace import PIECE_CYCLES

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

pytestmark = pytest.mark.guest
both_builds = pytest.mark.parametrize("build", BUILDS, ids=["native", "simulated"])

QUEUE_LIMIT_BYTES = 64 << 20
# Of struct console_chunk, log_record and mark_record.
CHUNK_BYTES = 24
LOG_RECORD_BYTES = 56
MARK_BYTES = 40
END_CYCLES = 1 << 40
NOTHING_DROPPED = DroppedRecords(0, 0, 0, {})


def repeated(code: bytes, count: int) -> bytes:
    """Return code that runs `count` times; RBX counts down."""
    body = code + b"\x48\xff\xcb"  # dec rbx
    return (
        load(RBX, count) + body + b"\x0f\x85" + (-len(body) - 6).to_bytes(4, "little", signed=True)
    )


def flooding(count: int) -> Guest:
    """Return a guest that numbers a page of its data and writes it out, again and again."""
    number = b"\x48\x89\x1c\x25" + short(DATA)  # mov [DATA], rbx
    code = repeated(number + say(DATA, CONSOLE_LIMIT), count) + leave(0)
    return Guest(text=page({TEXT: code}), data=b"\xee" * (2 * PAGE))


def booted(build: MonitorBuild, guest: Guest) -> Machine:
    machine = make_machine(build)
    boot(machine, (guest,))
    return machine


@both_builds
def test_a_console_that_nobody_takes_is_bounded(build: MonitorBuild) -> None:
    chunk_bytes = CHUNK_BYTES + CONSOLE_LIMIT
    fits = QUEUE_LIMIT_BYTES // chunk_bytes
    count = fits + 500
    with booted(build, flooding(count)) as machine:
        assert machine.run(END_CYCLES).reason == ExitReason.HALTED
        taken = 0
        for taken, chunk in enumerate(machine.consoles(), 1):
            expected = (count + 1 - taken).to_bytes(8, "little")
            assert chunk.data[:8] == expected
            assert len(chunk.data) == CONSOLE_LIMIT
        assert taken == fits
        assert machine.dropped() == DroppedRecords(0, 0, 0, {1: 500 * CONSOLE_LIMIT})
        dropped = machine.state_hash()
    with booted(build, flooding(count)) as machine:
        taken = 0
        for cycles in range(50_000, 10_000_000, 50_000):
            reason = machine.run(cycles).reason
            taken += sum(1 for _ in machine.consoles())
            if reason == ExitReason.HALTED:
                break
        assert taken == count
        assert machine.state_hash() == dropped


def written_by(machine: Machine) -> int:
    return machine.partition_statistics(1).hypercalls.get(Hypercall.CONSOLE_WRITE, 0)


@both_builds
def test_a_console_that_was_full_takes_more_once_it_is_read(build: MonitorBuild) -> None:
    chunk_bytes = CHUNK_BYTES + CONSOLE_LIMIT
    fits = QUEUE_LIMIT_BYTES // chunk_bytes
    with booted(build, flooding(2 * fits)) as machine:
        cycles = 0
        while (
            machine.partition_statistics(1).hypercalls.get(Hypercall.CONSOLE_WRITE, 0) < fits + 10
        ):
            cycles += 10_000
            machine.run(cycles)
        consoles = machine.consoles()
        assert next(consoles).data[:8] == (2 * fits).to_bytes(8, "little")
        assert sum(1 for _ in consoles) == fits - 1
        written = written_by(machine)
        machine.run(cycles + 10_000)
        first = next(machine.consoles())
        assert first.data[:8] == (2 * fits - written).to_bytes(8, "little")


def test_a_log_that_nobody_takes_is_bounded() -> None:
    record = ffi.new("struct log_record *")
    fits = QUEUE_LIMIT_BYTES // LOG_RECORD_BYTES
    call = load(0, Hypercall.VERSION) + SYSCALL
    guest = Guest(text=page({TEXT: repeated(call, fits + 1000) + tiny.SPIN}))
    with booted(MonitorBuild.NATIVE, guest) as machine:
        machine.log_set(LogCategory.HYPERCALL)
        machine.run(40_000_000)
        assert machine.partition_statistics(1).hypercalls == {Hypercall.VERSION: fits + 1000}
        taken = 0
        while lib.machine_log_next(machine.handle, record):
            taken += 1
        assert taken == fits
        assert list(machine.log()) == []
        assert machine.dropped().log_records == 1000
        assert machine.dropped() == NOTHING_DROPPED


def test_a_trace_that_nobody_takes_is_bounded() -> None:
    place = ffi.new("const struct trace_record **")
    fits = QUEUE_LIMIT_BYTES // TRACE_RECORD.size
    call = load(0, Hypercall.VERSION) + SYSCALL
    guest = Guest(text=page({TEXT: repeated(call, fits + 1000) + tiny.SPIN}))
    with booted(MonitorBuild.NATIVE, guest) as machine:
        machine.trace_set(True)
        machine.run(40_000_000)
        calls = machine.partition_statistics(1).hypercalls[Hypercall.VERSION]
        assert calls == fits + 1000
        assert lib.machine_trace_take(machine.handle, place) == fits
        assert list(machine.trace()) == []
        assert machine.dropped().trace_records >= 1000  # and deadlines
        assert machine.dropped() == NOTHING_DROPPED


def test_what_a_traced_machine_records_in_a_piece_fits_its_queue() -> None:
    assert PIECE_CYCLES * TRACE_RECORD.size < QUEUE_LIMIT_BYTES


def test_a_machine_that_is_not_traced_records_nothing() -> None:
    with booted(MonitorBuild.NATIVE, flooding(10)) as machine:
        machine.run(END_CYCLES)
        assert list(machine.trace()) == []


def test_marks_that_nobody_takes_are_counted() -> None:
    fits = QUEUE_LIMIT_BYTES // MARK_BYTES
    code = repeated(load(0, Hypercall.MARK) + SYSCALL, fits + 7) + tiny.SPIN
    with booted(MonitorBuild.NATIVE, Guest(text=page({TEXT: code}))) as machine:
        machine.run(60_000_000)
        assert machine.partition_statistics(1).hypercalls == {Hypercall.MARK: fits + 7}
        assert machine.dropped() == DroppedRecords(0, 0, 7, {})


@both_builds
def test_log_and_console_do_not_change_what_is_run(build: MonitorBuild) -> None:
    hashes = set()
    for categories in (LogCategory(0), ~LogCategory(0)):
        with booted(build, flooding(300)) as machine:
            machine.log_set(categories)
            machine.run(END_CYCLES)
            hashes.add(machine.state_hash())
            assert (len(list(machine.log())) > 0) == (categories != LogCategory(0))
    assert len(hashes) == 1
