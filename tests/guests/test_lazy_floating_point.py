# SPDX-License-Identifier: GPL-2.0-or-later
"""FPU and SSE taken lazily: nobody can tell, nobody sees another's, and pauses change nothing.

The lazy entry path is measured against the eager one and the native build, which gives each
virtual processor an engine of its own: on the guest clock all three must agree.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.guests.both_builds import LONG_CYCLES, Guest, boot, make_lazy_machine
from tests.guests.machine_code import COUNTER, SCRATCH, short, store
from tests.guests.test_builds_agree import QUICK, QUICKEST, SLOW, WIDTHS, Case, everything, usually
from tests.guests.test_engine_failures import LOCKED_BIT_TESTS
from tests.guests.test_hostile import (
    CYCLES,
    LONG,
    NAME,
    USUAL,
    scenarios,
    short_name,
)
from tests.guests.test_hostile import (
    LONG_CYCLES as HOSTILE_CYCLES,
)
from tests.guests.test_hostile import (
    run as run_hostile,
)
from tests.unit.tiny_guests import count_down, leave
from ultravisor import Host
from ultravisor.machine.interface import LogCategory
from ultravisor.plan import make_plan
from ultravisor.resolution import resolve
from ultravisor.testing.verdict import judge

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.configuration import Configuration, FpuName
    from ultravisor.machine.machine import Machine
    from ultravisor.results import HostResult
    from ultravisor.testing.scenario import Scenario

pytestmark = pytest.mark.guest

NOT_AVAILABLE = 7
FINE = Case("off", 1_000, 500, 2)


def lazily(case: Case, widths: str, fpu: FpuName = "lazy") -> Configuration:
    """Return the host that has everything, under the simulated monitor."""
    configuration = everything(case, "simulated", widths)
    host = msgspec.structs.replace(configuration.host, fpu=fpu)
    return msgspec.structs.replace(configuration, host=host)


def finished(configuration: Configuration) -> HostResult:
    with Host(configuration) as host:
        return host.run()


def assert_nobody_can_tell(case: Case, widths: str) -> None:
    lazy, eager = (finished(lazily(case, widths, fpu)) for fpu in ("lazy", "eager"))
    assert lazy.exit.code == 0
    assert lazy.partitions == eager.partitions
    assert lazy.state_hash == eager.state_hash
    for one, other in zip(lazy.processors, eager.processors, strict=True):
        assert (one.guest_cycles, one.idle_cycles, one.switches) == (
            other.guest_cycles,
            other.idle_cycles,
            other.switches,
        )


@pytest.mark.parametrize("case", usually(QUICK, QUICKEST), ids=str)
def test_a_host_ends_as_with_the_eager_path(case: Case) -> None:
    assert_nobody_can_tell(case, "mixed")


@pytest.mark.slow
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("case", SLOW, ids=str)
def test_a_host_preempted_constantly_ends_as_with_the_eager_path(case: Case, widths: str) -> None:
    assert_nobody_can_tell(case, widths)


@pytest.mark.parametrize(
    "names", [["duo"], ["duo_32"], ["duo", "duo_32", "pingpong"]], ids="+".join
)
@pytest.mark.parametrize("timing", ["off", "unit"])
def test_all_builds_are_in_the_same_state_at_every_pause(names: list[str], timing: str) -> None:
    """The state that lies in the registers of somebody else's slot is counted too."""
    hashes = []
    for monitor, fpu in (("native", "eager"), ("simulated", "eager"), ("simulated", "lazy")):
        plan = make_plan(resolve(names, monitor=monitor, fpu=fpu, timing=timing))
        with Host(plan) as host:
            found = []
            for turn in range(1, 60):
                host.machine.run(turn * 50_021)
                found.append([host.machine.partition_hash(row) for row in range(1, len(names) + 1)])
            hashes.append(found)
    assert hashes[0] == hashes[1] == hashes[2]


def test_registers_are_taken_when_they_are_used_and_no_guest_sees_how() -> None:
    """Far fewer take them than are switched to; the guests' own counts have none of it."""
    plan = make_plan(resolve(["duo", "duo_32", "hello"], monitor="simulated", fpu="lazy"))
    with Host(plan) as host:
        machine = host.machine
        machine.log_set(LogCategory.TRAP | LogCategory.SWITCH)
        categories: Counter[LogCategory] = Counter()
        for turn in range(1, 200):
            machine.run(turn * 20_000)
            for record in machine.log():
                if record.category != LogCategory.TRAP or record.number == NOT_AVAILABLE:
                    categories[record.category] += 1
        assert 0 < categories[LogCategory.TRAP] < categories[LogCategory.SWITCH]
        for partition in (1, 2, 3):
            assert NOT_AVAILABLE not in machine.partition_statistics(partition).traps


def hostile_parameters(*, floating: bool) -> list[object]:
    return [
        pytest.param(scenario, id=f"{short_name(scenario)}-{scenario.width}")
        for scenario in scenarios()
        if ("floating_point" in scenario.name or "processor_" in scenario.name) == floating
    ]


