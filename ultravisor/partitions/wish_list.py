# SPDX-License-Identifier: GPL-2.0-or-later
"""What command has been told to bring about: policy, domains, orders.

Owns the wishes and the orders that wait for them to come true; what is asked of a domain that makes
no sense is refused here. Pure; called by command, whose facts it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from ultravisor.channels.command_protocol import RefusalKind
from ultravisor.partitions.definitions import Domain, WantedState
from ultravisor.partitions.messages import Done, Order, Rejected
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.partitions.reconciler import ENDED, Wish
from ultravisor.partitions.restarts import RestartState, ended, started
from ultravisor.resources.records import PartitionState

if TYPE_CHECKING:
    from ultravisor.partitions.facts import Facts
    from ultravisor.partitions.planner import Refusal
    from ultravisor.partitions.policy import RestartRule
    from ultravisor.resources.records import Partition

ABSENT: Final = "absent"
_GOALS: Final[dict[str, tuple[str, ...]]] = {
    "running": ("running",),
    "paused": ("paused",),
    "stopped": ("ready", "stopped", "failed"),
    "absent": (ABSENT,),
}
_WANTED_BY_ORDER: Final[dict[str, WantedState]] = {
    "start": "running",
    "pause": "paused",
    "resume": "running",
    "reset": "running",
    "kill": "stopped",
    "destroy": "absent",
}


class WaitingOrder(Struct, frozen=True):
    """An order that has not come true yet."""

    number: int
    name: str
    wanted: WantedState
    above_incarnation: int
    """Only a later life of the partition fulfils it."""
    before: WantedState | None = None
    """What was wanted before, and is again when the order is refused; None: it made the domain."""


class Tracked(Struct):
    """A domain, and what is known of its partition's ends."""

    domain: Domain
    from_policy: bool
    forgotten: bool = False
    reset: bool = False
    restart: RestartState = RestartState()
    refusal: tuple[str, str, str] | None = None
    """Why it cannot be brought where it is wanted: kind, sentence, rule."""


class SavedWishes(Struct, frozen=True):
    """What must be known to go on."""

    placed: PlacedPolicy
    revision: int
    tracked: dict[str, Tracked]
    waiting: tuple[WaitingOrder, ...]


