# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosted partitions: programs in Python that a partition of the machine carries.

Owns what a program sees of the machine, its turn, and nothing else: a program reaches
only its own memory and makes only calls that its partition makes for it. Called by
ultravisor.hosted_programs, which owns when a turn is taken; it must not know which
programs there are.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Protocol

from ultravisor.errors import HostedAccessError, HostedCallError, HostedError, HostedLimitError
from ultravisor.machine.abi import (
    ABI_VERSION,
    EXIT_REASON_LIMIT,
    HOSTED_AGAIN,
    HOSTED_CALL_LIMIT,
    HOSTED_WORK_LIMIT_CYCLES,
    PAGE_MAGIC_HOSTED,
    STRUCTURES,
    Hypercall,
)

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import TurnRecord

WORD_LIMIT: Final = 1 << 64
ARGUMENT_LIMIT: Final = 5
PROGRAM_FAILED_CODE: Final = 70
"""With which a partition exits whose program raised."""
# They are the kernel's own: it would not come back to the bell, or not as itself.
KERNEL_CALLS: Final = frozenset(
    {
        Hypercall.BLOCK,
        Hypercall.IRET,
        Hypercall.PARTITION_EXIT,
        Hypercall.PROCESSOR_STOP,
        Hypercall.CALLBACK_SET,
        Hypercall.TRAP_HANDLERS_SET,
        Hypercall.KERNEL_STACK_SET,
        Hypercall.ROOTS_SET,
    }
)
_OFFSETS = {field.name: field.offset for field in STRUCTURES["hosted_page"].fields}
# Up to memory_size_bytes; what a turn writes back begins with `events`; one call.
_HEAD = struct.Struct("<IH2xI4x QI20x QQQQ")
_ANSWER = struct.Struct("<Q II I")
_CALL = struct.Struct("<7Q8x")
_RESULT_OFFSET = _OFFSETS["calls"] + STRUCTURES["hosted_call"].fields[2].offset


class HostedTurn(Protocol):
    """What a program sees while it has its turn; of no use afterwards.

    Addresses are guest-physical; those that a call takes are virtual:
    `direct_map_address` + the guest-physical one.
    """

    @property
    def partition(self) -> int:
        """Return the partition's number in the view."""

    @property
    def time_cycles(self) -> int:
        """Return the guest-visible clock at the beginning of the turn, in cycles."""

    @property
    def events(self) -> int:
        """Return the ports that became pending since the last turn, a bit a port."""

    @property
    def results(self) -> tuple[int, ...]:
        """Return what the calls of the last turn returned, in order; negative: an Error."""

    @property
    def direct_map_address(self) -> int:
        """Return the virtual address of guest-physical 0."""

    @property
    def start_page_address(self) -> int:
        """Return where the partition's start page lies."""

    @property
    def free_address(self) -> int:
        """Return where the memory begins that is the program's to use."""

    @property
    def memory_size_bytes(self) -> int:
        """Return where it ends: the partition's memory."""

    def read(self, address: int, size_bytes: int) -> bytes:
        """Read memory of the partition; raise HostedAccessError where it is not its own."""

    def write(self, address: int, data: bytes) -> None:
        """Write memory that the partition itself could write; else raise HostedAccessError."""

    def call(self, number: Hypercall, *arguments: int) -> None:
        """Queue a call, made in order after the turn; raise HostedLimitError or HostedCallError.

        At most HOSTED_CALL_LIMIT a turn, each of at most five arguments of 64 bits.
        """

    def work(self, cycles: int) -> None:
        """Declare cycles of work, charged to the partition's clock when the turn ends."""

    def again(self) -> None:
        """Ask for another turn at once, in which the results are, instead of waiting."""

    def exit(self, code: int, reason: str) -> None:
        """End the whole partition after the calls queued so far."""


class HostedProgram(Protocol):
    """What a hosted partition runs. It holds no reference to another program."""

    def turn(self, turn: HostedTurn) -> None:
        """Do what there is to do; an exception stops the partition."""

    def save(self) -> bytes:
        """Return all state, for a snapshot; never called during a turn."""

    def load(self, state: bytes) -> None:
        """Take the place of what `save` returned; raise ValueError on what it did not."""


