# SPDX-License-Identifier: GPL-2.0-or-later
"""Running one host for a person: consoles, log, progress, Ctrl-C, result.

Owns what boot, replay and demo have in common. Knows no options of any verb.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ultravisor.cli.console_printer import ConsolePrinter
from ultravisor.cli.progress_line import ProgressLine
from ultravisor.errors import ExitCode
from ultravisor.log_lines import parse_categories
from ultravisor.recording import RunRecord, make_record
from ultravisor.results import ConsoleOutput
from ultravisor.supervised_host import SupervisedHost, write_replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from ultravisor.host import Host
    from ultravisor.inputs import InputEntry
    from ultravisor.pipeline_window import PipelineWindow, WindowRequest
    from ultravisor.plan import HostPlan
    from ultravisor.results import HostResult, LogLine


# A run that ended so has not come where its state was wanted.
NOT_SAVED = (ExitCode.INTERRUPTED, ExitCode.INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a host is run for a person."""

    cycles: int | None = None
    log: Sequence[str] = ()
    consoles: bool = True
    progress: bool = True
    supervise: bool = True
    inputs: Sequence[InputEntry] = ()
    """The input log of a replay, beside the configuration's own input."""
    replay_path: Path | None = None
    """Where the replay of a failure goes; None: a file with a name of its own."""
    state: Path | None = None
    """A saved state to go on from, in place of a boot."""
    window: WindowRequest | None = None
    """What to record of a pipeline."""
    trace: Path | None = None
    """Where a trace of the host is written while it runs."""
    save: Path | None = None
    """Where to save the state at the end, when the run came there by itself."""


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What came out, and the record that repeats it."""

    result: HostResult
    record: RunRecord
    window: PipelineWindow | None = None
    """What was recorded of a pipeline; None: nothing was asked for."""


def run_session(plan: HostPlan, options: SessionOptions) -> SessionResult:
    """Run a host to its end, its budget or Ctrl-C."""
    names = [partition.configuration.name for partition in plan.partitions]
    printer = ConsolePrinter(names, sys.stdout)
    progress = ProgressLine(sys.stderr, wanted=options.progress)

    def on_console(output: ConsoleOutput) -> None:
        progress.clear()
        printer.write(output)

    def on_log(line: LogLine) -> None:
        progress.clear()
        print(line.text, file=sys.stderr)

    def run(host: Host | SupervisedHost, until_cycles: int | None) -> HostResult:
        return host.run(
            None if until_cycles is None else max(0, until_cycles - host.position_cycles),
            on_console=on_console if options.consoles else None,
            on_log=on_log if options.log else None,
            on_progress=progress.report if progress.active else None,
        )

    with _open_host(plan, options) as host, _interruptible(host):
        if options.state is not None and options.consoles:
            for name in names:
                printer.write(ConsoleOutput(name, host.console(name), 0))
        if options.window is not None:
            host.open_window(options.window)
        try:
            result = _run_with_inputs(host, options, run)
        finally:
            progress.clear()
            if options.consoles:
                printer.finish()
        host.end_trace()
        interrupted = result.exit.code == ExitCode.INTERRUPTED
        if options.save is not None and result.exit.code not in NOT_SAVED:
            host.save(options.save)
        cycles = host.position_cycles if interrupted else options.cycles
        record = make_record(plan, host.inputs, cycles=cycles, result=result)
        window = host.window() if options.window is not None else None
    _warn_of_losses(result, options)
    return SessionResult(result, record, window)


def _warn_of_losses(result: HostResult, options: SessionOptions) -> None:
    """Say what came faster than it could be taken, and is therefore not there."""
    losses = (
        (result.log_dropped, "lines of the log"),
        (result.trace_dropped, f"records of the trace {options.trace}"),
    )
    for count, what in losses:
        if count:
            print(f"warning: {count:,} {what} were lost", file=sys.stderr)


def _run_with_inputs(
    host: Host | SupervisedHost,
    options: SessionOptions,
    run: Callable[[Host | SupervisedHost, int | None], HostResult],
) -> HostResult:
    """Run with the inputs of a replay, each at its moment."""
    orders = []
    for entry in options.inputs:
        if entry.kind == "console":
            host.input(entry.partition, entry.data, entry.at_cycles)
        else:
            orders.append(entry)
    for order in orders:
        result = run(host, order.at_cycles)
        if result.exit.code == ExitCode.INTERRUPTED:
            return result
        host.stop(order.partition)
    return run(host, options.cycles)


def report_internal_failure(session: SessionResult, path: Path | None) -> None:
    """Say that the monitor or the engine failed, and leave a file that repeats it."""
    where = write_replay(session.record.to_json(), path)
    print(f"error: {session.result.exit.reason}", file=sys.stderr)
    if where:
        print(f"  repeat it with: ultravisor replay {where}", file=sys.stderr)


def _open_host(plan: HostPlan, options: SessionOptions) -> Host | SupervisedHost:
    log = parse_categories(options.log)
    if options.supervise:
        return SupervisedHost(
            plan,
            log=log,
            replay_path=options.replay_path,
            state=options.state,
            trace=options.trace,
        )
    from ultravisor.host import Host

    return Host(plan, log=log, state=options.state, trace=options.trace)


@contextmanager
def _interruptible(host: Host | SupervisedHost) -> Iterator[None]:
    """Let the first Ctrl-C end the run with its table, and the second end everything."""
    count = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        host.interrupt()

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
