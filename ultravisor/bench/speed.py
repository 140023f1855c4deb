# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor bench speed`: how fast the emulator is, each figure beside its reference.

Owns what is run and how figures come of it. All figures are CPU time of this thread on
this host, measured; references are measured in the same run, in turns with what they
are compared to, since hosts are shared and noisy. Nothing here is a modelled cycle.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from ultravisor.configuration import Configuration, MonitorName
    from ultravisor.machine.cores import CoreName, TimingName

SCHEMA = "ultravisor.bench.speed/1"
NANOSECONDS = 1e9
# Rounds of `compute`, some six million instructions each.
ROUNDS = 40
ROUNDS_SIMULATED = 20
# With a cycle-level core they take some fifty times as long.
ROUNDS_TIMED = 2
REPEATS_TIMED = 3
CALLS = 1_000_000
CALLS_SIMULATED = 200_000
SWITCHES = 200_000
SWITCHES_SIMULATED = 20_000
# A quantum at which preemption is on and costs what it costs in practice.
QUANTUM_CYCLES = 100_000
TARGET_RATIO = 0.70
TIMED_CORES: tuple[CoreName, ...] = ("skylake", "haswell")
TARGET_TIMED_MIPS = 15.0
HOOKED = "blocks and accesses only counted: reference"
TARGET_HYPERCALL_NS = 220.0
TARGET_SWITCH_NS = 280.0


class Cost(NamedTuple):
    """What one run took and executed."""

    seconds: float
    work: int


def _configuration(
    image: str,
    command_line: str,
    *,
    monitor: MonitorName = "native",
    timing: TimingName = "off",
    partitions: int = 1,
) -> Configuration:
    from ultravisor.configuration import (
        Configuration,
        HostConfiguration,
        PartitionConfiguration,
        SlotConfiguration,
    )

    names = [f"bench{index}" for index in range(partitions)]
    return Configuration(
        host=HostConfiguration(processors=1, monitor=monitor, timing=timing),
        partition=tuple(
            PartitionConfiguration(name=name, image=image, command_line=command_line)
            for name in names
        ),
        slot=tuple(
            SlotConfiguration(
                processor=0, partition=name, quantum_cycles=QUANTUM_CYCLES, donates=partitions > 1
            )
            for name in names
        ),
    )


def _run(configuration: Configuration) -> Cost:
    """Boot and run to the end; only the running is timed."""
    from ultravisor.errors import UltravisorError
    from ultravisor.host import Host

    with Host(configuration) as host:
        start = time.thread_time()
        result = host.run()
        seconds = time.thread_time() - start
    if result.exit.code != 0:
        raise UltravisorError(f"the benchmark's guest failed: {result.exit.reason}")
    return Cost(seconds, sum(row.work for row in result.partitions))


def _run_plain(configuration: Configuration, *, hooked: bool = False) -> float:
    """Run the first partition in a bare engine; return seconds."""
    from ultravisor.host import Host

    with Host(configuration) as host:
        machine = host.machine
        return (machine.run_hooked(1) if hooked else machine.run_plain(1)) / NANOSECONDS


def _instructions(rounds: int) -> int:
    """Return how many instructions `compute` executes, counted by the unit model."""
    return _run(_configuration("compute", f"rounds={rounds}", timing="unit")).work


def _functional(repeats: int) -> dict[str, float]:
    """Return speed with block hook and preemption, beside the bare engine, in turns."""
    configuration = _configuration("compute", f"rounds={ROUNDS}")
    millions = _instructions(ROUNDS) / 1e6
    pairs = [(_run_plain(configuration), _run(configuration).seconds) for _ in range(repeats)]
    return {
        "plain_unicorn_mips": millions / min(plain for plain, _ in pairs),
        "functional_mips": millions / min(ours for _, ours in pairs),
        "functional_ratio": statistics.median(plain / ours for plain, ours in pairs),
    }


def _timing(repeats: int) -> dict[str, object]:
    """Return speed with each core, beside a bare engine whose hooks only count, in turns."""
    plain = _configuration("compute", f"rounds={ROUNDS_TIMED}")
    timed = {
        core: _configuration("compute", f"rounds={ROUNDS_TIMED}", timing=core)
        for core in TIMED_CORES
    }
    millions = _instructions(ROUNDS_TIMED) / 1e6
    hooked: list[float] = []
    seconds: dict[str, list[float]] = {core: [] for core in TIMED_CORES}
    for _ in range(min(repeats, REPEATS_TIMED)):
        hooked.append(_run_plain(plain, hooked=True))
        for core, configuration in timed.items():
            seconds[core].append(_run(configuration).seconds)
    return {
        "hooked_unicorn_mips": millions / min(hooked),
        "timing": {
            core: {
                "mips": millions / min(ours),
                "ratio_to_hooked_unicorn": statistics.median(
                    reference / each for reference, each in zip(hooked, ours, strict=True)
                ),
            }
            for core, ours in seconds.items()
        },
    }


