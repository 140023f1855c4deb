# SPDX-License-Identifier: GPL-2.0-or-later
"""A living host on the real machine: boot order, lives of guests, policies, a killed ultravisor.

At the level of the library: no process, no socket, no clock but the machine's.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.guests.living_hosts import Operator
from ultravisor.channels.command_protocol import RefusalKind
from ultravisor.errors import ConfigurationError, UsageError
from ultravisor.partitions.command import CommandProgram
from ultravisor.partitions.messages import Done, Rejected
from ultravisor.partitions.operations import OperationsProgram
from ultravisor.resolution import BUNDLED
from ultravisor.resources.records import Partition, PartitionState

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.life.protocol import OrderName

QUICK: dict[str, Any] = {"monitor": "native", "timing": "off", "processors": 1}
MATRIX = [
    pytest.param(
        {"monitor": monitor, "timing": timing, "processors": processors},
        id=f"{monitor}-{timing}-{processors}",
        marks=[] if (monitor, timing, processors) == ("native", "off", 1) else [pytest.mark.slow],
    )
    for monitor in ("native", "simulated")
    for timing in ("off", "unit")
    for processors in (1, 2)
]
BOOT_ORDER = [
    "boot: - -> running",
    "ultravisor: - -> running",
    "idle: - -> running",
    "command: - -> allocated",
    "command: allocated -> running",
    "operations: - -> allocated",
    "operations: allocated -> running",
]
RESTARTS = f"""
[[domain]]
name = "failing"
image = "{BUNDLED / "verdicts" / "fails_64.elf"}"
[[domain]]
name = "steady"
image = "compute"
[[admission]]
name = "big*"
memory_maximum_mib = 8
reason = "keep it small"
[[restart]]
name = "failing"
attempts_maximum = 3
back_off_cycles = 4000000
back_off_factor = 10
[[quota]]
zone = "default"
partitions = 3
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "host.toml"
    path.write_text(RESTARTS, encoding="utf-8")
    return path


def partitions_told(operator: Operator) -> list[str]:
    """Return the events about partitions."""
    return [
        line
        for (_, kind, _, _), line in zip(operator.events, operator.told, strict=True)
        if kind == "partition"
    ]


def lives_of(operator: Operator, name: str) -> list[str]:
    """Return what became of one partition, step by step."""
    return [line.split(": ")[1] for line in operator.told if line.startswith(f"{name}: ")]


# The boot.


@pytest.mark.parametrize("settings", MATRIX)
def test_the_infrastructure_comes_up_in_its_order_and_then_the_guests(
    settings: dict[str, Any],
) -> None:
    with Operator(["hello", "hello_32"], **settings) as operator:
        assert operator.host.state == "booting"
        operator.until_rest()
        told = partitions_told(operator)
        assert told[: len(BOOT_ORDER)] == BOOT_ORDER
        assert lives_of(operator, "hello") == [
            "defined",
            "- -> allocated",
            "allocated -> running",
            "running -> stopped",
        ]
        assert "hello" in operator.console("hello").lower()
        assert operator.console("hello_32") != ""
        assert operator.host.state == "idle"
        assert operator.host.database.check() == []


def test_both_builds_come_to_the_same_state() -> None:
    found = []
    for monitor in ("native", "simulated"):
        with Operator(["hello", "hello_32"], **{**QUICK, "monitor": monitor}) as operator:
            operator.until_rest()
            host = operator.host
            found.append((host.machine.state_hash(), host.database.state_hash(), operator.events))
    assert found[0] == found[1]


# The life of a guest.


