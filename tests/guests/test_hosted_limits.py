# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hosted program cannot do: memory not its own, calls, limits, and what raising costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.guests.both_builds import BUILDS, boot, make_machine, run_both
from tests.guests.both_builds import Guest as CodeGuest
from tests.guests.hosted_programs import (
    MONITORS,
    Raiser,
    Script,
    alone,
    echo_configuration,
)
from tests.guests.machine_code import MASKED, NOP, TESTED, USER, Frame, user_mode_prepare
from tests.guests.test_trap_state import guest as user_mode_guest
from tests.guests.test_traps import shown
from ultravisor import Host
from ultravisor.errors import (
    HostedAccessError,
    HostedCallError,
    HostedError,
    HostedLimitError,
    MachineError,
    UltravisorError,
)
from ultravisor.machine.abi import (
    CALLS,
    HOSTED_CALL_LIMIT,
    HOSTED_WORK_LIMIT_CYCLES,
    PAGE_SIZE_BYTES,
    STRUCTURES,
    Hypercall,
    PartitionKind,
    StopReason,
)
from ultravisor.machine.hosted import KERNEL_CALLS, PROGRAM_FAILED_CODE
from ultravisor.machine.interface import ExitReason, MonitorBuild

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.machine.hosted import HostedTurn
    from ultravisor.machine.machine import Machine

pytestmark = pytest.mark.guest

LONG_CYCLES = 1 << 40
PAGE = PAGE_SIZE_BYTES
PROTECTION = 13
DOORBELL = b"\xe6\xe5"
SPIN = b"\xeb\xfe"
# Behind the start page of a partition with one virtual processor.
CALLS_OFFSET, TIME_OFFSET, TABLES_OFFSET = PAGE, 2 * PAGE, 4 * PAGE


def nothing(turn: HostedTurn) -> None:
    """Take a turn and do nothing."""


def in_a_turn(action: Callable[[HostedTurn], None], monitor: str = "native") -> Host:
    """Run until the program has done the action; it must not raise."""
    host = alone(Script(action), monitor)
    host.run(LONG_CYCLES)
    assert host.programs.failure("only") == ""
    return host


def start_words(turn: HostedTurn, name: str, count: int = 1) -> list[int]:
    """Return words of the partition's start page."""
    field = next(row for row in STRUCTURES["start_page"].fields if row.name == name)
    data = turn.read(turn.start_page_address + field.offset, 8 * count)
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


def test_a_program_reads_and_writes_its_free_memory() -> None:
    def action(turn: HostedTurn) -> None:
        last = turn.memory_size_bytes - 3 * PAGE
        for address, data in ((turn.free_address, b"a"), (last, bytes(range(256)) * 48)):
            assert turn.read(address, len(data)) == bytes(len(data))
            turn.write(address, data)
            assert turn.read(address, len(data)) == data
        turn.write(turn.memory_size_bytes, b"")
        assert turn.read(turn.memory_size_bytes, 0) == b""

    in_a_turn(action).close()


def test_a_program_finds_its_start_page() -> None:
    def action(turn: HostedTurn) -> None:
        assert turn.partition == 1
        assert start_words(turn, "memory_size_bytes") == [turn.memory_size_bytes]
        assert start_words(turn, "direct_map_address") == [turn.direct_map_address]
        assert turn.free_address == (start_words(turn, "first_free_guest_frame")[0] + 1) * PAGE

    in_a_turn(action).close()


@pytest.mark.parametrize(
    ("address", "size"),
    [
        (2 << 20, 1),
        ((2 << 20) - 1, 2),
        ((1 << 64) - 1, 1),
        ((1 << 64) - PAGE, 2 * PAGE),
        (1 << 64, 1),
        (-1, 1),
        (0, -1),
        (0, 1 << 70),
        (0, (2 << 20) + 1),
        (1 << 52, 8),
    ],
)
def test_memory_of_others_is_refused(address: int, size: int) -> None:
    def action(turn: HostedTurn) -> None:
        with pytest.raises(HostedAccessError):
            turn.read(address, size)
        if 0 < size < 1 << 24:
            with pytest.raises(HostedAccessError):
                turn.write(address, b"x" * size)

    in_a_turn(action).close()


