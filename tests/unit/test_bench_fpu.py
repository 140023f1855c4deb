# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench switch --fpu`: results of two schemes in one, what is compared, and the break-even."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.test_bench_compare import switch_result
from tests.unit.test_bench_switch import cells, result
from ultravisor.bench.switch_compare import ComparedAxis, compare
from ultravisor.bench.switch_fpu import break_even, join
from ultravisor.bench.switch_page import switch_page
from ultravisor.bench.switch_results import PathResult, SwitchResult, distribution
from ultravisor.cli.bench_compare import how, sides_line, totals_table
from ultravisor.cli.bench_switch import command
from ultravisor.cli.bench_switch_table import closing_lines, title
from ultravisor.cli.bench_switch_waterfall import waterfall
from ultravisor.errors import UsageError

PLACE = (64, "syscall", "warm", "none")


def path(name: str, fpu: str, cycles: int, state: str = "warm") -> PathResult:
    return result(path=name, fpu=fpu, cycles=distribution([cycles]), phases=(), state=state)


def of_scheme(fpu: str, unused: int, used: int) -> SwitchResult:
    rows = [
        path(name, fpu, cycles + extra, state)
        for state, extra in (("warm", 0), ("all-cold", 1000))
        for name, cycles in (("yield", unused), ("yield-fpu", used))
    ]
    return switch_result(*rows, monitors={fpu: f"hash of {fpu}"})


EAGER = of_scheme("eager", 1700, 1750)
LAZY = of_scheme("lazy", 1600, 2050)
BOTH = join([EAGER, LAZY])


def test_rows_of_a_path_are_adjacent_and_the_first_scheme_leads() -> None:
    assert [(row.path, row.fpu) for row in BOTH.paths[:4]] == [
        ("yield", "eager"),
        ("yield", "lazy"),
        ("yield-fpu", "eager"),
        ("yield-fpu", "lazy"),
    ]
    assert [row.state for row in BOTH.paths] == ["warm"] * 4 + ["all-cold"] * 4
    assert BOTH.monitors == {"eager": "hash of eager", "lazy": "hash of lazy"}
    assert title(BOTH.paths[1]) == "yield, lazy"


def test_the_break_even_is_where_both_cost_the_same() -> None:
    (found,) = BOTH.break_even
    assert (found.width, found.transport, found.state, found.model) == PLACE
    assert (found.saved_cycles, found.added_cycles) == (100, 300)
    assert found.share == 0.25
    eager = 0.75 * 1700 + 0.25 * 1750
    assert eager == 0.75 * 1600 + 0.25 * 2050
    assert closing_lines(BOTH)[-1] == (
        "FPU and SSE lazily, 64 bits, warm: a switch takes 100 cycles less without use, "
        "300 cycles more with use; both cost the same with use in 25% of the slots."
    )
    assert join([EAGER]).break_even == ()


def test_each_model_has_a_break_even_of_its_own() -> None:
    isolated = [
        msgspec.structs.replace(row, model="verw", cycles=distribution([row.cycles.median + extra]))
        for result in (EAGER, LAZY)
        for row in result.paths
        for extra in [500 if (row.path, row.fpu) == ("yield-fpu", "lazy") else 0]
    ]
    both = [
        msgspec.structs.replace(side, paths=(*side.paths, *(r for r in isolated if r.fpu == fpu)))
        for side, fpu in ((EAGER, "eager"), (LAZY, "lazy"))
    ]
    found = join(both)
    assert [(row.model, row.added_cycles) for row in found.break_even] == [
        ("none", 300),
        ("verw", 800),
    ]
    assert "64 bits, warm, verw: a switch takes 100 cycles less" in closing_lines(found)[-1]


@pytest.mark.parametrize(("saved", "added"), [(-1, 300), (100, -1), (0, 0)])
def test_there_is_none_where_one_scheme_is_always_ahead(saved: int, added: int) -> None:
    assert break_even(PLACE, saved, added).share is None


def test_the_scheme_may_be_what_differs() -> None:
    found = compare(EAGER, LAZY)
    assert [row.difference for row in found.paths] == [-100, 300, -100, 300]
    assert found.compared == (ComparedAxis("fpu", "eager", "lazy"),)
    assert found.warnings == ()
    assert sides_line(found) == "A: cycles, FPU eager   B: cycles, FPU lazy"
    assert cells(totals_table(found))[0][0] == "yield 64 warm"


def test_with_several_schemes_each_is_compared_with_its_own() -> None:
    found = compare(BOTH, BOTH)
    assert {row.difference for row in found.paths} == {0}
    assert len(found.paths) == 8
    assert how(found.paths[1], found.compared) == "yield, lazy 64 warm"
    assert sides_line(found) == "A: cycles   B: cycles"
    against_lazy = compare(BOTH, LAZY)
    assert {row.fpu for row in against_lazy.paths} == {"lazy"}
    assert against_lazy.compared == ()
    assert against_lazy.warnings == ("4 rows are in A only",)


def test_an_entry_path_of_ones_own_is_compared_with_either() -> None:
    mine = switch_result(result(fpu=None), entry="mine.S")
    found = compare(switch_result(result()), mine)
    assert found.compared == (ComparedAxis("fpu", "eager", None),)
    assert sides_line(found) == "A: cycles, FPU eager   B: cycles, FPU by its own entry path"


def test_pictures_name_the_scheme() -> None:
    lazy = result(fpu="lazy")
    assert waterfall(lazy, "cycles", 80).plain.startswith("null, 64 bits, syscall, FPU lazy, warm:")
    eager = waterfall(result(), "cycles", 80, {"fpu"})
    assert eager.plain.startswith("null, 64 bits, syscall, FPU eager, warm:")
    events = dict.fromkeys(lazy.events, 0) | {"uops": 0}
    page = switch_page([switch_result(result(fpu="lazy", phases=(), events=events | lazy.events))])
    assert "<h2>null, 64 bits, syscall, FPU lazy, warm</h2>" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fpu", "sometimes"], "there is no scheme `sometimes`"),
        (["--fpu", "lazy", "--entry", "mine.S"], "a file of --entry has its own scheme"),
    ],
)
def test_what_there_is_not_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        command.main(arguments, standalone_mode=False)
