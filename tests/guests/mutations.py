# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutations of valid images and calls, beside a partition that must not notice.

Owns how a mutation is made of its number, and what is compared: the host lives, both builds
agree, and the neighbour is as it is beside an idle image. Used by test_mutations.py; run as a
program it makes as many as are asked for, and goes on where it was left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import struct
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.guests.both_builds import BUILDS, make_machine
from tests.guests.test_random_calls import argument
from tests.unit import tiny_guests as tiny
from ultravisor.errors import UltravisorError
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.image import Image, parse_image
from ultravisor.machine.interface import ExitReason, MonitorBuild
from ultravisor.machine.records import PartitionOptions
from ultravisor.plan import MIB
from ultravisor.resolution import BUNDLED

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

CYCLES = 100_000
QUANTUM_CYCLES = 1_499
# The first machine frame that a partition gets in a host of 64 MiB, and where its kernel has all.
FIRST_FRAME = 0x840
DIRECT_MAP = 0xFFFF880000000000
PAGE = 0x1000
READ_ONLY = 1 << 63 | 0x5
LINK = 0x7
# In the data of the guest that makes calls.
UPDATES = tiny.DATA_ADDRESS + 0x100
HANDLERS = tiny.DATA_ADDRESS + 0x200
BUFFER = tiny.DATA_ADDRESS + 0x400
RESULTS = tiny.DATA_ADDRESS + 0x800
VALID_IMAGES = (
    "hello",
    "hello_32",
    "hostile/stale_code_64",
    "hostile/stale_code_32",
    "hostile/event_storm_64",
    "hostile/event_storm_32",
    "hostile/fault_loop_64",
    "hostile/descriptor_removed_32",
)


class Call(NamedTuple):
    """A call with its arguments."""

    number: int
    arguments: tuple[int, ...] = ()


class Seen(NamedTuple):
    """What is left of a host when it has run."""

    reason: ExitReason
    error: str
    mutant_hash: int
    neighbour_hash: int


class Harm(Exception):
    """A mutation did what none may do."""


def frame(number: int) -> int:
    """Return a machine frame of the guest that makes calls."""
    return FIRST_FRAME + number


def page(number: int) -> int:
    """Return where the guest has one of its frames."""
    return DIRECT_MAP + number * PAGE


VALID_CALLS: tuple[Call, ...] = (
    Call(Hypercall.VERSION),
    Call(Hypercall.CONSOLE_WRITE, (tiny.DATA_ADDRESS, 8)),
    Call(Hypercall.TRAP_HANDLERS_SET, (HANDLERS, 2)),
    Call(Hypercall.CALLBACK_SET, (1, tiny.DATA_ADDRESS - PAGE)),
    Call(Hypercall.KERNEL_STACK_SET, (page(210),)),
    Call(Hypercall.BASE_SET, (0, BUFFER)),
    Call(Hypercall.BASE_GET, (0,)),
    Call(Hypercall.MAPPING_UPDATE, (page(200), frame(200) << 12 | READ_ONLY)),
    Call(Hypercall.TABLE_PIN, (frame(200), 1)),
    Call(Hypercall.TABLE_UPDATE, (UPDATES, 2)),
    Call(Hypercall.MAPPING_UPDATE, (page(202), frame(202) << 12 | READ_ONLY)),
    Call(Hypercall.TABLE_PIN, (frame(202), 2)),
    Call(Hypercall.TABLE_UPDATE, (UPDATES + 32, 1)),
    Call(Hypercall.TIMER_SET, (1,)),
    Call(Hypercall.TIME_GET),
    Call(Hypercall.EVENT_POLL),
    Call(Hypercall.EVENT_SEND_PROCESSOR, (0, 9)),
    Call(Hypercall.MAPPING_UPDATE, (page(203), 0)),
    Call(Hypercall.FRAMES_RELEASE, (frame(203), 1)),
    Call(Hypercall.CONSOLE_READ, (BUFFER, 16)),
    Call(Hypercall.YIELD),
    Call(Hypercall.TRANSLATION_FLUSH, ((1 << 64) - 1,)),
    Call(Hypercall.MARK, (1, 2)),
    Call(Hypercall.TRACE_SET, (1,)),
    Call(Hypercall.TABLE_UPDATE, (UPDATES + 48, 1)),
    Call(Hypercall.TABLE_UNPIN, (frame(202),)),
    Call(Hypercall.TABLE_UNPIN, (frame(200),)),
    Call(Hypercall.MAPPING_UPDATE, (page(200), frame(200) << 12 | READ_ONLY | 2)),
)