def test_a_refused_write_has_written_nothing() -> None:
    def action(turn: HostedTurn) -> None:
        address = turn.memory_size_bytes - PAGE
        with pytest.raises(HostedAccessError, match=r"page at 0x200000 is not memory of partition"):
            turn.write(address, b"x" * (PAGE + 1))
        assert turn.read(address, PAGE) == bytes(PAGE)

    in_a_turn(action).close()


def test_the_kernels_own_memory_is_read_only() -> None:
    def action(turn: HostedTurn) -> None:
        for address in (0, turn.start_page_address, turn.free_address - 1):
            assert len(turn.read(address, 1)) == 1
            with pytest.raises(HostedAccessError, match="is its kernel's"):
                turn.write(address, b"x")

    in_a_turn(action).close()


@pytest.mark.parametrize("monitor", MONITORS)
def test_what_the_partition_may_not_write_nobody_writes_for_it(monitor: str) -> None:
    """By the types that the monitor keeps: executable, read-only, tables, and no type at all."""
    with alone(Script(nothing), monitor) as host:
        turn = host.machine.run(LONG_CYCLES).turn
        assert turn is not None
        page = host.machine.hosted_read(1, turn.page_address, 80)
        start = int.from_bytes(page[56:64], "little")
        offsets = (0, CALLS_OFFSET, TIME_OFFSET, TABLES_OFFSET)
        for address in (0, *(start + offset for offset in offsets)):
            before = host.machine.hosted_read(1, address, PAGE)
            with pytest.raises(HostedAccessError, match="is not writable memory of partition 1"):
                host.machine.hosted_write(1, address, b"x")
            assert host.machine.hosted_read(1, address, PAGE) == before


@pytest.mark.parametrize("monitor", MONITORS)
def test_memory_given_up_is_no_longer_the_programs(monitor: str) -> None:
    refused: list[str] = []

    class GivesUp(Script):
        def turn(self, turn: HostedTurn) -> None:
            self.turns += 1
            address = turn.memory_size_bytes - PAGE
            if self.turns == 1:
                (guest_frame, machine_frame, count) = start_words(turn, "extents", 3)
                assert guest_frame == 0
                virtual = turn.direct_map_address + address
                turn.call(Hypercall.MAPPING_UPDATE, virtual, 0)
                turn.call(Hypercall.FRAMES_RELEASE, machine_frame + count - 1, 1)
                turn.again()
                return
            assert turn.results == (0, 0)
            for attempt in (lambda: turn.read(address, 1), lambda: turn.write(address, b"x")):
                with pytest.raises(HostedAccessError) as caught:
                    attempt()
                refused.append(caught.value.message)

    with alone(GivesUp(nothing), monitor) as host:
        host.run(LONG_CYCLES)
        assert host.programs.failure("only") == ""
    assert refused == ["the page at 0x1ff000 is not memory of partition 1"] * 2


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_turn_has_room_for_its_limit_of_calls(monitor: str) -> None:
    seen: list[tuple[int, ...]] = []

    class Caller(Script):
        def turn(self, turn: HostedTurn) -> None:
            self.turns += 1
            seen.append(turn.results)
            if self.turns == 1:
                for _ in range(HOSTED_CALL_LIMIT):
                    turn.call(Hypercall.EVENT_SEND, 63)
                with pytest.raises(HostedLimitError, match=f"more than {HOSTED_CALL_LIMIT} calls"):
                    turn.call(Hypercall.VERSION)
                turn.again()

    with alone(Caller(nothing), monitor) as host:
        host.run(LONG_CYCLES)
        assert host.machine.partition_statistics(1).hypercalls[Hypercall.EVENT_SEND] == 60
    assert seen == [(), (-9,) * HOSTED_CALL_LIMIT]


