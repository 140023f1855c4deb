# SPDX-License-Identifier: GPL-2.0-or-later
"""What the native build assumes for the monitor's paths, from what the simulated one executes.

Owns which path stands for which assumption, and native/engine/path_costs.inc, which is
committed: `python -m ultravisor.bench.native_costs` writes it, and a test says when it is stale.
It must not know how the native build uses them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ultravisor.bench.switch_paths import PATHS_BY_NAME, Scenario
from ultravisor.bench.switch_phases import Phase, PhaseMap
from ultravisor.bench.switch_run import Guests, Setting
from ultravisor.bench.switch_symbols import text_symbols
from ultravisor.machine.cores import CORES, TIMING_NAMES
from ultravisor.machine.interface import TimingPath
from ultravisor.resolution import monitor_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ultravisor.bench.switch_rows import Record, Row
    from ultravisor.machine.cores import CoreName, TimingName

FILE: Final = Path(__file__).resolve().parents[2] / "native" / "engine" / "path_costs.inc"
REPEATS: Final = 8
# As `bench switch` has them by default.
PAGES: Final = 16
WIDTH: Final = 64
# Alone, so that a tick changes nothing.
TICK: Final = Scenario(("path_preempt",), is_preempted=True)
NAMES: Final = ("hypercall", "trap", "interrupt", "world_switch")

HEAD: Final = """/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the simulated build takes on the native build's paths: see costs.c.
 * Written by `python -m ultravisor.bench.native_costs`; do not edit.
 * PATH_COSTS(timing model, hypercall, trap, interrupt, world switch)
 */
"""

Costs = dict[str, int]
"""By path of the native monitor, in the unit of a timing model."""


class Stay(NamedTuple):
    """All that the monitor executed from an entry until it left to a partition."""

    path: TimingPath
    rows: tuple[Row, ...]


# What an entry costs in each timing model's unit: bytes of code, instructions, cycles.
UNITS: Final[dict[str, Callable[[Row], int]]] = {
    "off": lambda row: len(row.code),
    "unit": lambda row: int(not row.transition),
}


def core_cycles(row: Row) -> int:
    """Return what a row costs in the unit of a cycle-level core."""
    return row.cycles


def path_costs() -> dict[TimingName, Costs]:
    """Measure all paths for every timing model; the same every time."""
    stays = {core: _core_stays(core) for core in CORES}
    # Which core counts makes no difference to what is executed.
    executed = stays[CORES[0]]
    found = {}
    for timing in TIMING_NAMES:
        of_core = next((stays[core] for core in CORES if core == timing), executed)
        found[timing] = _costs(of_core, UNITS.get(timing, core_cycles))
    return found


def render(costs: dict[TimingName, Costs]) -> str:
    """Return the file."""
    return HEAD + "".join(
        f"PATH_COSTS({timing.upper()}, {', '.join(str(row[name]) for name in NAMES)})\n"
        for timing, row in costs.items()
    )


def read() -> dict[str, Costs]:
    """Return what the file holds."""
    found = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("PATH_COSTS("):
            timing, *values = line.removeprefix("PATH_COSTS(").removesuffix(")").split(", ")
            found[timing.lower()] = dict(zip(NAMES, map(int, values), strict=True))
    return found


def stays(rows: Sequence[Row]) -> Iterator[Stay]:
    """Yield the monitor's whole stays: those that are cut off at an end are left out."""
    current: list[Row] | None = None
    for row in rows:
        if row.path == TimingPath.GUEST:
            if current:
                yield Stay(TimingPath(current[0].path), tuple(current))
            current = []
        elif current is not None:
            current.append(row)


def _core_stays(core: CoreName) -> dict[str, list[Stay]]:
    setting = Setting(core, PAGES, REPEATS, monitor_image())
    scenarios = {
        "hypercall": (PATHS_BY_NAME["null"].scenario, TimingPath.HYPERCALL),
        "trap": (PATHS_BY_NAME["page-fault"].scenario, TimingPath.TRAP),
        "interrupt": (TICK, TimingPath.INTERRUPT),
        "world_switch": (PATHS_BY_NAME["yield"].scenario, TimingPath.HYPERCALL),
    }
    return {
        name: list(_stays_of(setting, scenario, path))
        for name, (scenario, path) in scenarios.items()
    }


def _stays_of(setting: Setting, scenario: Scenario, path: TimingPath) -> Iterator[Stay]:
    phases = PhaseMap(text_symbols(setting.monitor.read_bytes()))
    with Guests(setting, scenario, WIDTH, vmcall=False) as guests:
        for record in guests.records("warm", REPEATS):
            stay = _first(record, path)
            # One that idles for a moment is two ticks and two switches.
            if scenario is not TICK or not _switches(stay, phases):
                yield stay


def _first(record: Record, path: TimingPath) -> Stay:
    return next(stay for stay in stays(record.rows) if stay.path == path)


def _switches(stay: Stay, phases: PhaseMap) -> bool:
    return any(
        not row.transition and phases.phase(row.address, row.code) == Phase.SAVE
        for row in stay.rows
    )


def _costs(found: dict[str, list[Stay]], cost: Callable[[Row], int]) -> Costs:
    medians = {
        name: _lower_median([sum(map(cost, stay.rows)) for stay in of_path])
        for name, of_path in found.items()
    }
    # A yield is a call that switches.
    return medians | {"world_switch": medians["world_switch"] - medians["hypercall"]}


def _lower_median(values: list[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]


def main() -> None:
    """Write the file."""
    FILE.write_text(render(path_costs()), encoding="utf-8")


if __name__ == "__main__":
    main()
