# SPDX-License-Identifier: GPL-2.0-or-later
"""A recorded life, lived again.

Owns the feeding of the input log: unpaced, each entry at its moment, whatever the lengths of the
pieces were in which the life was run. In this process, or in a child that may die as the recorded
one did.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ultravisor.errors import ConfigurationError, RecordError, UltravisorError
from ultravisor.life.image_ledger import ImageLedger, require_same_images
from ultravisor.life.life_record import LifeRecord, LifeResult, plan_of, repeatable
from ultravisor.life.protocol import ErrorBody, exception_of
from ultravisor.machine.supervised import Channel, ChannelClosed, Child
from ultravisor.results import ConsoleOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.life.living_host import LivingHost

PIECE_CYCLES = 2_000_000


class Came(Struct, frozen=True, tag="came"):
    """The end was reached."""

    result: LifeResult


class Failed(Struct, frozen=True, tag="failed"):
    """What the replay was given up for."""

    error: ErrorBody


_MESSAGES: msgspec.msgpack.Decoder[Came | Failed | ConsoleOutput] = msgspec.msgpack.Decoder(
    Came | Failed | ConsoleOutput
)
_encode = msgspec.msgpack.encode


def replay(
    record: LifeRecord,
    on_console: Callable[[ConsoleOutput], None],
    piece_cycles: int = PIECE_CYCLES,
) -> LifeResult:
    """Live a recorded life again; return what came out.

    Raises RecordError where an image or the monitor is not what was recorded, or where something
    has entered that cannot have.
    """
    from ultravisor.life.living_host import LivingHost

    plan = repeatable(plan_of(record.origin, "the record"))
    require_same_images(record.images)
    images = ImageLedger(record.images)
    with contextlib.closing(LivingHost(plan, watched=False, images=images)) as host:
        for index, entry in enumerate(record.inputs):
            _run_to(host, entry.at_cycles, piece_cycles, on_console)
            try:
                host.feed(entry)
            except ConfigurationError as failure:
                # What a machine refuses has not entered, and is in no log of a life.
                raise RecordError(f"the record: inputs[{index}]: {failure.message}") from None
        _run_to(host, record.position_cycles, piece_cycles, on_console)
        return host.result()


def _run_to(
    host: LivingHost,
    position_cycles: int,
    piece_cycles: int,
    on_console: Callable[[ConsoleOutput], None],
) -> None:
    while host.position_cycles < position_cycles:
        cycles = min(piece_cycles, position_cycles - host.position_cycles)
        host.advance(cycles, on_console, lambda *_event: None, lambda *_answer: None)


def supervised_replay(
    record: LifeRecord, on_console: Callable[[ConsoleOutput], None]
) -> LifeResult:
    """Do the same in a child process; raise SupervisedFailure when it dies."""
    child = Child(lambda channel: _serve(record, channel))
    try:
        while True:
            try:
                message = _MESSAGES.decode(child.channel.receive())
            except (ChannelClosed, OSError):
                raise child.death() from None
            match message:
                case ConsoleOutput():
                    on_console(message)
                case Came():
                    return message.result
                case Failed():
                    raise exception_of(message.error)
    finally:
        child.close()


def _serve(record: LifeRecord, channel: Channel) -> None:
    try:
        result = replay(record, lambda output: channel.send(_encode(output)))
    except UltravisorError as failure:
        body = ErrorBody(type(failure).__name__, failure.message, failure.hint)
        channel.send(_encode(Failed(body)))
    else:
        channel.send(_encode(Came(result)))
