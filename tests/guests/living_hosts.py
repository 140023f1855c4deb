# SPDX-License-Identifier: GPL-2.0-or-later
"""A living host for tests, without processes or sockets: run in slices, given orders, watched.

Owns how such a host is made and driven, and what is collected of it. Used by the tests beside it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

from ultravisor.life.life_plan import plan_life
from ultravisor.life.living_host import LivingHost
from ultravisor.life.orders import message_of
from ultravisor.life.protocol import Order, OrderName, Transact
from ultravisor.partitions import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ultravisor.life.rows import PartitionRow

Answer = messages.Done | messages.Rejected
SLICE_CYCLES = 100_000
SLICES_MAXIMUM = 20_000


class Operator:
    """Somebody at a living host; a context manager."""

    def __init__(
        self,
        files: Sequence[str],
        policies: Sequence[Path] = (),
        journal: Path | None = None,
        *,
        watched: bool = True,
        outsides: tuple[str, ...] = (),
        **settings: Any,
    ) -> None:
        plan = plan_life(files, policies, settings, outsides=outsides)
        self.host = LivingHost(plan, journal, watched=watched)
        self.events: list[tuple[int, str, str, str]] = []
        self.answers: dict[int, list[Answer]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.host.close()

    @property
    def told(self) -> list[str]:
        """Return all events as `subject: what became of it`, without their generations."""
        return [f"{subject}: {text.split(' (')[0]}" for _, _, subject, text in self.events]

    def run(self, cycles: int = SLICE_CYCLES) -> None:
        """Run one slice."""
        self.host.advance(cycles, lambda _: None, self._happened, self._answered)

    def until(self, what: Callable[[], object], slice_cycles: int = SLICE_CYCLES) -> None:
        """Run until something holds."""
        for _ in range(SLICES_MAXIMUM):
            if what():
                return
            self.run(slice_cycles)
        raise AssertionError("it never came true")

    def until_up(self) -> None:
        """Run until the infrastructure has booted, and all domains are running or have ended."""
        self.until(lambda: self.host.state in ("running", "idle"))
        self.until(lambda: all(self.is_settled(row.name) for row in self._domains()))

    def until_rest(self) -> None:
        """Run until nobody has anything to do any more."""
        self.until(lambda: not self.host.can_run, 10 * SLICE_CYCLES)

    def is_settled(self, name: str) -> bool:
        """Say whether there is a partition of a name, beyond being made."""
        rows = self.rows()
        return name in rows and rows[name].state not in ("defined", "allocated", "ready")

    def rows(self) -> dict[str, PartitionRow]:
        """Return the partitions by name; none before there is a database."""
        if self.host.infrastructure.database is None:
            return {}
        return {row.name: row for row in self.host.partitions()}

    def state(self, name: str) -> str:
        """Return a partition's state; `absent` where there is none."""
        row = self.rows().get(name)
        return "absent" if row is None else row.state

    def console(self, name: str) -> str:
        """Return what a partition has written."""
        return self.host.console(name).decode()

    def give(self, order: OrderName, partition: str, **definition: Any) -> int:
        """Give an order; return its number, without waiting."""
        request = Order(order=order, partition=partition, definition=definition or None)
        return self.host.order(messages.encode(message_of(request)))

    def order(self, order: OrderName, partition: str, **definition: Any) -> Answer:
        """Give an order, and wait for its answer."""
        return self.answer(self.give(order, partition, **definition))

    def transact(self, *operations: list[Any], dry_run: bool = False) -> Answer:
        """Give a transaction, and wait for its answer."""
        request = Transact(operations=operations, dry_run=dry_run)
        return self.answer(self.host.order(messages.encode(message_of(request))))

    def answer(self, number: int) -> Answer:
        """Wait for the answer of a number."""
        self.until(lambda: self.answers[number])
        (answer,) = self.answers[number]
        return answer

    def restart_ultravisor(self) -> tuple[str, str]:
        """Kill the ultravisor; return the hashes of what was lost and of what was rebuilt."""
        lost = self.host.database
        generation, lost_hash = lost.generation, lost.state_hash()
        self.host.restart_ultravisor()
        self.until(lambda: self.host.infrastructure.database is not None, 1_000)
        return lost_hash, self.host.database.at(generation).state_hash()

    def _domains(self) -> tuple[Any, ...]:
        return self.host.plan.policy.policy.domain

    def _happened(self, clock_cycles: int, kind: str, subject: str, text: str) -> None:
        self.events.append((clock_cycles, kind, subject, text))

    def _answered(self, number: int, data: bytes) -> None:
        answer = messages.TO_OUTSIDE.decode(data)
        assert isinstance(answer, Answer)
        self.answers[number].append(answer)
