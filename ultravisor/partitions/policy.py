# SPDX-License-Identifier: GPL-2.0-or-later
"""What a policy says, as typed records.

Owns every kind of rule with its defaults and units. A rule selects domains by name, kind and zone;
in each kind of rule the first that selects a domain decides, so that order is meaning. Read from
TOML by policy_reader, applied by decisions; nothing here opens a file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ultravisor.configuration import QUANTUM_DEFAULT_CYCLES, Cycles, Quantum
from ultravisor.machine.abi import PARTITION_PROCESSOR_LIMIT, SLOT_LIMIT
from ultravisor.partitions.definitions import (
    ChannelDefinition,
    Count,
    DiskDefinition,
    Domain,
    DomainKind,
    Name,
    NetworkDefinition,
    ProcessorNumber,
    Zone,
)

ANY = "*"
PRIORITY_DEFAULT = 100
PRIORITY_MAXIMUM = 255
ATTEMPTS_DEFAULT = 5
BACK_OFF_DEFAULT_CYCLES = 1_000_000
BACK_OFF_MAXIMUM_DEFAULT_CYCLES = 1_000_000_000
FORGET_DEFAULT_CYCLES = 10_000_000_000
SENTENCE_LIMIT = 256

Strategy = Literal["spread", "pack"]
EndState = Literal["failed", "stopped"]
Pattern = Annotated[str, Meta(min_length=1, max_length=64)]
Sentence = Annotated[str, Meta(max_length=SENTENCE_LIMIT)]


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which domains a rule is about; all that is said must hold."""

    name: Pattern = ANY
    """A pattern of domain names: `*` any characters, `?` one, `[ab]` one of these."""
    kind: tuple[DomainKind, ...] = ()
    """Kinds of domains; by default all."""
    zone: Pattern = ANY
    """A pattern of zone names."""


class AdmissionRule(Rule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[admission]]: whether a domain may become a partition."""

    admit: bool = True
    """With false, what it selects is refused."""
    memory_maximum_mib: Annotated[int, Meta(ge=1, le=8192)] | None = None
    """More memory than this, in MiB, is refused; by default no bound."""
    processors_maximum: Annotated[int, Meta(ge=1, le=PARTITION_PROCESSOR_LIMIT)] | None = None
    """More virtual processors than this are refused; by default no bound."""
    reason: Sentence = ""
    """Told to whoever is refused."""


class PlacementRule(Rule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[placement]]: on which physical processors, and with which slots."""

    processors: tuple[ProcessorNumber, ...] = ()
    """The physical processors to choose from; by default the zone's."""
    strategy: Strategy = "spread"
    """`spread` takes the least loaded processor, `pack` the most loaded that has room."""
    quantum_cycles: Quantum = QUANTUM_DEFAULT_CYCLES
    """The length of each slot, in cycles; at least 16."""
    slots_maximum: Annotated[int, Meta(ge=1, le=SLOT_LIMIT)] = SLOT_LIMIT
    """A processor with this many slots has no room."""
    donates: bool = False
    """What a slot's owner does not use goes to the next that can run, not to idle."""


class RestartRule(Rule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[restart]]: what happens when a partition ends."""

    on: tuple[EndState, ...] = ("failed",)
    """After which ends: `failed`, `stopped` (it exited by itself)."""
    attempts_maximum: Annotated[int, Meta(ge=0, le=1_000_000)] = ATTEMPTS_DEFAULT
    """Restarts in a row; then it stays as it ended. 0: never restarted."""
    back_off_cycles: Cycles = BACK_OFF_DEFAULT_CYCLES
    """The wait before the first restart, in cycles of the guest clock."""
    back_off_factor: Annotated[int, Meta(ge=1, le=100)] = 2
    """By what each further wait is longer."""
    back_off_maximum_cycles: Cycles = BACK_OFF_MAXIMUM_DEFAULT_CYCLES
    """The longest wait, in cycles."""
    forget_after_cycles: Cycles = FORGET_DEFAULT_CYCLES
    """After running this long, in cycles, earlier restarts no longer count."""


class PriorityRule(Rule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[priority]]: who is served first when several wait."""

    priority: Annotated[int, Meta(ge=0, le=PRIORITY_MAXIMUM)] = PRIORITY_DEFAULT
    """0 to 255; the higher is served first, equal ones in the order of their names."""


class Quota(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[[quota]]: what the partitions of one zone may hold together; each at most one a zone."""

    zone: Name
    """The zone that it bounds."""
    memory_mib: Count | None = None
    """Memory of its partitions, in MiB, channels not counted; by default no bound."""
    partitions: Count | None = None
    """Partitions; by default no bound."""
    virtual_processors: Count | None = None
    """Virtual processors; by default no bound."""
    channels: Count | None = None
    """Channels between its partitions; by default no bound."""


class Policy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that is written in the files of a host's policies, rules in their order."""

    zone: tuple[Zone, ...] = ()
    domain: tuple[Domain, ...] = ()
    channel: tuple[ChannelDefinition, ...] = ()
    disk: tuple[DiskDefinition, ...] = ()
    network: tuple[NetworkDefinition, ...] = ()
    admission: tuple[AdmissionRule, ...] = ()
    placement: tuple[PlacementRule, ...] = ()
    restart: tuple[RestartRule, ...] = ()
    priority: tuple[PriorityRule, ...] = ()
    quota: tuple[Quota, ...] = ()


class PlacedPolicy(Struct, frozen=True, kw_only=True):
    """A policy, and where each of its records stands: `file:line`, by table and index."""

    policy: Policy = Policy()
    places: dict[str, tuple[str, ...]] = {}

    def reference(self, table: str, index: int) -> str:
        """Return how an explanation names a rule: `placement[1] at host.toml:12`."""
        places = self.places.get(table, ())
        where = f" at {places[index]}" if index < len(places) else ""
        return f"{table}[{index}]{where}"
