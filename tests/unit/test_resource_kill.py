# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 at any moment: no acknowledged commit is lost, and none is half there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("count", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_killed_and_opened_again(tmp_path: Path, count: int) -> None:
    program = [sys.executable, "-m", "tests.unit.kill_cycles", str(tmp_path / "j"), str(count), "1"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["cycles"] == count
    # A cycle without a commit would prove little.
    assert result["with_commits"] >= count // 5
    assert result["generation"] >= count // 5
