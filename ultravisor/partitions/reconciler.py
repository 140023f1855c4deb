# SPDX-License-Identifier: GPL-2.0-or-later
"""What command does next: the one step that brings the host nearer to what is wanted.

Owns the life of partitions as a decision: what is, and what is wanted, make a step. Pure: the same
facts, wishes and time give the same step, so that it does not matter what command had been doing
when it was restarted. Called by command, which takes the step and asks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from ultravisor.channels.command_protocol import SetChannelState, UnmapChannel
from ultravisor.partitions import partings, transactions
from ultravisor.partitions.channel_types import TYPE_CONTROL
from ultravisor.partitions.decisions import Reason
from ultravisor.partitions.definitions import ChannelDefinition, Domain, encode_definition
from ultravisor.partitions.introductions import CLIENT, SERVER
from ultravisor.partitions.media import (
    PathDefinition,
    medium_of_channel,
    paths_of,
    policy_of,
)
from ultravisor.partitions.media_steps import is_recovering, medium_step
from ultravisor.partitions.messages import Described, Load
from ultravisor.partitions.path_plan import refuse_path
from ultravisor.partitions.planner import Refusal, in_order, plan_channel, plan_domain
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.partitions.transactions import Draft
from ultravisor.resources.records import ChannelState, PartitionState

if TYPE_CHECKING:
    from ultravisor.partitions.facts import Facts
    from ultravisor.resources.records import Partition

ENDED: Final = (PartitionState.STOPPED, PartitionState.FAILED)
OPERATOR: Final = "operator"


class Wish(Struct, frozen=True):
    """What is wanted of one domain, beside its definition."""

    domain: Domain
    forgotten: bool = False
    """It is to be no more, nor its definition."""
    reset: bool = False
    """Once it has ended, it is to run again now, whatever the policy says."""
    restart_due: bool = False
    """The policy's back-off is over."""


class Transaction(Struct, frozen=True):
    """Ask the ultravisor for a transaction."""

    subject: str
    """The domain or channel that it is about; empty: zones and quotas."""
    draft: Draft
    reasons: tuple[Reason, ...] = ()
    starts: bool = False
    """The partition begins to run."""


class Ask(Struct, frozen=True):
    """Ask boot what an image is."""

    subject: str
    image: str


class Lay(Struct, frozen=True):
    """Ask boot to lay an image."""

    subject: str
    load: Load


class Blocked(Struct, frozen=True):
    """Nothing can be done about a domain or channel: why."""

    subject: str
    refusal: Refusal


Step = Transaction | Ask | Lay | Blocked


class Wishes(Struct, frozen=True, kw_only=True):
    """All that is wanted, and what command has been told."""

    placed: PlacedPolicy
    wishes: dict[str, Wish]
    images: dict[str, Described] = {}
    """What boot said of images."""
    layouts: dict[int, tuple[int, bytes]] = {}
    """By partition: the incarnation for which boot has laid an image, and its layout."""
    blocked: frozenset[str] = frozenset()
    """What cannot be done as things are, and is not tried again before they change."""
    away: dict[str, int] = {}
    """Ports by medium, from which orders move it."""


def next_step(facts: Facts, wishes: Wishes) -> Step | None:
    """Return the next step; None: everything is as it is wanted, or waits."""
    domains = tuple(wish.domain for wish in wishes.wishes.values())
    draft = transactions.zones(wishes.placed.policy, domains, facts)
    if draft is not None and "" not in wishes.blocked:
        return Transaction("", draft)
    # First of all, for somebody waits for it.
    moved = medium_step(facts, wishes.away)
    if moved is not None and f"medium {moved.medium}" not in wishes.blocked:
        return Transaction(f"medium {moved.medium}", moved.draft, (moved.reason,))
    order = [wishes.wishes[row.name] for row in in_order(wishes.placed, domains)]
    for advance in (_take_away, _define, _create):
        for wish in order:
            step = advance(facts, wishes, wish)
            if step is not None and step.subject not in wishes.blocked:
                return step
    step = _channel_step(facts, wishes)
    if step is not None:
        return step
    for wish in order:
        step = _live(facts, wishes, wish)
        if step is not None and step.subject not in wishes.blocked:
            return step
    return None


