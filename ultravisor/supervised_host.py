# SPDX-License-Identifier: GPL-2.0-or-later
"""A host in a child process, with the interface of ultravisor.host.Host.

Owns the messages between both sides. When the child dies the caller gets a
SupervisedFailure with the first reason and a file that replays the run; the caller's
own process does not even load the engine.
"""

from __future__ import annotations

import hashlib
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
from msgspec import Struct

from ultravisor import errors
from ultravisor.errors import MachineError, SupervisedFailure, UltravisorError, UsageError
from ultravisor.hosted_programs import make_program
from ultravisor.inputs import InputEntry
from ultravisor.machine.interface import LogCategory
from ultravisor.machine.supervised import INTERRUPT_SIGNAL, Channel, ChannelClosed, Child
from ultravisor.pipeline_window import PipelineWindow, WindowRequest
from ultravisor.plan import HostPlan, make_plan
from ultravisor.recording import make_record
from ultravisor.results import ConsoleOutput, HostResult, LogLine, Mark, Progress
from ultravisor.saved_state import partial_path, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from ultravisor.configuration import Configuration
    from ultravisor.host import Host, HostSnapshot

Value = TypeVar("Value")


class RunRequest(Struct, frozen=True, tag="run"):
    """Run, and send what was asked for while running."""

    cycles: int | None
    console: bool
    log: bool
    progress: bool


class InputRequest(Struct, frozen=True, tag="input"):
    """Give a partition console input."""

    name: str
    data: bytes
    at_cycles: int


class StartProgramRequest(Struct, frozen=True, tag="start_program"):
    """Make a program in the child and give it to a hosted partition."""

    name: str
    path: str
    state: bytes | None


class CallRequest(Struct, frozen=True, tag="call"):
    """Call a method with one or no argument: stop, snapshot, restore, marks, result, ..."""

    method: str
    argument: str | int | None = None


class Reply(Struct, frozen=True, tag="reply"):
    """What a request returned."""

    value: msgspec.Raw
    position_cycles: int


class Failure(Struct, frozen=True, tag="failure"):
    """The exception that a request raised."""

    kind: str
    message: str
    hint: str


Request = RunRequest | InputRequest | WindowRequest | StartProgramRequest | CallRequest
Message = ConsoleOutput | LogLine | Progress | Reply | Failure
REQUEST_DECODER: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
MESSAGE_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
encode = msgspec.msgpack.encode
LOG_NOTHING = LogCategory(0)
# Methods of a host that a CallRequest names, and that take nothing.
BARE_CALLS = frozenset({"end_trace", "marks", "result", "window"})