@pytest.mark.parametrize("number", [*sorted(KERNEL_CALLS), -1, len(CALLS), 1 << 64])
def test_calls_that_are_the_kernels_are_refused(number: Hypercall) -> None:
    def action(turn: HostedTurn) -> None:
        with pytest.raises(HostedCallError, match="is not a program's to make"):
            turn.call(number)

    in_a_turn(action).close()


@pytest.mark.parametrize("arguments", [(1 << 64,), (-1,), (0, 0, 0, 0, 0, 0)])
def test_impossible_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    def action(turn: HostedTurn) -> None:
        with pytest.raises(HostedCallError):
            turn.call(Hypercall.MARK, *arguments)

    in_a_turn(action).close()


def test_declared_work_has_a_limit() -> None:
    def action(turn: HostedTurn) -> None:
        turn.work(HOSTED_WORK_LIMIT_CYCLES - 1)
        turn.work(1)
        for cycles in (1, -1, 1 << 70):
            with pytest.raises(HostedLimitError, match="a turn's work is at most 1000000000"):
                turn.work(cycles)

    with in_a_turn(action) as host:
        assert host.machine.partition_statistics(1).work > HOSTED_WORK_LIMIT_CYCLES


def test_a_turn_that_is_over_is_of_no_use() -> None:
    kept: list[HostedTurn] = []
    with in_a_turn(kept.append):
        (turn,) = kept
        for use in (
            lambda: turn.read(0, 1),
            lambda: turn.write(turn.free_address, b"x"),
            lambda: turn.call(Hypercall.VERSION),
            lambda: turn.work(1),
            turn.again,
            lambda: turn.exit(0, ""),
        ):
            with pytest.raises(HostedError, match="the turn of partition 1 is over"):
                use()


def test_a_program_ends_its_partition_after_its_calls() -> None:
    def action(turn: HostedTurn) -> None:
        turn.call(Hypercall.VERSION)
        turn.exit(-3, "enough of this, " + "é" * 100)
        with pytest.raises(HostedCallError, match="ending already"):
            turn.call(Hypercall.VERSION)
        with pytest.raises(HostedCallError, match="ending already"):
            turn.exit(0, "")

    with in_a_turn(action) as host:
        row = host.machine.partition_statistics(1)
    assert (row.stop_reason, row.exit_code) == (StopReason.EXIT, -3)
    assert row.stop_text == "enough of this, " + "?" * 100
    assert row.hypercalls[Hypercall.VERSION] == 2


@pytest.mark.parametrize("at", [0, 3])
def test_a_program_that_raises_ends_its_partition_alone(at: int) -> None:
    def action(turn: HostedTurn) -> None:
        turn.call(Hypercall.MARK, 1, 1)
        raise ValueError("no such thing")

    hashes = []
    for monitor in MONITORS:
        configuration = echo_configuration(monitor=monitor)
        programs = {"echo": Script(action, at)}
        with Host(configuration, programs=programs) as host:
            result = host.run(LONG_CYCLES)
            hashes.append(host.machine.state_hash())
            assert type(host.programs.exception("echo")) is ValueError
            assert host.programs.failure("echo") == "ValueError: no such thing"
            assert host.marks() == []
            with pytest.raises(UltravisorError, match="`echo` has ended: ValueError"):
                host.start_program("echo", Raiser())
        guest, echo = result.partitions
        assert host.programs.turns("echo") == at + 1
        assert echo.reason == "program of `echo`: ValueError: no such thing"
        assert echo.exit_code == PROGRAM_FAILED_CODE
        assert guest.state == "running"  # it waits for an answer
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (HostedLimitError("too much"), "HostedLimitError: too much"),
        (AssertionError(), "AssertionError"),
        (RuntimeError("x" * 300), "RuntimeError: " + "x" * 300),
    ],
)
def test_the_first_reason_names_program_class_and_sentence(
    raised: Exception, sentence: str
) -> None:
    def action(turn: HostedTurn) -> None:
        raise raised

    with alone(Script(action)) as host:
        result = host.run(LONG_CYCLES)
        assert host.programs.failure("only") == sentence
    assert result.partitions[0].reason == f"program of `only`: {sentence}"[:127]


