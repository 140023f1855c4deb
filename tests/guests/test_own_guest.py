# SPDX-License-Identifier: GPL-2.0-or-later
"""The example of a user's own guest: built by its own Makefile, elsewhere, and tested there.

The page that explains it shows the files as they are.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.guest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own_guest"
PAGE = ROOT / "docs" / "testing.md"
SHOWN = ("sum_scenario.c", "smallest.c", "test_kernel.py", "Makefile")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the example away from the project, and build it there."""
    folder = tmp_path_factory.mktemp("elsewhere") / "own_guest"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build"))
    done = run("make", "-s", f"ULTRAVISOR={ROOT}", folder=folder)
    assert done.returncode == 0, done.stdout
    return folder


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_builds_without_a_word(folder: Path) -> None:
    assert run("make", "-s", f"ULTRAVISOR={ROOT}", folder=folder).stdout == ""
    names = {path.name for path in (folder / "build").glob("*.elf")}
    assert names == {"kernel.elf", "sum_scenario.elf", "smallest.elf"}


def test_its_scenarios_succeed_under_both_builds(folder: Path) -> None:
    words = ("ultravisor", "test", "build/sum_scenario.elf", "build/smallest.elf")
    done = run(sys.executable, "-m", *words, "--build", "both", folder=folder)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" success ") == 4
    assert "Only digits count, and all of them do." in done.stdout
    assert "A call page is enough to be heard." in done.stdout


def test_its_own_tests_pass_under_both_builds(folder: Path) -> None:
    words = ("pytest", "-q", "-p", "no:cacheprovider", "--ultravisor-build", "both")
    done = run(sys.executable, "-m", *words, folder=folder)
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout


def test_a_change_that_breaks_the_kernel_breaks_its_tests(folder: Path) -> None:
    source = folder / "sum.c"
    right = source.read_text(encoding="utf-8")
    try:
        source.write_text(right.replace("sum +=", "sum -="), encoding="utf-8")
        assert run("make", "-s", f"ULTRAVISOR={ROOT}", folder=folder).returncode == 0
        tested = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=folder)
        judged = run(
            sys.executable, "-m", "ultravisor", "test", "build/sum_scenario.elf", folder=folder
        )
    finally:
        source.write_text(right, encoding="utf-8")
        run("make", "-s", f"ULTRAVISOR={ROOT}", folder=folder)
    assert tested.returncode == 1
    assert "expected 'sum 45' on the console of `kernel`" in tested.stdout
    assert judged.returncode == 1
    assert "the sum is 4294967281: expected sum == 15" in judged.stdout


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_shows_the_file_as_it_is(name: str) -> None:
    shown = re.findall(r"^```\w+\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    text = (EXAMPLE / name).read_text(encoding="utf-8")
    assert text in shown, f"Copy examples/own_guest/{name} into a block of docs/testing.md."
