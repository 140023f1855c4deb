# SPDX-License-Identifier: GPL-2.0-or-later
"""When a partition that has ended runs again, and when a refused transaction is tried again.

Owns the two back-offs, in cycles of the guest clock: of restarts, as a policy says it, and of
conflicts. Pure: what time it is, is passed in. Called by command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from ultravisor.partitions.policy import RestartRule

CONFLICT_BACK_OFF_CYCLES: Final = 10_000
CONFLICT_BACK_OFF_MAXIMUM_CYCLES: Final = 1_000_000


class RestartState(Struct, frozen=True):
    """What is known of the ends of one domain's partition."""

    attempts: int = 0
    """Restarts in a row."""
    started_cycles: int = 0
    """When it last began to run."""
    due_cycles: int | None = None
    """When it is to be restarted; None: not waiting."""


def started(state: RestartState, now_cycles: int) -> RestartState:
    """Return the state once the partition runs."""
    return RestartState(state.attempts, now_cycles, None)


def ended(state: RestartState, rule: RestartRule | None, now_cycles: int) -> RestartState:
    """Return the state after an end: when it is due again, or that it never is."""
    if rule is None:
        return RestartState(state.attempts, state.started_cycles, None)
    ran_cycles = now_cycles - state.started_cycles
    attempts = 0 if ran_cycles >= rule.forget_after_cycles else state.attempts
    if attempts >= rule.attempts_maximum:
        return RestartState(attempts, state.started_cycles, None)
    due_cycles = now_cycles + back_off_cycles(rule, attempts)
    return RestartState(attempts + 1, state.started_cycles, due_cycles)


def back_off_cycles(rule: RestartRule, attempts: int) -> int:
    """Return the wait before a restart, given how many there were before it."""
    wait_cycles = rule.back_off_cycles
    for _ in range(attempts):
        if wait_cycles >= rule.back_off_maximum_cycles or rule.back_off_factor == 1:
            break
        wait_cycles *= rule.back_off_factor
    return min(wait_cycles, rule.back_off_maximum_cycles)


def conflict_back_off_cycles(attempts: int) -> int:
    """Return the wait before a transaction is tried again, given the conflicts before, from 1."""
    # A shift that could grow without bound is cut before it is made.
    wait_cycles = CONFLICT_BACK_OFF_CYCLES << min(attempts - 1, 20)
    return min(wait_cycles, CONFLICT_BACK_OFF_MAXIMUM_CYCLES)
