# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts take of a process's own memory, read in the process that holds them.

Owns the two probes that ultravisor.bench.start runs in fresh processes:

    python -m ultravisor.bench.memory partitions 64
    python -m ultravisor.bench.memory boots 1000 1000

Each prints one JSON array of KiB. Machine memory is shared memory, and is not in them.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ultravisor.configuration import Configuration, PartitionConfiguration
from ultravisor.errors import UltravisorError
from ultravisor.host import Host
from ultravisor.plan import HostPlan, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

GUEST = "hello"
STATUS_FILE = "/proc/self/status"


def anonymous_kib(status: str) -> int:
    """Return the anonymous resident memory that a text of /proc/PID/status tells."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "RssAnon":
            return int(value.removesuffix("kB"))
    raise UltravisorError(f"{STATUS_FILE} has no RssAnon", "use Linux 4.5 or later")


def partitions_kib(count: int) -> list[int]:
    """Boot `count` partitions on one host; return what the process holds while it is up."""
    with Host(make_bench_plan(count)) as host:
        _require_success(host)
        return [_read()]


def boots_kib(first: int, further: int) -> list[int]:
    """Boot and close hosts one after the other; return what the process holds after each lot."""
    plan = make_bench_plan(1)
    found = []
    for count in (first, further):
        for _ in range(count):
            with Host(plan) as host:
                _require_success(host)
        # The interpreter's lists of free objects grow up to a limit; a collection empties them.
        gc.collect()
        found.append(_read())
    return found


def make_bench_plan(count: int) -> HostPlan:
    """Return a host of `count` partitions that all do the same."""
    return make_plan(
        Configuration(
            partition=tuple(
                PartitionConfiguration(name=f"{GUEST}{index}", image=GUEST)
                for index in range(count)
            )
        )
    )


def _require_success(host: Host) -> None:
    result = host.run()
    if result.exit.code != 0:
        raise UltravisorError(f"the benchmark's guest failed: {result.exit.reason}")


def _read() -> int:
    return anonymous_kib(Path(STATUS_FILE).read_text(encoding="ascii"))


def main(arguments: list[str]) -> None:
    """Run one probe and print what it found."""
    probes: dict[str, Callable[..., list[int]]]
    probes = {"partitions": partitions_kib, "boots": boots_kib}
    probe, *numbers = arguments
    print(json.dumps(probes[probe](*map(int, numbers))))


if __name__ == "__main__":
    main(sys.argv[1:])
