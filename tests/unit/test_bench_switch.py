# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench switch`: how paths are found in a record, what may be asked for, how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ultravisor.bench.switch_paths import PATHS, PATHS_BY_NAME
from ultravisor.bench.switch_phases import Phase, PhaseMap, is_monitor, source_name
from ultravisor.bench.switch_results import (
    Distribution,
    PathResult,
    PhaseResult,
    distribution,
    read_result,
)
from ultravisor.bench.switch_rows import Record, Row, path_bounds, path_rows, read_rows, work_cycles
from ultravisor.cli.bench_switch import make_request
from ultravisor.cli.bench_switch_table import counts_table, phases_table, reference_text, title
from ultravisor.cli.bench_switch_waterfall import waterfall
from ultravisor.cycles import EVENT_NAMES
from ultravisor.errors import ConfigurationError, MachineError, NotFoundError, UsageError
from ultravisor.machine.cycle_records import WINDOW_ROW
from ultravisor.machine.interface import TimingEvent

if TYPE_CHECKING:
    from pathlib import Path

MONITOR = 0xFFFF800000200000
SYMBOLS = {
    "path_call_begin": 0x100,
    "path_call_end": 0x102,
    "path_partner_end": 0x110,
    "path_work": 0x200,
    "path_work_end": 0x204,
    "user_work": 0x300,
    "user_work_end": 0x304,
}


def row(address: int, partition: int = 1, cycles: int = 1, transition: int = 0) -> Row:
    return Row(address, partition, 64, transition, cycles, (), (), b"\x90\x90")


def record(*rows: Row) -> Record:
    return Record(rows, SYMBOLS, 0x1000)


YIELD_ROUND = record(
    row(0x90),
    row(0x100, cycles=3),
    row(MONITOR, cycles=50),
    row(0x110, 2),
    row(0x200, 2, 7),
    row(0x202, 2, 8),
    row(0x200, 2, 9),
    row(0x202, 2, 9),
    row(0x120, 2, 2),
    row(MONITOR, 2, 60),
    row(0x102),
    row(0x200, cycles=4),
    row(0x202, cycles=5),
    row(0x104),
)


def test_a_path_lies_between_its_symbols_of_its_partition() -> None:
    one_way = path_rows(YIELD_ROUND, PATHS_BY_NAME["yield"])
    assert [found.cycles for found in one_way] == [3, 50]
    both = path_rows(YIELD_ROUND, PATHS_BY_NAME["yield-round"])
    assert [found.cycles for found in both] == [3, 50, 1, 2, 60], "without the other's own work"


def test_work_is_counted_whole_with_its_loop() -> None:
    assert work_cycles(YIELD_ROUND, 1, 0) == 9
    assert work_cycles(YIELD_ROUND, 2, 0) == 33
    interrupted = record(
        row(0x200, cycles=100), row(MONITOR), row(0x200, cycles=2), row(0x202, cycles=3), row(0x90)
    )
    assert work_cycles(interrupted, 1, 0) == 5, "not the one that was cut off"
    user = record(row(0x1300, cycles=2), row(0x1302, cycles=2), row(0x90))
    assert work_cycles(user, 1, 0) == 4


def test_a_preemption_is_the_monitors_last_turn_before_another_partition() -> None:
    timer = PATHS_BY_NAME["timer"]
    found = record(
        row(0x90), row(MONITOR), row(0x92), row(0, transition=2), row(MONITOR), row(0x90, 2)
    )
    assert path_bounds(found, timer) == (3, 5)


def test_a_record_that_lacks_the_end_is_refused() -> None:
    with pytest.raises(MachineError, match="path_call_end is not in it"):
        path_rows(record(row(0x100), row(MONITOR)), PATHS_BY_NAME["null"])
    with pytest.raises(MachineError, match="own work"):
        work_cycles(record(row(0x90)), 1, 0)


def test_rows_are_read_as_they_lie_in_memory() -> None:
    events = [0] * len(TimingEvent)
    events[1] = 5
    data = WINDOW_ROW.pack(MONITOR, 2, 1, 32, 3, 0, *events, 1, 0, 0, 4, 0, 2, b"\x90" * 16)
    (found,) = read_rows(data)
    assert (found.address, found.partition, found.width_bits) == (MONITOR, 2, 32)
    assert (found.cycles, found.causes) == (7, (1, 0, 0, 4, 0, 2))
    assert (found.events[1], found.code, found.is_guest) == (5, b"\x90" * 3, False)


