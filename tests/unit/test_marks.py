# SPDX-License-Identifier: GPL-2.0-or-later
"""A host keeps the marks that its guests set, in order, in-process and in a child alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import marks as marks_module
from ultravisor.host import Host
from ultravisor.machine.abi import Hypercall
from ultravisor.marks import span_results
from ultravisor.resolution import resolve
from ultravisor.results import Mark, Range, SpanResult
from ultravisor.supervised_host import SupervisedHost

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest


def marked(folder: Path, name: str, *numbers: int) -> str:
    code = b"".join(tiny.call(Hypercall.MARK, number, 10 * number) for number in numbers)
    return tiny.write(folder, name, code + tiny.leave())


def test_marks_are_kept_with_who_set_them(tmp_path: Path) -> None:
    images = [marked(tmp_path, "one", 1, 2), marked(tmp_path, "two", 3)]
    with Host(resolve(images)) as host:
        assert host.marks() == []
        host.run()
        seen = [(mark.partition, mark.id, mark.value) for mark in host.marks()]
        assert seen == [("one", 1, 10), ("one", 2, 20), ("two", 3, 30)]
        first, second, _ = host.marks()
        assert 0 < first.guest_cycles < second.guest_cycles
        assert first.clock_cycles < second.clock_cycles
        here = host.marks()
    with SupervisedHost(resolve(images)) as supervised:
        supervised.run()
        assert supervised.marks() == here


def test_going_back_forgets_later_marks(tmp_path: Path) -> None:
    image = tiny.write(
        tmp_path,
        "slow",
        tiny.call(Hypercall.MARK, 1, 0) + tiny.count_down(100_000)
        + tiny.call(Hypercall.MARK, 2, 0) + tiny.leave(),
    )  # fmt: skip
    with Host(resolve([image])) as host:
        host.run(1_000)
        snapshot = host.snapshot()
        host.run()
        whole = host.marks()
        assert [mark.id for mark in whole] == [1, 2]
        host.restore(snapshot)
        assert [mark.id for mark in host.marks()] == [1]
        host.run()
        assert host.marks() == whole


def test_a_flood_of_marks_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks_module, "MARKS_KEPT", 3)
    with Host(resolve([marked(tmp_path, "many", 1, 2, 3, 4, 5)])) as host:
        result = host.run()
        assert [mark.id for mark in host.marks()] == [1, 2, 3]
        assert result.marks_dropped == 2
        assert [(row.from_, row.to) for row in result.spans] == [(1, 2), (2, 3)]
        snapshot = host.snapshot()
        monkeypatch.setattr(marks_module, "MARKS_KEPT", 1)
        host.restore(snapshot)
        assert host.result() == result


def mark(partition: str, virtual_processor: int, number: int, guest: int, clock: int) -> Mark:
    return Mark(partition, number, 0, clock, guest, virtual_processor)


def test_a_span_goes_to_the_next_mark_of_the_same_virtual_processor() -> None:
    assert span_results([]) == span_results([mark("a", 0, 1, 5, 5)]) == ()
    found = span_results(
        [
            mark("a", 0, 1, 100, 1000),
            mark("a", 1, 1, 10, 1010),
            mark("b", 0, 9, 0, 1020),
            mark("a", 0, 2, 130, 1100),
            mark("a", 1, 2, 14, 1200),
            mark("a", 0, 1, 131, 1300),
            mark("b", 0, 9, 7, 1310),
            mark("a", 0, 2, 231, 1400),
            mark("a", 0, 1, 240, 1500),
            mark("a", 0, 2, 250, 1900),
        ]
    )
    assert found == (
        SpanResult("a", 0, 1, 2, 3, Range(10, 30, 100), Range(100, 100, 400)),
        SpanResult("a", 1, 1, 2, 1, Range(4, 4, 4), Range(190, 190, 190)),
        SpanResult("a", 0, 2, 1, 2, Range(1, 1, 9), Range(100, 100, 200)),
        SpanResult("b", 0, 9, 9, 1, Range(7, 7, 7), Range(290, 290, 290)),
    )


@pytest.mark.parametrize("kind", [Host, SupervisedHost])
def test_a_tiny_guests_spans_are_exact(
    tmp_path: Path, kind: type[Host] | type[SupervisedHost]
) -> None:
    rounds = 50
    image = tiny.write(
        tmp_path,
        "loop",
        tiny.call(Hypercall.MARK, 1, 0) + tiny.count_down(rounds)
        + tiny.call(Hypercall.MARK, 2, 0) + tiny.leave(),
    )  # fmt: skip
    with kind(resolve([image], timing="unit")) as host:
        (found,) = host.run().spans
    # The loop's load and its rounds of two, then three loads and the call.
    length = 1 + 2 * rounds + 4
    assert found == SpanResult(
        "loop", 0, 1, 2, 1, Range(length, length, length), Range(length, length, length)
    )


def test_a_saved_state_keeps_marks(tmp_path: Path) -> None:
    image = tiny.write(
        tmp_path,
        "slow",
        tiny.call(Hypercall.MARK, 1, 0) + tiny.count_down(100_000)
        + tiny.call(Hypercall.MARK, 2, 0) + tiny.leave(),
    )  # fmt: skip
    state = tmp_path / "state"
    with Host(resolve([image])) as host:
        host.run(1_000)
        host.save(state)
        whole = host.run()
        marks = host.marks()
    with Host(resolve([image]), state=state) as host:
        assert [mark.id for mark in host.marks()] == [1]
        assert host.run() == whole
        assert host.marks() == marks


def test_a_stop_is_told_in_numbers(tmp_path: Path) -> None:
    image = tiny.write(tmp_path, "faults", tiny.STORE_TO_NOWHERE)
    with Host(resolve([image, marked(tmp_path, "ends", 1)])) as host:
        result = host.run()
    stop = result.partition("faults").stop
    assert stop is not None
    assert (stop.reason, stop.vector, stop.error_code) == ("unhandled_trap", 14, 6)
    assert (stop.rip, stop.address) == ("0xffffffff80000000", "0x10")
    assert result.partition("ends").stop is None
