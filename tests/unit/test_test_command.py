# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor test`: a line an image, a summary, JSON, and the documented exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit import scenario_images as images
from tests.unit import tiny_guests as tiny
from ultravisor.cli import run
from ultravisor.machine.abi import Hypercall
from ultravisor.supervised_host import SupervisedHost
from ultravisor.testing import runner
from ultravisor.testing.outcome import Outcome, TestReport, find_disagreements

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

OUTCOME_KEYS = {
    "name",
    "image",
    "width",
    "build",
    "sentence",
    "expected",
    "verdict",
    "reason",
    "cycles",
    "exit_code",
    "stop",
    "state_hash",
    "console",
    "internal",
    "replay",
}


@pytest.fixture(autouse=True)
def in_a_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    good, bad = tmp_path / "good", tmp_path / "bad"
    images.write(good, "succeeds_64", tiny.leave())
    images.write(good, "skips", tiny.leave(images.SKIP))
    stops = images.scenario_note(b"It stops.", images.UNHANDLED_TRAP, images.INVALID_OPCODE)
    images.write(good, "stops", tiny.UNDEFINED, scenario=stops)
    images.write(bad, "errs", tiny.leave(images.ERROR))
    images.write(bad, "fails", tiny.say(5) + tiny.leave(images.FAILURE), b"why\n\x1b")
    images.write(bad, "spins", tiny.SPIN)
    images.write(bad, "waits", tiny.call(Hypercall.BLOCK) + tiny.SPIN)
    (tmp_path / "text.elf").write_text("hello")


def test_each_outcome_has_a_line_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "good"]) == 0
    head, *lines, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["scenario", "width", "build", "verdict", "cycles", "reason"]
    assert [line.split()[:4] for line in lines] == [
        ["good/skips", "64", "native", "skip"],
        ["good/stops", "64", "native", "success"],
        ["good/succeeds", "64", "native", "success"],
    ]
    assert lines[0].endswith("exited with code 3")
    assert lines[1].endswith("It stops.")
    assert lines[2].endswith(images.SENTENCE)
    assert last == (
        "2 success, 1 skip; cycles are bytes of code, counted; limit 20,000,000, seed 0"
    )


def test_what_went_wrong_shows_its_console_without_its_codes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["test", "bad", "--cycles", "10000001"]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("bad/fails"))
    assert lines[at + 1 : at + 3] == ["    | why", "    | \\x1b"]
    assert "still running at the limit of cycles" in next(x for x in lines if "bad/spins" in x)
    assert "waits for what can never come" in next(x for x in lines if "bad/waits" in x)
    assert lines[-1].startswith("1 error, 1 failure, 2 crash; ")
    assert "limit 10,000,001, seed 0" in lines[-1]


def test_json_has_the_documented_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["test", "good", "bad", "--json", "--cycles", "5000"]) == 1
    output = capsys.readouterr().out
    assert output.count("\n") == 1
    report = json.loads(output)
    assert report["schema"] == "ultravisor.test/1"
    assert report["summary"] == {"success": 2, "skip": 1, "error": 1, "failure": 1, "crash": 2}
    assert (report["limit_cycles"], report["timing"], report["seed"]) == (5000, "off", 0)
    assert report["disagreements"] == []
    assert {frozenset(row) for row in report["outcomes"]} == {frozenset(OUTCOME_KEYS)}
    stopped = next(row for row in report["outcomes"] if row["name"] == "good/stops")
    assert (stopped["image"], stopped["expected"]) == (
        "good/stops.elf",
        "stop: unhandled_trap, vector 6",
    )
    assert (stopped["stop"]["reason"], stopped["stop"]["vector"]) == ("unhandled_trap", 6)
    assert stopped["stop"]["rip"] == "0xffffffff80000000"
    failed = next(row for row in report["outcomes"] if row["name"] == "bad/fails")
    assert (failed["exit_code"], failed["stop"], failed["console"]) == (5, None, "why\n\x1b")


def outcomes_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    run(["test", "good", "bad", "--json", "--cycles", "5000", *arguments])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["outcomes"]
    return found


def test_jobs_change_nothing_but_time(capsys: pytest.CaptureFixture[str]) -> None:
    alone = outcomes_of(capsys)
    assert outcomes_of(capsys, "--jobs", "2") == alone
    assert outcomes_of(capsys, "--jobs", "3") == alone
    assert [row["name"] for row in alone][:2] == ["good/skips", "good/stops"]


def test_both_builds_run_everything_and_agree(capsys: pytest.CaptureFixture[str]) -> None:
    both = outcomes_of(capsys, "--build", "both", "--timing", "unit")
    builds = [row.pop("build") for row in both]
    assert builds == ["native", "simulated"] * 7
    assert both[::2] == both[1::2]


