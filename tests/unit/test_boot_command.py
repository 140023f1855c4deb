# SPDX-License-Identifier: GPL-2.0-or-later
"""`boot`, `replay` and `doctor`, as a person or a program calls them."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.trace_reader import Trace
from ultravisor import Host, resolve
from ultravisor.cli import run
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.interface import ExitReason
from ultravisor.machine.machine import Machine
from ultravisor.machine.records import DroppedRecords, MachineExit
from ultravisor.plan import make_plan
from ultravisor.recording import make_record

pytestmark = pytest.mark.guest

COMMAND = [sys.executable, "-m", "ultravisor"]
RESULT_KEYS = {
    "schema",
    "seed",
    "state_hash",
    "exit",
    "processors",
    "partitions",
    "unit",
    "model",
    "assumed_cycles",
    "cycles",
    "spans",
    "marks_dropped",
    "log_dropped",
    "trace_dropped",
}
PROCESSOR_KEYS = {"id", "guest_cycles", "machine_cycles", "switches", "idle_cycles"}
PARTITION_KEYS = {
    "name",
    "kind",
    "width",
    "state",
    "exit_code",
    "reason",
    "state_hash",
    "work",
    "hypercalls",
    "traps",
    "console",
    "stop",
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def boot_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run(["boot", "--json", *arguments]) == code
    output = capsys.readouterr().out
    assert output.count("\n") == 1, "one object on one line, nothing else"
    result: dict[str, Any] = json.loads(output)
    return result


def test_json_has_the_documented_form(capsys: pytest.CaptureFixture[str]) -> None:
    result = boot_json(capsys, "pingpong", "--processors", "2", "--seed", "9")
    assert set(result) == RESULT_KEYS
    assert (result["schema"], result["seed"]) == ("ultravisor.boot/1", 9)
    assert re.fullmatch("[0-9a-f]{16}", result["state_hash"])
    assert set(result["exit"]) == {"reason", "code"}
    assert [set(row) for row in result["processors"]] == [PROCESSOR_KEYS] * 2
    assert [set(row) for row in result["partitions"]] == [PARTITION_KEYS] * 2
    ping = result["partitions"][0]
    assert (ping["name"], ping["kind"], ping["width"]) == ("ping", "guest", 64)
    assert re.fullmatch("[0-9a-f]{16}", ping["state_hash"])
    assert ping["hypercalls"]["event_send"] == 200


def test_a_fresh_process_gives_the_same_hash(capsys: pytest.CaptureFixture[str]) -> None:
    here = boot_json(capsys, "duo")
    done = subprocess.run(
        [*COMMAND, "boot", "duo", "--json", "--no-supervise"],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == here


def test_consoles_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["boot", "hello", "hello", "--quiet"]) == 0
    quiet = capsys.readouterr().out
    assert "hello   | Hello, I am partition 1, named hello.\n" in quiet
    assert "hello-2 | Hello, I am partition 2, named hello-2.\n" in quiet
    assert "state hash" not in quiet
    assert run(["boot", "hello", "hello"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith(quiet)
    assert "halted: every partition has exited (exit code 0)" in output.out
    assert output.err == ""
    assert "\x1b" not in output.out


def test_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    result = boot_json(capsys, "hello")
    assert run(["boot", "hello", "--log", "hypercall,partition", "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == result
    assert "hypercall partition_exit(code=0x0" in output.err
    assert " switch " not in output.err


@pytest.mark.parametrize(
    ("code", "arguments", "expected"),
    [
        (tiny.leave(), [], 0),
        (tiny.leave(5), [], 1),
        (tiny.UNDEFINED, [], 1),
        (tiny.call(Hypercall.BLOCK), [], 1),
        (tiny.SPIN, ["--cycles", "30000"], 7),
    ],
)
def test_exit_codes(
    tmp_path: Path,
    code: bytes,
    arguments: list[str],
    expected: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tiny.write(tmp_path, "guest", code)
    result = boot_json(capsys, path, *arguments, code=expected)
    assert result["exit"]["code"] == expected


def test_recording_and_replaying(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    guest = tiny.write(tmp_path, "guest", tiny.leave())
    os.chdir(tmp_path)
    assert run(["boot", "pingpong", "guest.elf", "--record", str(record), "--quiet"]) == 0
    capsys.readouterr()
    os.chdir("/")
    assert run(["replay", str(record), "--verify"]) == 0
    assert capsys.readouterr().out == "equal: 3 partitions, every hash as recorded\n"
    assert run(["replay", str(record), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "ultravisor.replay/1"
    assert (report["compared"], report["equal"], report["differences"]) == (True, True, [])
    assert set(report["result"]) == RESULT_KEYS
    assert run(["replay", str(record)]) == 0
    assert "state hash" in capsys.readouterr().out
    Path(guest).write_bytes(tiny.image(tiny.leave() + tiny.SPIN))
    assert run(["replay", str(record)]) == 3
    assert "guest.elf: not the image that was recorded" in capsys.readouterr().err


def test_the_result_can_be_written_to_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    guest = tiny.write(tmp_path, "guest", tiny.leave(9))
    arguments = ["boot", guest, "--exit-from", "guest"]
    assert run([*arguments, "--json"]) == 9
    printed = capsys.readouterr().out
    assert run([*arguments, "--stats", "stats.json"]) == 9
    assert (tmp_path / "stats.json").read_text() == printed
    assert "state hash" in capsys.readouterr().out, "and the table is shown"
    assert run(["boot", guest, "--stats", "absent/stats.json"]) == 2
    assert "absent/stats.json: cannot be written" in capsys.readouterr().err
    assert run(["boot", guest, "--stats", "new.json", "--snapshot", "absent"]) == 6
    assert not (tmp_path / "new.json").exists(), "no result, no file"


@pytest.mark.parametrize("where", [[], ["--no-supervise"]])
def test_a_trace_is_written_beside_the_result(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, where: list[str]
) -> None:
    guest = tiny.write(tmp_path, "guest", tiny.say(2) + tiny.leave(9), b"ab")
    untraced = boot_json(capsys, guest, code=1)
    assert boot_json(capsys, guest, "--trace", "run.pftrace", *where, code=1) == untraced
    trace = Trace(tmp_path / "run.pftrace")
    assert trace.is_balanced()
    assert [row.name for row in trace.all_slices("hypercall")] == [
        "console_write",
        "partition_exit",
    ]


@pytest.mark.parametrize("where", [[], ["--no-supervise"]])
def test_a_trace_that_cannot_be_written_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, where: list[str]
) -> None:
    guest = tiny.write(tmp_path, "guest", tiny.say(2) + tiny.leave(0), b"ab")
    assert run(["boot", guest, "--trace", "absent/run.pftrace", *where]) == 2
    shown = capsys.readouterr()
    assert "absent/run.pftrace: cannot be written" in shown.err
    assert "ab" not in shown.out, "nothing ran"
    assert run(["boot", guest, "--trace", "/dev/full", *where]) == 2
    assert "/dev/full: cannot be written: No space left" in capsys.readouterr().err
    (tmp_path / "old").write_text("kept")
    assert run(["boot", guest, "--trace", "old", "--snapshot", "absent", *where]) == 6
    assert (tmp_path / "old").read_text() == "kept"


def test_losses_are_warned_of(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = iter([DroppedRecords(1234, 56, 0, {})])
    nothing = DroppedRecords(0, 0, 0, {})
    monkeypatch.setattr(Machine, "dropped", lambda _machine: next(dropped, nothing))
    guest = tiny.write(tmp_path, "guest", tiny.leave())
    arguments = ["boot", guest, "--no-supervise", "--trace", "t", "--stats", "stats.json", "-q"]
    assert run(arguments) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert warnings == [
        "warning: 1,234 lines of the log were lost",
        "warning: 56 records of the trace t were lost",
    ]
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["log_dropped"], stats["trace_dropped"]) == (1234, 56)


def test_marks_are_in_the_table_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    (span,) = boot_json(capsys, "bench", "--timing", "unit")["spans"]
    assert set(span) == {
        *("partition", "virtual_processor", "from", "to", "count"),
        *("guest_cycles", "clock_cycles"),
    }
    assert (span["partition"], span["from"], span["to"], span["count"]) == ("bench", 1, 2, 1)
    assert set(span["guest_cycles"]) == {"minimum", "median", "maximum"}
    assert run(["boot", "bench", "--timing", "unit", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["boot", "bench", "--timing", "unit"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "bench/0" in line]
    length = f"{span['guest_cycles']['median']:,}"
    assert row.split() == ["bench/0", "1", "to", "2", "1", *[length] * 6]


def test_a_replay_that_differs_ends_with_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "run.json"
    assert run(["boot", "hello", "--record", str(record), "--quiet"]) == 0
    data = json.loads(record.read_text())
    data["result"]["partitions"][0]["state_hash"] = "0" * 16
    data["result"]["partitions"][0]["work"] += 1
    record.write_text(json.dumps(data))
    capsys.readouterr()
    for arguments in ([], ["--verify"], ["--json"]):
        assert run(["replay", str(record), *arguments]) == 1
    lines = capsys.readouterr().out
    assert "differs: partition hello: state_hash: recorded 0000000000000000, replayed" in lines
    assert "differs: partition hello: work: recorded" in lines


def test_a_run_that_was_cut_short_is_replayed_to_the_same_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    record = tmp_path / "run.json"
    arguments = ["boot", "compute", "--cycles", "12345", "--record", str(record), "--quiet"]
    assert run(arguments) == 7
    assert run(["replay", str(record), "--verify"]) == 0
    assert run(["replay", str(record)]) == 7
    capsys.readouterr()


def test_an_operators_order_is_replayed_at_its_moment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    guest = tiny.write(tmp_path, "guest", tiny.SPIN)
    plan = make_plan(resolve([guest]))
    with Host(plan) as host:
        host.run(123_456)
        host.stop("guest")
        record = make_record(plan, host.inputs, cycles=None, result=host.run())
    (tmp_path / "run.json").write_bytes(record.to_json())
    assert run(["replay", "run.json", "--verify"]) == 0
    capsys.readouterr()


def test_an_engine_that_fails_ends_with_70_and_a_replay(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(machine: Machine, until_cycles: int) -> MachineExit:
        return MachineExit(ExitReason.ENGINE_FAILURE, 0, 0)

    monkeypatch.setattr(Machine, "run", fail)
    monkeypatch.setattr(Machine, "error", lambda _machine: "it lost its way")
    result = boot_json_of(capsys, ["hello"], 70)
    assert result["exit"] == {"reason": "engine failure: it lost its way", "code": 70}
    (path,) = tmp_path.glob("ultravisor-replay-*.json")
    monkeypatch.undo()
    assert run(["replay", str(path)]) == 1, "it differs: now the engine does not fail"
    assert "differs: exit: recorded 70" in capsys.readouterr().out


def boot_json_of(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> dict[str, Any]:
    assert run(["boot", "--json", *arguments]) == code
    output = capsys.readouterr()
    assert "repeat it with: ultravisor replay" in output.err
    result: dict[str, Any] = json.loads(output.out)
    return result


def test_verifying_needs_a_result(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    assert run(["boot", "hello", "--record", str(record), "--quiet"]) == 0
    data = json.loads(record.read_text())
    data |= {"result": None, "failure": "the machine's process was killed"}
    record.write_text(json.dumps(data))
    capsys.readouterr()
    assert run(["replay", str(record), "--verify"]) == 3
    assert "came to no result (the machine's process was killed)" in capsys.readouterr().err
    assert run(["replay", str(record)]) == 0
    assert "nothing to compare with" in capsys.readouterr().out


def read_terminal(number: int, until: str, seconds: float = 20.0) -> str:
    """Read what a terminal shows until some words appear, or until its end."""
    text = ""
    deadline = time.monotonic() + seconds
    while until not in text and time.monotonic() < deadline:
        if not select.select([number], [], [], 0.1)[0]:
            continue
        try:
            text += os.read(number, 65536).decode()
        except OSError:
            break
    return text


def start_on_terminal(arguments: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


@pytest.mark.parametrize("supervise", [[], ["--no-supervise"]])
def test_ctrl_c_ends_with_the_table(tmp_path: Path, supervise: list[str]) -> None:
    record = tmp_path / "run.json"
    code = tiny.say(6) + tiny.SPIN
    guest = tiny.write(tmp_path, "guest", code, b"ready\n")
    process, terminal = start_on_terminal(["boot", guest, "--record", str(record), *supervise])
    shown = read_terminal(terminal, "ready")
    # The whole group gets the signal, as from a terminal.
    os.killpg(process.pid, signal.SIGINT)
    shown += read_terminal(terminal, "(exit code 130)")
    assert process.wait(20) == 130
    os.close(terminal)
    assert "\x1b[32mguest |\x1b[0m ready" in shown
    assert "interrupted" in shown
    assert "Traceback" not in shown
    assert run(["replay", str(record), "--verify"]) == 0


ENDLESS = """
import sys

