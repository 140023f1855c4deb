# SPDX-License-Identifier: GPL-2.0-or-later
"""The ultravisor program: it tracks, and decides nothing.

Owns the turn: requests of those who are heard become commits, commits become views, answers leave
when they may, and every partition is told of what it has. Order of a commit: validate, journal,
publish, acknowledge, answer. It is given the way to the views and the journal, and nothing else;
all it knows is rebuilt from the journal, so that it can be killed at any point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from ultravisor.channels.command_protocol import (
    AnyAnswer,
    AnyOperation,
    Done,
    RefusalKind,
    Refused,
    encode,
)
from ultravisor.channels.memory import ChannelWindow
from ultravisor.machine.abi import Hypercall
from ultravisor.partitions.answered_steps import AnsweredStep, answered_steps
from ultravisor.partitions.channel_types import TYPE_COMMAND
from ultravisor.partitions.control_desk import ControlDesk, SavedDesk
from ultravisor.partitions.introductions import (
    CLIENT,
    SERVER,
    introductions_of,
    is_control,
    is_leaving,
    leaving_of,
)
from ultravisor.partitions.message_link import UNASKED, ChannelPlace, MessageLink, SavedLink
from ultravisor.partitions.operation_table import OperationScribe
from ultravisor.partitions.path_gates import PathGates, SavedGates, ports_lost
from ultravisor.partitions.publication import Publisher
from ultravisor.partitions.report_budget import ReportBudget, SavedBudget
from ultravisor.partitions.transaction_service import SavedService, TransactionService
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.errors import ResourceError
from ultravisor.resources.records import (
    FRAME_SIZE_BYTES,
    ChannelState,
    MachineDescription,
    PartitionKind,
)

if TYPE_CHECKING:
    from collections.abc import Set

    from ultravisor.channels.command_channel import CommandMessage
    from ultravisor.machine.hosted import HostedTurn
    from ultravisor.partitions.view_records import Views
    from ultravisor.resources.changes import Commit
    from ultravisor.resources.journal import Journal

NAME: Final = "ultravisor"
HEARD: Final = ("command", "boot")
"""Whose requests are heard: command's, and boot's as long as command leaves it its channel."""
MOVED: Final = "moved"
"""The value of an answer that nobody asked for: the generation moved on by what guests said."""
_AWAITED: Final = (ChannelState.REVOKED,)
"""States that command waits for."""
REQUESTS_A_TURN: Final = 512
MESSAGE_COST_CYCLES: Final = 2_000
"""Declared work of one message: assumed."""
POLL_CYCLES: Final = 100_000
"""How soon a partition without an event port is looked at again; in vain, twice as late next."""
POLL_MAXIMUM_CYCLES: Final = 1 << 30


LEAVE_CYCLES: Final = 20_000_000
"""How long the ends of a channel have to let go of it; who has not then, is stopped: assumed."""


class Genesis(Struct, frozen=True):
    """What the composition root laid before the first turn, as a database records it."""

    machine: MachineDescription
    operations: tuple[AnyOperation, ...]
    """Boot and the ultravisor themselves, and what lies between them."""


class Held(Struct):
    """An answer that waits for processors to acknowledge a generation of the view."""

    asker: str
    channel: int
    request: int
    answer: bytes
    generation: int


class SavedUltravisor(Struct, frozen=True):
    """All of the ultravisor's state beside its journal, which is kept with the snapshot."""

    generation: int
    views: tuple[int, int]
    service: SavedService
    held: tuple[Held, ...]
    since: dict[int, int]
    links: dict[int, SavedLink]
    desks: dict[int, SavedDesk]
    stale: bool
    poll_cycles: int
    leaving: dict[int, int]
    reports: SavedBudget = SavedBudget()
    gates: SavedGates = SavedGates()


