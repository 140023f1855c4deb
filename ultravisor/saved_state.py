# SPDX-License-Identifier: GPL-2.0-or-later
"""A host's state in one file: the machine's own state, and what the host adds to it.

Owns the form of the file, the schema "ultravisor.snapshot/1" and every refusal of a
file that is not whole or not ours. Called by ultravisor.host, which owns the moment;
it must not run anything.

The machine's state stands first, as the extension wrote it; then the manifest in JSON;
then a trailer of fixed size with the manifest's size and hash. A file appears under its
name when it is whole, or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec
from msgspec import Struct

from ultravisor.errors import NotFoundError, OutputError, SnapshotError
from ultravisor.hosted_programs import SavedProgram
from ultravisor.inputs import InputEntry
from ultravisor.machine.interface import ExitReason
from ultravisor.recording import RunRecord, make_record, replay_plan, versions
from ultravisor.results import Mark

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.plan import HostPlan

SCHEMA = "ultravisor.snapshot/1"
# Magic, size of the manifest in bytes, its SHA-256.
TRAILER = struct.Struct("<8sQ32s")
TRAILER_MAGIC = b"UVSTATE\x01"
HASH_CHUNK_BYTES = 1 << 20
HINT = "give a file written by `ultravisor snap save`"
VERSION_HINT = "save it again with this version, or restore it with the one that wrote it"
# Other states in files of this form, and what goes on from them.
OTHERS = {
    SCHEMA: "`ultravisor snap restore FILE` goes on from it",
    "ultravisor.life-snapshot/1": "`ultravisor up --snapshot FILE` goes on from it",
}
# What a state depends on; the others of a record are for bug reports.
VERSIONS_COMPARED = ("ultravisor", "abi", "unicorn", "capstone")


class SavedConsole(Struct, frozen=True):
    """What a partition had written."""

    partition: str
    data: bytes
    dropped_bytes: int


class StateManifest(Struct, frozen=True, kw_only=True):
    """What is needed beside the machine's own state to go on."""

    schema: Literal["ultravisor.snapshot/1"] = "ultravisor.snapshot/1"
    run: RunRecord
    """Versions, configuration, images and inputs of the run up to here."""
    consoles: tuple[SavedConsole, ...]
    marks: tuple[Mark, ...] = ()
    marks_dropped: int = 0
    programs: tuple[SavedProgram, ...] = ()
    position_cycles: int
    exit_reason: ExitReason
    """Why the machine last returned."""
    state_hash: str
    state_size_bytes: int
    state_sha256: str


class _Versions(Struct):
    versions: dict[str, str]


class _Schema(Struct):
    """What is read first: it must be readable in every version."""

    schema: str


class _Envelope(Struct):
    """What is read next."""

    run: _Versions


def partial_path(path: Path, process: int) -> Path:
    """Return the file that a process writes before it takes its name."""
    return path.with_name(f".{path.name}.{process}.partial")


def require_place(path: Path) -> None:
    """Raise OutputError where a state could not be written; leave nothing behind."""
    partial = partial_path(path, os.getpid())
    try:
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: cannot be written: not a file", "name a file")
        partial.write_bytes(b"")
        partial.unlink()
    except OSError as failure:
        raise _output_error(path, failure) from None


def write_state(
    path: Path, write: Callable[[Path], None], describe: Callable[[int, str], Struct]
) -> None:
    """Write a state: `write` writes the machine's, `describe` makes the manifest for it."""
    require_place(path)
    partial = partial_path(path, os.getpid())
    try:
        write(partial)
        with partial.open("r+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            manifest = msgspec.json.encode(describe(size, _sha256(stream, size)))
            digest = hashlib.sha256(manifest).digest()
            stream.seek(0, os.SEEK_END)
            stream.write(manifest + TRAILER.pack(TRAILER_MAGIC, len(manifest), digest))
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as failure:
        raise _output_error(path, failure) from None
    except NotFoundError as failure:
        # The extension's word for a file that it could not write.
        raise OutputError(failure.message, "is there enough room?") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def read_manifest(path: Path) -> StateManifest:
    """Read what a state says of itself; refuse what is damaged or of another version."""
    data, state_size_bytes = read_state(path, SCHEMA, HINT)
    try:
        require_versions(path, msgspec.json.decode(data, type=_Envelope).run.versions)
        manifest = msgspec.json.decode(data, type=StateManifest)
    except msgspec.DecodeError as failure:
        raise SnapshotError(f"{path}: damaged: {failure}", HINT) from None
    names = [row.name for row in manifest.run.configuration.partition]
    if [row.partition for row in manifest.consoles] != names:
        raise SnapshotError(f"{path}: damaged: consoles are not those of its partitions", HINT)
    if manifest.state_size_bytes != state_size_bytes:
        message = f"{state_size_bytes} bytes of state, not {manifest.state_size_bytes}"
        raise SnapshotError(f"{path}: truncated or damaged: {message}", HINT)
    return manifest


def read_state(path: Path, schema: str, hint: str) -> tuple[bytes, int]:
    """Return a file's manifest, and how many bytes of state stand before it.

    Raises SnapshotError where the file is not whole, or its manifest of another schema.
    """
    try:
        with path.open("rb") as stream:
            data, state_size_bytes = _manifest_bytes(path, stream, hint)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", hint) from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}", hint) from None
    try:
        found = msgspec.json.decode(data, type=_Schema).schema
    except msgspec.DecodeError as failure:
        raise SnapshotError(f"{path}: damaged: {failure}", hint) from None
    if found != schema:
        other = OTHERS.get(found, VERSION_HINT)
        raise SnapshotError(f"{path}: schema `{found}`, this version reads `{schema}`", other)
    return data, state_size_bytes


