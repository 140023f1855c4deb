# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines whose guests have devices, as the tests of devices make them.

Owns the smallest host with disks there is: guests from the bundled images, a device a guest, rows
of the view written by hand. Knows nothing of what is tested.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from tests.guests.both_builds import make_machine
from ultravisor.machine.abi import VIEW_DEVICE_ACTIVE
from ultravisor.machine.devices import Devices
from ultravisor.machine.image import read_image
from ultravisor.machine.interface import TimingModel
from ultravisor.machine.records import PartitionOptions
from ultravisor.machine.view_rows import DeviceRow
from ultravisor.machine.views import Views
from ultravisor.resolution import find_image

if TYPE_CHECKING:
    from pathlib import Path

    from ultravisor.machine.interface import ExitReason, MonitorBuild
    from ultravisor.machine.machine import Machine

PORT = 9
GUEST_FRAME = 4096
LATENCY_CYCLES = 5_000
DISK_SIZE_BYTES = 64 * 1024
QUANTUM_CYCLES = 20_000
ADDRESS_PREFIX = b"\x02\0\0\0\0"
MIB = 1 << 20


def disk_guest(
    name: str, command_line: str, width: int = 64, processor: int = 0
) -> PartitionOptions:
    """Return the bundled guest `disk` as the machine is told of it."""
    image = read_image(find_image("disk" if width == 64 else "disk_32"))
    return PartitionOptions(
        name=name,
        command_line=command_line,
        memory_size_bytes=2 * MIB,
        entry_address=image.entry_address,
        segments=image.segments,
        width=width,
        processors=(processor,),
    )


@dataclass(slots=True)
class DeviceHost:
    """A booted machine and its devices; by `boot`, partition N has block device N."""

    machine: Machine
    devices: Devices
    views: Views
    console: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(
        cls,
        build: MonitorBuild,
        *guests: PartitionOptions,
        timing: TimingModel = TimingModel.OFF,
        **changes: int,
    ) -> Self:
        """Make and boot the machine, without any device."""
        machine = make_machine(build, timing, **({"device_frame_count": 8} | changes))
        for guest in guests:
            number = machine.partition_add(guest)
            machine.slot_add(
                processor=guest.processors[0],
                partition=number,
                virtual_processor=0,
                quantum_cycles=QUANTUM_CYCLES,
            )
        machine.boot()
        return cls(machine, Devices(machine), Views(machine))

    @classmethod
    def boot(
        cls,
        build: MonitorBuild,
        *guests: PartitionOptions,
        timing: TimingModel = TimingModel.OFF,
        **changes: int,
    ) -> Self:
        """Make the machine and give each guest its device, a disk in memory."""
        host = cls.start(build, *guests, timing=timing, **changes)
        numbers = range(1, len(guests) + 1)
        for number in numbers:
            assert host.add_disk() == number
        host.attach(*(host.row(number, number) for number in numbers))
        return host

    def add_disk(self, path: Path | str | None = None) -> int:
        """Make a disk and plug a block device into it; return the device's id."""
        disk = self.devices.open_disk(path, size_bytes=0 if path else DISK_SIZE_BYTES)
        return self.devices.add_block(disk, name=f"disk{disk}", latency_cycles=LATENCY_CYCLES)

    def add_network(self, switch: int, port: int) -> int:
        """Plug a network device into a port of a switch; return its id. Its address ends in it."""
        address = bytes([*ADDRESS_PREFIX, port])
        return self.devices.add_network(
            switch, port, address=address, latency_cycles=LATENCY_CYCLES
        )

    def row(self, device: int, partition: int, flags: int = VIEW_DEVICE_ACTIVE) -> DeviceRow:
        """Return the row by which a partition has a device."""
        return DeviceRow(
            id=device,
            partition=partition,
            port=PORT,
            flags=flags,
            machine_frame=self.devices.first_frame + device - 1,
            frame_count=1,
            guest_frame=GUEST_FRAME,
        )

    def attach(self, *rows: DeviceRow) -> int:
        """Publish a view with these rows of devices; return the generation."""
        body = self.views.begin()
        body.device_count = len(rows)
        for index, row in enumerate(rows):
            body.set_device(index, row)
        return self.views.publish()

    def change(self, device: int, **fields: int) -> int:
        """Publish a view in which a device's row has other fields."""
        body = self.views.begin()
        body.set_device(device - 1, replace(body.device(device - 1), **fields))
        return self.views.publish()

    def run(self, until_cycles: int) -> ExitReason:
        """Run, and keep what guests print."""
        reason = self.machine.run(until_cycles).reason
        for chunk in self.machine.consoles():
            self.console += chunk.data
        return reason

    def hashes(self, count: int) -> tuple[int, ...]:
        """Return the hash of the host, and those of its first partitions."""
        return (
            self.machine.state_hash(),
            *(self.machine.partition_hash(number) for number in range(1, count + 1)),
        )
