# SPDX-License-Identifier: GPL-2.0-or-later
"""How a channel is taken away from those that live: they are asked first.

Owns what has to come before an end of a channel goes: the channel is `leaving` until the other end
has let go of it, or its time is over, and then `revoked`, which the ultravisor records. Pure
functions of the facts. Called by the reconciler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.channels.command_protocol import SetChannelState
from ultravisor.partitions.introductions import is_control
from ultravisor.partitions.transactions import LIVE
from ultravisor.resources.records import ChannelState, PartitionKind

if TYPE_CHECKING:
    from ultravisor.partitions.facts import Facts
    from ultravisor.resources.records import Channel, Partition

_IN_USE: Final = (ChannelState.MAPPED, ChannelState.ATTACHED)


def ask_to_leave(facts: Facts, channels: list[Channel]) -> tuple[SetChannelState, ...]:
    """Return the operations that begin the parting of channels that a living guest may map."""
    return tuple(
        SetChannelState(channel.id, ChannelState.LEAVING)
        for channel in channels
        if channel.state in _IN_USE and _is_used(facts, channel)
    )


def are_leaving(channels: list[Channel]) -> bool:
    """Say whether an answer is waited for."""
    return any(channel.state is ChannelState.LEAVING for channel in channels)


def channels_of(facts: Facts, partition: Partition) -> list[Channel]:
    """Return the channels that a partition shares with others, its control channel left out."""
    mine = {end.channel for end in facts.channel_ends if end.partition == partition.number}
    return [row for row in facts.channels if row.id in mine and not is_control(row.type_guid)]


def ends_of(facts: Facts, channel: int) -> list[Partition]:
    """Return the partitions at the ends of a channel."""
    numbers = {end.partition for end in facts.channel_ends if end.channel == channel}
    return [row for row in facts.partitions if row.number in numbers]


def _is_used(facts: Facts, channel: Channel) -> bool:
    """Say whether somebody maps it who would be stopped; programs map none."""
    return any(
        row.state in LIVE and row.kind is not PartitionKind.HOSTED
        for row in ends_of(facts, channel.id)
    )
