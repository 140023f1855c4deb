# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench compare`: which instruction is which, what differs, and what cannot be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import msgspec
import pytest

from tests.unit.test_bench_switch import cells, result
from ultravisor.bench.switch_compare import compare
from ultravisor.bench.switch_page import switch_page, waterfall_svg
from ultravisor.bench.switch_results import (
    InstructionResult,
    PathResult,
    PhaseResult,
    SwitchResult,
    distribution,
    read_result,
)
from ultravisor.cli.bench_compare import instructions_table, phases_table, totals_table
from ultravisor.cycles import EVENT_NAMES
from ultravisor.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def instruction(text: str, cycles: int, symbol: str = "leave", phase: str = "exit") -> Any:
    return InstructionResult(phase, "0x0", symbol, text, 1, cycles, 1)


def switch_result(*paths: PathResult, **changes: Any) -> SwitchResult:
    fields: dict[str, Any] = {
        "core": "skylake",
        "validated": True,
        "unit": "cycles",
        "pages": 16,
        "repeats": 3,
        "monitor_sha256": "",
        "entry": None,
    }
    return SwitchResult(paths=paths, **fields | changes)


def test_instructions_are_matched_where_code_moved() -> None:
    before = result(
        instructions=(
            instruction("push rax", 1),
            instruction("fxsave64 ptr [rdx]", 66),
            instruction("jmp 0xffff800000200100", 5),
            instruction("ret", 2, "walk.isra.0+0x10"),
        )
    )
    after = result(
        instructions=(
            instruction("push rax", 1),
            instruction("jmp 0xffff8000002000f0", 4, "leave+0x9"),
            instruction("nop", 1),
            instruction("ret", 2, "walk+0x8"),
        )
    )
    (found,) = compare(switch_result(before), switch_result(after)).paths
    assert [(row.text[:3], row.cycles_a, row.cycles_b) for row in found.instructions] == [
        ("fxs", 66, None),
        ("jmp", 5, 4),
        ("nop", None, 1),
    ]
    table = cells(instructions_table(found, 2))
    assert table[1:4] == [["66", "5"], ["-", "4"], ["-66", "-1"]]


def test_differences_are_b_less_a() -> None:
    found = compare(switch_result(result()), switch_result(result(cycles=result().cycles)))
    assert found.warnings == ()
    assert cells(totals_table(found)) == [["null 64 warm"], ["100"], ["100"], ["+0"], ["+0.0%"]]
    assert cells(phases_table(found))[1:] == [[""], [""], [""]], "nothing differs"


def test_sides_that_are_not_alike_are_told() -> None:
    first = switch_result(result(), result(path="yield"))
    second = switch_result(result(), result(width=32), unit="other cycles", pages=8)
    assert compare(first, second).warnings == (
        "the cores differ: cycles, and other cycles",
        "the guests' own work differs: 16 pages, and 8",
        "1 rows are in A only",
        "1 rows are in B only",
    )
    with pytest.raises(UsageError, match="no path in common"):
        compare(switch_result(result()), switch_result(result(path="yield")))


def test_a_page_has_both_sides_on_one_scale() -> None:
    events = {"instructions": 1, "uops": 1}
    phases = tuple(
        PhaseResult(name, distribution([cycles]), {}, events)
        for name, cycles in (("entry", 40), ("exit", 60))
    )
    one = result(
        cycles=distribution([100]), phases=phases, instructions=(instruction("a < b", 60),)
    )
    text = switch_page([switch_result(one), switch_result(one, entry="mine.S")])
    assert text.count('<rect x="80.0" y="3" width="172.0"') == 2
    assert text.count('<rect x="252.0" y="23" width="258.0"') == 2
    assert "a &lt; b" in text
    assert "mine.S" in text
    assert ElementTree.fromstring(waterfall_svg(one, 200)).get("role") == "img"
    with pytest.raises(UsageError, match="no path in common"):
        switch_page([switch_result(one), switch_result(result(path="yield"))])


def whole_row(**changes: Any) -> PathResult:
    """Return a row as a run would have it."""
    events = dict.fromkeys(EVENT_NAMES.values(), 1)
    phases = tuple(
        PhaseResult(name, distribution(values), {}, events)
        for name, values in (("entry", [40, 41]), ("exit", [60, 60]))
    )
    fields: dict[str, Any] = {
        "cycles": distribution([100, 101]),
        "representative": 0,
        "phases": phases,
        "events": events,
        "instructions": (),
    }
    return result(**fields | changes)


def entry_phase(name: str = "entry", values: tuple[int, ...] = (40, 41), **events: int) -> Any:
    whole = whole_row()
    phase = PhaseResult(name, distribution(values), {}, events or whole.events)
    return (phase, whole.phases[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"representative": 2}, r"representative: 2 is no place in 2 values"),
        ({"representative": 1}, r"the representative is not the median"),
        ({"phases": entry_phase(values=(40,))}, r"phases\[0\]: 1 values, not 2"),
        ({"phases": entry_phase(values=(40, 42))}, r"do not add up to cycles.values\[1\]"),
        ({"phases": entry_phase("enter")}, r"there is no phase `enter`"),
        ({"phases": entry_phase(uops=1)}, r"no event `instructions`"),
        ({"events": {}}, r"no event `instructions`"),
        ({"instructions": (instruction("ret", 1, phase="x"),)}, r"there is no phase `x`"),
    ],
)
def test_a_file_that_was_changed_is_refused_with_the_place(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(msgspec.json.encode(switch_result(whole_row())))
    assert read_result(path) == switch_result(whole_row())
    path.write_bytes(msgspec.json.encode(switch_result(whole_row(), whole_row(**changes))))
    with pytest.raises(ConfigurationError, match=rf"result.json: paths\[1\]: .*{message}"):
        read_result(path)