def test_an_address_has_the_phase_of_the_symbol_before_it() -> None:
    phases = PhaseMap(
        [
            (MONITOR, "image_start"),
            (MONITOR, "syscall_entry"),
            (MONITOR + 0x10, "leave"),
            (MONITOR + 0x18, "label_of_mine"),
            (MONITOR + 0x20, "schedule_run.part.0"),
        ]
    )
    found = [
        phases.phase(MONITOR + offset, b"\x90") for offset in (0, 0xF, 0x10, 0x18, 0x1F, 0x20, 0x30)
    ]
    assert found == [Phase.ENTRY] * 2 + [Phase.EXIT] * 3 + [Phase.SCHEDULE] * 2
    nop, syscall, call_32 = b"\x90", b"\x0f\x05", b"\xcd\x82"
    assert phases.phase(0x400000, nop) == phases.phase(0xFFFFFFFF80000000, nop) == Phase.GUEST
    assert phases.phase(0x400000, syscall) == phases.phase(0x400000, call_32) == Phase.ENTRY
    assert phases.label(MONITOR + 4) == "syscall_entry+0x4"
    assert source_name("walk.isra.0") == "walk"
    assert is_monitor(MONITOR)
    assert not is_monitor(0xFFFFFFFF80000000)


def test_a_distribution_has_the_lower_median() -> None:
    assert distribution([4, 1, 3, 2]) == Distribution(1, 2, 4, (4, 1, 3, 2))
    assert distribution([5]) == Distribution(5, 5, 5, (5,))


def test_a_request_takes_lists() -> None:
    request = make_request(["null", "timer,null"], "all-cold,warm", "32", "vmcall")
    assert [path.name for path in request.paths] == ["null", "timer"]
    assert (request.states, request.widths) == (("all-cold", "warm"), [32])
    assert list(make_request([], "warm", "64", None).paths) == list(PATHS)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ((["nul"], "warm", "64", None), "there is no path `nul`", "did you mean `null`"),
        (([], "hot", "64", None), "there is no state `hot`", "all-cold"),
        (([], "warm", "16", None), "there is no width `16`", "64, 32"),
        (([], ",", "64", None), "no state is named", "cold-tlb"),
        ((["null"], "warm", "64", "int"), "do not call by int", "64 bits: syscall, vmcall"),
    ],
)
def test_what_there_is_not_is_refused(given: Any, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as failure:
        make_request(*given)
    assert hint in failure.value.hint


def result(**changes: Any) -> PathResult:
    events = dict.fromkeys(EVENT_NAMES.values(), 0) | {"instructions": 50, "page_walks": 7}
    fields: dict[str, Any] = {
        "path": "null",
        "sentence": "",
        "width": 64,
        "transport": "syscall",
        "state": "warm",
        "cycles": distribution([100, 100, 102]),
        "representative": 0,
        "stack": {},
        "events": events,
        "phases": (
            PhaseResult("guest", distribution([25, 25, 25]), {}, {}),
            PhaseResult("body", distribution([1, 1, 1]), {}, {}),
            PhaseResult("exit", distribution([74, 74, 76]), {}, {}),
        ),
        "instructions": (),
        "refill": (),
        "references": (),
    }
    return PathResult(**fields | changes)


def cells(table: Any) -> list[list[str]]:
    return [list(column.cells) for column in table.columns]


def test_tables_have_a_row_a_path() -> None:
    rows = [result(), result(transport="vmcall")]
    counts = cells(counts_table(rows))
    assert counts[0] == ["null", "null, vmcall"]
    assert [column[0] for column in counts[1:4]] == ["100", "50", "0.50"]
    assert counts[-2] == ["7", "7"]
    phases = phases_table(rows)
    assert [column.header for column in phases.columns] == [
        "cycles by phase", "guest", "body", "exit"
    ]  # fmt: skip
    assert [column[0] for column in cells(phases)[1:]] == ["25", "1", "74"]
    assert title(result(transport=None)) == "null"


def test_bars_begin_where_the_last_one_ended() -> None:
    lines = waterfall(result(), "cycles of x", 125).plain.splitlines()
    assert lines[0] == "null, 64 bits, syscall, warm: 100 cycles of x"
    bars = [line[25:] for line in lines[1:]]
    assert bars[0] == "█" * 25
    assert bars[1] == " " * 25 + "█"
    assert bars[2] == " " * 26 + "█" * 74
    assert lines[2].startswith("body            1   1.0% ")


def test_a_quoted_reference_says_so() -> None:
    from ultravisor.bench.switch_references import REFERENCES

    assert set(REFERENCES) <= set(PATHS_BY_NAME)
    for references in REFERENCES.values():
        for reference in references:
            text = reference_text(reference)
            assert ("quoted and not read again" in text) == (not reference.verified)
            assert reference.machine in text
            assert reference.differs in text


def test_a_file_that_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_result(tmp_path / "none.json")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="not a result of `bench switch`"):
        read_result(tmp_path / "a.json")
