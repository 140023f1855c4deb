# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a host and its partitions, with all programs, over channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.simulation.fabric import Fabric
from tests.simulation.view_check import check_view
from ultravisor.channels.command_protocol import (
    CreateDevice,
    DefineZone,
    DestroyPartition,
    RefusalKind,
    ReleaseMemory,
    SetPartitionState,
    SetProcessorState,
    SetQuanta,
    SlotPlan,
    UnmapChannel,
)
from ultravisor.partitions.definitions import Domain
from ultravisor.partitions.messages import (
    Create,
    Done,
    Ended,
    Order,
    Rejected,
    SetPolicy,
    Transaction,
    encode,
)
from ultravisor.partitions.policy_reader import parse_policy
from ultravisor.resources.records import Channel, Device, Partition, Slot
from ultravisor.resources.records import Domain as DomainRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.channels.command_protocol import AnyOperation
    from ultravisor.partitions.policy import PlacedPolicy

POLICY = """
[[zone]]
name = "service"
reaches = ["web"]
[[zone]]
name = "web"
reaches = ["service"]
[[domain]]
name = "storage"
kind = "io"
zone = "service"
image = "hello"
devices = ["disk0"]
[[domain]]
name = "web-1"
zone = "web"
image = "hello"
[[domain]]
name = "web-2"
zone = "web"
image = "hello_32"
processors = 2
wanted = "stopped"
[[channel]]
name = "disk-1"
server = "storage"
client = "web-1"
type = "414815ed-c58c-11da-95a9-00e08161165f"
[[restart]]
name = "web-*"
on = ["failed"]
attempts_maximum = 2
back_off_cycles = 1000000
back_off_factor = 10
[[quota]]
zone = "web"
partitions = 3
[[admission]]
name = "big*"
admit = false
reason = "no room for big ones"
"""


def policy(text: str = POLICY) -> PlacedPolicy:
    return parse_policy([(text, "host.toml")])


def booted(text: str = POLICY, **more: Any) -> Fabric:
    """Return a host that has booted; every publication is checked."""
    fabric = Fabric(policy(text), **more)
    fabric.views.on_publish = lambda rows: check_view(rows, fabric.ultravisor.database)
    fabric.run()
    return fabric


def state(fabric: Fabric, name: str) -> tuple[str, int] | None:
    for row in fabric.ultravisor.database.records(Partition):
        if row.name == name and row.state != "destroyed":
            return str(row.state), row.incarnation
    return None


def number(fabric: Fabric, name: str) -> int:
    return next(
        row.number
        for row in fabric.ultravisor.database.records(Partition)
        if row.name == name and row.state != "destroyed"
    )


def with_disk(text: str = POLICY) -> str:
    return text.replace('devices = ["disk0"]\n', "")


def test_a_host_boots_in_the_original_order_and_starts_what_is_wanted() -> None:
    fabric = booted(with_disk())
    assert fabric.boot.failure == ""
    made = [
        change.after.name
        for _, changes in fabric.ultravisor.database.log()
        for change in changes
        if isinstance(change.after, Partition) and change.before is None
    ]
    assert made == [
        "boot", "ultravisor", "idle", "command", "operations", "storage", "web-1", "web-2",
    ]  # fmt: skip
    assert state(fabric, "storage") == ("running", 1)
    assert state(fabric, "web-1") == ("running", 1)
    assert state(fabric, "web-2") == ("ready", 1)
    assert fabric.ultravisor.database.check() == []


def test_every_channel_is_attached_once_both_ends_have_answered() -> None:
    fabric = booted(with_disk())
    states = {
        (row.type_guid[:8], str(row.state)) for row in fabric.ultravisor.database.records(Channel)
    }
    # web-2 is ready and has never run: it was told nothing.
    assert states == {
        ("2b3c2d10", "attached"),
        ("2b3c2d10", "mapped"),
        ("6f2d3a58", "attached"),
        ("a4c1f7d2", "attached"),
        ("d7b0e63c", "attached"),
        ("414815ed", "attached"),
    }


def test_boot_is_no_longer_heard_once_command_has_taken_over() -> None:
    fabric = booted(with_disk())
    boot = fabric.layout.firmware[0].partition
    commands = [
        row
        for row in fabric.views.table("channel").values()
        if row.ends[1].partition == 2 and row.ends[0].partition == boot
    ]
    assert len(commands) == 1, "its control channel is left, and nothing else"


def test_operations_knows_the_state_of_every_domain() -> None:
    fabric = booted(with_disk())
    found = {name: row.state for name, row in fabric.operations.reports.items()}
    assert found == {"storage": "running", "web-1": "running", "web-2": "ready"}


