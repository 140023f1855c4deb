# SPDX-License-Identifier: GPL-2.0-or-later
"""The example of a topology in the documents: drawn of a host that runs, the same each time."""

from __future__ import annotations

import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(ROOT)
    drawn: str = runpy.run_path(str(ROOT / "docs" / "topology_example.py"))["picture"]()
    return drawn


def texts(picture: str) -> list[str]:
    return ["".join(row.itertext()) for row in ElementTree.fromstring(picture).iter() if row.text]


def test_the_example_has_all_domains_as_they_are_wanted(picture: str) -> None:
    lines = texts(picture)
    for row, state in (
        ("6 answers", "running"),
        ("7 archive-of-everything", "ready"),
        ("8 asks", "running"),
        ("9 experiment", "running"),
    ):
        assert lines[lines.index(row) + 1] == state
    assert "default, laboratory, service, web" in lines
    assert "asks → answers" in lines


def test_the_example_in_the_documents_shows_the_same_host(picture: str) -> None:
    kept = texts((ROOT / "docs" / "topology.svg").read_text(encoding="utf-8"))
    names = [line for line in texts(picture) if "partitions: " in line or " → " in line]
    assert names == [line for line in kept if "partitions: " in line or " → " in line]
