# SPDX-License-Identifier: GPL-2.0-or-later
"""Run records: what is needed to run again, and what came out.

Owns the schema "ultravisor.run/1" and the comparison of a replay with its record.
Written by `boot --record` and for a child that died; read by `replay`. It must not
run a host.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from ultravisor import __version__
from ultravisor.configuration import Configuration
from ultravisor.errors import ExitCode, NotFoundError, RecordError
from ultravisor.inputs import InputEntry
from ultravisor.machine.abi import ABI_VERSION
from ultravisor.plan import HostPlan, PlannedPartition, make_plan
from ultravisor.resolution import BUNDLED
from ultravisor.results import CycleResult, ExitResult, HostResult, ProcessorResult

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "ultravisor.run/1"
VERSIONED_PACKAGES = ("unicorn", "capstone", "cffi")


class ImageRecord(Struct, frozen=True):
    """An image that was booted; `name` is what the configuration calls it."""

    name: str
    path: str
    sha256: str


class PartitionRecord(Struct, frozen=True):
    """What a replay compares of a partition."""

    name: str
    state: str
    exit_code: int | None
    state_hash: str
    work: int
    console_sha256: str


class ResultRecord(Struct, frozen=True):
    """What a replay compares."""

    state_hash: str
    exit: ExitResult
    processors: tuple[ProcessorResult, ...]
    partitions: tuple[PartitionRecord, ...]
    cycles: tuple[CycleResult, ...] = ()


class RunRecord(Struct, frozen=True, kw_only=True):
    """A run that can be repeated."""

    schema: Literal["ultravisor.run/1"] = "ultravisor.run/1"
    versions: dict[str, str]
    configuration: Configuration
    """The whole configuration; its [[input]] is in `inputs`."""
    images: tuple[ImageRecord, ...]
    monitor_sha256: str | None
    seed: int
    cycles: int | None
    """How far it ran, when it was not to its end."""
    inputs: tuple[InputEntry, ...]
    result: ResultRecord | None
    """None where the run did not come to a result."""
    failure: str | None = None
    """Why not."""

    def to_json(self) -> bytes:
        """Return the record as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def make_record(
    plan: HostPlan,
    inputs: Iterable[InputEntry],
    *,
    cycles: int | None,
    result: HostResult | None,
    failure: str | None = None,
) -> RunRecord:
    """Return the record of a run; pass `cycles` when the run did not come to its end."""
    images = {_recorded_name(row): row.image for row in plan.partitions}
    partitions = tuple(
        msgspec.structs.replace(row.configuration, image=_recorded_name(row))
        for row in plan.partitions
    )
    return RunRecord(
        versions=versions(),
        configuration=msgspec.structs.replace(plan.configuration, partition=partitions, input=()),
        images=tuple(
            ImageRecord(name, str(Path(image.path).resolve()), image.sha256)
            for name, image in images.items()
        ),
        monitor_sha256=plan.monitor.sha256 if plan.monitor is not None else None,
        seed=plan.configuration.host.seed,
        cycles=cycles,
        inputs=tuple(inputs),
        result=_result_record(result) if result is not None else None,
        failure=failure,
    )


def _recorded_name(partition: PlannedPartition) -> str:
    """Return how the record names an image: wherever the record is replayed, it is found."""
    path = Path(partition.image.path).resolve()
    return path.stem if path.parent == BUNDLED else str(path)


