# SPDX-License-Identifier: GPL-2.0-or-later
"""From a plan to a machine that can be booted.

Owns the order in which a machine is put together. Called by ultravisor.host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.errors import ConfigurationError, UltravisorError
from ultravisor.machine.cores import core_model
from ultravisor.machine.devices import Devices
from ultravisor.machine.interface import ClockSource, MonitorBuild, TimingModel
from ultravisor.machine.machine import Machine
from ultravisor.machine.models import model_bits
from ultravisor.machine.records import MachineOptions, PartitionOptions
from ultravisor.plan import MIB

if TYPE_CHECKING:
    from ultravisor.configuration import DeviceConfiguration, HostConfiguration
    from ultravisor.plan import HostPlan, PlannedPartition


def make_machine(plan: HostPlan) -> Machine:
    """Make the machine that the plan describes, without partitions."""
    host = plan.configuration.host
    return Machine(
        MachineOptions(
            memory_size_bytes=plan.memory_size_bytes,
            processor_count=plan.configuration.processor_count,
            seed=host.seed,
            clock_frequency_hz=host.clock_frequency_hz,
            interleave_cycles=host.interleave_cycles,
            monitor=MonitorBuild[host.monitor.upper()],
            timing=_timing_model(host),
            clock=ClockSource[host.clock_name.upper()],
            model=model_bits(host.model),
            check_refusals=host.check_refusals,
            device_frame_count=len(plan.configuration.device_names),
        )
    )


def _timing_model(host: HostConfiguration) -> int:
    core = host.core
    return core_model(core) if core is not None else TimingModel[host.timing.upper()]


def populate(machine: Machine, plan: HostPlan) -> None:
    """Add everything that the plan holds, in its order."""
    if plan.monitor is not None:
        machine.monitor_load(plan.monitor.data, plan.monitor.entry_address)
    for partition in plan.partitions:
        _add(machine, partition)
    for slot in plan.slots:
        machine.slot_add(
            processor=slot.processor,
            partition=slot.partition + 1,
            virtual_processor=slot.virtual_processor,
            quantum_cycles=slot.quantum_cycles,
            donates=slot.donates,
        )
    for link in plan.links:
        machine.link_add(
            partition=link.partition + 1,
            port=link.port,
            target_partition=link.target_partition + 1,
            target_port=link.target_port,
            target_processor=link.target_processor,
        )


def add_devices(
    machine: Machine, rows: tuple[DeviceConfiguration, ...], outsides: tuple[str, ...] = ()
) -> dict[str, int]:
    """Open the media, and plug their devices in: ids from 1 on, in the order of rows and ports.

    The switches of `outsides` get a port more, with the host behind it; returns their numbers.
    """
    devices = Devices(machine)
    networks = [row for row in rows if row.kind == "network"]
    ports: dict[str, int] = {}
    captures: dict[str, str] = {}
    for row in networks:
        ports[row.switch_name] = ports.get(row.switch_name, 0) + row.port_count
        if row.pcap is not None:
            captures[row.switch_name] = row.pcap
    switches = {
        name: devices.open_switch(port_count=count + (name in outsides), capture=captures.get(name))
        for name, count in ports.items()
    }
    for name in outsides:
        devices.add_outside(switches[name], ports[name])
    plugged = dict.fromkeys(switches, 0)
    for row in rows:
        if row.kind == "block":
            _add_disk(devices, row)
        elif row.kind == "console":
            devices.add_console(latency_cycles=row.latency_cycles)
        else:
            name = row.switch_name
            for _ in range(row.port_count):
                devices.add_network(
                    switches[name],
                    plugged[name],
                    address=row.address_bytes,
                    latency_cycles=row.latency_cycles,
                )
                plugged[name] += 1
    return {name: switches[name] for name in outsides}


def _add_disk(devices: Devices, row: DeviceConfiguration) -> None:
    size_bytes = 0 if row.size_mib is None else row.size_mib * MIB
    try:
        disk = devices.open_disk(row.file, size_bytes=size_bytes, read_only=row.read_only)
    except UltravisorError as failure:
        message = f"device `{row.name}`: {failure.message}"
        raise ConfigurationError(message, failure.hint) from None
    for port in range(row.port_count):
        devices.add_block(disk, port, name=row.name, latency_cycles=row.latency_cycles)


def _add(machine: Machine, partition: PlannedPartition) -> None:
    name = partition.configuration.name
    options = PartitionOptions(
        name=name,
        command_line=partition.configuration.command_line,
        memory_size_bytes=partition.memory_size_bytes,
        entry_address=partition.image.entry_address,
        segments=partition.image.segments,
        kind=partition.kind,
        width=partition.image.width,
        rights=partition.rights,
        processors=partition.processors,
    )
    try:
        machine.partition_add(options)
    except ConfigurationError as failure:
        raise ConfigurationError(
            f"partition `{name}` ({partition.image.path}): {failure.message}",
            "change its memory or its image, or give the host more memory (host.memory_mib)",
        ) from None
