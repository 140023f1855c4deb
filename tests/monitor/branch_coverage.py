# SPDX-License-Identifier: GPL-2.0-or-later
"""Which branches of monitor/core have been taken, and whether each of the others is explained.

Reads what gcc's `--coverage` has counted, over all programs that contain the core, and compares
it with the list of branches that nothing takes. Run by .ci/coverage; knows no test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

CORE = "monitor/core/"
LIST_NAME = "uncovered.txt"
TAKEN_PERCENT_MINIMUM = 95.0
ASSERTION = "MONITOR_ASSERT("
USAGE = "usage: branch_coverage.py FOLDER_OF_THE_CORE FOLDER_OF_COUNTS..."


class ListError(Exception):
    """The list of explained branches cannot be read; the message says where."""


class Place(NamedTuple):
    """One line of a function, in a file of the core."""

    file: str
    function: str
    line: int


class Statement(NamedTuple):
    """A line by its text, so that it is found again wherever it moves."""

    file: str
    function: str
    code: str


class Tally(NamedTuple):
    """How many branches of a statement are not taken, of how many."""

    untaken: int
    total: int

    def __str__(self) -> str:
        return f"{self.untaken}/{self.total}"


@dataclass(slots=True)
class FileCount:
    """The branches of one file."""

    total: int = 0
    taken: int = 0
    panics: int = 0
    """Not taken, and of an assertion that was evaluated: we are wrong, and the host stops."""

    @property
    def percent(self) -> float:
        """Return the share that was taken, panics counted as not taken."""
        return 100.0 * self.taken / self.total if self.total else 100.0


@dataclass(slots=True)
class Judgement:
    """The counts a file, and everything that is wrong."""

    files: dict[str, FileCount] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def whole(self) -> FileCount:
        """Return the sum over all files."""
        counts = self.files.values()
        return FileCount(
            sum(count.total for count in counts),
            sum(count.taken for count in counts),
            sum(count.panics for count in counts),
        )


def merge(documents: Iterable[dict[str, Any]]) -> dict[Place, list[int]]:
    """Add up gcov's counts of each branch over all objects that contain it."""
    counts: dict[Place, list[int]] = {}
    for document in documents:
        for source in document["files"]:
            if CORE not in source["file"]:
                continue
            name = source["file"].rpartition("/")[2]
            for line in source["lines"]:
                found = [branch["count"] for branch in line["branches"]]
                place = Place(name, line.get("function_name", ""), line["line_number"])
                known = counts.setdefault(place, [0] * len(found))
                if len(known) != len(found):
                    raise ListError(f"{place}: not compiled alike in all programs")
                counts[place] = [old + new for old, new in zip(known, found, strict=True)]
    return {place: branches for place, branches in counts.items() if branches}


def assertion_lines(text: str) -> dict[int, int]:
    """Return, for each line of an assertion, the line on which that begins."""
    lines = text.splitlines()
    found: dict[int, int] = {}
    first = 0
    depth = 0
    for number, line in enumerate(lines, start=1):
        if depth == 0 and not line.lstrip().startswith(ASSERTION):
            continue
        if depth == 0:
            first = number
        depth += line.count("(") - line.count(")")
        found[number] = first
    return found


def read_list(text: str) -> dict[Statement, Tally]:
    """Read the list: blocks of a headline, the line of code, and why nothing takes it."""
    entries: dict[Statement, Tally] = {}
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for block in filter(None, (piece.strip() for piece in kept.split("\n\n"))):
        lines = [line.strip() for line in block.splitlines()]
        words = lines[0].split()
        tally = words[-1].split("/")
        if len(words) != 3 or len(tally) != 2 or not all(word.isdigit() for word in tally):
            raise ListError(f"not `FILE FUNCTION UNTAKEN/TOTAL`: {lines[0]}")
        if len(lines) < 3 or not lines[2]:
            raise ListError(f"no explanation: {lines[0]}")
        statement = Statement(words[0], words[1], lines[1])
        if statement in entries:
            raise ListError(f"listed twice: {lines[0]}")
        entries[statement] = Tally(int(tally[0]), int(tally[1]))
    return entries