def _take_away(facts: Facts, wishes: Wishes, wish: Wish) -> Step | None:
    """Destroy what is to be absent; first, so that others find room."""
    name = wish.domain.name
    if not wish.forgotten and wish.domain.wanted != "absent":
        return None
    partition = facts.partition_of(name)
    if partition is not None:
        return _destroy(facts, name, partition)
    if wish.forgotten and any(row.name == name for row in facts.domains):
        return Transaction(name, transactions.forget(name))
    return None


def _destroy(facts: Facts, name: str, partition: Partition) -> Step | None:
    """End a partition; who shares a channel with it is asked to let go of that before."""
    channels = partings.channels_of(facts, partition)
    if partings.are_leaving(channels):
        return None
    if partition.state in transactions.LIVE:
        draft = transactions.move(partition, "stopped", reason="destroyed")
    else:
        draft = Draft((), (transactions.read_of(partition),))
    asked = partings.ask_to_leave(facts, channels)
    if not asked:
        return Transaction(name, transactions.destroy(partition))
    return Transaction(name, Draft((*draft.operations, *asked), draft.reads))


def _define(facts: Facts, wishes: Wishes, wish: Wish) -> Step | None:
    """Keep a domain's definition."""
    if wish.forgotten:
        return None
    text = encode_definition(wish.domain).decode()
    for row in facts.domains:
        if row.name == wish.domain.name and row.definition == text:
            return None
    return Transaction(wish.domain.name, transactions.define(wish.domain))


def _create(facts: Facts, wishes: Wishes, wish: Wish) -> Step | None:
    """Make the partition of a domain that has none."""
    domain = wish.domain
    if wish.forgotten or domain.wanted == "absent" or facts.partition_of(domain.name) is not None:
        return None
    image = wishes.images.get(domain.image)
    if image is None:
        return Ask(domain.name, domain.image)
    plan = plan_domain(facts, wishes.placed, _sized(domain, image))
    if isinstance(plan, Refusal):
        return Blocked(domain.name, plan)
    return Transaction(domain.name, transactions.create(plan, facts, image.width), plan.reasons)


def _sized(domain: Domain, image: Described) -> Domain:
    """Return a domain with the memory that its image asks for, where it does not say itself."""
    if domain.memory_mib is not None or image.memory_mib == 0:
        return domain
    return transactions.with_memory(domain, image.memory_mib)


def _channel_step(facts: Facts, wishes: Wishes) -> Step | None:
    """Make the channels that are defined, and take away those that no longer are."""
    domains = {name: wish.domain for name, wish in wishes.wishes.items() if not wish.forgotten}
    present = channels_between(facts)
    paths = paths_of(wishes.placed.policy, domains.values())
    for definition in (*wishes.placed.policy.channel, *paths):
        if not {definition.server, definition.client} <= domains.keys():
            continue
        found = present.get(_key(definition))
        if found:
            step = _map_again(facts, definition, found.pop(0))
        else:
            step = _connect(facts, wishes, definition, domains)
        if step is not None and step.subject not in wishes.blocked:
            return step
    for channels in present.values():
        for channel in channels:
            step = _disconnect(facts, channel)
            if step is not None and step.subject not in wishes.blocked:
                return step
    return None


def _disconnect(facts: Facts, number: int) -> Step | None:
    """Take a channel away that nobody wants any more; who uses it is asked before."""
    subject = f"channel {number}"
    channels = [row for row in facts.channels if row.id == number]
    if partings.are_leaving(channels):
        return None
    asked = partings.ask_to_leave(facts, channels)
    return Transaction(subject, Draft(asked or (UnmapChannel(number),)))


def _map_again(facts: Facts, definition: ChannelDefinition, number: int) -> Step | None:
    """Give a channel back, empty, once whoever had ended is there again."""
    row = next(row for row in facts.channels if row.id == number)
    if row.state is not ChannelState.REVOKED or is_recovering(facts, row):
        return None
    if any(end.state in ENDED for end in partings.ends_of(facts, number)):
        return None
    return Transaction(definition.name, Draft((SetChannelState(number, ChannelState.MAPPED),)))


