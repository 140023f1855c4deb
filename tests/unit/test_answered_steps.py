# SPDX-License-Identifier: GPL-2.0-or-later
"""What partitions' answers are recorded as, and when they no longer are."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.unit.resource_examples import add_partition, ends, make_database, set_state
from ultravisor.machine.abi import GUID_CONTROL
from ultravisor.partitions.answered_steps import AnsweredStep, answered_steps
from ultravisor.partitions.media import PHYSICAL_BUS
from ultravisor.partitions.record_mirror import RecordMirror


class AnsweredDesk:
    """A desk whose partition has answered that it knows device 1."""

    known = frozenset({(PHYSICAL_BUS, 1)})
    is_introduced = True

    def holds(self, _key: tuple[int, int]) -> bool:
        return True


@pytest.mark.parametrize(
    ("state", "recorded"),
    [("running", ["known", "ready"]), ("stopped", []), ("failed", [])],
)
def test_a_device_is_ready_by_the_answer_of_an_owner_that_lives(
    state: str, recorded: list[str]
) -> None:
    database = make_database()
    ultravisor, owner = add_partition(database, "ultravisor"), add_partition(database, "io-a")
    transaction = database.begin("command")
    transaction.add_device("block", "disk0.0", 1500, 1)
    transaction.assign_device(1, owner, 500, 3)
    channel = transaction.plan_channel(str(GUID_CONTROL), 2, ends(owner, ultravisor))
    transaction.map_channel(channel)
    transaction.commit()
    set_state(database, owner, "running")
    if state != "running":
        set_state(database, owner, state)
    mirror = RecordMirror()
    for _, changes in database.watch(0):
        mirror.apply(changes)
    steps = answered_steps(mirror, {channel: cast("Any", AnsweredDesk())})
    devices = [step for step in steps if step.noun == "device"]
    assert devices == [AnsweredStep("device", 1, name) for name in recorded]
