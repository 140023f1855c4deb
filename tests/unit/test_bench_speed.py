# SPDX-License-Identifier: GPL-2.0-or-later
"""`bench speed`: the references in a bare engine, and how figures are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host, resolve
from ultravisor.bench import speed
from ultravisor.errors import MachineError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest


def test_a_bare_engine_runs_a_guest_with_hooks_and_without() -> None:
    seconds = {}
    for hooked in (False, True):
        with Host(resolve(["bench"])) as host:
            machine = host.machine
            seconds[hooked] = machine.run_hooked(1) if hooked else machine.run_plain(1)
    assert min(seconds.values()) > 0


def test_only_a_machine_that_has_just_booted_is_a_reference(tmp_path: Path) -> None:
    image = tiny.write(tmp_path, "guest", tiny.leave())
    with Host(resolve([image])) as host:
        host.run()
        for reference in (host.machine.run_plain, host.machine.run_hooked):
            with pytest.raises(MachineError, match="just booted"):
                reference(1)


FIGURES = {
    "plain_unicorn_mips": 1800.0,
    "functional_mips": 1300.0,
    "functional_ratio": 0.72,
    "hooked_unicorn_mips": 230.5,
    "timing": {"skylake": {"mips": 31.25, "ratio_to_hooked_unicorn": 0.136}},
    "qemu_system_mips": None,
    "bare_exit_ns": 15.0,
    "hypercall_ns": 51.0,
    "switch_ns": 170.0,
    "simulated": {"functional_mips": 900.0, "hypercall_ns": 270.0, "switch_ns": 5400.0},
}


def test_a_core_stands_beside_its_reference_and_its_target(
    capsys: pytest.CaptureFixture[str],
) -> None:
    speed._show(FIGURES)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert f"Unicorn with hooks, compute 230.50 MIPS {speed.HOOKED}" in lines
    assert "--timing skylake, compute 31.25 MIPS target at least 15" in lines
    assert "of Unicorn with hooks 0.14 ratio median of pairs" in lines


@pytest.mark.slow
def test_cores_are_measured_beside_a_hooked_engine() -> None:
    found = speed._timing(1)
    reference = found["hooked_unicorn_mips"]
    timing = found["timing"]
    assert isinstance(reference, float)
    assert isinstance(timing, dict)
    assert set(timing) == set(speed.TIMED_CORES)
    for figures in timing.values():
        # One pair: the ratio is that of both figures.
        assert figures["ratio_to_hooked_unicorn"] == pytest.approx(figures["mips"] / reference)
        assert 0 < figures["mips"] < reference
