# SPDX-License-Identifier: GPL-2.0-or-later
"""An entry path of the user's own: built, measured, compared; one that fails is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.architecture.source_tree import ROOT
from ultravisor.bench.switch_apart import measure_apart
from ultravisor.bench.switch_compare import compare
from ultravisor.bench.switch_entry import build_monitor
from ultravisor.bench.switch_measure import Request, measure
from ultravisor.bench.switch_paths import PATHS_BY_NAME
from ultravisor.bench.switch_run import Setting
from ultravisor.cli import run
from ultravisor.errors import ConfigurationError, ExitCode, MachineError, NotFoundError
from ultravisor.resolution import monitor_image

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest

EXAMPLE = ROOT / "examples" / "switch" / "without-fpu.S"
ENTRY = ROOT / "monitor" / "entry" / "entry.S"
REQUEST = Request([PATHS_BY_NAME["null"], PATHS_BY_NAME["yield"]], (64,), ("warm",))


@pytest.mark.slow
def test_what_a_path_leaves_out_is_what_differs(tmp_path: Path) -> None:
    ours = Setting("skylake", 16, 2, monitor_image())
    theirs = ours._replace(monitor=build_monitor(EXAMPLE, tmp_path))
    found = compare(measure(ours, REQUEST), measure_apart(theirs, REQUEST, entry="mine.S"))
    null, switched = found.paths
    assert (null.path, null.difference) == ("null", 0)
    assert switched.difference < -100
    assert sum(phase.difference for phase in switched.phases) == switched.difference
    assert sum(row.difference for row in switched.instructions) == switched.difference
    gone = {row.text.split()[0] for row in switched.instructions if row.cycles_b is None}
    assert gone == {"fxsave64", "fxrstor64"}
    assert not [row for row in switched.instructions if row.cycles_a is None]
    by_phase = {phase.phase: phase.difference for phase in switched.phases}
    assert by_phase["save"] < -50 > by_phase["restore"]


@pytest.mark.slow
def test_the_same_source_makes_the_same_monitor(tmp_path: Path) -> None:
    assert build_monitor(ENTRY, tmp_path).read_bytes() == monitor_image().read_bytes()


def test_a_path_that_cannot_be_built_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        build_monitor(tmp_path / "none.S", tmp_path)
    wrong = tmp_path / "wrong.S"
    wrong.write_text("swapgx\n")
    with pytest.raises(ConfigurationError, match="no such instruction: `swapgx'"):
        build_monitor(wrong, tmp_path / "build")
    assert run(["bench", "switch", "null", "--entry", str(wrong)]) == ExitCode.CONFIGURATION
    assert "it has to define what monitor/entry/entry.S defines" in capsys.readouterr().err


def test_a_path_that_does_not_come_back_is_stopped(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging.S"
    hanging.write_text('.macro sysretq\n1: jmp 1b\n.endm\n#include "entry.S"\n')
    setting = Setting("skylake", 16, 1, build_monitor(hanging, tmp_path / "build"))
    with pytest.raises(MachineError, match=r"mine\.S: .* does not come back to the guests"):
        measure_apart(setting, REQUEST, entry="mine.S", silence_limit_seconds=2)


def test_the_commands_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "switch", "yield", "--width", "64", "--repeat", "1", "--json"]
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, more in zip(files, ([], ["--entry", str(EXAMPLE)]), strict=True):
        assert run([*arguments, *more, "--save", str(file)]) == 0
        assert capsys.readouterr().out == file.read_text()
    assert run(["bench", "compare", *map(str, files)]) == 0
    output = capsys.readouterr().out
    assert "yield 64 warm: instructions that differ most" in output
    assert "fxrstor64 ptr" in output
    page = tmp_path / "page.html"
    assert run(["bench", "compare", *map(str, files), "--json", "--html", str(page)]) == 0
    text = page.read_text()
    # Both sides of two states; nothing from elsewhere.
    assert text.count("<svg ") == 4
    assert text.count("fxrstor64 ptr") == 2
    assert "without-fpu.S" in text
    assert "http" not in text
    assert '"schema":"ultravisor.bench.compare/1"' in capsys.readouterr().out
