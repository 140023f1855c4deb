# SPDX-License-Identifier: GPL-2.0-or-later
"""Pipeline files for the Konata viewer, in its Kanata format, version 4.

Owns the format. Used by `ultravisor timing predict --kanata`. It must not know cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine.cycle_core import Step

HEADER = "Kanata\t0004"
# Stages: waiting in the scheduler, executing, done and waiting for its turn.
WAITING, EXECUTING, DONE = "Is", "Ex", "Cm"


def kanata(steps: Sequence[Step], texts: Sequence[str]) -> str:
    """Return the file for micro-ops of repeated code, whose instructions have these texts."""
    events: dict[int, list[str]] = {}

    def at(cycle: int, text: str) -> None:
        events.setdefault(cycle, []).append(text)

    for number, step in enumerate(steps):
        place = step.instruction % len(texts)
        port = "no port" if step.port is None else f"port {step.port}"
        at(step.issue, f"I\t{number}\t{step.instruction}\t0")
        at(step.issue, f"L\t{number}\t0\t{texts[place]}")
        at(step.issue, f"L\t{number}\t1\t{port}")
        at(step.issue, f"S\t{number}\t0\t{WAITING}")
        if step.dispatch < step.done:
            at(step.dispatch, f"S\t{number}\t0\t{EXECUTING}")
        at(step.done, f"S\t{number}\t0\t{DONE}")
        at(step.retire, f"R\t{number}\t{number}\t0")
    lines = [HEADER]
    previous = None
    for cycle in sorted(events):
        lines.append(f"C=\t{cycle}" if previous is None else f"C\t{cycle - previous}")
        lines += events[cycle]
        previous = cycle
    return "\n".join(lines) + "\n"
