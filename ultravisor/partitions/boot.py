# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot program: it brings the host up, then lays images for command.

Owns the boot order: idle, the ultravisor, command, operations, each a transaction (two where an
image has to be laid in between); guests are command's affair. Boot is heard by the ultravisor until
command takes its channel away. It is given the loader, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import Struct

from ultravisor.channels.command_protocol import (
    AnyOperation,
    Done,
    Refused,
    SetLayout,
    SetPartitionState,
    Transact,
)
from ultravisor.errors import UltravisorError
from ultravisor.machine.abi import Hypercall
from ultravisor.partitions import messages
from ultravisor.partitions.asker import Asker, SavedAsker
from ultravisor.partitions.channel_types import TYPE_COMMAND, TYPE_LOADER
from ultravisor.partitions.facts_reading import FACTS, facts_of
from ultravisor.partitions.link_table import LinkTable, SavedLinks
from ultravisor.partitions.message_link import UNASKED
from ultravisor.partitions.messages import Load, MessageError
from ultravisor.partitions.residence import Residence, SavedResidence
from ultravisor.partitions.restarts import conflict_back_off_cycles
from ultravisor.partitions.transactions import load_of

if TYPE_CHECKING:
    from ultravisor.channels.command_protocol import AnyAnswer, AnyRequest
    from ultravisor.machine.hosted import HostedTurn

NAME: Final = "boot"
LOAD_COST_CYCLES: Final = 100_000
"""Declared work of laying an image: assumed."""


class Loader(Protocol):
    """The way of images into memory: what boot is given by the composition root."""

    def describe(self, image: str) -> messages.Described:
        """Say what an image is; raise UltravisorError where it is none."""

    def build(self, load: Load) -> bytes:
        """Write image, start page and tables into frames that nobody owns; return the layout.

        Raise UltravisorError where the image does not fit.
        """


class BootStep(Struct, frozen=True):
    """One step of the boot order: what is made, and what has to be laid before it runs."""

    name: str
    make: tuple[AnyOperation, ...]
    """Makes the partition, to where its image can be laid; or all of it, where none has to be."""
    lay: int = 0
    """The partition whose image is laid then, and that runs; 0: none."""


class SavedBoot(Struct, frozen=True):
    """All of boot's state."""

    residence: SavedResidence
    links: SavedLinks
    asker: SavedAsker | None
    place: int
    made: bool
    laid: bytes | None
    request: int
    attempts: int
    retry_cycles: int
    failure: str


