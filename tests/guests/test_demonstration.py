# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor demo`: what it must say, and that it is no success when something is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ultravisor.cli import demo, run
from ultravisor.demonstration import Demonstration, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_demo_ends_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "system.html"
    assert run(["demo", "--picture", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "io-a running -> failed" in text
    assert "alice | large.bin: 1048576 bytes are as they were filled" in text
    verdicts = [line for line in text.splitlines() if line.startswith(("right: ", "WRONG: "))]
    verdicts[1] = re.sub("[0-9]+", "N", verdicts[1])
    assert verdicts == [
        "right: io-b serves disk0, io-a stands by",
        "right: the new ultravisor knows generation N as the lost one did",
        "right: alice found everything as it should be",
        "right: bob found everything as it should be",
        "right: carol found everything as it should be",
    ]
    for name in ("duo", "duo_32", "pingpong", "pingpong_32"):
        assert f"\n{name}: native and simulated monitor agree" in text
    page = picture.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert all(name in page for name in ("io-a", "io-b", "alice", "bob", "carol", "disk0.1"))


def test_a_story_that_went_wrong_is_no_success(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_short(story: Demonstration) -> None:
        story.verdicts.append(Verdict("alice found everything as it should be", holds=False))

    monkeypatch.setattr(Demonstration, "run", run_short)
    monkeypatch.setattr(demo, "COMPARED", ())
    assert run(["demo", "--quiet"]) == 1
    assert capsys.readouterr().out == "WRONG: alice found everything as it should be\n"
