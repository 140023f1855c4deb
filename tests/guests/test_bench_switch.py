# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench switch` on real guests: exact sums, the same every time, and figures that make sense."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.architecture.source_tree import ROOT
from tests.guests.test_path_lengths import COMPILER, compiler
from tests.guests.test_path_lengths import PATHS as LENGTHS
from ultravisor.bench.switch_measure import Request, measure
from ultravisor.bench.switch_paths import PATHS, PATHS_BY_NAME, TRANSPORTS, WIDTHS
from ultravisor.bench.switch_phases import PHASES, TRANSITION_PHASES, Phase, source_name
from ultravisor.bench.switch_results import PathResult, SwitchResult, read_result
from ultravisor.bench.switch_run import STATES, Setting
from ultravisor.bench.switch_symbols import text_symbols
from ultravisor.cli import run
from ultravisor.cli.bench_switch import FPU_NAMES
from ultravisor.machine.interface import TimingTransition
from ultravisor.resolution import monitor_image

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.configuration import FpuName

pytestmark = pytest.mark.guest

REPEATS = 3
SWITCHING = ("yield", "yield-round", "yield-fpu", "event", "timer")


def measured(core: str = "skylake", fpu: FpuName = "eager", **request: object) -> SwitchResult:
    chosen = {"paths": PATHS, "widths": WIDTHS, "states": ("warm", "all-cold"), **request}
    setting = Setting(core, 16, REPEATS, monitor_image(fpu))  # type: ignore[arg-type]
    return measure(setting, Request(**chosen), fpu=fpu)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> SwitchResult:
    return measured()


@pytest.fixture(scope="module")
def lazy() -> SwitchResult:
    return measured(fpu="lazy", states=("warm",))


def one(result: SwitchResult, path: str, width: int = 64, state: str = "warm") -> PathResult:
    (found,) = (
        row for row in result.paths if (row.path, row.width, row.state) == (path, width, state)
    )
    return found


def test_every_path_is_there_in_every_state_and_width(whole: SwitchResult) -> None:
    keys = [row.key for row in whole.paths]
    assert len(set(keys)) == len(keys) == len(PATHS) * len(WIDTHS) * 2
    assert whole.unit == "modelled cycles of skylake, validated"


def test_phases_add_up_to_the_path_exactly(whole: SwitchResult, lazy: SwitchResult) -> None:
    for row in (*whole.paths, *lazy.paths):
        assert len(row.cycles.values) == REPEATS
        for place, cycles in enumerate(row.cycles.values):
            assert sum(phase.cycles.values[place] for phase in row.phases) == cycles
        assert row.cycles.values[row.representative] == row.cycles.median
        assert sum(found.cycles for found in row.instructions) == row.cycles.median
        assert sum(found.count for found in row.instructions) >= row.events["instructions"]
        assert sum(row.stack.values()) == row.cycles.median
        for name, count in row.events.items():
            assert sum(phase.events[name] for phase in row.phases) == count
        for phase in row.phases:
            cycles = phase.cycles.values[row.representative]
            assert sum(phase.stack.values()) == cycles
            listed = [found for found in row.instructions if found.phase == phase.phase]
            assert sum(found.cycles for found in listed) == cycles
            assert sum(found.uops for found in listed) == phase.events["uops"]


def test_a_second_run_finds_the_same(whole: SwitchResult) -> None:
    paths = [PATHS_BY_NAME[name] for name in ("null", "yield", "timer", "system-call")]
    again = measured(paths=paths, widths=(64,))
    for row in again.paths:
        assert row == one(whole, row.path, 64, row.state)
    # What else is measured, and in which order, makes no difference.
    alone = measured(paths=[PATHS_BY_NAME["yield"]], widths=(64,), states=("all-cold",))
    assert alone.paths == (one(whole, "yield", 64, "all-cold"),)


def test_lazily_only_those_who_use_them_pay_for_fpu_and_sse(
    whole: SwitchResult, lazy: SwitchResult
) -> None:
    states = ("fxsave", "fxrstor")
    for width in WIDTHS:
        for name in PATHS_BY_NAME:
            texts = [
                {row.text.split()[0] for row in one(result, name, width).instructions}
                for result in (whole, lazy)
            ]
            eagerly, lazily = ({text for text in row if text.startswith(states)} for row in texts)
            assert len(eagerly) == (2 if name in SWITCHING else 0)
            assert len(lazily) == (2 if name == "yield-fpu" else 0)
        assert one(lazy, "yield", width).cycles.maximum < one(whole, "yield", width).cycles.minimum


