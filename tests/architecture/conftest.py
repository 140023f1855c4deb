# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the architecture tests: the project's tree, and an empty one for examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.architecture.source_tree import ROOT, SourceTree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def project() -> SourceTree:
    """Return the project's own files."""
    return SourceTree(ROOT)


@pytest.fixture
def example(tmp_path: Path) -> SourceTree:
    """Return an empty tree, in which a test plants what a rule has to find."""
    return SourceTree(tmp_path)
