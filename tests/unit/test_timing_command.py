# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor timing`: what it prints, and how wrong input ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ultravisor.cli import run
from ultravisor.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

CODE = "480fafc34801d8"  # imul rax, rbx; add rax, rbx


def test_a_prediction_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["timing", "predict", "--hex", CODE, "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "ultravisor.timing.predict/1"
    assert found["core"] == "skylake"
    assert found["cycles"] == 4.0
    assert found["bottlenecks"] == ["dependencies"]
    assert found["unknown_instructions"] == 0
    assert [line["text"] for line in found["instructions"]] == ["imul rax, rbx", "add rax, rbx"]
    assert found["instructions"][0]["ports"] == {"1": 1.0}
    assert sum(found["instructions"][1]["ports"].values()) == pytest.approx(1.0, abs=0.01)


def test_a_prediction_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["timing", "predict", "--hex", CODE, "--core", "haswell"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "haswell: 4.00 cycles an iteration (modelled)" in text
    assert "bound by: dependencies" in text
    rows = [line for line in text.splitlines() if line.startswith(("0 imul", "0 add"))]
    assert len(rows) == 2
    assert all({"I", "D", "E", "R"} <= set(row.partition("|")[2]) for row in rows)


def test_a_core_that_was_not_validated_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["timing", "predict", "--hex", CODE, "--core", "ivybridge"]) == ExitCode.OK
    assert "(modelled, not validated)" in capsys.readouterr().out
    assert run(["timing", "predict", "--hex", CODE, "--core", "ivybridge", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["validated"] is False


@pytest.mark.parametrize("content", [bytes.fromhex(CODE), CODE.encode() + b"\n"])
def test_code_from_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "code"
    path.write_bytes(content)
    assert run(["timing", "predict", str(path), "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["cycles"] == 4.0


def test_a_pipeline_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pipeline.log"
    assert run(["timing", "predict", "--hex", CODE, "--kanata", str(path)]) == ExitCode.OK
    lines = path.read_text().splitlines()
    assert lines[0] == "Kanata\t0004"
    assert lines[1].startswith("C=\t")
    kinds = [line.split("\t")[0] for line in lines]
    # Two iterations of two micro-ops: each begins, and each retires.
    assert kinds.count("I") == kinds.count("R") == 4
    assert "L\t0\t0\timul rax, rbx" in lines
    absent = tmp_path / "absent" / "pipeline.log"
    assert run(["timing", "predict", "--hex", CODE, "--kanata", str(absent)]) == ExitCode.USAGE
    assert "cannot be written" in capsys.readouterr().err


def test_the_speed_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(f"{CODE},400.0\n488b04244889442408,100\n")
    assert run(["timing", "speed", str(path), "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "ultravisor.timing.speed/1"
    assert found["blocks"] == 2
    assert found["instructions"] == 4 * 20_000
    assert found["instructions_per_second"] > 100_000


def test_32_bit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["timing", "predict", "--hex", "40", "--width", "32", "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert found["instructions"][0]["text"] == "inc eax"
    assert found["cycles"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["predict"], ExitCode.USAGE, "give a FILE or --hex"),
        (["predict", "x", "--hex", "90"], ExitCode.USAGE, "give a FILE or --hex"),
        (["predict", "absent.bin"], ExitCode.NOT_FOUND, "absent.bin: no such file"),
        (["predict", "--hex", "9"], ExitCode.CONFIGURATION, "not hexadecimal"),
        (["predict", "--hex", ""], ExitCode.CONFIGURATION, "no code"),
        (["predict", "--hex", "9006"], ExitCode.CONFIGURATION, "byte 1: no instruction"),
        (["predict", "--hex", "90" * 5000], ExitCode.CONFIGURATION, "5000 bytes"),
        (["predict", "--hex", "90", "--core", "z80"], ExitCode.NOT_FOUND, "z80"),
        (["evaluate", "absent.csv"], ExitCode.NOT_FOUND, "absent.csv: no such file"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["timing", *arguments]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert not captured.out


def test_an_evaluation_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(f"{CODE},400.0\n480fafc3,330\n62f17c4858c1,100\n")
    assert run(["timing", "evaluate", str(path), "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert found.pop("blocks_per_second") > 0
    assert found.pop("kendall_tau") == pytest.approx(1.0)
    # 0 %, 30 cycles of 330, and one that is not supported.
    assert found.pop("mape_percent") == pytest.approx(100 * (0 + 30 / 330 + 1) / 3, abs=0.001)
    assert found == {
        "schema": "ultravisor.timing.evaluate/1",
        "core": "skylake",
        "blocks": 3,
        "unsupported": 1,
        "median_percent": pytest.approx(100 * 30 / 330, abs=0.001),
    }


@pytest.mark.parametrize("row", ["zz,100", "90", "90,x", "90,0", ",100", "90,-3", "90,nan"])
def test_a_wrong_row_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(f"90,25\n{row}\n")
    assert run(["timing", "evaluate", str(path)]) == ExitCode.CONFIGURATION
    assert "measured.csv:2: not a row of measurements" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [[], ["predict"], ["evaluate"], ["speed"]])
def test_each_help_has_two_examples(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["timing", *verb, "--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    examples = [line for line in text.splitlines() if line.strip().startswith("ultravisor timing")]
    assert len(examples) == 2
