# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor check`, and the check before a boot: words, JSON and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.elf_builder import Elf
from ultravisor.cli import image_warning, run

if TYPE_CHECKING:
    from pathlib import Path

HALT = b"\xf4"
MASK = b"\xfa"
FINDING_KEYS = {"address", "symbol", "instruction", "kind", "case", "advice"}


@pytest.fixture(autouse=True)
def in_a_folder_of_guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write(tmp_path, "clean", tiny.leave())
    tiny.write(tmp_path, "halting", tiny.leave() + MASK + HALT + b"\xeb\x00")
    (tmp_path / "text.elf").write_text("hello")
    (tmp_path / "narrow.elf").write_bytes(Elf(elf_class=1).build())


def test_findings_are_told_with_address_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "clean.elf", "halting.elf"]) == 1
    lines = capsys.readouterr().out.splitlines()
    size = len(tiny.leave())
    assert (
        lines[0] == f"clean.elf: clean; 0 of {size} bytes of executable segments were not reached"
    )
    assert lines[1] == f"halting.elf: {0xFFFFFFFF80000000 + size:#x}: privileged: cli"
    assert lines[2] == "    Set `events_masked` in the shared page."
    assert lines[-1].startswith("halting.elf: 2 findings; 0 of ")


def test_json_has_the_documented_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--json", "halting.elf", "clean.elf"]) == 1
    output = capsys.readouterr().out
    assert output.count("\n") == 1
    report = json.loads(output)
    assert (report["schema"], report["clean"]) == ("ultravisor.check/1", False)
    halting, clean = report["images"]
    assert (halting["image"], halting["width"], len(halting["sha256"])) == ("halting.elf", 64, 64)
    assert set(halting["findings"][0]) == FINDING_KEYS
    assert [row["case"] for row in halting["findings"]] == ["cli", "hlt"]
    assert (clean["findings"], clean["unreached_bytes"]) == ([], 0)
    assert clean["executable_bytes"] == len(tiny.leave())
    assert run(["check", "--json", "clean.elf"]) == 0
    assert json.loads(capsys.readouterr().out)["clean"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["clean.elf", "text.elf"], 3, "text.elf: offset 0x0: not an ELF image"),
        (["narrow.elf"], 3, "narrow.elf: offset 0x12: built for EM_X86_64"),
        (["halting.elf", "absent.elf"], 6, "absent.elf: no such file"),
        ([], 2, "Missing argument 'IMAGE...'"),
    ],
)
def test_what_is_no_image_is_refused_before_any_report(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", *arguments]) == code
    output = capsys.readouterr()
    assert words in output.err
    assert output.out == ""


@pytest.mark.guest
def test_a_boot_warns_once_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["boot", "-q", "halting.elf", "halting.elf", "clean.elf"]) == 0
    assert capsys.readouterr().err == (
        "warning: halting.elf: 2 instructions that a guest must not use; "
        "see: ultravisor check halting.elf\n"
    )
    assert run(["boot", "-q", "halting.elf", "--check", "off"]) == 0
    assert capsys.readouterr().err == ""


def test_a_boot_refuses_before_anything_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["boot", "clean.elf", "halting.elf", "--check", "refuse", "--record", "run.json"]
    assert run(arguments) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        "error: halting.elf: 2 instructions that a guest must not use\n"
        "  see: ultravisor check halting.elf\n"
    )
    assert not (tmp_path / "run.json").exists()


@pytest.mark.guest
def test_an_image_too_large_to_check_is_refused_but_not_warned_of(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_warning, "LIMIT_INSTRUCTIONS", 2)
    assert run(["boot", "-q", "clean.elf"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["boot", "-q", "clean.elf", "--check", "refuse"]) == 3
    assert "too large to be checked before a boot" in capsys.readouterr().err
    monkeypatch.setattr(image_warning, "LIMIT_INSTRUCTIONS", 6)
    assert run(["boot", "-q", "halting.elf"]) == 0
    assert "1 instruction that a guest must not use among the first 6" in capsys.readouterr().err
