# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host is really made of, and where each value came from.

Owns the origins: file and line, option, image, computed, default. Called by the verb
`config show`; it makes the same plan as a boot, and runs nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ultravisor.device_check import KEYS_OF_KIND
from ultravisor.plan import MIB, make_plan
from ultravisor.resolution import configuration_path, resolve
from ultravisor.toml_lines import TomlLines, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ultravisor.configuration import Configuration
    from ultravisor.plan import HostPlan

OriginKind = Literal["file", "option", "argument", "image", "computed", "default"]
# Options whose names are not those of their settings.
OPTIONS = {"memory_mib": "--memory"}
ROW_TABLES = ("partition", "slot", "link", "input", "device")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from."""

    kind: OriginKind
    text: str
    """As a person reads it: `host.toml:3`, `--seed`, `default`."""
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value."""

    key: str
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Table:
    """[host], or one row of an array of tables."""

    name: str
    index: int | None
    settings: tuple[Setting, ...]

    @property
    def path(self) -> str:
        """Return `host`, or `partition[0]`."""
        return self.name if self.index is None else f"{self.name}[{self.index}]"


DEFAULT = Origin("default", "default")


class _Source:
    """One argument of the command line: a configuration with its lines, or an image."""

    def __init__(self, argument: str, path: Path | None) -> None:
        text = path.read_text(encoding="utf-8") if path is not None else ""
        self.argument = argument
        self.path = path
        self.tables: dict[str, Any] = tomllib.loads(text)
        self.lines = TomlLines(text)

    def count(self, table: str) -> int:
        """Return how many rows the source adds to a table; an image is a partition."""
        if self.path is None:
            return int(table == "partition")
        return len(self.tables.get(table, ()))

    def origin(self, table: str, index: int, key: str) -> Origin | None:
        """Return where a key is written; None where it is not."""
        if self.path is None:
            found = table == "partition" and key in ("name", "image")
            return Origin("argument", f"argument {self.argument}") if found else None
        rows = self.tables.get(table, {})
        row = rows[index] if isinstance(rows, list) else rows
        if key not in row:
            return None
        line = self.lines.find(table, index, key)
        return Origin("file", place(str(self.path), line), str(self.path), line)


def effective_configuration(arguments: Sequence[str], **settings: object) -> tuple[Table, ...]:
    """Return every value of the host that the arguments of `boot` or `up` stand for."""
    plan = make_plan(resolve(arguments, **settings), lives=True)
    sources = [_Source(argument, configuration_path(argument)) for argument in arguments]
    tables = [_host(plan, sources, settings)]
    origins = {name: list(_rows(sources, name)) for name in ROW_TABLES}
    tables += [
        _partition(plan, index, *origins["partition"][index])
        for index in range(len(plan.partitions))
    ]
    tables += _slots(plan, origins["slot"])
    tables += _plain(plan.configuration, "link", origins["link"])
    tables += _plain(plan.configuration, "input", origins["input"])
    tables += _devices(plan.configuration, origins["device"])
    return tuple(tables)


def _rows(sources: list[_Source], table: str) -> Iterator[tuple[_Source, int]]:
    """Yield the source and the place in it of each row of the merged host."""
    for source in sources:
        for index in range(source.count(table)):
            yield source, index


def _host(plan: HostPlan, sources: list[_Source], settings: dict[str, object]) -> Table:
    values = msgspec.to_builtins(plan.configuration.host)
    computed = {
        "memory_mib": (plan.memory_size_bytes // MIB, "what partitions need"),
        "processors": (plan.configuration.processor_count, "what partitions name"),
    }
    found = []
    for key, value in values.items():
        written = [source.origin("host", 0, key) for source in sources]
        origin = next((row for row in written if row is not None), DEFAULT)
        if settings.get(key) is not None:
            option = OPTIONS.get(key, f"--{key}")
            origin = Origin("option", option)
        elif key == "clock" and origin is DEFAULT and plan.configuration.host.core is not None:
            origin = Origin("computed", "goes with the core")
        if value is None:
            number, why = computed[key]
            found.append(Setting(key, number, Origin("computed", why)))
        else:
            found.append(Setting(key, value, origin))
    return Table("host", None, tuple(found))


def _partition(plan: HostPlan, index: int, source: _Source, place_in_source: int) -> Table:
    partition = plan.partitions[index]
    computed = {
        "memory_mib": (partition.memory_size_bytes // MIB, DEFAULT),
        "processors": (list(partition.processors), Origin("computed", "spread round robin")),
    }
    if partition.image.memory_size_bytes:
        note = Origin("image", f"note of {partition.image.path}", partition.image.path)
        computed["memory_mib"] = (computed["memory_mib"][0], note)
    found = []
    for key, value in msgspec.to_builtins(partition.configuration).items():
        if value is None:
            found.append(Setting(key, *computed[key]))
        else:
            origin = source.origin("partition", place_in_source, key)
            found.append(Setting(key, value, origin or DEFAULT))
    return Table("partition", index, tuple(found))


def _slots(plan: HostPlan, origins: list[tuple[_Source, int]]) -> list[Table]:
    """Return the slots given, and after them those that the plan made."""
    tables = _plain(plan.configuration, "slot", origins)
    made = Origin("computed", "one slot a virtual processor")
    for index, slot in list(enumerate(plan.slots))[len(tables) :]:
        values = {
            "processor": slot.processor,
            "partition": plan.partitions[slot.partition].configuration.name,
            "virtual_processor": slot.virtual_processor,
            "quantum_cycles": slot.quantum_cycles,
            "donates": slot.donates,
        }
        settings = tuple(Setting(key, value, made) for key, value in values.items())
        tables.append(Table("slot", index, settings))
    return tables


def _devices(configuration: Configuration, origins: list[tuple[_Source, int]]) -> list[Table]:
    """Return the devices; what is not of a device's kind is left out."""
    tables = []
    for index, (row, (source, place_in_source)) in enumerate(
        zip(configuration.device, origins, strict=True)
    ):
        computed = {"ports": Setting("ports", row.port_count, DEFAULT)}
        if row.kind == "network":
            made = Origin("computed", "made of the name")
            computed["switch"] = Setting("switch", row.switch_name, DEFAULT)
            computed["address"] = Setting("address", row.address_bytes.hex(":"), made)
        of_others = {key for kind, keys in KEYS_OF_KIND.items() if kind != row.kind for key in keys}
        settings = []
        for key, value in msgspec.to_builtins(row).items():
            if value is not None and key not in of_others:
                origin = source.origin("device", place_in_source, key) or DEFAULT
                settings.append(Setting(key, value, origin))
            elif key in computed:
                settings.append(computed[key])
        tables.append(Table("device", index, tuple(settings)))
    return tables


def _plain(
    configuration: Configuration, name: str, origins: list[tuple[_Source, int]]
) -> list[Table]:
    """Return the rows of a table in which nothing is computed."""
    tables = []
    rows = getattr(configuration, name)
    for index, (row, (source, place_in_source)) in enumerate(zip(rows, origins, strict=True)):
        settings = tuple(
            Setting(key, value, source.origin(name, place_in_source, key) or DEFAULT)
            for key, value in msgspec.to_builtins(row).items()
        )
        tables.append(Table(name, index, settings))
    return tables
