# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes of a living host: one that may die with the machine, one that says why.

Owns the loop that runs a host and serves its clients, the child that it is in, and the way
to the background. Called by `ultravisor up`. It must not know what requests mean.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import msgspec
from msgspec import Struct

from ultravisor.errors import ExitCode, SupervisedFailure, UltravisorError, UsageError
from ultravisor.life.image_ledger import ImageRead
from ultravisor.life.life_inputs import LifeInput
from ultravisor.life.life_record import LifeLog, LifeResult, write_record
from ultravisor.life.life_state import read_life
from ultravisor.life.places import Place, is_living, make_folder, take_lock
from ultravisor.life.protocol import ErrorBody, exception_of
from ultravisor.machine.supervised import INTERRUPT_SIGNAL, Channel, ChannelClosed, Child
from ultravisor.results import ConsoleOutput
from ultravisor.supervised_host import write_replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ultravisor.life.life_plan import LifePlan
    from ultravisor.life.living_host import LivingHost
    from ultravisor.life.outside import Outside
    from ultravisor.life.server import Server
    from ultravisor.life.service import Service
    from ultravisor.life.tap import Tap

# How far a host runs before its clients have their turn, in cycles.
SLICE_CYCLES = 2_000_000
SLEEP_LONGEST_SECONDS = 0.05
NANOSECONDS = 1_000_000_000
# Below what a pipe writes at once, whole.
MESSAGE_LIMIT_BYTES = 4096


class Ready(Struct, frozen=True, tag="ready"):
    """The host lives, and its socket answers."""


class Entered(Struct, frozen=True, tag="entered"):
    """Something is about to enter the host."""

    entry: LifeInput


class Looked(Struct, frozen=True, tag="looked"):
    """An image was read."""

    image: ImageRead


class Runs(Struct, frozen=True, tag="runs"):
    """The host is about to run on, up to a position."""

    position_cycles: int


class Ended(Struct, frozen=True, tag="ended"):
    """The host was brought down."""

    text: str
    interrupted: bool
    """By Ctrl-C or a signal, not by a client."""
    result: LifeResult | None = None
    """Where a record was asked for."""


class Refused(Struct, frozen=True, tag="refused"):
    """The host could not be made, or had to be given up."""

    error: ErrorBody


Message = Ready | Entered | Looked | Runs | Ended | Refused | ConsoleOutput
_MESSAGES: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_encode = msgspec.msgpack.encode


@dataclass(frozen=True, slots=True)
class Life:
    """How a host lives."""

    place: Place
    plan: LifePlan
    journal: Path | None
    record: Path | None
    """Where, at its end, what replays it is written."""
    paced: bool
    """Its clock does not run ahead of the wall's; guests cannot tell."""
    snapshot: Path | None = None
    """What it goes on from, in place of a beginning."""
    taps: dict[str, str] = field(default_factory=dict)
    """The TAP interface of each switch with an outside."""


class Pace:
    """How long to wait before a host's next slice: the wall's clock says when, never what."""

    def __init__(self, frequency_hz: int, start_cycles: int) -> None:
        self._frequency_hz = frequency_hz
        self._start_cycles = start_cycles
        self._start_ns = time.monotonic_ns()

    def ahead_seconds(self, clock_cycles: int) -> float:
        """Return by how much a clock is ahead of the wall's, 0 where it is behind."""
        passed_ns = time.monotonic_ns() - self._start_ns
        due_ns = (clock_cycles - self._start_cycles) * NANOSECONDS // self._frequency_hz
        if due_ns < passed_ns:
            # What was lost, by a slow machine or a host at rest, is not made up for.
            self._start_ns += passed_ns - due_ns
            return 0.0
        return (due_ns - passed_ns) / NANOSECONDS


