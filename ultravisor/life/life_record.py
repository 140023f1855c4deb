# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of lives: what is needed to live one again, and what came out.

Owns the schema "ultravisor.life/1", what makes a life the one it is, and the comparison of a
replay with its record. Written by the process that watches over a host, whatever becomes of the
machine's; read by `replay`. It must not run a host.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from ultravisor.configuration import DeviceConfiguration, HostConfiguration
from ultravisor.device_check import check_host_files, check_outsides
from ultravisor.errors import ConfigurationError, NotFoundError, OutputError, RecordError
from ultravisor.life.image_ledger import ImageRead, add_read
from ultravisor.life.inheritance import Inheritance
from ultravisor.life.life_inputs import LifeInput, Moment
from ultravisor.life.life_plan import LifePlan, machine_plan
from ultravisor.partitions.definitions import Domain
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.recording import versions
from ultravisor.saved_state import partial_path, require_place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ultravisor.errors import UltravisorError
    from ultravisor.life.saved_life import SavedLife

SCHEMA = "ultravisor.life/1"
HINT = "give a file written by `ultravisor up --record`"


class LifeOrigin(Struct, frozen=True, kw_only=True):
    """What a life begins with."""

    versions: dict[str, str]
    host: HostConfiguration
    devices: tuple[DeviceConfiguration, ...] = ()
    policy: PlacedPolicy
    """With the domains that a configuration or a policy defines."""
    inherited: tuple[Domain, ...]
    """Domains of an earlier life, from its journal."""
    outsides: tuple[str, ...] = ()
    """Switches with a port to the outside; a replay has the ports, and nobody behind them."""
    monitor_sha256: str | None


class LifeResult(Struct, frozen=True, kw_only=True):
    """What a replay compares."""

    state_hash: str
    """Of the whole machine."""
    database_hash: str
    """Of the resource database; empty before there is one."""
    generation: int
    """Of the resource database."""
    consoles: dict[str, str]
    """The SHA-256 of what partitions wrote, by their names."""


class LifeRecord(Struct, frozen=True, kw_only=True):
    """A life that can be repeated."""

    schema: Literal["ultravisor.life/1"] = "ultravisor.life/1"
    origin: LifeOrigin
    images: tuple[ImageRead, ...]
    """All that were read, those of partitions that were created later too."""
    inputs: tuple[LifeInput, ...]
    position_cycles: Moment
    """How far it was run."""
    result: LifeResult | None
    """None where the life came to no end of its own."""
    failure: str | None = None
    """Why not."""

    def to_json(self) -> bytes:
        """Return the record as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class LifeLog:
    """What is known of a life by whoever watches it: enough for a record at any moment."""

    def __init__(self, plan: LifePlan) -> None:
        """Begin with the life's plan."""
        self.origin = origin_of(plan)
        self.inputs: list[LifeInput] = []
        self.images: list[ImageRead] = []
        self.position_cycles = 0

    def image(self, row: ImageRead) -> None:
        """Take note of a reading."""
        add_read(self.images, row)

    def go_on_from(self, life: SavedLife) -> None:
        """Begin with what a saved life had; a record has everything from the very start."""
        self.inputs, self.images = list(life.inputs), list(life.images)
        self.position_cycles = life.position_cycles

    def record(self, result: LifeResult | None, failure: str | None = None) -> LifeRecord:
        """Return the record of the life up to here."""
        return LifeRecord(
            origin=self.origin,
            images=tuple(self.images),
            inputs=tuple(self.inputs),
            position_cycles=self.position_cycles,
            result=result,
            failure=failure,
        )


def origin_of(plan: LifePlan) -> LifeOrigin:
    """Return what a life of a plan begins with."""
    monitor = plan.machine.monitor
    return LifeOrigin(
        versions=versions(),
        host=plan.machine.configuration.host,
        devices=plan.machine.configuration.device,
        policy=plan.policy,
        inherited=plan.inheritance.domains,
        outsides=plan.outsides,
        monitor_sha256=None if monitor is None else monitor.sha256,
    )


