# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of a host's hosted partitions: their turns, their failures, their state.

Owns which program has a turn and what becomes of one that raises: its partition is ended
with the first reason, and all others go on. Called by ultravisor.host; what a turn is, is
ultravisor.machine.hosted's. Programs hold no references to each other, nor to the host.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.errors import ConfigurationError, HostedError, SnapshotError, UsageError
from ultravisor.machine.abi import PartitionKind
from ultravisor.machine.hosted import MachineTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ultravisor.machine.hosted import HostedProgram
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import MachineExit, TurnRecord
    from ultravisor.plan import HostPlan


@dataclass(slots=True)
class _Seat:
    """A hosted partition's place for its program."""

    name: str
    program: HostedProgram | None
    turns: int = 0
    failure: str = ""
    exception: BaseException | None = None


class SavedProgram(Struct, frozen=True):
    """What is kept of a hosted partition's program."""

    partition: str
    state: bytes | None
    """None: there was no program, or it had raised."""
    turns: int
    """How many turns programs of the partition have taken."""
    failure: str
    """The class and the sentence of what it raised; empty: nothing."""


class HostedPrograms:
    """All programs of a host."""

    def __init__(self, seats: Mapping[int, tuple[str, HostedProgram]]) -> None:
        """Seat each program, with the partition's name, in the partition of that number."""
        self._seats = {number: _Seat(*row) for number, row in sorted(seats.items())}

    def run(
        self, machine: Machine, until_cycles: int, on_turn: Callable[[int], None] | None = None
    ) -> MachineExit:
        """Run the machine, with all turns on the way, until it returns for another reason.

        `on_turn` is called after each turn with the clock of its processor, in cycles.
        """
        while True:
            end = machine.run(until_cycles)
            if end.turn is None:
                return end
            self._take_turn(machine, end.turn)
            if on_turn is not None:
                on_turn(end.clock_cycles)

    def turns(self, name: str) -> int:
        """Return how many turns programs of a partition have taken."""
        return self._seat(name).turns

    def failure(self, name: str) -> str:
        """Return class and sentence of what a partition's program was ended for, or nothing."""
        return self._seat(name).failure

    def exception(self, name: str) -> BaseException | None:
        """Return that exception, with its traceback; not kept in a file."""
        return self._seat(name).exception

    def kill(self, name: str) -> None:
        """Drop a program with all that it knows; its partition waits, and keeps its events."""
        self._seat(name).program = None

    def start(self, name: str, program: HostedProgram, state: bytes | None) -> None:
        """Seat a program, with the state that another has saved."""
        seat = self._seat(name)
        if seat.failure:
            raise UsageError(f"partition `{name}` has ended: {seat.failure}")
        if state is not None:
            _load(seat.name, program, state)
        seat.program = program

    def save(self) -> tuple[SavedProgram, ...]:
        """Return the state of all programs; not during a turn."""
        return tuple(
            SavedProgram(seat.name, _save(seat), seat.turns, seat.failure)
            for seat in self._seats.values()
        )

    def load(self, states: tuple[SavedProgram, ...]) -> None:
        """Go back to what `save` returned; raise SnapshotError where a program cannot."""
        names = [seat.name for seat in self._seats.values()]
        if [row.partition for row in states] != names:
            raise SnapshotError("the programs are not those of the host's hosted partitions")
        for seat, row in zip(self._seats.values(), states, strict=True):
            if row.state is None:
                seat.program = seat.program if row.failure else None
            elif seat.program is None:
                hint = "start a program there first"
                raise SnapshotError(f"partition `{seat.name}` has no program to restore", hint)
            else:
                _load(seat.name, seat.program, row.state)
            seat.turns = row.turns
            seat.failure = row.failure
            seat.exception = None

    def _take_turn(self, machine: Machine, record: TurnRecord) -> None:
        seat = self._seats[record.partition]
        if seat.program is None or seat.failure:
            machine.hosted_done(0)  # its kernel keeps the events for the next one
            return
        seat.turns += 1
        turn = None
        try:
            turn = MachineTurn(machine, record)
            seat.program.turn(turn)
            turn.finish()
        except BaseException as failure:
            _end(machine, record, turn, seat, failure)
            if not isinstance(failure, Exception):
                raise

    def _seat(self, name: str) -> _Seat:
        for seat in self._seats.values():
            if seat.name == name:
                return seat
        raise UsageError(f"no hosted partition is named `{name}`")


def seats_of(
    plan: HostPlan, programs: Mapping[str, HostedProgram]
) -> dict[int, tuple[str, HostedProgram]]:
    """Return which program belongs in which hosted partition of a plan; all must be there."""
    seats: dict[int, tuple[str, HostedProgram]] = {}
    given = dict(programs)
    for number, partition in enumerate(plan.partitions, 1):
        if partition.kind == PartitionKind.HOSTED:
            name = partition.configuration.name
            if name not in given:
                message = f"partition `{name}` is hosted, and has no program"
                hint = f'give it one: Host(..., programs={{"{name}": ...}})'
                raise ConfigurationError(message, hint)
            seats[number] = (name, given.pop(name))
    if given:
        names = ", ".join(f"`{name}`" for name in given)
        raise ConfigurationError(f"no hosted partition is named {names}")
    return seats


def make_program(path: str) -> HostedProgram:
    """Call what an import path names, `package.module:name`; raise UsageError where it cannot.

    Paths come from callers of the library, never from a configuration.
    """
    module, _, name = path.partition(":")
    try:
        program: HostedProgram = getattr(importlib.import_module(module), name)()
    except Exception as failure:
        message = f"`{path}` does not make a program: {reason_of(failure)}"
        raise UsageError(message, "give `package.module:name`") from failure
    return program


def reason_of(failure: BaseException) -> str:
    """Return the class and the sentence of what a program raised."""
    return f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__


def _end(
    machine: Machine,
    record: TurnRecord,
    turn: MachineTurn | None,
    seat: _Seat,
    failure: BaseException,
) -> None:
    """End the partition of a program that raised: by its own kernel, or from outside."""
    seat.failure = reason_of(failure)
    seat.exception = failure
    try:
        if turn is not None:
            turn.fail(f"program of `{seat.name}`: {seat.failure}")
            turn.finish()
            return
    except HostedError:
        pass  # its kernel's page is gone
    machine.partition_stop(record.partition)
    machine.hosted_done(0)


def _save(seat: _Seat) -> bytes | None:
    if seat.program is None or seat.failure:
        return None
    try:
        return bytes(seat.program.save())
    except Exception as failure:
        message = f"the program of `{seat.name}` cannot be saved: {reason_of(failure)}"
        raise SnapshotError(message) from failure


def _load(name: str, program: HostedProgram, state: bytes) -> None:
    try:
        program.load(state)
    except Exception as failure:
        message = f"the program of `{name}` refuses its saved state: {reason_of(failure)}"
        raise SnapshotError(message) from failure