@pytest.mark.parametrize(
    ("orders", "end"),
    [
        (["pause"], ("paused", 1)),
        (["pause", "resume"], ("running", 1)),
        (["kill"], ("stopped", 1)),
        (["kill", "start"], ("running", 2)),
        (["reset"], ("running", 2)),
        (["pause", "reset"], ("running", 2)),
        (["kill", "reset", "reset"], ("running", 3)),
        (["destroy"], None),
        (["destroy", "start"], ("running", 2)),
    ],
)
def test_orders_come_true(orders: list[str], end: tuple[str, int] | None) -> None:
    fabric = booted(with_disk())
    for order in orders:
        answer = fabric.answer(fabric.order(Order(order, "web-1")))  # type: ignore[arg-type]
        assert isinstance(answer, Done), answer
        assert answer.state == ("absent" if order == "destroy" else state(fabric, "web-1")[0])  # type: ignore[index]
    fabric.run()
    assert state(fabric, "web-1") == end
    assert fabric.ultravisor.database.check() == []


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (Order("resume", "web-1"), RefusalKind.STATE),
        (Order("start", "web-1"), RefusalKind.STATE),
        (Order("pause", "web-2"), RefusalKind.STATE),
        (Order("start", "nobody"), RefusalKind.UNKNOWN_ID),
        (Create(Domain(name="web-1", image="hello")), RefusalKind.STATE),
        (Create(Domain(name="command", image="hello")), RefusalKind.INVALID),
        (Create(Domain(name="big-1", image="hello")), RefusalKind.POLICY),
        (Create(Domain(name="odd", image="no-such-image")), RefusalKind.INVALID),
        (Create(Domain(name="huge", image="hello", memory_mib=4096)), RefusalKind.LIMIT),
    ],
)
def test_senseless_orders_are_refused_with_their_kind(order: Any, kind: RefusalKind) -> None:
    fabric = booted(with_disk())
    before = {name: state(fabric, name) for name in ("storage", "web-1", "web-2")}
    answer = fabric.answer(fabric.order(order))
    assert isinstance(answer, Rejected)
    assert answer.kind is kind
    assert {name: state(fabric, name) for name in before} == before


def test_what_was_refused_does_not_come_true_later() -> None:
    fabric = booted(with_disk())
    rows = [Domain(name=name, image="hello", zone="web") for name in ("more-1", "more-2")]
    assert isinstance(fabric.answer(fabric.order(Create(rows[0]))), Done)
    assert isinstance(fabric.answer(fabric.order(Create(rows[1]))), Rejected)
    assert isinstance(fabric.answer(fabric.order(Order("destroy", "more-1"))), Done)
    fabric.run()
    assert state(fabric, "more-2") is None
    answer = fabric.answer(fabric.order(Order("start", "more-2")))
    assert isinstance(answer, Rejected)
    assert answer.kind is RefusalKind.UNKNOWN_ID
    assert [row.name for row in fabric.ultravisor.database.records(DomainRecord)] == [
        "more-1",
        "storage",
        "web-1",
        "web-2",
    ]


def test_a_start_that_was_refused_does_not_come_true_later() -> None:
    fabric = booted(with_disk())
    assert isinstance(fabric.answer(fabric.order(Order("destroy", "web-2"))), Done)
    rows = [Domain(name=name, image="hello", zone="web") for name in ("more-1", "more-2")]
    answers = [fabric.answer(fabric.order(Create(row))) for row in rows]
    assert all(isinstance(answer, Done) for answer in answers)
    assert isinstance(fabric.answer(fabric.order(Order("start", "web-2"))), Rejected)
    assert isinstance(fabric.answer(fabric.order(Order("destroy", "more-1"))), Done)
    fabric.run()
    assert state(fabric, "web-2") is None
    assert isinstance(fabric.answer(fabric.order(Order("start", "web-2"))), Done)


def test_a_refusal_by_policy_names_its_rule() -> None:
    fabric = booted(with_disk())
    answer = fabric.answer(fabric.order(Create(Domain(name="big-1", image="hello"))))
    assert isinstance(answer, Rejected)
    assert answer.rule == "admission[0] at host.toml:37"
    assert "no room for big ones" in answer.sentence


def test_a_quota_refuses_the_partition_too_many() -> None:
    fabric = booted(with_disk())
    first, second = (Domain(name=f"more-{n}", image="hello", zone="web") for n in (1, 2))
    assert isinstance(fabric.answer(fabric.order(Create(first))), Done)
    answer = fabric.answer(fabric.order(Create(second)))
    assert isinstance(answer, Rejected)
    assert answer.kind is RefusalKind.QUOTA
    assert state(fabric, "more-2") is None