def test_the_use_after_a_switch_is_an_exception_that_the_phases_show(lazy: SwitchResult) -> None:
    for width in WIDTHS:
        used = one(lazy, "yield-fpu", width)
        placed = {
            row.symbol.partition("+")[0]: row.phase
            for row in used.instructions
            if row.symbol.startswith(("trap_7", "floating_point"))
        }
        assert placed == {
            "trap_7": Phase.ENTRY,
            "floating_point_save": Phase.SAVE,
            "floating_point_restore": Phase.RESTORE,
            "floating_point_return": Phase.EXIT,
        }
        exceptions = [row for row in used.instructions if row.text == "(exception)"]
        assert [(row.phase, row.count) for row in exceptions] == [(Phase.ENTRY, 1)]


def test_the_lazy_paths_are_the_same_every_time(lazy: SwitchResult) -> None:
    paths = [PATHS_BY_NAME[name] for name in ("yield-fpu", "yield")]
    again = measured(fpu="lazy", paths=paths, widths=(32,), states=("warm",))
    assert again.paths == tuple(one(lazy, path.name, 32) for path in paths)


def test_the_page_has_these_figures_of_the_lazy_path() -> None:
    if compiler() != COMPILER:
        pytest.skip(f"the figures are those of {COMPILER}")
    request = Request([PATHS_BY_NAME[name] for name in ("yield", "yield-fpu")], (64,), ("warm",))
    cycles = {
        (row.path, fpu): row.cycles.median
        for fpu in FPU_NAMES
        for row in measure(Setting("skylake", 16, 8, monitor_image(fpu)), request, fpu=fpu).paths
    }
    saved = cycles["yield", "eager"] - cycles["yield", "lazy"]
    added = cycles["yield-fpu", "lazy"] - cycles["yield-fpu", "eager"]
    page = (ROOT / "docs" / "bench-switch.md").read_text(encoding="utf-8")
    assert f"by {saved} cycles shorter, of {cycles['yield', 'eager']:,}" in page
    assert f"takes {added} cycles more" in page
    assert f"(1 - *p*) x {saved} > *p* x {added}: below **{saved / (saved + added):.0%}" in (
        page.replace(" %", "%")
    )


def test_a_path_has_the_instructions_that_it_has(whole: SwitchResult) -> None:
    if compiler() != COMPILER:
        pytest.skip(f"the lengths are those of {COMPILER}")
    lengths = {(path.name, path.widths): path.instructions for path in LENGTHS}
    # Those that enter are the guests'. On the others than the null call, the guests' addresses
    # decide some branches of the monitor's.
    for ours, theirs, entering, tolerance in (
        ("null", ("version", 1), 1, 0),
        ("page-fault", ("page_fault", 1), 1, 0.01),
        ("yield-round", ("yield", 2), 2, 0.01),
    ):
        for width in WIDTHS:
            monitors = sum(
                phase.events["instructions"]
                for phase in one(whole, ours, width).phases
                if phase.phase != Phase.GUEST
            )
            expected = lengths[theirs[0], (width,) * theirs[1]]
            assert monitors - entering == pytest.approx(expected, rel=tolerance)


def test_what_is_cold_costs_more(whole: SwitchResult) -> None:
    for row in whole.paths:
        if row.state == "all-cold":
            warm = one(whole, row.path, row.width)
            assert row.cycles.minimum > warm.cycles.maximum
            assert row.events["shared_cache_misses"] > 0
            assert warm.events["shared_cache_misses"] == 0
    by_state = {row.state: row for row in measured(
        paths=[PATHS_BY_NAME["null"]], widths=(64,), states=STATES
    ).paths}  # fmt: skip
    events = {state: row.events for state, row in by_state.items()}
    assert events["cold-tlb"]["page_walks"] > 0 == events["warm"]["page_walks"]
    assert events["cold-tlb"]["shared_cache_misses"] == 0
    assert events["cold-cache"]["shared_cache_misses"] > 0
    assert events["cold-predictor"]["mispredicts"] > events["warm"]["mispredicts"]
    cycles = {state: row.cycles.median for state, row in by_state.items()}
    assert cycles["warm"] < min(value for state, value in cycles.items() if state != "warm")
    assert cycles["all-cold"] == max(cycles.values())


def test_switches_have_the_phases_of_a_switch(whole: SwitchResult) -> None:
    switch = {Phase.SCHEDULE, Phase.SAVE, Phase.SPACE, Phase.RESTORE}
    for row in whole.paths:
        phases = {phase.phase for phase in row.phases}
        assert {Phase.ENTRY, Phase.DISPATCH, Phase.EXIT} <= phases
        assert Phase.START not in phases
        assert (switch <= phases) == (row.path in SWITCHING)
    one_way, both = one(whole, "yield"), one(whole, "yield-round")
    assert 1.8 < both.cycles.median / one_way.cycles.median < 2.3
    assert both.events["instructions"] > 2 * one_way.events["instructions"]