class UltravisorProgram:
    """The program of the partition `ultravisor`."""

    def __init__(self, views: Views, journal: Journal, genesis: Genesis) -> None:
        """Take the two capabilities; nothing is read before the first turn."""
        self._views = views
        self._journal = journal
        self._genesis = genesis
        self._database: ResourceDatabase | None = None
        self._number = 0
        self._saved: SavedUltravisor | None = None
        self._unpublished: list[tuple[Held, Commit | None, bool]] = []
        self._recorded: tuple[AnsweredStep, ...] = ()
        self.refused_record = ""
        """Why what partitions answered could not be recorded the last time; empty: it was."""

    @property
    def has_begun(self) -> bool:
        """Say whether it has had a turn, and with it a database."""
        return self._database is not None

    @property
    def database(self) -> ResourceDatabase:
        """Return the database, for questions; there is one from the first turn on."""
        assert self._database is not None, "the ultravisor has not had a turn"
        return self._database

    def turn(self, turn: HostedTurn) -> None:
        """Serve all that has come."""
        if self._database is None:
            self._begin(turn)
        self.database.advance(turn.time_cycles)
        self._sync_channels(turn)
        busy = self._serve(turn)
        self._settle()
        self._sync_channels(turn)
        polled = self._attend_desks(turn)
        self._settle()
        self._answer()
        self._leave(turn, busy=busy, polled=polled)

    # The beginning.

    def _begin(self, turn: HostedTurn) -> None:
        """Rebuild the state from the journal; an empty one begins with the genesis."""
        self._number = turn.partition
        database = ResourceDatabase.open(self._journal, self._genesis.machine)
        if database.generation == 0:
            transaction = database.begin(NAME)
            scribe = OperationScribe(database, transaction)
            for operation in self._genesis.operations:
                scribe.write(operation)
            transaction.commit()
        self._database = database
        self._service = TransactionService(database)
        self._publisher = Publisher(self._views)
        saved, self._saved = self._saved, None
        self._publisher.rebuild(database, None if saved is None else saved.views)
        self._mirror = self._publisher.rows.mirror
        self._gates = PathGates(self._mirror)
        self._reports = ReportBudget()
        self._since: dict[int, int] = {}
        self._reachable: set[int] = set()
        self._links: dict[int, MessageLink] = {}
        self._greeted: set[int] = set()
        self._desks: dict[int, ControlDesk] = {}
        self._media: Set[int] = frozenset()
        self._unpublished.clear()
        self._held: list[Held] = []
        self._flying: set[tuple[str, int]] = set()
        self._stale = True
        self._poll_cycles = POLL_CYCLES
        self._leaving: dict[int, int] = {}
        if saved is not None:
            self._go_on_from(saved, turn)

    def _go_on_from(self, saved: SavedUltravisor, turn: HostedTurn) -> None:
        """Be as the saved program was."""
        if saved.generation != self.database.generation:
            raise ValueError(
                f"the journal is at generation {self.database.generation}, the saved program "
                f"at {saved.generation}"
            )
        self._service.load(saved.service)
        self._held = list(saved.held)
        self._flying = {(row.asker, row.request) for row in saved.held}
        self._since = dict(saved.since)
        self._reachable = set(saved.since)
        for channel in sorted(saved.links.keys() | saved.desks.keys()):
            self._greeted.add(channel)
            self._take_up(channel, turn, saved.links.get(channel))
            if channel in self._desks:
                self._desks[channel].load(saved.desks[channel])
        self._gates.load(saved.gates)
        self._media = self._want()
        self._reports.load(saved.reports)
        self._stale = saved.stale
        self._poll_cycles = saved.poll_cycles
        self._leaving = dict(saved.leaving)

    def save(self) -> bytes:
        """Return all state but the journal; open transactions end with the program."""
        assert not self._unpublished, "nothing is saved during a turn"
        if self._database is None:
            return b"" if self._saved is None else msgspec.msgpack.encode(self._saved)
        saved = SavedUltravisor(
            generation=self.database.generation,
            views=self._publisher.save(),
            service=self._service.save(),
            held=tuple(self._held),
            since=self._since,
            links={channel: link.save() for channel, link in self._links.items()},
            desks={channel: desk.save() for channel, desk in self._desks.items()},
            stale=self._stale,
            poll_cycles=self._poll_cycles,
            leaving=self._leaving,
            reports=self._reports.save(),
            gates=self._gates.save(),
        )
        return msgspec.msgpack.encode(saved)

    def load(self, state: bytes) -> None:
        """Take the place of what `save` returned; raise ValueError on what it did not.

        The journal has to be the one of the snapshot; that is seen at the next turn.
        """
        self._database = None
        self._saved = msgspec.msgpack.decode(state, type=SavedUltravisor) if state else None

    # Channels.

    def _sync_channels(self, turn: HostedTurn) -> None:
        """Take up the channels that are reachable now, and let go of those that are not."""
        acknowledged = self._publisher.acknowledged()
        for link in self._links.values():
            link.attend(turn)
        for desk in self._desks.values():
            desk.window.memory = turn
        if not self._stale:
            return
        shown = self._publisher.rows.channels
        self._since = {
            channel: self._since.get(channel, self._publisher.generation) for channel in shown
        }
        self._reachable = {row for row, since in self._since.items() if since <= acknowledged}
        ready = self._reachable & self._mirror.channels_of(self._number)
        for channel in sorted((self._links.keys() | self._desks.keys()) - ready):
            self._links.pop(channel, None)
            self._desks.pop(channel, None)
        for channel in sorted(ready - self._links.keys() - self._desks.keys()):
            self._take_up(channel, turn)
        self._media = self._want()
        self._stale = self._reachable != shown or not self._gates.is_open

    def _take_up(self, channel: int, turn: HostedTurn, saved: SavedLink | None = None) -> None:
        row, ends = self._mirror.channel(channel), self._mirror.ends(channel)
        assert row is not None, "a channel in the view has a record"
        own = ends[SERVER]
        if own.partition != self._number:
            return
        address = own.guest_frame * FRAME_SIZE_BYTES
        if is_control(row.type_guid):
            client = ends[CLIENT]
            window = ChannelWindow(turn, address)
            guest_address = client.guest_frame * FRAME_SIZE_BYTES
            first = (self.database.generation << 20) + 1
            self._desks[channel] = ControlDesk(window, guest_address, client.partition, first)
        elif row.type_guid == str(TYPE_COMMAND):
            size_bytes = row.frame_count * FRAME_SIZE_BYTES
            place = ChannelPlace(address, size_bytes, own.port, is_server=True)
            link = MessageLink(place, turn)
            if saved is not None:
                link.restore(saved)
            self._links[channel] = link
            link.attend(turn)
            if channel not in self._greeted:
                # Whoever waits for an answer that the lost one owed asks again.
                self._greeted.add(channel)
                link.send(UNASKED, encode(Done(self.database.generation)))

    def _want(self, only: Set[int] | None = None) -> Set[int]:
        """Say to each desk what its partition is to know; return who has to do with media."""
        numbers = self._desk_numbers()
        desks = {number: self._desks[channel] for channel, number in numbers.items()}
        acknowledged = self._publisher.acknowledged()
        found = self._gates.update(desks, self._publisher.generation, acknowledged)
        for number, desk in desks.items():
            if only is None or number in only:
                reachable = self._reachable.__contains__
                wanted = introductions_of(self._mirror, number, reachable, self._gates)
                desk.want(wanted, leaving_of(self._mirror, number))
        return found

    def _desk_numbers(self) -> dict[int, int]:
        """Return the partition of each desk, by its control channel."""
        return {channel: self._mirror.ends(channel)[CLIENT].partition for channel in self._desks}

    # Requests.

    def _serve(self, turn: HostedTurn) -> bool:
        """Serve requests up to a bound; say whether there may be more."""
        left = REQUESTS_A_TURN
        for channel in sorted(self._links):
            asker, refusal = self._asker(channel)
            link = self._links[channel]
            while left and (messages := link.receive_all(left)):
                left -= len(messages)
                turn.work(len(messages) * MESSAGE_COST_CYCLES)
                for message in messages:
                    self._serve_one(channel, asker, refusal, message)
        return left == 0

    def _asker(self, channel: int) -> tuple[str, str]:
        """Return who asks on a channel, and why that partition is not heard; empty: it is."""
        number = self._mirror.ends(channel)[CLIENT].partition
        row = self._mirror.partition(number)
        assert row is not None, "both ends of a channel in the view have records"
        if row.kind is PartitionKind.HOSTED and row.name in HEARD:
            return row.name, ""
        return row.name, f"partition {number} `{row.name}`: only command is heard"

    def _serve_one(self, channel: int, asker: str, refusal: str, message: CommandMessage) -> None:
        request, commit, repeated = message.request, None, False
        if (asker, request) in self._flying:
            return  # It has come twice, and its answer is on its way.
        answer: AnyAnswer
        if refusal:
            answer = Refused(RefusalKind.POLICY, refusal, "heard")
        elif message.fault:
            answer = Refused(RefusalKind.INVALID, message.fault, "signal")
        elif request == UNASKED:
            sentence = "request 0: numbers of requests begin at 1"
            answer = Refused(RefusalKind.INVALID, sentence, "request-number")
        else:
            outcome = self._service.serve(asker, request, message.data)
            answer, commit = outcome.answer, outcome.commit
            repeated = isinstance(answer, Done) and answer.repeated
        if commit is not None:
            self._publisher.add(commit)
        data = self._fitting(channel, answer)
        self._flying.add((asker, request))
        self._unpublished.append((Held(asker, channel, request, data, 0), commit, repeated))

    def _fitting(self, channel: int, answer: AnyAnswer) -> bytes:
        """Return an answer's bytes, or those of a refusal where it is too long for the channel."""
        data = encode(answer)
        if self._links[channel].fits(data):
            return data
        sentence = f"the answer has {len(data)} bytes, more than the channel takes: ask for less"
        return encode(Refused(RefusalKind.LIMIT, sentence, "answer-size"))

    def _settle(self) -> None:
        """Make durable and publish what was committed, and see how long answers wait for it."""
        if self._publisher.has_pending:
            self.database.sync()
            self._publisher.publish()
            self._stale = True
        for held, commit, repeated in self._unpublished:
            if commit is not None or repeated:
                held.generation = self._publisher.wait_for(commit)
            self._held.append(held)
        self._unpublished.clear()

    def _answer(self) -> None:
        """Send the answers that may leave; a channel that is gone takes its answers along."""
        acknowledged = self._publisher.acknowledged()
        waiting = []
        for held in self._held:
            link = self._links.get(held.channel)
            if held.generation > acknowledged:
                waiting.append(held)
                continue
            self._flying.discard((held.asker, held.request))
            if link is not None:
                link.send(held.request, held.answer)
        self._held = waiting

    # Introductions.

    def _attend_desks(self, turn: HostedTurn) -> bool:
        """Tell partitions what they have, and record what they answered."""
        happened = self._attend_each(turn)
        if happened and (media := self._media):
            # What one end of a path has answered may open the gate of the other.
            self._media = self._want(media)
            self._attend_each(turn)
        self._record(turn.time_cycles)
        return any(
            not self._mirror.ends(channel)[SERVER].port and not desk.is_settled
            for channel, desk in self._desks.items()
        )

    def _attend_each(self, turn: HostedTurn) -> bool:
        happened = False
        for channel, desk in self._desks.items():
            end = self._mirror.ends(channel)[SERVER]
            if desk.attend():
                happened = True
                turn.work(MESSAGE_COST_CYCLES)
                self._poll_cycles = POLL_CYCLES
            if desk.notify and end.port:
                turn.call(Hypercall.EVENT_SEND, end.port)
        return happened

    def _overdue(self, now_cycles: int) -> set[int]:
        """Return the channels whose ends have had their time to let go of them."""
        self._leaving = {
            channel: self._leaving.get(channel, now_cycles)
            for channel in self._since
            if is_leaving(self._mirror, channel)
        }
        return {
            channel
            for channel, since in self._leaving.items()
            if since + LEAVE_CYCLES <= now_cycles
        }

    def _record(self, now_cycles: int) -> None:
        """Write what partitions have answered into the database, as transactions of our own."""
        desks = [(number, self._desks[row]) for row, number in self._desk_numbers().items()]
        lost = self._reports.take(ports_lost(self._mirror, desks), now_cycles)
        steps = answered_steps(self._mirror, self._desks, self._overdue(now_cycles), lost)
        fresh = steps != self._recorded
        self._recorded = steps
        if not steps or not fresh:
            return
        transaction = self.database.begin(NAME)
        try:
            for step in steps:
                step.write(transaction)
            commit = transaction.commit(sync=False)
            self._publisher.add(commit)
            if any(step.noun == "device" or step.state in _AWAITED for step in steps):
                self._say_moved(commit)
        except ResourceError as failure:
            # Somebody older holds it, or the thing is on its way out: it is tried again later.
            self.refused_record = failure.message
            self._recorded = ()

    def _say_moved(self, commit: Commit) -> None:
        """Tell those who are heard that something has changed that they did not ask for."""
        told = encode(Done(commit.generation, (MOVED,)))
        for channel in sorted(self._links):
            asker, refusal = self._asker(channel)
            if not refusal:
                self._unpublished.append((Held(asker, channel, UNASKED, told, 0), commit, False))

    # The end of a turn.

    def _leave(self, turn: HostedTurn, *, busy: bool, polled: bool) -> None:
        """Send, and see to it that there is another turn when there has to be one."""
        sent = [link.flush(turn) for link in self._links.values()]
        unfinished = (
            self._stale
            or self._held
            or self._publisher.generation > (self._publisher.acknowledged())
        )
        if busy:
            turn.again()
        elif unfinished:
            # The others have to go on for it to be acknowledged.
            turn.call(Hypercall.YIELD)
            turn.again()
        else:
            due = [since + LEAVE_CYCLES for since in self._leaving.values()]
            due += self._reports.due_cycles()
            if polled or not all(sent):
                due.append(turn.time_cycles + self._poll_cycles)
                self._poll_cycles = min(2 * self._poll_cycles, POLL_MAXIMUM_CYCLES)
            if due:
                turn.call(Hypercall.TIMER_SET, min(due))
