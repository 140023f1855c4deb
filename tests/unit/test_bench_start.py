# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench start`: its form and its errors. What it measures is not asserted: hosts are shared."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from ultravisor.bench import start
from ultravisor.bench.child import run_child
from ultravisor.bench.memory import anonymous_kib
from ultravisor.bench.start import Figure, first_byte_seconds, to_text
from ultravisor.cli import run
from ultravisor.errors import UltravisorError

TARGETS = {
    "first_console_byte": ("s", 0.6),
    "help_cpu": ("ms", 150.0),
    "partition_memory": ("MB", 8.0),
    "boot_growth": ("KiB", 0.1),
    "view_publication": ("us", 200.0),
    "view_acknowledgement": ("us", 200.0),
}
FIGURE_KEYS = ["value", "unit", "target_at_most", "met", "remark"]


def figure(value: float) -> Figure:
    return Figure("title", value, "s", 0.5, "remark")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def parsed(text: str) -> dict[str, Any]:
    assert text.count("\n") == 1
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
@pytest.mark.guest
def test_every_figure_stands_beside_its_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "start", "--repeats", "1", "--boots", "4", "--json"]) == 0
    found = parsed(capsys.readouterr().out)
    assert found.pop("schema") == "ultravisor.bench.start/1"
    assert found.pop("basis") == "measured on this host"
    assert {name: (row["unit"], row["target_at_most"]) for name, row in found.items()} == TARGETS
    for name, row in found.items():
        assert list(row) == FIGURE_KEYS
        assert row["met"] == (row["value"] <= row["target_at_most"])
        assert row["value"] > 0 or name == "boot_growth"


def test_options_reach_the_measurement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def measure(repeats: int, boots: int) -> dict[str, Figure]:
        asked.append((repeats, boots))
        return {"one": figure(0.25)}

    monkeypatch.setattr(start, "measure", measure)
    assert run(["bench", "start", "--json"]) == 0
    assert run(["bench", "start", "--repeats", "2", "--boots", "3"]) == 0
    assert asked == [(5, 1000), (2, 3)]
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert parsed(first + "\n") == {
        "schema": "ultravisor.bench.start/1",
        "basis": "measured on this host",
        "one": {
            "value": 0.25,
            "unit": "s",
            "target_at_most": 0.5,
            "met": True,
            "remark": "remark",
        },
    }
    assert rest.startswith("Measured on this host")


@pytest.mark.parametrize(("value", "missed"), [(0.5, False), (0.501, True)])
def test_a_missed_target_is_marked(value: float, missed: bool) -> None:
    row = to_text({"one": figure(value)}).splitlines()[-1]
    assert ("MISSED: target at most 0.5; remark" in row) == missed


def test_anonymous_memory_is_read() -> None:
    assert anonymous_kib("Name:\tx\nVmRSS:\t  9 kB\nRssAnon:\t    1234 kB\n") == 1234
    with pytest.raises(UltravisorError, match="no RssAnon"):
        anonymous_kib("VmRSS:\t  9 kB\n")


def test_a_childs_cpu_time_and_output_are_told() -> None:
    busy = "import time\nwhile time.process_time() < 0.1: pass\nprint('done')"
    done = run_child(python(busy))
    assert done.output == "done\n"
    assert done.cpu_seconds >= 0.1


def test_a_child_that_fails_is_told_with_its_words() -> None:
    assert run_child(python("raise SystemExit(3)"), status=3).output == ""
    with pytest.raises(UltravisorError, match="ended with status 3: nothing works"):
        run_child(python("import sys; sys.stderr.write('nothing works\\n'); sys.exit(3)"))
    with pytest.raises(UltravisorError, match="cannot run no-such-program"):
        run_child(["no-such-program"])


@pytest.mark.parametrize(
    "code", ["print('hello | first'); raise SystemExit(1)", "print('something else')", ""]
)
def test_a_start_without_a_console_is_no_measurement(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "COMMAND", python(code))
    with pytest.raises(UltravisorError, match="ended with status"):
        first_byte_seconds()
