# SPDX-License-Identifier: GPL-2.0-or-later
"""Plans as transactions: the operations of the command protocol, and what they rest on.

Owns the step from a decision to operations; pure functions. Called by the reconciler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from ultravisor.channels.command_protocol import (
    AnyOperation,
    AssignDevice,
    AssignMemory,
    CreatePartition,
    CreateVirtualProcessor,
    DefineDomain,
    DefineZone,
    DestroyPartition,
    EndPlan,
    MapChannel,
    ReadVersion,
    RemoveDomain,
    SetDeviceState,
    SetLayout,
    SetPartitionState,
    SetQuanta,
    SetQuota,
    SlotPlan,
)
from ultravisor.machine.abi import Right
from ultravisor.partitions.channel_types import TYPE_CONTROL
from ultravisor.partitions.definitions import (
    ZONE_DEFAULT,
    Domain,
    encode_definition,
    find_zone,
)
from ultravisor.partitions.introductions import CLIENT, is_control
from ultravisor.partitions.memory_agent import FRAMES_A_MIB
from ultravisor.partitions.messages import FrameRun, Load
from ultravisor.resources.records import (
    FRAME_SIZE_BYTES,
    DeviceState,
    PartitionKind,
    PartitionState,
    QuotaResource,
    QuotaScope,
)

if TYPE_CHECKING:
    from ultravisor.partitions.channel_agent import ChannelChoice
    from ultravisor.partitions.device_agent import DeviceSeat
    from ultravisor.partitions.facts import Facts
    from ultravisor.partitions.planner import ChannelPlan, DomainPlan
    from ultravisor.partitions.policy import Policy
    from ultravisor.resources.records import Partition

CONTROL_POLICY: Final = "control"
"""The name of the rule that lets control channels leave their zones."""
LIVE: Final = (PartitionState.RUNNING, PartitionState.PAUSED)


class Draft(Struct, frozen=True):
    """A transaction to be asked for: operations, and the versions that the decision rests on."""

    operations: tuple[AnyOperation, ...]
    reads: tuple[ReadVersion, ...] = ()


def create(plan: DomainPlan, facts: Facts, width: int) -> Draft:
    """Return the transaction that makes a domain's partition; its image comes later."""
    domain, number = plan.domain, plan.number
    operations: list[AnyOperation] = [
        CreatePartition(
            name=domain.name,
            kind=domain.kind,
            zone=domain.zone,
            domain=domain.name,
            width=width,
            rights=rights_of(domain),
            image=domain.image,
            command_line=domain.command_line,
            number=number,
        )
    ]
    guest_frame = 0
    for run in plan.memory.ranges:
        operations.append(
            AssignMemory(
                partition=number,
                frame_count=run.frame_count,
                guest_frame=guest_frame,
                machine_frame=run.machine_frame,
            )
        )
        guest_frame += run.frame_count
    slots = plan.processors.slots
    operations += [CreateVirtualProcessor(number, slot.processor) for slot in slots]
    maps, reads = _maps(plan, facts)
    operations += maps
    operations.append(map_channel(plan.control, str(TYPE_CONTROL), CONTROL_POLICY))
    for seat in plan.devices.seats:
        operations += _seat(seat, number)
    operations.append(SetPartitionState(number, PartitionState.ALLOCATED))
    return Draft(tuple(operations), reads)


def _seat(seat: DeviceSeat, number: int) -> list[AnyOperation]:
    """Return the operations that give a partition a device; an earlier owner left it revoked."""
    device = seat.device
    operations: list[AnyOperation] = []
    if device.state is DeviceState.REVOKED:
        operations.append(SetDeviceState(device.id, DeviceState.ALLOCATED))
    operations.append(AssignDevice(device.id, number, seat.guest_frame, seat.port))
    return operations


def _maps(plan: DomainPlan, facts: Facts) -> tuple[list[AnyOperation], tuple[ReadVersion, ...]]:
    """Return the new maps of the processors that a plan takes slots of, and their versions."""
    present = facts.slots_by_processor()
    maps: list[AnyOperation] = []
    reads = []
    versions = {row.number: row.version for row in facts.processors}
    for processor in sorted({slot.processor for slot in plan.processors.slots}):
        slots = [
            SlotPlan(slot.partition, slot.index, slot.quantum_cycles, slot.donates)
            for slot in present[processor]
        ]
        slots += [
            SlotPlan(plan.number, index, slot.quantum_cycles, slot.donates)
            for index, slot in enumerate(plan.processors.slots)
            if slot.processor == processor
        ]
        maps.append(SetQuanta(processor, tuple(slots)))
        reads.append(ReadVersion("processor", (processor,), versions.get(processor, 0)))
    return maps, tuple(reads)


def map_channel(choice: ChannelChoice, type_guid: str, policy: str) -> MapChannel:
    """Return the operation that makes a channel."""
    client, server = (
        EndPlan(end.partition, end.guest_frame, end.port) for end in (choice.client, choice.server)
    )
    return MapChannel(
        type_guid=type_guid,
        ends=(client, server),
        frame_count=choice.frames.frame_count,
        policy=policy,
        machine_frame=choice.frames.machine_frame,
    )


