# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of the processor's exceptions.

Owns the names by which results and people call a vector. Knows nothing of the machine.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Trap(NamedTuple):
    """An exception: its name in results, and the mnemonic of the manuals."""

    name: str
    mnemonic: str


TRAPS: Final[dict[int, Trap]] = {
    0: Trap("divide_error", "#DE"),
    1: Trap("debug", "#DB"),
    2: Trap("non_maskable_interrupt", "NMI"),
    3: Trap("breakpoint", "#BP"),
    4: Trap("overflow", "#OF"),
    5: Trap("bound_range", "#BR"),
    6: Trap("invalid_opcode", "#UD"),
    7: Trap("device_not_available", "#NM"),
    8: Trap("double_fault", "#DF"),
    10: Trap("invalid_tss", "#TS"),
    11: Trap("segment_not_present", "#NP"),
    12: Trap("stack_fault", "#SS"),
    13: Trap("general_protection", "#GP"),
    14: Trap("page_fault", "#PF"),
    16: Trap("floating_point", "#MF"),
    17: Trap("alignment_check", "#AC"),
    18: Trap("machine_check", "#MC"),
    19: Trap("simd_floating_point", "#XM"),
    20: Trap("virtualization", "#VE"),
    21: Trap("control_protection", "#CP"),
}
PAGE_FAULT: Final = 14


def trap_name(vector: int) -> str:
    """Return the name of a vector in results: `page_fault`, or `vector_9`."""
    trap = TRAPS.get(vector)
    return trap.name if trap is not None else f"vector_{vector}"


def trap_title(vector: int) -> str:
    """Return what a person is told: `page fault (#PF)`, or `exception 9`."""
    trap = TRAPS.get(vector)
    if trap is None:
        return f"exception {vector}"
    return f"{trap.name.replace('_', ' ')} ({trap.mnemonic})"


def page_fault_cause(error_code: int) -> str:
    """Say what a page fault's error code means: `write to a page that is not mapped`."""
    access = "execution of" if error_code & 16 else "write to" if error_code & 2 else "read of"
    if error_code & 0x8:
        return f"{access} a page with reserved bits set"
    page = "a page that forbids it" if error_code & 0x1 else "a page that is not mapped"
    return f"{access} {page}"