def assert_refused(scenario: Scenario) -> None:
    """The attempt ends as it should, and everything is as with the eager path."""
    cycles = HOSTILE_CYCLES if short_name(scenario) in LONG else CYCLES
    image = str(scenario.image.path)
    eager, lazy = (
        run_hostile(USUAL, "simulated", image, cycles, fpu=fpu) for fpu in ("eager", "lazy")
    )
    judgement = judge(scenario, lazy.partition(NAME), lazy)
    assert (judgement.verdict, judgement.reason) == ("success", judgement.reason)
    assert lazy.partitions == eager.partitions
    assert lazy.state_hash == eager.state_hash


@pytest.mark.parametrize("scenario", hostile_parameters(floating=True))
def test_a_hostile_guest_sees_nothing_of_others(scenario: Scenario) -> None:
    assert_refused(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", hostile_parameters(floating=False))
def test_no_attempt_fares_better_with_the_lazy_path(scenario: Scenario) -> None:
    assert_refused(scenario)


# movq xmm0, rbx; movq rax, xmm0; 64 bits.
TO_XMM = b"\x66\x48\x0f\x6e\xc3"
FROM_XMM = b"\x66\x48\x0f\x7e\xc0"
SECRET = 0x5EC2E7_5EC2E7
# inc dword [COUNTER]; jmp back.
SPIN = b"\xff\x04\x25" + short(COUNTER) + b"\xeb\xf7"


def reader() -> bytes:
    """Return code that ors what is in XMM0 into SCRATCH, without end."""
    body = FROM_XMM + b"\x48\x09\x04\x25" + short(SCRATCH) + b"\xff\x04\x25" + short(COUNTER)
    return body + b"\xeb" + (256 - len(body) - 2).to_bytes()


def writer() -> bytes:
    """Return code that writes XMM0 and reads it again, and counts where it is not the same."""
    again = TO_XMM + FROM_XMM + b"\x48\x29\xd8" + b"\x48\x09\x04\x25" + short(SCRATCH)
    body = again + b"\xff\x04\x25" + short(COUNTER)
    first = b"\x48\xbb" + SECRET.to_bytes(8, "little")
    return first + body + b"\xeb" + (256 - len(body) - 2).to_bytes()


@pytest.mark.parametrize("quantum_cycles", [16, 101, 1_000])
def test_a_value_in_a_register_does_not_go_over(quantum_cycles: int) -> None:
    """One writes, another reads, a third uses nothing: at every place a slot can end."""
    guests = tuple(
        Guest(text=text, name=name, quantum_cycles=quantum_cycles)
        for name, text in (("writer", writer()), ("spin", SPIN), ("reader", reader()))
    )
    with make_lazy_machine() as machine:
        boot(machine, guests)
        machine.run(300_000)
        for partition in (1, 3):
            assert int.from_bytes(machine.guest_read(partition, SCRATCH, 8), "little") == 0
            assert int.from_bytes(machine.guest_read(partition, COUNTER, 4), "little") > 1_000


@cache
def straight_end() -> tuple[str, int]:
    """Return the end of the host that is never saved, and how long it took."""
    with Host(lazily(FINE, "mixed")) as host:
        return host.run().state_hash, host.machine.processor_statistics(0).clock_cycles


@pytest.mark.parametrize("fraction", usually([0.1, 0.37, 0.5, 0.9], [0.37]))
def test_a_snapshot_holds_what_lies_in_the_registers(fraction: float, tmp_path: Path) -> None:
    """Restored, or read into another machine, a host repeats what it did after it."""
    straight, length = straight_end()
    with Host(lazily(FINE, "mixed")) as host:
        host.run(int(length * fraction))
        snapshot = host.snapshot()
        host.save(tmp_path / "state")
        assert host.run().state_hash == straight
        host.restore(snapshot)
        assert host.run().state_hash == straight
    with Host(lazily(FINE, "mixed"), state=tmp_path / "state") as host:
        assert host.run().state_hash == straight


def machine_cycles(machine: Machine) -> list[int]:
    return [
        machine.processor_statistics(number).machine_cycles
        for number in range(machine.options.processor_count)
    ]


def test_to_look_at_the_state_does_not_change_who_holds_the_registers() -> None:
    """Hashes and snapshots write the records: by the cycles of a core that must not show."""
    ends = []
    for looks in (False, True):
        plan = make_plan(
            resolve(["duo", "duo_32"], monitor="simulated", fpu="lazy", timing="skylake")
        )
        with Host(plan) as host:
            for turn in range(1, 40):
                host.machine.run(turn * 50_000)
                if looks:
                    host.machine.state_hash()
                    host.machine.restore(host.machine.snapshot())
            ends.append((host.machine.state_hash(), machine_cycles(host.machine)))
    assert ends[0] == ends[1]


def test_an_engine_that_is_replaced_keeps_them_for_their_owner() -> None:
    """The writer's value is in the registers while another's code brings the engine down."""
    first = b"\x48\xbb" + SECRET.to_bytes(8, "little") + TO_XMM + count_down(600)
    text = first + FROM_XMM + store(0, SCRATCH) + leave(3)
    broken = count_down(10) + LOCKED_BIT_TESTS["lock_bts"]
    with make_lazy_machine() as machine:
        boot(
            machine,
            (
                Guest(text=text, name="writer", quantum_cycles=500),
                Guest(text=broken, name="broken", quantum_cycles=500),
            ),
        )
        machine.run(LONG_CYCLES)
        assert machine.partition_statistics(1).exit_code == 3
        assert int.from_bytes(machine.guest_read(1, SCRATCH, 8), "little") == SECRET
