# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of everything as the limits allow, and one more.

Hosts with many processors, many partitions and much memory, under both builds. A limit is
taken at N and refused at N + 1, with a sentence that says which.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, LONG_CYCLES, Guest, boot, make_machine, run_both
from tests.guests.machine_code import COUNTER, TEXT, increment, page
from tests.unit import tiny_guests as tiny
from tests.unit.tiny_guests import leave
from ultravisor import Host, resolve
from ultravisor.configuration import Configuration, HostConfiguration, PartitionConfiguration
from ultravisor.errors import ConfigurationError
from ultravisor.machine.abi import (
    EVENT_LINK_LIMIT,
    EVENT_PORT_LIMIT,
    PARTITION_LIMIT,
    PORT_LINK_FIRST,
    PROCESSOR_LIMIT,
    QUANTUM_MINIMUM_CYCLES,
    SLOT_LIMIT,
    VIRTUAL_PROCESSOR_LIMIT,
    Hypercall,
)
from ultravisor.machine.interface import ExitReason, MonitorBuild
from ultravisor.machine.records import Segment
from ultravisor.plan import MIB

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

pytestmark = pytest.mark.guest
both_builds = pytest.mark.parametrize("build", BUILDS, ids=["native", "simulated"])

QUICK = page({TEXT: increment() + leave(0)})
# The least that these guests, their stack and their tables fit in.
SMALL_BYTES = 256 * 1024


def small(**changes: object) -> Guest:
    settings: dict[str, object] = {"text": QUICK, "memory_size_bytes": SMALL_BYTES}
    return Guest(**(settings | changes))  # type: ignore[arg-type]


def hosts(
    count: int, processors: int = 1, image: str = "hello", *, memory_mib: int | None = None
) -> dict[str, str]:
    """Run `count` partitions of a bundled image under both builds; return their hashes."""
    results = []
    for monitor in ("native", "simulated"):
        configuration = Configuration(
            host=HostConfiguration(processors=processors, monitor=monitor),
            partition=tuple(
                PartitionConfiguration(name=f"p{number}", image=image, memory_mib=memory_mib)
                for number in range(count)
            ),
        )
        with Host(configuration) as host:
            results.append(host.run())
    native, simulated = results
    assert (native.exit.code, native.exit.reason) == (0, "halted: every partition has exited")
    assert native.partitions == simulated.partitions
    assert native.state_hash == simulated.state_hash
    assert {row.exit_code for row in native.partitions} == {0}
    assert len(native.processors) == processors
    return {row.name: row.state_hash for row in native.partitions}


def test_eight_processors_with_eight_partitions() -> None:
    assert len(hosts(8, PROCESSOR_LIMIT)) == 8


def test_sixty_four_partitions_on_one_processor() -> None:
    hashes = hosts(64)
    assert len(set(hashes.values())) == 64


def test_as_many_partitions_as_a_host_can_have() -> None:
    count = PARTITION_LIMIT - 1
    guests = tuple(small(name=f"p{number}") for number in range(count))
    agreement = run_both(*guests)
    assert agreement.reason == ExitReason.HALTED
    assert {row.statistics.exit_code for row in agreement.outcomes} == {0}
    assert {row.word(COUNTER, 4) for row in agreement.outcomes} == {1}


@both_builds
def test_one_partition_more_is_refused(build: MonitorBuild) -> None:
    with make_machine(build) as machine:
        for number in range(1, PARTITION_LIMIT):
            assert machine.partition_add(small(name=f"p{number}").options()) == number
        with pytest.raises(ConfigurationError, match="too many partitions"):
            machine.partition_add(small(name="more").options())
        machine.slot_add(processor=0, partition=127, virtual_processor=0, quantum_cycles=1000)
        machine.boot()


def test_a_configuration_of_one_partition_more_is_refused(tmp_path: Path) -> None:
    name = tiny.write(tmp_path, "tiny", tiny.leave())
    assert len(resolve([name] * (PARTITION_LIMIT - 1)).partition) == PARTITION_LIMIT - 1
    with pytest.raises(ConfigurationError, match="more than 127 partitions"):
        resolve([name] * PARTITION_LIMIT)


