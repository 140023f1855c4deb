# SPDX-License-Identifier: GPL-2.0-or-later
"""The names of the timing models, the cycle-level cores above all.

Owns the one list of the cores, in the order of timing_core_at, and which were compared with
measurements. Whoever lets a person choose one takes the names from here; nothing is loaded
for that, least of all the extension.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

CoreName = Literal["skylake", "haswell", "ivybridge", "zen4"]
CORES: Final[tuple[CoreName, ...]] = get_args(CoreName)
VALIDATED: Final = frozenset[str]({"skylake", "haswell"})
TimingName = Literal["off", "unit", CoreName]
TIMING_NAMES: Final[tuple[TimingName, ...]] = get_args(TimingName)
# Of enum timing_model: the cores come behind the models without one.
FIRST_CORE: Final = 2
MODELLED: Final = "modelled cycles of"


def core_model(name: CoreName) -> int:
    """Return a core's number in enum timing_model."""
    return FIRST_CORE + CORES.index(name)


def core_of(timing: TimingName) -> CoreName | None:
    """Return the core that a timing model is; None where it is none."""
    return next((name for name in CORES if name == timing), None)


def unit_of(timing: TimingName) -> str:
    """Say what a cycle is."""
    core = core_of(timing)
    if core is not None:
        return f"{MODELLED} {core}, {validation(core)}"
    return "bytes of code" if timing == "off" else "instructions"


def basis_of(unit: str) -> str:
    """Say what cycles of a unit are, where the unit itself does not: counted, not modelled."""
    return unit if unit.startswith(MODELLED) else f"{unit}, counted"


def validation(core: str) -> str:
    """Say in a word or two whether a core was compared with measurements."""
    return "validated" if core in VALIDATED else "not validated"