class BootProgram:
    """The program of the partition `boot`."""

    def __init__(self, loader: Loader, order: tuple[BootStep, ...]) -> None:
        """Take the loader and the boot order."""
        self.failure = ""
        """Why the boot came to a stop; empty: it has not."""
        self._loader = loader
        self._order = order
        self._residence = Residence()
        self._links = LinkTable()
        self._asker: Asker | None = None
        self._place = 0
        self._made = False
        self._laid: bytes | None = None
        self._request = 0
        self._attempts = 0
        self._retry_cycles = 0

    @property
    def is_done(self) -> bool:
        """Say whether everything that boot starts has been started."""
        return self._place == len(self._order)

    def turn(self, turn: HostedTurn) -> None:
        """Take the next step of the boot order, or serve command."""
        self._residence.attend(turn)
        new = self._links.attend(turn, self._residence)
        if self._asker is None:
            self._asker = Asker(turn.time_cycles)
        loader = self._links.get(TYPE_LOADER)
        if loader is not None and TYPE_LOADER in new and self.is_done:
            loader.send(UNASKED, messages.encode(messages.BootDone()))
        self._take_answers(self._asker, turn.time_cycles)
        if not self.failure and not self.is_done:
            self._go_on(turn, self._asker)
        self._serve(turn)
        self._links.flush(turn)

    def _go_on(self, turn: HostedTurn, asker: Asker) -> None:
        """Ask for the next transaction of the order, once the last one is answered."""
        link = self._links.get(TYPE_COMMAND)
        if link is None or self._request:
            return
        if turn.time_cycles < self._retry_cycles:
            turn.call(Hypercall.TIMER_SET, self._retry_cycles)
            return
        self._request = asker.ask(self._next_request(), link, turn.time_cycles)

    def _next_request(self) -> AnyRequest:
        step = self._order[self._place]
        if not self._made:
            return Transact(step.make)
        if self._laid is None:
            return FACTS
        return Transact(
            (
                SetLayout(step.lay, self._laid),
                SetPartitionState(step.lay, "ready"),
                SetPartitionState(step.lay, "running"),
            )
        )

    def _take_answers(self, asker: Asker, now_cycles: int) -> None:
        link = self._links.get(TYPE_COMMAND)
        if link is None:
            return
        for number, answer in asker.answers(link, now_cycles):
            if number == self._request:
                self._request = 0
                self._step_answered(answer, now_cycles)

    def _step_answered(self, answer: AnyAnswer, now_cycles: int) -> None:
        step = self._order[self._place]
        if isinstance(answer, Refused):
            if answer.kind == "conflict":
                self._attempts += 1
                self._retry_cycles = now_cycles + conflict_back_off_cycles(self._attempts)
            else:
                self.failure = f"boot step `{step.name}`: {answer.kind}: {answer.sentence}"
            return
        assert isinstance(answer, Done)
        self._attempts = 0
        if not self._made and step.lay:
            self._made = True
            return
        if self._made and self._laid is None:
            self._lay(step, answer)
            return
        self._made, self._laid = False, None
        self._place += 1
        loader = self._links.get(TYPE_LOADER)
        if self.is_done and loader is not None:
            loader.send(UNASKED, messages.encode(messages.BootDone()))

    def _lay(self, step: BootStep, answer: Done) -> None:
        """Lay the image of a partition that has been made, by what the ultravisor says of it."""
        try:
            facts = facts_of(answer)
            partition = facts.partition_named(step.name)
            assert partition is not None, "it was just made"
            load = load_of(facts, partition, incarnation=partition.incarnation)
            self._laid = self._loader.build(load)
        except UltravisorError as failure:
            self.failure = f"boot step `{step.name}`: {failure.message}"

    def _serve(self, turn: HostedTurn) -> None:
        """Lay images for command."""
        link = self._links.get(TYPE_LOADER)
        while link is not None and (row := link.receive()) is not None:
            turn.work(LOAD_COST_CYCLES)
            link.send(row.request, messages.encode(self._answer(row.data)))

    def _answer(self, data: bytes) -> messages.Message:
        try:
            message = messages.TO_BOOT.decode(data)
            if isinstance(message, messages.Describe):
                return self._loader.describe(message.image)
            assert isinstance(message, Load)
            return messages.Loaded(self._loader.build(message))
        except MessageError as failure:
            return messages.LoadFailed(failure.message)
        except UltravisorError as failure:
            return messages.LoadFailed(failure.message)

    def save(self) -> bytes:
        """Return all state, for a snapshot."""
        saved = SavedBoot(
            residence=self._residence.save(),
            links=self._links.save(),
            asker=None if self._asker is None else self._asker.save(),
            place=self._place,
            made=self._made,
            laid=self._laid,
            request=self._request,
            attempts=self._attempts,
            retry_cycles=self._retry_cycles,
            failure=self.failure,
        )
        return msgspec.msgpack.encode(saved)

    def load(self, state: bytes) -> None:
        """Take the place of what `save` returned; raise ValueError on what it did not."""
        saved = msgspec.msgpack.decode(state, type=SavedBoot)
        self._residence.load(saved.residence)
        self._links.load(saved.links)
        if saved.asker is not None:
            self._asker = Asker(0)
            self._asker.load(saved.asker)
        self._place, self._made, self._laid = saved.place, saved.made, saved.laid
        self._request, self._attempts = saved.request, saved.attempts
        self._retry_cycles, self.failure = saved.retry_cycles, saved.failure
