# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench switch --fpu`: results of two schemes in one, what is compared, and the break-even."""

from __future__ import annotations

import pytest

from tests.unit.test_bench_compare import switch_result
from tests.unit.test_bench_switch import cells, result
from ultravisor.bench.switch_compare import compare
from ultravisor.bench.switch_fpu import break_even, join, rows_alike
from ultravisor.bench.switch_page import switch_page
from ultravisor.bench.switch_results import PathResult, SwitchResult, distribution
from ultravisor.cli.bench_compare import how, sides_line, totals_table
from ultravisor.cli.bench_switch import command
from ultravisor.cli.bench_switch_table import closing_lines, title
from ultravisor.cli.bench_switch_waterfall import waterfall
from ultravisor.errors import UsageError

PLACE = (64, "syscall", "warm")


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
    assert (found.width, found.transport, found.state) == PLACE
    assert (found.saved_cycles, found.added_cycles) == (100, 300)
    assert found.share == 0.25
    eager = 0.75 * 1700 + 0.25 * 1750
    assert eager == 0.75 * 1600 + 0.25 * 2050
    assert closing_lines(BOTH)[-1] == (
        "FPU and SSE lazily, 64 bits, warm: a switch takes 100 cycles less without use, "
        "300 cycles more with use; both cost the same with use in 25% of the slots."
    )
    assert join([EAGER]).break_even == ()


@pytest.mark.parametrize(("saved", "added"), [(-1, 300), (100, -1), (0, 0)])
def test_there_is_none_where_one_scheme_is_always_ahead(saved: int, added: int) -> None:
    assert break_even(PLACE, saved, added).share is None


def test_the_scheme_may_be_what_differs() -> None:
    found = compare(EAGER, LAZY)
    assert [row.difference for row in found.paths] == [-100, 300, -100, 300]
    assert (found.paths[0].fpu_a, found.paths[0].fpu_b) == ("eager", "lazy")
    assert found.warnings == ()
    assert sides_line(found) == "A: cycles, FPU eager   B: cycles, FPU lazy"
    assert cells(totals_table(found))[0][0] == "yield 64 warm"


def test_with_several_schemes_each_is_compared_with_its_own() -> None:
    found = compare(BOTH, BOTH)
    assert {row.difference for row in found.paths} == {0}
    assert len(found.paths) == 8
    assert how(found.paths[1]) == "yield, lazy 64 warm"
    assert sides_line(found) == "A: cycles   B: cycles"
    against_lazy = compare(BOTH, LAZY)
    assert {(row.fpu_a, row.fpu_b) for row in against_lazy.paths} == {("lazy", "lazy")}
    assert against_lazy.warnings == ("4 rows are in A only",)


def test_an_entry_path_of_ones_own_is_compared_with_either() -> None:
    mine = switch_result(result(fpu=None), entry="mine.S")
    (pair,) = rows_alike([switch_result(result()), mine])
    assert [row.fpu for row in pair] == ["eager", None]


def test_pictures_name_the_scheme() -> None:
    lazy = result(fpu="lazy")
    assert waterfall(lazy, "cycles", 80).plain.startswith("null, 64 bits, syscall, FPU lazy, warm:")
    events = dict.fromkeys(lazy.events, 0) | {"uops": 0}
    pages = switch_page([switch_result(result(fpu="lazy", phases=(), events=events | lazy.events))])
    assert "cycles, FPU lazy" in pages


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