@both_builds
def test_as_many_virtual_processors_as_a_host_can_have(build: MonitorBuild) -> None:
    each = 8
    with make_machine(build, processor_count=PROCESSOR_LIMIT) as machine:
        guest = small(processors=tuple(range(each)))
        for _ in range(VIRTUAL_PROCESSOR_LIMIT // each):
            machine.partition_add(guest.options())
        with pytest.raises(ConfigurationError, match="virtual processors"):
            machine.partition_add(small().options())
        for partition in range(1, VIRTUAL_PROCESSOR_LIMIT // each + 1):
            for number in range(each):
                machine.slot_add(
                    processor=number,
                    partition=partition,
                    virtual_processor=number,
                    quantum_cycles=1000,
                )
        machine.boot()
        assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED


@both_builds
def test_nine_virtual_processors_of_one_partition_are_refused(build: MonitorBuild) -> None:
    with make_machine(build) as machine:
        with pytest.raises(ConfigurationError, match="virtual processors 1 to 8"):
            machine.partition_add(small(processors=(0,) * 9).options())
        machine.partition_add(small(processors=(0,) * 8).options())


def slots_fill(machine: Machine, count: int) -> None:
    for _ in range(count):
        machine.slot_add(processor=0, partition=1, virtual_processor=0, quantum_cycles=100)


@both_builds
def test_slots_up_to_their_limit(build: MonitorBuild) -> None:
    with make_machine(build) as machine:
        machine.partition_add(small().options())
        slots_fill(machine, SLOT_LIMIT)
        with pytest.raises(ConfigurationError, match=f"has {SLOT_LIMIT} slots already"):
            slots_fill(machine, 1)
        machine.boot()
        assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED


@both_builds
def test_links_up_to_their_limit(build: MonitorBuild) -> None:
    """From every port of enough partitions; the last link works like the first."""
    ports = range(PORT_LINK_FIRST, EVENT_PORT_LIMIT)
    places = [(partition, port) for partition in range(1, 20) for port in ports]
    sender, port = places[EVENT_LINK_LIMIT - 1]
    send = tiny.call(Hypercall.EVENT_SEND, port)
    keep = b"\x48\x89\x04\x25" + (COUNTER & 0xFFFFFFFF).to_bytes(4, "little")
    text = page({TEXT: send + keep + leave(0)})
    with make_machine(build) as machine:
        for number in range(1, 20):
            guest = small(text=text) if number == sender else small()
            assert machine.partition_add(guest.options()) == number
        for source, source_port in places[:EVENT_LINK_LIMIT]:
            machine.link_add(
                partition=source, port=source_port, target_partition=19, target_port=63
            )
        with pytest.raises(ConfigurationError, match=f"{EVENT_LINK_LIMIT} links already"):
            machine.link_add(partition=19, port=63, target_partition=1, target_port=8)
        for number in (sender, 19):
            machine.slot_add(
                processor=0, partition=number, virtual_processor=0, quantum_cycles=1000
            )
        machine.boot()
        machine.run(100_000)
        assert machine.guest_read(sender, COUNTER, 8) == bytes(8)
        assert machine.partition_statistics(sender).events_sent == 1


@both_builds
@pytest.mark.parametrize("port", [PORT_LINK_FIRST - 1, EVENT_PORT_LIMIT])
def test_ports_outside_their_range_are_refused(build: MonitorBuild, port: int) -> None:
    with make_machine(build) as machine:
        machine.partition_add(small().options())
        with pytest.raises(ConfigurationError, match="ports are 8 to 63"):
            machine.link_add(partition=1, port=port, target_partition=1, target_port=8)
        with pytest.raises(ConfigurationError, match="ports are 8 to 63"):
            machine.link_add(partition=1, port=8, target_partition=1, target_port=port)


def test_the_smallest_quantum() -> None:
    agreement = run_both(small(quantum_cycles=QUANTUM_MINIMUM_CYCLES))
    assert agreement.outcome.statistics.exit_code == 0


@both_builds
def test_a_smaller_quantum_is_refused(build: MonitorBuild) -> None:
    with make_machine(build) as machine:
        guest = small(quantum_cycles=QUANTUM_MINIMUM_CYCLES - 1)
        with pytest.raises(ConfigurationError, match="a quantum is at least 16 cycles"):
            boot(machine, (guest,))


@both_builds
@pytest.mark.parametrize(
    ("size_bytes", "message"),
    [
        (0, "guest wants 0 KiB"),
        (2 * 4096, "guest needs more than its 8 KiB"),
        (3 * 4096, "guest needs more than its 12 KiB"),
        (32 * 4096, "guest needs more than its 128 KiB"),
        (64 * MIB, "guest wants 65536 KiB, but the machine has"),
    ],
)
def test_memory_too_small_for_an_image_is_refused(
    build: MonitorBuild, size_bytes: int, message: str
) -> None:
    """Nothing of the failed partition stays: the next one has its number and its place."""
    with make_machine(build) as machine:
        with pytest.raises(ConfigurationError, match=message):
            machine.partition_add(small(memory_size_bytes=size_bytes).options())
        boot(machine, (small(),))
        assert machine.run(LONG_CYCLES).reason == ExitReason.HALTED
        assert machine.guest_read(1, COUNTER, 4) == b"\1\0\0\0"


@both_builds
def test_a_refused_partition_leaves_nothing_behind(build: MonitorBuild) -> None:
    """The next one finds the memory as if it had been the first to have it."""
    large = Segment(
        address=TEXT + 0x100000,
        size_bytes=31 * 4096,
        data=b"left behind" * 11_000,
        writable=True,
        executable=False,
    )
    hashes = []
    for refused in (False, True):
        with make_machine(build) as machine:
            if refused:
                # Enough for the segments, but not for the stack; then not for the tables.
                for pages in (35, 60):
                    guest = small(memory_size_bytes=pages * 4096, more=(large,))
                    with pytest.raises(ConfigurationError, match="guest needs more than its"):
                        machine.partition_add(guest.options())
            boot(machine, (small(),))
            machine.run(LONG_CYCLES)
            hashes.append(machine.state_hash())
    assert hashes[0] == hashes[1]


def test_the_memory_that_just_fits() -> None:
    """A page less is refused, and with it the guest runs as it does with more."""
    with make_machine(MonitorBuild.NATIVE) as machine:
        for pages in range(1, 100):
            try:
                machine.partition_add(small(memory_size_bytes=pages * 4096).options())
            except ConfigurationError:
                continue
            break
    assert 30 < pages < 50
    outcome = run_both(small(memory_size_bytes=pages * 4096)).outcome
    assert outcome.statistics.exit_code == 0


def test_a_partition_of_a_gibibyte() -> None:
    guest = small(memory_size_bytes=1024 * MIB)
    agreement = run_both(guest, memory_size_bytes=1280 * MIB)
    assert agreement.outcome.statistics.exit_code == 0


HUGE = """
from tests.guests.both_builds import boot, make_machine
from tests.guests.test_scale import LONG_CYCLES, MIB, small
from ultravisor.machine.interface import MonitorBuild
with make_machine(MonitorBuild({build}), memory_size_bytes={mebibytes} * MIB) as machine:
    boot(machine, (small(),))
    print(machine.run(LONG_CYCLES).reason.name)
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(status["VmHWM"].split()[0])
"""


def peak_kib(build: MonitorBuild, mebibytes: int) -> int:
    """Return how much memory a process of its own needed to run a small guest."""
    done = subprocess.run(
        [sys.executable, "-c", HUGE.format(build=int(build), mebibytes=mebibytes)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    reason, peak = done.stdout.split()
    assert reason == "HALTED"
    return int(peak)


@both_builds
def test_a_host_of_eight_gibibytes_is_sparse(build: MonitorBuild) -> None:
    """It needs the frame table more than the smallest host: 16 bytes for each frame."""
    frame_table_kib = 8192 * MIB // 4096 * 16 // 1024
    difference = peak_kib(build, 8192) - peak_kib(build, 64)
    assert difference < frame_table_kib + 8 * 1024
