# SPDX-License-Identifier: GPL-2.0-or-later
"""What an operator's transaction must not touch: that on which its own answer rests.

Owns which partitions, channels and slots are the infrastructure's. Pure; called by command before
it passes a transaction on. The ultravisor itself does not ask: boot makes these partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.channels.command_protocol import (
    DestroyPartition,
    RefusalKind,
    ReleaseMemory,
    SetChannelState,
    SetLayout,
    SetLink,
    SetPartitionState,
    SetProcessorState,
    SetQuanta,
    UnmapChannel,
)
from ultravisor.partitions.messages import Rejected
from ultravisor.resources.records import PartitionKind, PartitionState

if TYPE_CHECKING:
    from ultravisor.channels.command_protocol import AnyOperation
    from ultravisor.partitions.facts import Facts

RULE: Final = "infrastructure"
# The policies of the channels over which the infrastructure talks.
_CHANNELS: Final = ("control", "programs")
_KINDS: Final = (PartitionKind.HOSTED, PartitionKind.IDLE)
_ABOUT_PARTITIONS: Final = (
    DestroyPartition,
    ReleaseMemory,
    SetLayout,
    SetLink,
    SetPartitionState,
    SetProcessorState,
)


def refuse_transaction(operations: tuple[AnyOperation, ...], facts: Facts) -> Rejected | None:
    """Return why an operator's transaction is not passed on; None: it is."""
    names = {
        row.number: row.name
        for row in facts.partitions
        if row.kind in _KINDS and row.state != PartitionState.DESTROYED
    }
    for index, operation in enumerate(operations):
        what = _touched(operation, names, facts)
        if what:
            sentence = f"operation {index}: {what} is the infrastructure's"
            return Rejected(RefusalKind.OWNERSHIP, sentence, RULE)
    return None


def _touched(operation: AnyOperation, names: dict[int, str], facts: Facts) -> str:
    """Return what of the infrastructure an operation would change; empty: nothing."""
    if isinstance(operation, _ABOUT_PARTITIONS):
        name = names.get(operation.partition)
        return f"partition `{name}`" if name else ""
    if isinstance(operation, UnmapChannel | SetChannelState):
        for channel in facts.channels:
            if channel.id == operation.channel and channel.policy in _CHANNELS:
                return f"channel {channel.id}"
    if isinstance(operation, SetQuanta):
        changed = _changed_slots(operation, names, facts)
        if changed:
            return f"the slot of `{names[changed[0]]}`"
    return ""


def _changed_slots(operation: SetQuanta, names: dict[int, str], facts: Facts) -> list[int]:
    """Return whose slots of the infrastructure would be others, or elsewhere in the map."""
    before = {
        (slot.partition, slot.position, slot.index, slot.quantum_cycles, slot.donates)
        for slot in facts.slots
        if slot.processor == operation.processor and slot.partition in names
    }
    after = {
        (slot.partition, position, slot.index, slot.quantum_cycles, slot.donates)
        for position, slot in enumerate(operation.slots)
        if slot.partition in names
    }
    return sorted(row[0] for row in before ^ after)
