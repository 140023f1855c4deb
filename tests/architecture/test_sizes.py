# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions and files stay small enough to be read in one go."""

from __future__ import annotations

import pytest

from tests.architecture import c_source, python_source
from tests.architecture.source_tree import SourceTree, report

FUNCTION_LINES_MAXIMUM = 70
FILE_LINES_MAXIMUM = 600
C_COLUMNS_MAXIMUM = 100
# Written by ultravisor.machine.generate_abi: tables that nobody edits.
GENERATED = frozenset({"ultravisor/machine/abi.py"})
SOURCES = (".c", ".h", ".S", ".def", ".ld", ".py", ".pyi")


def long_functions(tree: SourceTree) -> list[str]:
    """Return the functions above the limit."""
    sizes = [
        (path, function.first_line, function.name, function.line_count)
        for path in tree.files(".c", ".h")
        for function in c_source.functions(path.read_text(encoding="utf-8"))
    ]
    sizes += [
        (path, method.first_line, method.name, method.line_count)
        for path in tree.files(".py")
        for method in python_source.functions(path)
    ]
    return [
        f"{tree.name(path)}:{line}: {name} has {count} lines"
        for path, line, name, count in sizes
        if count > FUNCTION_LINES_MAXIMUM
    ]


def long_files(tree: SourceTree) -> list[str]:
    """Return the files above the limit; what a generator writes is no source."""
    found = []
    for path in tree.files(*SOURCES):
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > FILE_LINES_MAXIMUM and tree.name(path) not in GENERATED:
            found.append(f"{tree.name(path)}: {count} lines")
    return found


def long_c_lines(tree: SourceTree) -> list[str]:
    """Return the lines of C and assembly above the limit; a .def row is one line by design."""
    return [
        f"{tree.name(path)}:{number}: {len(line)} columns"
        for path in tree.files(".c", ".h", ".S", ".ld")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > C_COLUMNS_MAXIMUM
    ]


def test_functions_are_short(project: SourceTree) -> None:
    violations = long_functions(project)
    advice = f"At most {FUNCTION_LINES_MAXIMUM} lines, 30 is the aim: split by what the parts do."
    assert not violations, report(violations, advice)


def test_files_are_short(project: SourceTree) -> None:
    violations = long_files(project)
    advice = f"At most {FILE_LINES_MAXIMUM} lines, 300 is the aim: one noun a file."
    assert not violations, report(violations, advice)


def test_c_lines_are_short(project: SourceTree) -> None:
    violations = long_c_lines(project)
    advice = f"At most {C_COLUMNS_MAXIMUM} columns: `make format`, and break comments by hand."
    assert not violations, report(violations, advice)


@pytest.mark.parametrize("lines", [FUNCTION_LINES_MAXIMUM, FUNCTION_LINES_MAXIMUM + 1])
def test_the_function_limit_is_exact(example: SourceTree, lines: int) -> None:
    example.plant("a.c", "int f(void) {\n" + "    g();\n" * (lines - 2) + "}\n")
    example.plant("a.py", "def f():\n" + "    g()\n" * (lines - 1))
    assert len(long_functions(example)) == (2 if lines > FUNCTION_LINES_MAXIMUM else 0)


@pytest.mark.parametrize("lines", [FILE_LINES_MAXIMUM, FILE_LINES_MAXIMUM + 1])
def test_the_file_limit_is_exact(example: SourceTree, lines: int) -> None:
    example.plant("a.S", "nop\n" * lines)
    assert len(long_files(example)) == (1 if lines > FILE_LINES_MAXIMUM else 0)


def test_a_long_line_is_found(example: SourceTree) -> None:
    example.plant("a.h", "/*" + " " * C_COLUMNS_MAXIMUM + "*/\n")
    assert len(long_c_lines(example)) == 1
