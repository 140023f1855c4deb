# SPDX-License-Identifier: GPL-2.0-or-later
"""What a policy would make of its domains: which rule decides what.

Owns the explanation of a whole policy, with or without a host to place the domains on. The same
pure functions as command's decide here, on an empty host. Called by `ultravisor policy explain` and
from Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ultravisor.errors import NotFoundError
from ultravisor.partitions.decisions import (
    Reason,
    admit,
    may_join,
    place_rule,
    priority_of,
    quota_of,
    restart_rule,
)
from ultravisor.partitions.facts import Facts, without
from ultravisor.partitions.media import PathDefinition, paths_of
from ultravisor.partitions.memory_agent import FRAMES_A_MIB
from ultravisor.partitions.path_plan import UNKNOWN_KIND, refuse_path
from ultravisor.partitions.planner import (
    ULTRAVISOR,
    ChannelPlan,
    DomainPlan,
    Refusal,
    in_order,
    plan_channel,
    plan_domain,
)
from ultravisor.resources.records import (
    Channel,
    ChannelEnd,
    ChannelState,
    Device,
    DeviceState,
    Extent,
    FrameRange,
    Limits,
    Machine,
    Partition,
    PartitionKind,
    PartitionState,
    Slot,
)

if TYPE_CHECKING:
    from ultravisor.partitions.channel_agent import ChannelChoice
    from ultravisor.partitions.definitions import ChannelDefinition, Domain
    from ultravisor.partitions.policy import EndState, PlacedPolicy

ENDS: tuple[EndState, ...] = ("failed", "stopped")
MIB_RESERVED = 16
HOSTED = ("idle", "boot", ULTRAVISOR, "command", "operations")


class Explanation(Struct, frozen=True):
    """What is decided of one domain or channel, and by which rules."""

    noun: str
    """domain, channel, or path: a channel to a port of a medium."""
    name: str
    accepted: bool
    reasons: tuple[Reason, ...]


def explain(
    placed: PlacedPolicy, names: tuple[str, ...] = (), host: Facts | None = None
) -> tuple[Explanation, ...]:
    """Explain the domains named, or all, and the channels between them, in the order of service.

    With a host, the agents place each on it in turn; without, only rules are named. Raise
    NotFoundError for a name that no domain has.
    """
    known = {domain.name for domain in placed.policy.domain}
    for name in names:
        if name not in known:
            hint = f"domains: {', '.join(sorted(known)) or 'none'}"
            raise NotFoundError(f"no domain is named `{name}`", hint)
    found = []
    for domain in in_order(placed, placed.policy.domain):
        explanation, host = _explain_domain(placed, domain, host)
        if not names or domain.name in names:
            found.append(explanation)
    domains = {domain.name: domain for domain in placed.policy.domain}
    for definition in (*placed.policy.channel, *paths_of(placed.policy, domains.values())):
        explanation, host = _explain_channel(placed, definition, domains, host)
        if not names or {definition.server, definition.client} & set(names):
            found.append(explanation)
    return tuple(found)


def _explain_channel(
    placed: PlacedPolicy,
    definition: ChannelDefinition,
    domains: dict[str, Domain],
    host: Facts | None,
) -> tuple[Explanation, Facts | None]:
    """Explain a channel, or a path to a medium, and place it where there is a host."""
    server, client = domains[definition.server], domains[definition.client]
    allowed = may_join(placed, definition, server, client)
    accepted = allowed.admitted
    reasons: tuple[Reason, ...] = (allowed.reason,)
    refusal = None
    if isinstance(definition, PathDefinition):
        sentence = f"`{client.name}` reaches `{definition.port}` by `{server.name}`"
        rule = placed.reference(definition.table, definition.index)
        reasons = (Reason("medium", rule, sentence), *reasons)
        refusal = None if host is None else refuse_path(host, definition)
    if host is not None and accepted:
        plan = refusal or plan_channel(host, placed, definition, server, client)
        accepted = isinstance(plan, ChannelPlan)
        reasons = (*reasons[:-1], *_reasons(plan))
        if isinstance(plan, ChannelPlan):
            host = _with_channel(host, plan.choice, definition.type)
    noun = "path" if isinstance(definition, PathDefinition) else "channel"
    name = definition.name.removeprefix("path ") if noun == "path" else definition.name
    return Explanation(noun, name, accepted, reasons), host


def _explain_domain(
    placed: PlacedPolicy, domain: Domain, host: Facts | None
) -> tuple[Explanation, Facts | None]:
    restarts = tuple(restart_rule(placed, domain, end)[1] for end in ENDS)
    if host is None:
        admission = admit(placed, domain)
        rules = (
            admission.reason,
            priority_of(placed, domain)[1],
            quota_of(placed, domain.zone)[1],
            place_rule(placed, domain)[1],
        )
        return Explanation("domain", domain.name, admission.admitted, (*rules, *restarts)), None
    plan = plan_domain(host, placed, domain)
    accepted = isinstance(plan, DomainPlan)
    explanation = Explanation("domain", domain.name, accepted, (*_reasons(plan), *restarts))
    if isinstance(plan, DomainPlan):
        host = _with_domain(host, plan)
    return explanation, host


def _reasons(plan: DomainPlan | ChannelPlan | Refusal) -> tuple[Reason, ...]:
    if isinstance(plan, Refusal):
        return (Reason(plan.kind, plan.rule or "default", f"refused: {plan.sentence}"),)
    return plan.reasons


def empty_host(processors: int, memory_mib: int, devices: tuple[str, ...] = ()) -> Facts:
    """Return the facts of a host that holds only what every host holds."""
    limits = Limits()
    machine = Machine(
        id=1,
        frame_count=memory_mib * FRAMES_A_MIB,
        processor_count=processors,
        partition_limit=limits.partition_limit,
        slot_limit=limits.slot_limit,
        partition_processor_limit=limits.partition_processor_limit,
        partition_extent_limit=limits.partition_extent_limit,
        port_limit=limits.port_limit,
        quantum_minimum_cycles=limits.quantum_minimum_cycles,
        next_channel=1,
        next_device=len(devices) + 1,
        version=0,
    )
    reserved = MIB_RESERVED * FRAMES_A_MIB
    free = (FrameRange(reserved, max(0, machine.frame_count - reserved)),)
    rows = tuple(_partition(number, name) for number, name in enumerate(HOSTED, start=1))
    known = tuple(
        Device(number, UNKNOWN_KIND, name, DeviceState.ALLOCATED, None, 0, 0, 0, 0, 0)
        for number, name in enumerate(devices, start=1)
    )
    return Facts(machine=machine, free=free, partitions=rows, devices=known)


def _partition(number: int, name: str, domain: str | None = None) -> Partition:
    return Partition(
        number=number,
        name=name,
        kind=PartitionKind.HOSTED if domain is None else PartitionKind.GUEST,
        state=PartitionState.RUNNING,
        incarnation=1,
        descriptor_frame=None,
        zone=None,
        domain=domain,
        width=64,
        rights=0,
        image="",
        command_line="",
        layout=b"",
        reason="",
        version=0,
    )


def _with_domain(facts: Facts, plan: DomainPlan) -> Facts:
    """Return the facts as they will be when a plan is committed."""
    number, guest_frame, extents = plan.number, 0, []
    for run in plan.memory.ranges:
        extents.append(Extent(number, guest_frame, run.machine_frame, run.frame_count, 0))
        guest_frame += run.frame_count
    maps = {key: len(slots) for key, slots in facts.slots_by_processor().items()}
    slots = []
    for index, choice in enumerate(plan.processors.slots):
        position = maps[choice.processor]
        maps[choice.processor] += 1
        slots.append(
            Slot(
                choice.processor, position, number, index, choice.quantum_cycles, choice.donates, 0
            )
        )
    seats = {seat.device.id: seat for seat in plan.devices.seats}
    after = replace(
        facts,
        free=without(facts.free, plan.memory.ranges),
        partitions=(*facts.partitions, _partition(number, plan.domain.name, plan.domain.name)),
        extents=(*facts.extents, *extents),
        slots=(*facts.slots, *slots),
        devices=tuple(
            replace(device, owner=number, guest_frame=seat.guest_frame, port=seat.port)
            if (seat := seats.get(device.id)) is not None
            else device
            for device in facts.devices
        ),
    )
    return _with_channel(after, plan.control, "")


def _with_channel(facts: Facts, choice: ChannelChoice, type_guid: str) -> Facts:
    channel = len(facts.channels) + 1
    row = Channel(
        id=channel,
        type_guid=type_guid,
        zone=None,
        policy="",
        state=ChannelState.MAPPED,
        machine_frame=choice.frames.machine_frame,
        frame_count=choice.frames.frame_count,
        version=0,
    )
    ends = tuple(
        ChannelEnd(channel, end.side, end.partition, end.guest_frame, end.port, True, 0)
        for end in (choice.client, choice.server)
    )
    return replace(
        facts,
        free=without(facts.free, (choice.frames,)),
        channels=(*facts.channels, row),
        channel_ends=(*facts.channel_ends, *ends),
    )
