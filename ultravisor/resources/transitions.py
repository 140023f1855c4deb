# SPDX-License-Identifier: GPL-2.0-or-later
"""All legal changes of state of a partition, a channel and a device: one table.

Owns which state may follow which, and under what name. The database's triggers, the
operations and the diagrams in docs/resources.md are made from it; it knows none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ultravisor.resources.records import ChannelState, DeviceState, PartitionState

if TYPE_CHECKING:
    from enum import StrEnum


class Transition(NamedTuple):
    """One legal change; `before` is None where the thing comes into being."""

    before: StrEnum | None
    after: StrEnum
    verb: str


_P = PartitionState
_C = ChannelState
_D = DeviceState

TRANSITIONS: Final[dict[str, tuple[Transition, ...]]] = {
    "partition": (
        Transition(None, _P.DEFINED, "create"),
        Transition(_P.DESTROYED, _P.DEFINED, "create again"),
        Transition(_P.DEFINED, _P.ALLOCATED, "allocate"),
        Transition(_P.ALLOCATED, _P.READY, "load"),
        Transition(_P.READY, _P.RUNNING, "start"),
        Transition(_P.RUNNING, _P.PAUSED, "pause"),
        Transition(_P.PAUSED, _P.RUNNING, "resume"),
        Transition(_P.RUNNING, _P.STOPPED, "stop"),
        Transition(_P.PAUSED, _P.STOPPED, "stop"),
        Transition(_P.RUNNING, _P.FAILED, "fail"),
        Transition(_P.PAUSED, _P.FAILED, "fail"),
        Transition(_P.STOPPED, _P.READY, "reset"),
        Transition(_P.FAILED, _P.READY, "reset"),
        Transition(_P.DEFINED, _P.DESTROYED, "destroy"),
        Transition(_P.ALLOCATED, _P.DESTROYED, "destroy"),
        Transition(_P.READY, _P.DESTROYED, "destroy"),
        Transition(_P.STOPPED, _P.DESTROYED, "destroy"),
        Transition(_P.FAILED, _P.DESTROYED, "destroy"),
    ),
    "channel": (
        Transition(None, _C.PLANNED, "plan"),
        Transition(_C.PLANNED, _C.MAPPED, "map"),
        Transition(_C.MAPPED, _C.ATTACHED, "attach"),
        Transition(_C.ATTACHED, _C.MAPPED, "detach"),
        Transition(_C.MAPPED, _C.LEAVING, "part"),
        Transition(_C.ATTACHED, _C.LEAVING, "part"),
        Transition(_C.LEAVING, _C.REVOKED, "revoke"),
        Transition(_C.REVOKED, _C.MAPPED, "map again"),
        Transition(_C.MAPPED, _C.REVOKED, "revoke"),
        Transition(_C.ATTACHED, _C.REVOKED, "revoke"),
        Transition(_C.PLANNED, _C.UNMAPPED, "give up"),
        Transition(_C.REVOKED, _C.UNMAPPED, "unmap"),
    ),
    "device": (
        Transition(None, _D.ALLOCATED, "allocate"),
        Transition(_D.ALLOCATED, _D.KNOWN, "introduce"),
        Transition(_D.KNOWN, _D.READY, "answer"),
        Transition(_D.READY, _D.ALIVE, "configure"),
        Transition(_D.ALIVE, _D.OPERATING, "operate"),
        Transition(_D.ALIVE, _D.STANDBY, "stand by"),
        Transition(_D.OPERATING, _D.STANDBY, "stand by"),
        Transition(_D.STANDBY, _D.OPERATING, "operate"),
        Transition(_D.ALIVE, _D.FAILED, "fail"),
        Transition(_D.OPERATING, _D.FAILED, "fail"),
        Transition(_D.STANDBY, _D.FAILED, "fail"),
        Transition(_D.FAILED, _D.STANDBY, "recover"),
        Transition(_D.ALLOCATED, _D.REVOKED, "revoke"),
        Transition(_D.KNOWN, _D.REVOKED, "revoke"),
        Transition(_D.READY, _D.REVOKED, "revoke"),
        Transition(_D.ALIVE, _D.REVOKED, "revoke"),
        Transition(_D.OPERATING, _D.REVOKED, "revoke"),
        Transition(_D.STANDBY, _D.REVOKED, "revoke"),
        Transition(_D.FAILED, _D.REVOKED, "revoke"),
        Transition(_D.REVOKED, _D.ALLOCATED, "allocate again"),
    ),
}

_LEGAL: Final = {
    table: frozenset((step.before, step.after) for step in steps)
    for table, steps in TRANSITIONS.items()
}


def is_legal(table: str, before: StrEnum | None, after: StrEnum) -> bool:
    """Say whether a thing of the table may go from one state to the other."""
    return (before, after) in _LEGAL[table]


def may_follow(table: str, before: StrEnum | None) -> tuple[str, ...]:
    """Return the states that may follow, for a sentence."""
    return tuple(str(step.after) for step in TRANSITIONS[table] if step.before == before)
