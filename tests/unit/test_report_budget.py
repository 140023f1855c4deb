# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a teller's word that a port is lost counts."""

from __future__ import annotations

from ultravisor.partitions.report_budget import (
    QUIET_FACTOR,
    REPORT_CYCLES,
    REPORT_MAXIMUM_CYCLES,
    ReportBudget,
)


def test_the_first_report_counts_at_once() -> None:
    assert ReportBudget().take({3: 7}, 0) == (3,)


def test_the_next_waits_and_is_not_dropped() -> None:
    budget = ReportBudget()
    budget.take({3: 7}, 100)
    assert budget.take({3: 7}, 100 + REPORT_CYCLES - 1) == ()
    assert budget.due_cycles() == [100 + REPORT_CYCLES]
    assert budget.take({3: 7}, 100 + REPORT_CYCLES) == (3,)
    assert budget.due_cycles() == []


def test_the_wait_doubles_up_to_a_maximum() -> None:
    budget, now_cycles, waits = ReportBudget(), 0, []
    for _ in range(14):
        assert budget.take({3: 7}, now_cycles) == (3,)
        budget.take({3: 7}, now_cycles)
        (due_cycles,) = budget.due_cycles()
        waits.append(due_cycles - now_cycles)
        now_cycles = due_cycles
    assert waits[:3] == [REPORT_CYCLES, 2 * REPORT_CYCLES, 4 * REPORT_CYCLES]
    assert waits[-1] == REPORT_MAXIMUM_CYCLES


def test_a_quiet_teller_begins_anew() -> None:
    budget = ReportBudget()
    budget.take({3: 7}, 0)
    later_cycles = QUIET_FACTOR * REPORT_CYCLES
    assert budget.take({3: 7}, later_cycles) == (3,)
    budget.take({3: 7}, later_cycles)
    assert budget.due_cycles() == [later_cycles + REPORT_CYCLES]


def test_one_teller_does_not_hold_up_another() -> None:
    budget = ReportBudget()
    budget.take({3: 7}, 0)
    assert budget.take({3: 7, 4: 8}, 1) == (4,)


def test_all_that_a_teller_reports_at_once_counts_together() -> None:
    assert ReportBudget().take({3: 7, 4: 7}, 0) == (3, 4)


def test_what_was_saved_goes_on() -> None:
    budget, other = ReportBudget(), ReportBudget()
    budget.take({3: 7}, 0)
    budget.take({3: 7}, 1)
    other.load(budget.save())
    assert other.due_cycles() == [REPORT_CYCLES]
    assert other.take({3: 7}, 2) == ()
