# SPDX-License-Identifier: GPL-2.0-or-later
"""Pipeline files for the Konata viewer, in its Kanata format, version 4.

Owns the format. Used by `ultravisor timing predict --kanata` and by `boot --pipeline`. It
must not know cores, machines or partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.machine.cycle_records import Step

HEADER = "Kanata\t0004"
# Stages: waiting in the scheduler, executing, done and waiting for its turn.
WAITING, EXECUTING, DONE = "Is", "Ex", "Cm"


class Label(NamedTuple):
    """What is shown of an instruction: its text, whose it is, and its thread in the file."""

    text: str
    whose: str = ""
    thread: int = 0


def kanata(steps: Sequence[Step], labels: Sequence[Label]) -> str:
    """Return the file for micro-ops; those of instruction n have the n-th label.

    An instruction without micro-ops is fused with the one before, and is shown there.
    """
    texts = _texts(steps, labels)
    events: dict[int, list[str]] = {}

    def at(cycle: int, text: str) -> None:
        events.setdefault(cycle, []).append(text)

    for number, step in enumerate(steps):
        label = labels[step.instruction]
        port = "no port" if step.port is None else f"port {step.port}"
        at(step.issue, f"I\t{number}\t{step.instruction}\t{label.thread}")
        at(step.issue, f"L\t{number}\t0\t{texts[step.instruction]}")
        at(step.issue, f"L\t{number}\t1\t{port}")
        at(step.issue, f"S\t{number}\t0\t{WAITING}")
        if step.dispatch < step.done:
            at(step.dispatch, f"S\t{number}\t0\t{EXECUTING}")
        at(step.done, f"S\t{number}\t0\t{DONE}")
        at(step.retire, f"R\t{number}\t{number}\t0")
    return _file(events)


def _texts(steps: Sequence[Step], labels: Sequence[Label]) -> list[str]:
    own = {step.instruction for step in steps}
    texts = [label.text for label in labels]
    for number in range(len(labels) - 1, 0, -1):
        if number not in own:
            texts[number - 1] += f" + {texts[number]}"
    whose = (f"  [{label.whose}]" if label.whose else "" for label in labels)
    return [text + owner for text, owner in zip(texts, whose, strict=True)]


def _file(events: dict[int, list[str]]) -> str:
    """Return what happened in each cycle, as text."""
    lines = [HEADER]
    previous = None
    for cycle in sorted(events):
        lines.append(f"C=\t{cycle}" if previous is None else f"C\t{cycle - previous}")
        lines += events[cycle]
        previous = cycle
    return "\n".join(lines) + "\n"
