# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run yields, as typed records; as JSON they are what `boot --json` prints.

Owns the schema "ultravisor.boot/1". Filled by ultravisor.host, read by the command,
by replays and by users of the library.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

PartitionStateName = Literal["running", "exited", "stopped"]


class ExitResult(Struct, frozen=True):
    """Why the run ended, and the exit code of the command."""

    reason: str
    code: int


class ProcessorResult(Struct, frozen=True):
    """A physical processor; all counts but `switches` are in cycles."""

    id: int
    guest_cycles: int
    machine_cycles: int
    switches: int
    idle_cycles: int


class StopResult(Struct, frozen=True):
    """Why a partition was stopped, in numbers; `reason` of the partition says it in words."""

    reason: str
    """A member of the contract's enum stop_reason, in lower case."""
    vector: int
    """Of the trap that stopped it; 0 where none did."""
    error_code: int
    rip: str
    """In hex digits with 0x: JSON's numbers do not hold every address."""
    address: str
    """Of a page fault, or the one that could not be used; as `rip`."""


class PartitionResult(Struct, frozen=True):
    """A partition at the end of the run."""

    name: str
    kind: str
    width: int
    state: PartitionStateName
    """`exited`: it asked to stop; `stopped`: it was stopped, and `reason` says why."""
    exit_code: int | None
    reason: str | None
    state_hash: str
    work: int
    """Guest work, in the unit of the timing model."""
    hypercalls: dict[str, int]
    traps: dict[str, int]
    console: str
    stop: StopResult | None = None
    """None unless it was stopped."""


class CycleResult(Struct, frozen=True):
    """What a cycle-level core spent on one path of one partition, on one processor."""

    processor: int
    partition: str | None
    """None: nobody's, which is idling, what interrupts it, and the monitor's start."""
    path: str
    """`guest`, `hypercall`, `trap` or `interrupt`; of nobody `idle` in place of `guest`."""
    cycles: int
    stack: dict[str, int]
    """The same cycles by cause: members of enum timing_cause, in lower case."""
    events: dict[str, int]
    """Instructions, micro-ops, misses and so on; all names are always there."""


class Range(Struct, frozen=True):
    """How the cycles of several spans lie."""

    minimum: int
    median: int
    """The lower one of two."""
    maximum: int


class SpanResult(Struct, frozen=True):
    """What passed from marks with one id to the next mark, with another or the same."""

    partition: str
    virtual_processor: int
    from_: int = msgspec.field(name="from")
    to: int
    count: int
    guest_cycles: Range
    """Work of the virtual processor itself."""
    clock_cycles: Range
    """The schedule's clock: what others did meanwhile, too."""


class HostResult(Struct, frozen=True):
    """The whole host at the end of the run."""

    seed: int
    state_hash: str
    exit: ExitResult
    processors: tuple[ProcessorResult, ...]
    partitions: tuple[PartitionResult, ...]
    unit: str
    """What a guest cycle and a unit of work is, by the timing model."""
    assumed_cycles: dict[str, int] = {}
    """What machine cycles assume for a path of the native monitor; empty: it was executed."""
    cycles: tuple[CycleResult, ...] = ()
    """Where a cycle-level core's cycles went; of a processor they add up to machine_cycles."""
    spans: tuple[SpanResult, ...] = ()
    """What passed between the marks that guests set."""
    marks_dropped: int = 0
    """Marks beyond those that a host keeps."""
    log_dropped: int = 0
    """Lines of the log that came faster than they could be taken."""
    trace_dropped: int = 0
    """Records of the trace, likewise."""
    schema: Literal["ultravisor.boot/1"] = "ultravisor.boot/1"

    def partition(self, name: str) -> PartitionResult:
        """Return a partition by name; raise KeyError where none has it."""
        for partition in self.partitions:
            if partition.name == name:
                return partition
        raise KeyError(name)

    def to_json(self) -> str:
        """Return the result as one line of JSON, the schema first."""
        fields = msgspec.structs.asdict(self)
        ordered = {"schema": fields.pop("schema"), **fields}
        return msgspec.json.encode(ordered).decode()


class Mark(Struct, frozen=True):
    """A mark that a guest set by the call `mark`."""

    partition: str
    id: int
    value: int
    clock_cycles: int
    """The schedule's clock."""
    guest_cycles: int
    """Work of the virtual processor so far."""
    virtual_processor: int


class ConsoleOutput(Struct, frozen=True, tag="console"):
    """Bytes that a partition wrote, when."""

    partition: str
    data: bytes
    clock_cycles: int


class LogLine(Struct, frozen=True, tag="log"):
    """One line of the log."""

    text: str


class Progress(Struct, frozen=True, tag="progress"):
    """How far a run has come."""

    clock_cycles: int
    guest_cycles: int
    running: int
    """Partitions that have not stopped."""
