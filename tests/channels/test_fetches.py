# SPDX-License-Identifier: GPL-2.0-or-later
"""The guests' ends read each shared word once: looked at in their machine code, at both widths.

The channel's C files are compiled as the guests' are and run on the engine, with a hook on every
read of the channel that counts it and may change what the next read of the same word sees.
"""

from __future__ import annotations

import os
import shlex
import struct
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import unicorn
from elftools.elf.elffile import ELFFile
from unicorn import x86_const

from tests.channels.queues import HEADER_OFFSET, SLOTS_OFFSET, build_one_queue
from ultravisor.channels.control_channel import build_control_channel, plan_control_channel
from ultravisor.channels.control_messages import ConfigureBus, CreateBus, InitChipset
from ultravisor.channels.control_parameters import ControlParameters
from ultravisor.channels.control_server import Answered, ControlServer
from ultravisor.channels.queue import Consumer, Insertion, Producer, QueuePlace
from ultravisor.machine.abi import ControlMessageId

ROOT = Path(__file__).resolve().parents[2]
COMMON = ROOT / "guest_kernels" / "common"
SOURCES = ("signal_queue", "channel_client", "guid", "bytes", "control", "control_message")
FLAGS = (
    "-std=c11 -O2 -ffreestanding -fno-stack-protector -fcf-protection=none -fno-pie -no-pie"
    " -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-strict-aliasing"
    " -mgeneral-regs-only -mstringop-strategy=unrolled_loop -nostdlib -static"
    " -Wl,-Ttext=0x100000 -Wl,--entry=0 -Wl,--build-id=none -Wl,-z,max-page-size=4096"
)
WIDTH_FLAGS = {32: ["-m32", "-march=i686"], 64: ["-m64", "-march=x86-64", "-mno-red-zone"]}
CODE, CODE_SIZE = 0x0F0000, 0x100000
STACK_TOP, RECORD, SIGNAL, STOP = 0x4FF000, 0x401000, 0x410000, 0x480000
OPERATIONS = 0x420000  # zeros: no operation
CHANNEL, CHANNEL_SIZE = 0x800000, 0x10000
SHAPE = (64, 128)


