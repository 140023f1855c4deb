# SPDX-License-Identifier: GPL-2.0-or-later
"""What a policy says of one domain, and which rule said it.

Owns the reading of rules: the first that selects a domain decides, and where none does, the default
is named. Pure functions; called by the agents, by command, and by `ultravisor policy explain`.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from ultravisor.partitions.definitions import find_zone, memory_of
from ultravisor.partitions.policy import (
    PRIORITY_DEFAULT,
    AdmissionRule,
    PlacementRule,
    PriorityRule,
    Quota,
    RestartRule,
    Rule,
)

if TYPE_CHECKING:
    from ultravisor.partitions.definitions import ChannelDefinition, Domain
    from ultravisor.partitions.policy import EndState, PlacedPolicy

DEFAULT = "default"
IO_RESTART = RestartRule(on=("failed", "stopped"))
"""Of I/O domains that no rule selects: whoever has ended is to stand by for the other."""
RuleType = TypeVar("RuleType", bound=Rule)


class Reason(Struct, frozen=True):
    """One answer of a policy: what was asked, which rule decided, and what it said."""

    question: str
    """admission, zone, placement, restart, priority, quota, memory, processor, channel, device."""
    rule: str
    """`placement[1] at host.toml:12`, or `default`."""
    sentence: str


class Admission(Struct, frozen=True):
    """Whether a domain may become a partition."""

    admitted: bool
    reason: Reason


def selects(rule: Rule, domain: Domain) -> bool:
    """Say whether a rule is about a domain."""
    return (
        fnmatchcase(domain.name, rule.name)
        and fnmatchcase(domain.zone, rule.zone)
        and (not rule.kind or domain.kind in rule.kind)
    )


def admit(placed: PlacedPolicy, domain: Domain) -> Admission:
    """Apply [[admission]]."""
    found = _first(placed.policy.admission, domain)
    if found is None:
        reason = Reason("admission", DEFAULT, "admitted: no rule selects it")
        return Admission(True, reason)
    index, rule = found
    why = _refusal(rule, domain)
    sentence = "admitted" if why is None else f"refused: {why}"
    if why is not None and rule.reason:
        sentence += f": {rule.reason}"
    return Admission(
        why is None, Reason("admission", placed.reference("admission", index), sentence)
    )


def _refusal(rule: AdmissionRule, domain: Domain) -> str | None:
    if not rule.admit:
        return "admit is false"
    memory_mib = memory_of(domain)
    if rule.memory_maximum_mib is not None and memory_mib > rule.memory_maximum_mib:
        return f"{memory_mib} MiB are more than {rule.memory_maximum_mib}"
    if rule.processors_maximum is not None and domain.processors > rule.processors_maximum:
        return f"{domain.processors} virtual processors are more than {rule.processors_maximum}"
    return None


def place_rule(placed: PlacedPolicy, domain: Domain) -> tuple[PlacementRule, Reason]:
    """Apply [[placement]]; without a rule, the defaults of one."""
    found = _first(placed.policy.placement, domain)
    rule, reference = PlacementRule(), DEFAULT
    if found is not None:
        rule, reference = found[1], placed.reference("placement", found[0])
    zone = find_zone(placed.policy.zone, domain.zone)
    allowed = rule.processors or zone.processors
    where = f"processors {_numbers(allowed)}" if allowed else "any processor"
    donates = ", donates" if rule.donates else ""
    sentence = f"{rule.strategy} over {where}, slots of {rule.quantum_cycles} cycles{donates}"
    return rule, Reason("placement", reference, sentence)


def restart_rule(
    placed: PlacedPolicy, domain: Domain, end: EndState
) -> tuple[RestartRule | None, Reason]:
    """Apply [[restart]] to an end of a partition; None: it stays as it ended."""
    found = _first(placed.policy.restart, domain)
    if found is not None:
        index, rule = found
        reference = placed.reference("restart", index)
    elif domain.kind == "io":
        rule, reference = IO_RESTART, DEFAULT
    else:
        return None, Reason("restart", DEFAULT, f"{end}: stays so, no rule selects it")
    if end not in rule.on:
        return None, Reason("restart", reference, f"{end}: stays so, only {_words(rule.on)} counts")
    sentence = (
        f"{end}: restarted up to {rule.attempts_maximum} times, after {rule.back_off_cycles} "
        f"cycles, each time {rule.back_off_factor} times longer, at most "
        f"{rule.back_off_maximum_cycles}"
    )
    return rule, Reason("restart", reference, sentence)


def priority_of(placed: PlacedPolicy, domain: Domain) -> tuple[int, Reason]:
    """Apply [[priority]]."""
    found = _first(placed.policy.priority, domain)
    if found is None:
        return PRIORITY_DEFAULT, Reason("priority", DEFAULT, f"priority {PRIORITY_DEFAULT}")
    index, rule = found
    assert isinstance(rule, PriorityRule)
    reference = placed.reference("priority", index)
    return rule.priority, Reason("priority", reference, f"priority {rule.priority}")


def quota_of(placed: PlacedPolicy, zone: str) -> tuple[Quota | None, Reason]:
    """Return the quota of a zone, if it has one."""
    for index, quota in enumerate(placed.policy.quota):
        if quota.zone == zone:
            bounds = ", ".join(
                f"{key} {value}"
                for key in ("memory_mib", "partitions", "virtual_processors", "channels")
                if (value := getattr(quota, key)) is not None
            )
            sentence = f"zone `{zone}`: {bounds or 'no bound'}"
            return quota, Reason("quota", placed.reference("quota", index), sentence)
    return None, Reason("quota", DEFAULT, f"zone `{zone}`: no bound")


def may_join(
    placed: PlacedPolicy, channel: ChannelDefinition, server: Domain, client: Domain
) -> Admission:
    """Say whether a channel may join two domains: inside a zone, or where both zones reach out."""
    if server.zone == client.zone:
        sentence = f"`{channel.name}`: both ends are in zone `{server.zone}`"
        return Admission(True, Reason("zone", DEFAULT, sentence))
    for here, there in ((client.zone, server.zone), (server.zone, client.zone)):
        if there not in find_zone(placed.policy.zone, here).reaches:
            sentence = f"`{channel.name}`: refused: zone `{here}` does not reach `{there}`"
            return Admission(False, Reason("zone", zone_reference(placed, here), sentence))
    sentence = f"`{channel.name}`: zones `{client.zone}` and `{server.zone}` reach each other"
    return Admission(True, Reason("zone", zone_reference(placed, client.zone), sentence))


def zone_reference(placed: PlacedPolicy, name: str) -> str:
    """Return how an explanation names a zone."""
    for index, zone in enumerate(placed.policy.zone):
        if zone.name == name:
            return placed.reference("zone", index)
    return DEFAULT


def _first(rules: tuple[RuleType, ...], domain: Domain) -> tuple[int, RuleType] | None:
    for index, rule in enumerate(rules):
        if selects(rule, domain):
            return index, rule
    return None


def _numbers(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in numbers)


def _words(words: tuple[str, ...]) -> str:
    return " and ".join(words)
