# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest `broken`: each sensitive instruction does what is known of it, and no other is there.

Its table is checked row by row under both builds; that the checker finds these instructions and
no others, in tests/unit/test_checker. What single instructions store is compared between the
builds too: it is the engine's and the monitor's state, not the partition's, but a guest can
keep it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import Guest, run_both
from tests.guests.machine_code import DATA, RBX, load_any
from tests.unit.tiny_guests import leave
from ultravisor import Host
from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    MonitorName,
    PartitionConfiguration,
)
from ultravisor.instruction_rules import SENSITIVE_CASES

if TYPE_CHECKING:
    from ultravisor.machine.cores import TimingName
    from ultravisor.results import HostResult

pytestmark = pytest.mark.guest

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 100
GDT_BASE = 0xFFFF8000005F0000
IDT_BASE = 0xFFFF8000005F8000
NAMES = ("broken", "broken_32")
# Of each instruction: what it did, why that matters, and the modified form.
ROWS = {
    "sgdt": (f"leaks GDT {GDT_BASE:x}", "not the kernel's table", "base_get: its own data"),
    "sidt": (f"leaks IDT {IDT_BASE:x}", "not the kernel's table", "trap_handlers_set: caught"),
    "sldt": ("leaks LDT selector 0", "not the kernel's table", "base_set: a thread's data"),
    "str": ("leaks task selector 40", "names a real processor", "its own data: number 0"),
    "smsw": ("leaks CR0's low half 33", "the monitor's modes", "start page: root in force"),
    "pushf": ("says IF=1 while masked", "hides the mask", "events_masked: 1"),
    "popf": ("ignores IF=0: 1 event came", "no critical section", "events_masked: it waits"),
    "iret": ("ignores IF=0: 1 event came", "handlers are not masked", "call iret: it waits"),
    "lar": ("says own code is ring 3's", "a kernel expects ring 0", "own tables: code"),
    "lsl": ("says own limit is ffffffff", "not the end of its memory", "extents: all its memory"),
    "verr": ("says selector 10: no read", "ring 0 could read", "own tables: readable"),
    "verw": ("says selector 10: no write", "ring 0 could write", "own tables: writable"),
    "pop": ("makes the base of FS 0", "a thread's data are lost", "base_set: found again"),
    "push": ("shows 2b, so ring 3", "a kernel expects ring 0", "base_get: where it begins"),
    "mov": ("shows 33, so ring 3", "a kernel expects ring 0", "frame's state: kernel"),
    "call far": ("faults: #GP(8)", "no way into ring 0", "call page: the monitor"),
    "jmp far": ("faults: #GP(40)", "no task switch", "call iret: other stack"),
    "int": ("faults: #GP(40a)", "no gate of its own", "syscall: it arrived"),
    "ret far": ("faults: #GP(8)", "no way back to ring 0", "call iret: user mode"),
}
# A kernel in ring 1 sees the lower half of addresses, and has segments of its own.
ROWS_32 = ROWS | {
    "sgdt": ("leaks GDT 5f0000", "not the kernel's table", "descriptor_set: its data"),
    "sidt": ("leaks IDT 5f8000", "not the kernel's table", "trap_handlers_set: caught"),
    "sldt": ("leaks LDT selector 0", "not the kernel's table", "descriptor_set: a thread"),
    "lar": ("says own code is ring 1's", "a kernel expects ring 0", "own tables: code"),
    "pop": ("faults: #GP(10)", "a kernel's selector", "descriptor_set: its own"),
    "push": ("shows 19, so ring 1", "a kernel expects ring 0", "frame's state: kernel"),
    "mov": ("shows 19, so ring 1", "a kernel expects ring 0", "frame's state: kernel"),
    "int": ("faults: #GP(40a)", "no gate of its own", "int 0x80: it arrived"),
}
EXPECTED = {"broken": ROWS, "broken_32": ROWS_32}
LAST = "19 instructions: 19 misbehave as known, 19 modified forms are right"
# The checker's names for the cases.
CHECKED = {"pop": "pop segment", "push": "push segment", "mov": "mov segment"}
each_width = pytest.mark.parametrize("name", NAMES)


