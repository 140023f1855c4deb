# SPDX-License-Identifier: GPL-2.0-or-later
"""Random sequences of hypercalls: no one harms the host, and both builds agree on all.

The arguments are drawn from what sits at the edges of the contract: own and foreign
frames, tables, addresses on both sides of every border, counts at their limits. Every
result is kept in the guest's memory, so that one that differs shows in its hash; and the
native build checks that a refused call changes nothing.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.elf_builder import TEXT_ADDRESS
from ultravisor.configuration import (
    QUANTUM_DEFAULT_CYCLES,
    Configuration,
    HostConfiguration,
    MonitorName,
    PartitionConfiguration,
)
from ultravisor.host import Host
from ultravisor.machine.abi import Hypercall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ultravisor.results import HostResult

pytestmark = pytest.mark.guest

# What fits one page of code.
CALLS_A_GUEST = 70
RESULTS_OFFSET = 0x800
# Would end the sequence: they are drawn seldom.
LAST_CALLS = (Hypercall.PARTITION_EXIT, Hypercall.BLOCK, Hypercall.IRET, Hypercall.PROCESSOR_STOP)
# The first machine frames that partitions get lie behind a small machine's frame table.
FRAMES: tuple[int, ...] = (
    *range(0x840, 0x8A0),
    0,
    1,
    0x100,
    0x300,
    0x5F0,
    0x800,
    0x83F,
    0x3FFF,
    0x4000,
)
EDGES: tuple[int, ...] = (
    0,
    1,
    7,
    8,
    63,
    64,
    127,
    128,
    129,
    4095,
    4096,
    4097,
    (1 << 31) - 1,
    1 << 32,
    (1 << 47) - 1,
    1 << 47,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    0xFFFF800000000000,
    0xFFFF87FFFFFFFFFF,
    0xFFFF880000000000,
    0xFFFF888000000000,
    0xFFFF888000010000,
    0xFFFF888000110000,
    TEXT_ADDRESS,
    tiny.DATA_ADDRESS,
    tiny.DATA_ADDRESS + 0xFF8,
    tiny.DATA_ADDRESS + 0xFF9,
)


def argument(choose: random.Random) -> int:
    """Return one argument: an edge, a frame, an entry of a frame, or something near one."""
    kind = choose.randrange(5)
    if kind == 0:
        return choose.choice(FRAMES)
    if kind == 1:
        flags = choose.choice((0, 1, 3, 5, 7, 0x27, 0x67, 0x87, 1 << 63 | 7, 1 << 63 | 5))
        return choose.choice(FRAMES) << 12 | flags
    if kind == 2:
        return (choose.choice(FRAMES) << 12) + choose.randrange(0, 4096, 8)
    if kind == 3:
        return choose.randrange(8)
    return choose.choice(EDGES)


def keep_result(index: int) -> bytes:
    """Return code that stores RAX among the results: mov [address], rax."""
    address = tiny.DATA_ADDRESS + RESULTS_OFFSET + 8 * (index % 256)
    return tiny.load(3, address) + b"\x48\x89\x03"


def random_guest(seed: int) -> bytes:
    """Return an image that makes random calls and leaves."""
    choose = random.Random(seed)
    code = b""
    for index in range(CALLS_A_GUEST):
        number = Hypercall(choose.randrange(len(Hypercall)))
        if number in LAST_CALLS and choose.random() < 0.97:
            number = Hypercall.TABLE_UPDATE
        code += tiny.call(number, argument(choose), argument(choose), argument(choose))
        code += keep_result(index)
    data = b"".join(argument(choose).to_bytes(8, "little") for _ in range(RESULTS_OFFSET // 8))
    return tiny.image(code + tiny.leave(), data + bytes(0x1000 - len(data)))


class Hosts(NamedTuple):
    """Where random images run, and how long."""

    ordinary: str
    """The guest beside them, which must be well."""
    quantum_cycles: int = QUANTUM_DEFAULT_CYCLES
    cycles: int = 10_000_000


def run(hosts: Hosts, images: Sequence[Path], monitor: MonitorName) -> HostResult:
    """Run random images beside an ordinary guest."""
    partitions = [
        PartitionConfiguration(
            name=f"random{index}",
            image=str(image),
            memory_mib=1,
            quantum_cycles=hosts.quantum_cycles,
        )
        for index, image in enumerate(images)
    ]
    configuration = Configuration(
        host=HostConfiguration(
            processors=1, monitor=monitor, memory_mib=64, check_refusals=monitor == "native"
        ),
        partition=(*partitions, PartitionConfiguration(name="ordinary", image=hosts.ordinary)),
    )
    with Host(configuration) as host:
        return host.run(hosts.cycles)


def assert_harmless(hosts: Hosts, folder: Path, images: Sequence[bytes]) -> None:
    """Both builds come to the same, and the ordinary guest is well."""
    paths = [folder / f"{index}.elf" for index in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(image)
    native = run(hosts, paths, "native")
    simulated = run(hosts, paths, "simulated")
    assert native.exit.code != 70, native.exit.reason
    assert native.partitions == simulated.partitions
    assert native.state_hash == simulated.state_hash
    assert native.partition("ordinary").exit_code == 0


HOSTS = Hosts("hello")


def images_of(seed: int) -> list[bytes]:
    """Return the two random guests of a seed."""
    return [random_guest(2 * seed + index) for index in range(2)]


@pytest.mark.parametrize("block", range(4))
def test_random_calls_are_harmless_and_agree(block: int, tmp_path: Path) -> None:
    """A hundred sequences in each build."""
    for seed in range(block * 25, block * 25 + 25):
        assert_harmless(HOSTS, tmp_path, images_of(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_random_calls_are_harmless_and_agree(block: int, tmp_path: Path) -> None:
    """Two thousand more."""
    for seed in range(1000 + block * 100, 1000 + block * 100 + 100):
        assert_harmless(HOSTS, tmp_path, images_of(seed))
