# SPDX-License-Identifier: GPL-2.0-or-later
"""The writer of traces without a machine: bytes, names, files, and what is left after a failure."""

from __future__ import annotations

import errno
import os
import runpy
import threading
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as perfetto

from tests.unit.trace_reader import Trace
from ultravisor.errors import OutputError
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.interface import LogNumber, TraceKind
from ultravisor.machine.records import TraceRecord
from ultravisor.trace.flows import EventFlows
from ultravisor.trace.layout import HostLayout, TracedPartition
from ultravisor.trace.names import entry_annotations, entry_name
from ultravisor.trace.packets import Address, PacketSequence, track
from ultravisor.trace.timeline import ProcessorTimeline
from ultravisor.trace.trace_file import TraceFile

IDLE = 256
LAYOUT = HostLayout(
    processor_count=1,
    partitions=(TracedPartition("a", 64, (0,)), TracedPartition("b", 32, (0,))),
    links={(1, 3): (2, 0, 5)},
    clock_frequency_hz=1_000_000_000,
    has_core=False,
    facts=(),
)


def record(
    kind: TraceKind,
    enter: int,
    leave: int,
    who: int = 0,
    to: int = 0,
    number: int = 0,
    arguments: tuple[int, ...] = (),
    result: int = 0,
    delivers: int = 0,
) -> TraceRecord:
    values = (*arguments, 0, 0, 0, 0, 0)[:5]
    return TraceRecord._make((enter, leave, 0, kind, 0, who, to, number, delivers, *values, result))


def written(path: Path, records: list[TraceRecord], end: int) -> Trace:
    """Return the trace of a processor that began with the first partition."""
    file = TraceFile(path)
    for packet in LAYOUT.tracks():
        file.write(packet)
    timeline = ProcessorTimeline(0, LAYOUT, EventFlows(LAYOUT), file.write)
    timeline.start(0, 0)
    for row in records:
        timeline.add(row)
    timeline.finish(end)
    file.flush()
    file.close()
    return Trace(path)


@given(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**64 - 1), st.text())
def test_perfettos_own_reader_finds_what_was_written(time: int, value: int, name: str) -> None:
    packets: list[bytes] = []
    sequence = PacketSequence(7, packets.append)
    annotations = (("number", value), ("address", Address(time)), ("text", name))
    sequence.begin(time, 5, name, "category", annotations, flows=(1, time))
    sequence.end(time, 5)
    first, begin, end = perfetto.Trace.FromString(b"".join(packets)).packet
    assert first.sequence_flags == 1
    assert begin.timestamp == end.timestamp == time
    assert begin.trusted_packet_sequence_id == 7
    assert [row.name for row in begin.interned_data.event_names] == [name]
    number, address, text = begin.track_event.debug_annotations
    assert (number.int_value if value < 0 else number.uint_value) == value
    assert address.pointer_value == time
    assert text.string_value == name
    assert list(begin.track_event.flow_ids) == [1, time]
    assert (end.track_event.type, end.track_event.track_uuid) == (2, 5)


@given(st.floats(allow_nan=False))
def test_a_counter_is_a_whole_number_or_a_fraction(value: float) -> None:
    packets: list[bytes] = [track(5, "counter", parent=4, unit="%")]
    sequence = PacketSequence(7, packets.append)
    sequence.counter(1, 5, value)
    sequence.counter(2, 5, -3)
    described, _, fraction, whole = perfetto.Trace.FromString(b"".join(packets)).packet
    assert described.track_descriptor.counter.unit_name == "%"
    assert described.track_descriptor.parent_uuid == 4
    assert fraction.track_event.double_counter_value == value
    assert whole.track_event.counter_value == -3


def test_an_address_is_not_the_number_that_is_equal_to_it() -> None:
    packets: list[bytes] = []
    sequence = PacketSequence(1, packets.append)
    sequence.instant(0, 5, "a", "b", (("x", 16), ("x", Address(16))))
    number, address = (
        perfetto.Trace.FromString(b"".join(packets)).packet[1].track_event.debug_annotations
    )
    assert number.WhichOneof("value") == "uint_value"
    assert address.WhichOneof("value") == "pointer_value"


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [
        (TraceKind.HYPERCALL, Hypercall.TABLE_UPDATE, "table_update"),
        (TraceKind.HYPERCALL, 1234, "call_1234"),
        (TraceKind.TRAP, 14, "page_fault"),
        (TraceKind.TRAP, 31, "vector_31"),
        (TraceKind.TRAP, LogNumber.SYSTEM_CALL, "system_call"),
        (TraceKind.TRAP, LogNumber.INTERRUPT + 0x80, "int_0x80"),
        (TraceKind.INTERRUPT, LogNumber.TIMER, "timer"),
        (TraceKind.INTERRUPT, LogNumber.KICK, "kick"),
    ],
)
def test_an_entry_has_a_name(kind: TraceKind, number: int, name: str) -> None:
    assert entry_name(kind, number) == name


def test_a_wide_argument_of_a_narrow_caller_is_put_together() -> None:
    arguments = (0x1000, 3, 0x80000000)
    call = record(TraceKind.HYPERCALL, 0, 0, number=Hypercall.MAPPING_UPDATE, arguments=arguments)
    wide = dict(entry_annotations(call, 64))
    narrow = dict(entry_annotations(call, 32))
    assert (wide["page"], wide["value"]) == (0x1000, 3)
    assert (narrow["page"], narrow["value"]) == (0x1000, 0x80000000_00000003)


