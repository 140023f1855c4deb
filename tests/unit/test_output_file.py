# SPDX-License-Identifier: GPL-2.0-or-later
"""An output is proved writable before anything starts, and destroyed by nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ultravisor.cli.output_file import OutputFile
from ultravisor.errors import OutputError


def test_what_is_written_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("something longer than before")
    OutputFile(path).write(b"new")
    assert path.read_bytes() == b"new"


def test_an_unused_output_leaves_nothing(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("kept")
    for path in (new, old):
        output = OutputFile(path)
        output.close()
        output.close()
    assert not new.exists()
    assert old.read_text() == "kept"


@pytest.mark.parametrize("name", ["absent/run.json", "."])
def test_an_unwritable_output_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot be written") as caught:
        OutputFile(tmp_path / name)
    assert caught.value.exit_code == 2


def test_a_full_device_is_told() -> None:
    output = OutputFile(Path("/dev/full"))
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left"):
        output.write(b"x")
    output.close()


def test_a_device_takes_what_is_written() -> None:
    OutputFile(Path("/dev/null")).write(b"x")