def outcome(build: str, **changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "name": "a",
        "image": "a.elf",
        "width": 64,
        "build": build,
        "sentence": "",
        "expected": "a verdict",
        "verdict": "success",
        "reason": "",
        "cycles": 1,
    }
    return Outcome(**(fields | changes))


def test_builds_that_differ_are_a_failure() -> None:
    rows = (outcome("native"), outcome("simulated", console="x", state_hash="1" * 16))
    (found,) = find_disagreements(rows)
    assert found.fields == ("state_hash", "console")
    report = TestReport(timing="off", limit_cycles=1, seed=0, outcomes=rows, disagreements=(found,))
    assert report.exit_code == 1
    assert find_disagreements((outcome("native"), outcome("simulated"))) == ()


def test_with_a_core_builds_may_take_other_times() -> None:
    later = outcome("simulated", cycles=2, console="2", state_hash="1" * 16)
    rows = (outcome("native"), later)
    assert find_disagreements(rows, "unit") != ()
    assert find_disagreements(rows, "skylake") == ()
    (found,) = find_disagreements((*rows, outcome("simulated", verdict="crash")), "skylake")
    assert found.fields == ("verdict",)


def test_differing_builds_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = runner.run_scenario

    def run_scenario(scenario: Any, build: Any, settings: Any) -> Outcome:
        changed = build == "simulated" and scenario.name == "good/stops"
        limit = runner.RunSettings(limit_cycles=1) if changed else settings
        return real(scenario, build, limit)

    monkeypatch.setattr("ultravisor.testing.workers.run_scenario", run_scenario)
    images.write(tmp_path / "good", "stops", tiny.SPIN)
    assert run(["test", "good", "--build", "both", "--cycles", "700"]) == 1
    output = capsys.readouterr().out
    assert "differs: good/stops.elf: native and simulated differ in " in output
    assert "1 differing between builds" in output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["good", "text.elf"], 3, "text.elf: offset 0x0: not an ELF image"),
        (["good", "absent"], 6, "absent: no such file, and no bundled set has that name"),
        ([], 2, "Missing argument 'PATH|SET...'"),
        (["good", "--jobs", "0"], 2, "--jobs"),
        (["good", "--cycles", "0"], 2, "--cycles"),
        (["good", "--build", "neither"], 2, "--build"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["test", *arguments]) == code
    output = capsys.readouterr()
    assert words in output.err
    assert output.out == ""


def test_a_list_says_what_there_is_and_runs_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "run_scenario", None)
    assert run(["test", "--list", "good"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"good/skips (64): {images.SENTENCE}",
        "good/stops (64): It stops.",
        "    expects stop: unhandled_trap, vector 6",
        f"good/succeeds (64): {images.SENTENCE}",
    ]
    assert run(["test", "--list", "--json", "good"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["schema"] == "ultravisor.test-list/1"
    assert listed["scenarios"][1]["expected"] == "stop: unhandled_trap, vector 6"


def test_a_machine_that_dies_is_that_scenarios_crash_and_our_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = SupervisedHost.run

    def run_and_die(self: SupervisedHost, cycles: int | None = None) -> Any:
        if self.plan.partitions[0].image.path.endswith("skips.elf"):
            self.kill()
        return real(self, cycles)

    with monkeypatch.context() as patched:
        patched.setattr(SupervisedHost, "run", run_and_die)
        assert run(["test", "good"]) == 70
    lines = capsys.readouterr().out.splitlines()
    assert "crash" in lines[1]
    assert "was killed by SIGKILL" in lines[1]
    assert lines[2].startswith("    repeat it with: ultravisor replay ultravisor-replay-")
    replay = tmp_path / lines[2].rpartition(" ")[2]
    assert replay.is_file()
    assert lines[-1].startswith("2 success, 1 crash; ")
    assert run(["replay", str(replay), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["result"]["partitions"][0]["exit_code"] == 3


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_with_what_is_done(tmp_path: Path, jobs: str) -> None:
    arguments = ["test", "good", "bad/spins.elf", "bad/spins_.elf", "--jobs", jobs]
    images.write(tmp_path / "bad", "spins_", tiny.SPIN)
    process = subprocess.Popen(
        [sys.executable, "-m", "ultravisor", *arguments, "--cycles", str(1 << 60)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    shown = "".join(process.stdout.readline() for _ in range(4))
    assert "good/succeeds" in shown
    # The whole group gets the signal, as from a terminal.
    os.killpg(process.pid, signal.SIGINT)
    try:
        rest, _ = process.communicate(timeout=30)
    finally:
        # Whoever ignores the signal would spin for ever.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert rest.startswith("2 success, 1 skip; ")
    assert "Traceback" not in rest


def test_the_seed_reaches_the_guest(capsys: pytest.CaptureFixture[str]) -> None:
    hashes = {
        outcomes_of(capsys, "--seed", seed)[0]["state_hash"] for seed in ("0", "1", "18446744073")
    }
    assert len(hashes) == 3
