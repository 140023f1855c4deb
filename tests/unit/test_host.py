# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that run: results, determinism, snapshots and inputs, in this process and in a child."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.elf_builder import TEXT_ADDRESS
from ultravisor import Host, SupervisedHost, parse_configuration, resolve
from ultravisor.configuration import Configuration
from ultravisor.errors import (
    ConfigurationError,
    MachineError,
    SupervisedFailure,
    UsageError,
)
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.interface import LogCategory
from ultravisor.recording import read_record, replay_plan

if TYPE_CHECKING:
    from ultravisor.results import ConsoleOutput, HostResult, LogLine, Progress

pytestmark = pytest.mark.guest


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay file of a failing test goes nowhere else."""
    monkeypatch.chdir(tmp_path)


Maker = Callable[[Configuration], Host | SupervisedHost]
both_ways = pytest.mark.parametrize("make", [Host, SupervisedHost])


def run(configuration: Configuration, cycles: int | None = None) -> HostResult:
    with Host(configuration) as host:
        return host.run(cycles)


@both_ways
def test_hello(make: Maker) -> None:
    said: list[ConsoleOutput] = []
    with make(resolve(["hello"])) as host:
        result = host.run(on_console=said.append)
        assert host.console("hello").decode() == result.partition("hello").console
    (partition,) = result.partitions
    assert (result.exit.code, partition.state, partition.exit_code) == (0, "exited", 0)
    assert partition.console.startswith("Hello, I am partition 1, named hello.\n")
    assert b"".join(output.data for output in said).decode() == partition.console
    assert partition.hypercalls["partition_exit"] == 1
    assert partition.traps == {}
    assert partition.work == sum(row.guest_cycles for row in result.processors) > 0
    assert len(result.state_hash) == len(partition.state_hash) == 16


def test_a_child_gives_the_same_result() -> None:
    configuration = resolve(["pingpong", "hello"], processors=2, seed=4)
    with Host.supervised(configuration) as host:
        assert host.run() == run(configuration)


def test_two_runs_are_equal_and_seeds_differ() -> None:
    first = run(resolve(["pingpong", "smp"], seed=1))
    assert run(resolve(["pingpong", "smp"], seed=1)) == first
    assert run(resolve(["pingpong", "smp"], seed=2)).state_hash != first.state_hash


@both_ways
@pytest.mark.parametrize("cycles", [1, 777, 50_000])
def test_pausing_is_invisible(make: Maker, cycles: int) -> None:
    configuration = resolve(["hello", "pingpong"], processors=2)
    expected = run(configuration)
    with make(configuration) as host:
        result = host.run(20 * cycles)
        for _ in range(20):
            result = host.run(cycles)
        assert result.exit.code in (0, 7)
        assert host.run() == expected


@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_results_of_a_paused_host_are_settled(monitor: str) -> None:
    with Host(resolve(["demo"], monitor=monitor)) as host:
        for _ in range(10):
            result = host.run(50_000)
            assert host.result() == result
            work = sum(row.work for row in result.partitions)
            assert work == sum(row.guest_cycles for row in result.processors)


def test_logging_is_invisible() -> None:
    configuration = resolve(["pingpong"])
    lines: list[LogLine] = []
    with Host(configuration, log=~LogCategory(0)) as host:
        assert host.run(on_log=lines.append) == run(configuration)
    text = "\n".join(line.text for line in lines)
    assert "event_send(port=0x8) = 0x0" in text
    assert "ping/0" in text


@both_ways
def test_a_snapshot_half_way_leads_to_the_same_end(make: Maker) -> None:
    configuration = resolve(["pingpong", "duo"], processors=2)
    with make(configuration) as host:
        host.run(300_000)
        snapshot = host.snapshot()
        first = host.run()
        host.restore(snapshot)  # type: ignore[arg-type]
        assert host.position_cycles == 300_000
        assert host.run() == first == run(configuration)


def test_a_budget_ends_a_run_that_does_not() -> None:
    with Host(resolve(["compute"])) as host:
        result = host.run(100_000)
        assert (result.exit.reason, result.exit.code) == ("cycle budget reached", 7)
        assert result.partitions[0].state == "running"
        assert result.partitions[0].exit_code is None
        assert result.partitions[0].reason is None
        assert host.position_cycles == 100_000
        with pytest.raises(UsageError):
            host.run(-1)


def tiny_host(
    tmp_path: Path, *codes: bytes, data: bytes = b"", **settings: object
) -> Configuration:
    names = [tiny.write(tmp_path, f"g{index}", code, data) for index, code in enumerate(codes)]
    return resolve(names, **settings)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 1), (-1, 1)])
def test_exit_codes_of_guests(tmp_path: Path, code: int, expected: int) -> None:
    result = run(tiny_host(tmp_path, tiny.leave(code)))
    assert result.partitions[0].exit_code == code
    assert result.partitions[0].reason == f"exited with code {code}"
    assert result.exit.code == expected
    assert (": failed: g0" in result.exit.reason) == (expected == 1)


def test_a_fault_stops_its_partition_with_the_first_reason(tmp_path: Path) -> None:
    result = run(tiny_host(tmp_path, tiny.STORE_TO_NOWHERE, tiny.leave()))
    first, second = result.partitions
    assert (first.state, first.exit_code) == ("stopped", None)
    assert first.reason == (
        "page fault (#PF), write to a page that is not mapped at 0x10, "
        f"at {TEXT_ADDRESS:#x} without a handler"
    )
    assert first.traps == {"page_fault": 1}
    assert (second.state, second.exit_code) == ("exited", 0)
    assert (result.exit.reason, result.exit.code) == ("halted: failed: g0", 1)


def test_a_faulting_neighbour_changes_no_hash(tmp_path: Path) -> None:
    def hashes(neighbour: bytes) -> str:
        path = tiny.write(tmp_path, "neighbour", neighbour)
        return run(resolve(["hello", path])).partition("hello").state_hash

    quiet = hashes(tiny.leave())
    assert hashes(tiny.UNDEFINED) == quiet
    assert hashes(tiny.STORE_TO_NOWHERE) == quiet
    assert hashes(tiny.count_down(100_000) + tiny.UNDEFINED) == quiet


def test_the_symbol_of_a_fault_is_named() -> None:
    configuration = parse_configuration(
        '[[partition]]\nname = "p"\nimage = "pingpong"\ncommand_line = "ping"\nrights = []\n', ""
    )
    result = run(configuration)
    assert result.exit.code == 1
    assert result.partitions[0].state == "exited"


def test_waiting_for_nothing_is_told(tmp_path: Path) -> None:
    result = run(tiny_host(tmp_path, tiny.call(Hypercall.BLOCK) + tiny.leave(), tiny.leave()))
    assert (result.exit.reason, result.exit.code) == ("idle: nothing can ever wake g0", 1)
    assert result.partitions[0].state == "running"


@both_ways
def test_the_operator_can_stop_a_partition(tmp_path: Path, make: Maker) -> None:
    with make(tiny_host(tmp_path, tiny.SPIN, tiny.leave())) as host:
        assert host.run(200_000).exit.code == 7
        host.stop("g0")
        result = host.run()
        assert result.partition("g0").reason == "stopped by the operator"
        assert [(row.kind, row.at_cycles) for row in host.inputs] == [("stop", 200_000)]
        assert result.exit.code == 1
        with pytest.raises(UsageError, match="no partition is named `g9`"):
            host.stop("g9")


def test_the_console_is_text_whatever_the_bytes(tmp_path: Path) -> None:
    data = "grün\n".encode() + b"\xff\xfe"
    result = run(tiny_host(tmp_path, tiny.say(len(data)) + tiny.leave(), data=data))
    assert result.partitions[0].console == "grün\n\ufffd\ufffd"


def reader() -> bytes:
    """Code that waits for console input, writes back what it read, and ends."""
    return (
        tiny.call(Hypercall.BLOCK)
        + tiny.call(Hypercall.CONSOLE_READ, tiny.DATA_ADDRESS, 16)
        + tiny.load(7, tiny.DATA_ADDRESS)
        + b"\x48\x89\xc6"  # mov rsi, rax
        + tiny.load(0, Hypercall.CONSOLE_WRITE)
        + tiny.VMCALL
        + tiny.leave()
    )


@both_ways
def test_input_is_seen_at_its_time_and_logged(tmp_path: Path, make: Maker) -> None:
    with make(tiny_host(tmp_path, reader(), data=b"\0" * 16)) as host:
        host.input("g0", b"typed\xff", 1_000_000)
        assert host.run(500_000).exit.code == 7
        result = host.run()
        assert host.console("g0") == b"typed\xff"
        assert result.exit.code == 0
        assert [(row.partition, row.at_cycles, row.data) for row in host.inputs] == [
            ("g0", 1_000_000, b"typed\xff")
        ]


@both_ways
def test_input_ends_a_wait_that_nothing_inside_could(tmp_path: Path, make: Maker) -> None:
    configuration = tiny_host(tmp_path, reader(), data=b"\0" * 16)
    with make(configuration) as host:
        assert host.run().exit.reason == "idle: nothing can ever wake g0"
        host.input("g0", b"late")
        result = host.run()
        at_cycles = host.inputs[0].at_cycles
    assert (result.exit.code, result.partitions[0].console) == (0, "late")
    with make(configuration) as host:
        host.input("g0", b"late", at_cycles)
        assert host.run() == result


@both_ways
def test_stopping_what_waits_for_ever_ends_the_run(tmp_path: Path, make: Maker) -> None:
    with make(tiny_host(tmp_path, tiny.call(Hypercall.BLOCK))) as host:
        assert host.run().exit.reason == "idle: nothing can ever wake g0"
        host.stop("g0")
        assert host.run().exit.reason == "halted: failed: g0"


def test_input_of_a_configuration(tmp_path: Path) -> None:
    tiny.write(tmp_path, "reader", reader(), b"\0" * 16)
    text = (
        '[[partition]]\nname = "r"\nimage = "reader.elf"\n'
        '[[input]]\npartition = "r"\nat_cycles = 5000\ntext = "file"\n'
    )
    assert run(parse_configuration(text, "", tmp_path)).partitions[0].console == "file"


@both_ways
def test_what_the_machine_refuses_is_a_configuration_error(make: Maker, tmp_path: Path) -> None:
    text = '[host]\nmemory_mib = 64\n[[partition]]\nname = "h"\nimage = "hello"\nmemory_mib = 62\n'
    with pytest.raises(ConfigurationError, match=r"partition `h` \(.*hello\.elf\): ") as caught:
        make(parse_configuration(text, "host.toml"))
    assert "host.memory_mib" in caught.value.hint


def test_progress_counts_what_runs() -> None:
    seen: list[Progress] = []
    with SupervisedHost(resolve(["compute", "hello"])) as host:
        result = host.run(on_progress=seen.append)
    assert [row.clock_cycles for row in seen] == sorted(row.clock_cycles for row in seen)
    assert seen[-1].running == 0
    assert seen[-1].guest_cycles == sum(row.guest_cycles for row in result.processors)


@both_ways
def test_interrupting_ends_a_run_at_a_slice(tmp_path: Path, make: Maker) -> None:
    with make(tiny_host(tmp_path, tiny.SPIN)) as host:
        result = host.run(on_progress=lambda _progress: host.interrupt())
        assert (result.exit.reason, result.exit.code) == ("interrupted", 130)
        assert host.run(1).exit.code in (7, 130)


def test_a_closed_host_says_so() -> None:
    host = SupervisedHost(resolve(["hello"]))
    host.close()
    host.close()
    with pytest.raises(MachineError, match="the host has been closed"):
        host.run()


def test_a_killed_child_is_told_with_a_file_that_replays_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = resolve(["hello"], seed=11)
    with SupervisedHost(configuration) as host:

        def kill(_output: ConsoleOutput) -> None:
            os.kill(host.process, signal.SIGKILL)

        host.input("hello", b"typed", 5)

        def run_twice() -> None:
            # The child may be quick enough to answer before it dies; the next call cannot.
            for _ in range(2):
                host.run(on_console=kill)

        with pytest.raises(SupervisedFailure, match="killed by SIGKILL") as caught:
            run_twice()
        with pytest.raises(SupervisedFailure):
            host.result()
    assert caught.value.exit_code == 70
    assert caught.value.hint == f"repeat it with: ultravisor replay {caught.value.replay_path}"
    (path,) = tmp_path.glob("ultravisor-replay-*.json")
    record = read_record(path)
    assert record.result is None
    assert record.failure == caught.value.message
    assert [row.data for row in record.inputs] == [b"typed"]
    with Host(replay_plan(record)) as again:
        assert again.run() == run(configuration)


def test_a_replay_file_finds_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ultravisor.supervised_host import write_replay

    monkeypatch.chdir(tmp_path)
    wanted = tmp_path / "wanted.json"
    assert write_replay(b"x", wanted) == str(wanted)
    other = write_replay(b"x", tmp_path / "absent" / "wanted.json")
    assert other.startswith("ultravisor-replay-")
    assert Path(other).read_bytes() == b"x"


def test_a_listener_that_fails_ends_the_child() -> None:
    def fail(_output: ConsoleOutput) -> None:
        raise ValueError("nobody listens")

    with SupervisedHost(resolve(["hello"])) as host:
        with pytest.raises(ValueError, match="nobody listens"):
            host.run(on_console=fail)
        with pytest.raises(MachineError, match="the host has been closed"):
            host.result()


def test_a_guest_that_writes_for_ever_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ultravisor.consoles.CONSOLE_KEPT_BYTES", 5)
    code = tiny.say(4) + tiny.say(4) + tiny.leave()
    result = run(tiny_host(tmp_path, code, data=b"abcd"))
    assert result.partitions[0].console == ("abcda\n[ultravisor: 3 further bytes were not kept]\n")


def test_many_hosts_in_one_process() -> None:
    configuration = resolve(["hello"])
    hashes = {run(configuration).state_hash for _ in range(20)}
    assert len(hashes) == 1