def _path_ns(path: str, count: int, repeats: int, monitor: MonitorName, partitions: int) -> float:
    """Return nanoseconds for one of `count` calls in each partition; an empty run is subtracted."""

    def seconds(calls: int) -> float:
        configuration = _configuration(
            "bench", f"{path} count={calls}", monitor=monitor, partitions=partitions
        )
        return min(_run(configuration).seconds for _ in range(repeats))

    return (seconds(count) - seconds(0)) / (count * partitions) * NANOSECONDS


def _bare_exit_ns(repeats: int) -> float:
    """Return nanoseconds of the loop around a call whose hook does nothing."""

    def seconds(calls: int) -> float:
        configuration = _configuration("bench", f"null count={calls}")
        return min(_run_plain(configuration) for _ in range(repeats))

    return (seconds(CALLS) - seconds(0)) / CALLS * NANOSECONDS


def _simulated(repeats: int) -> dict[str, float]:
    compute = _configuration("compute", f"rounds={ROUNDS_SIMULATED}", monitor="simulated")
    millions = _instructions(ROUNDS_SIMULATED) / 1e6
    return {
        "functional_mips": millions / min(_run(compute).seconds for _ in range(repeats)),
        "hypercall_ns": _path_ns("null", CALLS_SIMULATED, repeats, "simulated", 1),
        "switch_ns": _path_ns("yield", SWITCHES_SIMULATED, repeats, "simulated", 2),
    }


def measure(repeats: int) -> dict[str, object]:
    """Return all figures; the more repeats, the less the host's noise is in them."""
    from ultravisor.bench.qemu import qemu_mips

    return {
        "schema": SCHEMA,
        **_functional(repeats),
        **_timing(repeats),
        "qemu_system_mips": qemu_mips(),
        "bare_exit_ns": _bare_exit_ns(repeats),
        "hypercall_ns": _path_ns("null", CALLS, repeats, "native", 1),
        "switch_ns": _path_ns("yield", SWITCHES, repeats, "native", 2),
        "simulated": _simulated(repeats),
    }


def _row(name: str, figure: object, unit: str, remark: str) -> str:
    shown = f"{figure:,.2f}" if isinstance(figure, float) else "not installed"
    return f"{name:<34}{shown:>14}  {unit:<12}{remark}"


def _timing_rows(figures: dict[str, object]) -> list[str]:
    timing = figures["timing"]
    assert isinstance(timing, dict)
    rows = [_row("Unicorn with hooks, compute", figures["hooked_unicorn_mips"], "MIPS", HOOKED)]
    target = f"target at least {TARGET_TIMED_MIPS:.0f}"
    for core, found in timing.items():
        ratio = found["ratio_to_hooked_unicorn"]
        rows.append(_row(f"--timing {core}, compute", found["mips"], "MIPS", target))
        rows.append(_row("  of Unicorn with hooks", ratio, "ratio", "median of pairs"))
    return rows


def _show(figures: dict[str, object]) -> None:
    simulated = figures["simulated"]
    assert isinstance(simulated, dict)
    lines = [
        "Measured on this host, CPU time of one thread; higher MIPS and lower ns are better.",
        "",
        _row("bare Unicorn, compute", figures["plain_unicorn_mips"], "MIPS", "no hooks: reference"),
        _row("functional, preemption on", figures["functional_mips"], "MIPS", ""),
        _row(
            "  of bare Unicorn",
            figures["functional_ratio"],
            "ratio",
            f"median of pairs; target at least {TARGET_RATIO}",
        ),
        _row("qemu-system-x86_64 (TCG)", figures["qemu_system_mips"], "MIPS", "reference"),
        _row("simulated monitor, compute", simulated["functional_mips"], "MIPS", ""),
        "",
        *_timing_rows(figures),
        "",
        _row("engine's bare exit", figures["bare_exit_ns"], "ns", "an empty hook: reference"),
        _row(
            "null hypercall, native",
            figures["hypercall_ns"],
            "ns",
            f"target at most {TARGET_HYPERCALL_NS:.0f}",
        ),
        _row("null hypercall, simulated", simulated["hypercall_ns"], "ns", ""),
        _row(
            "one-way world switch, native",
            figures["switch_ns"],
            "ns",
            f"by yield; target at most {TARGET_SWITCH_NS:.0f}",
        ),
        _row("one-way world switch, simulated", simulated["switch_ns"], "ns", "by yield"),
    ]
    print("\n".join(lines))


@click.command(
    "speed",
    help="""Measure speed, hypercalls and world switches, each beside its reference.

\b
Examples:
  ultravisor bench speed
  ultravisor bench speed --repeats 9 --json

Figures are CPU time on this host, in one run with their references: compare ratios.
""",
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="How often each figure is taken; minima and medians are shown.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(repeats: int, as_json: bool) -> int:
    """Measure and print."""
    if sys.stderr.isatty():
        print("measuring, about half a minute ...", file=sys.stderr)
    figures = measure(repeats)
    if as_json:
        print(json.dumps(figures))
    else:
        _show(figures)
    return 0
