# SPDX-License-Identifier: GPL-2.0-or-later
"""Every source opens with its licence and with a few lines on what it owns."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.architecture.source_tree import SourceTree, report

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_LICENCE = "GPL-2.0-or-later"
CONTRACT_LICENCE = "MIT"
# The contract and its Python form, which anybody's guest and tools may include.
CONTRACT = ("monitor/abi/", "ultravisor/machine/abi.py")
COMMENTED_SUFFIXES = (".c", ".h", ".S", ".def", ".ld")
SHELL_NAMES = ("Makefile", "run")
OPENING_LINES = 4  # where the comment has to begin, licence line included
_LICENCE = re.compile(r"SPDX-License-Identifier: ([\w.-]+)")


def licence_of(tree: SourceTree, path: Path) -> str:
    """Return the licence that a file has to state."""
    return CONTRACT_LICENCE if tree.name(path).startswith(CONTRACT) else PROJECT_LICENCE


def sources(tree: SourceTree) -> list[Path]:
    """Return the files that the rule is about."""
    named = [path for path in tree.files() if path.name in SHELL_NAMES]
    return tree.files(*COMMENTED_SUFFIXES, ".py", ".pyi", ".mk") + named


def licence_violations(tree: SourceTree) -> list[str]:
    """Return the files whose first lines do not state the right licence."""
    found = []
    for path in sources(tree):
        first_lines = path.read_text(encoding="utf-8").splitlines()[:2]
        match = _LICENCE.search("\n".join(first_lines))
        if match is None or match[1] != licence_of(tree, path):
            found.append(f"{tree.name(path)}: state {licence_of(tree, path)} in the first line")
    return found


def has_opening(path: Path) -> bool:
    """Say whether a file opens with a comment, or a Python module with a docstring."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return ast.get_docstring(ast.parse(text)) is not None
    lines = [line.strip() for line in text.splitlines()]
    after = [line for line in lines[:OPENING_LINES] if line and "SPDX" not in line]
    after = [line for line in after if not line.startswith("#!")]
    mark = ("/*", "*", "//") if path.suffix in COMMENTED_SUFFIXES else ("#",)
    return bool(after) and after[0].startswith(mark)


def opening_violations(tree: SourceTree) -> list[str]:
    """Return the files without an opening comment."""
    return [f"{tree.name(path)}: no opening" for path in sources(tree) if not has_opening(path)]


def test_every_source_states_its_licence(project: SourceTree) -> None:
    violations = licence_violations(project)
    assert not violations, report(violations, "SPDX-License-Identifier comes first.")


def test_every_source_says_what_it_owns(project: SourceTree) -> None:
    violations = opening_violations(project)
    advice = "Say in a few lines what the file owns, who calls it, what it must not know."
    assert not violations, report(violations, advice)


GPL_LINE = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("native/a.c", "int x;\n"),
        ("monitor/abi/a.h", GPL_LINE),
        ("monitor/core/a.h", "/* SPDX-License-Identifier: MIT */\n"),
        ("Makefile", "all:\n"),
    ],
)
def test_a_wrong_licence_is_found(example: SourceTree, file: str, text: str) -> None:
    example.plant(file, text)
    assert len(licence_violations(example)) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("native/a.c", GPL_LINE + "int x;\n"),
        ("a.py", "# SPDX-License-Identifier: GPL-2.0-or-later\nx = 1\n"),
        (".ci/run", "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-or-later\nset -eu\n"),
    ],
)
def test_a_missing_opening_is_found(example: SourceTree, file: str, text: str) -> None:
    example.plant(file, text)
    assert len(opening_violations(example)) == 1


def test_a_right_opening_is_accepted(example: SourceTree) -> None:
    example.plant("native/a.c", GPL_LINE + "/*\n * What it owns.\n */\nint x;\n")
    example.plant("a.py", '# SPDX-License-Identifier: GPL-2.0-or-later\n"""Owns x."""\n')
    assert licence_violations(example) == []
    assert opening_violations(example) == []
