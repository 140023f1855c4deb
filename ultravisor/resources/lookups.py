# SPDX-License-Identifier: GPL-2.0-or-later
"""What operations ask before they write: that a thing exists, and may go to a state.

Owns the sentences of unknown ids and illegal states. Used by the operations only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ultravisor.resources.errors import StateError, UnknownIdError
from ultravisor.resources.records import Device, Partition, PartitionState, Record
from ultravisor.resources.tables import TABLE_OF
from ultravisor.resources.transitions import is_legal, may_follow

if TYPE_CHECKING:
    from ultravisor.resources.records import Channel
    from ultravisor.resources.store import Store

R = TypeVar("R", bound=Record)


def require(store: Store, record: type[R], *key: int | str) -> R:
    """Return a record; raise UnknownIdError."""
    found = store.get(record, *key)
    if found is None:
        raise UnknownIdError(f"table {TABLE_OF[record].name}, key {shown(key)}: no such record")
    return found


def require_partition(store: Store, number: int) -> Partition:
    """Return a partition that is not destroyed; raise UnknownIdError."""
    found = store.get(Partition, number)
    if found is None or found.state is PartitionState.DESTROYED:
        raise UnknownIdError(f"table partition, key {number}: no such partition")
    return found


def require_step(thing: Partition | Channel | Device, after: str) -> None:
    """Raise StateError where the thing may not go to this state."""
    table = TABLE_OF[type(thing)]
    if not is_legal(table.name, thing.state, type(thing.state)(after)):
        legal = ", ".join(may_follow(table.name, thing.state)) or "nothing"
        raise StateError(
            f"table {table.name}, key {shown(table.key_of(thing))}: from {thing.state} it may go "
            f"to {legal}; not to {after}",
            "transitions",
        )


def shown(key: tuple[int | str, ...]) -> str:
    """Return a key as a sentence has it."""
    return str(key[0]) if len(key) == 1 else f"({', '.join(map(str, key))})"