def valid_data() -> bytes:
    """Return the data that the valid calls point at."""
    data = bytearray(PAGE)
    updates = (
        (frame(200) << 12, frame(201) << 12 | READ_ONLY),
        (frame(200) << 12 | 8, frame(201) << 12 | READ_ONLY),
        (frame(202) << 12, frame(200) << 12 | LINK),
        (frame(202) << 12, 0),
    )
    for index, (address, value) in enumerate(updates):
        struct.pack_into("<QQ", data, UPDATES - tiny.DATA_ADDRESS + 16 * index, address, value)
    for index, vector in enumerate((3, 13)):
        offset = HANDLERS - tiny.DATA_ADDRESS + 16 * index
        struct.pack_into("<IIQ", data, offset, vector, 1, tiny.DATA_ADDRESS - PAGE)
    return bytes(data)


def calls_image(calls: list[Call], data: bytes) -> bytes:
    """Return a guest that makes the calls, keeps their results and leaves."""
    code = b""
    for index, call in enumerate(calls):
        loads = zip((7, 6, 2), call.arguments, strict=False)
        code += b"".join(tiny.load(register, value) for register, value in loads)
        code += tiny.load(0, call.number) + tiny.VMCALL
        code += tiny.load(3, RESULTS + 8 * (index % 256)) + b"\x48\x89\x03"  # mov [rbx], rax
    return tiny.image(code + tiny.leave(), data)


def mutated_calls(choose: random.Random) -> bytes:
    """Return a valid sequence of calls with a few things changed."""
    calls = list(VALID_CALLS)
    data = bytearray(valid_data())
    for _ in range(choose.randint(1, 6)):
        place = choose.randrange(len(calls))
        kind = choose.randrange(6)
        if kind <= 1:
            arguments = [*calls[place].arguments, 0, 0, 0][:3]
            arguments[choose.randrange(3)] = argument(choose)
            calls[place] = Call(calls[place].number, tuple(arguments))
        elif kind == 2:  # the same arguments, for another call
            calls[place] = calls[place]._replace(number=choose.randrange(len(Hypercall) + 1))
        elif kind == 3:
            other = choose.randrange(len(calls))
            calls[place], calls[other] = calls[other], calls[place]
        elif kind == 4:
            calls.insert(place, choose.choice(calls))
        else:
            offset = choose.randrange(UPDATES - tiny.DATA_ADDRESS, BUFFER - tiny.DATA_ADDRESS)
            data[offset] ^= 1 << choose.randrange(8)
    return calls_image(calls, bytes(data))


@cache
def valid_image(name: str) -> bytes:
    """Return the bytes of a bundled image."""
    return (BUNDLED / f"{name}.elf").read_bytes()


def mutated_image(choose: random.Random) -> bytes:
    """Return a bundled image with a few bytes changed, mostly in what is loaded."""
    data = bytearray(valid_image(choose.choice(VALID_IMAGES)))
    loaded = parse_image(bytes(data), "valid").size_bytes
    for _ in range(choose.choice((1, 1, 2, 4, 16, 64))):
        in_headers = choose.random() < 0.1
        place = choose.randrange(0x200) if in_headers else choose.randrange(PAGE, PAGE + loaded)
        if place < len(data):
            data[place] = choose.randrange(256) if choose.random() < 0.5 else data[place] ^ 1
    return bytes(data)


def mutant(number: int) -> bytes:
    """Return mutation `number`: an image, or a guest that makes calls."""
    choose = random.Random(number)
    return mutated_calls(choose) if number % 2 == 0 else mutated_image(choose)


def partition(machine: Machine, name: str, image: Image) -> None:
    """Add a partition with its slot."""
    number = machine.partition_add(
        PartitionOptions(
            name=name,
            memory_size_bytes=MIB,
            entry_address=image.entry_address,
            segments=image.segments,
            width=image.width,
        )
    )
    machine.slot_add(
        processor=0, partition=number, virtual_processor=0, quantum_cycles=QUANTUM_CYCLES
    )


