# SPDX-License-Identifier: GPL-2.0-or-later
"""The command program: it decides.

Owns who speaks to command and what that sets in motion: operator's orders through the host's input
log, operations' messages, boot's words, the ultravisor's answers. It acts by transactions, and by
asking boot to lay images. Everything it needs after a restart is in the database, or told again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from ultravisor.channels.command_protocol import Done as Committed
from ultravisor.channels.command_protocol import RefusalKind, Transact
from ultravisor.machine.abi import Hypercall
from ultravisor.partitions import messages
from ultravisor.partitions.asker import Asker, SavedAsker
from ultravisor.partitions.channel_types import TYPE_COMMAND, TYPE_LOADER, TYPE_OPERATIONS
from ultravisor.partitions.decider import Decider, SavedDecider
from ultravisor.partitions.decisions import restart_rule
from ultravisor.partitions.definitions import decode_definition
from ultravisor.partitions.link_table import LinkTable, SavedLinks
from ultravisor.partitions.medium_orders import MediumOrders, WaitingMove
from ultravisor.partitions.message_link import UNASKED
from ultravisor.partitions.messages import MessageError
from ultravisor.partitions.operator_limits import refuse_transaction
from ultravisor.partitions.reconciler import OPERATOR
from ultravisor.partitions.residence import Residence, SavedResidence
from ultravisor.partitions.wish_list import ABSENT, SavedWishes, Tracked, WishList
from ultravisor.resources.records import PartitionState

if TYPE_CHECKING:
    from ultravisor.channels.command_protocol import AnyAnswer
    from ultravisor.machine.hosted import HostedTurn
    from ultravisor.partitions.facts import Facts

NAME: Final = "command"
STEPS_A_TURN: Final = 64
STEP_COST_CYCLES: Final = 5_000
"""Declared work of one decision: assumed."""
TIMER_OFF: Final = 0
_ENDS: Final = {PartitionState.FAILED: "failed", PartitionState.STOPPED: "stopped"}


class SavedCommand(Struct, frozen=True):
    """All of command's state; what is on its way is in its channels."""

    residence: SavedResidence
    links: SavedLinks
    asker: SavedAsker | None
    wishes: SavedWishes
    decider: SavedDecider
    inbox: tuple[tuple[int, bytes], ...]
    outside: tuple[tuple[int, bytes], ...]
    passed_on: dict[int, int]
    reported: dict[str, messages.DomainReport]
    recalled: bool
    deadline_cycles: int
    medium_orders: tuple[WaitingMove, ...] = ()


