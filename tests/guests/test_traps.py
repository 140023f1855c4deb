# SPDX-License-Identifier: GPL-2.0-or-later
"""Every trap arrives exactly: vector, error code, address, registers, and nothing else changed.

Each case runs under both builds: without a handler, where the partition stops with what the
statistics say; with one, which shows the frame it got; and from user mode.
"""

from __future__ import annotations

import struct

import pytest

from tests.guests.both_builds import (
    BUILDS,
    LONG_CYCLES,
    TIMINGS,
    Guest,
    Outcome,
    boot,
    make_machine,
    run_both,
)
from tests.guests.machine_code import (
    COUNTER,
    DATA_END,
    DUMPED,
    FIRST_FRAME,
    FLAGS,
    FRAME_SIZE,
    GUEST_CODE,
    GUEST_DATA,
    HANDLER,
    HANDLERS,
    MASKED,
    PAGE,
    TESTED,
    TEXT,
    USER,
    USER_STACK,
    Frame,
    add,
    data_page,
    handler_rows,
    handlers_set,
    increment,
    jump,
    page,
    return_to_first_frame,
    show_frame_and_leave,
    user_mode_prepare,
)
from tests.guests.trap_cases import CASES, DESCRIPTORS, MIDDLE, MONITOR_STATE_TAIL, Case
from tests.unit.tiny_guests import leave
from ultravisor.machine.abi import StopReason
from ultravisor.machine.interface import MonitorBuild, TimingModel

pytestmark = pytest.mark.guest

NOT_REACHED = 0x100
SHOWN_CODE = 77
ARITHMETIC_FLAGS = 0x8D5
# Where the instruction itself moves the stack pointer, the trap comes after it.
STACKS = {"pop_unmapped_stack": DATA_END, "call_of_data": USER_STACK - 8}
WATCHED = (DESCRIPTORS, MONITOR_STATE_TAIL)


def code_of(case: Case) -> bytes:
    """Return the code around a case: once before it, and never behind it."""
    return increment() + case.before + case.instruction + add(NOT_REACHED) + leave(1)


def expected_rip(case: Case) -> int:
    """Return where the trap must say that it happened."""
    if case.rip is not None:
        return case.rip
    rip = TESTED + len(increment() + case.before)
    return rip + len(case.instruction) if case.behind else rip


def unhandled(case: Case) -> Guest:
    """Return a guest that takes the trap without a handler."""
    text = page({TEXT: jump(TEXT, TESTED), TESTED: code_of(case)})
    return Guest(text=text, data=data_page({}))


def handled(case: Case, *, user: bool) -> Guest:
    """Return a guest that takes the trap, in either mode, with a handler that shows its frame."""
    start = (user_mode_prepare() if user else b"") + handlers_set((case.vector,))
    state = USER | MASKED if user else MASKED
    text = page(
        {
            TEXT: start + return_to_first_frame(),
            TESTED: code_of(case),
            HANDLER: show_frame_and_leave(),
        }
    )
    data = {HANDLERS: handler_rows((case.vector,)), FIRST_FRAME: Frame(state=state).pack()}
    return Guest(text=text, data=data_page(data))


def shown(outcome: Outcome) -> tuple[Frame, dict[int, int]]:
    """Return the frame that the handler found, and the other registers by number."""
    assert outcome.statistics.exit_code == SHOWN_CODE
    assert len(outcome.console) == FRAME_SIZE + 8 * len(DUMPED)
    frame = Frame(*struct.unpack("<12Q", outcome.console[:FRAME_SIZE]))
    values = struct.unpack(f"<{len(DUMPED)}Q", outcome.console[FRAME_SIZE:])
    return frame, dict(zip(DUMPED, values, strict=True))


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("case", CASES + MIDDLE, ids=str)
def test_a_trap_without_a_handler_stops_the_partition(case: Case, timing: TimingModel) -> None:
    outcome = run_both(unhandled(case), timing=timing).outcome
    statistics = outcome.statistics
    assert (
        statistics.stop_reason,
        statistics.stop_vector,
        statistics.stop_error_code,
        statistics.stop_rip,
        statistics.stop_address,
    ) == (StopReason.UNHANDLED_TRAP, case.vector, case.error_code, expected_rip(case), case.address)
    assert statistics.traps == {case.vector: 1}
    assert outcome.word(COUNTER, 4) == 1


@pytest.mark.parametrize("user", [False, True], ids=["kernel", "user"])
@pytest.mark.parametrize("case", CASES + MIDDLE, ids=str)
def test_a_handler_finds_the_trap_in_its_frame(case: Case, user: bool) -> None:
    outcome = run_both(handled(case, user=user)).outcome
    if case.lost_stack is not None and not user:
        assert_lost(outcome, case, case.lost_stack)
        return
    frame, _ = shown(outcome)
    assert frame.vector == case.vector
    assert frame.error_code == case.error_code
    assert frame.fault_address == case.address
    assert frame.rip == expected_rip(case)
    assert frame.state == (USER | MASKED if user else MASKED)
    assert (frame.cs, frame.ss) == (GUEST_CODE, GUEST_DATA)
    assert frame.rsp == (case.lost_stack or case.stack or STACKS.get(case.name, USER_STACK))
    assert frame.rflags & ~ARITHMETIC_FLAGS == FLAGS
    assert outcome.word(COUNTER, 4) == 1
    assert outcome.statistics.traps[case.vector] == 1


def assert_lost(outcome: Outcome, case: Case, stack: int) -> None:
    """The frame cannot be written: the partition stops, and the first reason is kept."""
    statistics = outcome.statistics
    assert (
        statistics.stop_reason,
        statistics.stop_vector,
        statistics.stop_error_code,
        statistics.stop_rip,
        statistics.stop_address,
    ) == (
        StopReason.TRAP_IN_DELIVERY,
        case.vector,
        case.error_code,
        expected_rip(case),
        stack // 16 * 16 - FRAME_SIZE,
    )
    assert outcome.console == b""
    assert outcome.word(COUNTER, 4) == 1


@pytest.mark.parametrize("case", [case for case in CASES if case.lost_stack], ids=str)
@pytest.mark.parametrize("build", BUILDS)
def test_a_lost_stack_changes_nothing_of_the_monitor(case: Case, build: MonitorBuild) -> None:
    """Read past the guest's rights: through its tables, as the engine's supervisor would."""
    with make_machine(build) as machine:
        boot(machine, (unhandled(case),))
        before = [machine.guest_read(1, address, PAGE) for address in WATCHED]
        machine.run(LONG_CYCLES)
        assert [machine.guest_read(1, address, PAGE) for address in WATCHED] == before
        assert machine.partition_statistics(1).stop_vector == case.vector
    assert len(before[0]) == PAGE
    assert before[1] == (bytes(PAGE) if build == MonitorBuild.SIMULATED else b"")
