# SPDX-License-Identifier: GPL-2.0-or-later
"""What the architecture tests ask of a Python file: its imports and its functions."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class PythonImport:
    """One imported module, by its full name; for `from a import b` that is `a.b`."""

    name: str
    line: int


@dataclass(frozen=True)
class PythonFunction:
    """One function or method."""

    name: str
    first_line: int
    line_count: int


def module_name(path: Path, root: Path) -> str:
    """Return the dotted name under which a file of the project is imported."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _package_parts(path: Path, root: Path) -> list[str]:
    """Return the package that a file's relative imports start from."""
    return list(path.relative_to(root).parent.parts)


def imports(path: Path, root: Path) -> list[PythonImport]:
    """Return all imports of a file, also those inside functions, by absolute names."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found += [PythonImport(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = _package_parts(path, root)
            base = package[: len(package) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            names = [".".join([*base, alias.name]) for alias in node.names]
            found += [PythonImport(name, node.lineno) for name in names]
    return found


def functions(path: Path) -> list[PythonFunction]:
    """Return all functions and methods of a file with their lengths."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno if node.end_lineno is not None else node.lineno
            found.append(PythonFunction(node.name, node.lineno, last - node.lineno + 1))
    return found