def test_an_operators_transaction_passes_through_command() -> None:
    fabric = booted(with_disk())
    zone = DefineZone("extra", "00000000-0000-0000-0000-000000000009")
    done = fabric.answer(fabric.order(Transaction((zone,))))
    again = fabric.answer(fabric.order(Transaction((zone,))))
    assert isinstance(done, Done)
    assert isinstance(again, Rejected)
    assert again.kind is RefusalKind.INVALID


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        (SetPartitionState(4, "stopped"), "partition `command`"),
        (DestroyPartition(2), "partition `ultravisor`"),
        (ReleaseMemory(partition=5, guest_frame=0, frame_count=1), "partition `operations`"),
        (SetProcessorState(1, 0, "offline"), "partition `boot`"),
        (UnmapChannel(4), "channel 4"),
        (SetQuanta(0, ()), "the slot of `boot`"),
    ],
)
def test_an_operators_transaction_leaves_the_infrastructure_alone(
    operation: AnyOperation, what: str
) -> None:
    fabric = booted(with_disk())
    zone = DefineZone("extra", "00000000-0000-0000-0000-000000000009")
    before = fabric.ultravisor.database.state_hash()
    answer = fabric.answer(fabric.order(Transaction((zone, operation))))
    assert isinstance(answer, Rejected)
    assert (answer.kind, answer.rule) == (RefusalKind.OWNERSHIP, "infrastructure")
    assert answer.sentence == f"operation 1: {what} is the infrastructure's"
    assert fabric.ultravisor.database.state_hash() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda plans: [msgspec.structs.replace(plans[0], donates=not plans[0].donates), *plans[1:]],
        lambda plans: [
            msgspec.structs.replace(plans[0], quantum_cycles=plans[0].quantum_cycles + 1),
            *plans[1:],
        ],
        lambda plans: [plans[1], plans[0], *plans[2:]],
        lambda plans: [*plans, plans[0]],
    ],
    ids=["donates", "quantum", "position", "another"],
)
def test_nothing_of_an_infrastructure_slot_is_an_operators_to_change(
    change: Callable[[list[SlotPlan]], list[SlotPlan]],
) -> None:
    fabric = booted(with_disk())
    slots = sorted(fabric.ultravisor.database.records(Slot), key=lambda row: row.position)
    plans = [
        SlotPlan(row.partition, row.index, row.quantum_cycles, row.donates)
        for row in slots
        if row.processor == 0
    ]
    before = fabric.ultravisor.database.state_hash()
    operation = SetQuanta(0, tuple(change(plans)))
    answer = fabric.answer(fabric.order(Transaction((operation,))))
    assert isinstance(answer, Rejected)
    assert (answer.kind, answer.rule) == (RefusalKind.OWNERSHIP, "infrastructure")
    assert answer.sentence == "operation 0: the slot of `boot` is the infrastructure's"
    assert fabric.ultravisor.database.state_hash() == before


def test_an_operators_transaction_may_change_the_slots_of_others() -> None:
    fabric = booted(with_disk())
    slots = sorted(fabric.ultravisor.database.records(Slot), key=lambda row: row.position)
    guest = number(fabric, "web-1")
    processor = next(row.processor for row in slots if row.partition == guest)
    plans = tuple(
        SlotPlan(
            row.partition,
            row.index,
            50_000 if row.partition == guest else row.quantum_cycles,
            row.donates,
        )
        for row in slots
        if row.processor == processor
    )
    answer = fabric.answer(fabric.order(Transaction((SetQuanta(processor, plans),))))
    assert isinstance(answer, Done)
    changed = [row for row in fabric.ultravisor.database.records(Slot) if row.partition == guest]
    assert [row.quantum_cycles for row in changed] == [50_000]


def test_a_failed_partition_is_restarted_with_back_off_until_the_policy_gives_up() -> None:
    fabric = booted(with_disk())
    waits = []
    for incarnation in (1, 2):
        begun = fabric.time_cycles
        fabric.order(Ended(number(fabric, "web-1"), incarnation, "failed", "page fault"))
        again = ("running", incarnation + 1)
        fabric.run_until(lambda again=again: state(fabric, "web-1") == again)  # type: ignore[misc]
        waits.append(fabric.time_cycles - begun)
    fabric.order(Ended(number(fabric, "web-1"), 3, "failed", "page fault"))
    fabric.run()
    assert state(fabric, "web-1") == ("failed", 3)
    assert 1_000_000 <= waits[0] < 2_000_000
    assert 10_000_000 <= waits[1] < 11_000_000
    assert fabric.operations.reports["web-1"].attempts == 2
    assert fabric.operations.reports["web-1"].reason == "page fault"


