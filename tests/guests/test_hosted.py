# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosted partitions beside guests: the same in both builds, in time, and after a restore."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.guests.hosted_programs import (
    LINK,
    MONITORS,
    PING_SAYS,
    ROUNDS,
    WAKE,
    Echo,
    Player,
    SlowEcho,
    both_ways,
    echo_configuration,
    hosted,
    ping,
)
from ultravisor import Host
from ultravisor.configuration import Configuration, HostConfiguration, PartitionConfiguration
from ultravisor.machine.abi import Hypercall

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

LONG_CYCLES = 1 << 40


def hashes(host: Host) -> tuple[int, ...]:
    return tuple(
        host.machine.partition_hash(number) for number in range(1, len(host.plan.partitions) + 1)
    )


def outcome(
    configuration: Configuration, program: Echo, slices: tuple[int, ...] = ()
) -> tuple[Any, ...]:
    """Run; return all that must be the same however it was run."""
    with Host(configuration, programs={"echo": program}) as host:
        for cycles in slices:
            host.run(cycles)
        host.run(LONG_CYCLES)
        assert host.console("ping") == PING_SAYS
        processors = [
            host.machine.processor_statistics(number)
            for number in range(configuration.processor_count)
        ]
        return (
            tuple(program.seen),
            hashes(host),
            host.machine.state_hash(),
            [(row.guest_cycles, row.idle_cycles) for row in processors],
            host.machine.partition_statistics(2).hypercalls,
        )


@pytest.mark.parametrize("timing", ["off", "unit"])
@pytest.mark.parametrize("kind", [Echo, SlowEcho])
def test_a_guest_is_answered_alike_in_both_builds(kind: type[Echo], timing: str) -> None:
    outcomes = []
    for monitor in MONITORS:
        program = kind()
        outcomes.append(outcome(echo_configuration(monitor=monitor, timing=timing), program))
        assert program.echoed == ROUNDS
    assert outcomes[0] == outcomes[1]


def test_each_event_has_one_turn_and_each_turn_its_results() -> None:
    program = Echo()
    _, _, _, _, calls = outcome(echo_configuration(), program)
    # Its first turn comes after the guest's first slot, and finds the first event.
    assert [events for _, events, _ in program.seen] == [LINK] * ROUNDS
    assert [results for _, _, results in program.seen] == [()] + [(0,)] * (ROUNDS - 1)
    assert calls[Hypercall.EVENT_SEND] == ROUNDS
    assert calls[Hypercall.BLOCK] == ROUNDS
    times = [time for time, _, _ in program.seen]
    assert times == sorted(times)


def work_of(work_cycles: int, monitor: str) -> int:
    program = Echo()
    program.work_cycles = work_cycles
    with Host(echo_configuration(monitor=monitor), programs={"echo": program}) as host:
        host.run(LONG_CYCLES)
        assert host.programs.turns("echo") == ROUNDS
        return host.machine.partition_statistics(2).work


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("work_cycles", [1, 1_000, 99_000, 300_000])
def test_declared_work_is_charged_to_the_cycle(work_cycles: int, monitor: str) -> None:
    assert work_of(work_cycles, monitor) - work_of(0, monitor) == ROUNDS * work_cycles


def bystander_hash(program: Echo, monitor: str) -> int:
    """Return the hash of a partition that nothing joins to the program."""
    configuration = Configuration(
        host=HostConfiguration(monitor=monitor),  # type: ignore[arg-type]
        partition=(ping(), hosted("echo"), PartitionConfiguration(name="bench", image="bench")),
        link=(both_ways("ping", "echo"),),
    )
    with Host(configuration, programs={"echo": program}) as host:
        host.run(LONG_CYCLES)
        assert program.echoed == ROUNDS
        return host.machine.partition_hash(3)


@pytest.mark.parametrize("monitor", MONITORS)
def test_work_beyond_a_slot_takes_nothing_from_others(monitor: str) -> None:
    assert bystander_hash(Echo(), monitor) == bystander_hash(SlowEcho(), monitor)


def test_work_beyond_a_slot_delays_the_program_itself() -> None:
    fast, slow = Echo(), SlowEcho()
    outcome(echo_configuration(), fast)
    outcome(echo_configuration(), slow)
    # 250,000 cycles are its slots of three periods of 200,000.
    assert fast.seen[-1][0] < slow.seen[-1][0]
    steps = {after[0] - before[0] for before, after in pairwise(slow.seen[1:])}
    assert min(steps) >= 3 * 200_000 - 100_000


TWO_PROCESSORS: dict[str, Any] = {
    "processors": 2,
    "interleave_cycles": 700,
    "guest": {"processors": (0,)},
    "echo": {"processors": (1,)},
}


