# SPDX-License-Identifier: GPL-2.0-or-later
"""How many instructions the simulated monitor executes on its most frequent paths, exactly.

A change of a path is meant to be seen: when a test here fails and the new length is wanted, write
the number that it found into PATHS, and say in the commit why it changed. The numbers are of the
monitor as COMPILER makes it; as another compiler makes it, they hold within a share.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import NamedTuple

import pytest

from tests.guests.both_builds import LONG_CYCLES, make_machine
from tests.guests.machine_code import start_field
from tests.unit.tiny_guests import VMCALL
from ultravisor.machine.abi import HYPERCALL_STUB_SIZE_BYTES, Hypercall, StopReason
from ultravisor.machine.interface import ExitReason, MonitorBuild, TimingModel
from ultravisor.machine.records import PartitionOptions, PartitionStatistics, Segment
from ultravisor.plan import MIB

pytestmark = pytest.mark.guest

COMPILER = "gcc 12"
OTHER_COMPILER_SHARE = 0.25

PAGE = 4096
TEXT = 0x400000
HANDLER = TEXT + 0x200
DATA = TEXT + PAGE
UNMAPPED = 0x10
PAGE_FAULT = 14
# Two runs: what is not repeated, and what only the first round does, falls out of the difference.
FEW_ROUNDS = 20
MORE_ROUNDS = 100


class Path(NamedTuple):
    """A path, the widths of the partitions that take turns on it, and its length."""

    name: str
    widths: tuple[int, ...]
    instructions: int

    def __str__(self) -> str:
        return f"{self.name}_{'_'.join(map(str, self.widths))}"


# version: a call and its return. page_fault: into the handler, and back by its iret call. yield:
# from one partition to the other, and back.
PATHS = (
    Path("version", (64,), 123),
    Path("version", (32,), 184),
    Path("page_fault", (64,), 1280),
    Path("page_fault", (32,), 1265),
    Path("yield", (64, 64), 1177),
    Path("yield", (32, 32), 1477),
    Path("yield", (64, 32), 1416),
)


def word(value: int) -> bytes:
    """Return four bytes, little-endian."""
    return value.to_bytes(4, "little")


def call_page(width: int, number: Hypercall) -> bytes:
    """Return code that loads RBX, or ESI, with the address of a call in the hypercall page."""
    field = word(start_field("hypercall_page_address"))
    offset = word(number * HYPERCALL_STUB_SIZE_BYTES)
    if width == 64:
        return b"\x48\x8b\x9f" + field + b"\x48\x81\xc3" + offset
    return b"\x8b\xb3" + field + b"\x81\xc6" + offset


def repeat(rounds: int, code: bytes) -> bytes:
    """Return a loop: mov ebp, rounds; the code; dec ebp; jnz."""
    body = code + b"\xff\xcd"
    return b"\xbd" + word(rounds) + body + b"\x75" + (256 - len(body) - 2).to_bytes(1, "little")


def leave(width: int) -> bytes:
    """Return code that ends the partition: all three arguments are 0."""
    arguments = b"\x31\xff\x31\xf6\x31\xd2" if width == 64 else b"\x31\xdb\x31\xc9\x31\xd2"
    return arguments + b"\xb8" + word(Hypercall.PARTITION_EXIT) + VMCALL


def calls(width: int, rounds: int, number: Hypercall) -> bytes:
    """Return code that makes one call again and again, through the hypercall page."""
    call = b"\xff\xd3" if width == 64 else b"\xff\xd6"
    return call_page(width, number) + repeat(rounds, call) + leave(width)


def faults(width: int, rounds: int) -> bytes:
    """Return code that stores to nowhere, and a handler that goes on behind the store."""
    number = b"\xb8" + word(Hypercall.IRET)
    if width == 64:
        prepare = b"\xbf" + word(DATA) + b"\xbe" + word(1)
        store = b"\x88\x04\x25" + word(UNMAPPED)
        # add qword [rsp + 56], 7; mov eax, iret; syscall
        handler = b"\x48\x83\x44\x24\x38\x07" + number + b"\x0f\x05"
    else:
        prepare = b"\xbb" + word(DATA) + b"\xb9" + word(1)
        store = b"\xa2" + word(UNMAPPED)
        # add dword [esp + 28], 5; mov eax, iret; int 0x82
        handler = b"\x83\x44\x24\x1c\x05" + number + b"\xcd\x82"
    prepare += b"\xb8" + word(Hypercall.TRAP_HANDLERS_SET) + VMCALL
    code = prepare + repeat(rounds, store) + leave(width)
    return code.ljust(HANDLER - TEXT, b"\xcc") + handler


def code_of(path: Path, width: int, rounds: int) -> bytes:
    """Return what a partition of the path runs."""
    if path.name == "page_fault":
        return faults(width, rounds)
    return calls(width, rounds, Hypercall[path.name.upper()])


def partition(path: Path, width: int, rounds: int) -> PartitionOptions:
    """Return a partition of one page of text and one of data, with the handler's record in it."""
    code = code_of(path, width, rounds)
    record = word(PAGE_FAULT) + word(0) + HANDLER.to_bytes(8, "little")
    return PartitionOptions(
        name=f"guest{width}",
        memory_size_bytes=MIB,
        entry_address=TEXT,
        width=width,
        segments=(
            Segment(address=TEXT, size_bytes=PAGE, data=code, writable=False, executable=True),
            Segment(address=DATA, size_bytes=PAGE, data=record, writable=True, executable=False),
        ),
    )


def done_by(path: Path, statistics: PartitionStatistics) -> int:
    """Return how often a partition went the path; it must have come to its own end."""
    assert statistics.stop_reason == StopReason.EXIT, statistics
    if path.name == "page_fault":
        assert statistics.hypercalls[Hypercall.IRET] == statistics.traps[PAGE_FAULT]
        return statistics.traps[PAGE_FAULT]
    return statistics.hypercalls[Hypercall[path.name.upper()]]


def monitor_instructions(path: Path, rounds: int) -> int:
    """Run the path's partitions to their end; return what the monitor has executed."""
    with make_machine(MonitorBuild.SIMULATED, TimingModel.UNIT) as machine:
        for width in path.widths:
            number = machine.partition_add(partition(path, width, rounds))
            machine.slot_add(
                processor=0,
                partition=number,
                virtual_processor=0,
                quantum_cycles=LONG_CYCLES,
                donates=True,
            )
        machine.boot()
        assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED
        for number in range(1, len(path.widths) + 1):
            assert done_by(path, machine.partition_statistics(number)) == rounds
        counted = machine.processor_statistics(0)
        assert counted.idle_cycles == 0
        return counted.machine_cycles - counted.guest_cycles


def compiler() -> str:
    """Return the name and main version of what compiles the monitor."""
    command = [*shlex.split(os.environ.get("GUEST_CC", "gcc")), "-dumpversion"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return f"{command[0]} {done.stdout.split('.')[0].strip()}"


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_path_length(path: Path) -> None:
    few = monitor_instructions(path, FEW_ROUNDS)
    more = monitor_instructions(path, FEW_ROUNDS + MORE_ROUNDS)
    assert (more - few) % MORE_ROUNDS == 0
    found = (more - few) // MORE_ROUNDS
    if compiler() == COMPILER:
        assert found == path.instructions
    else:
        assert found == pytest.approx(path.instructions, rel=OTHER_COMPILER_SHARE)
