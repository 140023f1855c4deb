# SPDX-License-Identifier: GPL-2.0-or-later
"""The hostile set: one attempt an image, beside partitions that must not notice.

Each image runs in a host of two processors with a neighbour on each, one of either width,
preempted in the middle of things, once under each build of the monitor. It has to end as its
note says; both builds have to agree on all of it; and its neighbours have to be as they are
beside an idle image. The native build checks meanwhile that no refused call changes anything.
"""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host
from ultravisor.configuration import (
    Configuration,
    FpuName,
    HostConfiguration,
    MonitorName,
    PartitionConfiguration,
)
from ultravisor.machine.abi import Hypercall
from ultravisor.testing.scenario import Scenario, find_scenarios
from ultravisor.testing.verdict import judge

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

    from ultravisor.results import HostResult, PartitionResult

pytestmark = pytest.mark.guest

ROOT = Path(__file__).resolve().parents[2]
SET_MINIMUM = 60
CYCLES = 2_000_000
LONG_CYCLES = 12_000_000
LONG = frozenset({"fault_storm", "memory_exhaustion", "memory_given_up", "software_interrupts"})
# The same for all, since a neighbour's frames begin where its memory ends.
MEMORY_MIB = 1
NAME = "hostile"
# Endless code that does nothing: mov eax, block; vmcall; jmp back.
IDLE = tiny.call(Hypercall.BLOCK) + b"\xeb" + (254 - len(tiny.call(Hypercall.BLOCK))).to_bytes()


class Case(NamedTuple):
    """How the host is preempted."""

    quantum_cycles: int
    interleave_cycles: int


USUAL = Case(2_999, 1_000)
FINE = Case(397, 211)


def scenarios() -> list[Scenario]:
    """Return the whole set."""
    return find_scenarios(["hostile"])


def short_name(scenario: Scenario) -> str:
    """Return an image's name within the set."""
    return scenario.name.removeprefix("hostile/")


def parameters() -> list[ParameterSet]:
    """Return the whole set for a parametrized test."""
    return [
        pytest.param(scenario, id=f"{short_name(scenario)}-{scenario.width}")
        for scenario in scenarios()
    ]


def run(
    case: Case, monitor: MonitorName, image: str, cycles: int, fpu: FpuName = "eager"
) -> HostResult:
    """Run an image beside its neighbours."""

    def partition(
        name: str, image: str, *processors: int, memory_mib: int | None = None
    ) -> PartitionConfiguration:
        return PartitionConfiguration(
            name=name,
            image=image,
            memory_mib=memory_mib,
            processors=processors,
            quantum_cycles=case.quantum_cycles,
        )

    host = HostConfiguration(
        processors=2,
        monitor=monitor,
        fpu=fpu,
        interleave_cycles=case.interleave_cycles,
        check_refusals=monitor == "native",
    )
    partitions = (
        partition("before", "duo", 0),
        partition(NAME, image, 0, 1, memory_mib=MEMORY_MIB),
        partition("behind", "duo_32", 1),
    )
    with Host(Configuration(host=host, partition=partitions)) as machine:
        return machine.run(cycles)


def others(result: HostResult) -> list[PartitionResult]:
    """Return what the neighbours did."""
    return [row for row in result.partitions if row.name != NAME]


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the image in whose place the hostile ones run."""
    return tiny.write(tmp_path_factory.mktemp("idle"), "idle", IDLE)


@cache
def beside_idle(case: Case, monitor: MonitorName, idle: str, cycles: int) -> list[PartitionResult]:
    """Return what the neighbours do beside an idle image."""
    result = run(case, monitor, idle, cycles)
    assert [row.state for row in result.partitions] == ["running"] * 3
    assert all(row.work > cycles // 4 for row in others(result))
    return others(result)


def attempt(scenario: Scenario, case: Case, idle: str) -> None:
    """Run one image under both builds; check its end, their agreement and its neighbours."""
    results = {}
    cycles = LONG_CYCLES if short_name(scenario) in LONG else CYCLES
    for monitor in ("native", "simulated"):
        result = run(case, monitor, str(scenario.image.path), cycles)
        partition = result.partition(NAME)
        judgement = judge(scenario, partition, result)
        assert (judgement.verdict, judgement.reason) == ("success", judgement.reason)
        assert others(result) == beside_idle(case, monitor, idle, cycles)
        results[monitor] = result.partitions
    assert results["native"] == results["simulated"]


def test_the_set_is_whole() -> None:
    found = scenarios()
    assert len(found) >= SET_MINIMUM
    assert all(scenario.sentence for scenario in found)
    assert len({scenario.sentence for scenario in found}) == len({row.name for row in found})


@pytest.mark.parametrize("scenario", parameters())
def test_an_attempt_fails_as_it_should(scenario: Scenario, idle: str) -> None:
    attempt(scenario, USUAL, idle)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", parameters())
def test_an_attempt_that_is_preempted_finely(scenario: Scenario, idle: str) -> None:
    attempt(scenario, FINE, idle)


def test_what_an_image_does_to_its_neighbours_would_show(idle: str) -> None:
    """Else the comparison would prove nothing: a slot less, and they differ."""
    case = Case(USUAL.quantum_cycles + 1, USUAL.interleave_cycles)
    shifted = run(case, "native", idle, CYCLES)
    assert others(shifted) != beside_idle(USUAL, "native", idle, CYCLES)


def test_the_page_on_containment_lists_the_set() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "hostile_table.py"))
    text = (ROOT / "docs" / "containment.md").read_text(encoding="utf-8")
    assert text == page["page"](text), "run `make docs`"
