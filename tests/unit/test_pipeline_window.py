# SPDX-License-Identifier: GPL-2.0-or-later
"""A window of a run: what may be asked for, and the file for a pipeline viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host, SupervisedHost, resolve
from ultravisor.cli import run
from ultravisor.errors import ExitCode, UsageError
from ultravisor.machine.cycle_records import Step, WindowInstruction
from ultravisor.machine.interface import TimingPath
from ultravisor.pipeline_window import (
    INSTRUCTION_LIMIT,
    PipelineWindow,
    WindowRequest,
    require_window,
    window_kanata,
)
from ultravisor.timing.disassembly import instruction_text
from ultravisor.timing.kanata import Label, kanata

if TYPE_CHECKING:
    from pathlib import Path

CORE = ("--timing", "skylake")


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return tiny.write(tmp_path, "guest", tiny.leave())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pipeline", "p"], "a pipeline needs a cycle-level core; the timing model is `off`"),
        (["--pipeline", "p", "--timing", "unit"], "the timing model is `unit`"),
        (["--pipeline-window", "0:5", *CORE], "add --pipeline FILE"),
        (["--pipeline-processor", "0", *CORE], "add --pipeline FILE"),
        (["--pipeline", "p", "--pipeline-window", "5", *CORE], "`5` is no window: write FIRST"),
        (["--pipeline", "p", "--pipeline-window", "a:b", *CORE], "`a:b` is no window"),
        (["--pipeline", "p", "--pipeline-window", "-1:5", *CORE], "`-1:5` is no window"),
        (["--pipeline", "p", "--pipeline-window", "0:0", *CORE], "give 1 to 100,000"),
        (["--pipeline", "p", "--pipeline-window", "0:100001", *CORE], "100,001 instructions"),
        (["--pipeline", "p", "--pipeline-window", f"{1 << 63}:5", *CORE], "cannot begin with"),
        (["--pipeline", "p", "--pipeline-processor", "1", *CORE], "no processor 1"),
        (["--pipeline", "absent/p", *CORE], "absent/p: cannot be written"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_runs(
    image: str,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert run(["boot", image, *arguments]) == ExitCode.USAGE
    output = capsys.readouterr()
    assert words in " ".join(output.err.split())
    assert output.out == ""
    assert not (tmp_path / "p").exists()


def test_the_choice_of_cores_is_in_the_refusal() -> None:
    with pytest.raises(UsageError) as refused:
        require_window(resolve(["hello"]), WindowRequest(0, 0, 1))
    assert "skylake" in refused.value.hint


def test_limits_are_those_that_are_told() -> None:
    configuration = resolve(["hello"], timing="haswell", processors=2)
    require_window(configuration, WindowRequest(1, (1 << 63) - 1, INSTRUCTION_LIMIT))
    require_window(configuration, WindowRequest(0, 0, 1))
    for wrong in (WindowRequest(2, 0, 1), WindowRequest(0, -1, 1), WindowRequest(0, 0, 0)):
        with pytest.raises(UsageError):
            require_window(configuration, wrong)


@pytest.mark.guest
@pytest.mark.parametrize("kind", [Host, SupervisedHost])
def test_a_host_without_a_core_has_no_window(
    image: str, kind: type[Host] | type[SupervisedHost]
) -> None:
    with kind(resolve([image])) as host:
        with pytest.raises(UsageError, match="needs a cycle-level core"):
            host.open_window(WindowRequest(0, 0, 1))
        assert host.window() == PipelineWindow((), ())
        assert host.run().exit.code == 0, "and goes on"


WINDOW = PipelineWindow(
    instructions=(
        WindowInstruction(0x1000, 2, TimingPath.GUEST, 64, bytes.fromhex("4801d8")),
        WindowInstruction(0x1003, 2, TimingPath.GUEST, 64, bytes.fromhex("7502")),
        WindowInstruction(0x2000, 1, TimingPath.HYPERCALL, 32, bytes.fromhex("40")),
        WindowInstruction(0x3000, 0, TimingPath.GUEST, 64, bytes.fromhex("06")),
    ),
    steps=(
        Step(0, 5, 1000, 1001, 1002, 1004),
        Step(1, None, 1000, 1002, 1002, 1004),
        Step(2, 0, 1001, 1003, 1004, 1005),
        Step(3, 1, 1003, 1004, 1006, 1007),
    ),
)


def test_each_instruction_says_where_and_for_whom_it_ran() -> None:
    lines = window_kanata(WINDOW, ["ping", "pong"]).splitlines()
    assert lines[:2] == ["Kanata\t0004", "C=\t1000"]
    assert "L\t0\t0\t0x1000 add rax, rbx  [pong guest]" in lines
    assert "L\t1\t0\t0x1003 jne 0x1007  [pong guest]" in lines, "targets are addresses"
    assert "L\t2\t0\t0x2000 inc eax  [ping hypercall]" in lines
    assert "L\t3\t0\t0x3000 (bytes 06)  [monitor idle]" in lines
    # A thread is a partition.
    begun = [line.split("\t")[1:] for line in lines if line.startswith("I")]
    assert begun == [["0", "0", "2"], ["1", "1", "2"], ["2", "2", "1"], ["3", "3", "0"]]


def test_every_micro_op_passes_its_stages_in_its_cycles() -> None:
    cycle = 0
    seen: dict[str, list[tuple[int, str]]] = {}
    for line in window_kanata(WINDOW, ["ping", "pong"]).splitlines()[1:]:
        kind, *rest = line.split("\t")
        if kind.startswith("C"):
            cycle = int(rest[0]) if kind == "C=" else cycle + int(rest[0])
        elif kind in "SR":
            seen.setdefault(rest[0], []).append((cycle, rest[2] if kind == "S" else "R"))
    assert seen == {
        "0": [(1000, "Is"), (1001, "Ex"), (1002, "Cm"), (1004, "R")],
        "1": [(1000, "Is"), (1002, "Cm"), (1004, "R")],
        "2": [(1001, "Is"), (1003, "Ex"), (1004, "Cm"), (1005, "R")],
        "3": [(1003, "Is"), (1004, "Ex"), (1006, "Cm"), (1007, "R")],
    }


def test_a_fused_instruction_is_shown_with_the_one_before() -> None:
    compare = Step(0, 5, 10, 11, 12, 14)
    labels = [Label("cmp", "a guest", 1), Label("jne", "a guest", 1), Label("add", "b guest", 2)]
    lines = kanata([compare, Step(2, 0, 10, 11, 12, 14)], labels).splitlines()
    assert "L\t0\t0\tcmp + jne  [a guest]" in lines
    assert "L\t1\t0\tadd  [b guest]" in lines


def test_a_file_without_instructions_is_one_still() -> None:
    assert kanata((), ()) == "Kanata\t0004\n"
    assert kanata(WINDOW.steps[:1], [Label("x", thread=7)]).splitlines()[2] == "I\t0\t0\t7"


def test_an_instruction_is_shown_at_its_address() -> None:
    code = bytes.fromhex("488b0510000000")
    assert instruction_text(code, 0x1000, 64) == "mov rax, qword ptr [rip + 0x10]"
    assert instruction_text(b"\x90\x90", 0, 64) == "(bytes 9090)", "one instruction, not two"
