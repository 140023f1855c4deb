# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference of speed computes under QEMU what the guest computes under the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ultravisor.bench import qemu
from ultravisor.bench.qemu import Run, find_qemu, qemu_mips, run_bare, run_guest
from ultravisor.errors import NotFoundError, UltravisorError
from ultravisor.resolution import BARE_NAME, bundled_names, find_image

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.guest
ROUNDS = 2


@pytest.fixture
def program() -> str:
    found = find_qemu()
    if found is None:
        pytest.skip("qemu-system-x86_64 is not installed")
    return found


def fake(folder: Path, script: str) -> str:
    """Return a program that stands for QEMU."""
    path = folder / "qemu"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_checksum_is_the_guests(program: str) -> None:
    bare, guest = run_bare(program, ROUNDS), run_guest(ROUNDS)
    assert guest.line.startswith(f"compute: {ROUNDS} rounds, total ")
    assert bare.line == guest.line
    assert bare.amount > 0


def test_the_command_line_says_how_many_rounds(program: str) -> None:
    assert run_bare(program, 1).line.startswith("compute: 1 rounds, total ")


def test_it_is_no_guest() -> None:
    assert BARE_NAME not in bundled_names(".elf")
    with pytest.raises(NotFoundError):
        find_image(BARE_NAME)


def test_the_guests_instructions_are_counted() -> None:
    once, twice = run_guest(1).amount, run_guest(2).amount
    assert 1.9 * once < twice < 2.1 * once


@pytest.mark.parametrize("script", ["exit 0", "echo no firmware >&2; exit 1", "exit 35"])
def test_an_emulator_that_does_not_run_it_is_told(script: str, tmp_path: Path) -> None:
    with pytest.raises(UltravisorError, match="ended with status"):
        run_bare(fake(tmp_path, script), 1)


def test_another_checksum_is_no_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = fake(tmp_path, "echo compute: 10 rounds, total 0; exit 33")
    monkeypatch.setattr(qemu, "find_qemu", lambda: program)
    monkeypatch.setattr(qemu, "run_guest", lambda _rounds: Run("compute: 10 rounds, total 1", 9))
    with pytest.raises(UltravisorError, match="computed `compute: 10 rounds, total 0`"):
        qemu_mips(repeats=1)


def test_the_figure_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(seconds_a_round: float, start_seconds: float, rounds: int) -> Run:
        return Run(f"{rounds} rounds", start_seconds + seconds_a_round * rounds)

    monkeypatch.setattr(qemu, "find_qemu", lambda: "program")
    monkeypatch.setattr(qemu, "run_bare", lambda _program, rounds: run(0.005, 0.3, rounds))
    monkeypatch.setattr(qemu, "run_guest", lambda rounds: run(6e6, 1000, rounds))
    assert qemu_mips() == pytest.approx(1200)


def test_without_qemu_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "find_qemu", lambda: None)
    assert qemu_mips() is None