class CommandProgram:
    """The program of the partition `command`."""

    def __init__(self) -> None:
        """Begin with nothing; all comes over the channels."""
        self.wishes = WishList()
        self.medium_orders = MediumOrders()
        self.decider = Decider(self.wishes, self.medium_orders)
        self.rejected = 0
        """Messages that were none."""
        self._residence = Residence()
        self._links = LinkTable()
        self._asker: Asker | None = None
        self._inbox: deque[tuple[int, bytes]] = deque()
        self._outside: list[tuple[int, bytes]] = []
        self._passed_on: dict[int, int] = {}
        self._reported: dict[str, messages.DomainReport] = {}
        self._recalled = False
        self._deadline_cycles = TIMER_OFF

    # Between turns the composition root hands in what the input log has, and takes answers out.

    def deliver(self, number: int, message: bytes) -> None:
        """Take one message from outside; `number` comes back with its answer."""
        self._inbox.append((number, message))
        self.decider.wake()

    def collect(self) -> list[tuple[int, bytes]]:
        """Return the answers to what was delivered, each once."""
        found, self._outside = self._outside, []
        return found

    def turn(self, turn: HostedTurn) -> None:
        """Take what has come, and decide as far as that goes."""
        now_cycles = turn.time_cycles
        self._residence.attend(turn)
        new = self._links.attend(turn, self._residence)
        if self._asker is None:
            self._asker = Asker(now_cycles)
        if TYPE_OPERATIONS in new:
            # Operations sends its policy where command has another, or none.
            self._tell_operations(messages.Accepted(self.wishes.revision))
        self.decider.look_again(now_cycles)
        self._take_operations()
        self._take_loader(now_cycles)
        self._take_answers(self._asker, now_cycles)
        self._decide(turn, self._asker)
        self._leave(turn, self._asker)

    # What comes.

    def _take_operations(self) -> None:
        link = self._links.get(TYPE_OPERATIONS)
        while link is not None and (row := link.receive()) is not None:
            try:
                message = messages.FROM_OPERATIONS.decode(row.data)
            except MessageError as failure:
                self.rejected += 1
                answer = messages.Rejected(RefusalKind.INVALID, row.fault or failure.message)
                link.send(row.request, messages.encode(answer))
                continue
            link.send(row.request, messages.encode(self._obey_operations(message)))
            self.decider.wished()
            self.decider.wake()

    def _obey_operations(self, message: object) -> messages.Accepted | messages.Rejected:
        known = True
        name = ""
        match message:
            case messages.SetPolicy():
                self.wishes.set_policy(message.policy, message.revision)
            case messages.DefineDomain():
                self.wishes.define(message.domain)
            case messages.ForgetDomain(name):
                known = self.wishes.forget(name)
            case messages.WantDomain(name, wanted):
                known = self.wishes.want(name, wanted)
            case messages.AskReports():
                self._reported.clear()
        if known:
            return messages.Accepted(self.wishes.revision)
        return messages.Rejected(RefusalKind.UNKNOWN_ID, f"no domain is named `{name}`")

    def _take_loader(self, now_cycles: int) -> None:
        link = self._links.get(TYPE_LOADER)
        while link is not None and (row := link.receive()) is not None:
            try:
                message = messages.FROM_BOOT.decode(row.data)
            except MessageError:
                self.rejected += 1
                continue
            self.decider.loader_answer(row.request, message, link, now_cycles)

    def _take_answers(self, asker: Asker, now_cycles: int) -> None:
        link = self._links.get(TYPE_COMMAND)
        if link is None:
            return
        answers = asker.answers(link, now_cycles)
        for number, answer in answers:
            order = self._passed_on.pop(number, None)
            if order is not None:
                self._answer_outside(order, _outside_answer(answer))
                self.decider.wake()
            else:
                self.decider.answer(number, answer, now_cycles)
        if asker.moved:
            # Facts that came with it may be older than what it is about.
            asker.moved = False
            self.decider.wake()

    def _take_inbox(self, facts: Facts, asker: Asker, now_cycles: int) -> None:
        """Take what has come from outside, now that the facts are fresh."""
        while self._inbox:
            number, data = self._inbox.popleft()
            try:
                message = messages.FROM_OUTSIDE.decode(data)
            except MessageError as failure:
                self.rejected += 1
                refusal = messages.Rejected(RefusalKind.INVALID, failure.message)
                self._answer_outside(number, refusal)
                continue
            self._obey_outside(number, message, facts, asker, now_cycles)

    def _obey_outside(
        self, number: int, message: object, facts: Facts, asker: Asker, now_cycles: int
    ) -> None:
        refusal: messages.Rejected | None = None
        match message:
            case messages.Create(domain):
                refusal = self.wishes.create(number, domain, facts)
            case messages.Order():
                refusal = self.wishes.order(number, message, facts)
            case messages.IoOrder():
                refusal = self.medium_orders.take(number, message, facts)
                # It may have come true by what is there.
                self.decider.fresh = True
            case messages.Ended():
                self.decider.end(message)
            case messages.Transaction(operations):
                refusal = refuse_transaction(operations, facts)
                if refusal is None:
                    self._pass_on(number, message, asker, now_cycles)
        self.decider.wished()
        if refusal is not None:
            self._answer_outside(number, refusal)

    def _pass_on(
        self, number: int, message: messages.Transaction, asker: Asker, now_cycles: int
    ) -> None:
        """Give the ultravisor an operator's transaction; its answer will be the order's."""
        link = self._links.get(TYPE_COMMAND)
        assert link is not None, "there are facts, so there is the command channel"
        transact = Transact(message.operations, dry_run=message.dry_run)
        self._passed_on[asker.ask(transact, link, now_cycles)] = number

    def _answer_outside(self, number: int, answer: messages.Done | messages.Rejected) -> None:
        self._outside.append((number, messages.encode(answer)))

    def _tell_operations(self, message: messages.Message) -> None:
        link = self._links.get(TYPE_OPERATIONS)
        if link is not None:
            link.send(UNASKED, messages.encode(message))

    # Deciding.

    def _decide(self, turn: HostedTurn, asker: Asker) -> None:
        link = self._links.get(TYPE_COMMAND)
        if link is None or not link.is_attached:
            return
        for _ in range(STEPS_A_TURN):
            facts = self.decider.facts
            if facts is not None:
                self._look_at(facts, asker, turn.time_cycles)
            loader = self._links.get(TYPE_LOADER)
            if not self.decider.decide(asker, link, loader, turn.time_cycles):
                break
            turn.work(STEP_COST_CYCLES)

    def _look_at(self, facts: Facts, asker: Asker, now_cycles: int) -> None:
        """Compare fresh facts with what was promised to others."""
        if not self._recalled:
            self._recall(facts, now_cycles)
        self._take_inbox(facts, asker, now_cycles)
        if not self.decider.fresh:
            return
        self.decider.fresh = False
        moved = self.medium_orders.come_true(facts, self.wishes)
        for number, answer in (*moved, *self.wishes.come_true(facts)):
            self._answer_outside(number, answer)
        self.wishes.drop_forgotten(facts)
        for name in self.wishes.names:
            row = self.wishes.tracked(name)
            assert row is not None, "its name was just read"
            report = _report(row, facts)
            if self._reported.get(name) != report and self._links.get(TYPE_OPERATIONS):
                self._reported[name] = report
                self._tell_operations(report)

    def _recall(self, facts: Facts, now_cycles: int) -> None:
        """Begin with what the database kept: domains, and those that have ended meanwhile."""
        self._recalled = True
        for row in facts.domains:
            try:
                domain = decode_definition(row.definition)
            except msgspec.DecodeError:
                self.rejected += 1
                continue
            self.wishes.recall(domain)
            partition = facts.partition_of(domain.name)
            end = None if partition is None else _ENDS.get(partition.state)
            if partition is not None and end is not None and partition.reason != OPERATOR:
                rule, _ = restart_rule(self.wishes.placed, domain, messages.as_end(end))
                self.wishes.note_ended(domain.name, rule, now_cycles)

    # The end of a turn.

    def _leave(self, turn: HostedTurn, asker: Asker) -> None:
        link = self._links.get(TYPE_COMMAND)
        if link is not None:
            asker.remind(link, turn.time_cycles)
        self._links.flush(turn)
        due = [asker.due_cycles, self.decider.due_cycles(turn.time_cycles)]
        wanted = [max(cycles, turn.time_cycles + 1) for cycles in due if cycles is not None]
        deadline_cycles = min(wanted, default=TIMER_OFF)
        if deadline_cycles != self._deadline_cycles:
            turn.call(Hypercall.TIMER_SET, deadline_cycles)
            self._deadline_cycles = deadline_cycles

    def save(self) -> bytes:
        """Return all state, for a snapshot."""
        saved = SavedCommand(
            residence=self._residence.save(),
            links=self._links.save(),
            asker=None if self._asker is None else self._asker.save(),
            wishes=self.wishes.save(),
            decider=self.decider.save(),
            inbox=tuple(self._inbox),
            outside=tuple(self._outside),
            passed_on=self._passed_on,
            reported=self._reported,
            recalled=self._recalled,
            deadline_cycles=self._deadline_cycles,
            medium_orders=self.medium_orders.save(),
        )
        return msgspec.msgpack.encode(saved)

    def load(self, state: bytes) -> None:
        """Take the place of what `save` returned; raise ValueError on what it did not."""
        saved = msgspec.msgpack.decode(state, type=SavedCommand)
        self._residence.load(saved.residence)
        self._links.load(saved.links)
        if saved.asker is not None:
            self._asker = Asker(0)
            self._asker.load(saved.asker)
        self.wishes.load(saved.wishes)
        self.decider.load(saved.decider)
        self.medium_orders.load(saved.medium_orders)
        self._inbox = deque(saved.inbox)
        self._outside = list(saved.outside)
        self._passed_on = dict(saved.passed_on)
        self._reported = dict(saved.reported)
        self._recalled = saved.recalled
        self._deadline_cycles = saved.deadline_cycles


def _outside_answer(answer: AnyAnswer) -> messages.Done | messages.Rejected:
    if isinstance(answer, Committed):
        return messages.Done("committed", answer.generation, answer.values)
    return messages.Rejected(answer.kind, answer.sentence, answer.rule)


def _report(row: Tracked, facts: Facts) -> messages.DomainReport:
    partition = facts.partition_of(row.domain.name)
    reason, rule = ("", "") if row.refusal is None else row.refusal[1:]
    if partition is not None and partition.reason:
        reason = partition.reason
    return messages.DomainReport(
        domain=row.domain,
        partition=None if partition is None else partition.number,
        incarnation=0 if partition is None else partition.incarnation,
        state=ABSENT if partition is None else str(partition.state),
        attempts=row.restart.attempts,
        generation=0 if partition is None else partition.version,
        reason=reason,
        rule=rule,
    )
