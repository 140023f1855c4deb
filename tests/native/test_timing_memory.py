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
# SOM tables 2-10, E-11; FOG 10.11.
SHARED_BYTES = {"skylake": 11 << 20, "haswell": 8 << 20, "ivybridge": 8 << 20, "zen4": 32 << 20}
FIRST_BYTES = 32 << 10
FIRST_TLB = {"skylake": (16, 4), "haswell": (16, 4), "ivybridge": (16, 4), "zen4": (1, 72)}
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


def level_bounds(name: str, size_bytes: int) -> tuple[float, float]:
    """Return the least and the most that a dependent load from such a region can take."""
    pages = size_bytes // PAGE
    # A page's entry, and that of its region, come from the second cache or the shared one.
    walk = 2 * SHARED_CYCLES[name] if pages > SECOND_TLB_PAGES[name] else 0
    sets, ways = FIRST_TLB[name]
    late = 0 if pages <= sets * ways else STLB_CYCLES + walk
    for size, cycles in (
        (FIRST_BYTES, FIRST_CYCLES),
        (SECOND_BYTES[name], SECOND_CYCLES[name]),
        (SHARED_BYTES[name], SHARED_CYCLES[name]),
    ):
        if size_bytes <= size:
            return cycles, cycles + late
    return MEMORY_CYCLES[name], MEMORY_CYCLES[name] + late


@pytest.mark.parametrize("name", CORES)
def test_a_chase_over_sizes_has_its_steps_where_the_levels_end(name: str) -> None:
    found = []
    for power in range(13):
        # At a level's own size, tables and what is fetched with a line decide: three quarters.
        full = 4 << 10 << power in (SHARED_BYTES[name], SECOND_BYTES[name])
        size_bytes = (3 << 10 if full else 4 << 10) << power
        step_bytes = PAIR if size_bytes > SECOND_BYTES[name] // 2 else LINE
        cycles, _ = chase(name, size_bytes, step_bytes, SharedCache(name))
        least, most = level_bounds(name, size_bytes)
        assert least <= cycles <= most, f"{size_bytes >> 10} KiB"
        found.append(cycles)
    assert found == sorted(found)


@pytest.mark.parametrize("name", CORES)
def test_one_page_too_many_empties_its_set(name: str) -> None:
    # SOM tables 2-11, E-4: 64 pages in 16 sets of 4; the second TLB in 128 sets. Zen 4 from CPUID.
    sets, ways = FIRST_TLB[name]
    _, events = chase(name, (sets * ways + 1) * PAGE, PAGE)
    assert events[TimingEvent.DATA_TLB_MISS] == ways + 1
    pages = SECOND_TLB_PAGES[name]
    _, events = chase(name, (pages + 1) * PAGE, PAGE)
    assert events[TimingEvent.PAGE_WALK] == pages // 128 + 1


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


@pytest.mark.parametrize("name", CORES)
def test_a_walk_costs_what_its_table_entries_cost(name: str) -> None:
    core = Core(name)
    code = core.decode(CHASE)
    second = SECOND_CYCLES[name]
    # Both pages' entries lie in one line of tables, which comes with the first walk.
    for place in range(16):
        core.execute(code, [load(BASE + place * LINE)])
    core.execute(code, [load(BASE + PAGE)])
    for page, entries in ((0, 2), (1, 1)):
        begin = core.cycles
        core.transition(TimingTransition.FLUSH_PAGE, BASE + page * PAGE)
        if page == 1:
            # Dropping a page drops the upper tables' too; another walk brings them back.
            core.transition(TimingTransition.FLUSH_PAGE, BASE)
            core.execute(code, [load(BASE)])
            begin = core.cycles
        core.execute(code, [load(BASE + page * PAGE)])
        assert core.cycles - begin == FIRST_CYCLES + STLB_CYCLES + entries * second


@pytest.mark.parametrize("name", CORES)
def test_neighbours_share_a_line_of_their_table(name: str) -> None:
    # SOM volume 3, 4.5: an entry has eight bytes, a table is for 2 MiB. The processor keeps
    # entries of the tables above (4.10.3), so that a walk reads one line, wherever it goes.
    core = Core(name)
    code = core.decode(CHASE)
    pages = list(range(2 * SECOND_TLB_PAGES[name]))
    loads = [Access(BASE + page * PAGE, BASE, 8, is_write=False) for page in pages]
    for access in loads:
        core.execute(code, [access])
    misses = core.statistics().events[TimingEvent.SECOND_CACHE_MISS]
    assert misses <= len(pages) // 8 + 8
    random.Random(1).shuffle(loads)
    for access in loads:
        core.execute(code, [access])
    begin, walks = core.cycles, core.statistics().events[TimingEvent.PAGE_WALK]
    for access in loads:
        core.execute(code, [access])
    assert core.statistics().events[TimingEvent.PAGE_WALK] == walks + len(pages)
    expected = FIRST_CYCLES + STLB_CYCLES + SECOND_CYCLES[name]
    assert (core.cycles - begin) / len(pages) == expected


@pytest.mark.parametrize(
    ("name", "walks"), [("skylake", 2), ("haswell", 1), ("ivybridge", 1), ("zen4", 6)]
)
def test_as_many_walks_at_once_as_there_are_walkers(name: str, walks: int) -> None:
    # SOM 2.6.1: two since Skylake; SOG 2.7: six. No load waits for another; each has a walk.
    core = Core(name)
    code = core.decode(bytes.fromhex("488b03"))
    pages = 2 * SECOND_TLB_PAGES[name]
    # All are one and the same frame, so that only the walks take time.
    loads = [Access(BASE + page * PAGE, BASE, 8, is_write=False) for page in range(pages)]
    begin = 0
    for _ in range(2):
        begin = core.cycles
        for access in loads:
            core.execute(code, [access])
    # An entry of the page's table, and every 512 pages one of the tables above.
    expected = SECOND_CYCLES[name] / walks
    assert (core.cycles - begin) / pages == pytest.approx(expected, rel=0.1)


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
    # The code's too: its micro-ops went with its translation.
    assert core.statistics().events[TimingEvent.PAGE_WALK] == before + 2


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


@pytest.mark.parametrize(("name", "cycles"), [("skylake", 4), ("haswell", 5)])
@pytest.mark.parametrize(("offset", "size_bytes"), [(0, 4), (4, 4), (7, 1)])
def test_a_store_forwards_any_part_of_it(
    name: str, cycles: int, offset: int, size_bytes: int
) -> None:
    # FOG 11.14, 10.12: a read that is contained in the write.
    part = Access(BASE + offset, BASE + offset, size_bytes, is_write=False)
    assert BlockMeter(name).measure(STORE_LOAD, repeat([store(BASE), part])).cycles_per_copy == (
        cycles
    )


@pytest.mark.parametrize("name", ["skylake", "haswell"])
def test_two_stores_do_not_forward_to_one_load(name: str) -> None:
    # mov [rsp], eax; mov [rsp+4], eax; mov rax, [rsp]: FOG 11.14, a read of two writes waits.
    code = bytes.fromhex("890424894424048b0424".replace("8b0424", "488b0424"))
    accesses = [store(BASE, 4), store(BASE + 4, 4), load(BASE)]
    assert 11 <= BlockMeter(name).measure(code, repeat(accesses)).cycles_per_copy <= 20


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