def test_refill_is_what_follows(whole: SwitchResult) -> None:
    for row in whole.paths:
        who = {found.who for found in row.refill}
        expected = {"interrupted"} if row.path != "timer" else {"resumed"}
        assert who == expected | ({"resumed"} if row.path in SWITCHING else set())
        for found in row.refill:
            assert found.refill_cycles == found.cycles.median - found.undisturbed_cycles
            if row.state == "warm":
                assert found.without_path_cycles == found.undisturbed_cycles
    # A switch drops all translations, a null call none: each page has to be walked to again.
    null, switched = one(whole, "null").refill[0], one(whole, "yield").refill[0]
    assert switched.refill_cycles > null.refill_cycles + 50
    many = measure(
        Setting("skylake", 32, REPEATS, monitor_image()),
        Request([PATHS_BY_NAME["yield"]], (64,), ("warm",)),
    )
    assert many.paths[0].refill[0].refill_cycles > switched.refill_cycles


@pytest.mark.parametrize("pages", [1, 300])
def test_works_of_any_size_are_found(pages: int) -> None:
    paths = [PATHS_BY_NAME[name] for name in ("timer", "event", "system-call")]
    setting = Setting("haswell", pages, REPEATS, monitor_image())
    for row in measure(setting, Request(paths, (32,), ("warm", "all-cold"))).paths:
        # At least one cycle a load of each page, but for what was under way before.
        assert all(found.cycles.minimum > 0.8 * pages for found in row.refill)


def test_transports_differ_where_a_path_begins_with_a_call() -> None:
    result = measured(
        paths=[PATHS_BY_NAME["null"], PATHS_BY_NAME["page-fault"]],
        states=("warm",),
        transports=("syscall", "int", "vmcall"),
    )
    keys = [(row.width, row.path, row.transport) for row in result.paths]
    nulls = [(width, "null", name) for width in WIDTHS for name in TRANSPORTS[width]]
    assert sorted(keys, key=str) == sorted(
        [*nulls, *((width, "page-fault", None) for width in WIDTHS)], key=str
    )
    cycles = {(row.width, row.transport): row.cycles.median for row in result.paths}
    assert cycles[64, "vmcall"] > cycles[64, "syscall"]
    assert cycles[32, "vmcall"] > cycles[32, "int"] > cycles[64, "syscall"]


def test_every_symbol_of_the_monitors_has_a_phase() -> None:
    names = {
        source_name(name)
        for fpu in FPU_NAMES
        for _, name in text_symbols(monitor_image(fpu).read_bytes())
    }
    assert names <= set(PHASES), f"switch_phases.py lacks {names - set(PHASES)}"
    sources = "\n".join(
        path.read_text()
        for path in sorted((ROOT / "monitor").rglob("*"))
        if path.suffix in {".c", ".h", ".S", ".ld"}
    )
    words = set(re.findall(r"\w+", sources))
    # `trap_\vector` is written once for all.
    gone = {name for name in PHASES if name not in words and not name.startswith(("trap_", "hc_"))}
    assert not gone, "switch_phases.py has what the monitor has no longer"
    assert set(TRANSITION_PHASES) == set(TimingTransition)


def test_the_command_prints_json_that_can_be_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: SwitchResult
) -> None:
    arguments = ["bench", "switch", "yield", "--width", "64", "--repeat", str(REPEATS), "--json"]
    assert run(arguments) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["schema"] == "ultravisor.bench.switch/1"
    (tmp_path / "a.json").write_text(text)
    found = read_result(tmp_path / "a.json")
    assert found.paths == (one(whole, "yield"), one(whole, "yield", state="all-cold"))
    assert msgspec.json.encode(found).decode() == text.strip()


def test_the_command_measures_both_schemes(
    capsys: pytest.CaptureFixture[str], whole: SwitchResult, lazy: SwitchResult
) -> None:
    arguments = "bench switch yield yield-fpu --fpu eager,lazy --width 64 --state warm --json"
    assert run([*arguments.split(), "--repeat", str(REPEATS)]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=SwitchResult)
    assert found.paths == tuple(
        one(result, name) for name in ("yield", "yield-fpu") for result in (whole, lazy)
    )
    assert [*found.monitors] == ["eager", "lazy"]
    (even,) = found.break_even
    eager, lazily = ([row.cycles.median for row in found.paths[first::2]] for first in (0, 1))
    assert (even.saved_cycles, even.added_cycles) == (eager[0] - lazily[0], lazily[1] - eager[1])
    assert even.share is not None
    assert 0.1 < even.share < 0.2


def test_the_command_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["bench", "switch", "--state", "all-cold", "--repeat", "1", "--width", "32"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "32-bit guests, all-cold: modelled cycles of skylake, validated" in lines
    assert run(["bench", "switch", "null", "--state", "warm", "--repeat", "1"]) == 0
    output = capsys.readouterr().out
    assert "null, 64 bits, syscall, warm: " in output
    assert "█" in output
    assert "quoted and not read again" in output