def live(
    life: Life, on_ready: Callable[[], None], on_console: Callable[[ConsoleOutput], None]
) -> Ended:
    """Run a host in a child until it is brought down; return how it ended.

    Raises what the host could not be made for, and SupervisedFailure when the child dies.
    """
    make_folder()
    lock = take_lock(life.place)
    if lock is None:
        raise _taken(life.place)
    child = Child(lambda channel: _serve(life, channel))
    previous = signal.signal(signal.SIGINT, lambda _number, _frame: child.interrupt())
    terminate = signal.signal(signal.SIGTERM, lambda _number, _frame: child.interrupt())
    try:
        return _Watcher(life, child).listen(on_ready, on_console)
    finally:
        signal.signal(signal.SIGINT, previous)
        signal.signal(signal.SIGTERM, terminate)
        child.close()
        life.place.socket.unlink(missing_ok=True)
        life.place.lock.unlink(missing_ok=True)
        os.close(lock)


def _taken(place: Place) -> UsageError:
    return UsageError(
        f"a host named `{place.name}` lives already",
        "give this one another name (--name), or end that one: ultravisor down",
    )


class _Watcher:
    """The parent's side: it knows all that has entered, whatever becomes of the child."""

    def __init__(self, life: Life, child: Child) -> None:
        self._life = life
        self._child = child
        self._log = LifeLog(life.plan)
        self._is_ready = False
        if life.snapshot is not None:
            self._log.go_on_from(read_life(life.snapshot).life)

    def listen(
        self, on_ready: Callable[[], None], on_console: Callable[[ConsoleOutput], None]
    ) -> Ended:
        """Take what the child says until it ends, well or badly."""
        while True:
            try:
                message = _MESSAGES.decode(self._child.channel.receive())
            except (ChannelClosed, OSError):
                raise self._with_replay(self._child.death()) from None
            match message:
                case Entered() | Looked() | Runs():
                    self._note(message)
                case ConsoleOutput():
                    on_console(message)
                case Ready():
                    self._is_ready = True
                    on_ready()
                case Ended():
                    if self._life.record is not None:
                        record = self._log.record(message.result).to_json()
                        write_record(self._life.record, record)
                    return message
                case Refused():
                    raise self._refusal(message)

    def _note(self, message: Entered | Looked | Runs) -> None:
        match message:
            case Entered():
                self._log.inputs.append(message.entry)
            case Looked():
                self._log.image(message.image)
            case Runs():
                self._log.position_cycles = message.position_cycles

    def _refusal(self, message: Refused) -> UltravisorError:
        failure = exception_of(message.error)
        if self._is_ready and failure.exit_code == ExitCode.INTERNAL:
            return self._with_replay(SupervisedFailure(failure.message))
        return failure

    def _with_replay(self, failure: SupervisedFailure) -> SupervisedFailure:
        """Write what repeats the failure, and say where it is."""
        record = self._log.record(None, failure.message).to_json()
        path = failure.replay_path = write_replay(record, self._life.record)
        failure.hint = f"repeat it with: ultravisor replay {path}" if path else ""
        return failure


def _make(life: Life, channel: Channel) -> LivingHost:
    """Make the host, or the one that was saved; from here on the parent is told everything."""
    from ultravisor.life.image_ledger import ImageLedger
    from ultravisor.life.life_state import load_life
    from ultravisor.life.living_host import LivingHost

    def on_read(image: ImageRead) -> None:
        channel.send(_encode(Looked(image)))

    images = ImageLedger()
    if life.snapshot is None:
        images.on_read = on_read
    host = LivingHost(life.plan, life.journal, images=images)
    host.on_input = lambda entry: channel.send(_encode(Entered(entry)))
    if life.snapshot is not None:
        try:
            load_life(host, life.snapshot, read_life(life.snapshot))
        except BaseException:
            host.close()
            raise
        images.on_read = on_read
    return host


