# SPDX-License-Identifier: GPL-2.0-or-later
"""What `bench switch` found, as typed records: schema "ultravisor.bench.switch/1".

Owns the schema: docs/json.md documents these fields. Made by switch_measure, shown by the
command, and read back where two are compared; it must not run anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from ultravisor.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SCHEMA: Final = "ultravisor.bench.switch/1"


class Distribution(Struct, frozen=True):
    """A figure over the repeats; the median is the lower one of two."""

    minimum: int
    median: int
    maximum: int
    values: tuple[int, ...]


class PhaseResult(Struct, frozen=True):
    """A phase of a path. Events and stack are those of the representative repeat."""

    phase: str
    cycles: Distribution
    stack: dict[str, int]
    events: dict[str, int]


class InstructionResult(Struct, frozen=True):
    """An instruction of the representative repeat, with all of its executions."""

    phase: str
    address: str
    symbol: str
    text: str
    count: int
    cycles: int
    uops: int


class RefillResult(Struct, frozen=True):
    """What a guest's own work took right after the path, and what it takes without the path."""

    who: str
    """`interrupted`: it called or was interrupted; `resumed`: it got the processor."""
    cycles: Distribution
    without_path_cycles: int
    """In the same state."""
    undisturbed_cycles: int
    """Without the path, warm."""
    refill_cycles: int
    """What the median is above the undisturbed work."""


class Reference(Struct, frozen=True):
    """A published figure of something like it; never fitted to."""

    cycles: int
    what: str
    machine: str
    source: str
    differs: str
    verified: bool
    """Whether the figure was read in its source; otherwise it is quoted from memory."""


class PathResult(Struct, frozen=True):
    """A path in one width, by one transport, in one state."""

    path: str
    sentence: str
    width: int
    transport: str | None
    state: str
    cycles: Distribution
    representative: int
    """The place in `values` of the repeat whose phases, events and instructions are told."""
    stack: dict[str, int]
    events: dict[str, int]
    phases: tuple[PhaseResult, ...]
    instructions: tuple[InstructionResult, ...]
    refill: tuple[RefillResult, ...]
    references: tuple[Reference, ...]
    fpu: str | None = "eager"
    """When FPU and SSE change hands, `eager` or `lazy`; None: as the user's own entry path does."""

    @property
    def key(self) -> tuple[str, int, str | None, str, str | None]:
        """Return what two measurements of the same thing have in common."""
        return self.path, self.width, self.transport, self.state, self.fpu


class BreakEven(Struct, frozen=True):
    """What a world switch costs less lazily where FPU and SSE stay unused, and more where not."""

    width: int
    transport: str | None
    state: str
    saved_cycles: int
    """`yield`, eager less lazy."""
    added_cycles: int
    """`yield-fpu`, lazy less eager."""
    share: float | None
    """Of slots with use, at which both cost the same; None: one scheme is always ahead."""


class SwitchResult(Struct, frozen=True, kw_only=True):
    """All of a run."""

    schema: str = SCHEMA
    core: str
    validated: bool
    unit: str
    pages: int
    repeats: int
    monitor_sha256: str
    """Of the first monitor measured."""
    entry: str | None
    """The file of an entry path of the user's own."""
    paths: tuple[PathResult, ...]
    monitors: dict[str, str] = {}
    """The hash of each scheme's monitor; empty with an entry path of the user's own."""
    break_even: tuple[BreakEven, ...] = ()
    """Where `yield` and `yield-fpu` were measured by both schemes."""


def distribution(values: Iterable[int]) -> Distribution:
    """Return the distribution of some values, at least one."""
    kept = tuple(values)
    ordered = sorted(kept)
    return Distribution(ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1], kept)


def read_result(path: Path) -> SwitchResult:
    """Read what `bench switch --save` wrote, or `--json` printed."""
    try:
        data = path.read_bytes()
    except OSError as failure:
        raise NotFoundError(
            f"{path}: cannot be read: {failure.strerror}",
            "write one with `ultravisor bench switch --save FILE`",
        ) from None
    try:
        found = msgspec.json.decode(data, type=SwitchResult)
    except msgspec.DecodeError as failure:
        raise ConfigurationError(
            f"{path}: not a result of `bench switch`: {failure}",
            "write one with `ultravisor bench switch --save FILE`",
        ) from None
    if found.schema != SCHEMA:
        raise ConfigurationError(
            f"{path}: schema `{found.schema}`, not `{SCHEMA}`",
            "write it again with this version of the command",
        )
    return found
