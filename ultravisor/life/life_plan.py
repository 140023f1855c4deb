# SPDX-License-Identifier: GPL-2.0-or-later
"""From what a person names to a host that lives: an empty machine, and a policy with domains.

Owns which parts of a configuration a living host takes, and how its partitions become domains.
Called by the command; it must not make a machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ultravisor.configuration import Configuration
from ultravisor.device_check import check_outsides
from ultravisor.errors import ConfigurationError, NotFoundError, UsageError
from ultravisor.life.inheritance import Inheritance
from ultravisor.machine.abi import MACHINE_MEMORY_MAXIMUM_MIB
from ultravisor.machine.flat_image import read_flat_image
from ultravisor.partitions.definitions import Domain
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.partitions.policy_reader import load_policy
from ultravisor.plan import MIB, HostPlan, make_plan
from ultravisor.resolution import (
    BUNDLED,
    find_image,
    monitor_image,
    override,
    policy_paths,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ultravisor.configuration import (
        DeviceConfiguration,
        HostConfiguration,
        PartitionConfiguration,
    )

# What the infrastructure takes, and what there is for guests that are made later.
INFRASTRUCTURE_MIB = 64
SPARE_MIB = 448
NOTHING = Inheritance()


@dataclass(frozen=True, slots=True)
class LifePlan:
    """A host that can live."""

    machine: HostPlan
    """Without partitions: these come by transactions."""
    policy: PlacedPolicy
    inheritance: Inheritance = NOTHING
    """What an earlier life has left."""
    outsides: tuple[str, ...] = ()
    """The switches that have a port to the outside: part of the machine, whoever is there."""


def plan_life(
    files: Sequence[str],
    policies: Sequence[Path],
    settings: dict[str, object],
    inheritance: Inheritance = NOTHING,
    outsides: tuple[str, ...] = (),
) -> LifePlan:
    """Read and check everything; `settings` replace those of [host].

    What is defined anew is not inherited. `outsides` are switches to be joined to the outside.
    """
    configuration = Configuration()
    if files:
        configuration = resolve(files, **settings)
        _require_lives(configuration, " ".join(files))
        # Images and sizes are looked at now, so that errors come before anything starts.
        make_plan(configuration, lives=True)
    else:
        configuration = override(configuration, **settings)
    check_outsides(configuration.device, outsides)
    placed = load_policy(policy_paths(policies)) if policies else PlacedPolicy()
    domains = tuple(_domain(row) for row in configuration.partition)
    names = {row.name for row in placed.policy.domain}
    for domain in domains:
        if domain.name in names:
            raise ConfigurationError(
                f"domain `{domain.name}` is defined by a policy and by {' '.join(files)}",
                "rename one of them",
            )
    _require_images(placed)
    policy = msgspec.structs.replace(placed.policy, domain=placed.policy.domain + domains)
    placed = msgspec.structs.replace(placed, policy=policy)
    names = {row.name for row in policy.domain}
    kept = tuple(row for row in inheritance.domains if row.name not in names)
    return LifePlan(
        machine_plan(_host(configuration, (*policy.domain, *kept)), configuration.device),
        placed,
        msgspec.structs.replace(inheritance, domains=kept),
        tuple(sorted(outsides)),
    )


def _require_images(placed: PlacedPolicy) -> None:
    """Look for the images that a policy names, so that errors come before anything starts."""
    for index, row in enumerate(placed.policy.domain):
        try:
            find_image(row.image)
        except NotFoundError as failure:
            where = placed.reference("domain", index)
            raise NotFoundError(f"{where}: `{row.name}`: {failure.message}", failure.hint) from None


def _require_lives(configuration: Configuration, what: str) -> None:
    """Refuse what only `boot` does: who has slots and links is command's to decide."""
    tables = {
        "slot": (configuration.slot, "[[placement]] of a policy says where partitions run"),
        "link": (configuration.link, "[[channel]] of a policy joins two domains"),
        "input": (configuration.input, "`ultravisor console NAME --input TEXT` types"),
    }
    for name, (rows, hint) in tables.items():
        if rows:
            raise UsageError(f"{what}: a living host takes no [[{name}]]", hint)


def _domain(row: PartitionConfiguration) -> Domain:
    return Domain(
        name=row.name,
        image=absolute_image(row.image),
        memory_mib=row.memory_mib,
        processors=len(row.processors or (0,)),
        command_line=row.command_line,
        rights=row.rights,
    )


def absolute_image(name: str) -> str:
    """Return an image's name as it is found from any folder: bundled, or a path from the root."""
    path = find_image(name).resolve()
    return path.stem if path.parent == BUNDLED else str(path)


def _host(configuration: Configuration, domains: Sequence[Domain]) -> HostConfiguration:
    """Return [host] with everything that was left to us."""
    host = msgspec.structs.replace(configuration.host, clock=configuration.host.clock_name)
    wanted = INFRASTRUCTURE_MIB + SPARE_MIB + sum(row.memory_mib or 8 for row in domains)
    memory_mib = host.memory_mib or min(MACHINE_MEMORY_MAXIMUM_MIB, -(-wanted // 64) * 64)
    processors = configuration.processor_count
    return msgspec.structs.replace(host, memory_mib=memory_mib, processors=processors)


def machine_plan(
    host: HostConfiguration, devices: tuple[DeviceConfiguration, ...] = ()
) -> HostPlan:
    """Return the machine that a whole [host] describes, without partitions, with its devices."""
    if host.memory_mib is None:
        raise ConfigurationError("host.memory_mib: missing")
    configuration = Configuration(host=host, device=devices)
    return HostPlan(
        configuration=configuration,
        memory_size_bytes=host.memory_mib * MIB,
        partitions=(),
        slots=(),
        links=(),
        monitor=read_flat_image(monitor_image(host.fpu)) if host.monitor == "simulated" else None,
    )
