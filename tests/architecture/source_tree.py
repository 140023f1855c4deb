# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own files, as the architecture tests read them.

Owns which files count as ours. Knows nothing of C, of Python or of any rule.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What tools make: never a source.
MADE_BY_TOOLS = frozenset({"build", "dist", "images", "node_modules", "__pycache__"})
KEPT_DOT_NAMES = frozenset({".ci", ".clang-format", ".gitignore"})


def _is_ours(name: str) -> bool:
    """Say whether a folder's or file's name can belong to a source."""
    if name.startswith("."):
        return name in KEPT_DOT_NAMES
    return name not in MADE_BY_TOOLS and not name.endswith(".egg-info")


@dataclass(frozen=True)
class SourceTree:
    """A folder that is laid out like the project: the project itself, or a planted example."""

    root: Path

    def files(self, *suffixes: str, under: str = "") -> list[Path]:
        """Return our files with one of the suffixes (all without any), in a fixed order."""
        found = []
        for folder, names, file_names in os.walk(self.root / under):
            names[:] = sorted(name for name in names if _is_ours(name))
            for name in sorted(file_names):
                path = Path(folder, name)
                if _is_ours(name) and (not suffixes or path.suffix in suffixes):
                    found.append(path)
        return found

    def name(self, path: Path) -> str:
        """Return a file's name as a person writes it: relative to the root, with slashes."""
        return path.relative_to(self.root).as_posix()

    def plant(self, name: str, text: str) -> Path:
        """Write a file, with its folders: how the tests of the rules make an example."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def report(violations: list[str], advice: str) -> str:
    """Return the message of a broken rule: what is wrong, and what to do about it."""
    return "\n".join([f"{len(violations)} violation(s). {advice}", *violations])
