# SPDX-License-Identifier: GPL-2.0-or-later
"""The scanners that the other rules stand on find what they claim to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.architecture import c_source, python_source

if TYPE_CHECKING:
    from tests.architecture.source_tree import SourceTree

C_SAMPLE = """\
#include <stdint.h>
/* #include "not_really.h" */
# include "core/frames.h"
#define BRACE {
struct pair {
    int a;
};
static const int table[] = {1, 2};
enum e { A, B };

/* A comment with a { brace. */
static __attribute__((noinline)) int first(void (*callback)(int), char c)
{
    const char *text = "} \\" {";
    if (c == '{') {
        callback(1);
    }
    return text[0];
}

int second(void) { return 2; }
"""


def test_c_functions_are_found_with_their_lengths() -> None:
    found = [(f.name, f.first_line, f.line_count) for f in c_source.functions(C_SAMPLE)]
    assert found == [("first", 12, 8), ("second", 21, 1)]


def test_c_includes_are_found_outside_comments() -> None:
    found = [(i.name, i.system, i.line) for i in c_source.includes(C_SAMPLE)]
    assert found == [("stdint.h", True, 1), ("core/frames.h", False, 3)]


def test_python_imports_are_absolute(example: SourceTree) -> None:
    path = example.plant(
        "ultravisor/machine/image.py",
        "import os.path\nfrom ..errors import A\nfrom . import abi\n"
        "def f() -> None:\n    from ultravisor.cli import boot\n",
    )
    names = {found.name for found in python_source.imports(path, example.root)}
    assert names == {
        "os.path",
        "ultravisor.errors.A",
        "ultravisor.machine.abi",
        "ultravisor.cli.boot",
    }


def test_python_functions_are_measured(example: SourceTree) -> None:
    path = example.plant("a.py", "class C:\n    def m(self):\n        x = 1\n        return x\n")
    assert [(f.name, f.line_count) for f in python_source.functions(path)] == [("m", 3)]


def test_tool_output_is_no_source(example: SourceTree) -> None:
    example.plant("native/engine/a.c", "")
    example.plant("build/b.c", "")
    example.plant(".venv/c.c", "")
    assert [example.name(path) for path in example.files(".c")] == ["native/engine/a.c"]
