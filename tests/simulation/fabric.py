# SPDX-License-Identifier: GPL-2.0-or-later
"""A fabric: programs get turns over channels in a memory, without a machine.

Owns the order of turns, a function of the seed; time, in cycles; events and timers; and what a
program reaches, by the view in force. Programs are the product's own, guests are small models.
"""

from __future__ import annotations

import mmap
import random
from typing import TYPE_CHECKING, Any

from tests.simulation.fabric_views import FRAME, FabricViews
from tests.simulation.faults import Fault, FaultyJournal, Killed
from ultravisor.channels.structures import codec
from ultravisor.errors import HostedAccessError, ImageError
from ultravisor.machine.abi import PORT_TIMER, Hypercall
from ultravisor.partitions.boot import BootProgram
from ultravisor.partitions.command import CommandProgram
from ultravisor.partitions.genesis import NUMBERS, RegisterFrame, plan_host
from ultravisor.partitions.messages import Described
from ultravisor.partitions.operations import OperationsProgram
from ultravisor.partitions.residence import Residence
from ultravisor.partitions.ultravisor import UltravisorProgram
from ultravisor.partitions.view_records import Layout, encode_layout
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.records import FrameRange, MachineDescription

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.partitions.messages import Load
    from ultravisor.partitions.policy import PlacedPolicy
    from ultravisor.resources.journal import Journal

ZEROS = bytes(FRAME)
START_PAGE = 0x1000
FREE_ADDRESS = 0x10000
RESERVED_FRAMES = 2048
FIRST_FRAME = RESERVED_FRAMES + 512
TURN_CYCLES = 1_000
TURN_LIMIT = 200_000
CALL_LIMIT = 60
WORK_LIMIT_CYCLES = 1_000_000_000
"""What a turn of a machine allows."""
POLL_CYCLES = 200_000
HORIZON_CYCLES = 50_000_000
"""A fabric is quiet when nobody wakes for longer than this."""


class FabricTurn:
    """A turn of one partition."""

    def __init__(self, fabric: Fabric, number: int, events: int, results: tuple[int, ...]) -> None:
        self.partition = number
        self.time_cycles = fabric.time_cycles
        self.events = events
        self.results = results
        self.direct_map_address = 0
        self.start_page_address = START_PAGE
        self.free_address = FREE_ADDRESS
        self.memory_size_bytes = 512 * FRAME
        self.calls: list[tuple[Hypercall, tuple[int, ...]]] = []
        self.wants_again = False
        self.work_cycles = 0
        self.ended: tuple[int, str] | None = None
        self._fabric = fabric

    def _pieces(self, address: int, size: int, *, writing: bool) -> list[tuple[int, int]]:
        views, pieces = self._fabric.views, []
        while size:
            part = min(size, FRAME - address % FRAME)
            try:
                place, writable = views.translate(self.partition, address)
            except KeyError:
                raise HostedAccessError(
                    f"partition {self.partition}: {address:#x} is not its own"
                ) from None
            if writing and not writable:
                raise HostedAccessError(f"partition {self.partition}: {address:#x} is read-only")
            pieces.append((place, part))
            address, size = address + part, size - part
        return pieces

    def read(self, address: int, size_bytes: int) -> bytes:
        pieces = self._fabric.translate(self, address, size_bytes, writing=False)
        memory = self._fabric.memory
        return b"".join(memory[place : place + size] for place, size in pieces)

    def write(self, address: int, data: bytes) -> None:
        if self.partition == NUMBERS["ultravisor"]:
            self._fabric.fault.point("memory write")
        assert address >= FREE_ADDRESS, "memory of the partition's own kernel"
        at = 0
        for place, size in self._fabric.translate(self, address, len(data), writing=True):
            self._fabric.memory[place : place + size] = data[at : at + size]
            at += size

    def call(self, number: Hypercall, *arguments: int) -> None:
        assert len(self.calls) < CALL_LIMIT, "more calls than a turn has"
        self.calls.append((number, arguments))

    def work(self, cycles: int) -> None:
        assert self.work_cycles + cycles <= WORK_LIMIT_CYCLES, "more work than a turn has"
        self.work_cycles += cycles

    def again(self) -> None:
        self.wants_again = True

    def exit(self, code: int, reason: str) -> None:
        self.ended = (code, reason)


