# SPDX-License-Identifier: GPL-2.0-or-later
"""The composition root: from a configuration to a running host.

Owns the order in which a host is made, the slices in which it runs, what its consoles
said, and its results. Used by the command and by users of the library; supervised_host
offers the same in a child process. It must not print or parse arguments.

A host of this class runs in the calling process: a guest that makes the engine abort
takes the process with it. `Host.supervised` does not have that risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec

from ultravisor.assembly import make_machine, populate
from ultravisor.configuration import INTEGER_MAXIMUM, Configuration
from ultravisor.consoles import Console
from ultravisor.errors import SnapshotError, UltravisorError, UsageError
from ultravisor.hosted_programs import HostedPrograms, SavedProgram, seats_of
from ultravisor.inputs import InputEntry
from ultravisor.log_lines import log_line
from ultravisor.machine.interface import ExitReason, LogCategory, PartitionState
from ultravisor.marks import MarkLog
from ultravisor.pipeline_window import PipelineWindow, WindowRequest, require_window
from ultravisor.plan import HostPlan, make_plan
from ultravisor.recording import make_record
from ultravisor.result_builder import build_result
from ultravisor.results import ConsoleOutput, HostResult, LogLine, Mark, Progress
from ultravisor.saved_state import (
    SavedConsole,
    StateManifest,
    read_manifest,
    require_same_host,
    verify_state,
    write_state,
)
from ultravisor.trace.host_trace import HostTrace
from ultravisor.trace.layout import layout_of
from ultravisor.trace.trace_file import TraceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from ultravisor.machine.hosted import HostedProgram
    from ultravisor.machine.machine import MachineSnapshot
    from ultravisor.machine.records import DroppedRecords, MarkRecord
    from ultravisor.supervised_host import SupervisedHost

LOG_NOTHING = LogCategory(0)
# How far the machine runs before Python looks whether it should go on: some milliseconds.
# Pausing is invisible to guests, so that the length is free.
SLICE_FUNCTIONAL_CYCLES = 10_000_000
SLICE_CYCLES = 1_000_000


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """A host at one moment: its machine, and what its consoles had said."""

    machine: MachineSnapshot
    consoles: tuple[tuple[int, int], ...]
    input_count: int
    marks: tuple[int, int]
    position_cycles: int
    reason: ExitReason
    programs: tuple[SavedProgram, ...]


class Host:
    """A running host; a context manager."""

    def __init__(
        self,
        configuration: Configuration | HostPlan,
        *,
        log: LogCategory = LOG_NOTHING,
        state: Path | None = None,
        trace: Path | None = None,
        programs: Mapping[str, HostedProgram] | None = None,
    ) -> None:
        """Make and boot the host, or let it go on from a saved state of the same host.

        `trace` is a file to which a Perfetto trace of the host is written as it runs;
        `programs` has the program of each hosted partition, by the partition's name. Raises
        what the configuration, or one of the files, makes impossible.
        """
        plan = configuration if isinstance(configuration, HostPlan) else make_plan(configuration)
        self.plan = plan
        self.programs = HostedPrograms(seats_of(plan, programs or {}))
        self.inputs: list[InputEntry] = []
        trace_file = TraceFile(trace) if trace is not None else None
        self._trace: HostTrace | None = None
        self.machine = make_machine(plan)
        self._consoles = [Console() for _ in plan.partitions]
        self._marks = MarkLog()
        self._log_dropped = 0
        self._trace_dropped = 0
        self._position_cycles = 0
        self._reason = ExitReason.NONE
        self._interrupted = False
        self._virtual_processors = [
            f"{partition.configuration.name}/{index}"
            for partition in plan.partitions
            for index in range(len(partition.processors))
        ]
        try:
            populate(self.machine, plan)
            self.machine.log_set(log)
            self.machine.boot()
            if state is not None:
                self._load(state)
            else:
                for row in plan.configuration.input:
                    self.input(row.partition, row.text.encode(), row.at_cycles)
            if trace_file is not None:
                layout = layout_of(plan, self.machine.options.processor_count)
                self._trace = HostTrace(self.machine, layout, trace_file, booted=state is None)
        except BaseException:
            if trace_file is not None:
                trace_file.close()
            self.machine.close()
            raise

    @staticmethod
    def supervised(
        configuration: Configuration | HostPlan,
        *,
        log: LogCategory = LOG_NOTHING,
        trace: Path | None = None,
    ) -> SupervisedHost:
        """Return a host of the same interface that runs in a child process."""
        from ultravisor.supervised_host import SupervisedHost

        return SupervisedHost(configuration, log=log, trace=trace)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back, and end the trace; closing twice is allowed."""
        try:
            self.end_trace()
        finally:
            self.machine.close()

    def end_trace(self) -> None:
        """Write the end of the trace, if there is one; raise OutputError when it cannot be."""
        trace, self._trace = self._trace, None
        if trace is not None:
            trace.finish()

    @property
    def position_cycles(self) -> int:
        """Return how far the host has been asked to run."""
        return self._position_cycles

    def run(
        self,
        cycles: int | None = None,
        *,
        on_console: Callable[[ConsoleOutput], None] | None = None,
        on_log: Callable[[LogLine], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> HostResult:
        """Run for `cycles` more, or until nothing is left to run; return the results.

        The callbacks are called between slices, in the order in which things happened.
        """
        limit = INTEGER_MAXIMUM if cycles is None else self._position_cycles + cycles
        if not self._position_cycles <= limit <= INTEGER_MAXIMUM:
            raise UsageError(f"cannot run for {cycles} cycles")
        step = self._slice_cycles()
        while not self._interrupted and self._reason <= ExitReason.PAUSED:
            if self._position_cycles >= limit:
                break
            self._position_cycles = min(limit, self._position_cycles + step)
            self._reason = self.programs.run(self.machine, self._position_cycles).reason
            self._drain(on_console, on_log)
            if on_progress is not None:
                on_progress(self._progress())
        result = self.result()
        self._interrupted = False
        return result

    def _slice_cycles(self) -> int:
        """Return how far the machine runs before it is looked at; pauses are invisible."""
        timing = self.plan.configuration.host.timing
        cycles = SLICE_FUNCTIONAL_CYCLES if timing == "off" else SLICE_CYCLES
        return cycles if self._trace is None else min(cycles, self._trace.piece_cycles)

    def interrupt(self) -> None:
        """Make `run` return after its current slice; may be called by a signal handler."""
        self._interrupted = True

    def input(self, name: str, data: bytes, at_cycles: int | None = None) -> None:
        """Give a partition console input, and keep it in the input log."""
        at_cycles = self._position_cycles if at_cycles is None else at_cycles
        self.machine.input(self._index(name) + 1, data, at_cycles)
        self.inputs.append(InputEntry(name, at_cycles, data))
        self._wake()

    def stop(self, name: str) -> None:
        """Stop a partition from outside, and keep that in the input log."""
        self.machine.partition_stop(self._index(name) + 1)
        self.inputs.append(InputEntry(name, self._position_cycles, kind="stop"))
        self._wake()

    def start_program(self, name: str, program: HostedProgram, state: bytes | None = None) -> None:
        """Give a hosted partition another program, which has its first turn soon.

        `state` is what a program before it has saved; events that came meanwhile are kept.
        """
        self.programs.start(name, program, state)
        self.input(name, b"")

    def kill_program(self, name: str) -> None:
        """Drop a hosted partition's program with all that it knows; others go on."""
        self.programs.kill(name)

    def console(self, name: str) -> bytes:
        """Return what a partition has written so far."""
        return bytes(self._consoles[self._index(name)].data)

    def marks(self) -> list[Mark]:
        """Return the marks that guests have set so far, oldest first."""
        return list(self._marks.rows)

    def open_window(self, request: WindowRequest) -> None:
        """Record a window of a processor's instructions; a new one replaces the last."""
        require_window(self.plan.configuration, request)
        self.machine.window_open(request.processor, request.first, request.count)

    def window(self) -> PipelineWindow:
        """Return what the window has recorded so far."""
        return PipelineWindow(self.machine.window_instructions(), self.machine.window_steps())

    def snapshot(self) -> HostSnapshot:
        """Keep the whole host in memory."""
        return HostSnapshot(
            machine=self.machine.snapshot(),
            consoles=tuple((len(row.data), row.dropped_bytes) for row in self._consoles),
            input_count=len(self.inputs),
            marks=(len(self._marks.rows), self._marks.dropped),
            position_cycles=self._position_cycles,
            reason=self._reason,
            programs=self.programs.save(),
        )

    def restore(self, snapshot: HostSnapshot) -> None:
        """Go back to a snapshot of this host; one that is traced cannot, and raises UsageError."""
        if self._trace is not None:
            raise UsageError("a host that is traced cannot go back", "end its trace first")
        self.programs.load(snapshot.programs)
        self.machine.restore(snapshot.machine)
        self._drain(None, None, discard=True)
        for console, (size, dropped) in zip(self._consoles, snapshot.consoles, strict=True):
            del console.data[size:]
            console.dropped_bytes = dropped
        del self.inputs[snapshot.input_count :]
        self._marks.go_back(*snapshot.marks)
        self._position_cycles = snapshot.position_cycles
        self._reason = snapshot.reason

    def save(self, path: Path) -> None:
        """Write the whole host to a file; one that cannot be written whole does not appear."""
        write_state(path, self.machine.write, self._manifest)

    def result(self) -> HostResult:
        """Return the results as they are now."""
        result = build_result(
            self.plan,
            self.machine,
            self._consoles,
            self._marks,
            self._reason,
            interrupted=self._interrupted,
        )
        return msgspec.structs.replace(
            result, log_dropped=self._log_dropped, trace_dropped=self._trace_dropped
        )

    def _manifest(self, state_size_bytes: int, state_sha256: str) -> StateManifest:
        """Return what goes into a state's file beside the machine's own state."""
        names = [row.configuration.name for row in self.plan.partitions]
        return StateManifest(
            run=make_record(self.plan, self.inputs, cycles=self._position_cycles, result=None),
            consoles=tuple(
                SavedConsole(name, bytes(row.data), row.dropped_bytes)
                for name, row in zip(names, self._consoles, strict=True)
            ),
            marks=tuple(self._marks.rows),
            marks_dropped=self._marks.dropped,
            programs=self.programs.save(),
            position_cycles=self._position_cycles,
            exit_reason=self._reason,
            state_hash=f"{self.machine.state_hash():016x}",
            state_size_bytes=state_size_bytes,
            state_sha256=state_sha256,
        )

    def _load(self, path: Path) -> None:
        """Take the place of a saved host; this one has just booted."""
        manifest = read_manifest(path)
        require_same_host(path, manifest, self.plan)
        verify_state(path, manifest)
        try:
            self.machine.read(path)
        except UltravisorError as failure:
            why = failure.message.removeprefix(f"{path}: ")
            raise SnapshotError(f"{path}: cannot be restored: {why}") from None
        if f"{self.machine.state_hash():016x}" != manifest.state_hash:
            message = f"{path}: the restored host is not the one that was saved"
            raise SnapshotError(message, "save it again with this build of the extension")
        self.programs.load(manifest.programs)
        # What the boot itself wrote is in the saved consoles already.
        self._drain(None, None, discard=True)
        for console, saved in zip(self._consoles, manifest.consoles, strict=True):
            console.data[:] = saved.data
            console.dropped_bytes = saved.dropped_bytes
        self._marks.rows = list(manifest.marks)
        self._marks.dropped = manifest.marks_dropped
        self.inputs = list(manifest.run.inputs)
        self._position_cycles = manifest.position_cycles
        self._reason = manifest.exit_reason

    def _wake(self) -> None:
        """What comes from outside may end a wait that nothing inside could."""
        if self._reason == ExitReason.IDLE:
            self._reason = ExitReason.PAUSED

    def _index(self, name: str) -> int:
        try:
            return self.plan.index(name)
        except KeyError:
            raise UsageError(f"no partition is named `{name}`") from None

    def _drain(
        self,
        on_console: Callable[[ConsoleOutput], None] | None,
        on_log: Callable[[LogLine], None] | None,
        *,
        discard: bool = False,
    ) -> None:
        """Take consoles, log, marks and trace from the machine."""
        for chunk in self.machine.consoles():
            if discard:
                continue
            self._consoles[chunk.partition - 1].write(chunk.data)
            if on_console is not None:
                name = self.plan.partitions[chunk.partition - 1].configuration.name
                on_console(ConsoleOutput(name, chunk.data, chunk.clock_cycles))
        for record in self.machine.log():
            if on_log is not None and not discard:
                on_log(LogLine(log_line(record, self._virtual_processors)))
        for mark in self.machine.marks():
            if not discard:
                self._marks.add(self._mark(mark))
        dropped = self.machine.dropped()
        if not discard:
            self._account(dropped)
        if self._trace is not None:
            self._trace.take(dropped.trace_records)

    def _account(self, dropped: DroppedRecords) -> None:
        """Count what guests produced faster than it could be taken."""
        for partition, size_bytes in dropped.console_bytes.items():
            self._consoles[partition - 1].dropped_bytes += size_bytes
        self._marks.dropped += dropped.marks
        self._log_dropped += dropped.log_records
        self._trace_dropped += dropped.trace_records

    def _mark(self, record: MarkRecord) -> Mark:
        return Mark(
            partition=self.plan.partitions[record.partition - 1].configuration.name,
            id=record.id,
            value=record.value,
            clock_cycles=record.clock_cycles,
            guest_cycles=record.guest_cycles,
            virtual_processor=record.virtual_processor,
        )

    def _progress(self) -> Progress:
        statistics = [
            self.machine.processor_statistics(number)
            for number in range(self.machine.options.processor_count)
        ]
        running = sum(
            self.machine.partition_statistics(number).state == PartitionState.RUNNING
            for number in range(1, len(self.plan.partitions) + 1)
        )
        guest_cycles = sum(row.guest_cycles for row in statistics)
        return Progress(statistics[0].clock_cycles, guest_cycles, running)
