# SPDX-License-Identifier: GPL-2.0-or-later
"""`boot --exit-from`: whose exit code the command ends with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor.cli import run
from ultravisor.cli.exit_from import exit_as
from ultravisor.machine.abi import Hypercall
from ultravisor.results import ExitResult, HostResult, PartitionResult

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.guest
@pytest.mark.parametrize(
    ("code", "arguments", "expected"),
    [
        (tiny.leave(0), [], 0),
        (tiny.leave(1), [], 1),
        (tiny.leave(42), [], 42),
        (tiny.leave(255), [], 255),
        (tiny.leave(256), [], 255),
        (tiny.leave(-1), [], 255),
        (tiny.UNDEFINED, [], 254),
        (tiny.call(Hypercall.BLOCK), [], 1),
        (tiny.SPIN, ["--cycles", "30000"], 7),
    ],
)
def test_the_named_partitions_code_is_the_commands(
    code: bytes,
    arguments: list[str],
    expected: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judged = tiny.write(tmp_path, "judged", code)
    other = tiny.write(tmp_path, "other", tiny.leave(9))
    command = ["boot", judged, other, "--exit-from", "judged", *arguments]
    assert run([*command, "--json"]) == expected
    assert json.loads(capsys.readouterr().out)["exit"]["code"] == expected
    assert run(command) == expected
    assert f"(exit code {expected})" in capsys.readouterr().out


@pytest.mark.guest
def test_a_partition_that_ended_counts_though_others_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = tiny.write(tmp_path, "judged", tiny.leave(3))
    other = tiny.write(tmp_path, "other", tiny.SPIN)
    command = ["boot", judged, other, "--cycles", "300000", "--exit-from"]
    assert run([*command, "judged"]) == 3
    assert "cycle budget reached; judged exited (exit code 3)" in capsys.readouterr().out
    assert run([*command, "other"]) == 7
    capsys.readouterr()


@pytest.mark.guest
def test_the_record_keeps_the_runs_own_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = tiny.write(tmp_path, "judged", tiny.leave(42))
    record = str(tmp_path / "run.json")
    assert run(["boot", judged, "--exit-from", "judged", "--record", record, "-q"]) == 42
    assert run(["replay", record, "--verify"]) == 0
    capsys.readouterr()


def test_a_name_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = tiny.write(tmp_path, "judged", tiny.leave())
    assert run(["boot", judged, "--exit-from", "juged"]) == 2
    output = capsys.readouterr()
    assert "--exit-from: no partition is named `juged`\n  did you mean `judged`?" in output.err
    assert output.out == ""


@pytest.mark.parametrize("code", [70, 130])
def test_what_ends_the_run_itself_comes_first(code: int) -> None:
    partition = PartitionResult("a", "guest", 64, "exited", 3, "x", "0" * 16, 0, {}, {}, "")
    result = HostResult(0, "0" * 16, ExitResult("why", code), (), (partition,), "instructions")
    assert exit_as(result, "a") is result
