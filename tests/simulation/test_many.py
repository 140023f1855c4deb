# SPDX-License-Identifier: GPL-2.0-or-later
"""Many partitions, lives at random, against a plain model that knows only words."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.test_life import booted, number, state
from ultravisor.partitions.definitions import Domain
from ultravisor.partitions.messages import Create, Done, Ended, Order, Rejected
from ultravisor.resources.records import PartitionState

if TYPE_CHECKING:
    from tests.simulation.fabric import Fabric

COUNT = 64
EMPTY = ""
# What an order does to a partition in a state; what is not here is refused.
MODEL: dict[tuple[str, str], str] = {
    ("absent", "create"): "running",
    ("absent", "start"): "running",
    ("running", "pause"): "paused",
    ("paused", "resume"): "running",
    ("running", "reset"): "running",
    ("paused", "reset"): "running",
    ("stopped", "reset"): "running",
    ("failed", "reset"): "running",
    ("stopped", "start"): "running",
    ("failed", "start"): "running",
    ("running", "kill"): "stopped",
    ("paused", "kill"): "stopped",
    ("running", "fail"): "failed",
    ("paused", "fail"): "failed",
    **{(now, "destroy"): "absent" for now in ("running", "paused", "stopped", "failed")},
}
ACTIONS = ("create", "start", "pause", "resume", "reset", "kill", "destroy", "fail")


class Model:
    """States by name; a name is known once it was created."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def after(self, name: str, action: str) -> str | None:
        """Return the state that follows, or None: it is refused."""
        now = self.states.get(name)
        if now is None:
            return "running" if action == "create" else None
        return MODEL.get((now, action))


def act(fabric: Fabric, name: str, action: str) -> Any:
    """Do one thing to a host and return its answer."""
    if action == "create":
        return fabric.answer(fabric.order(Create(Domain(name=name, image="hello"))))
    if action == "fail":
        found = state(fabric, name)
        if found is None or found[0] not in ("running", "paused"):
            return Rejected
        fabric.order(Ended(number(fabric, name), found[1], "failed", "trap"))
        fabric.run()
        return Done
    return fabric.answer(fabric.order(Order(action, name)))  # type: ignore[arg-type]


def step(fabric: Fabric, model: Model, name: str, action: str) -> None:
    """Do one thing to both and compare."""
    expected = model.after(name, action)
    answer = act(fabric, name, action)
    if action != "fail":
        assert isinstance(answer, Done) is (expected is not None), (name, action, answer)
    if expected is not None:
        model.states[name] = expected
    found = state(fabric, name)
    assert ("absent" if found is None else found[0]) == model.states.get(name, "absent")


names = st.sampled_from([f"g{n}" for n in range(4)])


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(names, st.sampled_from(ACTIONS)), min_size=5, max_size=40),
    st.integers(0, 1000),
)
def test_any_orders_do_what_the_model_says(steps: list[tuple[str, str]], seed: int) -> None:
    fabric, model = booted(EMPTY, seed=seed), Model()
    for name, action in steps:
        step(fabric, model, name, action)
    assert fabric.ultravisor.database.check() == []


@pytest.mark.slow
def test_64_partitions_live_at_random_with_the_ultravisor_killed_now_and_then() -> None:
    fabric, model = booted(EMPTY, memory_mib=512, seed=9), Model()
    dice = random.Random(9)
    everybody = [f"g{n}" for n in range(COUNT)]
    for name in everybody:
        step(fabric, model, name, "create")
    assert len(fabric.views.running()) == COUNT + 4
    # More control channels than the ultravisor has event ports: the last ones are polled.
    polled = [row for row in fabric.views.table("channel").values() if row.ends[1].port == 0]
    assert polled
    for round_number in range(100):
        if round_number % 10 == 5:
            fabric.fault.arm(dice.randrange(40))
        step(fabric, model, dice.choice(everybody), dice.choice(ACTIONS))
    fabric.fault.arm(None)
    fabric.run()
    assert fabric.kills > 5
    for name in everybody:
        found = state(fabric, name)
        assert ("absent" if found is None else found[0]) == model.states[name]
    assert fabric.ultravisor.database.check() == []


def test_the_states_of_the_model_are_those_of_the_database() -> None:
    assert {now for now, _ in MODEL} - {"absent"} <= {str(row) for row in PartitionState}
