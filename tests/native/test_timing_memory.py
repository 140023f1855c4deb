# SPDX-License-Identifier: GPL-2.0-or-later
"""Microbenchmarks of caches, address translation, forwarding and several processors.

Expected values are the published latencies that parameters.c names with their sources.
"""

from __future__ import annotations

import random

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Access, BlockMeter, BlockRun, Core, SharedCache
from ultravisor.machine.interface import TimingEvent, TimingTransition

LINE = 64
PAIR = 2 * LINE
PAGE = 4096
BASE = 1 << 30
CHASE = bytes.fromhex("488b00")  # mov rax, [rax]
STORE_LOAD = bytes.fromhex("4889044f488b044f".replace("4f", "24"))  # mov [rsp], rax; mov rax, [rsp]
# Of dependent loads: SOM tables 2-10, 2-12, E-3, E-11; see native/timing/parameters.c.
SECOND_CYCLES = {"skylake": 14, "haswell": 12, "ivybridge": 12, "zen4": 14}
SHARED_CYCLES = {"skylake": 68, "haswell": 36, "ivybridge": 30, "zen4": 50}
SECOND_BYTES = {
    "skylake": 1 << 20,
    "haswell": 256 << 10,
    "ivybridge": 256 << 10,
    "zen4": 1 << 20,
}
SECOND_TLB_PAGES = {"skylake": 1536, "haswell": 1024, "ivybridge": 512, "zen4": 3072}
FIRST_CYCLES = 4
STLB_CYCLES = 7
MEMORY_CYCLES = {"skylake": 230, "haswell": 230, "ivybridge": 230, "zen4": 350}


def load(address: int) -> Access:
    return Access(address, address, 8, is_write=False)


def store(address: int, size_bytes: int = 8) -> Access:
    return Access(address, address, size_bytes, is_write=True)


