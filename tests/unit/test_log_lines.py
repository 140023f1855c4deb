# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's log as text."""

from __future__ import annotations

import pytest

from ultravisor.log_lines import log_line, parse_categories
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.interface import LogCategory
from ultravisor.machine.records import LogRecord


def line(
    category: LogCategory, number: int, result: int = 0, virtual_processor: int = 1
) -> list[str]:
    record = LogRecord(1234, category, 1, virtual_processor, number, (0x10, 0x20, 0x30), result)
    return log_line(record, ["a/0", "b/0"]).split(maxsplit=4)


def test_a_call_is_written_as_it_would_be_called() -> None:
    assert line(LogCategory.HYPERCALL, Hypercall.TIMER_SET) == [
        "1234",
        "p1",
        "b/0",
        "hypercall",
        "timer_set(deadline_cycles=0x10) = 0x0",
    ]


def test_an_error_is_named() -> None:
    assert line(LogCategory.HYPERCALL, Hypercall.EVENT_SEND, -9)[4] == (
        "event_send(port=0x10) = not_found"
    )


def test_arguments_that_the_log_does_not_hold_are_shown_as_missing() -> None:
    assert line(LogCategory.HYPERCALL, Hypercall.VIEW_GET)[4] == (
        "view_get(record=0x10, index=0x20, buffer=0x30, ...) = 0x0"
    )


def test_an_unknown_call_has_its_number() -> None:
    assert line(LogCategory.HYPERCALL, 999, -1)[4] == "call 999 = no_such_call"


def test_traps_are_named() -> None:
    where = "at 0x20, error 0x10, address 0x30"
    assert line(LogCategory.TRAP, 14)[3:] == ["trap", f"page_fault {where}"]
    assert line(LogCategory.TRAP, 257)[3:] == ["trap", f"system_call {where}"]
    assert line(LogCategory.TRAP, 1024 + 0x80)[3:] == ["trap", f"int_0x80 {where}"]


def test_a_switch_names_who_is_next() -> None:
    assert line(LogCategory.SWITCH, 7)[3:] == ["switch", "to #7"]
    assert line(LogCategory.SWITCH, 256)[3:] == ["switch", "to idle"]


def test_what_interrupts_is_named() -> None:
    assert line(LogCategory.EVENT, 0)[3:] == ["event", "timer at 0x20"]
    assert line(LogCategory.EVENT, 1)[3:] == ["event", "kick at 0x20"]


def test_a_stop_gives_its_reason() -> None:
    shown = "stopped: exit, code 16, at 0x20, address 0x30"
    assert line(LogCategory.PARTITION, 1)[3:] == ["partition", shown]


def test_a_mark_gives_its_id_value_and_work() -> None:
    assert line(LogCategory.MARK, 0)[3:] == ["mark", "16 value 0x20, after 48 cycles of work"]


def test_who_ran_is_named() -> None:
    assert line(LogCategory.SWITCH, 7, virtual_processor=257)[2] == "idle"
    assert line(LogCategory.SWITCH, 7, virtual_processor=40)[2] == "#40"


def test_categories() -> None:
    assert parse_categories([]) == LogCategory(0)
    assert parse_categories(["trap", "switch"]) == LogCategory.TRAP | LogCategory.SWITCH
    every = parse_categories(["all"])
    assert all(category in every for category in LogCategory)
    with pytest.raises(KeyError):
        parse_categories(["trps"])
