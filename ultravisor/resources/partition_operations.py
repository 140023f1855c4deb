# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations on partitions: they are created, change their state and are destroyed.

Owns the table `partition`. Called inside a commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ultravisor.resources import (
    channel_operations,
    device_operations,
    memory_operations,
    processor_operations,
    tiered_map,
    zone_operations,
)
from ultravisor.resources.errors import InvalidError, StateError
from ultravisor.resources.lookups import require, require_partition, require_step
from ultravisor.resources.records import (
    BlockState,
    Domain,
    FrameRange,
    Partition,
    PartitionKind,
    PartitionState,
    QuotaScope,
    Zone,
)

if TYPE_CHECKING:
    from ultravisor.resources.store import Store

_ENDED = (PartitionState.STOPPED, PartitionState.FAILED)


class PartitionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A partition that is wanted."""

    name: str
    kind: str = PartitionKind.GUEST
    zone: str | None = None
    domain: str | None = None
    width: int = 64
    rights: int = 0
    image: str = ""
    command_line: str = ""


def create(store: Store, number: int, plan: PartitionPlan) -> int:
    """Define a partition, with its descriptor in a frame of its own."""
    _check_plan(store, number, plan)
    present = store.get(Partition, number)
    if present is not None and present.state is not PartitionState.DESTROYED:
        raise InvalidError(f"table partition, key {number}: it is `{present.name}`", "number-once")
    (run,) = tiered_map.allocate(store, 1, (BlockState.DESCRIPTOR, number), 1)
    columns = {
        **msgspec.structs.asdict(plan),
        "kind": PartitionKind(plan.kind),
        "state": PartitionState.DEFINED,
        "descriptor_frame": run.machine_frame,
        "layout": b"",
        "reason": "",
    }
    if present is None:
        store.insert(Partition(number=number, incarnation=1, version=0, **columns))
    else:
        store.update(present, incarnation=present.incarnation + 1, **columns)
    return number


def _check_plan(store: Store, number: int, plan: PartitionPlan) -> None:
    if plan.kind not in PartitionKind.__members__.values():
        raise InvalidError(f"table partition, key {number}: `{plan.kind}` is no kind", "kind")
    holder = store.value(
        "SELECT number FROM partition WHERE name = ? AND state <> 'destroyed'", plan.name
    )
    if holder is not None:
        raise InvalidError(
            f"table partition, key {number}: the name `{plan.name}` is partition {holder}'s",
            "name-once",
        )
    if plan.zone is not None:
        require(store, Zone, plan.zone)
    if plan.domain is not None:
        require(store, Domain, plan.domain)


def destroy(store: Store, number: int) -> None:
    """Take everything from a partition that does not run; its number is free again."""
    partition = require_partition(store, number)
    require_step(partition, PartitionState.DESTROYED)
    channel_operations.unmap_all(store, number)
    channel_operations.drop_links(store, number)
    device_operations.take_all(store, number)
    processor_operations.remove_all(store, number)
    memory_operations.release_all(store, number)
    zone_operations.drop_quotas(store, QuotaScope.PARTITION, str(number))
    partition = require_partition(store, number)
    assert partition.descriptor_frame is not None
    run = FrameRange(partition.descriptor_frame, 1)
    tiered_map.assign(store, run, (BlockState.DESCRIPTOR, number), tiered_map.FREE)
    store.update(
        partition,
        state=PartitionState.DESTROYED,
        descriptor_frame=None,
        zone=None,
        domain=None,
        layout=b"",
    )


def set_state(store: Store, number: int, state: str, reason: str = "") -> None:
    """Move a partition on; back to ready is the next incarnation.

    The devices of one that ends are revoked in the same commit, so that none acts for nobody; a
    reset has them again.
    """
    partition = require_partition(store, number)
    if state == PartitionState.DESTROYED:
        raise StateError(f"table partition, key {number}: destroy_partition destroys it")
    require_step(partition, state)
    after = PartitionState(state)
    columns: dict[str, object] = {"state": after}
    if after in _ENDED:
        columns["reason"] = reason
        device_operations.revoke_used(store, number)
    elif partition.state in _ENDED:
        device_operations.allocate_again(store, number)
        columns |= {"reason": "", "incarnation": partition.incarnation + 1}
    store.update(partition, **columns)


def set_layout(store: Store, number: int, layout: bytes) -> None:
    """Keep what the loader says of tables and pages."""
    store.update(require_partition(store, number), layout=layout)
