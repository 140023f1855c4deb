# SPDX-License-Identifier: GPL-2.0-or-later
"""A living host in one file: its machine's state, and what is kept beside it.

Owns the schema "ultravisor.life-snapshot/1". The form of the file is that of a host's state
(ultravisor.saved_state): whole under its name or not there, and refused when it is damaged. Called
by whoever has a living host; it must not run one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from ultravisor.errors import SnapshotError, UltravisorError
from ultravisor.life.image_ledger import require_same_images
from ultravisor.life.life_record import LifeOrigin, origin_of, plan_of, require_order
from ultravisor.life.saved_life import SavedLife
from ultravisor.saved_state import read_state, require_versions, verify_bytes, write_state

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.life.life_plan import LifePlan
    from ultravisor.life.living_host import LivingHost

SCHEMA = "ultravisor.life-snapshot/1"
HINT = "give a file written by `ultravisor snap save --host NAME`"


class LifeManifest(Struct, frozen=True, kw_only=True):
    """What is needed beside the machine's own state to go on."""

    schema: Literal["ultravisor.life-snapshot/1"] = "ultravisor.life-snapshot/1"
    name: str
    """Of the host."""
    origin: LifeOrigin
    life: SavedLife
    generation: int
    """Of the resource database."""
    state_hash: str
    state_size_bytes: int
    state_sha256: str


class _Origin(Struct):
    versions: dict[str, str]


class _Envelope(Struct):
    """What must be readable in every version."""

    origin: _Origin


def save_life(host: LivingHost, path: Path, name: str) -> LifeManifest:
    """Write a living host to a file, between two pieces of its run; return what it says."""
    made: list[LifeManifest] = []

    def describe(state_size_bytes: int, state_sha256: str) -> LifeManifest:
        made.append(
            LifeManifest(
                name=name,
                origin=origin_of(host.plan),
                life=host.save(),
                generation=host.generation,
                state_hash=f"{host.machine.state_hash():016x}",
                state_size_bytes=state_size_bytes,
                state_sha256=state_sha256,
            )
        )
        return made[-1]

    write_state(path, host.machine.write, describe)
    return made[-1]


def read_life(path: Path) -> LifeManifest:
    """Read what a file says of itself; refuse what is damaged, or of another version."""
    data, state_size_bytes = read_state(path, SCHEMA, HINT)
    try:
        wrote = msgspec.json.decode(data, type=_Envelope).origin.versions
        require_versions(path, wrote)
        manifest = msgspec.json.decode(data, type=LifeManifest)
    except msgspec.DecodeError as failure:
        raise SnapshotError(f"{path}: damaged: {failure}", HINT) from None
    if manifest.state_size_bytes != state_size_bytes:
        message = f"{state_size_bytes} bytes of state, not {manifest.state_size_bytes}"
        raise SnapshotError(f"{path}: truncated or damaged: {message}", HINT)
    life = manifest.life
    require_order(str(path), life.inputs, life.position_cycles, SnapshotError)
    return manifest


def saved_life_plan(path: Path, manifest: LifeManifest) -> LifePlan:
    """Return the plan of a saved host; refuse when an image is no longer the same."""
    plan = plan_of(manifest.origin, str(path), SnapshotError)
    require_same_images(manifest.life.images, SnapshotError)
    return plan


def require_same_life(path: Path, manifest: LifeManifest, plan: LifePlan) -> None:
    """Refuse a file that was saved of another host than the plan's."""
    saved, given = manifest.origin, origin_of(plan)
    hosts = msgspec.to_builtins(saved.host), msgspec.to_builtins(given.host)
    devices = (
        {"device": saved.devices, "outsides": saved.outsides},
        {"device": given.devices, "outsides": given.outsides},
    )
    policies = msgspec.to_builtins(saved.policy.policy), msgspec.to_builtins(given.policy.policy)
    different = [
        name
        for before, after in (hosts, devices, policies)
        for name in before
        if before[name] != after[name]
    ]
    if different:
        what = ", ".join(different)
        hint = f"bring up what was saved, or: ultravisor up --snapshot {path}"
        raise SnapshotError(f"{path}: a snapshot of another host: {what} not the same", hint)


def load_life(host: LivingHost, path: Path, manifest: LifeManifest) -> None:
    """Let a host that has just been made take the place of a saved one."""
    verify_bytes(path, manifest.state_size_bytes, manifest.state_sha256, HINT)
    try:
        host.machine.read(path)
    except UltravisorError as failure:
        why = failure.message.removeprefix(f"{path}: ")
        raise SnapshotError(f"{path}: cannot be restored: {why}") from None
    if f"{host.machine.state_hash():016x}" != manifest.state_hash:
        message = f"{path}: the restored host is not the one that was saved"
        raise SnapshotError(message, "save it again with this build of the extension")
    host.load(manifest.life)