def _connect(
    facts: Facts, wishes: Wishes, definition: ChannelDefinition, domains: dict[str, Domain]
) -> Step | None:
    server, client = domains[definition.server], domains[definition.client]
    if facts.partition_of(server.name) is None or facts.partition_of(client.name) is None:
        return None
    refusal = refuse_path(facts, definition) if isinstance(definition, PathDefinition) else None
    plan = refusal or plan_channel(facts, wishes.placed, definition, server, client)
    if isinstance(plan, Refusal):
        return Blocked(definition.name, plan)
    if isinstance(definition, PathDefinition):
        plan = replace(plan, policy=policy_of(definition.medium))
    return Transaction(definition.name, transactions.connect(plan), plan.reasons)


def _key(definition: ChannelDefinition) -> tuple[str, str, str, str]:
    medium = definition.medium if isinstance(definition, PathDefinition) else ""
    return (definition.type, definition.client, definition.server, medium)


def channels_between(facts: Facts) -> dict[tuple[str, str, str, str], list[int]]:
    """Return the channels between domains' partitions, in order.

    By type, client, server, and the medium that they are paths to (empty: none).
    """
    names = {row.number: row.domain for row in facts.partitions if row.domain is not None}
    ends: dict[int, dict[int, int]] = {}
    for end in facts.channel_ends:
        ends.setdefault(end.channel, {})[end.side] = end.partition
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for channel in facts.channels:
        sides = ends.get(channel.id, {})
        client, server = names.get(sides.get(CLIENT, 0)), names.get(sides.get(SERVER, 0))
        if channel.type_guid != str(TYPE_CONTROL) and client is not None and server is not None:
            key = (channel.type_guid, client, server, medium_of_channel(channel))
            found.setdefault(key, []).append(channel.id)
    return found


def _live(facts: Facts, wishes: Wishes, wish: Wish) -> Step | None:
    """Bring a partition a step towards the state that is wanted."""
    partition = facts.partition_of(wish.domain.name)
    if partition is None or wish.forgotten:
        return None
    if partition.state is PartitionState.ALLOCATED:
        return _lay(facts, wishes, wish, partition)
    if partition.state in ENDED:
        if not (wish.reset or wish.restart_due):
            return None
        if partition.layout:
            return _clear(facts, wish.domain.name, partition)
        return _lay(facts, wishes, wish, partition)
    states = _path(partition.state, wish)
    if not states:
        return None
    reason = OPERATOR if "stopped" in states else ""
    draft = transactions.move(partition, *states, reason=reason)
    return Transaction(wish.domain.name, draft, starts=partition.state is PartitionState.READY)


def _clear(facts: Facts, name: str, partition: Partition) -> Step | None:
    """Take the image of a partition that has ended away, and before that its channels."""
    channels = partings.channels_of(facts, partition)
    if partings.are_leaving(channels):
        return None
    asked = partings.ask_to_leave(facts, channels)
    if asked:
        return Transaction(name, Draft(asked, (transactions.read_of(partition),)))
    return Transaction(name, transactions.clear(partition))


def _path(state: PartitionState, wish: Wish) -> tuple[str, ...]:
    """Return the states through which a partition that has not ended goes now."""
    wanted = wish.domain.wanted
    live = state in {PartitionState.RUNNING, PartitionState.PAUSED}
    if live and (wish.reset or wanted == "stopped"):
        return ("stopped",)
    paths = {
        (PartitionState.READY, "running"): ("running",),
        (PartitionState.READY, "paused"): ("running", "paused"),
        (PartitionState.RUNNING, "paused"): ("paused",),
        (PartitionState.PAUSED, "running"): ("running",),
    }
    return paths.get((state, wanted), ())


def _lay(facts: Facts, wishes: Wishes, wish: Wish, partition: Partition) -> Step:
    """Have the image laid; once it is, the partition is ready and goes on at once."""
    ended = partition.state in ENDED
    incarnation = partition.incarnation + int(ended)
    laid = wishes.layouts.get(partition.number)
    name = wish.domain.name
    if laid is None or laid[0] != incarnation:
        return Lay(name, transactions.load_of(facts, partition, incarnation=incarnation))
    wanted = wish.domain.wanted
    states = {"running": ("running",), "paused": ("running", "paused")}.get(wanted, ())
    draft = transactions.make_ready(partition, laid[1], *states)
    return Transaction(name, draft, starts=bool(states))