@cache
def neighbour() -> Image:
    """Return a guest that counts, looks at the time, keeps it and says something, for ever."""
    keep = tiny.load(3, RESULTS) + b"\x48\x01\x03"  # add [rbx], rax
    code = tiny.count_down(2_000) + tiny.call(Hypercall.TIME_GET) + keep + tiny.say(3)
    code += b"\xe9" + (-len(code) - 5).to_bytes(4, "little", signed=True)
    return parse_image(tiny.image(code, b"ok\n" + bytes(PAGE - 3)), "neighbour")


@cache
def idle() -> Image:
    """Return a guest that waits for what never comes."""
    return parse_image(tiny.image(tiny.call(Hypercall.BLOCK) + tiny.SPIN), "idle")


def run(build: MonitorBuild, image: Image) -> Seen:
    """Run an image beside the neighbour."""
    check = int(build == MonitorBuild.NATIVE)
    with make_machine(build, check_refusals=check) as machine:
        partition(machine, "mutant", image)
        partition(machine, "neighbour", neighbour())
        machine.boot()
        reason = machine.run(CYCLES).reason
        return Seen(reason, machine.error(), machine.partition_hash(1), machine.partition_hash(2))


@cache
def beside_idle(build: MonitorBuild) -> int:
    """Return the neighbour's hash beside an idle image."""
    return run(build, idle()).neighbour_hash


def check(number: int) -> bool:
    """Run one mutation under both builds; say whether it could run. Raise Harm where it harms."""
    try:
        image = parse_image(mutant(number), f"mutation {number}")
    except UltravisorError:
        return False
    try:
        native, simulated = (run(build, image) for build in BUILDS)
    except UltravisorError as failure:
        if failure.exit_code == 70:
            raise Harm(f"mutation {number}: {failure.message}") from None
        return False
    for build, seen in zip(BUILDS, (native, simulated), strict=True):
        if seen.reason > ExitReason.IDLE:
            raise Harm(f"mutation {number}: {build.name.lower()}: {seen.error}")
        if seen.neighbour_hash != beside_idle(build):
            raise Harm(f"mutation {number}: {build.name.lower()}: the neighbour noticed")
    if native != simulated:
        raise Harm(f"mutation {number}: the builds differ")
    return True


def check_in_child(first: int, count: int) -> list[str]:
    """Check a run of mutations in a process of its own; return what went wrong, in sentences."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        harms = []
        for number in range(first, first + count):
            os.write(sending, struct.pack("<Q", number))
            try:
                check(number)
            except Harm as harm:
                harms.append(str(harm))
        os.write(sending, json.dumps(harms).encode())
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        received = stream.read()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return list(json.loads(received[8 * count :]))
    (last,) = struct.unpack_from("<Q", received, len(received) // 8 * 8 - 8)
    return [f"mutation {last}: the process died, status {status}"]


def main() -> int:
    """Check mutations by their numbers; resume where the state file says."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--state", type=Path, default=Path("build/mutations.json"))
    parser.add_argument("--step", type=int, default=500)
    options = parser.parse_args()
    state = {"next": options.first, "harms": []}
    if options.state.is_file():
        state = json.loads(options.state.read_text())
        print(f"going on at mutation {state['next']:,}", file=sys.stderr)
    started = time.monotonic()
    begun = state["next"]
    while state["next"] < options.first + options.count:
        count = min(options.step, options.first + options.count - state["next"])
        state["harms"] += check_in_child(state["next"], count)
        state["next"] += count
        options.state.parent.mkdir(parents=True, exist_ok=True)
        options.state.write_text(json.dumps(state))
        rate = (state["next"] - begun) / (time.monotonic() - started)
        print(
            f"{state['next']:,} mutations, {len(state['harms'])} harms, {rate:.0f} a second",
            file=sys.stderr,
        )
    print("\n".join(state["harms"]) or f"{options.count:,} mutations, no harm")
    return 1 if state["harms"] else 0


if __name__ == "__main__":
    sys.exit(main())
