# SPDX-License-Identifier: GPL-2.0-or-later
"""The judge of the core's branches: it must fail when it has to, or it proves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.monitor.branch_coverage import (
    LIST_NAME,
    ListError,
    Statement,
    Tally,
    assertion_lines,
    judge,
    merge,
    read_list,
    table,
)

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """\
void run(void)
{
    if (ready) {
        MONITOR_ASSERT(first && second);
    }
    MONITOR_ASSERT(long_name(1) ==
                   long_name(2));
    while (more) {
    }
}
"""
LISTED = """\
# What is explained.

a.c run 1/2
    while (more) {
    There is always more
    of it.
"""
WHILE = Statement("a.c", "run", "while (more) {")


def document(lines: dict[int, list[int]], name: str = "monitor/core/a.c") -> dict[str, Any]:
    """Return what gcov says of one object."""
    rows = [
        {
            "line_number": number,
            "function_name": "run",
            "branches": [{"count": count} for count in counts],
        }
        for number, counts in lines.items()
    ]
    return {"files": [{"file": name, "lines": rows}]}


GOOD = {3: [5] * 58, 4: [0, 5, 0, 5], 6: [0, 5], 8: [5, 0]}


def problems(lines: dict[int, list[int]], listed: str = LISTED) -> list[str]:
    """Return what is wrong with counts."""
    return judge(merge([document(lines)]), {"a.c": SOURCE}, read_list(listed)).problems


def test_what_is_explained_passes() -> None:
    assert problems(GOOD | {3: [5] * 200}) == []


def test_counts_are_added_up_over_objects() -> None:
    counts = merge([document({3: [0, 2]}), document({3: [1, 0]}), document({5: []})])
    assert list(counts.values()) == [[1, 2]]


def test_other_files_do_not_count() -> None:
    assert merge([document({3: [0, 2]}, "tests/monitor/a.c")]) == {}


def test_objects_that_were_compiled_differently_are_refused() -> None:
    with pytest.raises(ListError, match="not compiled alike"):
        merge([document({3: [0, 2]}), document({3: [0, 2, 1]})])


def test_a_branch_that_is_not_explained_fails() -> None:
    assert problems(GOOD | {3: [5] * 199 + [0]}) == [
        "not explained: a.c run 1/200\n    if (ready) {"
    ]


def test_an_entry_that_is_no_longer_true_fails() -> None:
    assert problems(GOOD | {3: [5] * 200, 8: [5, 1]}) == ["stale: a.c run 1/2\n    while (more) {"]
    assert problems(GOOD | {3: [5] * 200, 8: [0, 0]}) == [
        "now 2/2: a.c run 1/2\n    while (more) {"
    ]


def test_an_entry_of_code_that_is_gone_fails() -> None:
    gone = LISTED + "\na.c run 1/2\n    if (never) {\n    It is gone.\n"
    assert problems(GOOD | {3: [5] * 200}, gone) == ["stale: a.c run 1/2\n    if (never) {"]


def test_panics_are_a_class_of_their_own_but_count_as_not_taken() -> None:
    judgement = judge(merge([document(GOOD)]), {"a.c": SOURCE}, read_list(LISTED))
    count = judgement.files["a.c"]
    assert (count.total, count.taken, count.panics) == (66, 62, 3)
    assert judgement.problems == ["93.9 % of the branches are taken: at least 95 % have to be"]
    assert table(judgement).splitlines()[-1].split() == ["all", "66", "62", "3", "1", "93.9"]


def test_an_assertion_that_nothing_evaluates_is_not_explained_by_being_one() -> None:
    lines = GOOD | {3: [5] * 400, 4: [0, 0, 0, 0]}
    assert problems(lines) == ["not explained: a.c run 4/4\n    MONITOR_ASSERT(first && second);"]


def test_assertions_are_found_over_several_lines() -> None:
    assert assertion_lines(SOURCE) == {4: 4, 6: 6, 7: 6}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.c run\n    code\n    why\n", "not `FILE"),
        ("a.c run 1/x\n    code\n    why\n", "not `FILE"),
        ("a.c run 1/2\n    code\n", "no explanation"),
        (LISTED + "\n" + LISTED, "listed twice"),
    ],
)
def test_a_list_that_says_too_little_is_refused(text: str, message: str) -> None:
    with pytest.raises(ListError, match=message):
        read_list(text)


def test_the_list_names_lines_that_exist() -> None:
    """Whether they are taken is for .ci/coverage to say: it takes minutes."""
    entries = read_list((ROOT / "tests" / "monitor" / LIST_NAME).read_text())
    assert entries
    for statement, tally in entries.items():
        source = (ROOT / "monitor" / "core" / statement.file).read_text()
        assert statement.code in [line.strip() for line in source.splitlines()]
        assert statement.function in source
        assert 0 < tally.untaken <= tally.total


def test_a_list_is_read() -> None:
    assert read_list(LISTED) == {WHILE: Tally(1, 2)}