def connect(plan: ChannelPlan) -> Draft:
    """Return the transaction that makes a channel between two domains."""
    return Draft((map_channel(plan.choice, plan.definition.type, plan.policy),))


def rights_of(domain: Domain) -> int:
    """Return a domain's rights as the contract's bits."""
    rights = Right.NONE
    for name in domain.rights:
        rights |= Right[name.upper()]
    return int(rights)


def move(partition: Partition, *states: str, reason: str = "") -> Draft:
    """Return the transaction that moves a partition through states."""
    operations = tuple(SetPartitionState(partition.number, state, reason) for state in states)
    return Draft(operations, (read_of(partition),))


def clear(partition: Partition) -> Draft:
    """Return the transaction that takes the image away, so that it can be laid again."""
    return Draft((SetLayout(partition.number, b""),), (read_of(partition),))


def make_ready(partition: Partition, layout: bytes, *states: str) -> Draft:
    """Return the transaction by which a partition has its image, and goes on to states."""
    steps = [SetPartitionState(partition.number, state) for state in ("ready", *states)]
    return Draft((SetLayout(partition.number, layout), *steps), (read_of(partition),))


def destroy(partition: Partition) -> Draft:
    """Return the transaction that takes everything from a partition, stopped first."""
    operations: list[AnyOperation] = []
    if partition.state in LIVE:
        operations.append(SetPartitionState(partition.number, PartitionState.STOPPED, "destroyed"))
    operations.append(DestroyPartition(partition.number))
    return Draft(tuple(operations), (read_of(partition),))


def read_of(partition: Partition) -> ReadVersion:
    """Return what a decision about a partition rests on."""
    return ReadVersion("partition", (partition.number,), partition.version)


def define(domain: Domain) -> Draft:
    """Return the transaction that keeps a domain's definition."""
    text = encode_definition(domain).decode()
    return Draft((DefineDomain(domain.name, domain.zone, text),))


def zones(policy: Policy, domains: tuple[Domain, ...], facts: Facts) -> Draft | None:
    """Return the transaction that makes zones and quotas the policy's; None: they are."""
    names = {ZONE_DEFAULT, *(zone.name for zone in policy.zone), *(row.zone for row in domains)}
    present = {zone.name for zone in facts.zones}
    operations: list[AnyOperation] = [
        DefineZone(name, find_zone(policy.zone, name).guid_text) for name in sorted(names - present)
    ]
    operations += _quotas(policy, facts)
    return Draft(tuple(operations)) if operations else None


def _quotas(policy: Policy, facts: Facts) -> list[AnyOperation]:
    wanted: dict[tuple[str, str], int] = {}
    for quota in policy.quota:
        amounts = {
            QuotaResource.FRAMES: None
            if quota.memory_mib is None
            else quota.memory_mib * FRAMES_A_MIB,
            QuotaResource.PARTITIONS: quota.partitions,
            QuotaResource.VIRTUAL_PROCESSORS: quota.virtual_processors,
            QuotaResource.CHANNELS: quota.channels,
        }
        wanted |= {
            (quota.zone, resource): amount
            for resource, amount in amounts.items()
            if amount is not None
        }
    present: dict[tuple[str, str], int] = {
        (row.subject, row.resource): row.amount
        for row in facts.quotas
        if row.scope is QuotaScope.ZONE
    }
    return [
        SetQuota(QuotaScope.ZONE, zone, resource, wanted.get((zone, resource)))
        for zone, resource in sorted(wanted.keys() | present.keys())
        if wanted.get((zone, resource)) != present.get((zone, resource))
    ]


def load_of(facts: Facts, partition: Partition, *, incarnation: int) -> Load:
    """Return what boot must know to lay a partition's image.

    Of its channels a partition begins with its control channel alone; the others it maps when it
    is told of them. A hosted partition's tables name not even that: its program reaches its
    channels by its turns.
    """
    number = partition.number
    counts = {row.id: (row.machine_frame, row.frame_count) for row in facts.channels}
    ends = [end for end in facts.channel_ends if end.partition == number]
    types = {row.id: row.type_guid for row in facts.channels}
    control = next(
        (end for end in ends if end.side == CLIENT and is_control(types[end.channel])), None
    )
    return Load(
        partition=number,
        incarnation=incarnation,
        name=partition.name,
        image=partition.image,
        command_line=partition.command_line,
        rights=partition.rights,
        processors=sum(row.partition == number for row in facts.virtual_processors),
        extents=tuple(
            FrameRun(row.guest_frame, row.machine_frame, row.frame_count)
            for row in facts.extents
            if row.partition == number
        ),
        channels=tuple(
            FrameRun(end.guest_frame, *counts[end.channel], end.writable)
            for end in ends
            if end == control and partition.kind is not PartitionKind.HOSTED
        ),
        control_channel_address=0 if control is None else control.guest_frame * FRAME_SIZE_BYTES,
    )


def forget(name: str) -> Draft:
    """Return the transaction that drops a domain's definition."""
    return Draft((RemoveDomain(name),))


def with_memory(domain: Domain, memory_mib: int) -> Domain:
    """Return a domain with this much memory."""
    return replace(domain, memory_mib=memory_mib)
