# SPDX-License-Identifier: GPL-2.0-or-later
"""The planner: what the agents together make of a domain or a channel.

Owns the order in which the agents are asked and the form of a refusal. Pure functions of the facts
and the policy, so that the same host decides the same. Called by command, which turns a plan into a
transaction (transactions.py), and by `policy explain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from ultravisor.partitions.channel_agent import (
    ChannelChoice,
    EndPlace,
    NoPortError,
    choose_channel,
    choose_control_channel,
    end_of,
)
from ultravisor.partitions.control_desk import CONTROL_AND_BUS_SIZE_BYTES
from ultravisor.partitions.decisions import Reason, admit, may_join, priority_of, quota_of
from ultravisor.partitions.definitions import ChannelDefinition, Domain, memory_of
from ultravisor.partitions.device_agent import DeviceChoice, NoDeviceError, choose_devices
from ultravisor.partitions.facts import Facts, without
from ultravisor.partitions.memory_agent import (
    FRAMES_A_MIB,
    FrameChoice,
    NoMemoryError,
    choose_frames,
)
from ultravisor.partitions.processor_agent import (
    NoProcessorError,
    ProcessorChoice,
    choose_processors,
)
from ultravisor.resources.records import FRAME_SIZE_BYTES, FrameRange

if TYPE_CHECKING:
    from ultravisor.partitions.policy import PlacedPolicy
    from ultravisor.resources.records import Partition

# The server of every control channel.
ULTRAVISOR = "ultravisor"
CONTROL_FRAME_COUNT = CONTROL_AND_BUS_SIZE_BYTES // FRAME_SIZE_BYTES
KIB_A_FRAME = FRAME_SIZE_BYTES // 1024

RefusalKind = Literal[
    "conflict", "quota", "ownership", "policy", "unknown-id", "invalid", "limit", "state"
]


class Refusal(Struct, frozen=True):
    """Why something is not done: the kind is one of the command protocol's."""

    kind: RefusalKind
    sentence: str
    rule: str = ""


class DomainPlan(Struct, frozen=True, kw_only=True):
    """What a domain's partition will hold."""

    domain: Domain
    number: int
    memory: FrameChoice
    processors: ProcessorChoice
    devices: DeviceChoice
    control: ChannelChoice
    reasons: tuple[Reason, ...]


class ChannelPlan(Struct, frozen=True, kw_only=True):
    """What a channel will be."""

    definition: ChannelDefinition
    zone: str
    policy: str
    """The rule that lets it leave its zone; empty: both ends are inside."""
    choice: ChannelChoice
    reasons: tuple[Reason, ...]


def plan_domain(facts: Facts, placed: PlacedPolicy, domain: Domain) -> DomainPlan | Refusal:
    """Ask policy and agents for everything that a domain's partition needs."""
    admission = admit(placed, domain)
    if not admission.admitted:
        sentence = f"`{domain.name}`: {admission.reason.sentence}"
        return Refusal("policy", sentence, admission.reason.rule)
    if facts.partition_of(domain.name) is not None:
        return Refusal("state", f"domain `{domain.name}` has a partition already")
    server = facts.partition_named(ULTRAVISOR)
    if server is None:
        return Refusal("state", "there is no partition `ultravisor` to serve a control channel")
    number = facts.free_number()
    if number is None:
        return Refusal("limit", f"`{domain.name}`: all partition numbers are taken")
    try:
        return _plan(facts, placed, domain, number, server)
    except (NoMemoryError, NoPortError) as failure:
        return Refusal("limit", failure.sentence)
    except NoProcessorError as failure:
        return Refusal("policy", failure.reason.sentence, failure.reason.rule)
    except NoDeviceError as failure:
        return Refusal("ownership", failure.reason.sentence, failure.reason.rule)


def _plan(
    facts: Facts, placed: PlacedPolicy, domain: Domain, number: int, server: Partition
) -> DomainPlan:
    frame_count = memory_of(domain) * FRAMES_A_MIB
    extents = facts.machine.partition_extent_limit
    free = facts.free
    if facts.next_descriptor_frame is not None:
        free = without(free, (FrameRange(facts.next_descriptor_frame, 1),))
    memory = choose_frames(free, frame_count, extents, f"`{domain.name}`")
    behind_control = EndPlace(number, frame_count + CONTROL_FRAME_COUNT)
    devices = choose_devices(facts, domain, behind_control)
    processors = choose_processors(facts, placed, domain)
    control = choose_control_channel(
        without(free, memory.ranges),
        CONTROL_FRAME_COUNT,
        EndPlace(number, frame_count),
        end_place(facts, server.number),
        f"control {domain.name}",
    )
    reasons = (
        admit(placed, domain).reason,
        priority_of(placed, domain)[1],
        quota_of(placed, domain.zone)[1],
        memory.reason,
        *processors.reasons,
        *devices.reasons,
        control.reason,
    )
    return DomainPlan(
        domain=domain,
        number=number,
        memory=memory,
        processors=processors,
        devices=devices,
        control=control,
        reasons=reasons,
    )


def plan_channel(
    facts: Facts,
    placed: PlacedPolicy,
    definition: ChannelDefinition,
    server: Domain,
    client: Domain,
) -> ChannelPlan | Refusal:
    """Ask policy and agents for a channel between the partitions of two domains."""
    allowed = may_join(placed, definition, server, client)
    if not allowed.admitted:
        return Refusal("policy", allowed.reason.sentence, allowed.reason.rule)
    numbers = []
    for domain in (client, server):
        partition = facts.partition_of(domain.name)
        if partition is None:
            return Refusal("unknown-id", f"domain `{domain.name}` has no partition")
        numbers.append(partition.number)
    places = [end_place(facts, number) for number in numbers]
    try:
        choice = choose_channel(
            facts.free,
            definition.size_kib // KIB_A_FRAME,
            places[0],
            places[1],
            definition.name,
        )
    except (NoMemoryError, NoPortError) as failure:
        return Refusal("limit", failure.sentence)
    return ChannelPlan(
        definition=definition,
        zone=client.zone,
        policy="" if server.zone == client.zone else allowed.reason.rule,
        choice=choice,
        reasons=(allowed.reason, choice.reason),
    )


def end_place(facts: Facts, number: int) -> EndPlace:
    """Return what a partition has, as far as a new end of a channel must avoid it."""
    places = [
        (row.guest_frame, row.frame_count) for row in facts.extents if row.partition == number
    ]
    counts = {row.id: row.frame_count for row in facts.channels}
    places += [
        (end.guest_frame, counts[end.channel])
        for end in facts.channel_ends
        if end.partition == number
    ]
    places += [(row.guest_frame, row.frame_count) for row in facts.devices if row.owner == number]
    return EndPlace(number, end_of(places), frozenset(facts.ports_of(number)))


def in_order(placed: PlacedPolicy, domains: tuple[Domain, ...]) -> tuple[Domain, ...]:
    """Return domains in the order in which they are served: by priority, then by name."""
    return tuple(sorted(domains, key=lambda domain: (-priority_of(placed, domain)[0], domain.name)))
