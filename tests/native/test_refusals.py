# SPDX-License-Identifier: GPL-2.0-or-later
"""`check_refusals`: a call that is refused and has changed something ends the host.

The monitor has no such call, so the check is tried on changes made behind its back, by the C
file beside this one; and real machines must run with it as they run without.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests.both_builds import Guest, boot, make_machine, observe
from tests.unit import tiny_guests as tiny
from ultravisor.errors import UltravisorError
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.interface import MonitorBuild

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("refusals", "machine_memory", "dirty")
REFUSED = "-3"
SUCCEEDED = "0"
FLAGS = "-std=c11 -g -O1 -Wall -Wextra -Werror"
KEPT = ("memory", "frame_table", "own_record", "other_record", "handlers", "schedule", "deadline")
FREE = ("nothing", "registers", "counters")
# Either not a call of the kernel's, or one beside which something else happens.
UNCHECKED = ("user_mode", "attention", "event", "page_fault", "switched_off", "iret")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled runner."""
    target = tmp_path_factory.mktemp("refusals") / "runner"
    wheels = [Path(folder) / "unicorn" / "include" for folder in sys.path if folder]
    include = next(folder for folder in wheels if folder.is_dir())
    folders = [ROOT / "monitor", *(ROOT / "native" / part for part in ("", "engine"))]
    command = [
        *shlex.split(os.environ.get("CC", "gcc")),
        *shlex.split(FLAGS),
        *("-iquote", str(ROOT / "monitor" / "abi")),
        *(f"-I{folder}" for folder in [*folders, include]),
        *("-o", str(target), str(Path(__file__).with_name("refusals_runner.c"))),
        *(str(ROOT / "native" / "engine" / f"{name}.c") for name in SOURCES),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return target


def run(runner: Path, situation: str, change: str, result: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(runner), situation, change, result],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("change", KEPT)
def test_a_refused_call_must_not_change(runner: Path, change: str) -> None:
    code, text = run(runner, "call", change, REFUSED)
    assert (code, text) == (1, "table_pin was refused with error 3 and has changed something\n")


def test_a_call_that_does_not_exist_is_named_by_its_number(runner: Path) -> None:
    code, text = run(runner, "no_such_call", "memory", "-1")
    assert code == 1
    assert "which does not exist" in text


@pytest.mark.parametrize("change", FREE)
def test_a_refused_call_may_change(runner: Path, change: str) -> None:
    assert run(runner, "call", change, REFUSED) == (0, "")


def test_a_call_that_succeeds_may_change_anything(runner: Path) -> None:
    assert run(runner, "call", "memory", SUCCEEDED) == (0, "")


@pytest.mark.parametrize("situation", UNCHECKED)
def test_what_is_not_checked(runner: Path, situation: str) -> None:
    assert run(runner, situation, "memory", REFUSED) == (0, "")


def test_a_machine_is_the_same_with_it() -> None:
    code = tiny.call(Hypercall.TABLE_PIN, 1, 9) + tiny.call(Hypercall.TABLE_PIN, 1, 2)
    guest = Guest(text=code + tiny.load(0, 99) + tiny.VMCALL + tiny.leave(0))
    results = []
    for check in (0, 1):
        with make_machine(MonitorBuild.NATIVE, check_refusals=check) as machine:
            boot(machine, (guest,))
            results.append(observe(machine, machine.run(1_000_000).reason, (guest,)))
    assert results[0] == results[1]


def test_only_the_native_build_has_it() -> None:
    with pytest.raises(UltravisorError, match="only the native monitor"):
        make_machine(MonitorBuild.SIMULATED, check_refusals=1)
