# SPDX-License-Identifier: GPL-2.0-or-later
"""Microbenchmarks of the first cache's prefetchers: SOM E.2.5.4, and native/timing/prefetch.h.

All lines are in the second cache; so a line that did not come ahead costs what the second
cache takes beyond the first.
"""

from __future__ import annotations

import random

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Access, Core
from ultravisor.machine.interface import TimingEvent, TimingTransition

INTEL = tuple(name for name in CORES if not name.startswith("zen"))
LINE = 64
PAGE = 4096
BASE = 1 << 30
LOAD = bytes.fromhex("488b03")  # mov rax, [rbx]: each independent
CHASE = bytes.fromhex("488b00")  # mov rax, [rax]
WORK = bytes.fromhex("480fafc0") * 3  # imul rax, rax, of 3 cycles each
# Of dependent loads, as in test_timing_memory.py; of a load whose base is no load's result.
SECOND_CYCLES = {"skylake": 14, "haswell": 12, "ivybridge": 12, "zen4": 14}
LOAD_CYCLES = {"skylake": 5, "haswell": 5, "ivybridge": 5, "zen4": 4}
FIRST_CYCLES = 4
WORK_CYCLES = 9
STRIDE_ENTRIES = 24


def load(address: int) -> Access:
    return Access(address, address, 8, is_write=False)


def counted(core: Core, event: TimingEvent) -> int:
    return core.statistics().events[event]


def follow(name: str, places: list[int], code: bytes = CHASE) -> tuple[int, int, int]:
    """Load from places one after another, in rounds; return cycles, misses, prefetches of one."""
    core = Core(name)
    block = core.decode(code)
    before = (0, 0, 0)
    after = (0, 0, 0)
    for _ in range(4):
        before = after
        for place in places:
            core.execute(block, [load(place)])
        after = (
            core.cycles,
            counted(core, TimingEvent.DATA_CACHE_MISS),
            counted(core, TimingEvent.PREFETCH),
        )
    assert counted(core, TimingEvent.SECOND_CACHE_MISS) < 3 * len(places)
    cycles, misses, prefetches = (now - then for now, then in zip(after, before, strict=True))
    return cycles, misses, prefetches


def ascending(count: int, stride_bytes: int) -> list[int]:
    return [BASE + i * stride_bytes for i in range(count)]


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize(("count", "stride_bytes"), [(1024, LINE), (512, 256), (128, 1024)])
@pytest.mark.parametrize("backward", [False, True])
def test_a_stride_is_served_in_time(
    name: str, count: int, stride_bytes: int, backward: bool
) -> None:
    places = ascending(count, stride_bytes)
    pages = count * stride_bytes // PAGE
    cycles, misses, prefetches = follow(name, places[::-1] if backward else places, CHASE + WORK)
    # Each page's first, and the third of all: the second's distance is another than before.
    assert misses == pages + 1
    assert prefetches == count - misses
    late = SECOND_CYCLES[name] - FIRST_CYCLES
    assert cycles == count * (LOAD_CYCLES[name] + WORK_CYCLES) + misses * late


@pytest.mark.parametrize("name", CORES)
def test_without_work_two_lines_are_under_way(name: str) -> None:
    # The next line is asked for when this one is, so that its way overlaps with this one's.
    cycles, _, _ = follow(name, ascending(1024, LINE))
    assert cycles / 1024 == pytest.approx(SECOND_CYCLES[name] / 2, rel=0.02)


