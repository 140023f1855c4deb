# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosted partitions: programs in Python that a partition of the machine carries.

Owns what a program sees of the machine, its turn, and nothing else: a program reaches
only its own memory and makes only calls that its partition makes for it. Called by
ultravisor.hosted_programs, which owns when a turn is taken; it must not know which
programs there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ultravisor.machine.abi import Hypercall


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