@pytest.mark.parametrize("image", ["compute", "compute_32"])
@pytest.mark.parametrize("settings", MATRIX)
def test_a_guest_of_either_width_goes_through_its_whole_life(
    image: str, settings: dict[str, Any]
) -> None:
    steps: list[tuple[OrderName, str, int]] = [
        ("pause", "paused", 1),
        ("resume", "running", 1),
        ("kill", "stopped", 1),
        ("reset", "running", 2),
        ("reset", "running", 3),
        ("pause", "paused", 3),
        ("destroy", "absent", 3),
    ]
    with Operator([], [], **settings) as operator:
        operator.until(lambda: operator.host.state in ("running", "idle"))
        assert operator.order("create", "guest", image=image) == Done(
            "running", operator.host.generation
        )
        number = operator.rows()["guest"].number
        for order, state, incarnation in steps:
            answer = operator.order(order, "guest")
            assert isinstance(answer, Done), answer
            assert answer.state == operator.state("guest") == state
            if state != "absent":
                assert operator.rows()["guest"].incarnation == incarnation
        operator.order("create", "next", image="hello")
        row = operator.rows()["next"]
        assert (row.number, row.incarnation) == (number, 4)
        operator.until_rest()
        assert operator.console("next") != ""
        assert operator.host.database.check() == []


def test_a_paused_guest_does_no_work_and_loses_none() -> None:
    with Operator(["compute"], **QUICK) as operator:
        operator.until_up()
        operator.order("pause", "compute")
        work = operator.rows()["compute"].work
        operator.run(5_000_000)
        assert operator.rows()["compute"].work == work
        operator.order("resume", "compute")
        operator.until_rest()
        paused = operator.console("compute")
    with Operator(["compute"], **QUICK) as operator:
        operator.until_rest()
        assert operator.console("compute") == paused


def test_what_is_created_stopped_runs_when_it_is_started() -> None:
    with Operator([], **QUICK) as operator:
        answer = operator.order("create", "guest", image="hello", wanted="stopped")
        assert isinstance(answer, Done)
        assert answer.state == operator.state("guest") == "ready"
        operator.run(2_000_000)
        assert operator.console("guest") == ""
        assert operator.order("start", "guest") == Done("running", operator.host.generation)


@pytest.mark.parametrize(
    ("order", "partition", "kind"),
    [
        ("resume", "compute", RefusalKind.STATE),
        ("start", "compute", RefusalKind.STATE),
        ("create", "compute", RefusalKind.STATE),
        ("create", "boot", RefusalKind.INVALID),
        ("kill", "nobody", RefusalKind.UNKNOWN_ID),
        ("kill", "command", RefusalKind.UNKNOWN_ID),
    ],
)
def test_orders_that_make_no_sense_are_refused_with_their_kind(
    order: OrderName, partition: str, kind: RefusalKind
) -> None:
    with Operator(["compute"], **QUICK) as operator:
        operator.until_up()
        before = operator.host.database.state_hash()
        definition = {"image": "hello"} if order == "create" else {}
        number = operator.give(order, partition, **definition)
        answer = operator.answer(number)
        assert isinstance(answer, Rejected)
        assert answer.kind is kind
        assert operator.host.database.state_hash() == before


# Policies.


def test_a_failing_guest_is_restarted_with_longer_and_longer_waits(policy: Path) -> None:
    with Operator([], [policy], **QUICK) as operator:
        operator.until(lambda: len(lives_of(operator, "failing")) >= 10, 1_000_000)
        operator.run(1_000_000_000)
        assert lives_of(operator, "failing") == [
            "defined",
            "- -> allocated",
            "allocated -> running",
            *["running -> failed", "failed -> running"] * 3,
            "running -> failed",
        ]
        assert operator.rows()["failing"].incarnation == 4
        waits = waits_of(operator, "failing")
        for wait, back_off in zip(waits, (4_000_000, 40_000_000, 400_000_000), strict=True):
            # Reported, and read, at the ends of slices; never early.
            assert back_off <= wait < back_off + 20_000_000


def waits_of(operator: Operator, name: str) -> list[int]:
    """Return the cycles between each failure and the next start."""
    failed = [
        cycles
        for cycles, _, subject, text in operator.events
        if subject == name and text.startswith("running -> failed")
    ]
    started = [
        cycles
        for cycles, _, subject, text in operator.events
        if subject == name and text.startswith("failed -> running")
    ]
    return [after - before for before, after in zip(failed, started, strict=False)]


def test_a_refusal_by_admission_names_its_rule(policy: Path) -> None:
    with Operator([], [policy], **QUICK) as operator:
        answer = operator.order("create", "big-1", image="hello", memory_mib=16)
        assert isinstance(answer, Rejected)
        assert answer.kind is RefusalKind.POLICY
        assert answer.rule.startswith("admission[0] at ")
        assert answer.rule.endswith("host.toml:8")
        assert "keep it small" in answer.sentence
        assert operator.state("big-1") == "absent"


