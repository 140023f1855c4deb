# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices of a machine: disks, switches and what is plugged into them.

Owns the Python face of native/native_devices.h: media and devices are made once, between two runs,
and stay; rows of the view (ultravisor.machine.view_rows.DeviceRow) say whose they are. It must not
know configurations, partitions by name, or what a guest does with a device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ultravisor.machine.native import check, ffi, lib

if TYPE_CHECKING:
    from ultravisor.machine._native import CData
    from ultravisor.machine.machine import Machine


class DeviceKind(IntEnum):
    """What a device is, as virtio numbers it."""

    NETWORK = 1
    BLOCK = 2
    CONSOLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatistics:
    """What a device is doing and has done; counts are of its whole life."""

    kind: DeviceKind
    status: int
    """Its Status register; bit 6: it needs a reset."""
    owner: int
    """The partition that the view says; 0: nobody."""
    active: bool
    link_up: bool
    request_count: int
    failed_count: int
    read_bytes: int
    written_bytes: int
    in_flight_count: int
    refused_count: int
    """Wrong accesses to registers, and wrong rings and addresses."""
    dropped_bytes: int
    """Of a console's output that nobody took."""
    reason: str
    """The first thing that was refused since its last reset; empty without one."""


@dataclass(frozen=True, slots=True)
class OutsideFrame:
    """A frame that left a switch for the outside."""

    sent_cycles: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFailure:
    """What goes wrong with a disk: matching accesses pass `skip_count` times, then fail."""

    error: int
    """A number of `errno`."""
    operation: int = 0
    """A member of the contract's enum disk_operation; 0: any."""
    sector: int = 0
    sector_count: int = 0
    """0: anywhere."""
    skip_count: int = 0
    strike_count: int = 0
    """How often it fails; 0: for ever."""


class Devices:
    """The media and devices of one machine; every failure is a MachineError or its like."""

    def __init__(self, machine: Machine) -> None:
        """Stand for a machine that was made with frames for devices."""
        self._machine = machine

    @property
    def first_frame(self) -> int:
        """Return the frame of the registers of device 1; the others follow."""
        return int(lib.machine_device_first_frame(self._machine.handle))

    def open_disk(
        self, path: Path | str | None = None, *, size_bytes: int = 0, read_only: bool = False
    ) -> int:
        """Open a disk, in memory without a path; return its number.

        With size 0 a file is as large as it is; otherwise it is made, or extended to the size.
        """
        place = ffi.NULL if path is None else ffi.new("char[]", str(Path(path)).encode())
        return self._check(
            lib.machine_disk_open(self._machine.handle, place, size_bytes, int(read_only))
        )

    def open_switch(self, *, port_count: int, capture: Path | str | None = None) -> int:
        """Open a switch; return its number. `capture` is a pcap file of all frames."""
        place = ffi.NULL if capture is None else ffi.new("char[]", str(Path(capture)).encode())
        return self._check(lib.machine_switch_open(self._machine.handle, port_count, place))

    def add_block(
        self, disk: int, port: int = 0, *, name: str = "", latency_cycles: int = 0
    ) -> int:
        """Plug a block device into a port of a disk; return its id. Latencies are assumed."""
        text = ffi.new("char[]", name.encode())
        settings = _settings(latency_cycles)
        settings.name = text
        return self._check(lib.machine_block_add(self._machine.handle, settings, disk, port))

    def add_network(
        self,
        switch: int,
        port: int,
        *,
        address: bytes,
        latency_cycles: int = 0,
        frame_limit_bytes: int = 0,
    ) -> int:
        """Plug a network device into a port of a switch; return its id.

        `address` is its MAC address, six bytes; frame_limit_bytes its MTU, 0: 1500.
        """
        settings = _settings(latency_cycles)
        settings.address = list(address)
        settings.frame_limit_bytes = frame_limit_bytes
        return self._check(lib.machine_network_add(self._machine.handle, settings, switch, port))

    def add_console(self, *, latency_cycles: int = 0) -> int:
        """Add a console; return its id."""
        settings = _settings(latency_cycles)
        return self._check(lib.machine_console_device_add(self._machine.handle, settings))

    def add_outside(self, switch: int, port: int) -> None:
        """Put the host behind a port of a switch: at most one a switch, for as long as it is."""
        self._check(lib.machine_outside_add(self._machine.handle, switch, port))

    def frame_in(self, switch: int, data: bytes, at_cycles: int) -> None:
        """Send a frame from the outside, once processor 0's clock is at `at_cycles`.

        It is input like what is typed: a replay sends the same bytes at the same time. MachineError
        when the switch has no outside, or the frame is not of 14 to 1514 bytes.
        """
        self._check(
            lib.machine_frame_input(self._machine.handle, switch, at_cycles, data, len(data))
        )

    def take_frames(self, switch: int) -> list[OutsideFrame]:
        """Take what left for the outside since the last time, oldest first."""
        frames = []
        record = ffi.new("struct outside_frame *")
        while self._check(lib.machine_frame_output(self._machine.handle, switch, record)):
            data = bytes(ffi.buffer(record.data, record.size_bytes))
            frames.append(OutsideFrame(record.sent_cycles, data))
        return frames

    def type(self, console: int, data: bytes) -> int:
        """Type into a console; return how many bytes there was room for."""
        return self._check(lib.machine_device_input(self._machine.handle, console, data, len(data)))

    def take_output(self, console: int) -> bytes:
        """Return what was written to a console since the last time."""
        place = ffi.new("const uint8_t **")
        count = self._check(lib.machine_device_output(self._machine.handle, console, place))
        return bytes(ffi.buffer(place[0], count)) if count else b""

    def plug(self, network: int, *, up: bool) -> None:
        """Plug or pull the cable of a network device."""
        self._check(lib.machine_device_link(self._machine.handle, network, int(up)))

    def statistics(self, device: int) -> DeviceStatistics:
        """Return what a device has done."""
        record = ffi.new("struct device_statistics *")
        self._check(lib.machine_device_statistics(self._machine.handle, device, record))
        return DeviceStatistics(
            kind=DeviceKind(record.kind),
            status=record.status,
            owner=record.owner,
            active=bool(record.active),
            link_up=bool(record.link_up),
            request_count=record.request_count,
            failed_count=record.failed_count,
            read_bytes=record.read_bytes,
            written_bytes=record.written_bytes,
            in_flight_count=record.in_flight_count,
            refused_count=record.refused_count,
            dropped_bytes=record.dropped_bytes,
            reason=ffi.string(record.reason).decode("utf-8", "replace"),
        )

    def fail(self, disk: int, failure: DiskFailure) -> None:
        """Have accesses to a disk fail from now on; several failures add up."""
        record = ffi.new("struct disk_failure *")
        record.operation = failure.operation
        record.error = failure.error
        record.sector = failure.sector
        record.sector_count = failure.sector_count
        record.skip_count = failure.skip_count
        record.strike_count = failure.strike_count
        self._check(lib.machine_disk_fail(self._machine.handle, disk, record))

    def heal(self, disk: int) -> None:
        """Forget every failure of a disk."""
        self._check(lib.machine_disk_heal(self._machine.handle, disk))

    def _check(self, code: int) -> int:
        return check(code, self._machine.handle)


def _settings(latency_cycles: int) -> CData:
    settings = ffi.new("struct device_settings *")
    settings.latency_cycles = latency_cycles
    return settings