@pytest.mark.parametrize("kind", [Echo, SlowEcho])
def test_turns_on_another_processor_are_alike_in_both_builds(kind: type[Echo]) -> None:
    native, simulated = (
        outcome(echo_configuration(monitor=monitor, **TWO_PROCESSORS), kind())
        for monitor in MONITORS
    )
    assert native == simulated


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("settings", [{}, TWO_PROCESSORS], ids=["one", "two"])
def test_pauses_between_turns_cannot_be_told(settings: dict[str, Any], monitor: str) -> None:
    configuration = echo_configuration(monitor=monitor, **settings)
    whole = outcome(configuration, Player())
    assert outcome(configuration, Player(), slices=(1, 7_417, 77, 30_001, 300_001, 5)) == whole


def table(monitor: str, **settings: Any) -> tuple[Configuration, dict[str, Player]]:
    """Return a host in which two programs play, with their programs."""
    configuration = Configuration(
        host=HostConfiguration(monitor=monitor, **settings),  # type: ignore[arg-type]
        partition=(hosted("one"), hosted("two")),
        link=(both_ways("one", "two"),),
    )
    return configuration, {"one": Player(serves=True), "two": Player()}


def test_two_programs_exchange_events_alike_in_both_builds() -> None:
    found = []
    for monitor in MONITORS:
        configuration, programs = table(monitor)
        with Host(configuration, programs=programs) as host:
            result = host.run(LONG_CYCLES)
            assert [row.reason for row in result.partitions] == [f"played {ROUNDS}"] * 2
            assert host.programs.turns("one") == ROUNDS + 1
            assert host.programs.turns("two") == ROUNDS
            found.append((programs["one"].seen, programs["two"].seen, host.machine.state_hash()))
    assert found[0] == found[1]


def run_into_the_middle(host: Host, program: Echo) -> None:
    while program.echoed < ROUNDS // 3:
        host.run(3_001)
    assert program.echoed < ROUNDS


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("settings", [{}, TWO_PROCESSORS], ids=["one", "two"])
def test_a_restored_host_goes_on_as_it_did(settings: dict[str, Any], monitor: str) -> None:
    program = Echo()
    configuration = echo_configuration(monitor=monitor, **settings)
    with Host(configuration, programs={"echo": program}) as host:
        run_into_the_middle(host, program)
        snapshot = host.snapshot()
        echoed, seen_before = program.echoed, len(program.seen)
        host.run(LONG_CYCLES)
        first = (hashes(host), host.machine.state_hash(), program.seen[seen_before:])
        host.restore(snapshot)
        assert (program.echoed, host.programs.turns("echo")) == (echoed, seen_before)
        host.run(LONG_CYCLES)
        assert (hashes(host), host.machine.state_hash(), program.seen) == first
        assert host.console("ping") == PING_SAYS


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("settings", [{}, TWO_PROCESSORS], ids=["one", "two"])
def test_a_saved_host_goes_on_elsewhere(
    settings: dict[str, Any], monitor: str, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    configuration = echo_configuration(monitor=monitor, **settings)
    program = Echo()
    with Host(configuration, programs={"echo": program}) as host:
        run_into_the_middle(host, program)
        host.save(path)
        host.run(LONG_CYCLES)
        state_hash, turns = host.machine.state_hash(), host.programs.turns("echo")
    program = Echo()
    with Host(configuration, state=path, programs={"echo": program}) as host:
        host.run(LONG_CYCLES)
        assert host.machine.state_hash() == state_hash
        assert host.programs.turns("echo") == turns == ROUNDS
        assert program.echoed == ROUNDS
        assert len(program.seen) < ROUNDS


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_killed_program_is_replaced_while_guests_run(monitor: str) -> None:
    first, second = Echo(), Echo()
    configuration = echo_configuration(monitor=monitor)
    with Host(configuration, programs={"echo": first}) as host:
        run_into_the_middle(host, first)
        state = first.save()
        host.kill_program("echo")
        waiting = host.run(2_000_000)
        assert len(first.seen) == first.echoed < ROUNDS
        assert waiting.partitions[1].state == "running"
        host.start_program("echo", second, state)
        host.run(LONG_CYCLES)
        assert host.console("ping") == PING_SAYS
    # The event that came while nobody was there is in its first turn, beside the wake.
    assert second.seen[0][1:] == (LINK | WAKE, ())
    assert second.echoed == ROUNDS
    assert len(second.seen) == ROUNDS - first.echoed


@pytest.mark.parametrize("monitor", MONITORS)
def test_every_cycle_of_a_core_is_accounted_for_with_declared_work(monitor: str) -> None:
    program = Echo()
    program.work_cycles = 1_234
    configuration = echo_configuration(monitor=monitor, timing="skylake")
    with Host(configuration, programs={"echo": program}) as host:
        result = host.run(LONG_CYCLES)
    assert program.echoed == ROUNDS
    (processor,) = result.processors
    assert sum(row.cycles for row in result.cycles) == processor.machine_cycles
    rows = [row for row in result.cycles if row.partition == "echo" and row.path == "guest"]
    assert sum(row.cycles for row in rows) == result.partitions[1].work
    assert sum(row.stack["transition"] for row in rows) >= ROUNDS * program.work_cycles
