# SPDX-License-Identifier: GPL-2.0-or-later
"""Command's decisions, one at a time: facts, step, answer, again.

Owns the step that is on its way and what is tried again when; which step that is, says the
reconciler. A refusal that may come from stale facts is followed by fresh ones; a conflict is tried
again under its own number, later each time, so that it is not starved. Called by command.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ultravisor.channels.command_protocol import (
    Done,
    ProtocolError,
    RefusalKind,
    Refused,
    Transact,
    UnmapChannel,
)
from ultravisor.partitions import messages, transactions
from ultravisor.partitions.channel_types import TYPE_COMMAND
from ultravisor.partitions.decisions import Reason, restart_rule
from ultravisor.partitions.facts import Facts
from ultravisor.partitions.facts_reading import FACTS, facts_of
from ultravisor.partitions.planner import Refusal
from ultravisor.partitions.reconciler import Ask, Blocked, Lay, Transaction, Wishes, next_step
from ultravisor.partitions.restarts import conflict_back_off_cycles
from ultravisor.partitions.transactions import LIVE, Draft

if TYPE_CHECKING:
    from ultravisor.channels.command_protocol import AnyAnswer
    from ultravisor.partitions.asker import Asker
    from ultravisor.partitions.medium_orders import MediumOrders
    from ultravisor.partitions.message_link import MessageLink
    from ultravisor.partitions.reconciler import Step
    from ultravisor.partitions.wish_list import WishList
    from ultravisor.resources.records import Partition

ATTEMPTS_LIMIT: Final = 32
"""Of one decision, in conflicts; then it is made anew from fresh facts."""
DECISIONS_KEPT: Final = 4096
BOOT: Final = "boot"


class Decision(Struct, frozen=True):
    """A step that was taken, and why; kept for people to read."""

    clock_cycles: int
    subject: str
    what: str
    reasons: tuple[Reason, ...] = ()


class Flight(Struct):
    """The step that is on its way."""

    kind: str
    """facts, transaction, ended, describe or load."""
    request: int
    subject: str = ""
    starts: bool = False
    partition: int = 0
    incarnation: int = 0
    image: str = ""
    transact: Transact | None = None
    attempts: int = 0
    retry_cycles: int | None = None
    """When it is asked for again after a conflict; None: an answer is waited for."""
    loader: bytes = b""
    """What was asked of boot."""


class SavedDecider(Struct, frozen=True):
    """What must be known to go on exactly as it would have."""

    ended: tuple[messages.Ended, ...]
    flight: Flight | None
    loader_request: int
    images: dict[str, messages.Described]
    layouts: dict[int, tuple[int, bytes]]
    boot_done: bool
    blocked: tuple[int, tuple[str, ...]]
    look_cycles: int | None
    facts: Facts | None
    fresh: bool
    idle: bool
    older: int | None = None


class Decider:
    """The one decision at a time."""

    def __init__(self, wishes: WishList, orders: MediumOrders) -> None:
        """Decide about these wishes, and orders about media."""
        self.facts: Facts | None = None
        """As read last; None: something has changed, or will have."""
        self.decisions: deque[Decision] = deque(maxlen=DECISIONS_KEPT)
        self.fresh = False
        """Whether facts have just come that nobody has looked at."""
        self._wishes = wishes
        self._orders = orders
        self._flight: Flight | None = None
        self._older: int | None = None
        self._ended: deque[messages.Ended] = deque()
        self._images: dict[str, messages.Described] = {}
        self._layouts: dict[int, tuple[int, bytes]] = {}
        self._blocked: set[str] = set()
        self._blocked_generation = -1
        self._loader_request = 0
        self._boot_done = False
        self._idle = False
        self._look_cycles: int | None = None

    def wake(self) -> None:
        """Note that something may be different: facts are read before the next decision."""
        self.facts = None
        self._idle = False

    def wished(self) -> None:
        """Note that other things are wanted: what could not be done may be possible now."""
        self._blocked.clear()
        self._idle = False

    def end(self, report: messages.Ended) -> None:
        """Take a report that a partition has ended."""
        self._ended.append(report)
        self.wake()

    def decide(
        self, asker: Asker, link: MessageLink, loader: MessageLink | None, now_cycles: int
    ) -> bool:
        """Take the next step where none is on its way; say whether one was taken."""
        flight = self._flight
        if flight is not None:
            return self._try_again(flight, asker, link, now_cycles)
        if self._idle:
            return False
        if self.facts is None:
            self._flight = Flight("facts", asker.ask(FACTS, link, now_cycles))
            return True
        if self.facts.generation != self._blocked_generation:
            self._blocked.clear()
            self._blocked_generation = self.facts.generation
        return self._next(self.facts, asker, link, loader, now_cycles)

    def _next(
        self,
        facts: Facts,
        asker: Asker,
        link: MessageLink,
        loader: MessageLink | None,
        now_cycles: int,
    ) -> bool:
        authority = _boot_channel(facts)
        if authority is not None:
            if not self._boot_done:
                self._idle = True
                return False
            draft = Draft((UnmapChannel(authority, forced=False),))
            step: Step | None = Transaction(BOOT, draft)
        elif self._ended:
            return self._record_end(facts, self._ended[0], asker, link, now_cycles)
        else:
            step = next_step(facts, self._all_wishes(now_cycles))
        if step is None:
            self._idle = True
            return False
        return self._take(step, asker, link, loader, now_cycles)

    def _all_wishes(self, now_cycles: int) -> Wishes:
        return Wishes(
            placed=self._wishes.placed,
            wishes=self._wishes.wishes(now_cycles),
            images=self._images,
            layouts=self._layouts,
            blocked=frozenset(self._blocked),
            away=self._orders.away,
        )

    def _take(
        self,
        step: Step,
        asker: Asker,
        link: MessageLink,
        loader: MessageLink | None,
        now_cycles: int,
    ) -> bool:
        match step:
            case Blocked():
                self._block(step.subject, step.refusal, now_cycles)
            case Transaction():
                what = " ".join(type(row).__name__ for row in step.draft.operations)
                self._note(now_cycles, step.subject, what, step.reasons)
                transact = Transact(step.draft.operations, step.draft.reads)
                number = self._ask(transact, asker, link, now_cycles)
                self._flight = Flight(
                    "transaction", number, step.subject, step.starts, transact=transact
                )
            case Ask() | Lay():
                if loader is None:
                    self._idle = True
                    return False
                self._ask_boot(step, loader)
        return True

    def _ask_boot(self, step: Ask | Lay, loader: MessageLink) -> None:
        self._loader_request += 1
        number = self._loader_request
        if isinstance(step, Ask):
            data = messages.encode(messages.Describe(step.image))
            flight = Flight("describe", number, step.subject, image=step.image, loader=data)
        else:
            data = messages.encode(step.load)
            row = step.load
            flight = Flight(
                "load",
                number,
                step.subject,
                partition=row.partition,
                incarnation=row.incarnation,
                loader=data,
            )
        self._flight = flight
        loader.send(number, data)

    def _record_end(
        self,
        facts: Facts,
        report: messages.Ended,
        asker: Asker,
        link: MessageLink,
        now_cycles: int,
    ) -> bool:
        """Have an end recorded, unless it is of an older life or known already."""
        partition = _live_partition(facts, report)
        if partition is None:
            self._ended.popleft()
            return True
        draft = transactions.move(partition, report.end, reason=report.reason)
        self._note(now_cycles, partition.name, f"{report.end}: {report.reason}")
        transact = Transact(draft.operations, draft.reads)
        number = self._ask(transact, asker, link, now_cycles)
        self._flight = Flight("ended", number, partition.domain or "", transact=transact)
        return True

    def _ask(self, transact: Transact, asker: Asker, link: MessageLink, now_cycles: int) -> int:
        """Ask for a transaction, under the number of one that met a conflict and was dropped."""
        number, self._older = self._older, None
        if number is None:
            return asker.ask(transact, link, now_cycles)
        asker.ask_again(number, transact, link, now_cycles)
        return number

    # Answers.

    def answer(self, number: int, answer: AnyAnswer, now_cycles: int) -> bool:
        """Take the ultravisor's answer to a step; say whether it is to one of these."""
        flight = self._flight
        if flight is None or flight.loader or number != flight.request:
            return False
        if isinstance(answer, Refused):
            self._refused(flight, answer, now_cycles)
            return True
        self._flight = None
        if flight.kind == "facts":
            self._facts_came(answer)
            return True
        self.wake()
        if flight.kind == "ended":
            self._ended_is_recorded(flight, now_cycles)
        elif flight.starts:
            self._wishes.note_started(flight.subject, now_cycles)
        return True

    def _facts_came(self, answer: Done) -> None:
        try:
            self.facts = facts_of(answer)
        except ProtocolError as failure:
            # The ultravisor's word is all there is; without it nothing is decided.
            raise AssertionError(f"facts that are none: {failure.message}") from failure
        self.fresh = True
        self._layouts = {
            row.number: self._layouts[row.number]
            for row in self.facts.partitions
            if row.number in self._layouts
        }

    def _ended_is_recorded(self, flight: Flight, now_cycles: int) -> None:
        report = self._ended.popleft()
        tracked = self._wishes.tracked(flight.subject)
        if tracked is None:
            return
        rule, reason = restart_rule(self._wishes.placed, tracked.domain, report.end)
        self._wishes.note_ended(flight.subject, rule, now_cycles)
        self._note(now_cycles, flight.subject, "restart", (reason,))

    def _refused(self, flight: Flight, answer: Refused, now_cycles: int) -> None:
        if answer.kind is RefusalKind.CONFLICT and flight.attempts < ATTEMPTS_LIMIT:
            flight.attempts += 1
            flight.retry_cycles = now_cycles + conflict_back_off_cycles(flight.attempts)
            return
        self._flight = None
        if flight.kind == "ended":
            self._ended.popleft()
        changed = self.facts is None or answer.kind is RefusalKind.OWNERSHIP
        if answer.kind is RefusalKind.CONFLICT or (changed and flight.attempts == 0):
            self.wake()
        self._block(
            flight.subject, Refusal(answer.kind.value, answer.sentence, answer.rule), now_cycles
        )

    def _try_again(self, flight: Flight, asker: Asker, link: MessageLink, now_cycles: int) -> bool:
        """Ask again for what met a conflict, once its time has come."""
        if flight.retry_cycles is None or flight.retry_cycles > now_cycles:
            return False
        assert flight.transact is not None, "only a transaction meets a conflict"
        flight.retry_cycles = None
        if flight.transact.reads:
            # It rests on versions that have changed: the decision is made anew. It takes the
            # number along, for what was reserved for that would hold up every other.
            self._flight, self._older = None, flight.request
            self.wake()
            return True
        asker.ask_again(flight.request, flight.transact, link, now_cycles)
        return True

    def _block(self, subject: str, refusal: Refusal, now_cycles: int) -> None:
        self._blocked.add(subject)
        self._wishes.note_refusal(subject, refusal)
        reason = Reason(refusal.kind, refusal.rule or "default", refusal.sentence)
        self._note(now_cycles, subject, "refused", (reason,))
        self.fresh = True

    def loader_answer(
        self, number: int, message: object, loader: MessageLink, now_cycles: int
    ) -> None:
        """Take boot's word."""
        flight = self._flight
        if isinstance(message, messages.BootDone):
            self._boot_done = True
            self.wake()
            if flight is not None and flight.loader:
                loader.send(flight.request, flight.loader)
            return
        if flight is None or not flight.loader or number != flight.request:
            return
        self._flight = None
        match message:
            case messages.Described() if flight.kind == "describe":
                self._images[flight.image] = message
            case messages.Loaded() if flight.kind == "load":
                self._layouts[flight.partition] = (flight.incarnation, message.layout)
            case messages.LoadFailed():
                self._block(flight.subject, Refusal("invalid", message.sentence), now_cycles)

    def due_cycles(self, now_cycles: int) -> int | None:
        """Return when to look again without being told; None: never."""
        due = [self._wishes.due_cycles(now_cycles)]
        if self._flight is not None:
            due.append(self._flight.retry_cycles)
        found = min((cycles for cycles in due if cycles is not None), default=None)
        self._look_cycles = found
        return found

    def look_again(self, now_cycles: int) -> None:
        """Read the facts anew once it is time: a back-off may be over."""
        if self._look_cycles is not None and self._look_cycles <= now_cycles:
            self._look_cycles = None
            if self._flight is None:
                self.wake()

    def _note(
        self, now_cycles: int, subject: str, what: str, reasons: tuple[Reason, ...] = ()
    ) -> None:
        self.decisions.append(Decision(now_cycles, subject, what, reasons))

    def save(self) -> SavedDecider:
        """Return what must be known to go on."""
        return SavedDecider(
            tuple(self._ended),
            self._flight,
            self._loader_request,
            self._images,
            self._layouts,
            self._boot_done,
            (self._blocked_generation, tuple(sorted(self._blocked))),
            self._look_cycles,
            self.facts,
            self.fresh,
            self._idle,
            self._older,
        )

    def load(self, saved: SavedDecider) -> None:
        """Go on from what was saved."""
        self._ended = deque(saved.ended)
        self._flight = saved.flight
        self._loader_request = saved.loader_request
        self._images = dict(saved.images)
        self._layouts = dict(saved.layouts)
        self._boot_done = saved.boot_done
        self._blocked_generation, self._blocked = saved.blocked[0], set(saved.blocked[1])
        self._look_cycles = saved.look_cycles
        self.facts, self.fresh, self._idle = saved.facts, saved.fresh, saved.idle
        self._older = saved.older


def _boot_channel(facts: Facts) -> int | None:
    """Return the channel by which boot is still heard."""
    boot = facts.partition_named(BOOT)
    mine = {
        end.channel
        for end in facts.channel_ends
        if boot is not None and end.partition == boot.number and end.side == 0
    }
    for channel in facts.channels:
        if channel.id in mine and channel.type_guid == str(TYPE_COMMAND):
            return channel.id
    return None


def _live_partition(facts: Facts, report: messages.Ended) -> Partition | None:
    for row in facts.partitions:
        if row.number == report.partition and row.incarnation == report.incarnation:
            return row if row.state in LIVE else None
    return None
