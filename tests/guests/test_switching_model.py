# SPDX-License-Identifier: GPL-2.0-or-later
"""A model on real guests: charged where it belongs, seen afterwards, and invisible to guests."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.architecture.source_tree import ROOT
from ultravisor import Host, resolve
from ultravisor.bench.switch_compare import compare
from ultravisor.bench.switch_measure import Request, measure
from ultravisor.bench.switch_paths import PATHS, PATHS_BY_NAME, WIDTHS
from ultravisor.bench.switch_phases import TRANSITION_MODELS
from ultravisor.bench.switch_run import Setting
from ultravisor.cli import run
from ultravisor.cli.bench_switch import FPU_NAMES
from ultravisor.errors import ConfigurationError, UltravisorError, UsageError
from ultravisor.machine.cycle_core import costs
from ultravisor.machine.models import MODEL_NAMES, model_text, parse_model
from ultravisor.resolution import monitor_image
from ultravisor.timing.switching_section import AXES, switching_section

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from ultravisor.bench.switch_paths import Path
    from ultravisor.bench.switch_results import PathResult, SwitchResult

pytestmark = pytest.mark.guest

REPEATS = 2
PAGES = 4
# Whatever excludes nothing; then what excludes `global`.
EVERYTHING = ",".join(name for name in MODEL_NAMES if name != "kpti")
ISOLATED = ",".join(name for name in MODEL_NAMES if name != "global")
MODELS = ("none", *MODEL_NAMES, "pcid,global", "pcid,kpti", EVERYTHING, ISOLATED)
COSTS = {row.name: row.cycles for row in costs("skylake")}


FEW = tuple(PATHS_BY_NAME[name] for name in ("null", "yield", "yield-round", "page-fault"))


@cache
def measured(*models: str, paths: tuple[Path, ...] = FEW) -> SwitchResult:
    setting = Setting("skylake", PAGES, REPEATS, monitor_image())
    widths = (64,) if paths is FEW else WIDTHS
    return measure(setting, Request(paths, widths, ("warm",), (), tuple(map(parse_model, models))))


def whole() -> SwitchResult:
    return measured(EVERYTHING, ISOLATED, paths=PATHS)


def one(model: str, path: str) -> PathResult:
    name = model_text(parse_model(model))
    (found,) = (row for row in measured(*MODELS).paths if (row.path, row.model) == (path, name))
    return found


def isolated(path: str, width: int) -> PathResult:
    (found,) = (
        row for row in whole().paths if (row.path, row.width, row.model) == (path, width, ISOLATED)
    )
    return found


def charged(row: PathResult, model: str) -> list[tuple[str, int, int]]:
    return [
        (found.phase, found.count, found.cycles)
        for found in row.instructions
        if found.text == f"(model: {model})"
    ]


@pytest.mark.slow
def test_phases_and_instructions_add_up_with_any_model() -> None:
    keys = [row.key for row in whole().paths]
    assert len(keys) == 2 * len(PATHS) * len(WIDTHS) == len(set(keys))
    for row in (*whole().paths, *measured(*MODELS).paths):
        for place, cycles in enumerate(row.cycles.values):
            assert sum(phase.cycles.values[place] for phase in row.phases) == cycles
        assert sum(found.cycles for found in row.instructions) == row.cycles.median


@pytest.mark.parametrize("width", [64, 32])
def test_each_is_charged_in_its_phase_once_an_entry_an_exit_and_a_switch(width: int) -> None:
    verw, crossing, restriction = COSTS["VERW"], COSTS["MOV_TO_CR3"], COSTS["WRMSR"]
    assert charged(isolated("null", width), "verw") == [("exit", 1, verw)]
    # Two transitions of one name: into the monitor, and out of it.
    assert charged(isolated("null", width), "kpti") == [
        ("entry", 1, crossing), ("exit", 1, crossing)
    ]  # fmt: skip
    assert charged(isolated("null", width), "ibrs") == [
        ("entry", 1, restriction), ("exit", 1, restriction)
    ]  # fmt: skip
    for model, row in (
        ("ibpb", "TARGET_BARRIER"), ("l1d", "DATA_CACHE_FLUSH"), ("rsb", "RETURN_FILLING")
    ):  # fmt: skip
        assert charged(isolated("null", width), model) == [], "nobody else gets the processor"
        ((phase, count, cycles),) = charged(isolated("yield", width), model)
        # Stores on their way to the cache are waited for.
        assert (phase, count, COSTS[row] <= cycles < COSTS[row] + 50) == ("space", 1, True)
        ((_, rounds, _),) = charged(isolated("yield-round", width), model)
        assert rounds == 2
    ((_, exits, _),) = charged(isolated("page-fault", width), "verw")
    assert exits == 2, "to the handler, and back"


def test_a_barrier_comes_before_the_root_and_a_clearing_before_the_return() -> None:
    texts = [found.text for found in one("ibpb", "yield").instructions]
    assert texts.index("(model: ibpb)") == texts.index("mov cr3, rax") - 1
    texts = [found.text for found in one(ISOLATED, "null").instructions]
    assert texts[-5:-1] == ["(model: ibrs)", "(model: kpti)", "(model: verw)", "sysretq"]
    begin = texts.index("(model: kpti)")
    assert texts[begin - 1] == "syscall"
    assert texts[begin : begin + 3] == ["(model: kpti)", "(model: ibrs)", "swapgs"]


def test_what_is_kept_is_not_walked_to_again() -> None:
    walks = {model: one(model, "yield").events["page_walks"] for model in MODELS}
    assert walks["pcid"] == walks["pcid,global"] == 0 < walks["global"] < walks["none"]
    assert one("none", "null").events["page_walks"] == 0 < one("kpti", "null").events["page_walks"]
    assert one("pcid,kpti", "null").events["page_walks"] == 0
    refill = {model: one(model, "yield").refill[0].refill_cycles for model in MODELS}
    assert refill["pcid"] < refill["none"]
    assert refill["l1d"] > refill["none"]


def test_what_is_forgotten_is_paid_for_afterwards() -> None:
    none = one("none", "yield").events
    barrier = one("ibpb", "yield").events
    # Warm branches that the decoders or the execution have to set right.
    assert barrier["resteers"] + barrier["mispredicts"] > none["resteers"] + none["mispredicts"]
    assert one("l1d", "yield").events["data_cache_misses"] > none["data_cache_misses"]
    # The return to the resumed guest is predicted wrongly anyway; the core's own test has more.
    assert one("rsb", "yield").events["mispredicts"] >= none["mispredicts"] > 0
    assert (
        one("retpoline", "null").events["mispredicts"] > one("none", "null").events["mispredicts"]
    )


OF_RUN = ("console", "exit_code", "state", "reason", "hypercalls", "traps")
# None that asks for the time: its own work takes other cycles, since a switch left it other state.
HOSTS: tuple[tuple[list[str], dict[str, Any]], ...] = (
    (["pingpong"], {}),
    (["pingpong_32"], {}),
    (["hello", "hello_32"], {}),
    (["smp"], {"processors": 2}),
)


def behaviour(names: list[str], **settings: Any) -> list[tuple[Any, ...]]:
    """Return what guests did and hold in memory; not how long it took them."""
    with Host(resolve(names, timing="skylake", clock="guest", **settings)) as host:
        result = host.run()
        machine = host.machine
        memory = [
            machine.guest_read(number, 0x400000, 64 * 4096)
            for number in range(1, len(result.partitions) + 1)
        ]
        return [
            (*(getattr(row, name) for name in OF_RUN), held)
            for row, held in zip(result.partitions, memory, strict=True)
        ]


@pytest.mark.parametrize("monitor", ["native", "simulated"])
@pytest.mark.parametrize(("names", "settings"), HOSTS)
def test_guests_do_the_same_with_any_model(
    names: list[str], settings: dict[str, Any], monitor: str
) -> None:
    without = behaviour(names, monitor=monitor, **settings)
    for model in (EVERYTHING, ISOLATED):
        assert behaviour(names, monitor=monitor, model=parse_model(model), **settings) == without


@pytest.mark.parametrize("monitor", ["native", "simulated"])
@pytest.mark.parametrize("model", [EVERYTHING, ISOLATED])
def test_every_cycle_is_accounted_for_and_a_snapshot_holds_the_tags(
    model: str, monitor: str
) -> None:
    settings: dict[str, Any] = {
        "timing": "skylake",
        "monitor": monitor,
        "model": parse_model(model),
    }
    with Host(resolve(["pingpong"], **settings)) as host:
        first = host.run(300_000)
        snapshot = host.snapshot()
        whole = host.run()
        host.restore(snapshot)
        assert host.result() == first
        assert host.run() == whole
    assert whole.model == parse_model(model)
    for processor in whole.processors:
        rows = [row for row in whole.cycles if row.processor == processor.id]
        assert sum(row.cycles for row in rows) == processor.machine_cycles
    with Host(resolve(["pingpong"], timing="skylake", monitor=monitor)) as host:
        assert host.run().processors[0].machine_cycles < whole.processors[0].machine_cycles


def test_a_state_is_not_restored_with_another_model(tmp_path: FilePath) -> None:
    names = ["pingpong"]
    with Host(resolve(names, timing="skylake", model=("pcid",))) as host:
        host.run(100_000)
        host.save(tmp_path / "state")
    with pytest.raises(UltravisorError, match="a snapshot of another host: model not the same"):
        Host(resolve(names, timing="skylake"), state=tmp_path / "state").close()


def test_every_name_that_happens_without_an_instruction_is_one() -> None:
    assert set(TRANSITION_MODELS.values()) == set(MODEL_NAMES) - {"pcid", "global", "retpoline"}


def test_models_are_compared_in_one_call_or_in_two(
    capsys: pytest.CaptureFixture[str], tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    call = ["bench", "switch", "null", "yield", "--state", "warm", "--width", "64"]
    call += ["--repeat", str(REPEATS), "--pages", str(PAGES)]
    assert run([*call, "--model", "none", "--model", "global,pcid", "--save", "both.json"]) == 0
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= 80
    assert "64-bit guests, warm, pcid,global: modelled cycles of skylake, validated" in output
    none, kept = one("none", "yield").cycles.median, one("pcid,global", "yield").cycles.median
    assert f"{none}  pcid,global    {kept}  {kept - none:+d}" in output
    assert run([*call, "--model", "none", "--save", "a.json"]) == 0
    assert run([*call, "--model", "pcid,global", "--save", "b.json"]) == 0
    capsys.readouterr()
    page = ["--html", "page.html"]
    assert run(["bench", "compare", "a.json", "b.json", "--json", *page]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["warnings"] == []
    assert found["compared"] == [{"axis": "model", "a": "none", "b": "pcid,global"}]
    assert [row["difference"] for row in found["paths"]][1] == kept - none
    assert "validated, model pcid,global" in (tmp_path / "page.html").read_text()
    # Rows of the same model are what several models have in common.
    assert run(["bench", "compare", "both.json", "b.json", "--json"]) == 0
    (row,) = {row["model"] for row in json.loads(capsys.readouterr().out)["paths"]}
    assert row == "pcid,global"


def test_two_results_of_which_one_has_several_models_need_one_in_common() -> None:
    first = measured(*MODELS)
    verw, others = (
        msgspec.structs.replace(
            first, paths=tuple(row for row in first.paths if (row.model == "verw") == wanted)
        )
        for wanted in (True, False)
    )
    assert len(compare(first, verw).paths) == len(verw.paths)
    with pytest.raises(UsageError, match="no path in common"):
        compare(others, verw)


@pytest.mark.parametrize("width", [64, 32])
def test_the_exception_of_lazy_fpu_state_is_an_entry_and_an_exit_more(width: int) -> None:
    models = ("none", *MODEL_NAMES, ISOLATED)
    path = PATHS_BY_NAME["yield-fpu"]
    results = [
        measure(
            Setting("skylake", PAGES, REPEATS, monitor_image(fpu)),
            Request((path,), (width,), ("warm",), (), tuple(map(parse_model, models))),
            fpu=fpu,
        )
        for fpu in FPU_NAMES
    ]
    for row in (row for result in results for row in result.paths):
        for place, cycles in enumerate(row.cycles.values):
            assert sum(phase.cycles.values[place] for phase in row.phases) == cycles
        assert sum(found.cycles for found in row.instructions) == row.cycles.median
    counts = [
        {
            name: [
                (phase, count)
                for row in result.paths
                if row.model == name
                for phase, count, _ in charged(row, name)
            ]
            for name in MODEL_NAMES
        }
        for result in results
    ]
    once = {"kpti": [("entry", 1), ("exit", 1)], "ibrs": [("entry", 1), ("exit", 1)]}
    once |= {"verw": [("exit", 1)], **{name: [("space", 1)] for name in ("ibpb", "l1d", "rsb")}}
    twice = {name: [(phase, 2) for phase, _ in once[name]] for name in ("kpti", "ibrs", "verw")}
    nothing: dict[str, list[tuple[str, int]]] = {name: [] for name in MODEL_NAMES}
    assert counts == [nothing | once, nothing | once | twice]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("pcids", "there is no model `pcids`"),
        ("", "is no list of models"),
        ("none,pcid", "is no list of models"),
        ("global,kpti", "exclude each other"),
    ],
)
def test_what_is_no_model_is_refused(given: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_model(given)


@pytest.mark.parametrize("timing", ["off", "unit"])
def test_a_model_needs_a_core(timing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"`timing` is `{timing}`: only a cycle-level"):
        resolve(["hello"], timing=timing, model=("pcid",))
    with pytest.raises(ConfigurationError, match="exclude each other"):
        resolve(["hello"], timing="skylake", model=("global", "kpti"))
    with pytest.raises(UsageError, match=r"Invalid enum value 'pcids'"):
        resolve(["hello"], timing="skylake", model=("pcids",))


def test_the_page_on_accuracy_has_every_name() -> None:
    assert tuple(AXES) == MODEL_NAMES
    assert switching_section() in (ROOT / "docs" / "accuracy.md").read_text()