def verify_state(path: Path, manifest: StateManifest) -> None:
    """Refuse a state whose bytes are not those that were written."""
    verify_bytes(path, manifest.state_size_bytes, manifest.state_sha256, HINT)


def verify_bytes(path: Path, state_size_bytes: int, state_sha256: str, hint: str) -> None:
    """Refuse a file whose first bytes are not those that were written."""
    with path.open("rb") as stream:
        found = _sha256(stream, state_size_bytes)
    if found != state_sha256:
        raise SnapshotError(f"{path}: damaged: its state is not what was written", hint)


def saved_plan(manifest: StateManifest) -> HostPlan:
    """Return the plan of the saved host; refuse when an image is no longer the same."""
    return replay_plan(manifest.run)


def require_same_host(path: Path, manifest: StateManifest, plan: HostPlan) -> None:
    """Refuse a state that was saved of another host than the plan's."""
    given = make_record(plan, (), cycles=None, result=None)
    before, after = _comparable(manifest.run), _comparable(given)
    different = [key for key in before if before[key] != after[key]]
    inputs = tuple(
        InputEntry(row.partition, row.at_cycles, row.text.encode())
        for row in plan.configuration.input
    )
    if manifest.run.inputs[: len(inputs)] != inputs:
        different.append("input")
    if different:
        what = ", ".join(different)
        hint = f"boot what was saved, or: ultravisor snap restore {path}"
        raise SnapshotError(f"{path}: a snapshot of another host: {what} not the same", hint)


def _comparable(record: RunRecord) -> dict[str, object]:
    """Return what makes a host, by name; an image counts by its bytes, not its place."""
    hashes = {image.name: image.sha256 for image in record.images}
    configuration = record.configuration
    return {
        **msgspec.to_builtins(configuration.host),
        "partition": [
            msgspec.structs.replace(row, image=hashes.get(row.image, ""))
            for row in configuration.partition
        ],
        "slot": configuration.slot,
        "link": configuration.link,
        "monitor image": record.monitor_sha256,
    }


def _manifest_bytes(path: Path, stream: BinaryIO, hint: str) -> tuple[bytes, int]:
    """Return the manifest, and how many bytes of state stand before it."""
    size = stream.seek(0, os.SEEK_END)
    if size >= TRAILER.size:
        stream.seek(size - TRAILER.size)
        magic, manifest_size, digest = TRAILER.unpack(stream.read(TRAILER.size))
        start = size - TRAILER.size - manifest_size
        if magic == TRAILER_MAGIC and start >= 0:
            stream.seek(start)
            data = stream.read(manifest_size)
            if hashlib.sha256(data).digest() != digest:
                raise SnapshotError(f"{path}: damaged: its manifest is not what was written", hint)
            return data, start
    raise SnapshotError(f"{path}: not a snapshot of a host, or truncated", hint)


def require_versions(path: Path, wrote: dict[str, str]) -> None:
    """Refuse a state that was written by another version of what a state depends on."""
    here = versions()
    for name in VERSIONS_COMPARED:
        found = wrote.get(name, "unknown")
        if found != here[name]:
            message = f"written with {name} {found}, this is {here[name]}"
            raise SnapshotError(f"{path}: {message}", VERSION_HINT)


def _sha256(stream: BinaryIO, size_bytes: int) -> str:
    """Return the hash of the first bytes of a stream."""
    digest = hashlib.sha256()
    stream.seek(0)
    while size_bytes > 0:
        chunk = stream.read(min(size_bytes, HASH_CHUNK_BYTES))
        if not chunk:
            break
        digest.update(chunk)
        size_bytes -= len(chunk)
    return digest.hexdigest()


def _output_error(path: Path, failure: OSError) -> OutputError:
    message = f"{path}: cannot be written: {failure.strerror}"
    return OutputError(message, "name a file in a folder where you may write")
