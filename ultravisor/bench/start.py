# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench start`: what a start, the help, a partition and a boot cost the host.

Owns what is measured and the targets. Everything is measured on this host, in processes
started for it; ultravisor.bench.memory reads memory in them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

import click

SCHEMA = "ultravisor.bench.start/1"
BASIS = "measured on this host"
COMMAND = (sys.executable, "-m", "ultravisor")
PROBE = (sys.executable, "-m", "ultravisor.bench.memory")
GUEST = "hello"
PARTITIONS = 64
VIEW_REPEATS = 200


class Figure(NamedTuple):
    """One figure and what it must reach."""

    title: str
    value: float
    unit: str
    target: float
    """At most this."""
    remark: str

    @property
    def met(self) -> bool:
        """Say whether the target is reached."""
        return self.value <= self.target


def first_byte_seconds() -> float:
    """Return the wall time from the start of `boot` to the first byte of a guest's console."""
    from ultravisor.bench.child import failed_child

    command = [*COMMAND, "boot", GUEST]
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as child:
        assert child.stdout is not None
        first = child.stdout.read(1)
        seconds = time.perf_counter() - start
        rest, complaint = child.communicate()
    # Consoles come first, each line with its partition's name before it.
    if child.returncode != 0 or not (first + rest).startswith(f"{GUEST} | ".encode()):
        raise failed_child(command, child.returncode, complaint.decode("utf-8", "replace"))
    return seconds


def help_seconds() -> float:
    """Return the CPU time of `ultravisor --help`."""
    from ultravisor.bench.child import run_child

    return run_child([*COMMAND, "--help"]).cpu_seconds


def partition_kib() -> float:
    """Return the host memory of one more partition, beyond machine memory."""
    (one,) = _probe("partitions", 1)
    (many,) = _probe("partitions", PARTITIONS)
    return (many - one) / (PARTITIONS - 1)


def growth_kib(boots: int) -> float:
    """Return by how much one process grows with each boot.

    As many boots come before: what the interpreter and the allocator take once, and keep,
    is no growth.
    """
    before, after = _probe("boots", boots, boots)
    return (after - before) / boots


def _probe(name: str, *numbers: int) -> list[int]:
    from ultravisor.bench.child import run_child

    output = run_child([*PROBE, name, *map(str, numbers)]).output
    return [int(value) for value in json.loads(output)]


def measure(repeats: int, boots: int) -> dict[str, Figure]:
    """Return all figures by name; times are medians of `repeats` runs."""
    from ultravisor.bench.views import view_times

    views = view_times(PARTITIONS, VIEW_REPEATS)
    return {
        "first_console_byte": Figure(
            "start to first console byte",
            statistics.median(first_byte_seconds() for _ in range(repeats)),
            "s",
            0.6,
            "wall time; the first guest instruction comes before it",
        ),
        "help_cpu": Figure(
            "--help",
            statistics.median(help_seconds() for _ in range(repeats)) * 1000,
            "ms",
            150.0,
            "CPU time",
        ),
        "partition_memory": Figure(
            "host memory a partition",
            partition_kib() * 1024 / 1e6,
            "MB",
            8.0,
            f"1 and {PARTITIONS} partitions compared; beyond machine memory",
        ),
        "boot_growth": Figure(
            "growth a boot",
            growth_kib(boots),
            "KiB",
            0.1,
            f"over {boots:,} boots in one process, after as many; a page is 4 KiB",
        ),
        "view_publication": Figure(
            "publication of a view",
            views.publication_us,
            "us",
            200.0,
            f"wall time; one of {PARTITIONS} partitions changed",
        ),
        "view_acknowledgement": Figure(
            "its acknowledgement",
            views.acknowledgement_us,
            "us",
            200.0,
            "wall time of the machine's run until then; native monitor",
        ),
    }


def to_json(figures: dict[str, Figure]) -> str:
    """Return the figures as one line of JSON."""
    rows = {
        name: {
            "value": figure.value,
            "unit": figure.unit,
            "target_at_most": figure.target,
            "met": figure.met,
            "remark": figure.remark,
        }
        for name, figure in figures.items()
    }
    return json.dumps({"schema": SCHEMA, "basis": BASIS, **rows})


def to_text(figures: dict[str, Figure]) -> str:
    """Return the figures as lines for a person."""
    rows = [f"{BASIS.capitalize()}; lower is better.", ""]
    for figure in figures.values():
        verdict = "" if figure.met else "MISSED: "
        rows.append(
            f"{figure.title:<34}{figure.value:>14,.2f}  {figure.unit:<12}"
            f"{verdict}target at most {figure.target:g}; {figure.remark}"
        )
    return "\n".join(rows)


@click.command(
    "start",
    help="""Measure what a start, the help, a partition and a boot cost this host.

\b
Examples:
  ultravisor bench start
  ultravisor bench start --repeats 9 --json

Each figure stands beside its target; a missed one is marked, and is no failure.
""",
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="How often each time is taken; medians are shown.",
)
@click.option(
    "--boots",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="Boots in one process, for its growth.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(repeats: int, boots: int, as_json: bool) -> int:
    """Measure and print."""
    if sys.stderr.isatty():
        print("measuring, about ten seconds ...", file=sys.stderr)
    figures = measure(repeats, boots)
    print(to_json(figures) if as_json else to_text(figures))
    return 0
