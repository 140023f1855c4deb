# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of hosts that run, read back: exact, whole, and invisible to what is traced."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from tests.unit.trace_reader import Trace
from ultravisor import Host, SupervisedHost, resolve
from ultravisor.errors import OutputError, SupervisedFailure, UsageError
from ultravisor.machine.abi import CALLS, Hypercall
from ultravisor.machine.machine import Machine
from ultravisor.machine.records import DroppedRecords, ProcessorStatistics

if TYPE_CHECKING:
    from ultravisor.configuration import Configuration
    from ultravisor.results import ConsoleOutput, HostResult

pytestmark = pytest.mark.guest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ENTRIES = ("hypercall", "trap", "interrupt", "system_call")
SETTINGS: tuple[dict[str, object], ...] = (
    {},
    {"monitor": "simulated"},
    {"timing": "unit", "clock": "machine"},
    {"timing": "skylake"},
    {"timing": "zen4", "monitor": "simulated"},
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tiny_host(*codes: bytes, data: bytes = b"", **settings: object) -> Configuration:
    names = [tiny.write(Path(), f"g{index}", code, data) for index, code in enumerate(codes)]
    return resolve(names, **settings)


def traced(
    configuration: Configuration, name: str = "run.pftrace", cycles: int | None = None
) -> tuple[HostResult, list[ProcessorStatistics], Trace]:
    with Host(configuration, trace=Path(name)) as host:
        result = host.run(cycles)
        statistics = [
            host.machine.processor_statistics(number) for number in range(len(result.processors))
        ]
    return result, statistics, Trace(Path(name))


def totals(counts: list[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in counts:
        total.update(row)
    return total


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda row: "-".join(row.values()) or "off")
@pytest.mark.parametrize("example", ["two-processors", "slots", "two-widths", "four-processors"])
def test_a_trace_says_what_the_result_says(example: str, settings: dict[str, object]) -> None:
    configuration = resolve([str(EXAMPLES / f"{example}.toml")], **settings)
    with Host(configuration) as host:
        untraced = host.run(2_000_000)
        calls_of_users = sum(
            host.machine.partition_statistics(number + 1).system_calls
            for number in range(len(untraced.partitions))
        )
        delivered = sum(
            host.machine.partition_statistics(number + 1).events_delivered
            for number in range(len(untraced.partitions))
        )
    result, statistics, trace = traced(configuration, cycles=2_000_000)
    assert result == untraced
    assert trace.is_balanced()
    names = Counter(row.name for row in trace.all_slices("hypercall"))
    assert names == totals([row.hypercalls for row in result.partitions])
    names = Counter(row.name for row in trace.all_slices("trap"))
    assert names == totals([row.traps for row in result.partitions])
    assert len(list(trace.all_slices("system_call"))) == calls_of_users
    callbacks = [
        row for track in trace.tracks.values() for row in track.instants if row.category == "event"
    ]
    assert len(callbacks) == delivered
    for row in statistics:
        number = statistics.index(row)
        slices = trace.tracks[f"processor {number}"].top()
        assert sum(part.duration for part in slices) == row.clock_cycles
        assert [part.start for part in slices[1:]] == [part.end for part in slices[:-1]]
        # An idle processor's first slice is no switch; another's is the monitor's first one.
        assert len(slices) - 1 - (slices[1].name == "idle") == row.switches
    monitor = sum(row.machine_cycles - row.guest_cycles - row.idle_cycles for row in statistics)
    entries = [row for kind in (*ENTRIES, "start") for row in trace.all_slices(kind)]
    assert sum(row.annotations["monitor_cycles"] for row in entries) == monitor


def test_every_processor_partition_and_virtual_processor_has_a_track() -> None:
    _, _, trace = traced(resolve([str(EXAMPLES / "two-processors.toml")]), cycles=1000)
    counters = ("guest share", "guest cycles", "switches")
    assert list(trace.tracks) == [
        "host",
        "processor 0",
        "processor 1",
        "partition hello",
        "partition ping",
        "partition pong",
        "partition hello: hello/0",
        "partition ping: ping/0",
        "partition pong: pong/0",
        *(f"processor 0: {name}" for name in counters),
        *(f"processor 1: {name}" for name in counters),
    ]


def test_what_was_run_is_in_the_trace() -> None:
    _, _, trace = traced(tiny_host(tiny.leave(), seed=5, timing="unit"))
    (facts,) = trace.tracks["host"].instants
    assert facts.annotations == {
        "monitor": "native",
        "timing": "unit",
        "clock": "guest",
        "cycle": "instructions",
        "clock_frequency_hz": 1_000_000_000,
        "seed": 5,
        "time": "modelled: cycles of the clock at its nominal frequency, not wall-clock time",
    }


@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_a_call_has_its_arguments_and_its_result(monitor: str) -> None:
    code = (
        tiny.call(Hypercall.EVENT_SEND, 9)
        + tiny.call(Hypercall.TIMER_SET, 1 << 40)
        + tiny.call(Hypercall.VERSION)
        + tiny.leave(3)
    )
    _, _, trace = traced(tiny_host(code, monitor=monitor))
    rows = [(row.name, row.annotations) for row in trace.all_slices("hypercall")]
    for _, written in rows:
        assert written.pop("monitor_cycles") > 0
    assert rows == [
        ("event_send", {"port": 9, "result": "not_found"}),
        ("timer_set", {"deadline_cycles": 1 << 40, "result": 0}),
        ("version", {"result": 1}),
        ("partition_exit", {"code": 3, "reason": 0, "size_bytes": 0}),
    ]
    assert {row.depth for row in trace.all_slices("hypercall")} == {1}


@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_what_happens_within_a_call_is_an_instant(monitor: str) -> None:
    code = tiny.say(45) + tiny.call(Hypercall.MARK, 7, 0x1234) + tiny.leave(3)
    _, _, trace = traced(tiny_host(code, data=b"h\xc3\xa9llo" + 50 * b".", monitor=monitor))
    console, mark = trace.tracks["partition g0: g0/0"].instants
    assert (console.name, console.category, console.depth) == ("console", "console", 2)
    assert console.annotations == {"size_bytes": 45, "text": "h\u00e9llo" + 34 * "."}
    assert (mark.name, mark.category, mark.depth) == ("mark 7", "mark", 2)
    assert mark.annotations["id"] == 7
    assert mark.annotations["value"] == 0x1234
    (stop,) = trace.tracks["partition g0"].instants
    assert stop.name == "stopped: exit"
    assert stop.annotations["exit_code"] == 3


@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_a_trap_has_its_name_and_where_it_was(monitor: str) -> None:
    _, _, trace = traced(tiny_host(tiny.STORE_TO_NOWHERE, monitor=monitor))
    (trap,) = trace.all_slices("trap")
    assert trap.name == "page_fault"
    assert trap.annotations["address"] == 0x10
    assert trap.annotations["error_code"] == 6
    (stop,) = trace.tracks["partition g0"].instants
    assert stop.name == "stopped: unhandled_trap"
    assert stop.annotations["address"] == 0x10


def test_the_operators_stop_is_in_the_trace() -> None:
    with Host(tiny_host(tiny.SPIN, tiny.SPIN), trace=Path("run.pftrace")) as host:
        host.run(1000)
        host.stop("g1")
        host.run(1000)
    trace = Trace(Path("run.pftrace"))
    assert trace.tracks["partition g0"].instants == []
    (stop,) = trace.tracks["partition g1"].instants
    assert stop.name == "stopped: operator"


def test_a_guest_cannot_hide_from_the_trace() -> None:
    code = tiny.call(Hypercall.TRACE_SET, 0) + tiny.call(Hypercall.VERSION) + tiny.leave()
    _, _, trace = traced(tiny_host(code))
    names = [row.name for row in trace.all_slices("hypercall")]
    assert names == ["trace_set", "version", "partition_exit"]


@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_an_arrow_leads_from_each_event_to_its_callback(monitor: str) -> None:
    configuration = resolve([str(EXAMPLES / "two-processors.toml")], monitor=monitor)
    _, _, trace = traced(configuration, cycles=3_000_000)
    for sender, receiver in (("ping", "pong"), ("pong", "ping")):
        sends = [
            row
            for row in trace.tracks[f"partition {sender}: {sender}/0"].of("hypercall")
            if row.name == "event_send"
        ]
        callbacks = [
            row
            for row in trace.tracks[f"partition {receiver}: {receiver}/0"].instants
            if row.name == "event_callback"
        ]
        assert len(sends) == 50
        assert [row.flows for row in sends] == [row.flows for row in callbacks]
        assert len({row.flows[0] for row in sends}) == 50


def test_cycles_become_nanoseconds_of_the_nominal_clock() -> None:
    image = tiny.write(Path(), "g", tiny.count_down(1000) + tiny.leave())
    host = "[host]\nclock_frequency_hz = 3000000000\n"
    Path("run.toml").write_text(f'{host}[[partition]]\nname = "g"\nimage = "{image}"\n')
    _, (row,), trace = traced(resolve(["run.toml"]))
    assert row.clock_cycles > 4000
    assert trace.tracks["processor 0"].top()[-1].end == row.clock_cycles // 3


@pytest.mark.slow
def test_a_core_counts_per_piece_of_the_run() -> None:
    configuration = resolve(["compute"], timing="skylake")
    result, _, trace = traced(configuration, cycles=3_000_000)
    (processor,) = result.processors
    counts = {name: track.counts for name, track in trace.tracks.items() if track.counts}
    assert sum(value for _, value in counts["processor 0: guest cycles"]) == processor.guest_cycles
    misses = sum(row.events["data_cache_misses"] for row in result.cycles)
    assert sum(value for _, value in counts["processor 0: data cache misses"]) == misses
    cycles = [value for _, value in counts["processor 0: instructions per busy cycle"]]
    assert all(0 < value <= 4 for value in cycles)
    assert all(0 <= value <= 100 for _, value in counts["processor 0: guest share"])


def test_a_trace_is_the_same_each_time_and_from_a_child() -> None:
    configuration = resolve(["pingpong", "hello"], seed=3)
    for make, name in ((Host, "a"), (Host, "b"), (SupervisedHost, "c")):
        with make(configuration, trace=Path(name)) as host:
            host.run()
    assert Path("a").read_bytes() == Path("b").read_bytes() == Path("c").read_bytes()


def test_two_hosts_are_traced_side_by_side() -> None:
    first, second = resolve(["hello"]), resolve(["pingpong"])
    for number, configuration in enumerate((first, second)):
        traced(configuration, f"alone{number}")
    with Host(first, trace=Path("0")) as one, Host(second, trace=Path("1")) as other:
        other.run()
        one.run()
    for number in range(2):
        assert Path(f"{number}").read_bytes() == Path(f"alone{number}").read_bytes()


@pytest.mark.parametrize("make", [Host, SupervisedHost])
def test_a_file_that_is_being_written_is_refused(make: type[Host | SupervisedHost]) -> None:
    configuration = resolve(["hello"])
    with make(configuration, trace=Path("run.pftrace")) as host:
        with pytest.raises(OutputError, match="another trace is being written to it"):
            make(configuration, trace=Path("run.pftrace"))
        host.run()
    assert Trace(Path("run.pftrace")).is_balanced()


@pytest.mark.parametrize("make", [Host, SupervisedHost])
def test_an_unwritable_file_is_told_before_anything_runs(
    make: type[Host | SupervisedHost],
) -> None:
    with pytest.raises(OutputError, match="absent/run: cannot be written"):
        make(resolve(["hello"]), trace=Path("absent/run"))


@pytest.mark.parametrize("make", [Host, SupervisedHost])
def test_a_full_disk_is_told(make: type[Host | SupervisedHost]) -> None:
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left"):
        make(resolve(["hello"]), trace=Path("/dev/full"))


def test_what_a_killed_child_left_can_be_read() -> None:
    configuration = resolve(["pingpong", "hello"])

    def killed() -> None:
        with SupervisedHost(configuration, trace=Path("run.pftrace")) as host:

            def kill(_output: ConsoleOutput) -> None:
                host.kill()

            host.run(1_000_000)
            host.run(on_console=kill)

    with pytest.raises(SupervisedFailure):
        killed()
    names = {row.name for row in Trace(Path("run.pftrace")).all_slices("hypercall")}
    assert "event_send" in names


def test_a_paused_host_has_a_trace_that_can_be_read() -> None:
    with Host(resolve(["pingpong"]), trace=Path("run.pftrace")) as host:
        host.run(100_000)
        trace = Trace(Path("run.pftrace"))
        assert list(trace.all_slices("hypercall"))
        assert not trace.is_balanced()
        host.end_trace()
        host.end_trace()
        assert Trace(Path("run.pftrace")).is_balanced()
        host.run()


def test_a_traced_host_does_not_go_back() -> None:
    with Host(resolve(["hello"]), trace=Path("run.pftrace")) as host:
        snapshot = host.snapshot()
        with pytest.raises(UsageError, match="cannot go back"):
            host.restore(snapshot)
        host.end_trace()
        host.restore(snapshot)


def test_a_trace_can_begin_in_the_middle() -> None:
    configuration = resolve(["pingpong"])
    with Host(configuration) as host:
        host.run(500_000)
        host.save(Path("state"))
        begun = host.machine.processor_statistics(0).clock_cycles
        end = host.run()
    with Host(configuration, state=Path("state"), trace=Path("run.pftrace")) as host:
        assert host.run() == end
        clock = host.machine.processor_statistics(0).clock_cycles
    trace = Trace(Path("run.pftrace"))
    slices = trace.tracks["processor 0"].top()
    assert slices[0].start == begun
    assert sum(row.duration for row in slices) == clock - begun


def test_a_log_beside_a_trace_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    from ultravisor.log_lines import parse_categories

    code = tiny.call(Hypercall.TRACE_SET, 0) + tiny.call(Hypercall.VERSION) + tiny.leave()
    logs = []
    for trace in (None, Path("run.pftrace")):
        lines: list[str] = []
        with Host(tiny_host(code), log=parse_categories(["all"]), trace=trace) as host:
            host.run(on_log=lambda line, lines=lines: lines.append(line.text))  # type: ignore[misc]
        logs.append(lines)
    assert logs[0] == logs[1]
    assert not any("version" in line for line in logs[1])


def test_what_was_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = DroppedRecords(log_records=2, trace_records=3, marks=4, console_bytes={1: 5})
    calls = iter([lost])
    nothing = DroppedRecords(0, 0, 0, {})
    monkeypatch.setattr(Machine, "dropped", lambda _machine: next(calls, nothing))
    result, _, trace = traced(tiny_host(tiny.leave()))
    assert (result.log_dropped, result.trace_dropped, result.marks_dropped) == (2, 3, 4)
    assert "5 further bytes were not kept" in result.partitions[0].console
    loss = trace.tracks["host"].instants[1]
    assert (loss.name, loss.annotations) == ("records lost", {"records": 3})


def test_every_call_of_the_contract_is_written() -> None:
    """Each is called with nonsense, which the monitor refuses; none breaks the writer."""
    calls = [call for call in CALLS if call not in (Hypercall.PARTITION_EXIT, Hypercall.IRET)]
    calls = [call for call in calls if call not in (Hypercall.BLOCK, Hypercall.PROCESSOR_STOP)]
    code = b"".join(tiny.call(call, 1 << 63, 1 << 63, 1 << 63) for call in calls) + tiny.leave()
    result, _, trace = traced(tiny_host(code))
    names = Counter(row.name for row in trace.all_slices("hypercall"))
    assert names == result.partitions[0].hypercalls
    assert len(names) == len(calls) + 1


def test_long_idling_is_told_once() -> None:
    code = tiny.call(Hypercall.TIMER_SET, 1 << 24) + tiny.call(Hypercall.BLOCK) + tiny.SPIN
    _, _, trace = traced(tiny_host(code), cycles=20_000_000)
    counts = trace.tracks["processor 0: guest cycles"].counts
    values = [value for _, value in counts]
    assert values[:2] == [values[0], 0]
    assert 0 < counts[2][0] - (1 << 24) + 500_000 <= 500_000
    assert len(values) == 2 + -(-(20_000_000 - counts[2][0]) // 500_000)
