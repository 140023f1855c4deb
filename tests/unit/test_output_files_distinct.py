# SPDX-License-Identifier: GPL-2.0-or-later
"""One file for two outputs is refused before anything runs, however it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ultravisor.cli import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["boot", "hello", "--trace", "x", "--stats", "./x"], "--stats and --trace are one file"),
        (["boot", "hello", "--record", "x", "--stats", "link"], "--record and --stats are one"),
        (["bench", "switch", "--save", "x", "--html", "link"], "--save and --html are one file"),
        (["bench", "compare", "a", "x", "--html", "link"], "B and --html are one file: link"),
    ],
)
def test_it_is_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("as it was")
    (tmp_path / "link").symlink_to("x")
    assert run(arguments) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "x").read_text() == "as it was"


def test_a_device_may_take_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["boot", "hello", "--record", "/dev/null", "--stats", "/dev/null"]) == 0
    assert "Hello" in capsys.readouterr().out
