# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command that a document shows is run, in the document's order, as a reader would.

A command is a line that begins with `$ ` in a `console` or `sh` block. `# exits N` behind it says
that it ends with that code. Each document has a folder of its own with links to the project's
files, and with a copy of the examples, so that what one command writes, the next can read. `make`
is run for an example; other targets are only looked up: the tests are run by one of them. Python
blocks are run and TOML blocks are read as configurations.

A few commands measure for many seconds. The usual run gives these fewer repetitions or images
(CHEAPER), and a slow test runs them exactly as written.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guests.living_processes import runtime_folder
from ultravisor.configuration_reader import parse_configuration
from ultravisor.life.places import living_places
from ultravisor.partitions.policy_reader import parse_policy

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENT_NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
LINKED = ("docs", "guest_kernels", "monitor", "tests")
COPIED = "examples"
# The one document whose TOML is policies.
POLICIES = "policies.md"
RUN = ("ultravisor", "gcc", "pytest")
TIME_LIMIT_SECONDS = 120
# What the usual run adds to a command that begins so; the last of an option's values counts.
CHEAPER = {
    "ultravisor bench switch": ("--repeat", "1", "--pages", "4", "--width", "64"),
    "ultravisor bench resources": ("--transactions", "20", "--partitions", "100"),
    "ultravisor bench io": ("--requests", "100", "--moments", "1"),
    "ultravisor test hostile": ("--list",),
}
_BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXITS = re.compile(r"#\s*exits (\d+)")
_TARGET = re.compile(r"^([a-z][a-z_-]*):", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One documented command."""

    line: int
    text: str

    @property
    def words(self) -> list[str]:
        """Return the command's words, without the comment."""
        return shlex.split(self.text, comments=True)

    @property
    def exit_code(self) -> int:
        """Return the exit code that the document promises."""
        match = _EXITS.search(self.text)
        return int(match[1]) if match else 0


def commands_of(text: str) -> list[Command]:
    """Return the commands that a document shows; a backslash continues a line."""
    found = []
    for block in _BLOCK.finditer(text):
        lines = block[1].splitlines()
        first = text.count("\n", 0, block.start(1)) + 1
        for number, line in enumerate(lines):
            if not line.startswith("$ "):
                continue
            whole, after = line[2:], number
            while whole.endswith("\\"):
                after += 1
                whole = whole[:-1] + lines[after]
            found.append(Command(first + number, whole))
    return found


def targets_of(folder: Path) -> set[str]:
    """Return the targets of the Makefile in a folder."""
    makefile = folder / "Makefile"
    text = makefile.read_text(encoding="utf-8") if makefile.exists() else ""
    return set(_TARGET.findall(text))


def is_gone(process: int) -> bool:
    """Say whether a killed process has ended; it may take a moment, and its reaper another."""
    state = Path(f"/proc/{process}/stat")
    for _ in range(100):
        try:
            if state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def make_complaint(words: list[str]) -> str | None:
    """Return what is wrong with a documented `make`, or None."""
    folder = ROOT
    targets = []
    rest = iter(words[1:])
    for word in rest:
        if word == "-C":
            folder = ROOT / next(rest)
        elif not word.startswith("-") and "=" not in word:
            targets.append(word)
    missing = [target for target in targets if target not in targets_of(folder)]
    return f"{folder.name}/Makefile has no target {missing}" if missing else None


def run_complaint(words: list[str], folder: Path, exit_code: int = 0) -> str | None:
    """Run a command in a folder; return what went wrong, or None."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        # Its children too: a machine that hangs must not outlive the test.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"not done after {TIME_LIMIT_SECONDS} s"
    if process.returncode == exit_code:
        return None
    tail = "\n".join(output.splitlines()[-15:])
    return f"exit code {process.returncode}, documented {exit_code}\n{tail}"


def cheaper(command: Command) -> Command:
    """Return a command with less to do, where it would measure for long."""
    for beginning, more in CHEAPER.items():
        if shlex.join(command.words[: len(beginning.split())]) == beginning:
            # Before a comment, which says how it exits.
            text, mark, comment = command.text.partition(" #")
            return Command(command.line, f"{text} {shlex.join(more)}{mark}{comment}")
    return command


def complaint(command: Command, folder: Path) -> str | None:
    """Return what is wrong with a documented command, or None."""
    words = command.words
    if words[0] == "make":
        in_example = "-C" in words and words[words.index("-C") + 1].startswith(COPIED)
        return run_complaint(words, folder) if in_example else make_complaint(words)
    if words[0] in RUN:
        return run_complaint(words, folder, command.exit_code)
    return f"documents show make, {' and '.join(RUN)}: write `{words[0]}` in the text instead"


@pytest.mark.parametrize("document", DOCUMENTS, ids=DOCUMENT_NAMES)
def test_documented_commands_work(document: Path, tmp_path: Path) -> None:
    check_document(document, tmp_path, cheaper)


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS, ids=DOCUMENT_NAMES)
def test_documented_commands_work_as_written(document: Path, tmp_path: Path) -> None:
    commands = commands_of(document.read_text(encoding="utf-8"))
    if any(cheaper(command) != command for command in commands):
        check_document(document, tmp_path, lambda command: command)


def check_document(document: Path, tmp_path: Path, change: Callable[[Command], Command]) -> None:
    """Run a document's commands where no host of another test lives."""
    with tempfile.TemporaryDirectory(prefix="uv-") as name, runtime_folder(Path(name)):
        run_commands(document, tmp_path, change)
        left = [place.name for place in living_places()]
        assert not left, f"{document.name}: end what it brings up, with `ultravisor down`: {left}"


def run_commands(document: Path, tmp_path: Path, change: Callable[[Command], Command]) -> None:
    """Run a document's commands in a folder, one after the other."""
    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(
        ROOT / COPIED, tmp_path / COPIED, ignore=shutil.ignore_patterns("build", "__pycache__")
    )
    for command in map(change, commands_of(document.read_text(encoding="utf-8"))):
        wrong = complaint(command, tmp_path)
        assert wrong is None, f"{document.name}:{command.line}: $ {command.text}\n{wrong}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=DOCUMENT_NAMES)
def test_documented_python_works(document: Path, tmp_path: Path) -> None:
    for block in _PYTHON.findall(document.read_text(encoding="utf-8")):
        wrong = run_complaint([sys.executable, "-c", block], tmp_path)
        assert wrong is None, f"{document.name}: {wrong}\n{block}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=DOCUMENT_NAMES)
def test_documented_configurations_are_accepted(document: Path) -> None:
    for block in _TOML.findall(document.read_text(encoding="utf-8")):
        if document.name == POLICIES:
            assert parse_policy([(block, document.name)]).policy.domain
        else:
            found = parse_configuration(block, document.name)
            assert found.partition or found.device


def test_the_readme_shows_commands() -> None:
    shown = [command.words[:2] for command in commands_of(DOCUMENTS[0].read_text("utf-8"))]
    assert ["make", "demo"] in shown
    assert ["make", "test"] in shown
    assert ["ultravisor", "boot"] in shown


def test_commands_are_found_with_their_exit_codes() -> None:
    text = "a\n```console\n$ make demo\noutput\n$ ultravisor boot x \\\n  --json # exits 3\n```\n"
    found = commands_of(text)
    assert [(c.line, c.exit_code, c.words) for c in found] == [
        (3, 0, ["make", "demo"]),
        (5, 3, ["ultravisor", "boot", "x", "--json"]),
    ]


def test_a_cheaper_command_keeps_its_words_and_its_exit_code() -> None:
    found = cheaper(Command(1, "ultravisor bench switch null --repeat 20 # exits 3"))
    assert found.words[3:] == ["null", "--repeat", "20", *CHEAPER["ultravisor bench switch"]]
    assert found.exit_code == 3
    alone = Command(1, "ultravisor test hostile/stale_code --build both")
    assert cheaper(alone) == alone


def test_a_command_that_hangs_is_stopped_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "TIME_LIMIT_SECONDS", 1)
    script = tmp_path / "hang"
    script.write_text("sleep 300 & echo $! >child; wait\n", encoding="utf-8")
    wrong = run_complaint(["sh", str(script)], tmp_path)
    assert wrong is not None
    child = int((tmp_path / "child").read_text())
    assert is_gone(child), "a child outlives its command"


def test_wrong_commands_are_found(tmp_path: Path) -> None:
    assert complaint(Command(1, "make no-such-target"), tmp_path) is not None
    assert complaint(Command(1, "make -C docs anything"), tmp_path) is not None
    assert complaint(Command(1, "rm -r x"), tmp_path) is not None
    assert complaint(Command(1, "gcc --no-such-option"), tmp_path) is not None
    assert complaint(Command(1, "gcc --version"), tmp_path) is None
    assert complaint(Command(1, "make -j4 test"), tmp_path) is None
