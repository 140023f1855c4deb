# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a partition stopped, in one sentence.

Owns the wording. Called by ultravisor.host with a partition's statistics and the
symbols of its image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.machine.abi import StopReason
from ultravisor.machine.traps import PAGE_FAULT, page_fault_cause, trap_title

if TYPE_CHECKING:
    from ultravisor.machine.records import PartitionStatistics
    from ultravisor.machine.symbols import SymbolTable


def stop_sentence(statistics: PartitionStatistics, symbols: SymbolTable) -> str | None:
    """Return why the partition no longer runs; None while it does."""
    reason = statistics.stop_reason
    if reason == StopReason.NONE:
        return None
    if reason == StopReason.EXIT:
        return statistics.stop_text or f"exited with code {statistics.exit_code}"
    where = f"at {symbols.describe(statistics.stop_rip)}"
    sentences = {
        StopReason.UNHANDLED_TRAP: f"{_trap(statistics, symbols)} {where} without a handler",
        StopReason.TRAP_IN_DELIVERY: (
            f"{_trap(statistics, symbols)} {where}: its frame could not be written "
            f"to the stack at {symbols.describe(statistics.stop_address)}"
        ),
        StopReason.BAD_RETURN: f"iret {where} through a frame that cannot be loaded",
        StopReason.BAD_START: f"its start was refused (at {statistics.stop_address:#x})",
        StopReason.UNSUPPORTED: f"code {where} that the engine would execute wrongly",
        StopReason.OPERATOR: "stopped by the operator",
        StopReason.REVOKED: "its view took away what it still used",
        StopReason.WATCHDOG: "it let the deadline of its watchdog pass",
    }
    sentence = sentences[reason]
    return f"{sentence}: {statistics.stop_text}" if statistics.stop_text else sentence


def _trap(statistics: PartitionStatistics, symbols: SymbolTable) -> str:
    """Name the trap with its address and what its error code says."""
    title = trap_title(statistics.stop_vector)
    if statistics.stop_vector == PAGE_FAULT and statistics.stop_reason == StopReason.UNHANDLED_TRAP:
        address = symbols.describe(statistics.stop_address)
        return f"{title}, {page_fault_cause(statistics.stop_error_code)} at {address},"
    if statistics.stop_error_code:
        return f"{title}, error code {statistics.stop_error_code:#x},"
    return title
