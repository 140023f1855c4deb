# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever one partition does, all others do what they do beside an idle one.

One place in a host is taken by an idle image, then by a hostile one with the same memory and
the same slots; the hash of every other partition must be the same, in both builds and
however the host is preempted. Only the partner that a link joins to the hostile one is left out.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host
from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    LinkConfiguration,
    MonitorName,
    PartitionConfiguration,
)
from ultravisor.machine.abi import Hypercall

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.results import PartitionResult

pytestmark = pytest.mark.guest

CYCLES = 12_000_000
# push 0x33; call behind itself; add qword [rsp], 7; lretq: it goes on behind itself.
FAR_RETURN = b"\x6a\x33\xe8\0\0\0\0\x48\x83\x04\x24\x07\x48\xcb"
RDI_FROM_TIME = b"\x48\x8d\x78"  # lea rdi, [rax + byte]


def for_ever(code: bytes) -> bytes:
    """Return code that runs again and again."""
    return code + b"\xe9" + (-len(code) - 5).to_bytes(4, "little", signed=True)


def timer(cycles: int) -> bytes:
    """Return code that arms the timer for a moment from now."""
    return (
        tiny.call(Hypercall.TIME_GET)
        + RDI_FROM_TIME
        + bytes([cycles])
        + tiny.load(0, Hypercall.TIMER_SET)
        + tiny.VMCALL
    )


IDLE = for_ever(tiny.call(Hypercall.BLOCK))
HOSTILE = {
    "faults_at_once": tiny.UNDEFINED,
    "faults_late": tiny.count_down(100_000) + tiny.STORE_TO_NOWHERE,
    "floods_its_console": for_ever(tiny.say(4096)),
    "yields_for_ever": for_ever(tiny.call(Hypercall.YIELD)),
    "storms_its_link": for_ever(tiny.call(Hypercall.EVENT_SEND, 8)),
    "storms_itself": for_ever(tiny.call(Hypercall.EVENT_SEND_PROCESSOR, 0, 9)),
    "arms_timers": for_ever(timer(1) + timer(100) + tiny.call(Hypercall.TIMER_SET, 1)),
    "sleeps_by_timers": for_ever(timer(90) + tiny.call(Hypercall.BLOCK)),
    "spins": tiny.SPIN,
    "spins_in_long_blocks": for_ever(b"\x90" * 3000),
    "calls_wrongly": for_ever(
        tiny.call(Hypercall.ROOTS_SET, 1, 2) + tiny.load(0, 99) + tiny.VMCALL
    ),
    "returns_far_for_ever": for_ever(FAR_RETURN + b"\x90" * 40),
    "exits": tiny.leave(3),
}


class Case(NamedTuple):
    """How the host is preempted."""

    quantum_cycles: int
    interleave_cycles: int


CASES = (Case(2_999, 1_000), Case(997, 333))


def partition(
    name: str, image: str, quantum_cycles: int, *processors: int
) -> PartitionConfiguration:
    return PartitionConfiguration(
        name=name,
        image=image,
        memory_mib=8,
        processors=processors,
        quantum_cycles=quantum_cycles,
        command_line=name if image == "pingpong" else "",
    )


def run(case: Case, monitor: MonitorName, image: str, partner: str) -> list[PartitionResult]:
    """Run the host with an image in the place that changes; return the results of all."""
    quantum = case.quantum_cycles
    configuration = Configuration(
        host=HostConfiguration(
            processors=2, monitor=monitor, interleave_cycles=case.interleave_cycles
        ),
        partition=(
            partition("duo", "duo", quantum, 0),
            partition("place", image, quantum, 0),
            partition("ping", "pingpong", quantum + 1, 0),
            partition("pong", "pingpong", quantum, 1),
            partition("smp", "smp", quantum, 0, 1),
            partition("partner", partner, quantum, 1),
        ),
        link=(
            LinkConfiguration(from_="ping:8", to="pong:8"),
            LinkConfiguration(from_="place:8", to="partner:8"),
        ),
    )
    with Host(configuration) as host:
        return list(host.run(CYCLES).partitions)


def others(results: list[PartitionResult]) -> list[PartitionResult]:
    return [row for row in results if row.name not in ("place", "partner")]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all images; their paths are the same in every run."""
    folder = tmp_path_factory.mktemp("images")
    for name, code in (HOSTILE | {"idle": IDLE}).items():
        tiny.write(folder, name, code, b"flood " * 700)
    return folder


@cache
def beside_idle(case: Case, monitor: MonitorName, idle: str) -> list[PartitionResult]:
    """Return what all others do beside an idle image."""
    results = run(case, monitor, idle, idle)
    assert [row.state for row in results] == [*["running"] * 2, *["exited"] * 3, "running"]
    assert results[0].work > CYCLES // 8
    assert {row.exit_code for row in others(results)} == {None, 0}
    return others(results)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", HOSTILE)
def test_nobody_notices_a_hostile_neighbour(images: Path, name: str, case: Case) -> None:
    idle = str(images / "idle.elf")
    both: list[list[PartitionResult]] = []
    for monitor in ("native", "simulated"):
        results = run(case, monitor, str(images / f"{name}.elf"), idle)
        assert others(results) == beside_idle(case, monitor, idle)
        both.append(results)
    assert both[0] == both[1]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_hostile_images_do_what_they_are_named_after(images: Path, case: Case) -> None:
    """Else the test above would prove nothing."""
    idle = str(images / "idle.elf")

    def place(name: str) -> PartitionResult:
        return run(case, "native", str(images / f"{name}.elf"), idle)[1]

    share = CYCLES // 8
    assert place("faults_at_once").traps == {"invalid_opcode": 1}
    assert place("faults_late").traps == {"page_fault": 1}
    assert len(place("floods_its_console").console) > 10_000
    assert place("yields_for_ever").hypercalls["yield"] > 10
    assert place("storms_its_link").hypercalls["event_send"] > 1_000
    assert place("storms_itself").hypercalls["event_send_processor"] > 1_000
    assert place("arms_timers").hypercalls["timer_set"] > 1_000
    assert place("sleeps_by_timers").hypercalls["block"] > 100
    assert place("spins").work > share
    assert place("returns_far_for_ever").work > share
    assert place("returns_far_for_ever").traps == {}
    assert place("spins_in_long_blocks").work > share
