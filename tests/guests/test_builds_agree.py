# SPDX-License-Identifier: GPL-2.0-or-later
"""Each build of the monitor is the other's oracle: on the guest clock they must agree.

One host with everything that this version has (user processes, demand paging, events,
two virtual processors on two physical ones) is run under both, in 64 bits, in 32 and with
both widths side by side, preempted at very different places. Equal means: consoles, exit
codes, counts, and canonical hashes of every partition and of the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    LinkConfiguration,
    MonitorName,
    PartitionConfiguration,
)
from ultravisor.host import Host
from ultravisor.plan import make_plan
from ultravisor.resolution import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _pytest.mark import ParameterSet

    from ultravisor.machine.cores import TimingName

pytestmark = pytest.mark.guest


class Case(NamedTuple):
    """How a host is preempted."""

    timing: TimingName
    quantum_cycles: int
    interleave_cycles: int
    processors: int


QUICK = (
    Case("off", 100_000, 10_000, 2),
    Case("off", 1_000, 77, 2),
    Case("off", 333, 10_000, 1),
    Case("unit", 100_000, 10_000, 2),
    Case("unit", 1_009, 501, 2),
    Case("unit", 97, 1_000, 1),
)
# Of each timing the coarsest, and one that is preempted often on two processors.
QUICKEST = (QUICK[0], QUICK[1], QUICK[3], QUICK[4])
# A slot of a few instructions: hundreds of thousands of world switches.
SLOW = (
    Case("off", 101, 1_000, 2),
    Case("off", 16, 10_000, 2),
    Case("off", 17, 333, 2),
    Case("off", 29, 64, 1),
    Case("unit", 16, 10_000, 2),
    Case("unit", 17, 333, 2),
    Case("unit", 31, 10_000, 1),
)


def usually(values: Sequence[Any], chosen: Sequence[Any]) -> list[ParameterSet]:
    """Return parameters of which all but the chosen are slow."""
    return [
        pytest.param(value, marks=() if value in chosen else pytest.mark.slow) for value in values
    ]


class Images(NamedTuple):
    """Which image each partition has; of duo there may be several."""

    duos: tuple[str, ...]
    ping: str
    pong: str
    smp: str


WIDTHS = {
    "64": Images(("duo",), "pingpong", "pingpong", "smp"),
    "32": Images(("duo_32",), "pingpong_32", "pingpong_32", "smp_32"),
    "mixed": Images(("duo", "duo_32"), "pingpong", "pingpong_32", "smp_32"),
}


def everything(case: Case, monitor: MonitorName, widths: str = "mixed") -> Configuration:
    """Return the host: duo, a pair of pingpong, and smp across all processors."""
    last = case.processors - 1
    quantum = case.quantum_cycles
    images = WIDTHS[widths]

    def partition(name: str, image: str, quantum: int, *processors: int) -> PartitionConfiguration:
        return PartitionConfiguration(
            name=name,
            image=image,
            processors=processors,
            quantum_cycles=quantum,
            command_line=name if image.startswith("pingpong") else "",
        )

    return Configuration(
        host=HostConfiguration(
            processors=case.processors,
            monitor=monitor,
            timing=case.timing,
            interleave_cycles=case.interleave_cycles,
        ),
        partition=(
            *(partition(image, image, quantum, 0) for image in images.duos),
            partition("ping", images.ping, 2 * quantum, 0),
            partition("pong", images.pong, quantum + 7, last),
            partition("smp", images.smp, quantum, 0, last),
        ),
        link=(LinkConfiguration(from_="ping:8", to="pong:8"),),
    )


def assert_builds_agree(case: Case, widths: str) -> None:
    """Run the host under both builds and compare all that is canonical."""
    with Host(everything(case, "native", widths)) as host:
        native = host.run()
    with Host(everything(case, "simulated", widths)) as host:
        simulated = host.run()
    assert native.exit.code == 0
    assert native.partitions == simulated.partitions
    assert native.state_hash == simulated.state_hash
    for one, other in zip(native.processors, simulated.processors, strict=True):
        assert (one.guest_cycles, one.idle_cycles, one.switches) == (
            other.guest_cycles,
            other.idle_cycles,
            other.switches,
        )


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("case", usually(QUICK, QUICKEST), ids=str)
def test_builds_agree_under_preemption(case: Case, widths: str) -> None:
    """Everything at once, preempted here and there."""
    assert_builds_agree(case, widths)


@pytest.mark.slow
@pytest.mark.parametrize("widths", ["64", "mixed"])
@pytest.mark.parametrize("case", SLOW, ids=str)
def test_builds_agree_under_constant_preemption(case: Case, widths: str) -> None:
    """Everything at once, preempted after every few instructions."""
    assert_builds_agree(case, widths)


@pytest.mark.parametrize("suffix", ["", "_32"])
@pytest.mark.parametrize("name", ["hello", "duo", "pingpong", "smp", "compute"])
def test_builds_agree_on_each_guest(name: str, suffix: str) -> None:
    """Every bundled guest as a user boots it."""
    results = []
    for monitor in ("native", "simulated"):
        with Host(make_plan(resolve([name + suffix], monitor=monitor))) as host:
            results.append(host.run())
    native, simulated = results
    assert native.exit.code == 0
    assert native.partitions == simulated.partitions
    assert native.state_hash == simulated.state_hash


@pytest.mark.parametrize("name", ["duo", "pingpong", "smp", "compute"])
def test_a_guest_says_the_same_in_both_widths(name: str) -> None:
    """The checksums of both widths are the same; only the counts of pages may differ."""
    consoles = []
    for image in (name, f"{name}_32"):
        with Host(make_plan(resolve([image]))) as host:
            result = host.run()
        assert result.exit.code == 0
        lines = [line for row in result.partitions for line in row.console.splitlines()]
        consoles.append(sorted(line for line in lines if "pages on first touch" not in line))
    assert consoles[0] == consoles[1]


@pytest.mark.parametrize("monitor", ["native", "simulated"])
@pytest.mark.parametrize("fraction", usually([0.1, 0.5, 0.9], [0.5]))
def test_a_snapshot_at_any_point_leads_to_the_same_end(
    monitor: MonitorName, fraction: float
) -> None:
    """Restored, a host repeats what it did after the snapshot."""
    case = Case("off", 1_000, 500, 2)
    with Host(everything(case, monitor)) as host:
        straight = host.run()
        length = host.machine.processor_statistics(0).clock_cycles
    with Host(everything(case, monitor)) as host:
        host.run(int(length * fraction))
        snapshot = host.snapshot()
        first = host.run()
        host.restore(snapshot)
        second = host.run()
    assert first.state_hash == straight.state_hash
    assert second == first


# Rounds of several processors are 10,000 cycles; one processor alone pauses anywhere.
STEP_CYCLES = 2017
END_CYCLES = 1_200_000


@pytest.mark.parametrize("timing", ["off", "unit"])
@pytest.mark.parametrize("names", [["demo"], ["smp", "smp_32"], ["pingpong", "duo"]])
def test_states_are_the_same_at_boot_and_at_every_pause(names: list[str], timing: str) -> None:
    """A switch at the very end of a round included: its guest's first page is accessed, or not."""
    with (
        Host(make_plan(resolve(names, timing=timing))) as native,
        Host(make_plan(resolve(names, timing=timing, monitor="simulated"))) as simulated,
    ):
        for until in range(0, END_CYCLES, STEP_CYCLES):
            hashes = []
            for host in (native, simulated):
                if until:
                    host.machine.run(until)
                hashes.append(host.machine.state_hash())
            assert hashes[0] == hashes[1], until


def test_a_restored_host_goes_on_as_the_other_build() -> None:
    """Saved at a pause at which somebody has just got the processor."""
    pauses = (100_000, 300_000, 400_000)
    with (
        Host(make_plan(resolve(["demo"]))) as native,
        Host(make_plan(resolve(["demo"], monitor="simulated"))) as simulated,
    ):
        for until in pauses:
            native.machine.run(until)
            simulated.machine.run(until)
            snapshot = native.machine.snapshot()
            native.machine.run(until + 500_000)
            native.machine.restore(snapshot)
            snapshot.free()
            assert native.machine.state_hash() == simulated.machine.state_hash()
            native.machine.run(until + 10_000)
            simulated.machine.run(until + 10_000)
            assert native.machine.state_hash() == simulated.machine.state_hash()
