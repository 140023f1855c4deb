# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-system-x86_64 as the reference of speed, where it is installed.

Owns how the bare-metal image of `compute` is run under it, and the figure that comes of
two such runs. Called by ultravisor.bench.speed; it must not be needed by anything else.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from ultravisor.bench.child import run_child
from ultravisor.configuration import Configuration, HostConfiguration, PartitionConfiguration
from ultravisor.errors import NotFoundError, UltravisorError
from ultravisor.resolution import BARE_NAME, BUNDLED

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = "qemu-system-x86_64"
GUEST = "compute"
# Start-up and translation are in both runs, and fall out of their difference.
ROUNDS_FEW = 10
ROUNDS_MANY = 110
# QEMU's exit status after the image wrote 16 to the debug exit device.
STATUS_DONE = 33


class Run(NamedTuple):
    """One run: the line that it ended with, and what it took."""

    line: str
    amount: float
    """Seconds of host CPU time under QEMU, instructions under our own unit model."""


def find_qemu() -> str | None:
    """Return the emulator's program; None where it is not installed."""
    return shutil.which(PROGRAM)


def bare_image() -> Path:
    """Return the bare-metal image; raise NotFoundError where it was not built."""
    path = BUNDLED / f"{BARE_NAME}.elf"
    if not path.is_file():
        raise NotFoundError(f"the image {BARE_NAME} is not installed", "build the images: make")
    return path


def run_bare(program: str, rounds: int) -> Run:
    """Run the bare-metal image under QEMU, by translation only; return its CPU seconds."""
    command = [
        *(program, "-accel", "tcg", "-machine", "q35", "-cpu", "qemu64", "-m", "64"),
        *("-display", "none", "-no-reboot", "-nodefaults", "-debugcon", "stdio"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
        *("-kernel", str(bare_image()), "-append", f"rounds={rounds}"),
    ]
    done = run_child(command, status=STATUS_DONE)
    return Run(_last_line(done.output), done.cpu_seconds)


def run_guest(rounds: int) -> Run:
    """Run the same kernels as a guest of ours; return how many instructions it executed."""
    from ultravisor.host import Host

    partition = PartitionConfiguration(name=GUEST, image=GUEST, command_line=f"rounds={rounds}")
    host_configuration = HostConfiguration(timing="unit")
    with Host(Configuration(host=host_configuration, partition=(partition,))) as host:
        row = host.run().partition(GUEST)
    if row.exit_code != 0:
        raise UltravisorError(f"the benchmark's guest failed: {row.reason}")
    return Run(_last_line(row.console), row.work)


def qemu_mips(repeats: int = 3) -> float | None:
    """Return QEMU's million instructions a second of CPU time; None where it is not installed.

    The time is the difference of two runs, each the shortest of `repeats`, and the
    instructions are those that our guest executes between the same rounds.
    """
    program = find_qemu()
    if program is None:
        return None
    seconds, instructions = [], []
    for rounds in (ROUNDS_FEW, ROUNDS_MANY):
        guest = run_guest(rounds)
        runs = [run_bare(program, rounds) for _ in range(repeats)]
        wrong = [run.line for run in runs if run.line != guest.line]
        if wrong:
            raise UltravisorError(f"{PROGRAM} computed `{wrong[0]}`, our guest `{guest.line}`")
        seconds.append(min(run.amount for run in runs))
        instructions.append(guest.amount)
    return (instructions[1] - instructions[0]) / (seconds[1] - seconds[0]) / 1e6


def _last_line(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[2]
