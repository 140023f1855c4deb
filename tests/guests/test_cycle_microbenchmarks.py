# SPDX-License-Identifier: GPL-2.0-or-later
"""Microbenchmarks in guests: what a core gives alone, it gives behind the engine too.

Expected figures are those of the core alone, which tests/native compares with published ones. What
is proven here is the engine's side: addresses of operands, accesses of hooks, branches, and roots
and pages whose translations are dropped.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.elf_builder import PAGE, READ_WRITE, TEXT_ADDRESS, Elf, Program, note
from ultravisor import Host, resolve
from ultravisor.machine.abi import TRANSLATION_ALL, Hypercall
from ultravisor.machine.cycle_core import Access, Core, SharedCache
from ultravisor.machine.interface import TimingEvent

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.results import HostResult

pytestmark = pytest.mark.guest

MONITORS = ("native", "simulated")
LINE = 64
PAIR = 2 * LINE
SPARE_BYTES = 4 << 20
CHASE = b"\x48\x8b\x1b"  # mov rbx, [rbx]
LOADS_PER_ROUND = 8
LEAST_LOADS = 4096
MARKED = tiny.call(Hypercall.MARK, 1, 0)
MARKED_AGAIN = tiny.call(Hypercall.MARK, 2, 0)


def again(body: bytes) -> bytes:
    """Return a loop of this body: dec ecx; jnz back."""
    loop = body + b"\xff\xc9"
    return loop + bytes([0x75, 256 - len(loop) - 2])


def times(rounds: int, loop: bytes) -> bytes:
    """Return `mov ecx, rounds` and the loop."""
    return b"\xb9" + rounds.to_bytes(4, "little") + loop


def run(
    folder: Path, code: bytes, data: bytes, core: str, monitor: str, count: int = 1
) -> HostResult:
    """Run `count` guests of this code and these data; return the result."""
    names = []
    for number in range(count):
        path = folder / f"guest{number}.elf"
        programs = [Program(code), Program(data, tiny.DATA_ADDRESS, READ_WRITE)]
        path.write_bytes(Elf(programs, note=note(memory=len(data) + SPARE_BYTES)).build())
        names.append(str(path))
    with Host(resolve(names, timing=core, monitor=monitor)) as host:
        result = host.run()
    assert {row.state for row in result.partitions} == {"exited"}
    return result


def marked_cycles(result: HostResult) -> int:
    (span,) = result.spans
    return int(span.guest_cycles.median)


class Chain:
    """Pointers through a region, in random order, as data of a guest."""

    def __init__(self, size_bytes: int, step_bytes: int) -> None:
        # A line's place in its page differs from page to page, or all would fall into one set.
        self.places = [
            i * step_bytes + (i * LINE % PAGE if step_bytes == PAGE else 0)
            for i in range(size_bytes // step_bytes)
        ]
        random.Random(7).shuffle(self.places)
        data = bytearray(size_bytes)
        for place, after in zip(self.places, self.places[1:] + self.places[:1], strict=True):
            data[place : place + 8] = (tiny.DATA_ADDRESS + after).to_bytes(8, "little")
        self.data = bytes(data)
        self.rounds = len(self.places) // LOADS_PER_ROUND

    def code(self, passes: int) -> bytes:
        """Return a guest that goes through once, and then marked as often as is said."""
        first = (tiny.DATA_ADDRESS + self.places[0]).to_bytes(8, "little")
        loop = again(CHASE * LOADS_PER_ROUND)
        warm = b"\x48\xbb" + first + times(self.rounds, loop)
        return (
            warm + MARKED + times(self.rounds * passes, loop) + MARKED_AGAIN + tiny.leave()
        )  # fmt: skip

    def alone(self, name: str) -> float:
        """Return the cycles of a load on a core alone, all passes after the second alike."""
        core = Core(name, SharedCache(name))
        code = core.decode(again(CHASE * LOADS_PER_ROUND), TEXT_ADDRESS)
        begin = 0
        for _ in range(3):
            begin = core.cycles
            for start in range(0, len(self.places), LOADS_PER_ROUND):
                accesses = [
                    Access(tiny.DATA_ADDRESS + place, PAGE + place, 8, is_write=False)
                    for place in self.places[start : start + LOADS_PER_ROUND]
                ]
                core.execute(code, accesses, target=TEXT_ADDRESS)
        return (core.cycles - begin) / len(self.places)


# By level: the first cache; the second, within and beyond the first TLB; the last; each page
# alone within the first TLB, the second, and beyond it.
CHAINS = [
    ("skylake", 16 << 10, LINE),
    ("skylake", 128 << 10, LINE),
    ("skylake", 512 << 10, LINE),
    ("skylake", 1280 << 10, PAIR),
    ("haswell", 512 << 10, PAIR),
    ("skylake", 48 * PAGE, PAGE),
    ("skylake", 128 * PAGE, PAGE),
    ("ivybridge", 448 * PAGE, PAGE),
    ("ivybridge", 1024 * PAGE, PAGE),
]


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize(("core", "size_bytes", "step_bytes"), CHAINS)
def test_a_pointer_chase(
    tmp_path: Path, core: str, size_bytes: int, step_bytes: int, monitor: str
) -> None:
    chain = Chain(size_bytes, step_bytes)
    # So many more that the loops' ends do not count.
    more = max(1, LEAST_LOADS // len(chain.places))
    few, many = (
        marked_cycles(run(tmp_path, chain.code(passes), chain.data, core, monitor))
        for passes in (1, 1 + more)
    )
    found = (many - few) / (more * len(chain.places))
    # The simulated monitor's ticks, and what they prefetch, go through the same caches.
    assert found == pytest.approx(chain.alone(core), abs=2.5)


# eax = eax * 1103515245 + 12345; a bit of it decides over `jz`, which jumps over a nop.
GENERATE = bytes.fromhex("69c06d4ec641" + "0539300000" + "a900000100" + "7401")
NOP = b"\x90"
MULTIPLIER, INCREMENT, MODULUS, DECIDING_BIT = 0x41C64E6D, 12345, 1 << 32, 1 << 16
SEED = 20


def wrong_rounds_alone(name: str, rounds: int) -> tuple[int, int]:
    """Return cycles and mispredictions of the loop on a core alone."""
    core = Core(name)
    loop = again(GENERATE + NOP)
    behind = TEXT_ADDRESS + len(GENERATE)
    start = core.decode(GENERATE, TEXT_ADDRESS)
    passed = core.decode(loop[len(GENERATE) :], behind)
    jumped = core.decode(loop[len(GENERATE) + 1 :], behind + 1)
    value = SEED
    for left in range(rounds - 1, -1, -1):
        value = (value * MULTIPLIER + INCREMENT) % MODULUS
        jumps = value & DECIDING_BIT == 0
        core.execute(start, target=behind + 1 if jumps else None)
        core.execute(jumped if jumps else passed, target=TEXT_ADDRESS if left else None)
    return core.cycles, core.statistics().events[TimingEvent.MISPREDICT]


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize("core", ["skylake", "haswell", "ivybridge"])
def test_a_branch_that_nobody_can_predict(tmp_path: Path, core: str, monitor: str) -> None:
    cycles, wrong, alone, alone_wrong = [], [], [], []
    for rounds in (200, 1200):
        code = b"\xb8" + SEED.to_bytes(4, "little") + MARKED
        # A mark's own call changes eax.
        code += b"\xb8" + SEED.to_bytes(4, "little") + times(rounds, again(GENERATE + NOP))
        result = run(tmp_path, code + MARKED_AGAIN + tiny.leave(), b"\0" * PAGE, core, monitor)
        cycles.append(marked_cycles(result))
        (row,) = [row for row in result.cycles if row.partition and row.path == "guest"]
        wrong.append(row.events["mispredicts"])
        measured = wrong_rounds_alone(core, rounds)
        alone.append(measured[0])
        alone_wrong.append(measured[1])
    found = wrong[1] - wrong[0]
    assert 300 < found < 700, "nobody can"
    assert found == pytest.approx(alone_wrong[1] - alone_wrong[0], rel=0.15)
    each, each_alone = (cycles[1] - cycles[0]) / 1000, (alone[1] - alone[0]) / 1000
    assert each == pytest.approx(each_alone, abs=2)


PAGES = 32


def touch_pages() -> bytes:
    """Return a load from each of some pages: mov rbx, [address]."""
    places = [tiny.DATA_ADDRESS + page * (PAGE + LINE) for page in range(PAGES)]
    return b"".join(
        b"\x48\x8b\x1c\x25" + (place & 0xFFFFFFFF).to_bytes(4, "little") for place in places
    )


def walks(folder: Path, between: bytes, monitor: str, count: int = 1) -> list[int]:
    """Return the page walks of each guest that touches its pages twice."""
    code = touch_pages() + between + touch_pages() + tiny.leave()
    result = run(folder, code, b"\0" * (PAGES + 1) * PAGE, "skylake", monitor, count)
    return [
        row.events["page_walks"] for row in result.cycles if row.partition and row.path == "guest"
    ]


@pytest.mark.parametrize("monitor", MONITORS)
def test_what_drops_translations_makes_guests_walk_again(tmp_path: Path, monitor: str) -> None:
    # Once for each page of data, and for that of code.
    assert walks(tmp_path, b"", monitor) == [PAGES + 1]
    assert walks(tmp_path, tiny.call(Hypercall.VERSION), monitor) == [PAGES + 1]
    one = tiny.call(Hypercall.TRANSLATION_FLUSH, tiny.DATA_ADDRESS + 5 * PAGE)
    assert walks(tmp_path, one, monitor) == [PAGES + 2]
    everything = tiny.call(Hypercall.TRANSLATION_FLUSH, TRANSLATION_ALL)
    assert walks(tmp_path, everything, monitor) == [2 * (PAGES + 1)]


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_switch_of_partitions_loads_a_root(tmp_path: Path, monitor: str) -> None:
    # The same addresses, of other frames: neither translations nor micro-ops are the other's.
    found = walks(tmp_path, tiny.call(Hypercall.YIELD), monitor, count=2)
    assert found == [2 * (PAGES + 1)] * 2