def versions() -> dict[str, str]:
    """Return the versions that a bug report needs."""
    found = {"ultravisor": __version__, "abi": str(ABI_VERSION)}
    for package in VERSIONED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def read_record(path: Path) -> RunRecord:
    """Read a record; say where in it something is wrong."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", "give a file written by --record") from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}") from None
    try:
        return msgspec.json.decode(data, type=RunRecord)
    except msgspec.DecodeError as failure:
        hint = "give a file written by `ultravisor boot --record`"
        raise RecordError(f"{path}: not a run record: {failure}", hint) from None


def replay_plan(record: RunRecord) -> HostPlan:
    """Read the images again; refuse when one is not what was recorded."""
    plan = make_plan(record.configuration)
    recorded = {image.name: image for image in record.images}
    for partition in plan.partitions:
        image = recorded.get(partition.configuration.image)
        if image is None:
            message = f"the record lacks the image {partition.configuration.image}"
            raise RecordError(message, "record the run again")
        if image.sha256 != partition.image.sha256:
            raise RecordError(
                f"{partition.image.path}: not the image that was recorded "
                f"(sha256 {partition.image.sha256[:16]}..., recorded {image.sha256[:16]}...)",
                "restore the image, or record the run again",
            )
    monitor = plan.monitor.sha256 if plan.monitor is not None else None
    if monitor != record.monitor_sha256:
        hint = "the same version of the monitor is needed to replay; record the run again"
        raise RecordError("the simulated monitor is not the one that was recorded", hint)
    return plan


def differences(record: ResultRecord, result: HostResult) -> list[str]:
    """Return what differs between a record and a replay, a sentence each."""
    found = _host_differences(record, result)
    replayed = {row.name: row for row in _result_record(result).partitions}
    for row in record.partitions:
        other = replayed.pop(row.name, None)
        if other is None:
            found.append(f"partition {row.name}: recorded, but not replayed")
            continue
        found += _field_differences(f"partition {row.name}", row, other)
    found += [f"partition {name}: replayed, but not recorded" for name in replayed]
    return found + _cycle_differences(record.cycles, result.cycles)


def _cycle_differences(
    recorded: Iterable[CycleResult], replayed: Iterable[CycleResult]
) -> list[str]:
    """Compare where a core's cycles went, path by path."""
    before = {(row.processor, row.partition, row.path): row for row in recorded}
    after = {(row.processor, row.partition, row.path): row for row in replayed}
    found = []
    for place in sorted(before.keys() | after.keys(), key=str):
        old, new = before.get(place), after.get(place)
        if old != new:
            processor, partition, path = place
            whose = partition if partition is not None else "nobody"
            counts = [f"{row.cycles} cycles" if row else "nothing" for row in (old, new)]
            same = ", with other events" if counts[0] == counts[1] else ""
            found.append(
                f"processor {processor}: {path} of {whose}: "
                f"recorded {counts[0]}, replayed {counts[1]}{same}"
            )
    return found


def _host_differences(record: ResultRecord, result: HostResult) -> list[str]:
    found = []
    if record.state_hash != result.state_hash:
        found.append(f"state_hash: recorded {record.state_hash}, replayed {result.state_hash}")
    # An interrupted run ends where it was interrupted; its replay by its cycle budget.
    interrupted = record.exit.code == ExitCode.INTERRUPTED and result.exit.code == ExitCode.BUDGET
    if record.exit != result.exit and not interrupted:
        found.append(
            f"exit: recorded {record.exit.code} ({record.exit.reason}), "
            f"replayed {result.exit.code} ({result.exit.reason})"
        )
    for row, other in zip(record.processors, result.processors, strict=False):
        found += _field_differences(f"processor {row.id}", row, other)
    return found


def _field_differences(what: str, recorded: Struct, replayed: Struct) -> list[str]:
    before, after = msgspec.structs.asdict(recorded), msgspec.structs.asdict(replayed)
    return [
        f"{what}: {key}: recorded {before[key]}, replayed {after[key]}"
        for key in before
        if before[key] != after[key]
    ]


def _result_record(result: HostResult) -> ResultRecord:
    return ResultRecord(
        state_hash=result.state_hash,
        exit=result.exit,
        processors=result.processors,
        partitions=tuple(
            PartitionRecord(
                name=row.name,
                state=row.state,
                exit_code=row.exit_code,
                state_hash=row.state_hash,
                work=row.work,
                console_sha256=hashlib.sha256(row.console.encode()).hexdigest(),
            )
            for row in result.partitions
        ),
        cycles=result.cycles,
    )
