# SPDX-License-Identifier: GPL-2.0-or-later
"""What partitions' answers mean for the states of channels and devices.

Owns the step from what both ends know to a transition: a channel is attached once both ends have
answered, a device ready once its owner has. Called by the ultravisor program, which records it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ultravisor.partitions.control_desk import BUS
from ultravisor.partitions.introductions import CLIENT, is_control
from ultravisor.partitions.media import PHYSICAL_BUS
from ultravisor.resources.records import ChannelState, DeviceState, PartitionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from ultravisor.partitions.control_desk import ControlDesk
    from ultravisor.partitions.record_mirror import RecordMirror
    from ultravisor.resources.transaction import Transaction


class AnsweredStep(NamedTuple):
    """A thing that goes on to a state because partitions have answered."""

    noun: str
    number: int
    state: str

    def write(self, transaction: Transaction) -> None:
        """Add the step to a transaction."""
        if self.noun == "channel":
            transaction.set_channel_state(self.number, self.state)
        else:
            transaction.set_device_state(self.number, self.state)


def answered_steps(
    mirror: RecordMirror,
    desks: Mapping[int, ControlDesk],
    overdue: Set[int] = frozenset(),
    lost: Iterable[int] = (),
) -> tuple[AnsweredStep, ...]:
    """Return what is to be recorded, in a fixed order; `desks` by their control channel.

    A channel that is `overdue` leaves whether its ends have let go of it or not; a port that is
    `lost` has failed.
    """
    by_partition = {mirror.ends(channel)[CLIENT].partition: desk for channel, desk in desks.items()}
    steps: list[AnsweredStep] = []
    channels = {channel for number in by_partition for channel in mirror.channels_of(number)}
    for channel in sorted(channels | overdue):
        step = _channel_step(mirror, desks, by_partition, channel)
        if step is None and _is_left(mirror, by_partition, channel, overdue=channel in overdue):
            step = AnsweredStep("channel", channel, ChannelState.REVOKED)
        if step is not None:
            steps.append(step)
    for number, desk in sorted(by_partition.items()):
        if not _lives(mirror, number):
            continue  # what it answered before it ended holds no more, and would be refused
        for device in mirror.devices_of(number):
            if (PHYSICAL_BUS, device.id) not in desk.known:
                continue
            if device.state is DeviceState.ALLOCATED:
                steps.append(AnsweredStep("device", device.id, DeviceState.KNOWN))
            if device.state in {DeviceState.ALLOCATED, DeviceState.KNOWN}:
                steps.append(AnsweredStep("device", device.id, DeviceState.READY))
    steps += [AnsweredStep("device", device, DeviceState.FAILED) for device in sorted(lost)]
    return tuple(steps)


def _channel_step(
    mirror: RecordMirror,
    desks: Mapping[int, ControlDesk],
    by_partition: Mapping[int, ControlDesk],
    channel: int,
) -> AnsweredStep | None:
    row = mirror.channel(channel)
    if row is None:
        return None
    if is_control(row.type_guid):
        desk = desks.get(channel)
        answered = desk is not None and desk.is_introduced
    else:
        # Who has no desk is the ultravisor itself, which knows.
        ends = [by_partition.get(end.partition) for end in mirror.ends(channel)]
        answered = all(desk is None or (BUS, channel) in desk.known for desk in ends)
    if row.state is ChannelState.MAPPED and answered:
        return AnsweredStep("channel", channel, ChannelState.ATTACHED)
    if row.state is ChannelState.ATTACHED and not answered:
        return AnsweredStep("channel", channel, ChannelState.MAPPED)
    return None


def _is_left(
    mirror: RecordMirror, by_partition: Mapping[int, ControlDesk], channel: int, *, overdue: bool
) -> bool:
    """Say whether no end that lives uses a leaving channel any more, or its time is over."""
    row = mirror.channel(channel)
    if row is None or row.state is not ChannelState.LEAVING:
        return False
    return overdue or not any(
        _lives(mirror, end.partition)
        and ((desk := by_partition.get(end.partition)) is None or desk.holds((BUS, channel)))
        for end in mirror.ends(channel)
    )


def _lives(mirror: RecordMirror, number: int) -> bool:
    row = mirror.partition(number)
    return row is not None and row.state in {PartitionState.RUNNING, PartitionState.PAUSED}