class MachineTurn:
    """A turn in a machine; ends with `finish`, exactly once."""

    def __init__(self, machine: Machine, record: TurnRecord) -> None:
        """Begin the turn that the machine told; raise HostedError without a page of ours."""
        self.partition = record.partition
        self.time_cycles = record.time_cycles
        self.results: tuple[int, ...] = ()
        self._machine = machine
        self._page_address = record.page_address
        self._calls: list[bytes] = []
        self._flags = 0
        self._work_cycles = 0
        self._reason: bytes | None = None
        self._is_over = False
        head = machine.hosted_read(record.partition, record.page_address, _HEAD.size)
        (
            magic,
            version,
            size,
            self.events,
            count,
            self.direct_map_address,
            self.start_page_address,
            self.free_address,
            self.memory_size_bytes,
        ) = _HEAD.unpack(head)
        expected = (PAGE_MAGIC_HOSTED, ABI_VERSION, STRUCTURES["hosted_page"].size_bytes)
        if (magic, version, size) != expected or count > HOSTED_CALL_LIMIT:
            message = f"partition {self.partition}: no hosted page at {self._page_address:#x}"
            raise HostedError(message)
        if count:
            self.results = self._read_results(count)

    def _read_results(self, count: int) -> tuple[int, ...]:
        address = self._page_address + _OFFSETS["calls"]
        calls = self._machine.hosted_read(self.partition, address, count * _CALL.size)
        offset = _RESULT_OFFSET - _OFFSETS["calls"]
        return tuple(
            int.from_bytes(calls[at : at + 8], "little", signed=True)
            for at in range(offset, len(calls), _CALL.size)
        )

    def read(self, address: int, size_bytes: int) -> bytes:
        """Read memory of the partition; raise HostedAccessError where it is not its own."""
        self._require_open()
        return self._machine.hosted_read(self.partition, address, size_bytes)

    def write(self, address: int, data: bytes) -> None:
        """Write memory that the partition itself could write; else raise HostedAccessError."""
        self._require_open()
        if address < self.free_address:
            message = f"partition {self.partition}: memory at {address:#x} is its kernel's"
            raise HostedAccessError(message)
        self._machine.hosted_write(self.partition, address, data)

    def call(self, number: Hypercall, *arguments: int) -> None:
        """Queue a call, made in order after the turn; raise HostedLimitError or HostedCallError."""
        self._require_open()
        if number in KERNEL_CALLS or not 0 <= number < len(Hypercall):
            raise HostedCallError(f"call {number!r} is not a program's to make")
        if len(arguments) > ARGUMENT_LIMIT:
            raise HostedCallError(f"{len(arguments)} arguments; a call has at most five")
        if any(not 0 <= value < WORD_LIMIT for value in arguments):
            raise HostedCallError(f"an argument of {arguments} does not fit 64 bits")
        self._queue(number, *arguments)

    def work(self, cycles: int) -> None:
        """Declare cycles of work, charged to the partition's clock when the turn ends."""
        self._require_open()
        if not 0 <= cycles <= HOSTED_WORK_LIMIT_CYCLES - self._work_cycles:
            limit = f"a turn's work is at most {HOSTED_WORK_LIMIT_CYCLES} cycles"
            raise HostedLimitError(f"{cycles} cycles after {self._work_cycles}: {limit}")
        self._work_cycles += cycles

    def again(self) -> None:
        """Ask for another turn at once, in which the results are, instead of waiting."""
        self._require_open()
        self._flags |= HOSTED_AGAIN

    def exit(self, code: int, reason: str) -> None:
        """End the whole partition after the calls queued so far."""
        self._require_open()
        if self._reason is not None:
            raise HostedCallError("the partition is ending already")
        # The monitor keeps no other characters.
        text = reason.encode("ascii", "replace")[: EXIT_REASON_LIMIT - 1]
        address = self.direct_map_address + self._page_address + _OFFSETS["text"]
        self._queue(Hypercall.PARTITION_EXIT, code % WORD_LIMIT, address, len(text))
        self._reason = text

    def fail(self, reason: str) -> None:
        """End the partition and make none of the calls of this turn: its program raised."""
        self._calls.clear()
        self._reason = None
        self.exit(PROGRAM_FAILED_CODE, reason)

    def finish(self) -> None:
        """Hand over what was queued; the machine can go on."""
        self._require_open()
        self._is_over = True
        if self._reason is not None:
            self._put("text", self._reason)
        if self._calls:
            self._put("calls", b"".join(self._calls))
        self._put("events", _ANSWER.pack(0, 0, len(self._calls), self._flags))
        self._machine.hosted_done(self._work_cycles)

    def _queue(self, number: int, *arguments: int) -> None:
        if self._reason is not None:
            raise HostedCallError("the partition is ending already")
        if len(self._calls) >= HOSTED_CALL_LIMIT:
            raise HostedLimitError(f"more than {HOSTED_CALL_LIMIT} calls in a turn")
        zeros = (0,) * (ARGUMENT_LIMIT - len(arguments))
        self._calls.append(_CALL.pack(number, *arguments, *zeros, 0))

    def _put(self, field: str, data: bytes) -> None:
        self._machine.hosted_write(self.partition, self._page_address + _OFFSETS[field], data)

    def _require_open(self) -> None:
        if self._is_over:
            raise HostedError(f"the turn of partition {self.partition} is over")
