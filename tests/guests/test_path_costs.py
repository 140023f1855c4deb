# SPDX-License-Identifier: GPL-2.0-or-later
"""What the native build assumes for a path is what the simulated build's code takes.

The assumptions stand in native/engine/path_costs.inc. When a path or a core has changed they are
stale: the command in STALE, or `make docs`, writes them again, and a commit says why they changed.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.guests.both_builds import make_machine
from tests.guests.test_path_lengths import COMPILER, compiler
from ultravisor.bench.native_costs import (
    FILE,
    HEAD,
    NAMES,
    Costs,
    path_costs,
    read,
    render,
    stays,
)
from ultravisor.bench.switch_rows import Row
from ultravisor.machine.cores import TIMING_NAMES, TimingName, core_model, core_of
from ultravisor.machine.interface import MonitorBuild, TimingModel, TimingPath

pytestmark = pytest.mark.guest

# The committed figures are of the monitor as COMPILER makes it, and exact. Another compiler's is
# other code, up to a quarter longer on single paths (test_path_lengths).
OTHER_COMPILER_SHARE = 0.25
STALE = (
    "native/engine/path_costs.inc is stale; run: .venv/bin/python -m ultravisor.bench.native_costs"
)


@cache
def measured() -> dict[TimingName, Costs]:
    return path_costs()


@pytest.mark.parametrize("timing", TIMING_NAMES)
def test_the_native_build_assumes_what_the_simulated_one_takes(timing: TimingName) -> None:
    expected = measured()[timing]
    if compiler() != COMPILER:
        assert read()[timing] == pytest.approx(expected, rel=OTHER_COMPILER_SHARE), STALE
    else:
        assert read()[timing] == expected, STALE


@pytest.mark.parametrize("timing", TIMING_NAMES)
def test_what_is_built_in_is_what_the_file_says(timing: TimingName) -> None:
    core = core_of(timing)
    model = TimingModel(core_model(core)) if core is not None else TimingModel[timing.upper()]
    with make_machine(MonitorBuild.NATIVE, model) as machine:
        assert machine.path_costs() == read()[timing]
    with make_machine(MonitorBuild.SIMULATED, model) as machine:
        assert not any(machine.path_costs().values()), "its paths are executed"


def test_the_file_is_written_as_it_is_read() -> None:
    assert FILE.read_text().startswith(HEAD)
    assert render(read()) == FILE.read_text()  # type: ignore[arg-type]
    assert [tuple(row) for row in read().values()] == [NAMES] * len(TIMING_NAMES)


def test_a_stay_is_whole_or_left_out() -> None:
    def row(path: TimingPath) -> Row:
        return Row(0, 1, 64, 0, 1, (), (), b"\x90", path)

    guest, call, trap = (
        row(path) for path in (TimingPath.GUEST, TimingPath.HYPERCALL, TimingPath.TRAP)
    )
    found = list(stays([call, guest, call, call, guest, guest, trap, guest, call]))
    assert [(stay.path, len(stay.rows)) for stay in found] == [
        (TimingPath.HYPERCALL, 2), (TimingPath.TRAP, 1)
    ]  # fmt: skip
