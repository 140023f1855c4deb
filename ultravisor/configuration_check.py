# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks what lies between the records of a configuration.

Owns the rules that no single type can say: unique names, links to partitions that
exist, maps in which everything runs. Called before a host is made; opens nothing.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ultravisor.configuration import (
    HOSTED_IMAGE,
    MEMORY_STEP_MIB,
    PARTITION_COUNT_LIMIT,
    LinkEnd,
    parse_link_end,
)
from ultravisor.device_check import check_devices
from ultravisor.errors import ConfigurationError
from ultravisor.machine.abi import (
    COMMAND_LINE_LIMIT,
    EVENT_LINK_LIMIT,
    EVENT_PORT_LIMIT,
    MACHINE_MEMORY_MAXIMUM_MIB,
    MACHINE_MEMORY_MINIMUM_MIB,
    PORT_LINK_FIRST,
    PROCESSOR_LIMIT,
    SLOT_LIMIT,
    VIRTUAL_PROCESSOR_LIMIT,
)
from ultravisor.machine.cores import CORES
from ultravisor.machine.models import excludes_itself
from ultravisor.toml_lines import TomlLines, place

if TYPE_CHECKING:
    from ultravisor.configuration import Configuration, PartitionConfiguration


class _Checker:
    """The checks between records; refuses with the line of the record."""

    def __init__(self, configuration: Configuration, path: str, lines: TomlLines | None) -> None:
        self.configuration = configuration
        self.path = path
        self.lines = lines
        self.indexes: dict[str, int] = {}

    def refuse(
        self, table: str, index: int | None, key: str, message: str, hint: str = ""
    ) -> ConfigurationError:
        line = self.lines.find(table, index or 0, key) if self.lines is not None else None
        name = table if index is None else f"{table}[{index}]"
        return ConfigurationError(f"{place(self.path, line)}: {name}.{key}: {message}", hint)

    def check(self) -> None:
        self.check_host()
        self.check_partitions()
        self.check_slots()
        self.check_links()
        self.check_inputs()
        check_devices(self.configuration.device, self.refuse)

    def check_host(self) -> None:
        self.check_fpu()
        self.check_model()
        memory_mib = self.configuration.host.memory_mib
        if memory_mib is None:
            return
        limits = f"give {MACHINE_MEMORY_MINIMUM_MIB} to {MACHINE_MEMORY_MAXIMUM_MIB} MiB"
        if memory_mib > MACHINE_MEMORY_MAXIMUM_MIB:
            raise self.refuse("host", None, "memory_mib", f"{memory_mib} MiB is too much", limits)
        if memory_mib % MEMORY_STEP_MIB:
            message = f"{memory_mib} is not a multiple of {MEMORY_STEP_MIB}"
            raise self.refuse("host", None, "memory_mib", message, limits)

    def check_fpu(self) -> None:
        host = self.configuration.host
        if host.fpu == "lazy" and host.monitor == "native":
            message = "the native build gives each guest FPU and SSE of its own"
            raise self.refuse("host", None, "fpu", message, 'take monitor = "simulated"')

    def check_model(self) -> None:
        host = self.configuration.host
        if host.model and host.core is None:
            message = f"`timing` is `{host.timing}`: only a cycle-level core counts a model"
            raise self.refuse("host", None, "model", message, f"timing: {', '.join(CORES)}")
        if excludes_itself(host.model):
            message = "`global` and `kpti` exclude each other"
            hint = "a monitor with a root of its own is not global"
            raise self.refuse("host", None, "model", message, hint)

    def check_partitions(self) -> None:
        rows = self.configuration.partition
        if not rows and self.configuration.device:
            return  # a policy may make those who use them
        if not rows:
            message = f"{self.path}: no partition"
            raise ConfigurationError(message, "add a [[partition]] with a name and an image")
        if len(rows) > PARTITION_COUNT_LIMIT:
            message = f"more than {PARTITION_COUNT_LIMIT} partitions"
            raise self.refuse("partition", PARTITION_COUNT_LIMIT, "name", message)
        for index, row in enumerate(rows):
            if row.name in self.indexes:
                message = f"two partitions are named `{row.name}`"
                raise self.refuse("partition", index, "name", message, "give each its own name")
            self.indexes[row.name] = index
            self.check_partition(index, row)
        total = sum(len(self.configuration.processors_of(index)) for index in range(len(rows)))
        if total > VIRTUAL_PROCESSOR_LIMIT:
            message = f"{total} virtual processors; the limit is {VIRTUAL_PROCESSOR_LIMIT}"
            raise self.refuse("partition", len(rows) - 1, "processors", message)
        self.check_memory()

    def check_partition(self, index: int, row: PartitionConfiguration) -> None:
        count = self.configuration.processor_count
        for processor in row.processors or ():
            if processor >= count:
                message = f"processor {processor} does not exist; the host has {count}"
                hint = f"raise host.processors to {processor + 1}, or use 0 to {count - 1}"
                raise self.refuse("partition", index, "processors", message, hint)
        self.check_kind(index, row)
        if len(row.command_line.encode()) >= COMMAND_LINE_LIMIT:
            message = f"longer than {COMMAND_LINE_LIMIT - 1} bytes"
            raise self.refuse("partition", index, "command_line", message)
        if "\0" in row.command_line:
            raise self.refuse("partition", index, "command_line", "contains a zero byte")

    def check_kind(self, index: int, row: PartitionConfiguration) -> None:
        hint = f'a hosted partition has kind = "hosted" and image = "{HOSTED_IMAGE}"'
        if (row.kind == "hosted") != (row.image == HOSTED_IMAGE):
            message = f"image `{row.image}` is not that of a {row.kind} partition"
            raise self.refuse("partition", index, "image", message, hint)
        if row.kind == "hosted" and len(self.configuration.processors_of(index)) != 1:
            message = "a hosted partition has one virtual processor"
            raise self.refuse("partition", index, "processors", message)

    def check_memory(self) -> None:
        rows = self.configuration.partition
        limit_mib = self.configuration.host.memory_mib or MACHINE_MEMORY_MAXIMUM_MIB
        used_mib = 0
        for index, row in enumerate(rows):
            used_mib += row.memory_mib or 0
            if used_mib > limit_mib:
                message = f"the partitions up to `{row.name}` need {used_mib} MiB"
                hint = f"the host has {limit_mib} MiB: raise host.memory_mib or give less"
                raise self.refuse("partition", index, "memory_mib", message, hint)

    def check_slots(self) -> None:
        configuration = self.configuration
        for index, row in enumerate(configuration.slot):
            if row.partition not in self.indexes:
                raise self.unknown_partition("slot", index, "partition", row.partition)
            processors = configuration.processors_of(self.indexes[row.partition])
            if row.virtual_processor >= len(processors):
                message = f"`{row.partition}` has {len(processors)} virtual processors"
                raise self.refuse("slot", index, "virtual_processor", message)
            if processors[row.virtual_processor] != row.processor:
                message = (
                    f"virtual processor {row.virtual_processor} of `{row.partition}` "
                    f"is on processor {processors[row.virtual_processor]}"
                )
                raise self.refuse("slot", index, "processor", message)
        self.check_slot_counts()
        self.check_slots_complete()

    def check_slot_counts(self) -> None:
        configuration = self.configuration
        explicit = {row.processor for row in configuration.slot}
        counts = dict.fromkeys(range(PROCESSOR_LIMIT), 0)
        for index, slot in enumerate(configuration.slot):
            counts[slot.processor] += 1
            if counts[slot.processor] > SLOT_LIMIT:
                message = f"more than {SLOT_LIMIT} slots on processor {slot.processor}"
                raise self.refuse("slot", index, "processor", message)
        for index in range(len(configuration.partition)):
            for processor in configuration.processors_of(index):
                if processor in explicit:
                    continue
                counts[processor] += 1
                if counts[processor] > SLOT_LIMIT:
                    message = f"more than {SLOT_LIMIT} virtual processors on processor {processor}"
                    hint = "spread them over more processors"
                    raise self.refuse("partition", index, "processors", message, hint)

    def check_slots_complete(self) -> None:
        given = {(row.partition, row.virtual_processor) for row in self.configuration.slot}
        explicit = {row.processor for row in self.configuration.slot}
        for name, index in self.indexes.items():
            for number, processor in enumerate(self.configuration.processors_of(index)):
                if processor in explicit and (name, number) not in given:
                    message = (
                        f"virtual processor {number} of `{name}` would never run: "
                        f"processor {processor} has slots, but none for it"
                    )
                    raise self.refuse("partition", index, "name", message, "add a [[slot]] for it")

    def check_links(self) -> None:
        directed: set[tuple[str, int]] = set()
        for index, row in enumerate(self.configuration.link):
            start = self.check_end(index, "from", row.from_)
            end = self.check_end(index, "to", row.to)
            senders = [("from", start), ("to", end)] if row.both else [("from", start)]
            for key, sender in senders:
                if (sender.partition, sender.port) in directed:
                    message = f"port {sender.port} of `{sender.partition}` has a link already"
                    raise self.refuse("link", index, key, message)
                directed.add((sender.partition, sender.port))
            if len(directed) > EVENT_LINK_LIMIT:
                message = f"more than {EVENT_LINK_LIMIT} directed links"
                raise self.refuse("link", index, "from", message)

    def check_end(self, index: int, key: str, text: str) -> LinkEnd:
        try:
            end = parse_link_end(text)
        except ValueError:
            hint = "write partition:port or partition:port:virtual_processor"
            raise self.refuse("link", index, key, f"`{text}` is no end of a link", hint) from None
        if end.partition not in self.indexes:
            raise self.unknown_partition("link", index, key, end.partition)
        if not PORT_LINK_FIRST <= end.port < EVENT_PORT_LIMIT:
            message = f"port {end.port} is outside {PORT_LINK_FIRST} to {EVENT_PORT_LIMIT - 1}"
            raise self.refuse("link", index, key, message)
        count = len(self.configuration.processors_of(self.indexes[end.partition]))
        if end.virtual_processor >= count:
            raise self.refuse(
                "link", index, key, f"`{end.partition}` has {count} virtual processors"
            )
        return end

    def check_inputs(self) -> None:
        for index, row in enumerate(self.configuration.input):
            if row.partition not in self.indexes:
                raise self.unknown_partition("input", index, "partition", row.partition)

    def unknown_partition(self, table: str, index: int, key: str, name: str) -> ConfigurationError:
        close = difflib.get_close_matches(name, self.indexes, 1)
        names = f"partitions: {', '.join(self.indexes)}"
        hint = f"did you mean `{close[0]}`?" if close else names
        return self.refuse(table, index, key, f"no partition is named `{name}`", hint)


def check_configuration(
    configuration: Configuration, path: str, lines: TomlLines | None = None
) -> None:
    """Check what the types alone cannot say; raise ConfigurationError."""
    _Checker(configuration, path, lines).check()
