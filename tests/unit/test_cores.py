# SPDX-License-Identifier: GPL-2.0-or-later
"""The names of timing models stand once, and every place that takes one agrees with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ultravisor import Configuration, parse_configuration, resolve
from ultravisor.cli import run
from ultravisor.configuration import HostConfiguration, PartitionConfiguration
from ultravisor.errors import ConfigurationError, ExitCode
from ultravisor.machine.cores import (
    CORES,
    TIMING_NAMES,
    VALIDATED,
    TimingName,
    basis_of,
    core_model,
    unit_of,
    validation,
)
from ultravisor.machine.interface import TimingModel
from ultravisor.machine.native import ffi, lib
from ultravisor.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path


PARTITION = PartitionConfiguration(name="a", image="hello")


def test_the_extension_counts_the_cores_in_the_same_order() -> None:
    for number, name in enumerate(CORES):
        assert lib.timing_core_at(number) == lib.timing_core_named(name.encode()) != ffi.NULL
    assert lib.timing_core_at(len(CORES)) == ffi.NULL


def test_the_numbers_are_those_of_the_interface() -> None:
    assert TIMING_NAMES[:2] == ("off", "unit")
    assert TIMING_NAMES[2:] == CORES
    named = {model.name.lower(): int(model) for model in TimingModel}
    assert {name: core_model(name) for name in CORES if name in named} == {
        name: number for name, number in named.items() if number > TimingModel.UNIT
    }


def test_a_core_says_whether_it_was_validated() -> None:
    assert set(CORES) >= VALIDATED
    assert {name: validation(name) for name in ("skylake", "ivybridge")} == {
        "skylake": "validated",
        "ivybridge": "not validated",
    }


def test_the_unit_says_what_a_cycle_is() -> None:
    chosen: tuple[TimingName, ...] = ("off", "unit", "haswell")
    found = {timing: basis_of(unit_of(timing)) for timing in chosen}
    assert found == {
        "off": "bytes of code, counted",
        "unit": "instructions, counted",
        "haswell": "modelled cycles of haswell, validated",
    }


@pytest.mark.parametrize("timing", TIMING_NAMES)
def test_the_clock_goes_with_the_model_unless_it_is_given(timing: TimingName) -> None:
    host = HostConfiguration(timing=timing)
    assert host.core == (timing if timing in CORES else None)
    assert host.clock_name == ("machine" if timing in CORES else "guest")
    assert HostConfiguration(timing=timing, clock="guest").clock_name == "guest"
    assert HostConfiguration(timing=timing, clock="machine").clock_name == "machine"
    plan = make_plan(Configuration(host=host, partition=(PARTITION,)))
    assert plan.configuration.host.clock == host.clock_name


@pytest.mark.parametrize("name", CORES)
def test_each_core_can_be_configured(name: str) -> None:
    text = f'host.timing = "{name}"\n[[partition]]\nname = "a"\nimage = "hello"\n'
    assert parse_configuration(text, "host.toml").host.timing == name
    assert resolve(["hello"], timing=name).host.timing == name
    with pytest.raises(ConfigurationError, match=r"host\.toml:1: host\.timing: "):
        parse_configuration(text.replace(name, "z80"), "host.toml")


def test_an_unknown_core_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["boot", "hello"], ["test", "example"]):
        assert run([*verb, "--timing", "z80"]) == ExitCode.USAGE
        assert all(name in capsys.readouterr().err for name in CORES[:1])


def test_where_the_clock_came_from_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        (): ("guest", "default"),
        ("--timing", "unit"): ("guest", "default"),
        ("--timing", CORES[0]): ("machine", "computed"),
        ("--timing", CORES[0], "--clock", "guest"): ("guest", "option"),
    }
    for arguments, expected in given.items():
        assert run(["config", "show", "hello", "--json", "--origin", *arguments]) == 0
        shown = json.loads(capsys.readouterr().out)
        clock = shown["configuration"]["host"]["clock"]
        assert (clock, shown["origins"]["host.clock"]["kind"]) == expected