class SupervisedHost:
    """A host whose machine runs in a child process; a context manager."""

    def __init__(
        self,
        configuration: Configuration | HostPlan,
        *,
        log: LogCategory = LOG_NOTHING,
        replay_path: Path | None = None,
        state: Path | None = None,
        trace: Path | None = None,
        programs: Mapping[str, str] | None = None,
    ) -> None:
        """Start the child and boot the host in it; errors are raised here as in-process.

        Programs are made in the child: `programs` has for each hosted partition the import
        path of what makes its program, `package.module:name`.
        """
        plan = configuration if isinstance(configuration, HostPlan) else make_plan(configuration)
        self.plan = plan
        self.inputs = [
            InputEntry(row.partition, row.at_cycles, row.text.encode())
            for row in plan.configuration.input
        ]
        if state is not None:
            self.inputs = list(read_manifest(state).run.inputs)
        self._replay_path = replay_path
        self._position_cycles = 0
        self._limit_cycles: int | None = None
        self._snapshots: dict[int, int] = {}
        self._death: SupervisedFailure | None = None
        self._closed = False
        self._traced = trace is not None
        paths = dict(programs or {})

        def serve(channel: Channel) -> None:
            _serve(lambda: _open(plan, log, state, trace, paths), channel)

        self._child = Child(serve)
        try:
            self._answer(type(None))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exception_type is None and not self._closed and self._death is None:
                self.end_trace()
        finally:
            self.close()

    @property
    def process(self) -> int:
        """Return the child's process id."""
        return self._child.process

    @property
    def position_cycles(self) -> int:
        """Return how far the host has been asked to run."""
        return self._position_cycles

    def close(self) -> None:
        """End the child; closing twice is allowed."""
        self._closed = True
        self._child.close()

    def end_trace(self) -> None:
        """Write the end of the trace, if there is one; raise OutputError when it cannot be."""
        if self._traced:
            self._traced = False
            self._send(CallRequest("end_trace"))
            self._answer(type(None))

    def run(
        self,
        cycles: int | None = None,
        *,
        on_console: Callable[[ConsoleOutput], None] | None = None,
        on_log: Callable[[LogLine], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> HostResult:
        """Run for `cycles` more, or until nothing is left to run; return the results."""
        self._limit_cycles = None if cycles is None else self._position_cycles + cycles
        wanted = (on_console is not None, on_log is not None, on_progress is not None)
        self._send(RunRequest(cycles, *wanted))
        listeners: dict[type, Callable[[Any], None] | None] = {
            ConsoleOutput: on_console,
            LogLine: on_log,
            Progress: on_progress,
        }
        try:
            return self._answer(HostResult, listeners)
        except UltravisorError:
            raise
        except BaseException:
            # A listener failed, or Ctrl-C: messages of this run are still on their way, and
            # nobody will read them. The host is of no use any more.
            self.close()
            raise

    def interrupt(self) -> None:
        """Make `run` return after its current slice; may be called by a signal handler."""
        self._child.interrupt()

    def kill(self) -> None:
        """End the child at once."""
        self._child.kill()

    def input(self, name: str, data: bytes, at_cycles: int | None = None) -> None:
        """Give a partition console input, and keep it in the input log."""
        at_cycles = self._position_cycles if at_cycles is None else at_cycles
        self._send(InputRequest(name, data, at_cycles))
        self._answer(type(None))
        self.inputs.append(InputEntry(name, at_cycles, data))

    def stop(self, name: str) -> None:
        """Stop a partition from outside, and keep that in the input log."""
        self._send(CallRequest("stop", name))
        self._answer(type(None))
        self.inputs.append(InputEntry(name, self._position_cycles, kind="stop"))

    def start_program(self, name: str, path: str, state: bytes | None = None) -> None:
        """Give a hosted partition another program, made in the child from its import path."""
        self._send(StartProgramRequest(name, path, state))
        self._answer(type(None))
        self.inputs.append(InputEntry(name, self._position_cycles))

    def kill_program(self, name: str) -> None:
        """Drop a hosted partition's program with all that it knows."""
        self._send(CallRequest("kill_program", name))
        self._answer(type(None))

    def console(self, name: str) -> bytes:
        """Return what a partition has written so far."""
        self._send(CallRequest("console", name))
        return self._answer(bytes)

    def marks(self) -> list[Mark]:
        """Return the marks that guests have set so far, oldest first."""
        self._send(CallRequest("marks"))
        return self._answer(list[Mark])

    def open_window(self, request: WindowRequest) -> None:
        """Record a window of a processor's instructions; a new one replaces the last."""
        self._send(request)
        self._answer(type(None))

    def window(self) -> PipelineWindow:
        """Return what the window has recorded so far."""
        self._send(CallRequest("window"))
        return self._answer(PipelineWindow)

    def save(self, path: Path) -> None:
        """Write the whole host to a file; one that cannot be written whole does not appear."""
        try:
            self._send(CallRequest("save", str(path)))
            self._answer(type(None))
        except UltravisorError:
            self._remove_partial(path)
            raise
        except BaseException:
            # Ctrl-C: the answer is still on its way, and nobody will read it.
            self.close()
            self._remove_partial(path)
            raise

    def _remove_partial(self, path: Path) -> None:
        """Remove what a child left that died while it wrote."""
        partial_path(path, self.process).unlink(missing_ok=True)

    def result(self) -> HostResult:
        """Return the results as they are now."""
        self._send(CallRequest("result"))
        return self._answer(HostResult)

    def snapshot(self) -> int:
        """Keep the whole host in the child's memory; return the snapshot's number."""
        self._send(CallRequest("snapshot"))
        number = self._answer(int)
        self._snapshots[number] = len(self.inputs)
        return number

    def restore(self, snapshot: int) -> None:
        """Go back to a snapshot of this host."""
        if snapshot not in self._snapshots:
            raise UsageError(f"no snapshot has the number {snapshot}")
        self._send(CallRequest("restore", snapshot))
        self._answer(type(None))
        del self.inputs[self._snapshots[snapshot] :]

    def _send(self, request: Request) -> None:
        if self._closed:
            raise MachineError("the host has been closed")
        try:
            self._child.channel.send(encode(request))
        except (ChannelClosed, OSError):
            raise self._failure() from None

    def _answer(
        self,
        kind: type[Value],
        listeners: dict[type, Callable[[Any], None] | None] | None = None,
    ) -> Value:
        """Handle messages up to the reply; raise what the child raised, or its death."""
        while True:
            try:
                message = MESSAGE_DECODER.decode(self._child.channel.receive())
            except (ChannelClosed, OSError):
                raise self._failure() from None
            if isinstance(message, Reply):
                self._position_cycles = message.position_cycles
                return msgspec.msgpack.decode(message.value, type=kind)
            if isinstance(message, Failure):
                raise _exception(message)
            listener = (listeners or {}).get(type(message))
            if listener is not None:
                listener(message)

    def _failure(self) -> SupervisedFailure:
        """Return the child's death, with a replay file written the first time."""
        if self._death is not None:
            return self._death
        failure = self._death = self._child.death()
        record = make_record(
            self.plan,
            self.inputs,
            cycles=self._limit_cycles,
            result=None,
            failure=failure.message,
        ).to_json()
        path = write_replay(record, self._replay_path)
        failure.replay_path = path
        failure.hint = f"repeat it with: ultravisor replay {path}" if path else ""
        return failure


def write_replay(record: bytes, path: Path | None) -> str:
    """Write a replay file where asked, else here, else among temporary files."""
    name = f"ultravisor-replay-{hashlib.sha256(record).hexdigest()[:12]}.json"
    candidates = [path] if path is not None else []
    for candidate in [*candidates, Path(name), Path(tempfile.gettempdir()) / name]:
        try:
            candidate.write_bytes(record)
        except OSError:
            continue
        return str(candidate)
    return ""


def _exception(failure: Failure) -> UltravisorError:
    kind = getattr(errors, failure.kind, None)
    if isinstance(kind, type) and issubclass(kind, UltravisorError):
        return kind(failure.message, failure.hint)
    return MachineError(failure.message, failure.hint)


def _open(
    plan: HostPlan,
    log: LogCategory,
    state: Path | None,
    trace: Path | None,
    paths: dict[str, str],
) -> Host:
    """Make the host, in the child alone: the parent does not load the engine."""
    from ultravisor.host import Host

    programs = {name: make_program(path) for name, path in paths.items()}
    return Host(plan, log=log, state=state, trace=trace, programs=programs)


def _serve(make_host: Callable[[], Host], channel: Channel) -> None:
    """Run a host for the parent until it goes away; the child's whole life."""
    try:
        host = make_host()
    except UltravisorError as failure:
        channel.send(encode(Failure(type(failure).__name__, failure.message, failure.hint)))
        return
    signal.signal(INTERRUPT_SIGNAL, lambda _number, _frame: host.interrupt())
    with host:
        server = _Server(host, channel)
        server.reply(None)
        while True:
            server.handle(REQUEST_DECODER.decode(channel.receive()))


class _Server:
    """The child's side of the messages."""

    def __init__(self, host: Host, channel: Channel) -> None:
        self.host = host
        self.channel = channel
        self.snapshots: list[HostSnapshot] = []

    def reply(self, value: object) -> None:
        raw = msgspec.Raw(encode(value))
        self.channel.send(encode(Reply(raw, self.host.position_cycles)))

    def event(self, message: ConsoleOutput | LogLine | Progress) -> None:
        self.channel.send(encode(message))

    def handle(self, request: Request) -> None:
        try:
            self.reply(self.perform(request))
        except UltravisorError as failure:
            message = Failure(type(failure).__name__, failure.message, failure.hint)
            self.channel.send(encode(message))

    def perform(self, request: Request) -> object:
        if isinstance(request, RunRequest):
            return self.run(request)
        if isinstance(request, InputRequest):
            self.host.input(request.name, request.data, request.at_cycles)
            return None
        if isinstance(request, WindowRequest):
            self.host.open_window(request)
            return None
        if isinstance(request, StartProgramRequest):
            program = make_program(request.path)
            self.host.start_program(request.name, program, request.state)
            return None
        return self.call(request)

    def run(self, request: RunRequest) -> HostResult:
        def progress(message: Progress) -> None:
            # A parent that is gone ends the run: nothing else is sent while it waits.
            if self.channel.waiting():
                raise ChannelClosed
            if request.progress:
                self.event(message)

        return self.host.run(
            request.cycles,
            on_console=self.event if request.console else None,
            on_log=self.event if request.log else None,
            on_progress=progress,
        )

    def call(self, request: CallRequest) -> object:
        if request.method in BARE_CALLS:
            return getattr(self.host, request.method)()
        name = str(request.argument)
        match request.method:
            case "snapshot":
                self.snapshots.append(self.host.snapshot())
                return len(self.snapshots) - 1
            case "restore" if isinstance(request.argument, int):
                self.host.restore(self.snapshots[request.argument])
            case "stop":
                self.host.stop(name)
            case "kill_program":
                self.host.kill_program(name)
            case "save":
                self.host.save(Path(name))
            case "console":
                return self.host.console(name)
            case _:
                raise MachineError(f"the child knows no {request.method}")
        return None