class FabricLoader:
    """Lays images that are names: a start page, and nothing behind it."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.images: dict[str, Described] = {
            "hello": Described(64, 1),
            "hello_32": Described(32, 1),
            "silent": Described(64, 1),
            "hosted": Described(64, 2),
        }
        self.loads: list[Load] = []

    def describe(self, image: str) -> Described:
        if image not in self.images:
            raise ImageError(f"{image}: no such image")
        return self.images[image]

    def build(self, load: Load) -> bytes:
        self.describe(load.image)
        # A command that was killed does not know that the image is laid, and asks again.
        again = any(
            (row.partition, row.incarnation) == (load.partition, load.incarnation)
            for row in self.loads
        )
        self.loads.append(load)
        for run in load.extents:
            for frame in range(run.machine_frame, run.machine_frame + run.frame_count):
                assert not self._fabric.views.is_owned(frame), f"frame {frame:#x} is not free"
                data = self._fabric.memory[frame * FRAME : (frame + 1) * FRAME]
                assert again or data == ZEROS, f"frame {frame:#x} was not scrubbed"
        first = load.extents[0].machine_frame * FRAME
        values = {"control_channel_address": load.control_channel_address}
        page = codec("start_page").encode(values)
        self._fabric.memory[first + START_PAGE : first + START_PAGE + len(page)] = page
        layout = Layout(
            entry_address=0x400000,
            stack_top_address=0x800000,
            start_page_address=START_PAGE,
            hypercall_frame=load.extents[0].machine_frame + 2,
            time_frame=load.extents[0].machine_frame + 3,
            shared_first_frame=load.extents[0].machine_frame + 4,
            kernel_root_frame=load.extents[0].machine_frame + 5,
            table_first_frame=load.extents[0].machine_frame + 5,
            table_counts=(1, 1, 1, 1),
        )
        return encode_layout(layout)


class ResidentGuest:
    """A guest that answers its control channel; it looks by itself too, less and less often."""

    def __init__(self) -> None:
        self.residence = Residence()
        self.told = 0
        self.wait_cycles = POLL_CYCLES

    def turn(self, turn: Any) -> None:
        self.residence.attend(turn)
        self.wait_cycles = POLL_CYCLES if self.residence.told > self.told else 2 * self.wait_cycles
        self.told = self.residence.told
        turn.call(Hypercall.TIMER_SET, turn.time_cycles + self.wait_cycles)


class SilentGuest:
    """A guest that never looks at its control channel."""

    def turn(self, turn: Any) -> None:
        pass


class Fabric:
    """A host of programs."""

    def __init__(
        self,
        placed: PlacedPolicy | None = None,
        *,
        seed: int = 0,
        memory_mib: int = 256,
        processors: int = 4,
        journal: Journal | None = None,
        devices: tuple[str, ...] = (),
    ) -> None:
        self.random = random.Random(seed)
        self.fault = Fault()
        self.memory = mmap.mmap(-1, memory_mib << 20)
        self.views = FabricViews(self.memory, self.fault)
        self.time_cycles = 0
        self.acknowledge_after = 0
        """Turns for which a new generation stays unacknowledged."""
        self.machine = MachineDescription(
            frame_count=memory_mib * 256,
            processor_count=processors,
            reserved=(FrameRange(0, RESERVED_FRAMES),),
        )
        first = memory_mib * 256 - len(devices)
        self.devices = tuple(
            RegisterFrame("network" if name.startswith("net") else "block", name, first + index)
            for index, name in enumerate(devices)
        )
        self.journal: Journal = MemoryJournal() if journal is None else journal
        self.reopen: Callable[[], Journal] | None = None
        """How a journal that is a file comes back after its holder was killed."""
        self.loader = FabricLoader(self)
        self._first_layouts()
        self.programs: dict[int, Any] = {}
        self.guests: dict[str, Callable[[], Any]] = {
            "hello": ResidentGuest,
            "hello_32": ResidentGuest,
            "silent": SilentGuest,
        }
        self.lives: dict[int, int] = {}
        self.events: dict[int, int] = {}
        self.timers: dict[int, int] = {}
        self.ready: dict[int, bool] = {}
        self.results: dict[int, tuple[int, ...]] = {}
        self.turns = 0
        self.kills = 0
        self._published_at = 0
        self._translations: dict[tuple[int, int], tuple[int, bool]] = {}
        self._translated = -1
        self.placed = placed
        self.orders = 0
        self.answers: dict[int, bytes] = {}
        self.ultravisor = self._new_ultravisor()
        self.boot = BootProgram(self.loader, self.layout.order)
        self.command = CommandProgram()
        self.operations = OperationsProgram(placed)
        self.programs = {
            NUMBERS["boot"]: self.boot,
            NUMBERS["ultravisor"]: self.ultravisor,
            NUMBERS["command"]: self.command,
            NUMBERS["operations"]: self.operations,
        }
        self.wake(NUMBERS["ultravisor"])

    def _first_layouts(self) -> None:
        """Do what firmware does: boot and the ultravisor are laid before the first turn."""
        plan = plan_host(self.machine, {}, FIRST_FRAME, self.devices)
        layouts = {load.name: self.loader.build(load) for load in plan.firmware}
        self.layout = plan_host(self.machine, layouts, FIRST_FRAME, self.devices)

    def _new_ultravisor(self) -> UltravisorProgram:
        journal = FaultyJournal(self.journal, self.fault)
        return UltravisorProgram(self.views, journal, self.layout.genesis)

    # Turns.

    def wake(self, number: int) -> None:
        self.ready[number] = True

    def translate(
        self, turn: FabricTurn, address: int, size: int, *, writing: bool
    ) -> list[tuple[int, int]]:
        """Translate, remembering pages for as long as the view stays."""
        if self._translated != self.views.generation:
            self._translations.clear()
            self._translated = self.views.generation
        pieces = []
        while size:
            page, offset = divmod(address, FRAME)
            part = min(size, FRAME - offset)
            key = (turn.partition, page)
            found = self._translations.get(key)
            if found is None:
                ((place, _),) = turn._pieces(page * FRAME, 1, writing=False)
                _, writable = self.views.translate(turn.partition, page * FRAME)
                found = self._translations[key] = (place, writable)
            if writing and not found[1]:
                raise HostedAccessError(f"partition {turn.partition}: {address:#x} is read-only")
            pieces.append((found[0] + offset, part))
            address, size = address + part, size - part
        return pieces

    def _runnable(self) -> list[int]:
        running = self.views.running() if self.views.rows else {NUMBERS["ultravisor"]: None}
        self._follow(running)
        return [
            number
            for number in sorted(running)
            if number in self.programs
            and (
                self.ready.get(number)
                or self.events.get(number)
                or self.timers.get(number, self.time_cycles + 1) <= self.time_cycles
            )
        ]

    def _follow(self, running: dict[int, Any]) -> None:
        """Begin the programs of partitions that have begun to run, or begun anew."""
        for number, row in running.items():
            if row is None or self.lives.get(number) == row.incarnation:
                continue
            self.lives[number] = row.incarnation
            self.events[number] = 0
            self.timers.pop(number, None)
            self.results[number] = ()
            self.ready[number] = True
            image = self._image_of(number)
            if image in self.guests:
                self.programs[number] = self.guests[image]()

    def _image_of(self, number: int) -> str:
        partition = self.ultravisor._mirror.partition(number)
        return "" if partition is None else partition.image

    def step(self) -> bool:
        """Give one turn; say whether there was anything to do."""
        runnable = self._runnable()
        if self.views.generation > self.views.acknowledged():
            self._published_at += 1
            if self._published_at > self.acknowledge_after or not runnable:
                self._published_at = 0
                self.views.acknowledge()
                return True
        if not runnable:
            due = [
                cycles
                for number, cycles in self.timers.items()
                if number in self.views.running() and number in self.programs
            ]
            if not due or min(due) > self.time_cycles + HORIZON_CYCLES:
                return False
            self.time_cycles = max(self.time_cycles, min(due))
            return True
        self.take_turn(self.random.choice(runnable))
        return True

    def take_turn(self, number: int) -> None:
        """Give a partition its turn, and make its calls."""
        events, self.events[number] = self.events.get(number, 0), 0
        if self.timers.get(number, self.time_cycles + 1) <= self.time_cycles:
            del self.timers[number]
            events |= 1 << PORT_TIMER
        self.ready[number] = False
        turn = FabricTurn(self, number, events, self.results.get(number, ()))
        self.turns += 1
        try:
            self.programs[number].turn(turn)
        except Killed:
            self.kills += 1
            self.restart_ultravisor()
            return
        self.time_cycles += TURN_CYCLES + turn.work_cycles
        self.results[number] = tuple(self._make_call(number, *call) for call in turn.calls)
        if turn.wants_again:
            self.ready[number] = True

    def _make_call(self, number: int, call: Hypercall, arguments: tuple[int, ...]) -> int:
        if call is Hypercall.TIMER_SET:
            self.timers.pop(number, None)
            if arguments[0]:
                self.timers[number] = arguments[0]
        elif call is Hypercall.EVENT_SEND:
            return self._send_event(number, arguments[0])
        else:
            assert call is Hypercall.YIELD, f"no program makes call {call.name}"
        return 0

    def _send_event(self, number: int, port: int) -> int:
        for row in self.views.table("channel").values():
            for side in (0, 1):
                if (row.ends[side].partition, row.ends[side].port) == (number, port) and port:
                    other = row.ends[1 - side]
                    if other.port:
                        bits = self.events.get(other.partition, 0)
                        self.events[other.partition] = bits | 1 << other.port
                    return 0
        return -1

    def run(self, limit: int = TURN_LIMIT) -> None:
        """Run until nothing is to be done."""
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError(f"not quiet after {limit} steps")

    def run_until(self, condition: Callable[[], bool], limit: int = TURN_LIMIT) -> None:
        """Run until something is true."""
        for _ in range(limit):
            if condition():
                return
            if not self.step():
                assert condition(), "the fabric is quiet, and it is not true"
                return
        raise AssertionError(f"not true after {limit} steps")

    # Lives.

    def restart_ultravisor(self, journal: Journal | None = None) -> None:
        """Drop the program with all that it knows, and begin another from the journal."""
        if journal is not None:
            self.journal = journal
        elif self.reopen is not None:
            self.journal.close()
            self.journal = self.reopen()
        self.ultravisor = self._new_ultravisor()
        self.programs[NUMBERS["ultravisor"]] = self.ultravisor
        self.wake(NUMBERS["ultravisor"])

    def restart_command(self) -> None:
        """Drop command with all that it knows."""
        self.command = CommandProgram()
        self.programs[NUMBERS["command"]] = self.command
        self.wake(NUMBERS["command"])

    def restart_operations(self) -> None:
        """Drop operations with all that it knows but its policy."""
        self.operations = OperationsProgram(self.placed)
        self.programs[NUMBERS["operations"]] = self.operations
        self.wake(NUMBERS["operations"])

    # From outside.

    def order(self, message: Any) -> int:
        """Hand a message to command; return the number under which its answer comes."""
        from ultravisor.partitions.messages import encode

        self.orders += 1
        self.command.deliver(self.orders, encode(message))
        self.wake(NUMBERS["command"])
        return self.orders

    def answer(self, number: int) -> Any:
        """Return the answer to an order, run until it is there."""
        from ultravisor.partitions.messages import TO_OUTSIDE

        def there() -> bool:
            self.answers.update(self.command.collect())
            return number in self.answers

        self.run_until(there)
        return TO_OUTSIDE.decode(self.answers[number])
