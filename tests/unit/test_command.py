# SPDX-License-Identifier: GPL-2.0-or-later
"""The command: help, exit codes and messages, without booting anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.unit.elf_builder import Elf, Program
from ultravisor import cli
from ultravisor.cli import VERBS, run
from ultravisor.cli.lazy import LazyGroup, Verb
from ultravisor.errors import ExitCode

# What only the verb that runs may import: each costs more than all of --help may.
HEAVY = ("rich", "msgspec", "elftools", "cffi", "_cffi_backend", "unicorn", "capstone", "hashlib")


@pytest.mark.parametrize("verb", VERBS)
def test_each_verbs_help_begins_with_two_examples(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("  Examples:")
    assert start <= 4
    assert all(line.startswith(f"    ultravisor {verb}") for line in lines[start + 1 : start + 3])


def test_help_names_every_verb_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in VERBS)
    assert all(f" {code.value}  " in text for code in ExitCode)


@pytest.mark.parametrize("arguments", [["--help"], ["boot", "--help"], ["bench", "--help"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from ultravisor.cli import run; "
        f"assert run({arguments!r}) == 0; "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version_names_what_a_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("ultravisor 0.1.0\n")
    assert "unicorn 2.1.3" in text


def write(folder: Path, name: str, data: bytes | str) -> str:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["bost"], 2, "Did you mean `boot`?"),
        (["boot"], 2, "Missing argument 'FILE...'"),
        (["boot", "hello", "--monitor", "real"], 2, "'real' is not one of"),
        (["boot", "hello", "--seed", "-1"], 2, "-1 is not in the range"),
        (["boot", "hello", "--log", "traps"], 2, "no category `traps`"),
        (["boot", "absent.elf"], 6, "error: absent.elf: no such file"),
        (["boot", "text.elf"], 3, "error: text.elf: offset 0x0: not an ELF image"),
        (["boot", "narrow.elf"], 3, "error: narrow.elf: offset 0x12: built for EM_X86_64"),
        (["boot", "host.toml"], 3, "error: host.toml:1: host.seeds: unknown key"),
        (["boot", "guest.elf", "--memory", "65"], 3, "65 is not a multiple of 2"),
        (["boot", "guest.elf", "--record", "absent/x.json"], 2, "absent/x.json: cannot be written"),
        (["replay", "absent.json"], 6, "error: absent.json: no such file"),
        (["replay", "host.toml"], 3, "error: host.toml: not a run record"),
    ],
)
def test_what_is_wrong_ends_with_its_code_and_no_traceback(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "text.elf", "hello")
    write(tmp_path, "narrow.elf", Elf(elf_class=1).build())
    write(tmp_path, "guest.elf", Elf().build())
    write(tmp_path, "host.toml", "host.seeds = 1\n")
    assert run(arguments) == code
    output = capsys.readouterr()
    assert words in output.err.replace("\n", " ")
    assert "Traceback" not in output.err
    assert output.out == ""


def test_messages_cannot_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["boot", "\x1b[2Jabsent.elf"]) == 6
    assert "\x1b" not in capsys.readouterr().err


def test_what_nobody_foresaw_ends_with_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object, **_settings: object) -> None:
        raise RuntimeError("the unforeseen")

    monkeypatch.setattr(cli.group, "main", fail)
    assert run([]) == ExitCode.INTERNAL
    text = capsys.readouterr().err
    assert "internal error: RuntimeError: the unforeseen" in text
    assert "please report" in text
    assert "ultravisor 0.1.0" in text


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object, **_settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.group, "main", interrupt)
    assert run([]) == 130


def test_python_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ultravisor", "boot", "absent-guest"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    assert done.stderr.startswith("error: absent-guest: no such file")


def test_a_full_standard_output_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ultravisor", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


def test_a_reader_that_went_away_is_not_told() -> None:
    command = f"{sys.executable} -m ultravisor --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.strip() == "2"


def test_a_lazy_group_refuses_a_module_without_a_command() -> None:
    group = LazyGroup("probe", verbs={"broken": Verb("json", "No command in there.")})
    with pytest.raises(TypeError, match="json has no command"):
        group.get_command(click.Context(group), "broken")
    assert group.get_command(click.Context(group), "absent") is None


def test_an_image_in_a_wrong_place_is_refused_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal comes before anything starts: --record's file is not left behind."""
    image = write(tmp_path, "guest.elf", Elf([Program(flags=7)]).build())
    record = tmp_path / "run.json"
    assert run(["boot", image, "--record", str(record)]) == 3
    assert "writable and executable" in capsys.readouterr().err
    assert not record.exists()


def test_doctor_tells_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ultravisor import checkup, resolution

    monkeypatch.setattr(resolution, "BUNDLED", tmp_path)
    monkeypatch.setattr(checkup, "BUNDLED", tmp_path)
    assert run(["doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "ultravisor.doctor/1"
    checks = {row["name"]: row for row in report["checks"]}
    assert checks["python"]["ok"]
    assert not checks["images"]["ok"]
    assert "missing in" in checks["images"]["detail"]
    assert checks["images"]["advice"].startswith("build the images")
    assert not checks["boot native"]["ok"]
