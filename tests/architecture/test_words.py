# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing unfinished is marked in the sources, and no file names a place on one machine."""

from __future__ import annotations

import re

import pytest

from tests.architecture.source_tree import SourceTree, report

TEXTS = (".c", ".h", ".S", ".def", ".ld", ".py", ".pyi", ".md", ".toml", ".mk", "")
BINARY_NAMES = frozenset({"py.typed"})
# Put together here, so that this file does not contain what it looks for.
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
MACHINE_FOLDERS = ("home", "root", "tmp", "mnt", "srv", "farm", "Users", "work")
_WORD = rf"\b(?:{'|'.join(UNFINISHED)})\b"
_PATH = rf"(?<![\w.}}\])/*-])/(?:{'|'.join(MACHINE_FOLDERS)})/"
_WORDS = re.compile(f"{_WORD}|{_PATH}")


def violations_of(tree: SourceTree) -> list[str]:
    """Return the lines with a forbidden word."""
    found = []
    for path in tree.files(*TEXTS):
        if path.name == "LICENSE" or path.name in BINARY_NAMES:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = _WORDS.search(line)
            if match is not None:
                found.append(f"{tree.name(path)}:{number}: {match.group()}")
    return found


def test_no_forbidden_words(project: SourceTree) -> None:
    violations = violations_of(project)
    advice = "Finish it or open an issue; paths are relative to the project, or configured."
    assert not violations, report(violations, advice)


@pytest.mark.parametrize("word", [*UNFINISHED, *(f" /{name}/x" for name in MACHINE_FOLDERS)])
def test_a_forbidden_word_is_found(example: SourceTree, word: str) -> None:
    example.plant("a.c", f"int x; /* {word}: later */\n")
    assert len(violations_of(example)) == 1


def test_harmless_words_are_accepted(example: SourceTree) -> None:
    below = " ".join(f"frames/{name}/x $(BUILD)/{name}/" for name in MACHINE_FOLDERS)
    longer = " ".join(f"{word}L" for word in UNFINISHED)
    example.plant("a.md", f"{below} {longer}\n")
    assert violations_of(example) == []