@pytest.mark.parametrize("name", INTEL)
@pytest.mark.parametrize("size_bytes", [8, 32])
def test_loads_that_ascend_in_a_line_fetch_the_next(name: str, size_bytes: int) -> None:
    count = 16 * PAGE // size_bytes
    cycles, misses, prefetches = follow(name, ascending(count, size_bytes))
    # Each page's first line.
    assert misses == 16
    assert prefetches == 16 * (PAGE // LINE - 1)
    late = SECOND_CYCLES[name] - FIRST_CYCLES
    # A line's second load asks for the next: with two loads a line, a little late.
    wait = max(0, late - (LINE // size_bytes - 1) * FIRST_CYCLES)
    assert cycles == count * FIRST_CYCLES + misses * late + prefetches * wait


@pytest.mark.parametrize("name", INTEL)
def test_the_next_line_comes_whatever_instruction_loads(name: str) -> None:
    # Two instructions, at addresses that the stride prefetcher tells apart.
    core = Core(name)
    blocks = [core.decode(LOAD, (1 << 28) + i * 16) for i in range(2)]
    for first, second in ((0, 8), (8, 0)):
        page = BASE + (first + 1) * PAGE
        before = counted(core, TimingEvent.PREFETCH)
        core.execute(blocks[0], [load(page + first)])
        core.execute(blocks[1], [load(page + second)])
        # Descending in a line asks for nothing.
        assert counted(core, TimingEvent.PREFETCH) - before == (first < second)


@pytest.mark.parametrize("name", CORES)
def test_strides_end_at_half_a_page(name: str) -> None:
    # SOM E.2.5.4: up to 2 KiB. A page has two such lines, and the first is not prefetched.
    _, misses, prefetches = follow(name, ascending(64, 2048))
    assert (misses, prefetches) == (32, 32)
    places = ascending(1024, 2048 + LINE)
    _, misses, prefetches = follow(name, places)
    assert (misses, prefetches) == (1024, 0)


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize("step_bytes", [LINE, 8, -LINE, -256])
def test_nothing_crosses_a_page(name: str, step_bytes: int) -> None:
    core = Core(name)
    block = core.decode(LOAD)
    count = PAGE // abs(step_bytes)
    first = BASE if step_bytes > 0 else BASE + PAGE + step_bytes
    for i in range(count):
        core.execute(block, [load(first + i * step_bytes)])
    lines = min(count, PAGE // LINE)
    misses = counted(core, TimingEvent.DATA_CACHE_MISS)
    assert misses + counted(core, TimingEvent.PREFETCH) == lines
    # And neither neighbour is there: an instruction of its own asks for both.
    other = core.decode(LOAD, 1 << 27)
    core.execute(other, [load(BASE + PAGE)])
    core.execute(other, [load(BASE - LINE)])
    assert counted(core, TimingEvent.DATA_CACHE_MISS) == misses + 2


@pytest.mark.parametrize("name", CORES)
def test_a_random_order_gains_nothing(name: str) -> None:
    places = ascending(1024, LINE)
    random.Random(3).shuffle(places)
    assert follow(name, places) == (1024 * SECOND_CYCLES[name], 1024, 0)


def strides_of(core: Core, instructions: int, rounds: int) -> int:
    """Return how many prefetches so many load instructions cause, each with its own stream."""
    blocks = [core.decode(LOAD, (1 << 28) + i * 4) for i in range(instructions)]
    for turn in range(rounds):
        for i, block in enumerate(blocks):
            core.execute(block, [load(BASE + i * (PAGE + LINE) + turn * 128)])
            core.transition(TimingTransition.IDLE, 1000)  # all fill buffers are free again
    return counted(core, TimingEvent.PREFETCH)


@pytest.mark.parametrize("name", CORES)
def test_the_third_load_of_a_stride_asks_for_the_fourth(name: str) -> None:
    assert [strides_of(Core(name), 1, rounds) for rounds in range(1, 6)] == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("name", CORES)
def test_so_many_instructions_are_followed(name: str) -> None:
    # AFTERIMAGE: 24 entries. With far more, each is gone before it comes again.
    full = strides_of(Core(name), STRIDE_ENTRIES, 8)
    assert full == STRIDE_ENTRIES * 6
    assert strides_of(Core(name), 2 * STRIDE_ENTRIES, 8) == 0


@pytest.mark.parametrize("name", CORES)
def test_an_instruction_is_known_by_eight_bits_of_its_address(name: str) -> None:
    for distance, followed in ((256, 1), (128, 0)):
        core = Core(name)
        blocks = [core.decode(LOAD, (1 << 28) + i * distance) for i in range(2)]
        for i in range(3):
            core.execute(blocks[i % 2], [load(BASE + i * 256)])
        assert counted(core, TimingEvent.PREFETCH) == followed


@pytest.mark.parametrize("name", CORES)
def test_the_line_comes_to_where_the_page_lies(name: str) -> None:
    core = Core(name)
    block = core.decode(LOAD)
    frame = BASE + 77 * PAGE
    for i in range(3):
        core.execute(block, [Access(BASE + i * 256, frame + i * 256, 8, is_write=False)])
    before = counted(core, TimingEvent.DATA_CACHE_MISS)
    core.execute(block, [Access(BASE + 5 * PAGE, frame + 3 * 256, 8, is_write=False)])
    assert counted(core, TimingEvent.DATA_CACHE_MISS) == before


@pytest.mark.parametrize("name", INTEL)
def test_no_prefetch_without_a_fill_buffer(name: str) -> None:
    # SOM E.2.5.4: not when many load misses are in progress. There are ten buffers, and one is
    # the load's own.
    for flood, followed in ((0, 1), (8, 1), (9, 0)):
        core = Core(name)
        trained = core.decode(LOAD, (1 << 28) + 128)
        misses = core.decode(LOAD * 10, 1 << 27)
        # Translations first, so that all misses begin at once.
        for page in range(12):
            core.execute(misses, [load(BASE + page * PAGE)])
        for i in range(2):
            core.execute(trained, [load(BASE + PAGE // 2 + i * 256)])
        core.execute(core.decode(bytes.fromhex("0faee8")), [])  # lfence
        before = counted(core, TimingEvent.PREFETCH)
        core.execute(misses, [load(BASE + (page + 1) * PAGE + 1024) for page in range(flood)])
        core.execute(trained, [load(BASE + PAGE // 2 + 512)])
        assert counted(core, TimingEvent.PREFETCH) - before == followed


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize(("code", "followed"), [("480100", True), ("f0480100", False)])
def test_a_locked_access_trains_nothing(name: str, code: str, followed: bool) -> None:
    # SOM E.2.5.4: no lock in progress. add [rax], rax, without and with LOCK.
    core = Core(name)
    block = core.decode(bytes.fromhex(code))
    for i in range(8):
        place = BASE + i * 256
        core.execute(block, [load(place), Access(place, place, 8, is_write=True)])
    assert (counted(core, TimingEvent.PREFETCH) > 0) == followed