def test_reports_of_an_older_life_or_twice_change_nothing() -> None:
    fabric = booted(with_disk())
    fabric.answer(fabric.order(Order("reset", "web-1")))
    fabric.order(Ended(number(fabric, "web-1"), 1, "failed", "late"))
    fabric.order(Ended(99, 1, "failed", "nobody"))
    fabric.run()
    assert state(fabric, "web-1") == ("running", 2)


def test_an_io_partition_gets_its_device_and_brings_it_into_operation() -> None:
    fabric = booted(with_disk())
    fabric.answer(fabric.order(Transaction((CreateDevice(kind="block", name="disk0"),))))
    domain = Domain(name="disk-server", image="hello", kind="io", devices=("disk0",))
    assert isinstance(fabric.answer(fabric.order(Create(domain))), Done)
    fabric.run()
    device = fabric.ultravisor.database.get(Device, 1)
    assert (device.owner, str(device.state)) == (number(fabric, "disk-server"), "operating")
    assert isinstance(fabric.answer(fabric.order(Order("kill", "disk-server"))), Done)
    fabric.run()
    assert str(fabric.ultravisor.database.get(Device, 1).state) == "revoked"


def test_a_device_that_is_not_there_is_named() -> None:
    fabric = booted()
    assert state(fabric, "storage") is None
    report = fabric.operations.reports["storage"]
    assert "no device is named `disk0`" in report.reason


def test_command_can_be_killed_and_goes_on_from_the_database() -> None:
    fabric = booted(with_disk())
    fabric.restart_command()
    fabric.run()
    assert isinstance(fabric.answer(fabric.order(Order("pause", "web-1"))), Done)
    assert fabric.command.wishes.revision == 1


def test_all_programs_can_be_killed_while_guests_are_made() -> None:
    fabric = Fabric(policy(with_disk()), seed=5)
    fabric.views.on_publish = lambda rows: check_view(rows, fabric.ultravisor.database)
    kills = [fabric.restart_ultravisor, fabric.restart_command, fabric.restart_operations]
    fabric.run_until(lambda: fabric.boot.is_done)
    for turns in range(60):
        for _ in range(7):
            fabric.step()
        kills[turns % 3]()
    fabric.run()
    assert state(fabric, "storage") == ("running", 1)
    assert state(fabric, "web-1") == ("running", 1)
    assert state(fabric, "web-2") == ("ready", 1)
    assert fabric.ultravisor.database.check() == []


def test_a_new_policy_forgets_the_domains_that_it_no_longer_has() -> None:
    fabric = booted(with_disk())
    shorter = policy(with_disk())
    kept = tuple(row for row in shorter.policy.domain if row.name != "web-2")
    shorter = replace(shorter, policy=replace(shorter.policy, domain=kept))
    fabric.operations.deliver(1, encode(SetPolicy(0, shorter)))
    fabric.wake(5)
    fabric.run()
    assert state(fabric, "web-2") is None
    assert state(fabric, "web-1") == ("running", 1)


def test_the_same_seed_gives_the_same_host() -> None:
    hosts = [booted(with_disk(), seed=4) for _ in range(2)]
    assert hosts[0].turns == hosts[1].turns
    assert hosts[0].time_cycles == hosts[1].time_cycles
    assert hosts[0].memory[:] == hosts[1].memory[:]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_turns_comes_to_the_same_state(seed: int) -> None:
    fabric = booted(with_disk(), seed=seed)
    assert state(fabric, "web-1") == ("running", 1)
    assert state(fabric, "web-2") == ("ready", 1)


def test_saved_programs_go_on_where_they_were() -> None:
    fabric = booted(with_disk())
    other = booted(with_disk())
    for program in (fabric.command, fabric.operations, fabric.boot):
        state_bytes = program.save()
        program.load(state_bytes)
        assert program.save() == state_bytes
    saved = fabric.ultravisor.save()
    generation = fabric.views.generation
    fabric.restart_ultravisor()
    fabric.ultravisor.load(saved)
    fabric.ready[2] = False
    for host in (fabric, other):
        assert isinstance(host.answer(host.order(Order("reset", "web-1"))), Done)
    assert fabric.ultravisor.database.state_hash() == other.ultravisor.database.state_hash()
    assert fabric.views.rows == other.views.rows
    assert fabric.views.generation == other.views.generation > generation
    assert (fabric.turns, fabric.time_cycles) == (other.turns, other.time_cycles)
