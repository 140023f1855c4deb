# SPDX-License-Identifier: GPL-2.0-or-later
"""The sentence that a person is told when a partition has stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ultravisor.machine.abi import StopReason
from ultravisor.machine.interface import PartitionState
from ultravisor.machine.records import PartitionStatistics
from ultravisor.machine.symbols import SymbolTable
from ultravisor.machine.traps import page_fault_cause, trap_name, trap_title
from ultravisor.reasons import stop_sentence

SYMBOLS = SymbolTable([(0x1000, 0x100, "main"), (0x8000, 0x10, "table")])
STATISTICS = PartitionStatistics(
    state=PartitionState.STOPPED,
    stop_reason=StopReason.NONE,
    stop_vector=0,
    stop_error_code=0,
    stop_rip=0x1010,
    stop_address=0,
    stop_text="",
    exit_code=0,
    work=0,
    events_sent=0,
    events_delivered=0,
    system_calls=0,
)


def sentence(**changes: object) -> str | None:
    return stop_sentence(replace(STATISTICS, **changes), SYMBOLS)  # type: ignore[arg-type]


def test_a_running_partition_has_no_reason() -> None:
    assert sentence() is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stop_reason": StopReason.EXIT, "exit_code": 3}, "exited with code 3"),
        ({"stop_reason": StopReason.EXIT, "stop_text": "all done"}, "all done"),
        (
            {
                "stop_reason": StopReason.UNHANDLED_TRAP,
                "stop_vector": 14,
                "stop_error_code": 6,
                "stop_address": 0x8008,
            },
            "page fault (#PF), write to a page that is not mapped at 0x8008 (table+0x8), "
            "at 0x1010 (main+0x10) without a handler",
        ),
        (
            {"stop_reason": StopReason.UNHANDLED_TRAP, "stop_vector": 6},
            "invalid opcode (#UD) at 0x1010 (main+0x10) without a handler",
        ),
        (
            {
                "stop_reason": StopReason.UNHANDLED_TRAP,
                "stop_vector": 13,
                "stop_error_code": 0x2B,
                "stop_rip": 0x99,
            },
            "general protection (#GP), error code 0x2b, at 0x99 without a handler",
        ),
        (
            {
                "stop_reason": StopReason.TRAP_IN_DELIVERY,
                "stop_vector": 3,
                "stop_address": 0xDEAD0000,
            },
            "breakpoint (#BP) at 0x1010 (main+0x10): its frame could not be written to the "
            "stack at 0xdead0000",
        ),
        (
            {"stop_reason": StopReason.BAD_RETURN},
            "iret at 0x1010 (main+0x10) through a frame that cannot be loaded",
        ),
        (
            {"stop_reason": StopReason.UNSUPPORTED},
            "code at 0x1010 (main+0x10) that the engine would execute wrongly",
        ),
        ({"stop_reason": StopReason.OPERATOR}, "stopped by the operator"),
        (
            {"stop_reason": StopReason.BAD_START, "stop_address": 0x42},
            "its start was refused (at 0x42)",
        ),
    ],
)
def test_sentences(changes: dict[str, object], expected: str) -> None:
    assert sentence(**changes) == expected


def test_every_reason_has_a_sentence() -> None:
    for reason in StopReason:
        assert (sentence(stop_reason=reason) is None) == (reason == StopReason.NONE)


@pytest.mark.parametrize(
    ("error_code", "cause"),
    [
        (0x0, "read of a page that is not mapped"),
        (0x3, "write to a page that forbids it"),
        (0x15, "execution of a page that forbids it"),
        (0x9, "read of a page with reserved bits set"),
    ],
)
def test_causes_of_page_faults(error_code: int, cause: str) -> None:
    assert page_fault_cause(error_code) == cause


def test_vectors_without_a_name_are_numbered() -> None:
    assert (trap_name(9), trap_title(9)) == ("vector_9", "exception 9")
    assert (trap_name(14), trap_title(14)) == ("page_fault", "page fault (#PF)")