def chase(
    name: str, size_bytes: int, step_bytes: int = LINE, shared: SharedCache | None = None
) -> tuple[float, dict[TimingEvent, int]]:
    """Follow pointers through a region in random order, twice; return the second round.

    Beyond the second cache the step has to be a pair of lines: they come together.
    """
    core = Core(name, shared)
    code = core.decode(CHASE)
    # A line's place in its page differs from page to page, or all would fall into one set.
    places = [
        BASE + i * step_bytes + (i * LINE % PAGE if step_bytes == PAGE else 0)
        for i in range(size_bytes // step_bytes)
    ]
    random.Random(7).shuffle(places)
    for place in places:
        core.execute(code, [load(place)])
    begin, events = core.cycles, core.statistics().events
    for place in places:
        core.execute(code, [load(place)])
    after = core.statistics().events
    count = len(places)
    return (core.cycles - begin) / count, {event: after[event] - events[event] for event in after}


@pytest.mark.parametrize("name", CORES)
def test_the_first_cache_holds_32_kib(name: str) -> None:
    cycles, events = chase(name, 32 << 10)
    assert cycles == FIRST_CYCLES
    assert events[TimingEvent.DATA_CACHE_MISS] == 0
    beyond, events = chase(name, 48 << 10)
    assert events[TimingEvent.DATA_CACHE_MISS] == (48 << 10) // LINE
    assert beyond == SECOND_CYCLES[name]


@pytest.mark.parametrize("name", CORES)
def test_the_second_cache_ends_where_it_is_said_to(name: str) -> None:
    half, events = chase(name, SECOND_BYTES[name] // 2, PAIR)
    assert events[TimingEvent.SECOND_CACHE_MISS] == 0
    assert SECOND_CYCLES[name] <= half <= SECOND_CYCLES[name] + STLB_CYCLES
    _, events = chase(name, SECOND_BYTES[name] * 3 // 2, PAIR)
    assert events[TimingEvent.SECOND_CACHE_MISS] > 0.9 * SECOND_BYTES[name] * 1.5 / PAIR


@pytest.mark.parametrize("name", CORES)
def test_the_shared_cache_and_memory(name: str) -> None:
    size = SECOND_BYTES[name] * 3 // 2
    near, _ = chase(name, size, PAIR, SharedCache(name))
    assert SHARED_CYCLES[name] <= near <= SHARED_CYCLES[name] + STLB_CYCLES
    far, _ = chase(name, size, PAIR)
    assert MEMORY_CYCLES[name] <= far <= MEMORY_CYCLES[name] + STLB_CYCLES


@pytest.mark.parametrize("name", CORES)
def test_the_first_tlb_reaches_64_pages(name: str) -> None:
    _, events = chase(name, 64 * PAGE, PAGE)
    assert events[TimingEvent.DATA_TLB_MISS] == 0
    cycles, events = chase(name, 128 * PAGE, PAGE)
    assert events[TimingEvent.DATA_TLB_MISS] == 128
    assert events[TimingEvent.PAGE_WALK] == 0
    assert cycles == FIRST_CYCLES + STLB_CYCLES


@pytest.mark.parametrize("name", CORES)
def test_the_second_tlb_ends_and_walks_begin(name: str) -> None:
    pages = SECOND_TLB_PAGES[name]
    _, events = chase(name, pages * PAGE, PAGE)
    assert events[TimingEvent.PAGE_WALK] == 0
    _, events = chase(name, 2 * pages * PAGE, PAGE)
    assert events[TimingEvent.PAGE_WALK] == 2 * pages


def test_a_walk_costs_what_its_table_entries_cost() -> None:
    core = Core("skylake")
    code = core.decode(CHASE)
    for place in range(16):
        core.execute(code, [load(BASE + place * LINE)])
    begin = core.cycles
    core.transition(TimingTransition.FLUSH_PAGE, BASE)
    core.execute(code, [load(BASE)])
    # The region's entry is no longer cached above; both entries lie in the second cache.
    assert core.cycles - begin == FIRST_CYCLES + STLB_CYCLES + 2 * SECOND_CYCLES["skylake"]


def test_spaces_do_not_share_translations_and_keep_their_own() -> None:
    core = Core("skylake")
    code = core.decode(CHASE)
    walks = []
    for space in (0, 1, 0, 1):
        core.transition(TimingTransition.ADDRESS_SPACE, space)
        before = core.statistics().events[TimingEvent.PAGE_WALK]
        core.execute(code, [load(BASE)])
        walks.append(core.statistics().events[TimingEvent.PAGE_WALK] - before)
    # One more each time for the page of the code.
    assert walks == [2, 2, 0, 0]
    core.transition(TimingTransition.FLUSH_SPACE, 1)
    before = core.statistics().events[TimingEvent.PAGE_WALK]
    core.execute(code, [load(BASE)])
    assert core.statistics().events[TimingEvent.PAGE_WALK] == before + 1


def repeat(accesses: list[Access], copies: int = 200) -> BlockRun:
    return BlockRun(accesses=[accesses] * copies)


@pytest.mark.parametrize(("name", "cycles"), [("skylake", 4), ("haswell", 5)])
def test_a_store_forwards(name: str, cycles: int) -> None:
    # FOG 11.14 and 10.12: the round trip through memory.
    run = repeat([store(BASE), load(BASE)])
    assert BlockMeter(name).measure(STORE_LOAD, run).cycles_per_copy == cycles


@pytest.mark.parametrize("name", ["skylake", "haswell"])
@pytest.mark.parametrize("stored", [store(BASE, 4), Access(BASE + PAGE, BASE, 8, is_write=True)])
def test_a_store_that_cannot_forward_is_waited_for(name: str, stored: Access) -> None:
    # Of a part of the load, or under another virtual address: FOG 11.14, 11 to 13 cycles more.
    run = repeat([stored, load(BASE)])
    assert 11 <= BlockMeter(name).measure(STORE_LOAD, run).cycles_per_copy <= 18


def test_a_store_elsewhere_is_not_waited_for() -> None:
    run = repeat([store(BASE + 8), load(BASE)])
    assert BlockMeter("skylake").measure(STORE_LOAD, run).cycles_per_copy == 1


@pytest.mark.parametrize("descending", [False, True])
def test_ascending_lines_are_fetched_ahead(descending: bool) -> None:
    core = Core("skylake")
    code = core.decode(bytes.fromhex("488b03"))  # mov rax, [rbx]: each independent
    lines = 4096
    order = range(lines - 1, -1, -1) if descending else range(lines)
    for line in order:
        core.execute(code, [load(BASE + line * LINE)])
    misses = core.statistics().events[TimingEvent.SECOND_CACHE_MISS]
    # The stream prefetcher stays within its page.
    if descending:
        # One of each pair.
        assert 0.45 < misses / lines < 0.6
    else:
        assert misses < lines / 8


def test_ten_misses_are_under_way_at_once() -> None:
    core = Core("skylake")
    code = core.decode(bytes.fromhex("488b03"))
    for page in range(32):
        core.execute(code, [load(BASE + page * PAGE)])
    places = [BASE + place for place in range(0, 32 * PAGE, PAIR) if place % PAGE]
    random.Random(2).shuffle(places)
    begin = core.cycles
    for place in places:
        core.execute(code, [load(place)])
    # SOM E.2.5.3: ten line fill buffers share the latency of memory.
    latency = MEMORY_CYCLES["skylake"]
    assert (core.cycles - begin) / len(places) == pytest.approx(latency / 10, rel=0.1)


def test_two_processors_pull_a_line_to_and_fro() -> None:
    shared = SharedCache("skylake")
    cores = [Core("skylake", shared), Core("skylake", shared)]
    codes = [core.decode(bytes.fromhex("480100")) for core in cores]  # add [rax], rax
    both = [load(BASE), store(BASE)]
    for core, code in zip(cores, codes, strict=True):
        core.execute(code, both)
    counts = []
    for _ in range(3):
        for core, code in zip(cores, codes, strict=True):
            core.execute(code, both)
            counts.append(core.statistics().events[TimingEvent.COHERENCE])
    assert counts == sorted(counts)
    assert counts[-1] >= 3
    alone = cores[0].statistics().events[TimingEvent.COHERENCE]
    for _ in range(10):
        cores[0].execute(codes[0], both)
    assert cores[0].statistics().events[TimingEvent.COHERENCE] <= alone + 2
