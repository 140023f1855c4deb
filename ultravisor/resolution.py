# SPDX-License-Identifier: GPL-2.0-or-later
"""From what a person names to a configuration.

Owns the rules by which a name is found: an existing file, else a bundled configuration
of that name, else a bundled image. Called by the command; it must not run anything.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ultravisor.configuration import (
    Configuration,
    DeviceConfiguration,
    FpuName,
    HostConfiguration,
    InputConfiguration,
    LinkConfiguration,
    PartitionConfiguration,
    SlotConfiguration,
    parse_link_end,
)
from ultravisor.configuration_check import check_configuration
from ultravisor.configuration_reader import load_configuration
from ultravisor.errors import NotFoundError, UsageError
from ultravisor.machine.abi import NAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUNDLED = Path(__file__).resolve().parent / "images"
# These images lie beside the guests and are none: the simulated monitor, by when it gives guests
# FPU and SSE, and the kernels of `compute` for an emulator that has no monitor.
MONITOR_NAMES: dict[FpuName, str] = {"eager": "monitor", "lazy": "monitor_lazy"}
BARE_NAME = "compute_bare"
NOT_GUESTS = frozenset({*MONITOR_NAMES.values(), BARE_NAME})


def bundled_names(suffix: str) -> list[str]:
    """Return the names of bundled files with a suffix, sorted."""
    names = sorted(path.stem for path in BUNDLED.glob(f"*{suffix}"))
    return [name for name in names if name not in NOT_GUESTS]


def find_image(name: str) -> Path:
    """Return the file of an image: an existing file, else a bundled image."""
    path = Path(name)
    if path.is_file():
        return path
    bundled = BUNDLED / f"{name}.elf"
    if _is_bare(name) and name not in NOT_GUESTS and bundled.is_file():
        return bundled
    raise _not_found(name, bundled_names(".elf"))


def monitor_image(fpu: FpuName = "eager") -> Path:
    """Return the simulated monitor's image; raise NotFoundError where it was not built."""
    path = BUNDLED / f"{MONITOR_NAMES[fpu]}.elf"
    if not path.is_file():
        message = "the simulated monitor's image is not installed"
        raise NotFoundError(message, "use --monitor native, or build the images: make")
    return path


def resolve(arguments: Sequence[str], **settings: object) -> Configuration:
    """Return the configuration that the arguments of `boot` stand for.

    `settings` replace those of [host] where they are not None.
    """
    if not arguments:
        raise UsageError("nothing to boot", "name an image or a configuration")
    merged = _merge([_resolve_one(argument) for argument in arguments])
    merged = override(merged, **settings)
    check_configuration(merged, " ".join(arguments))
    return merged


def configuration_path(argument: str) -> Path | None:
    """Return the TOML file that an argument of `boot` names; None where it names an image."""
    path = Path(argument)
    if path.is_file():
        return path if path.suffix == ".toml" else None
    bundled = BUNDLED / f"{argument}.toml"
    return bundled if _is_bare(argument) and bundled.is_file() else None


def override(configuration: Configuration, **settings: object) -> Configuration:
    """Return the configuration with [host] settings replaced where one is not None."""
    given = {key: value for key, value in settings.items() if value is not None}
    unknown = set(given) - set(HostConfiguration.__struct_fields__)
    if unknown:
        raise UsageError(f"the host has no setting {', '.join(sorted(unknown))}")
    try:
        fields = {**msgspec.structs.asdict(configuration.host), **given}
        host = msgspec.convert(fields, HostConfiguration)
    except msgspec.ValidationError as failure:
        raise UsageError(f"host: {failure}") from None
    return msgspec.structs.replace(configuration, host=host)


def _is_bare(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]+", name) is not None


def _resolve_one(argument: str) -> Configuration:
    path = Path(argument)
    if path.is_dir():
        raise NotFoundError(f"{argument}: is a directory", "name a file in it")
    configuration = configuration_path(argument)
    if configuration is not None:
        return load_configuration(configuration)
    if not path.is_file():
        image = str(find_image(argument)) if not _is_bare(argument) else argument
        find_image(image)
        return _of_image(argument, image)
    return _of_image(path.stem, argument)


def _of_image(stem: str, image: str) -> Configuration:
    """Return the configuration of one image that stands alone, all defaults."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", stem).lstrip("._-")[: NAME_LIMIT - 1] or "guest"
    return Configuration(partition=(PartitionConfiguration(name=name, image=image),))


def _not_found(name: str, known: Iterable[str]) -> NotFoundError:
    candidates = [*known, *bundled_names(".toml")]
    close = difflib.get_close_matches(name, candidates, 1)
    listed = f"bundled: {', '.join(sorted(set(candidates)))}" if candidates else ""
    hint = f"did you mean `{close[0]}`?" if close else listed
    return NotFoundError(f"{name}: no such file, and nothing bundled has that name", hint)


def _merge(configurations: list[Configuration]) -> Configuration:
    """Join several configurations into one host; names become unique."""
    if len(configurations) == 1:
        return configurations[0]
    hosts = {row.host for row in configurations} - {HostConfiguration()}
    if len(hosts) > 1:
        raise UsageError(
            "two configurations set [host] differently",
            "boot one of them, or give their partitions one configuration",
        )
    partitions: list[PartitionConfiguration] = []
    slots: list[SlotConfiguration] = []
    links: list[LinkConfiguration] = []
    inputs: list[InputConfiguration] = []
    devices: list[DeviceConfiguration] = []
    for row in configurations:
        names = _unique_names(row.partition, {partition.name for partition in partitions})
        replace = msgspec.structs.replace
        partitions += [replace(item, name=names[item.name]) for item in row.partition]
        slots += [replace(item, partition=names[item.partition]) for item in row.slot]
        inputs += [replace(item, partition=names[item.partition]) for item in row.input]
        # Policies name devices: those of two files keep their names, or are refused.
        devices += row.device
        links += [
            replace(item, from_=_renamed(item.from_, names), to=_renamed(item.to, names))
            for item in row.link
        ]
    return Configuration(
        host=hosts.pop() if hosts else HostConfiguration(),
        partition=tuple(partitions),
        slot=tuple(slots),
        link=tuple(links),
        input=tuple(inputs),
        device=tuple(devices),
    )


def _unique_names(partitions: Iterable[PartitionConfiguration], taken: set[str]) -> dict[str, str]:
    """Return new names: `hello`, then `hello-2`, `hello-3`."""
    names: dict[str, str] = {}
    for partition in partitions:
        name, number = partition.name, 2
        while name in taken:
            suffix = f"-{number}"
            name = partition.name[: NAME_LIMIT - 1 - len(suffix)] + suffix
            number += 1
        taken.add(name)
        names[partition.name] = name
    return names


def _renamed(end: str, names: dict[str, str]) -> str:
    partition = parse_link_end(end).partition
    return names[partition] + end[len(partition) :]
