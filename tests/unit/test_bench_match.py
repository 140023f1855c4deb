# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rows of two results of `bench switch` belong together, and what is compared there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_bench_compare import switch_result
from tests.unit.test_bench_switch import result
from ultravisor.bench.switch_match import AXES, match_rows, row_text, varied_axes
from ultravisor.errors import UsageError

OTHERS: dict[str, Any] = {
    "width": 32,
    "transport": "vmcall",
    "fpu": "lazy",
    "state": "all-cold",
    "model": "verw",
}


@pytest.mark.parametrize("axis", AXES)
def test_the_one_value_of_each_result_is_compared(axis: str) -> None:
    first = switch_result(result(), result(path="yield"))
    second = switch_result(result(path="yield", **{axis: OTHERS[axis]}))
    found = match_rows((first, second))
    assert found.compared == {axis: (getattr(result(), axis), OTHERS[axis])}
    assert [[row.path for row in rows] for rows in found.groups] == [["yield", "yield"]]


@pytest.mark.parametrize("axis", AXES)
def test_where_a_result_has_several_values_they_must_agree(axis: str) -> None:
    other = {axis: OTHERS[axis]}
    both = switch_result(result(), result(**other))
    for first, second in ((both, switch_result(result(**other))), (both, both)):
        found = match_rows((first, second))
        assert found.compared == {}
        assert all(a == b for a, b in found.groups)
        assert len(found.groups) == len(second.paths)
    others = switch_result(result(path="yield", **other), result())
    with pytest.raises(UsageError, match="no path in common"):
        match_rows((others, switch_result(result(**other))))


def test_several_axes_can_be_compared_at_once() -> None:
    found = match_rows((switch_result(result()), switch_result(result(fpu="lazy", model="verw"))))
    assert found.compared == {"fpu": ("eager", "lazy"), "model": ("none", "verw")}


def test_paths_without_a_call_have_no_transport_to_compare() -> None:
    timer = result(path="timer", transport=None)
    first = switch_result(result(), timer)
    second = switch_result(timer, result(transport="vmcall"))
    assert match_rows((first, second)).compared == {"transport": ("syscall", "vmcall")}
    alone = match_rows((first, switch_result(timer, result(path="yield", transport="vmcall"))))
    assert alone.compared == {}
    assert alone.groups == ((timer, timer),)


def test_what_is_usual_is_said_where_it_varies() -> None:
    row, lazy = result(), result(fpu="lazy", model="verw")
    assert row_text(row, varied_axes([switch_result(row)])) == "null, 64 bits, syscall, warm"
    varied = varied_axes([switch_result(row, lazy)])
    assert row_text(row, varied) == "null, 64 bits, syscall, FPU eager, warm, model none"
    assert row_text(lazy, varied, {"fpu"}) == "null, 64 bits, syscall, warm, model verw"
