# SPDX-License-Identifier: GPL-2.0-or-later
"""Which port of a medium operates: command's decision of I/O, one step at a time.

Owns the choice, which is sticky: a port that operates goes on until its owner no longer runs, it
fails, or an operator moves the medium; then the first one that is able follows. The old port is
fenced by a transaction of its own, so that all processors have acknowledged it before the new one
operates; with the fence the client is asked to leave the old path's channel, so that no path
operates twice in the life of a channel's memory. Pure; called by the reconciler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ultravisor.channels.command_protocol import ReadVersion, SetDeviceState
from ultravisor.partitions import partings
from ultravisor.partitions.decisions import Reason
from ultravisor.partitions.media import medium_of, medium_of_channel, ports_by_medium
from ultravisor.partitions.transactions import Draft, read_of
from ultravisor.resources.records import ChannelState, DeviceState, PartitionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ultravisor.partitions.facts import Facts
    from ultravisor.resources.records import Channel, Device, Partition

QUESTION: Final = "medium"
STICKY: Final = "stays where it operates"
ORDER: Final = "operator"
_USED: Final = (ChannelState.MAPPED, ChannelState.ATTACHED)
_INTRODUCED: Final = (DeviceState.READY, DeviceState.ALIVE)


class MediumStep(NamedTuple):
    """A transaction about a medium, and why."""

    medium: str
    draft: Draft
    reason: Reason


def medium_step(facts: Facts, away: Mapping[str, int]) -> MediumStep | None:
    """Return the next step of any medium; `away`: ports by medium that orders move it from."""
    for medium, ports in ports_by_medium(facts.devices).items():
        step = _choose(facts, medium, ports, away.get(medium))
        if step is not None:
            return step
    for medium, ports in ports_by_medium(facts.devices).items():
        for port in ports:
            step = _prepare(facts, medium, port)
            if step is not None:
                return step
    return None


def able_ports(facts: Facts, medium: str) -> tuple[Device, ...]:
    """Return the ports of a medium that could operate now, and do not, the first choice first."""
    ports = ports_by_medium(facts.devices).get(medium, [])
    return tuple(port for port in ports if _is_able(facts, port))


def operating_port(facts: Facts, medium: str) -> Device | None:
    """Return the port of a medium that operates."""
    ports = ports_by_medium(facts.devices).get(medium, [])
    return next((port for port in ports if port.state is DeviceState.OPERATING), None)


def channels_to(facts: Facts, port: Device) -> list[Channel]:
    """Return the channels that are paths to a port."""
    owner = _owner(facts, port)
    if owner is None:
        return []
    medium = medium_of(port.name)
    channels = partings.channels_of(facts, owner)
    return [channel for channel in channels if medium_of_channel(channel) == medium]


def _choose(facts: Facts, medium: str, ports: list[Device], away: int | None) -> MediumStep | None:
    operating = next((port for port in ports if port.state is DeviceState.OPERATING), None)
    if operating is not None:
        why, rule = _why_not(facts, operating), STICKY
        if not why and operating.id == away and able_ports(facts, medium):
            why, rule = "an operator moves it", ORDER
        return _fence(facts, medium, operating, why, rule) if why else None
    # Where an order comes from is the last resort: it is better than nothing.
    able = sorted(able_ports(facts, medium), key=lambda port: (port.id == away, port.id))
    return _operate(facts, medium, ports, able[0]) if able else None


def _fence(facts: Facts, medium: str, port: Device, why: str, rule: str) -> MediumStep:
    """Let a port stand by, and have its path left; while an end is paused, it can only fail."""
    channels = channels_to(facts, port)
    sentence = f"`{port.name}` is fenced: {why}"
    reads = (_read(port),)
    if _is_somebody_paused(facts, channels):
        draft = Draft((SetDeviceState(port.id, DeviceState.FAILED),), reads)
        sentence += "; its path is parted with once nobody is paused"
    else:
        asked = partings.ask_to_leave(facts, channels)
        draft = Draft((SetDeviceState(port.id, DeviceState.STANDBY), *asked), reads)
    return MediumStep(medium, draft, Reason(QUESTION, rule, sentence))


def _operate(facts: Facts, medium: str, ports: list[Device], port: Device) -> MediumStep:
    owner = _owner(facts, port)
    assert owner is not None, "who is able has an owner"
    reads = (*(_read(row) for row in ports), read_of(owner))
    others = ", ".join(f"`{row.name}` is {row.state}" for row in ports if row is not port)
    sentence = f"`{port.name}` of `{owner.name}` operates" + (f": {others}" if others else "")
    draft = Draft((SetDeviceState(port.id, DeviceState.OPERATING),), reads)
    return MediumStep(medium, draft, Reason(QUESTION, STICKY, sentence))


def _prepare(facts: Facts, medium: str, port: Device) -> MediumStep | None:
    """Bring a port that does not operate a step towards standing by."""
    owner = _owner(facts, port)
    if owner is None or owner.state is not PartitionState.RUNNING:
        return None
    standby = SetDeviceState(port.id, DeviceState.STANDBY)
    if port.state in _INTRODUCED:
        # That it is known and ready says its owner, and the ultravisor records it.
        alive = (SetDeviceState(port.id, DeviceState.ALIVE),)
        steps = alive if port.state is DeviceState.READY else ()
        sentence = f"`{port.name}` stands by: `{owner.name}` knows it"
        draft = Draft((*steps, standby), (_read(port),))
        return MediumStep(medium, draft, Reason(QUESTION, STICKY, sentence))
    if port.state is not DeviceState.FAILED:
        return None
    channels = channels_to(facts, port)
    if partings.are_leaving(channels) or _is_somebody_paused(facts, channels):
        return None
    asked = partings.ask_to_leave(facts, channels)
    if asked:
        sentence = f"`{port.name}` has failed: its path is parted with"
        return MediumStep(medium, Draft(asked, (_read(port),)), Reason(QUESTION, STICKY, sentence))
    sentence = f"`{port.name}` recovers: nobody uses its path any more"
    return MediumStep(medium, Draft((standby,), (_read(port),)), Reason(QUESTION, STICKY, sentence))


def is_recovering(facts: Facts, channel: Channel) -> bool:
    """Say whether a channel is to stay away until the port behind it has recovered."""
    return any(
        channel.id == row.id
        for port in facts.devices
        if port.state is DeviceState.FAILED
        for row in channels_to(facts, port)
    )


def _is_able(facts: Facts, port: Device) -> bool:
    owner = _owner(facts, port)
    return (
        port.state is DeviceState.STANDBY
        and owner is not None
        and owner.state is PartitionState.RUNNING
        and not partings.are_leaving(channels_to(facts, port))
    )


def _why_not(facts: Facts, port: Device) -> str:
    """Return why a port that operates may not go on; empty: it may."""
    owner = _owner(facts, port)
    assert owner is not None, "what operates has an owner"
    if owner.state is PartitionState.RUNNING:
        return ""
    return f"`{owner.name}` is {owner.state}"


def _is_somebody_paused(facts: Facts, channels: list[Channel]) -> bool:
    """Say whether an end of a channel in use could not answer in time that it has left it."""
    return any(
        end.state is PartitionState.PAUSED
        for channel in channels
        if channel.state in _USED
        for end in partings.ends_of(facts, channel.id)
    )


def _owner(facts: Facts, port: Device) -> Partition | None:
    return next((row for row in facts.partitions if row.number == port.owner), None)


def _read(port: Device) -> ReadVersion:
    return ReadVersion("device", (port.id,), port.version)