def test_a_quota_refuses_the_partition_too_many(policy: Path) -> None:
    with Operator([], [policy], **QUICK) as operator:
        assert isinstance(operator.order("create", "third", image="hello"), Done)
        answer = operator.order("create", "fourth", image="hello")
        assert isinstance(answer, Rejected)
        assert answer.kind is RefusalKind.QUOTA
        assert operator.state("fourth") == "absent"
        assert isinstance(operator.order("destroy", "third"), Done)
        assert isinstance(operator.order("create", "fourth", image="hello"), Done)


# The ultravisor is killed.


def kill_often(operator: Operator, seed: int, kills: int) -> list[int]:
    """Kill the ultravisor at chances, with orders on their way; return the orders' numbers."""
    chance = random.Random(seed)
    last: dict[str, int] = {}
    made: set[str] = set()
    orders: list[int] = []
    for kill in range(kills):
        for _ in range(chance.randrange(12)):
            operator.run(chance.randrange(1_000, 200_000))
        name = chance.choice(("one", "two", "three"))
        if name not in last or operator.answers[last[name]]:
            last[name] = give_next(operator, name, made)
            orders.append(last[name])
            operator.run(chance.randrange(100, 60_000))
        lost, rebuilt = operator.restart_ultravisor()
        assert lost == rebuilt, f"kill {kill}"
    return orders


def give_next(operator: Operator, name: str, made: set[str]) -> int:
    """Create a partition, or destroy it again; return the order's number."""
    made ^= {name}
    if name in made:
        return operator.give("create", name, image="hello", memory_mib=4)
    return operator.give("destroy", name)


def results_of(operator: Operator, name: str) -> list[str]:
    """Return what a guest wrote; in what order duo's processes write is a matter of time."""
    lines = operator.console(name).splitlines()
    return sorted(lines) if name == "duo" else lines


def kill_and_compare(seed: int, kills: int, journal: Path | None = None, **settings: Any) -> None:
    files = ["compute", "compute_32", "duo"]
    with Operator(files, **settings) as operator:
        operator.until_rest()
        results = {name: results_of(operator, name) for name in files}
    with Operator(files, journal=journal, **settings) as operator:
        operator.until(lambda: operator.host.infrastructure.database is not None, 1_000)
        orders = kill_often(operator, seed, kills)
        assert len(orders) >= kills // 6
        assert operator.host.can_run, "the guests ended before the kills did"
        operator.until_rest()
        assert {name: results_of(operator, name) for name in files} == results
        # Each order makes sense, and is carried out and answered once.
        assert [
            (number, [type(answer).__name__ for answer in operator.answers[number]])
            for number in orders
        ] == [(number, ["Done"]) for number in orders]
        assert operator.host.database.check() == []
        assert operator.host.state == "idle"


def test_an_ultravisor_killed_again_and_again_loses_nothing() -> None:
    kill_and_compare(seed=1, kills=36, **QUICK)


