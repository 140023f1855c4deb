# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of docs/accuracy.md about what a switch costs on real machines.

Owns the list of axes: modelled, assumed, absent. Used by accuracy_page; it must not measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from ultravisor.machine.models import ModelName

HEAD: Final = """
## Axes of a switch: modelled, assumed, absent

What the emulated machine executes itself, with the costs of the last table:

* **modelled**: the instructions of entry, exit and switch; caches, translations, predictors and
  micro-ops that a switch leaves behind or finds; loading a root, which drops all translations.
* **assumed**: the entry of an exception or interrupt as `int`; a deadline and a kick as WRMSR.

What it lacks is a [model](timing.md#a-model-of-what-the-machine-lacks), off unless asked for. None
was compared with a measurement of a switch.

| name | modelled | assumed | left out |
|---|---|---|---|
"""


class Axis(NamedTuple):
    """A name of a model, and what stands behind it."""

    modelled: str
    assumed: str
    left_out: str = "-"


AXES: Final[dict[ModelName, Axis]] = {
    "pcid": Axis(
        "a tag a root, translations of all tags in the same TLBs, 64 tags a processor, stale ones "
        "dropped when their root is loaded again",
        "that a root loaded without a flush takes as long as with one; micro-ops stay with the "
        "translations of their code; the tag unused for longest is given away",
        "the instructions that choose a tag; INVPCID; walks read tables of each root, those "
        "without `pcid` share one set",
    ),
    "global": Axis(
        "the monitor's translations outlive roots and are there in every space",
        "micro-ops go with each root all the same, unless `pcid` keeps them",
    ),
    "kpti": Axis(
        "two roots a guest, each with its translations (and tag, with `pcid`); the monitor's "
        "loaded at entry, the guest's at exit",
        "the cost is that of `mov cr3`",
        "the page that both sides have; saving and choosing roots",
    ),
    "verw": Axis(
        "its time, before the return to a guest",
        "its time; on Zen 4, which has no such buffers, that of the instruction alone",
        "the buffers themselves; the same instruction before idling",
    ),
    "ibrs": Axis(
        "two WRMSR, at entry and exit",
        "WRMSR by rule of thumb",
        "predictions are as without: nobody's target fits another's branch here",
    ),
    "retpoline": Axis(
        "indirect jumps and calls of the monitor's are predicted wrongly, as the thunk's return is",
        "the same penalty as of any branch",
        "the thunk's own instructions",
    ),
    "ibpb": Axis(
        "targets of all branches are forgotten, directions stay",
        "its time, of the nearest core that was measured; that direct branches' targets go too",
    ),
    "l1d": Axis(
        "the first data cache is empty, the second one has its lines",
        "its time",
        "the software loop where there is no such command",
    ),
    "rsb": Axis("returns are predicted wrongly until calls have followed", "its time"),
}

TAIL: Final = """
**Absent**: enhanced IBRS, STIBP and whatever concerns simultaneous threads; the branch history
barrier; SSBD; gather sampling; core scheduling; tagged TLBs and exits of hardware
virtualization (nested tables, posted interrupts); shootdowns by interprocessor interrupts between
processors; FRED, `sysenter` and user interrupts as entries; saving AVX state; frequencies.
"""


def switching_section() -> str:
    """Return the section."""
    rows = (f"| `{name}` | {' | '.join(axis)} |\n" for name, axis in AXES.items())
    return HEAD + "".join(rows) + TAIL