from ultravisor.cli import main
from ultravisor.machine.machine import Machine

original = Machine.run

def endless(self, until_cycles):
    print("running", flush=True)
    return original(self, 1 << 60)

Machine.run = endless
sys.argv = ["ultravisor", "boot", "guest.elf"]
main()
"""


@pytest.mark.parametrize("interval_seconds", [0.1, 0.002])
def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, interval_seconds: float) -> None:
    """Even where the machine never pauses, made endless; and whatever is pressed after it."""
    tiny.write(tmp_path, "guest", tiny.SPIN)
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"running\n"
    code = None
    for _ in range(int(20 / interval_seconds)):
        os.killpg(process.pid, signal.SIGINT)
        try:
            code = process.wait(interval_seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    _, errors = process.communicate()
    assert (code, errors) == (130, b"\n"), "only the line is ended"


def test_no_color_holds_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    process, terminal = start_on_terminal(["boot", "hello"])
    shown = read_terminal(terminal, "(exit code 0)")
    assert process.wait(20) == 0
    os.close(terminal)
    assert "named hello" in shown
    assert "\x1b[3" not in shown


def test_a_machine_that_dies_ends_with_70_and_a_replay(tmp_path: Path) -> None:
    """The child is killed by its process id as soon as the guest runs."""
    guest = tiny.write(tmp_path, "guest", tiny.say(6) + tiny.SPIN, b"ready\n")
    process = subprocess.Popen(
        [*COMMAND, "boot", guest],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "guest | ready\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 1
    os.kill(int(children[0]), signal.SIGABRT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 70
    assert output == ""
    assert errors.startswith("error: the machine's process was killed by SIGABRT (Aborted)")
    (path,) = tmp_path.glob("ultravisor-replay-*.json")
    assert f"repeat it with: ultravisor replay {path.name}" in errors
    data = json.loads(path.read_text())
    assert data["result"] is None
    # The guest spins for ever: give its replay a budget.
    data["cycles"] = 50_000
    path.write_text(json.dumps(data))
    assert run(["replay", str(path)]) == 7


def test_the_simulated_monitor_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    native = boot_json(capsys, "pingpong", "--monitor", "native")
    simulated = boot_json(capsys, "pingpong", "--monitor", "simulated")
    for before, after in zip(native["partitions"], simulated["partitions"], strict=True):
        assert before["console"] == after["console"]
        assert before["state_hash"] == after["state_hash"]


def test_doctor_finds_all_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    names = [row["name"] for row in report["checks"]]
    assert {"python", "engine", "images", "memory", "boot native", "boot simulated"} <= set(names)
    assert run(["doctor"]) == 0
    assert capsys.readouterr().out.count("ok ") == len(names)


def test_examples_boot(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).resolve().parents[2] / "examples"
    # Policies are for hosts that live.
    examples = [row for row in sorted(folder.glob("*.toml")) if "[[partition]]" in row.read_text()]
    assert len(examples) >= 3
    for path in examples:
        assert run(["boot", str(path), "--quiet"]) == 0, path.name
    capsys.readouterr()
