# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose disks are host files: what is in the file afterwards, and what a broken host does.

The guest `disk` writes sectors by a pattern that can be computed here, flushes and reads back; with
`fails` it expects an error of each write and ends well.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.guests.device_hosts import DISK_SIZE_BYTES, DeviceHost, disk_guest
from ultravisor.machine.devices import DiskFailure
from ultravisor.machine.interface import ExitReason, MonitorBuild

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.guest

BUILDS = tuple(MonitorBuild)
LONG_CYCLES = 20_000_000
SECTOR_BYTES = 512
SECTORS = 16
DONE = b"disk: 16 sectors written and read\n"
FAILED = b"disk: 16 writes failed\n"
MASK = (1 << 64) - 1
FACTOR = 0x9E3779B97F4A7C15

# What a process does that is killed: it says when the guest's flush has been answered, and goes on.
KILLED = """
import sys
from tests.guests.test_devices_files import file_host
from ultravisor.machine.interface import MonitorBuild
host = file_host(MonitorBuild.NATIVE, sys.argv[1], "flush")
until = 0
while b"flushed" not in host.console:
    until += 10_000
    host.run(until)
print("flushed", flush=True)
sys.stdin.read()
"""


def file_host(build: MonitorBuild, path: Path | str, command_line: str) -> DeviceHost:
    """Return a host whose guest has a disk in a file that exists."""
    host = DeviceHost.start(build, disk_guest("one", command_line))
    host.attach(host.row(host.add_disk(path), 1))
    return host


def pattern(seed: int) -> bytes:
    """Return what the guest writes to its first sectors."""
    return struct.pack(
        f"<{SECTORS * 64}Q",
        *(
            ((sector << 32 | word) * FACTOR + seed) & MASK
            for sector in range(SECTORS)
            for word in range(64)
        ),
    )


def is_pattern(contents: bytes) -> bool:
    """Say whether a file begins with the guest's sectors; the first word is the guest's seed."""
    (seed,) = struct.unpack_from("<Q", contents)
    return seed != 0 and contents[: SECTORS * SECTOR_BYTES] == pattern(seed)


@pytest.fixture
def disk_file(tmp_path: Path) -> Path:
    """Return a file for a disk, of bytes that no guest writes."""
    path = tmp_path / "disk"
    path.write_bytes(b"\xee" * DISK_SIZE_BYTES)
    return path


def test_a_file_has_what_its_guest_wrote_alike_in_both_builds(disk_file: Path) -> None:
    seen = []
    for build in BUILDS:
        disk_file.write_bytes(b"\xee" * DISK_SIZE_BYTES)
        host = file_host(build, disk_file, "flush")
        assert host.run(LONG_CYCLES) == ExitReason.HALTED
        assert bytes(host.console) == b"disk: flushed\n" + DONE
        contents = disk_file.read_bytes()
        assert is_pattern(contents)
        assert contents[SECTORS * SECTOR_BYTES :] == b"\xee" * (
            DISK_SIZE_BYTES - SECTORS * SECTOR_BYTES
        )
        seen.append((host.hashes(1), contents))
        host.machine.close()
    assert seen[0] == seen[1]


def test_a_disk_in_a_file_is_as_one_in_memory_to_its_guest(disk_file: Path) -> None:
    ends = []
    for path in (disk_file, None):
        host = DeviceHost.start(MonitorBuild.NATIVE, disk_guest("one", "flush"))
        host.attach(host.row(host.add_disk(path), 1))
        assert host.run(LONG_CYCLES) == ExitReason.HALTED
        ends.append((host.machine.partition_hash(1), bytes(host.console)))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("build", BUILDS)
def test_a_file_without_permission_to_write_fails_writes(
    build: MonitorBuild, disk_file: Path
) -> None:
    disk_file.chmod(0o444)
    host = file_host(build, disk_file, "fails")
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
    assert bytes(host.console) == FAILED
    assert disk_file.read_bytes() == b"\xee" * DISK_SIZE_BYTES


@pytest.mark.parametrize("build", BUILDS)
def test_a_file_that_has_vanished_fails_writes(build: MonitorBuild, disk_file: Path) -> None:
    host = file_host(build, disk_file, "fails")
    disk_file.unlink()
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
    assert bytes(host.console) == FAILED
    assert host.devices.statistics(1).failed_count == SECTORS


@pytest.mark.parametrize("build", BUILDS)
def test_a_file_that_has_shrunk_fails_writes(build: MonitorBuild, disk_file: Path) -> None:
    host = file_host(build, disk_file, "fails")
    os.truncate(disk_file, DISK_SIZE_BYTES // 2)
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
    assert bytes(host.console) == FAILED
    assert disk_file.read_bytes() == b"\xee" * (DISK_SIZE_BYTES // 2)


@contextmanager
def no_room() -> Iterator[None]:
    """Have the host take no byte of any file, as one that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("build", BUILDS)
def test_a_host_that_takes_no_byte_fails_writes(build: MonitorBuild, disk_file: Path) -> None:
    host = file_host(build, disk_file, "fails")
    with no_room():
        reason = host.run(LONG_CYCLES)
    assert (reason, bytes(host.console)) == (ExitReason.HALTED, FAILED)
    assert disk_file.read_bytes() == b"\xee" * DISK_SIZE_BYTES


@pytest.mark.parametrize("build", BUILDS)
def test_a_full_file_system_fails_writes(build: MonitorBuild, disk_file: Path) -> None:
    host = file_host(build, disk_file, "fails")
    host.devices.fail(0, DiskFailure(error=errno.ENOSPC))
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
    assert bytes(host.console) == FAILED
    assert disk_file.read_bytes() == b"\xee" * DISK_SIZE_BYTES


def test_what_was_flushed_outlives_a_killed_process(disk_file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(disk_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"flushed\n"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert is_pattern(disk_file.read_bytes())
    # And the next one finds it unlocked.
    host = file_host(MonitorBuild.NATIVE, disk_file, "flush")
    assert host.run(LONG_CYCLES) == ExitReason.HALTED
