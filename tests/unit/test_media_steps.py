# SPDX-License-Identifier: GPL-2.0-or-later
"""Command's decision which port of a medium operates, as a function of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ultravisor.channels.command_protocol import SetChannelState, SetDeviceState
from ultravisor.partitions.explanation import empty_host
from ultravisor.partitions.media_steps import able_ports, medium_step, operating_port
from ultravisor.resources.records import (
    Channel,
    ChannelEnd,
    ChannelState,
    Device,
    DeviceState,
    PartitionKind,
    PartitionState,
)

if TYPE_CHECKING:
    from ultravisor.partitions.facts import Facts

A, B, CLIENT = 10, 11, 12
PATHS = {A: 21, B: 22}


def facts_of(
    a: str, b: str, owners: tuple[str, str] = ("running", "running"), **more: str
) -> Facts:
    """Return a host with `disk0`, whose ports are in these states, at owners in these."""
    host = empty_host(1, 64)
    base = host.partitions[0]
    states = {A: owners[0], B: owners[1], CLIENT: more.get("client", "running")}
    partitions = [
        replace(
            base, number=number, name=f"p{number}", domain=f"p{number}",
            kind=PartitionKind.GUEST if number == CLIENT else PartitionKind.IO,
            state=PartitionState(state),
        )
        for number, state in states.items()
    ]  # fmt: skip
    devices = tuple(
        Device(id, "block", f"disk0.{id - 1}", DeviceState(state), owner, 0, 0, 0, 0, 5 + id)
        for id, state, owner in ((1, a, A), (2, b, B))
    )
    channels = tuple(
        Channel(id, "", None, "medium disk0", ChannelState(more.get(f"path_{n}", "attached")),
                0, 1, 0)
        for n, id in zip("ab", PATHS.values(), strict=True)
    )  # fmt: skip
    ends = tuple(
        ChannelEnd(id, side, number, 0, 0, True, 0)
        for server, id in PATHS.items()
        for side, number in ((0, CLIENT), (1, server))
    )
    return replace(
        host, partitions=(*host.partitions, *partitions), devices=devices, channels=channels,
        channel_ends=ends,
    )  # fmt: skip


def step_of(facts: Facts, away: int | None = None) -> list[tuple[int, str]] | None:
    """Return what the next step does: devices and channels, and their states."""
    step = medium_step(facts, {} if away is None else {"disk0": away})
    if step is None:
        return None
    found = []
    for operation in step.draft.operations:
        match operation:
            case SetDeviceState(device, state):
                found.append((device, str(state)))
            case SetChannelState(channel, state):
                found.append((channel, str(state)))
    return found


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("standby", "standby", [(1, "operating")]),
        ("operating", "standby", None),
        ("standby", "operating", None),
        ("failed", "standby", [(2, "operating")]),
        ("revoked", "standby", [(2, "operating")]),
        ("operating", "ready", [(2, "alive"), (2, "standby")]),
        ("operating", "known", None),
        ("operating", "failed", [(22, "leaving")]),
    ],
)
def test_the_next_step_by_the_states_of_both_ports(
    a: str, b: str, expected: list[tuple[int, str]] | None
) -> None:
    assert step_of(facts_of(a, b)) == expected


def test_an_order_fences_first_and_has_the_path_left() -> None:
    assert step_of(facts_of("operating", "standby"), away=1) == [(1, "standby"), (21, "leaving")]


def test_after_an_order_the_other_port_operates() -> None:
    facts = facts_of("standby", "standby", path_a="leaving")
    assert step_of(facts, away=1) == [(2, "operating")]


def test_an_order_without_another_port_that_is_able_moves_nothing() -> None:
    assert step_of(facts_of("operating", "allocated"), away=1) is None


def test_where_an_order_comes_from_is_better_than_nothing() -> None:
    assert step_of(facts_of("standby", "allocated"), away=1) == [(1, "operating")]


def test_a_port_whose_path_is_being_left_is_not_able() -> None:
    facts = facts_of("standby", "allocated", path_a="leaving")
    assert able_ports(facts, "disk0") == ()
    assert step_of(facts) is None


def test_a_paused_owner_is_fenced_and_its_path_stays_until_it_goes_on() -> None:
    facts = facts_of("operating", "standby", ("paused", "running"))
    assert step_of(facts) == [(1, "failed")]
    assert step_of(facts_of("failed", "operating", ("paused", "running"))) is None
    assert step_of(facts_of("failed", "operating")) == [(21, "leaving")]


def test_with_a_paused_client_the_path_stays() -> None:
    facts = facts_of("operating", "standby", client="paused")
    assert step_of(facts, away=1) == [(1, "failed")]


def test_a_failed_port_recovers_once_its_path_is_revoked() -> None:
    facts = facts_of("failed", "operating", path_a="leaving")
    assert step_of(facts) is None
    facts = facts_of("failed", "operating", path_a="revoked")
    assert step_of(facts) == [(1, "standby")]


def test_a_decision_rests_on_all_ports_of_its_medium_and_on_the_owner() -> None:
    step = medium_step(facts_of("standby", "standby"), {})
    assert step is not None
    assert [(row.table, row.key, row.version) for row in step.draft.reads] == [
        ("device", (1,), 6), ("device", (2,), 7), ("partition", (A,), 0),
    ]  # fmt: skip
    assert step.reason.sentence == "`disk0.0` of `p10` operates: `disk0.1` is standby"


def test_the_port_that_operates_is_found() -> None:
    found = operating_port(facts_of("standby", "operating"), "disk0")
    assert found is not None
    assert found.name == "disk0.1"
