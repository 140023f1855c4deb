# SPDX-License-Identifier: GPL-2.0-or-later
"""A host keeps the marks that its guests set, in order, in-process and in a child alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import marks as marks_module
from ultravisor.host import Host
from ultravisor.machine.abi import Hypercall
from ultravisor.resolution import resolve
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
        host.run()
        assert [mark.id for mark in host.marks()] == [1, 2, 3]


def test_a_stop_is_told_in_numbers(tmp_path: Path) -> None:
    image = tiny.write(tmp_path, "faults", tiny.STORE_TO_NOWHERE)
    with Host(resolve([image, marked(tmp_path, "ends", 1)])) as host:
        result = host.run()
    stop = result.partition("faults").stop
    assert stop is not None
    assert (stop.reason, stop.vector, stop.error_code) == ("unhandled_trap", 14, 6)
    assert (stop.rip, stop.address) == ("0xffffffff80000000", "0x10")
    assert result.partition("ends").stop is None
