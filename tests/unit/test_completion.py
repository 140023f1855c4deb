# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor completion`: scripts that shells accept, and answers to what they ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ultravisor.cli import COMPLETION_VARIABLE, VERBS, run
from ultravisor.cli.completion import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish")


def script_of(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["completion", shell]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_this_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = script_of(shell, capsys)
    assert f"{COMPLETION_VARIABLE}={shell}_complete" in script
    assert PROGRAM in script
    assert "%(" not in script


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_does_not_need_its_shell(
    shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_shells = script_of(shell, capsys)
    monkeypatch.setenv("PATH", "")
    assert script_of(shell, capsys) == with_shells


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_accepts_its_script(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(script_of(shell, capsys))
    subprocess.run([program, "-n", str(script)], check=True)


def answers(words: str, *, word: int) -> list[str]:
    """Ask as the script for bash does; return the lines of the answer."""
    question = {COMPLETION_VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(word)}
    done = subprocess.run(
        [sys.executable, "-m", "ultravisor"],
        env={**os.environ, **question},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_verbs_and_options_are_completed() -> None:
    assert answers("ultravisor ", word=1) == [f"plain,{verb}" for verb in VERBS]
    assert answers("ultravisor bo", word=1) == ["plain,boot"]
    assert answers("ultravisor completion b", word=2) == ["plain,bash"]
    assert "plain,--monitor" in answers("ultravisor boot --mo", word=2)
    assert answers("ultravisor bench s", word=2) == ["plain,speed", "plain,switch", "plain,start"]


def test_bundled_names_and_files_are_completed() -> None:
    assert answers("ultravisor boot dem", word=2) == ["file,dem", "plain,demo"]
    assert answers("ultravisor check /some/fi", word=2) == ["file,/some/fi"]
    assert answers("ultravisor test ex", word=2) == ["file,ex", "plain,example"]


def test_a_verb_that_is_none_has_no_completions() -> None:
    assert [line for line in answers("ultravisor bost he", word=2) if line] == []


def test_the_script_for_bash_completes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    script = tmp_path / "script"
    command = tmp_path / PROGRAM
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ultravisor "$@"\n')
    command.chmod(0o755)
    script.write_text(
        script_of("bash", capsys)
        + "COMP_WORDS=(ultravisor repl)\nCOMP_CWORD=1\n"
        + f'_{PROGRAM}_completion "{command}"\necho "${{COMPREPLY[@]}}"\n'
    )
    done = subprocess.run([bash, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "replay\n"
