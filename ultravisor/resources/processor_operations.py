# SPDX-License-Identifier: GPL-2.0-or-later
"""Operations on virtual processors, and on the cyclic maps of physical ones.

Owns the tables `virtual_processor` and `slot`. Called inside a commit.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from ultravisor.resources.errors import StateError
from ultravisor.resources.lookups import require, require_partition
from ultravisor.resources.records import (
    Link,
    Processor,
    ProcessorState,
    Slot,
    VirtualProcessor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ultravisor.resources.store import Store


class SlotPlan(msgspec.Struct, frozen=True):
    """A slot that is wanted; its place in the list is its position."""

    partition: int
    index: int
    quantum_cycles: int
    donates: bool = False


_PLANNED = SlotPlan.__struct_fields__
_planned = attrgetter(*_PLANNED)


def add(store: Store, number: int, processor: int) -> int:
    """Give a partition one more virtual processor; return its index."""
    partition = require_partition(store, number)
    require(store, Processor, processor)
    index: int = store.value("SELECT count(*) FROM virtual_processor WHERE partition = ?", number)
    store.insert(VirtualProcessor(number, index, processor, ProcessorState.ONLINE, 0))
    store.touch(partition)
    return index


def remove(store: Store, number: int) -> None:
    """Take a partition's last virtual processor, with its slots."""
    partition = require_partition(store, number)
    owned = store.select(VirtualProcessor, "partition = ?", number)
    if not owned:
        raise StateError(f"table virtual_processor, partition {number}: it has none")
    last = owned[-1]
    if store.select(Link, "target_partition = ? AND target_processor = ?", number, last.index):
        raise StateError(
            f"table virtual_processor, key ({number}, {last.index}): links lead to it",
            "link-target",
        )
    _drop(store, last)
    store.touch(partition)


def remove_all(store: Store, number: int) -> None:
    """Take all virtual processors of a partition that is being destroyed."""
    for owned in store.select(VirtualProcessor, "partition = ?", number):
        _drop(store, owned)


def _drop(store: Store, owned: VirtualProcessor) -> None:
    for number in [
        row[0]
        for row in store.execute(
            'SELECT DISTINCT processor FROM slot WHERE partition = ? AND "index" = ?',
            (owned.partition, owned.index),
        )
    ]:
        present = store.select(Slot, "processor = ?", number)
        kept = [
            SlotPlan(slot.partition, slot.index, slot.quantum_cycles, slot.donates)
            for slot in present
            if (slot.partition, slot.index) != (owned.partition, owned.index)
        ]
        _replace(store, number, present, kept)
    store.delete(owned)


def set_state(store: Store, number: int, index: int, state: str) -> None:
    """Say whether a virtual processor may be scheduled."""
    partition = require_partition(store, number)
    owned = require(store, VirtualProcessor, number, index)
    store.update(owned, state=ProcessorState(state))
    store.touch(partition)


def move(store: Store, number: int, index: int, processor: int) -> None:
    """Move a virtual processor to another physical one; its slots must have gone before."""
    partition = require_partition(store, number)
    require(store, Processor, processor)
    owned = require(store, VirtualProcessor, number, index)
    moved = store.update(owned, processor=processor)
    left = store.get(Processor, owned.processor)
    if moved.processor != owned.processor and left is not None:
        # Its map is checked again, and whoever plans it must see that it has changed.
        store.touch(left)
    store.touch(partition)


def set_quanta(store: Store, processor: int, slots: Sequence[SlotPlan]) -> None:
    """Make these the slots of a processor's cyclic map, in this order."""
    present = store.select(Slot, "processor = ?", processor)
    # Whoever has a slot is there: the schema says so.
    known = {(slot.partition, slot.index) for slot in present}
    for plan in slots:
        if (plan.partition, plan.index) not in known:
            require_partition(store, plan.partition)
            require(store, VirtualProcessor, plan.partition, plan.index)
    _replace(store, processor, present, slots)


def _replace(store: Store, number: int, present: Sequence[Slot], slots: Sequence[SlotPlan]) -> None:
    """Write what differs from the slots that are there."""
    processor = require(store, Processor, number)
    for position, plan in enumerate(slots):
        if position < len(present):
            slot = present[position]
            values = zip(_PLANNED, _planned(slot), _planned(plan), strict=True)
            wanted = {name: new for name, old, new in values if old != new}
            if wanted:
                store.update(slot, **wanted)
        else:
            store.insert(
                Slot(
                    number,
                    position,
                    plan.partition,
                    plan.index,
                    plan.quantum_cycles,
                    plan.donates,
                    0,
                )
            )
    for slot in present[len(slots) :]:
        store.delete(slot)
    store.touch(processor)
