# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a core's cycles went: names in results, and tables as a person sees them."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from rich.console import Console

from ultravisor.cli.cycle_table import BAR_MAXIMUM_COLUMNS, CAUSES, cycle_tables, stack_bar
from ultravisor.cli.span_table import ROWS_SHOWN, span_table
from ultravisor.cli.table import print_result
from ultravisor.cli.table_form import number
from ultravisor.cycles import EVENT_NAMES, cycle_results, path_name
from ultravisor.machine.cycle_records import TimingStatistics
from ultravisor.machine.interface import TimingCause, TimingEvent, TimingPath
from ultravisor.results import (
    CycleResult,
    ExitResult,
    HostResult,
    PartitionResult,
    ProcessorResult,
    Range,
    SpanResult,
)

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

NO_EVENTS = dict.fromkeys(EVENT_NAMES.values(), 0)


def row(
    partition: str | None,
    path: str,
    cycles: tuple[int, int, int, int, int, int],
    processor: int = 0,
    **events: int,
) -> CycleResult:
    assert set(events) <= set(NO_EVENTS)
    stack = dict(zip(CAUSES, cycles, strict=True))
    return CycleResult(processor, partition, path, sum(cycles), stack, NO_EVENTS | events)


GUEST = {"instructions": 3_210_000, "uops": 3_500_000, "mispredicts": 2345, "data_tlb_misses": 9}
RESULT = HostResult(
    unit="modelled cycles of skylake, validated",
    seed=5,
    state_hash="00ff" * 4,
    exit=ExitResult("halted: every partition has exited", 0),
    processors=(ProcessorResult(0, 1000, 2000, 3, 4),),
    partitions=(
        PartitionResult("ping", "guest", 64, "exited", 0, "done", "1" * 16, 1, {}, {}, ""),
    ),
    cycles=(
        row(None, "idle", (0, 0, 0, 0, 0, 50_000)),
        row("ping", "guest", (900_000, 200_000, 30_000, 400_000, 500_000, 1_000), **GUEST),
        row("ping", "hypercall", (400, 100, 100, 100, 200, 100), instructions=500),
        row("ping", "guest", (10, 0, 0, 0, 0, 0), 1, instructions=30, code_tlb_misses=1),
    ),
)


class FakeMachine:
    """A machine with figures for two processors and two partitions."""

    def __init__(self, figures: dict[tuple[int, int, TimingPath], TimingStatistics]) -> None:
        self.options = SimpleNamespace(processor_count=2)
        self.figures = figures
        self.asked: list[tuple[int, int, TimingPath]] = []

    def timing_statistics(
        self, processor: int, partition: int, path: TimingPath
    ) -> TimingStatistics:
        self.asked.append((processor, partition, path))
        return self.figures.get((processor, partition, path), statistics())


def statistics(cycles: int = 0, loads: int = 0) -> TimingStatistics:
    return TimingStatistics(
        dict.fromkeys(TimingCause, 0) | {TimingCause.MEMORY: cycles},
        dict.fromkeys(TimingEvent, 0) | {TimingEvent.LOAD: loads},
    )


def test_only_what_happened_is_a_row() -> None:
    machine = FakeMachine(
        {
            (0, 0, TimingPath.GUEST): statistics(7),
            (0, 2, TimingPath.TRAP): statistics(5, 3),
            (1, 1, TimingPath.GUEST): statistics(0, 1),
        }
    )
    found = cycle_results(cast("Machine", machine), ["a", "b"])
    assert len(machine.asked) == len(set(machine.asked)) == 2 * 3 * len(TimingPath)
    assert [(r.processor, r.partition, r.path, r.cycles) for r in found] == [
        (0, None, "idle", 7),
        (0, "b", "trap", 5),
        (1, "a", "guest", 0),
    ]
    assert found[1].stack == dict.fromkeys(CAUSES, 0) | {"memory": 5}
    assert found[1].events == NO_EVENTS | {"loads": 3}


def test_every_cause_event_and_path_has_its_name() -> None:
    assert list(CAUSES) == [cause.name.lower() for cause in TimingCause]
    assert list(EVENT_NAMES) == list(TimingEvent)
    assert len(set(EVENT_NAMES.values())) == len(TimingEvent)
    assert len({letter for letter, _ in CAUSES.values()}) == len(CAUSES)
    names = [[path_name(partition, path) for path in TimingPath] for partition in (1, 0)]
    assert names[0] == ["guest", "hypercall", "trap", "interrupt"]
    assert names[1] == ["idle", "hypercall", "trap", "interrupt"]


def test_results_go_through_json_and_back() -> None:
    assert msgspec.json.decode(RESULT.to_json(), type=HostResult) == RESULT
    found = msgspec.json.decode(RESULT.to_json())
    assert found["cycles"][1]["stack"]["front_end"] == 200_000
    assert found["cycles"][0]["partition"] is None