def test_an_interrupt_goes_up_and_ends_the_partition() -> None:
    def action(turn: HostedTurn) -> None:
        raise KeyboardInterrupt

    with alone(Script(action)) as host:
        with pytest.raises(KeyboardInterrupt):
            host.run(LONG_CYCLES)
        result = host.run(LONG_CYCLES)
    assert result.partitions[0].reason == "program of `only`: KeyboardInterrupt"


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_kernel_whose_page_is_gone_is_stopped_from_outside(monitor: str) -> None:
    """The monitor writes where the program said: over its own kernel's page."""

    def action(turn: HostedTurn) -> None:
        page = turn.direct_map_address + turn.free_address - PAGE
        size = STRUCTURES["view_partition"].size_bytes
        turn.call(Hypercall.VIEW_GET, 0, 0, page, size)
        turn.again()

    with alone(Script(action), monitor) as host:
        host.run(LONG_CYCLES)
        row = host.machine.partition_statistics(1)
        assert host.programs.failure("only").startswith("HostedError: partition 1: no hosted page")
    assert row.stop_reason == StopReason.OPERATOR


def page_words(call_count: int, flags: int) -> bytes:
    """Return what a turn leaves in the page, from its events on."""
    return bytes(12) + call_count.to_bytes(4, "little") + flags.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("call_count", "flags", "reason"),
    [
        (HOSTED_CALL_LIMIT + 1, 0, "hosted: more calls than the page has room for: 61"),
        (0, 2, "hosted: flags that mean nothing: 2"),
    ],
)
def test_the_kernel_says_what_is_wrong_with_its_page(
    call_count: int, flags: int, reason: str
) -> None:
    with alone(Script(nothing)) as host:
        machine = host.machine
        turn = machine.run(LONG_CYCLES).turn
        assert turn is not None
        machine.hosted_write(1, turn.page_address + 16, page_words(call_count, flags))
        machine.hosted_done(0)
        machine.run(LONG_CYCLES)
        row = machine.partition_statistics(1)
    assert (row.exit_code, row.stop_text) == (2, reason)


def test_the_kernel_makes_no_call_beyond_the_contract() -> None:
    with alone(Script(nothing)) as host:
        machine = host.machine
        turn = machine.run(LONG_CYCLES).turn
        assert turn is not None
        machine.hosted_write(1, turn.page_address + 256, (1 << 63).to_bytes(8, "little"))
        machine.hosted_write(1, turn.page_address + 16, page_words(1, 1))
        machine.hosted_done(0)
        turn = machine.run(LONG_CYCLES).turn
        assert turn is not None
        assert machine.hosted_read(1, turn.page_address + 256 + 48, 8) == b"\xff" * 8


KINDS = (PartitionKind.GUEST, PartitionKind.IO)


@pytest.mark.parametrize("kind", KINDS)
def test_the_doorbell_is_a_protection_fault_for_other_partitions(kind: PartitionKind) -> None:
    row = run_both(CodeGuest(text=NOP + DOORBELL + SPIN, kind=kind)).outcome.statistics
    assert (row.stop_reason, row.stop_vector) == (StopReason.UNHANDLED_TRAP, PROTECTION)


def test_the_doorbell_is_a_protection_fault_in_user_mode() -> None:
    frame = Frame(state=USER | MASKED)
    prepare = user_mode_prepare()
    made = user_mode_guest(DOORBELL + SPIN, vector=PROTECTION, first=frame, prepare=prepare)
    outcome = run_both(replace(made, kind=PartitionKind.HOSTED)).outcome
    found, _ = shown(outcome)
    assert (found.vector, found.error_code, found.rip) == (PROTECTION, 0, TESTED)