def _evaluated(
    counts: dict[Place, list[int]], assertions: dict[str, dict[int, int]]
) -> set[tuple[str, int]]:
    """Return the assertions that something has evaluated, by their first lines."""
    return {
        (place.file, assertions[place.file][place.line])
        for place, branches in counts.items()
        if place.line in assertions[place.file] and any(branches)
    }


def judge(
    counts: dict[Place, list[int]], sources: dict[str, str], entries: dict[Statement, Tally]
) -> Judgement:
    """Compare what was counted with what is explained."""
    judgement = Judgement()
    assertions = {name: assertion_lines(text) for name, text in sources.items()}
    evaluated = _evaluated(counts, assertions)
    untaken: Counter[Statement] = Counter()
    total: Counter[Statement] = Counter()
    for place, branches in counts.items():
        count = judgement.files.setdefault(place.file, FileCount())
        missing = sum(1 for branch in branches if branch == 0)
        count.total += len(branches)
        count.taken += len(branches) - missing
        if (place.file, assertions[place.file].get(place.line)) in evaluated:
            count.panics += missing
            continue
        code = sources[place.file].splitlines()[place.line - 1].strip()
        statement = Statement(place.file, place.function, code)
        untaken[statement] += missing
        total[statement] += len(branches)
    found = {
        statement: Tally(missing, total[statement])
        for statement, missing in untaken.items()
        if missing
    }
    judgement.problems = _compare(found, entries)
    if judgement.whole.percent < TAKEN_PERCENT_MINIMUM:
        judgement.problems.append(
            f"{judgement.whole.percent:.1f} % of the branches are taken:"
            f" at least {TAKEN_PERCENT_MINIMUM:.0f} % have to be"
        )
    return judgement


def _compare(found: dict[Statement, Tally], entries: dict[Statement, Tally]) -> list[str]:
    problems = []
    for statement, tally in sorted(found.items()):
        where = f"{statement.file} {statement.function}"
        if statement not in entries:
            problems.append(f"not explained: {where} {tally}\n    {statement.code}")
        elif entries[statement] != tally:
            problems.append(f"now {tally}: {where} {entries[statement]}\n    {statement.code}")
    problems += [
        f"stale: {statement.file} {statement.function} {tally}\n    {statement.code}"
        for statement, tally in sorted(entries.items())
        if statement not in found
    ]
    return problems


def table(judgement: Judgement) -> str:
    """Return the percentages as text, a line a file."""
    rows = [f"{'file':<22}{'branches':>9}{'taken':>7}{'panics':>8}{'others':>8}{'%':>8}"]
    named = [*sorted(judgement.files.items()), ("all", judgement.whole)]
    for name, count in named:
        others = count.total - count.taken - count.panics
        rows.append(
            f"{name:<22}{count.total:>9}{count.taken:>7}{count.panics:>8}{others:>8}"
            f"{count.percent:>8.1f}"
        )
    return "\n".join(rows)


def read_counts(folder: Path) -> list[dict[str, Any]]:
    """Return gcov's account of every object of the core below a folder."""
    files = sorted(folder.rglob("*.gcda"))
    if not files:
        raise ListError(f"{folder}: nothing was counted there")
    command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def main(arguments: list[str]) -> int:
    """Print the table, then what is wrong; the exit code is 1 when something is."""
    if len(arguments) < 2:
        print(USAGE, file=sys.stderr)
        return 2
    sources = {path.name: path.read_text() for path in Path(arguments[0]).glob("*.[ch]")}
    listed = Path(__file__).with_name(LIST_NAME)
    try:
        entries = read_list(listed.read_text())
        documents = [each for folder in arguments[1:] for each in read_counts(Path(folder))]
        judgement = judge(merge(documents), sources, entries)
    except ListError as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    print(table(judgement))
    for problem in judgement.problems:
        print(problem, file=sys.stderr)
    return 1 if judgement.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