def test_negative_values_are_signed_and_errors_have_names() -> None:
    call = record(
        TraceKind.HYPERCALL, 0, 0, number=Hypercall.PARTITION_EXIT, arguments=(2**64 - 5,)
    )
    assert dict(entry_annotations(call, 64))["code"] == -5
    unknown = record(TraceKind.HYPERCALL, 0, 0, number=1234, result=-1)
    assert dict(entry_annotations(unknown, 64)) == {"result": "no_such_call", "monitor_cycles": 0}


def test_time_does_not_go_back_with_a_slots_overshoot(tmp_path: Path) -> None:
    rows = [
        record(TraceKind.HYPERCALL, 900, 1040),  # past the end of its slot at 1000
        record(TraceKind.INTERRUPT, 1050, 1000, to=1),
        record(TraceKind.INTERRUPT, 1500, 1500, who=1, to=IDLE),
    ]
    trace = written(tmp_path / "t", rows, 2000)
    slices = [(row.name, row.start, row.end) for row in trace.tracks["processor 0"].top()]
    assert slices == [("a/0", 0, 1040), ("b/0", 1040, 1500), ("idle", 1500, 2000)]
    on = [(row.start, row.end) for row in trace.tracks["partition b: b/0"].top()]
    assert on == [(1040, 1500)]


def test_a_gap_of_lost_records_keeps_slices_whole(tmp_path: Path) -> None:
    rows = [
        record(TraceKind.MARK, 50, 50),
        record(TraceKind.HYPERCALL, 100, 110),
        record(TraceKind.HYPERCALL, 300, 310, who=1, to=1),  # how it came to run was lost
        record(TraceKind.INTERRUPT, 400, 400, who=IDLE, to=0),
    ]
    trace = written(tmp_path / "t", rows, 500)
    assert trace.is_balanced()
    slices = [(row.name, row.start, row.end) for row in trace.tracks["processor 0"].top()]
    assert slices == [("a/0", 0, 300), ("b/0", 300, 400), ("idle", 400, 400), ("a/0", 400, 500)]


def test_sends_before_a_delivery_are_one_arrow(tmp_path: Path) -> None:
    send = partial(record, TraceKind.HYPERCALL, number=Hypercall.EVENT_SEND, arguments=(3,))
    rows = [
        send(10, 10),
        send(20, 20),
        send(30, 30, result=-4),
        record(TraceKind.INTERRUPT, 40, 40, to=1, delivers=1),
        record(TraceKind.INTERRUPT, 50, 50, who=1, to=1, delivers=1),
    ]
    trace = written(tmp_path / "t", rows, 60)
    assert [row.flows for row in trace.all_slices("hypercall")] == [[1], [1], []]
    assert [row.flows for row in trace.tracks["partition b: b/0"].instants] == [[1], []]


def test_nothing_is_destroyed_before_something_is_written(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("kept")
    for path in (new, old):
        file = TraceFile(path)
        file.close()
        file.close()
    assert not new.exists()
    assert old.read_text() == "kept"
    file = TraceFile(old)
    file.write(b"new")
    file.close()
    assert old.read_text() == "kept"
    file = TraceFile(old)
    file.write(b"new")
    file.flush()
    assert old.read_text() == "new"
    file.close()


def test_a_disk_that_fills_up_leaves_whole_packets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t"
    file = TraceFile(path)
    packets = [track(number, "x" * 50) for number in range(1, 9)]
    for packet in packets[:4]:
        file.write(packet)
    file.flush()
    whole = path.read_bytes()
    write = os.write
    room = [30]

    def limited(number: int, data: memoryview) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = write(number, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", limited)
    for packet in packets[4:]:
        file.write(packet)
    with pytest.raises(OutputError, match="t: cannot be written: No space left"):
        file.flush()
    assert path.read_bytes() == whole
    file.write(b"more")
    file.flush()
    file.close()
    assert len(perfetto.Trace.FromString(path.read_bytes()).packet) == 4


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    first = TraceFile(tmp_path / "t")
    with pytest.raises(OutputError, match="another trace is being written to it"):
        TraceFile(tmp_path / "t")
    first.close()
    TraceFile(tmp_path / "t").close()


def test_memory_is_bounded_by_writing_as_it_goes(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "t")
    file.write(b"x" * ((1 << 20) - 1))
    assert (tmp_path / "t").stat().st_size == 0
    file.write(b"xx")
    assert (tmp_path / "t").stat().st_size == (1 << 20) + 1
    file.close()


def test_the_viewer_is_served_with_the_trace(tmp_path: Path) -> None:
    script = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs" / "view_trace.py"))
    (tmp_path / "viewer").mkdir()
    (tmp_path / "viewer" / "index.html").write_text("a viewer")
    (tmp_path / "run.pftrace").write_bytes(b"\x00trace")
    server = script["serve"](tmp_path / "run.pftrace", tmp_path / "viewer", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        answers = []
        for name in ("", "localtrace", "vizviewer_info"):
            url = f"http://127.0.0.1:{server.server_port}/{name}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                answers.append(answer.read())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answers == [b"a viewer", b"\x00trace", b"{}"]