OTHER_FORMS = {
    "another port": b"\xe6\xe4",
    "four bytes": b"\xe7\xe5",
    "by dx": b"\x66\xba\xe5\x00\xee",
    "with a prefix": b"\x66\xe6\xe5",
    "input": b"\xe4\xe5",
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_nothing_but_the_doorbell_rings(form: str) -> None:
    made = CodeGuest(text=OTHER_FORMS[form] + SPIN, kind=PartitionKind.HOSTED)
    row = run_both(made).outcome.statistics
    assert (row.stop_reason, row.stop_vector) == (StopReason.UNHANDLED_TRAP, PROTECTION)


@pytest.mark.parametrize("build", BUILDS)
def test_a_turn_ends_before_anything_else_is_done(build: MonitorBuild, tmp_path: Path) -> None:
    ringer = CodeGuest(text=DOORBELL + SPIN, kind=PartitionKind.HOSTED)
    with make_machine(build) as machine:
        boot(machine, (ringer, CodeGuest(text=SPIN, name="other")))
        snapshot = machine.snapshot()
        for early in (
            lambda: machine.hosted_read(1, 0, 1),
            lambda: machine.hosted_write(1, 0, b""),
            lambda: machine.hosted_done(0),
        ):
            with pytest.raises(MachineError, match=r"turn"):
                early()
        first = machine.run(LONG_CYCLES)
        assert first.reason == ExitReason.HOSTED
        assert first.turn is not None
        assert first.turn.partition == 1
        for wrong in (
            lambda: machine.run(LONG_CYCLES),
            machine.snapshot,
            lambda: machine.write(tmp_path / "state"),
            lambda: machine.hosted_read(2, 0, 1),
            lambda: machine.hosted_write(2, 0, b"x"),
        ):
            with pytest.raises(MachineError, match=r"turn"):
                wrong()
        with pytest.raises(UltravisorError, match="work is at most 1000000000 cycles"):
            machine.hosted_done(HOSTED_WORK_LIMIT_CYCLES + 1)
        machine.hosted_done(0)
        assert machine.run(20_000).reason == ExitReason.PAUSED
        # Restoring drops a turn; the bell rings again.
        machine.restore(snapshot)
        assert machine.run(LONG_CYCLES) == first
        machine.restore(snapshot)
        assert machine.run(LONG_CYCLES) == first


@pytest.mark.parametrize("build", BUILDS)
def test_a_snapshot_in_the_middle_of_a_round_is_exact(build: MonitorBuild, tmp_path: Path) -> None:
    """After a turn, before the machine goes on: the other processor has not had its part."""
    ringer = CodeGuest(text=(DOORBELL + NOP * 50) * 8 + SPIN, kind=PartitionKind.HOSTED)
    counter = CodeGuest(text=b"\xff\xc0" + b"\xeb\xfc", name="counter", processors=(1,))
    path = tmp_path / "state"

    def finish(machine: Machine) -> list[int]:
        found = []
        while machine.run(3_500).reason == ExitReason.HOSTED:
            machine.hosted_done(37)
            found.append(machine.state_hash())
        return [*found, machine.state_hash()]

    with make_machine(build, processor_count=2) as machine:
        boot(machine, (ringer, counter))
        assert machine.run(3_500).reason == ExitReason.HOSTED
        machine.hosted_done(37)
        snapshot = machine.snapshot()
        machine.write(path)
        expected = finish(machine)
        assert len(expected) == 8
        machine.restore(snapshot)
        assert finish(machine) == expected
    with make_machine(build, processor_count=2) as machine:
        boot(machine, (ringer, counter))
        machine.read(path)
        assert finish(machine) == expected


@pytest.mark.parametrize("changes", [{"processors": (0, 0)}, {"width": 32}])
def test_a_hosted_partition_has_64_bits_and_one_processor(changes: dict[str, Any]) -> None:
    with make_machine(BUILDS[0]) as machine:
        guest = CodeGuest(text=SPIN, kind=PartitionKind.HOSTED, **changes)
        with pytest.raises(UltravisorError, match="has 64 bits and one virtual processor"):
            machine.partition_add(guest.options())