def _serve(life: Life, channel: Channel) -> None:
    """Make the host, its socket and its service, and run them: the child's whole life."""
    from ultravisor.life.outside import Outside
    from ultravisor.life.server import Server
    from ultravisor.life.service import Service

    with contextlib.ExitStack() as stack:
        try:
            host = stack.enter_context(contextlib.closing(_make(life, channel)))
            service = Service(host, life.place)
            server = stack.enter_context(contextlib.closing(Server(life.place.socket, service)))
            outside = Outside(
                host,
                _open_taps(life, stack),
                lambda switch, why: service.happened(host.position_cycles, "switch", switch, why),
            )
            service.outside = outside
            signal.signal(INTERRUPT_SIGNAL, lambda _number, _frame: service.interrupt())
            channel.send(_encode(Ready()))
            _loop(life, Parts(host, service, server, outside), channel)
            result = None if life.record is None else host.result()
        except UltravisorError as failure:
            body = ErrorBody(type(failure).__name__, failure.message, failure.hint)
            channel.send(_encode(Refused(body)))
            return
    channel.send(_encode(Ended("the host has ended", service.interrupted, result)))


def _open_taps(life: Life, stack: contextlib.ExitStack) -> dict[str, Tap]:
    """Open the interfaces, to be closed with everything else."""
    from ultravisor.life.tap import Tap

    return {switch: stack.enter_context(Tap.open(name)) for switch, name in life.taps.items()}


class Parts(NamedTuple):
    """Who has turns."""

    host: LivingHost
    service: Service
    server: Server
    outside: Outside


def _loop(life: Life, parts: Parts, channel: Channel) -> None:
    """Let the host, its clients and its outside have their turns until it is brought down."""
    host, service, server, outside = parts

    def on_console(output: ConsoleOutput) -> None:
        service.console(output)
        channel.send(_encode(output))

    pace = Pace(host.clock_frequency_hz, host.position_cycles) if life.paced else None
    while not service.ended:
        wait = 0.0 if host.can_run else SLEEP_LONGEST_SECONDS
        if host.can_run and pace is not None:
            wait = min(pace.ahead_seconds(host.position_cycles), SLEEP_LONGEST_SECONDS)
        # A host at rest is woken by a frame; one that runs finds it before its next piece.
        server.poll(wait, () if host.can_run else outside.descriptors)
        if not host.can_run:
            outside.enter()
        if host.can_run and (pace is None or pace.ahead_seconds(host.position_cycles) == 0):
            channel.send(_encode(Runs(host.position_cycles + SLICE_CYCLES)))
            outside.enter()
            host.advance(SLICE_CYCLES, on_console, service.happened, service.answered)
            service.look()


def detach(life: Life) -> None:
    """Let a host live in the background; return when it is ready, raise why it is not."""
    make_folder()
    # Looked at before anything is written: the log is the living host's.
    if is_living(life.place):
        raise _taken(life.place)
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        os.close(read)
        _in_background(life, write)
    os.close(write)
    # One message is one write; its end may be held open by the machine's own process.
    said = os.read(read, MESSAGE_LIMIT_BYTES)
    os.close(read)
    if not said:
        raise SupervisedFailure("the host ended before it was ready", f"see {life.place.log}")
    message = _MESSAGES.decode(said)
    if isinstance(message, Refused):
        raise exception_of(message.error)


def _in_background(life: Life, write: int) -> NoReturn:
    """Be the background process, and leave without returning into the command's code."""
    status = 70

    def tell(message: Message) -> None:
        nonlocal write
        if write >= 0:
            os.write(write, _encode(message)[:MESSAGE_LIMIT_BYTES])
            os.close(write)
            write = -1

    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        said = os.open(life.place.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number, target in ((0, nothing), (1, said), (2, said)):
            os.dup2(target, number)
        print(live(life, lambda: tell(Ready()), lambda _output: None).text)
        status = 0
    except UltravisorError as failure:
        tell(Refused(ErrorBody(type(failure).__name__, failure.message, failure.hint)))
        print(f"error: {failure.message}\n  {failure.hint}", file=sys.stderr)
        status = failure.exit_code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