def test_an_ultravisor_killed_again_and_again_is_rebuilt_from_its_file(tmp_path: Path) -> None:
    kill_and_compare(seed=2, kills=36, journal=tmp_path / "host.journal", **QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("processors", [1, 2])
@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_an_ultravisor_killed_hundreds_of_times_loses_nothing(
    monitor: str, processors: int
) -> None:
    kill_and_compare(seed=3, kills=100, **{**QUICK, "monitor": monitor, "processors": processors})


# Determinism.


def test_the_same_inputs_at_the_same_moments_give_the_same_host() -> None:
    def run() -> tuple[object, ...]:
        with Operator(["compute", "duo"], **{**QUICK, "processors": 2}) as operator:
            operator.until_up()
            orders = kill_often(operator, 5, 9)
            for number in orders:
                operator.answer(number)
            host = operator.host
            return (
                host.machine.state_hash(),
                host.database.state_hash(),
                host.generation,
                host.position_cycles,
                operator.events,
                {row.name: operator.console(row.name) for row in host.partitions()},
            )

    assert run() == run()


def test_an_input_log_that_is_fed_in_again_gives_the_same_host() -> None:
    slices = [random.Random(6).randrange(10_000, 300_000) for _ in range(60)]

    def hashes(operator: Operator) -> tuple[object, ...]:
        host = operator.host
        return host.machine.state_hash(), host.database.state_hash(), operator.events

    with Operator(["compute", "hello"], **QUICK) as first:
        for index, cycles in enumerate(slices):
            first.run(cycles)
            if index in (20, 40):
                first.host.restart_ultravisor()
            if index == 30:
                first.give("create", "new", image="hello_32")
        log = list(first.host.inputs)
        expected = hashes(first)
    with Operator(["compute", "hello"], watched=False, **QUICK) as second:
        for cycles in slices:
            second.run(cycles)
            while log and log[0].at_cycles == second.host.position_cycles:
                second.host.feed(log.pop(0))
        assert log == []
        assert hashes(second) == expected


# Programs that fail.


def fail(*_: object) -> None:
    """Be a turn that goes wrong."""
    raise ValueError("out of ideas")


def test_a_program_that_fails_is_told_and_guests_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with Operator(["compute"], **QUICK) as operator:
        operator.until_up()
        monkeypatch.setattr(OperationsProgram, "turn", fail)
        monkeypatch.setattr(CommandProgram, "turn", fail)
        operator.give("pause", "compute")
        operator.run()
        assert operator.host.state == "degraded: command: ValueError: out of ideas"
        operator.until(lambda: operator.console("compute"), 1_000_000)


def test_an_order_that_comes_before_there_is_a_command_is_carried_out() -> None:
    with Operator([], **QUICK) as operator:
        number = operator.give("create", "guest", image="hello")
        assert isinstance(operator.answer(number), Done)


def test_input_that_the_machine_refuses_has_not_entered() -> None:
    with Operator(["compute"], **QUICK) as operator:
        operator.until_up()
        with pytest.raises(ConfigurationError):
            operator.host.input("compute", b"x" * (1 << 20) + b"x")
        assert [row for row in operator.host.inputs if row.kind == "console"] == []


def test_input_to_a_partition_that_has_ended_is_refused() -> None:
    with Operator(["shell"], **QUICK) as operator:
        operator.until_up()
        operator.host.input("shell", b"exit\n")
        with pytest.raises(UsageError, match="`shell` has just ended: nobody reads"):
            operator.until(lambda: operator.host.input("shell", b"\n"), 1_000)
        operator.until(lambda: operator.state("shell") == "stopped")
        entered = len(operator.host.inputs)
        with pytest.raises(UsageError, match="`shell` is stopped: nobody reads what is typed"):
            operator.host.input("shell", b"lost\n")
        assert len(operator.host.inputs) == entered


def test_input_to_a_partition_that_has_not_begun_is_refused_and_then_read() -> None:
    with Operator([], **QUICK) as operator:
        operator.until_up()
        operator.give("create", "shell", image="shell")
        refused = 0
        while True:
            operator.run(1_000)
            if operator.state("shell") == "absent":
                continue
            try:
                operator.host.input("shell", b"echo first\n")
            except UsageError:
                refused += 1
            else:
                break
        assert refused > 0
        operator.until(lambda: operator.console("shell") == "first\n")


def test_input_to_a_paused_partition_waits_for_it() -> None:
    with Operator(["shell"], **QUICK) as operator:
        operator.until_up()
        operator.order("pause", "shell")
        operator.host.input("shell", b"echo waited\n")
        operator.run()
        assert operator.console("shell") == ""
        operator.order("resume", "shell")
        operator.until(lambda: operator.console("shell") == "waited\n")


def test_what_is_destroyed_leaves_its_number_only() -> None:
    with Operator(["hello"], **QUICK) as operator:
        operator.until_rest()
        operator.order("destroy", "hello")
        rows = operator.host.database.records(Partition)
        assert [row.state for row in rows if row.name == "hello"] in (
            [],
            [PartitionState.DESTROYED],
        )
        assert "hello" not in operator.rows()
