# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents tell the truth: links lead somewhere, shown code is the code, targets exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.architecture.source_tree import SourceTree, report

if TYPE_CHECKING:
    from pathlib import Path

CHANGE_KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
SHOWN_GUEST = "guest_kernels/hello/main.c"
SHOWN_IN = "docs/first-guest.md"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_C_FENCE = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_RELEASE = re.compile(r"\[(?:Unreleased|\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2})\]?")
_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)[^#\n]*(##)?", re.MULTILINE)
_PHONY = re.compile(r"^\.PHONY:(.*)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    words = [re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in words}


def broken_links(tree: SourceTree) -> list[str]:
    """Return the relative links whose file or heading does not exist."""
    found = []
    for page in tree.files(".md"):
        text = page.read_text(encoding="utf-8")
        for link in _LINK.findall(_FENCE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name) if name else page
            if not target.exists():
                found.append(f"{tree.name(page)}: {link}: no such file")
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                found.append(f"{tree.name(page)}: {link}: no such heading")
    return found


def changelog_violations(text: str) -> list[str]:
    """Return what is not in the form of Keep a Changelog."""
    found = []
    if not text.startswith("# Changelog\n"):
        found.append("the title is not `# Changelog`")
    if "\n## [Unreleased]\n" not in text:
        found.append("there is no `## [Unreleased]`")
    for level, title in re.findall(r"^(##+) (.*)$", text, re.MULTILINE):
        right = _RELEASE.fullmatch(title) if level == "##" else title in CHANGE_KINDS
        if not right:
            found.append(f"{level} {title}")
    return found


def undocumented_targets(makefile: str) -> list[str]:
    """Return the targets a person may type that `make help` does not show."""
    typed = {name for names in _PHONY.findall(makefile) for name in names.split()}
    shown = {name for name, mark in _TARGET.findall(makefile) if mark}
    return sorted(typed - shown)


def read(tree: SourceTree, name: str) -> str:
    """Return the text of a file of the project."""
    path: Path = tree.root / name
    return path.read_text(encoding="utf-8")


def test_links_lead_somewhere(project: SourceTree) -> None:
    violations = broken_links(project)
    assert not violations, report(violations, "Mend the link, or write the page.")


def test_the_shown_guest_is_the_guest(project: SourceTree) -> None:
    shown = _C_FENCE.findall(read(project, SHOWN_IN))
    code = read(project, SHOWN_GUEST)
    assert code in shown, f"Copy {SHOWN_GUEST} into the first c block of {SHOWN_IN}."


def test_the_shown_guest_is_short(project: SourceTree) -> None:
    assert len(read(project, SHOWN_GUEST).splitlines()) <= 50, "A first guest fits one screen."


def test_the_changelog_has_its_form(project: SourceTree) -> None:
    violations = changelog_violations(read(project, "CHANGELOG.md"))
    assert not violations, report(violations, "See https://keepachangelog.com/en/1.1.0/.")


def test_decisions_are_numbered_and_short(project: SourceTree) -> None:
    pages = project.files(".md", under="docs/decisions")
    numbers = [page.name[:4] for page in pages]
    assert numbers == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert sections == ["Context", "Choice", "Price"], page.name
        assert len(text.splitlines()) <= 60, f"{page.name}: at most a page"


def test_the_makefile_is_small_and_documented(project: SourceTree) -> None:
    makefile = read(project, "Makefile")
    assert len(makefile.splitlines()) <= 80, "Move logic to where it belongs."
    assert not undocumented_targets(makefile), "Each target has a `## sentence` for make help."


def test_the_licences_are_the_licences(project: SourceTree) -> None:
    first_words = " ".join(read(project, "LICENSE").split()[:6])
    assert first_words == "GNU GENERAL PUBLIC LICENSE Version 2,"
    assert read(project, "monitor/abi/LICENSE").startswith("MIT License")


def test_a_broken_link_is_found(example: SourceTree) -> None:
    example.plant("docs/a.md", "# One Thing\n[b](b.md) [c](c.md#no) [d](#one-thing) [e](https://x)")
    example.plant("docs/c.md", "# Yes\n")
    found = [violation.split(": ")[1] for violation in broken_links(example)]
    assert found == ["b.md", "c.md#no"]


@pytest.mark.parametrize(
    "line", ["# Changes", "## Soon", "## [1.0] - 2026-01-01", "### Improved", "## 1.0.0"]
)
def test_a_wrong_changelog_is_found(line: str) -> None:
    text = f"# Changelog\n\n## [Unreleased]\n\n{line}\n" if line.startswith("##") else line
    assert changelog_violations(text)


def test_a_right_changelog_is_accepted() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- x\n\n## [0.1.0] - 2026-11-20\n"
    assert changelog_violations(text) == []


def test_an_undocumented_target_is_found() -> None:
    assert undocumented_targets(".PHONY: a b\na: ## shown\n\ttrue\nb:\n\ttrue\n") == ["b"]