@cache
def result(
    name: str, monitor: MonitorName = "native", timing: TimingName = "off", processor: int = 0
) -> HostResult:
    """Run the guest to its end, on one of two processors."""
    configuration = Configuration(
        host=HostConfiguration(monitor=monitor, timing=timing, processors=2),
        partition=(PartitionConfiguration(name=name, image=name, processors=(processor,)),),
    )
    with Host(configuration) as host:
        return host.run()


def lines(shown: HostResult) -> list[str]:
    return shown.partitions[0].console.splitlines()


def table(name: str) -> dict[str, tuple[str, ...]]:
    """Return the cells of each row by its instruction."""
    widths = (9, 27, 26)
    rows = {}
    for line in lines(result(name))[1:-1]:
        cells = []
        rest = line
        for width in widths:
            cells.append(rest[:width].rstrip())
            rest = rest[width:]
        rows[cells[0]] = (*cells[1:], rest)
    return rows


@each_width
def test_every_row_is_as_it_is_known(name: str) -> None:
    assert list(table(name)) == list(ROWS)
    assert table(name) == EXPECTED[name]
    assert lines(result(name))[-1] == LAST


@each_width
def test_it_ends_well_and_has_nineteen_rows(name: str) -> None:
    shown = result(name).partitions[0]
    assert (shown.state, shown.exit_code) == ("exited", 0)
    assert len(table(name)) == 19
    assert {CHECKED.get(row, row) for row in table(name)} == SENSITIVE_CASES


@each_width
def test_the_table_fits_its_columns(name: str) -> None:
    assert max(len(f"{name} | {line}") for line in lines(result(name))) <= COLUMNS


@each_width
@pytest.mark.parametrize("timing", ["off", "unit"])
def test_builds_agree(name: str, timing: TimingName) -> None:
    native, simulated = (result(name, build, timing) for build in ("native", "simulated"))
    assert native.state_hash == simulated.state_hash
    assert native.partitions == simulated.partitions


@each_width
@pytest.mark.parametrize("monitor", ["native", "simulated"])
def test_a_guest_can_tell_where_it_really_runs(name: str, monitor: MonitorName) -> None:
    """On the second processor STR shows another selector, and SGDT another table."""
    here, there = lines(result(name, monitor)), lines(result(name, monitor, processor=1))
    different = [pair for pair in zip(here, there, strict=True) if pair[0] != pair[1]]
    assert [first.split()[0] for first, _ in different] == ["sgdt", "str", "jmp"]
    assert "leaks task selector 50" in "\n".join(there)
    assert there[-1] == LAST


@each_width
def test_the_lesson_shows_what_it_prints(name: str) -> None:
    """The whole table, line by line."""
    lesson = (ROOT / "docs" / "broken-instructions.md").read_text(encoding="utf-8").splitlines()
    prefix = f"{name} | "
    shown = [line for line in lesson if line.startswith(prefix)]
    assert shown == [(prefix + line).rstrip() for line in lines(result(name))]


# Each with RBX pointing at what it writes.
STORES = {
    "sgdt": b"\x0f\x01\x03",
    "sidt": b"\x0f\x01\x0b",
    "sldt": b"\x0f\x00\x03",
    "str": b"\x0f\x00\x0b",
    "smsw": b"\x0f\x01\x23",
    "pushf": b"\x9c\x8f\x03",
    "mov from cs": b"\x8c\x0b",
    "mov from ss": b"\x8c\x13",
}


@pytest.mark.parametrize("name", STORES)
def test_builds_store_the_same(name: str) -> None:
    """The stored bytes are in the partition's memory, so in its hash."""
    run_both(Guest(text=load_any(RBX, DATA) + STORES[name] + leave()))


@pytest.mark.parametrize(("name", "base"), [("sgdt", GDT_BASE), ("sidt", IDT_BASE)])
def test_a_table_is_where_the_map_says(name: str, base: int) -> None:
    """Limit, then base: one page, at its place in the monitor's direct map."""
    agreed = run_both(Guest(text=load_any(RBX, DATA) + STORES[name] + leave()))
    stored = agreed.outcome.data[:10]
    assert stored == (0xFFF).to_bytes(2, "little") + base.to_bytes(8, "little")