def plan_of(origin: LifeOrigin, what: str, kind: type[UltravisorError] = RecordError) -> LifePlan:
    """Return the plan of a life again; refuse when the monitor is another, naming `what`."""
    try:
        check_host_files(origin.devices)
        check_outsides(origin.devices, origin.outsides)
        machine = machine_plan(origin.host, origin.devices)
    except ConfigurationError as failure:
        raise kind(f"{what}: {failure.message}", failure.hint) from None
    sha256 = None if machine.monitor is None else machine.monitor.sha256
    if sha256 != origin.monitor_sha256:
        hint = "the same version of the monitor is needed; record or save it again"
        raise kind(f"{what}: the simulated monitor is not the one that was recorded", hint)
    return LifePlan(machine, origin.policy, Inheritance(origin.inherited), origin.outsides)


def repeatable(plan: LifePlan, kind: type[UltravisorError] = RecordError) -> LifePlan:
    """Return the plan of a life that is lived again, without its captures: these it has written.

    Raises `kind` where a disk is a host file: a record does not have its contents.
    """
    configuration = plan.machine.configuration
    for row in configuration.device:
        if row.file is not None:
            message = f"device `{row.name}` is the file {row.file}, and a record has no files"
            raise kind(message, "a disk of a life that is recorded is memory: size_mib")
    devices = tuple(msgspec.structs.replace(row, pcap=None) for row in configuration.device)
    configuration = msgspec.structs.replace(configuration, device=devices)
    return replace(plan, machine=replace(plan.machine, configuration=configuration))


def write_record(path: Path, record: bytes) -> None:
    """Write a record to a file, whole or not at all; raise OutputError."""
    require_place(path)
    partial = partial_path(path, os.getpid())
    try:
        partial.write_bytes(record)
        partial.replace(path)
    except OSError as failure:
        partial.unlink(missing_ok=True)
        message = f"{path}: cannot be written: {failure.strerror}"
        raise OutputError(message, "is there enough room?") from None


def is_life_record(path: Path) -> bool:
    """Say whether a file says of itself that it is the record of a life."""

    class Envelope(Struct):
        schema: str

    try:
        return msgspec.json.decode(path.read_bytes(), type=Envelope).schema == SCHEMA
    except (OSError, msgspec.DecodeError):
        return False


def read_life_record(path: Path) -> LifeRecord:
    """Read a record; say where in it something is wrong."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=LifeRecord)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", HINT) from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}", HINT) from None
    except msgspec.DecodeError as failure:
        raise RecordError(f"{path}: not the record of a life: {failure}", HINT) from None
    require_order(str(path), record.inputs, record.position_cycles, RecordError)
    return record


def require_order(
    what: str,
    inputs: Sequence[LifeInput],
    position_cycles: int,
    kind: type[UltravisorError],
) -> None:
    """Refuse an input log that goes back in time, or beyond its end."""
    before = 0
    for index, entry in enumerate(inputs):
        where = f"{what}: inputs[{index}]: at {entry.at_cycles} cycles"
        if entry.at_cycles < before:
            raise kind(f"{where}, behind one at {before}")
        if entry.at_cycles > position_cycles:
            raise kind(f"{where}, and the life ends at {position_cycles}")
        before = entry.at_cycles


def differences(recorded: LifeResult, replayed: LifeResult) -> list[str]:
    """Return what differs between a record and a replay, a sentence each."""
    found = [
        f"{name}: recorded {getattr(recorded, name)}, replayed {getattr(replayed, name)}"
        for name in ("state_hash", "database_hash", "generation")
        if getattr(recorded, name) != getattr(replayed, name)
    ]
    for name in sorted(recorded.consoles.keys() | replayed.consoles.keys()):
        before, after = recorded.consoles.get(name), replayed.consoles.get(name)
        if before != after:
            only = "replayed" if before is None else "recorded" if after is None else ""
            how = f"only {only}" if only else f"recorded {before}, replayed {after}"
            found.append(f"console of {name}: {how}")
    return found