@cache
def image(width: int) -> Path:
    """Return the linked code of one width."""
    target = Path(mkdtemp(prefix="ultravisor-fetches-")) / f"ends-{width}"
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(FLAGS),
        *WIDTH_FLAGS[width],
        *("-iquote", str(COMMON), "-iquote", str(ROOT / "monitor" / "abi")),
        *("-o", str(target)),
        *(str(COMMON / f"{name}.c") for name in SOURCES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


class EmulatedEnds:
    """The code on the engine, and a channel of which every read is seen."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.place = QueuePlace(HEADER_OFFSET, SLOTS_OFFSET, *SHAPE)
        mode = unicorn.UC_MODE_64 if width == 64 else unicorn.UC_MODE_32
        untyped: Any = unicorn
        self.engine: Any = untyped.Uc(unicorn.UC_ARCH_X86, mode)
        self.symbols: dict[str, int] = {}
        self.reads: Counter[int] = Counter()
        self.poison = False
        """Change a word as soon as it has been read."""
        self.poisoned: list[range] = [range(CHANNEL_SIZE)]
        """Where, while `poison` is set."""
        self.engine.mem_map(CODE, CODE_SIZE)
        self.engine.mem_map(0x400000, 0x100000)
        self.engine.mem_map(CHANNEL, CHANNEL_SIZE)
        self._load()
        self.engine.hook_add(unicorn.UC_HOOK_MEM_READ, self._seen, None, CHANNEL, STOP << 2)
        self.engine.hook_add(unicorn.UC_HOOK_CODE, self._poison_later)
        self._pending: list[tuple[int, int]] = []
        build_one_queue(self, self.place, CHANNEL_SIZE)

    def _load(self) -> None:
        with image(self.width).open("rb") as stream:
            elf = ELFFile(stream)
            for segment in elf.iter_segments("PT_LOAD"):
                self.engine.mem_write(segment["p_vaddr"], segment.data())
            table: Any = elf.get_section_by_name(".symtab")
            self.symbols = {row.name: row["st_value"] for row in table.iter_symbols()}

    def _seen(
        self, _engine: object, _access: int, address: int, size: int, _value: int, _user: object
    ) -> None:
        self.reads.update(range(address - CHANNEL, address - CHANNEL + size))
        place = address - CHANNEL
        if self.poison and any(place in words for words in self.poisoned):
            self._pending.append((address, size))

    def _poison_later(self, _engine: object, _address: int, _size: int, _user: object) -> None:
        for address, size in self._pending:
            self.engine.mem_write(address, b"\xff" * size)
        self._pending.clear()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Read the channel as the other end: a ChannelMemory."""
        return bytes(self.engine.mem_read(CHANNEL + offset, size_bytes))

    def write(self, offset: int, data: bytes) -> None:
        """Write the channel as the other end."""
        self.engine.mem_write(CHANNEL + offset, data)

    def call(self, name: str, *arguments: int) -> int:
        """Call a function and return its result, a 32-bit integer."""
        engine, top = self.engine, STACK_TOP
        self.reads.clear()
        if self.width == 64:
            registers = [
                getattr(x86_const, f"UC_X86_REG_{r}") for r in ("RDI", "RSI", "RDX", "RCX", "R8")
            ]
            for register, value in zip(registers, arguments, strict=False):
                engine.reg_write(register, value)
            engine.mem_write(top, struct.pack("<Q", STOP))
            engine.reg_write(x86_const.UC_X86_REG_RSP, top)
        else:
            # 64-bit arguments are given as two: the callers below do so.
            engine.mem_write(top, struct.pack(f"<{len(arguments) + 1}I", STOP, *arguments))
            engine.reg_write(x86_const.UC_X86_REG_ESP, top)
        engine.emu_start(self.symbols[name], STOP, count=1_000_000)
        self._poison_later(None, 0, 0, None)
        result: int = engine.reg_read(x86_const.UC_X86_REG_EAX)
        return result - (1 << 32) if result >> 31 else result

    def attach(self, name: str) -> int:
        """Attach the record to the queue."""
        numbers = [HEADER_OFFSET, CHANNEL_SIZE]
        if self.width == 32:
            numbers = [HEADER_OFFSET, 0, CHANNEL_SIZE, 0]
        return self.call(name, RECORD, CHANNEL, *numbers)


@pytest.fixture(params=[32, 64])
def ends(request: pytest.FixtureRequest) -> EmulatedEnds:
    return EmulatedEnds(request.param)


def header(name: str) -> int:
    return HEADER_OFFSET + {"head": 60, "tail": 72}[name]


def test_attaching_reads_the_header_once(ends: EmulatedEnds) -> None:
    assert ends.attach("queue_attach_producer") == 1
    assert dict(ends.reads) == {HEADER_OFFSET + i: 1 for i in range(128)}


def test_an_insertion_reads_the_tail_once(ends: EmulatedEnds) -> None:
    ends.attach("queue_attach_producer")
    assert ends.call("queue_insert", RECORD, SIGNAL) == Insertion.NOTIFY
    assert dict(ends.reads) == {header("tail") + i: 1 for i in range(4)}


def test_a_removal_reads_the_head_and_the_signal_once(ends: EmulatedEnds) -> None:
    Producer(ends, ends.place).insert(bytes(range(128)))
    ends.attach("queue_attach_consumer")
    Producer(ends, ends.place).insert(bytes(range(1, 129)))
    for first in range(2):
        assert ends.call("queue_remove", RECORD, SIGNAL) == 1
        assert bytes(ends.engine.mem_read(SIGNAL, 128)) == bytes(range(first, first + 128))
        slot = SLOTS_OFFSET + (first + 1) * 128
        read = {slot + i: 1 for i in range(128)}
        # The second signal came after the head had been read: it is read again.
        read |= {header("head") + i: 1 for i in range(4)} if first else {}
        assert dict(ends.reads) == read


def test_words_that_change_behind_their_first_read_change_nothing(ends: EmulatedEnds) -> None:
    """Every word of header and slot turns into ones as soon as it has been read."""
    Producer(ends, ends.place).insert(bytes(range(128)))
    ends.poison = True
    assert ends.attach("queue_attach_consumer") == 1
    assert ends.call("queue_remove", RECORD, SIGNAL) == 1
    assert bytes(ends.engine.mem_read(SIGNAL, 128)) == bytes(range(128))
    assert ends.read(header("tail"), 4) == struct.pack("<I", 1)
    # Then nothing is waiting, and the head that is read now is no slot: the end stops there.
    assert ends.call("queue_remove", RECORD, SIGNAL) == -1


def test_a_producer_lives_with_a_header_that_changes(ends: EmulatedEnds) -> None:
    ends.poison = True
    assert ends.attach("queue_attach_producer") == 1
    ends.poison = False
    ends.write(header("tail"), struct.pack("<I", 0))
    ends.engine.mem_write(SIGNAL, bytes(range(128)))
    assert ends.call("queue_insert", RECORD, SIGNAL) == Insertion.NOTIFY
    assert ends.read(SLOTS_OFFSET + 128, 128) == bytes(range(128))
    assert ends.read(header("head"), 4) == struct.pack("<I", 1)


def test_the_emulated_ends_speak_with_python(ends: EmulatedEnds) -> None:
    """Both widths of the guests' code, across the end of the slots."""
    ends.attach("queue_attach_producer")
    consumer = Consumer(ends, ends.place)
    for i in range(150):
        ends.engine.mem_write(SIGNAL, bytes([i]) * 128)
        assert ends.call("queue_insert", RECORD, SIGNAL) == Insertion.NOTIFY
        assert consumer.remove() == bytes([i]) * 128


def test_the_widths_agree_on_limits(ends: EmulatedEnds) -> None:
    for value in (0, 63, 64, 4096, 4097, 0xFFFFFFFF):
        build_one_queue(ends, ends.place, CHANNEL_SIZE)
        ends.write(HEADER_OFFSET + 52, struct.pack("<I", value))
        ends.write(HEADER_OFFSET + 48, struct.pack("<I", 8))
        assert ends.attach("queue_attach_producer") == int(64 <= value <= 4096)
    for base in (127, 128, CHANNEL_SIZE, (1 << 32) + 128, (1 << 64) - 128):
        build_one_queue(ends, ends.place, CHANNEL_SIZE)
        ends.write(HEADER_OFFSET + 16, struct.pack("<Q", base))
        assert ends.attach("queue_attach_consumer") == int(base == 128)


def control_end(ends: EmulatedEnds) -> ControlServer:
    """Make a control channel, with the guest's end attached; return the server's."""
    plan = plan_control_channel()
    build_control_channel(ends, plan)
    size = [plan.size_bytes] if ends.width == 64 else [plan.size_bytes, 0]
    assert ends.call("control_attach", RECORD, CHANNEL, *size, OPERATIONS, 0) == 1
    return ControlServer(ends, plan)


def test_attaching_to_a_control_channel_reads_each_word_once(ends: EmulatedEnds) -> None:
    control_end(ends)
    expected = [*range(128), *range(3072, 3072 + 4 * 128)]
    assert dict(ends.reads) == dict.fromkeys(expected, 1)


def test_a_control_message_and_its_payload_are_read_once(ends: EmulatedEnds) -> None:
    """While every word turns into ones behind its first read."""
    server = control_end(ends)
    parameters = ControlParameters(name="somebody")
    server.send(ControlMessageId.CHIPSET_INIT, InitChipset())
    server.send(ControlMessageId.BUS_CREATE, CreateBus(1, 0, 4096, 4096))
    sent = server.send(ControlMessageId.BUS_CONFIGURE, ConfigureBus(1, 7), parameters=parameters)
    assert sent is not None
    messages, payload = server.plan.queues[2].slots_offset, server.plan.event_payload_offset
    ends.poison = True
    ends.poisoned = [range(messages, messages + 8192), range(payload, payload + 4096)]
    assert ends.call("control_poll", RECORD) == 3
    shared = [*range(messages + 128, messages + 4 * 128), *range(payload, payload + 72 + 8)]
    assert {place: ends.reads[place] for place in shared} == dict.fromkeys(shared, 1)
    answers = [row.answer for row in server.poll() if isinstance(row, Answered)]
    assert [answer.completion_status for answer in answers] == [0, 0, 0]