@pytest.mark.parametrize(
    ("stack", "columns", "bar"),
    [
        ((1, 1, 1, 1, 1, 1), 6, "rfscmt"),
        ((3, 0, 0, 0, 1, 0), 8, "rrrrrrmm"),
        ((1000, 0, 0, 0, 0, 1), 5, "rrrrr"),
        ((0, 0, 0, 0, 0, 0), 5, ""),
        ((1, 1, 1, 0, 0, 0), 2, "rs"),
    ],
)
def test_a_bar_is_as_wide_as_it_should_be(stack: tuple[int, ...], columns: int, bar: str) -> None:
    assert stack_bar(dict(zip(CAUSES, stack, strict=True)), columns).plain == bar


@pytest.mark.parametrize(
    ("count", "short", "text"),
    [
        (0, True, "0"),
        (9_999, True, "9,999"),
        (10_000, True, "10.0k"),
        (12_345, False, "12,345"),
        (99_949, True, "99.9k"),
        (99_950, True, "100k"),
        (999_499, True, "999k"),
        (999_500, True, "1.00M"),
        (1_234_567, True, "1.23M"),
        ((1 << 64) - 1, True, "18.4E"),
    ],
)
def test_numbers_are_short_where_room_is_scarce(count: int, short: bool, text: str) -> None:
    assert number(count, short=short) == text


def shown(columns: int) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=columns, color_system=None)
    for part in cycle_tables(RESULT, columns):
        console.print(part)
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_the_tables_add_up_processors() -> None:
    lines = shown(120)
    bar = stack_bar(RESULT.cycles[1].stack, BAR_MAXIMUM_COLUMNS).plain
    assert f"ping guest 2,031,010 97.6% 3,210,030 1.58 {bar}" in lines
    assert f"- idle 50,000 2.4% 0 {'t' * BAR_MAXIMUM_COLUMNS}" in lines
    assert "ping guest 3,500,000 0 0 0 10 0 2,345" in lines
    assert any("r retiring, f front end" in line for line in lines)
    # Nobody's cycles are the last.
    paths = [line.split()[:2] for line in lines if line.startswith(("ping ", "- "))]
    assert paths == [["ping", "guest"], ["ping", "hypercall"], ["-", "idle"]] * 2


def test_a_narrow_terminal_still_reads_well() -> None:
    lines = shown(80)
    (guest,) = [line for line in lines if line.startswith("ping guest 2.03M")]
    assert guest.split()[:6] == ["ping", "guest", "2.03M", "97.6%", "3.21M", "1.58"]
    assert 8 <= len(guest.split()[6]) <= 40
    assert "ping guest 3.50M 0 0 0 10 0 2,345" in lines
    lines = shown(56)
    assert "ping guest 2.03M 97.6% 3.21M 1.58" in lines, "rather no bar than folded numbers"
    assert not any("retiring" in line for line in lines), "no bar, no legend"


def test_without_a_core_there_is_no_table() -> None:
    assert cycle_tables(msgspec.structs.replace(RESULT, cycles=()), 120) == []


def printed(result: HostResult) -> str:
    stream = io.StringIO()
    print_result(result, stream)
    return stream.getvalue()


def test_unknown_instructions_are_never_silent() -> None:
    text = printed(RESULT)
    assert "work and cycles are modelled cycles of skylake, validated\n" in text
    assert "unknown" not in text
    unknown = row("ping", "trap", (1, 0, 0, 0, 0, 0), instructions=70, unknown_instructions=12)
    text = printed(msgspec.structs.replace(RESULT, cycles=(*RESULT.cycles, unknown)))
    assert "12 of 3,210,600 instructions are unknown to the core" in text


def span(start: int, end: int) -> SpanResult:
    return SpanResult("ping", 1, start, end, 4, Range(1, 20, 3_000_000), Range(5, 60, 7_000))


def test_spans_are_a_table() -> None:
    text = printed(msgspec.structs.replace(RESULT, spans=(span(1, 2),), marks_dropped=3))
    words = [line.split() for line in text.splitlines()]
    assert ["ping/1", "1", "to", "2", "4", "1", "20", "3,000,000", "5", "60", "7,000"] in words
    assert "3 later marks were not kept" in text


def test_a_flood_of_spans_is_cut_off_and_says_so() -> None:
    spans = tuple(span(0xFFFF_0000_0000 + place, 2) for place in range(ROWS_SHOWN + 5))
    result = msgspec.structs.replace(RESULT, spans=spans)
    text = printed(result)
    assert text.count("ping/1") == ROWS_SHOWN
    assert "0xffff00000000 to 2" in text
    assert "and 5 more pairs of marks, which --json shows" in text
    assert span_table(msgspec.structs.replace(RESULT, spans=spans[:1]), 120).caption is None