class WishList:
    """All that is wanted."""

    def __init__(self) -> None:
        """Begin with no policy and no domain."""
        self.placed = PlacedPolicy()
        self.revision = 0
        """Of the policy in force; 0: command has none yet."""
        self._tracked: dict[str, Tracked] = {}
        self._waiting: list[WaitingOrder] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all domains, in order."""
        return tuple(sorted(self._tracked))

    def tracked(self, name: str) -> Tracked | None:
        """Return a domain by its name."""
        return self._tracked.get(name)

    def set_policy(self, placed: PlacedPolicy, revision: int) -> None:
        """Take a whole policy; domains that an older one had and this one has not are forgotten."""
        named = {domain.name for domain in placed.policy.domain}
        for name, row in self._tracked.items():
            if row.from_policy and name not in named:
                row.forgotten = True
        old = {domain.name: domain for domain in self.placed.policy.domain}
        for domain in placed.policy.domain:
            present = self._tracked.get(domain.name)
            if present is None or present.forgotten or old.get(domain.name) != domain:
                self.define(domain, from_policy=True)
        self.placed, self.revision = placed, revision
        for row in self._tracked.values():
            row.refusal = None

    def define(self, domain: Domain, *, from_policy: bool = False) -> None:
        """Take a definition, new or changed."""
        present = self._tracked.get(domain.name)
        restart = RestartState() if present is None else present.restart
        self._tracked[domain.name] = Tracked(domain, from_policy, restart=restart)

    def recall(self, domain: Domain) -> None:
        """Take a definition that the database kept, unless a newer one is known."""
        if domain.name not in self._tracked:
            self.define(domain)

    def forget(self, name: str) -> bool:
        """Let a domain go; say whether there was one."""
        row = self._tracked.get(name)
        if row is not None:
            row.forgotten = True
        return row is not None

    def want(self, name: str, wanted: WantedState) -> bool:
        """Change the state that is wanted of a domain; say whether there is one."""
        row = self._tracked.get(name)
        if row is None or row.forgotten:
            return False
        row.domain = replace(row.domain, wanted=wanted)
        row.refusal = None
        return True

    def create(self, number: int, domain: Domain, facts: Facts) -> Rejected | None:
        """Take an operator's definition; return why not, or None: it waits."""
        if facts.partition_of(domain.name) is not None:
            sentence = f"domain `{domain.name}` has a partition already"
            return Rejected(RefusalKind.STATE, sentence)
        if facts.partition_named(domain.name) is not None:
            return Rejected(RefusalKind.INVALID, f"a partition is named `{domain.name}` already")
        self.define(domain)
        self._waiting.append(WaitingOrder(number, domain.name, domain.wanted, 0))
        return None

    def order(self, number: int, order: Order, facts: Facts) -> Rejected | None:
        """Take an operator's order; return why not, or None: it waits."""
        row = self._tracked.get(order.name)
        if row is None or row.forgotten:
            return Rejected(RefusalKind.UNKNOWN_ID, f"no domain is named `{order.name}`")
        partition = facts.partition_of(order.name)
        sentence = _senseless(order, partition)
        if sentence:
            return Rejected(RefusalKind.STATE, sentence)
        wanted = _WANTED_BY_ORDER[order.order]
        ended = partition is not None and partition.state in ENDED
        row.reset = order.order == "reset" or (order.order == "start" and ended)
        row.restart = RestartState()
        before = row.domain.wanted
        self.want(order.name, wanted)
        above = partition.incarnation if partition is not None and row.reset else 0
        self._waiting.append(WaitingOrder(number, order.name, wanted, above, before))
        return None

    def note_started(self, name: str, now_cycles: int) -> None:
        """Note that a domain's partition has begun to run."""
        row = self._tracked.get(name)
        if row is not None:
            row.restart = started(row.restart, now_cycles)
            row.reset = False

    def note_ended(self, name: str, rule: RestartRule | None, now_cycles: int) -> None:
        """Note that a domain's partition has ended by itself."""
        row = self._tracked.get(name)
        if row is not None and row.domain.wanted in {"running", "paused"}:
            row.restart = ended(row.restart, rule, now_cycles)

    def note_refusal(self, name: str, refusal: Refusal) -> None:
        """Note why a domain cannot be brought where it is wanted."""
        row = self._tracked.get(name)
        if row is not None:
            row.refusal = (refusal.kind, refusal.sentence, refusal.rule)

    def wishes(self, now_cycles: int) -> dict[str, Wish]:
        """Return what is wanted now, as the reconciler asks."""
        found = {}
        for name in self.names:
            row = self._tracked[name]
            due_cycles = row.restart.due_cycles
            due = due_cycles is not None and due_cycles <= now_cycles
            found[name] = Wish(row.domain, row.forgotten, row.reset, due)
        return found

    def due_cycles(self, now_cycles: int) -> int | None:
        """Return when the next back-off is over; None: none is waited for."""
        due = [
            row.restart.due_cycles
            for row in self._tracked.values()
            if row.restart.due_cycles is not None and row.restart.due_cycles > now_cycles
        ]
        return min(due, default=None)

    def drop_forgotten(self, facts: Facts) -> None:
        """Forget the domains of which nothing is left."""
        kept = {row.name for row in facts.domains}
        for name in self.names:
            gone = self._tracked[name].forgotten and facts.partition_of(name) is None
            if gone and name not in kept:
                del self._tracked[name]

    def come_true(self, facts: Facts) -> list[tuple[int, Done | Rejected]]:
        """Return the orders that are fulfilled, or cannot be; they no longer wait."""
        found: list[tuple[int, Done | Rejected]] = []
        kept = []
        refused = []
        for order in self._waiting:
            partition = facts.partition_of(order.name)
            state = ABSENT if partition is None else str(partition.state)
            incarnation = 0 if partition is None else partition.incarnation
            row = self._tracked.get(order.name)
            if state in _GOALS[order.wanted] and incarnation >= order.above_incarnation + int(
                order.above_incarnation > 0
            ):
                found.append((order.number, Done(state, facts.generation)))
            elif row is None or row.forgotten:
                sentence = f"domain `{order.name}` was forgotten meanwhile"
                found.append((order.number, Rejected(RefusalKind.UNKNOWN_ID, sentence)))
            elif row.refusal is not None:
                kind, sentence, rule = row.refusal
                found.append((order.number, Rejected(RefusalKind(kind), sentence, rule)))
                refused.append(order)
            elif row.domain.wanted != order.wanted:
                sentence = f"`{order.name}`: another order came before this one was fulfilled"
                found.append((order.number, Rejected(RefusalKind.CONFLICT, sentence)))
            else:
                kept.append(order)
        self._waiting = kept
        for order in reversed(refused):
            self._take_back(order)
        return found

    def _take_back(self, order: WaitingOrder) -> None:
        """Wish nothing that its asker was told is refused: it must not come true later."""
        row = self._tracked.get(order.name)
        if row is None or row.domain.wanted != order.wanted:
            return
        row.reset = False
        if order.before is None:
            row.forgotten = True
        else:
            row.domain = replace(row.domain, wanted=order.before)

    def save(self) -> SavedWishes:
        """Return what must be known to go on."""
        return SavedWishes(self.placed, self.revision, self._tracked, tuple(self._waiting))

    def load(self, saved: SavedWishes) -> None:
        """Go on from what was saved."""
        self.placed, self.revision = saved.placed, saved.revision
        self._tracked = dict(saved.tracked)
        self._waiting = list(saved.waiting)


def _senseless(order: Order, partition: Partition | None) -> str:
    """Return why an order makes no sense for a partition as it is; empty: it does."""
    state = ABSENT if partition is None else str(partition.state)
    possible = {
        "start": (ABSENT, "defined", "allocated", "ready", "stopped", "failed"),
        "pause": ("running",),
        "resume": ("paused",),
        "reset": ("running", "paused", "stopped", "failed"),
        "kill": ("running", "paused"),
        "destroy": tuple(str(state) for state in PartitionState if state != "destroyed"),
    }[order.order]
    if state in possible:
        return ""
    return f"`{order.name}` is {state}; {order.order} is possible when it is {', '.join(possible)}"
