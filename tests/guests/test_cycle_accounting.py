# SPDX-License-Identifier: GPL-2.0-or-later
"""A host whose cycles are a core's: all are accounted for, and the same every time."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host, SupervisedHost, resolve
from ultravisor.cli import run
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.cores import CORES
from ultravisor.machine.interface import TimingPath
from ultravisor.pipeline_window import WindowRequest, window_kanata

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.pipeline_window import PipelineWindow
    from ultravisor.results import CycleResult, HostResult

pytestmark = pytest.mark.guest

MONITORS = ("native", "simulated")
# Cut short: what is asked for holds at every moment.
BUDGET_CYCLES = 400_000
HOSTS = (["bench"], ["pingpong"], ["smp"], ["duo"], ["duo_32"], ["hello", "hello_32"])
CASES = [(HOSTS[0], core) for core in CORES] + [(names, CORES[0]) for names in HOSTS[1:]]


def result_of(names: list[str], budget_cycles: int | None = None, **settings: Any) -> HostResult:
    with Host(resolve(names, **settings)) as host:
        return host.run(budget_cycles)


# Eight multiplications, each of what the last one gave: 8 times 3 cycles on every core. A loop
# around them counts down beside: dec ecx; jnz.
CHAIN = b"\x0f\xaf\xc0" * 8
CHAIN_CYCLES = 24


def marked_loop(folder: Path, rounds: int) -> str:
    loop = CHAIN + b"\xff\xc9"
    loop += bytes([0x75, 256 - len(loop) - 2])
    return tiny.write(
        folder,
        f"loop{rounds}",
        tiny.call(Hypercall.MARK, 1, 0) + b"\xb9" + rounds.to_bytes(4, "little") + loop
        + tiny.call(Hypercall.MARK, 2, 0) + tiny.leave(),
    )  # fmt: skip


def total(rows: tuple[CycleResult, ...], event: str, **where: object) -> int:
    return sum(
        row.events[event]
        for row in rows
        if all(getattr(row, name) == value for name, value in where.items())
    )


@pytest.mark.parametrize("monitor", MONITORS)
@pytest.mark.parametrize(("names", "core"), CASES)
def test_every_cycle_has_an_owner_and_a_cause(names: list[str], core: str, monitor: str) -> None:
    result = result_of(names, BUDGET_CYCLES, timing=core, monitor=monitor)
    assert result.unit.startswith(f"modelled cycles of {core}, ")
    for processor in result.processors:
        rows = [row for row in result.cycles if row.processor == processor.id]
        assert sum(row.cycles for row in rows) == processor.machine_cycles
        guests = [row for row in rows if row.partition is not None and row.path == "guest"]
        assert sum(row.cycles for row in guests) == processor.guest_cycles
    for row in result.cycles:
        assert sum(row.stack.values()) == row.cycles
        assert row.events["uops"] >= row.events["mispredicts"] >= 0
    for partition in result.partitions:
        rows = [row for row in result.cycles if row.partition == partition.name]
        assert sum(row.cycles for row in rows if row.path == "guest") == partition.work


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_core_executes_what_the_guest_executes(monitor: str) -> None:
    counted = result_of(["bench"], timing="unit").partition("bench").work
    rows = result_of(["bench"], timing="skylake", monitor=monitor).cycles
    assert total(rows, "instructions", path="guest") == counted
    assert total(rows, "unknown_instructions") == 0
    monitors = total(rows, "instructions") - counted
    assert (monitors > 0) == (monitor == "simulated"), "only that one's code is executed"


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_run_gives_the_same_cycles_every_time(monitor: str) -> None:
    configuration = resolve(["pingpong"], timing="haswell", monitor=monitor)
    with Host(configuration) as host:
        first = host.run(BUDGET_CYCLES)
        snapshot = host.snapshot()
        whole = host.run()
        host.restore(snapshot)
        assert host.result() == first
        assert host.run() == whole, "what the core knew is in the snapshot"
    with SupervisedHost(configuration) as host:
        # In slices of other lengths: nobody sees a pause.
        for _ in range(7):
            host.run(33_333)
        assert host.run() == whole


def test_a_saved_state_and_a_replay_have_the_same_cycles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = resolve(["bench"], timing="skylake", monitor="simulated")
    with Host(configuration) as host:
        host.run(250_000)
        host.save(tmp_path / "state")
        whole = host.run()
    with Host(configuration, state=tmp_path / "state") as host:
        assert host.run() == whole
    arguments = ["boot", "bench", "--timing", "skylake", "--quiet"]
    assert run([*arguments, "--record", "run.json", "--stats", "stats.json"]) == 0
    assert run(["replay", "run.json", "--verify"]) == 0
    stats = json.loads((tmp_path / "stats.json").read_text())
    paths = [row["path"] for row in stats["cycles"] if row["partition"] == "bench"]
    assert paths == ["guest", "hypercall", "interrupt"]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["result"]["cycles"] == stats["cycles"]
    guest = next(row for row in record["result"]["cycles"] if row["path"] == "guest")
    guest["events"]["loads"] += 1
    (tmp_path / "run.json").write_text(json.dumps(record))
    capsys.readouterr()
    assert run(["replay", "run.json", "--verify"]) == 1
    assert "guest of bench: recorded" in capsys.readouterr().out


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("monitor", MONITORS)
def test_marks_give_the_cycles_of_a_loop(tmp_path: Path, core: str, monitor: str) -> None:
    lengths = {}
    # Both are done within one slot: nothing interrupts them. And both are long enough for what the
    # monitor's own branches have left in the predictor to be over: that depends on its layout.
    for rounds in (300, 700):
        result = result_of([marked_loop(tmp_path, rounds)], timing=core, monitor=monitor)
        (span,) = result.spans
        assert (span.from_, span.to, span.count) == (1, 2, 1)
        assert span.guest_cycles.minimum == span.guest_cycles.median == span.guest_cycles.maximum
        lengths[rounds] = span.guest_cycles.median
    assert lengths[700] - lengths[300] == 400 * CHAIN_CYCLES


def test_the_clock_follows_the_machine_unless_told_otherwise(tmp_path: Path) -> None:
    image = marked_loop(tmp_path, 100)
    machine = result_of([image], timing="skylake").spans[0]
    guest = result_of([image], timing="skylake", clock="guest").spans[0]
    assert machine.guest_cycles == guest.guest_cycles == guest.clock_cycles
    assert machine.clock_cycles.median > machine.guest_cycles.median, "a call of the monitor's"


def test_an_unknown_instruction_is_counted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # fld1; then fsin, which no table times: one micro-op of one cycle.
    image = tiny.write(tmp_path, "sine", b"\xd9\xe8" + b"\xd9\xfe" * 3 + tiny.leave())
    rows = result_of([image], timing="skylake").cycles
    assert total(rows, "unknown_instructions", partition="sine", path="guest") == 3
    assert run(["boot", image, "--timing", "skylake"]) == 0
    executed = total(rows, "instructions")
    assert f"3 of {executed} instructions are unknown to the core" in capsys.readouterr().out


def window_of(request: WindowRequest, **settings: Any) -> PipelineWindow:
    with Host(resolve(["bench"], timing="skylake", **settings)) as host:
        host.open_window(request)
        host.run()
        return host.window()


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_window_is_a_part_of_the_run(monitor: str) -> None:
    first = 2000
    whole = window_of(WindowRequest(0, first, 600), monitor=monitor)
    assert len(whole.instructions) == 600
    assert window_of(WindowRequest(0, first, 600), monitor=monitor) == whole
    part = window_of(WindowRequest(0, first + 200, 100), monitor=monitor)
    assert part.instructions == whole.instructions[200:300]
    paths = Counter((row.partition, row.path) for row in whole.instructions)
    assert paths[1, TimingPath.GUEST] > 0
    assert (paths[1, TimingPath.HYPERCALL] > 0) == (monitor == "simulated")
    retired = [step.retire for step in whole.steps]
    assert retired == sorted(retired), "in order"
    for step in whole.steps:
        assert step.issue <= step.dispatch <= step.done <= step.retire
    assert {step.instruction for step in whole.steps} <= set(range(600))


def test_a_window_in_a_child_is_the_same() -> None:
    request = WindowRequest(0, 100, 50)
    with SupervisedHost(resolve(["bench"], timing="skylake")) as host:
        host.open_window(request)
        host.run()
        assert host.window() == window_of(request)


def test_the_command_writes_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["boot", "bench", "--timing", "skylake", "--quiet", "--pipeline", "pipeline.log"]
    assert run([*command, "--pipeline-window", "2000:300"]) == 0
    assert capsys.readouterr().err == ""
    text = (tmp_path / "pipeline.log").read_text()
    assert text == window_kanata(window_of(WindowRequest(0, 2000, 300)), ["bench"])
    assert "syscall  [bench guest]" in text
    assert run([*command, "--pipeline-window", "8000:1000"]) == 0
    assert "of 1,000 instructions: processor 0 executed no more" in capsys.readouterr().err


def test_the_tables_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["boot", "bench", "--timing", "ivybridge"]) == 0
    output = capsys.readouterr().out
    words = [line.split()[:2] for line in output.splitlines()]
    assert words.count(["bench", "guest"]) == 2, "cycles, and events"
    assert "modelled cycles of ivybridge, not validated; of machine cycles, the mon" in output
    assert "spent: r retiring" in output
