# SPDX-License-Identifier: GPL-2.0-or-later
"""The processor agent: which physical processor runs each virtual one, and in which slots.

Owns the choice alone, a pure function of the maps and of one placement rule. `spread` takes the
processor with the least load, `pack` the one with the most that still has room; equal ones by
number, so that the same facts give the same place. Called by the planner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.partitions.decisions import Reason, place_rule
from ultravisor.partitions.definitions import find_zone

if TYPE_CHECKING:
    from ultravisor.partitions.definitions import Domain
    from ultravisor.partitions.facts import Facts
    from ultravisor.partitions.policy import PlacedPolicy, PlacementRule


class NoProcessorError(Exception):
    """No processor that the policy allows has room."""

    def __init__(self, reason: Reason) -> None:
        """Keep the rule and the sentence that the asker is told."""
        super().__init__(reason.sentence)
        self.reason = reason


class SlotChoice(Struct, frozen=True):
    """The slot of one virtual processor, to stand last in its processor's map."""

    processor: int
    quantum_cycles: int
    donates: bool


class ProcessorChoice(Struct, frozen=True):
    """The slot of each virtual processor, by index."""

    slots: tuple[SlotChoice, ...]
    reasons: tuple[Reason, ...]


def choose_processors(facts: Facts, placed: PlacedPolicy, domain: Domain) -> ProcessorChoice:
    """Choose a physical processor for each virtual one; raise NoProcessorError."""
    rule, reason = place_rule(placed, domain)
    allowed = _allowed(facts, placed, domain, rule)
    load = facts.load_cycles()
    counts = {number: len(slots) for number, slots in facts.slots_by_processor().items()}
    slots, reasons = [], [reason]
    for index in range(domain.processors):
        room = [number for number in allowed if counts[number] < rule.slots_maximum]
        if not room:
            raise NoProcessorError(_full(domain, allowed, rule, reason))
        sign = 1 if rule.strategy == "spread" else -1
        chosen = min(room, key=lambda number: (sign * load[number], number))
        sentence = (
            f"virtual processor {index} on processor {chosen}: {rule.strategy}, load "
            f"{load[chosen]} cycles a round"
        )
        reasons.append(Reason("processor", reason.rule, sentence))
        slots.append(SlotChoice(chosen, rule.quantum_cycles, rule.donates))
        load[chosen] += rule.quantum_cycles
        counts[chosen] += 1
    return ProcessorChoice(tuple(slots), tuple(reasons))


def _allowed(facts: Facts, placed: PlacedPolicy, domain: Domain, rule: PlacementRule) -> list[int]:
    """Return the processors to choose from: the rule's, within the zone's, within the host's."""
    numbers = set(range(facts.machine.processor_count))
    zone = find_zone(placed.policy.zone, domain.zone)
    for bound in (rule.processors, zone.processors):
        if bound:
            numbers &= set(bound)
    return sorted(numbers)


def _full(domain: Domain, allowed: list[int], rule: PlacementRule, reason: Reason) -> Reason:
    if not allowed:
        sentence = f"`{domain.name}`: the host has none of the processors that rule and zone allow"
    else:
        numbers = ", ".join(str(number) for number in allowed)
        sentence = (
            f"`{domain.name}`: processors {numbers} have {rule.slots_maximum} slots each already"
        )
    return Reason("processor", reason.rule, sentence)
