# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware of a living host: what lies in memory, and in the view, before the first turn.

Owns the first step of the boot order: boot and the ultravisor are laid, and published as the
view that a database of nothing else would publish. All that follows is done by transactions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ultravisor.assembly import add_devices, make_machine, populate
from ultravisor.channels.command_protocol import DefineDomain, DefineZone
from ultravisor.machine.devices import Devices
from ultravisor.machine.loader import Loader
from ultravisor.machine.views import Views
from ultravisor.partitions.definitions import encode_definition, find_zone
from ultravisor.partitions.genesis import RegisterFrame, plan_host
from ultravisor.partitions.operation_table import OperationScribe
from ultravisor.partitions.publication import Publisher
from ultravisor.program_capabilities import ImageLoader, ProgramViews
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.records import (
    BLOCKS_A_PAGE,
    FRAME_SIZE_BYTES,
    FrameRange,
    MachineDescription,
)

if TYPE_CHECKING:
    from ultravisor.channels.command_protocol import AnyOperation
    from ultravisor.life.image_ledger import ImageLedger
    from ultravisor.life.life_plan import LifePlan
    from ultravisor.machine.machine import Machine
    from ultravisor.partitions.genesis import HostLayout


class Firmware:
    """A machine that has been brought to where boot and the ultravisor can begin."""

    def __init__(self, plan: LifePlan, images: ImageLedger) -> None:
        """Make and boot the machine; images are read by way of the ledger."""
        self._inherited = plan.inheritance.domains
        self._zones = plan.policy.policy.zone
        self.machine: Machine = make_machine(plan.machine)
        try:
            populate(self.machine, plan.machine)
            self._devices = self._make_devices(plan)
            self.machine.boot()
            views = Views(self.machine)
            self._first_free_frame = views.first_frame()
            self.views = ProgramViews(self.machine, views)
            self.loader = ImageLoader(Loader(self.machine), images.read)
            self.layout = self._lay()
            self._publish()
        except BaseException:
            self.machine.close()
            raise

    def _make_devices(self, plan: LifePlan) -> tuple[RegisterFrame, ...]:
        """Make the devices; return whose registers each of the machine's last frames is."""
        configuration = plan.machine.configuration
        self.outsides = add_devices(self.machine, configuration.device, plan.outsides)
        first_frame = Devices(self.machine).first_frame
        kinds = [row.kind for row in configuration.device for _ in row.device_names]
        return tuple(
            RegisterFrame(kind, name, first_frame + place)
            for place, (kind, name) in enumerate(
                zip(kinds, configuration.device_names, strict=True)
            )
        )

    def _lay(self) -> HostLayout:
        """Lay boot and the ultravisor; return the plan of the host."""
        frame_count = self.machine.options.memory_size_bytes // FRAME_SIZE_BYTES
        reserved = self._first_free_frame
        description = MachineDescription(
            frame_count=frame_count,
            processor_count=self.machine.options.processor_count,
            reserved=(FrameRange(0, reserved),),
        )
        # A whole block is left free behind what is reserved: descriptors go there.
        first_frame = (-(-reserved // BLOCKS_A_PAGE) + 1) * BLOCKS_A_PAGE
        plan = plan_host(description, {}, first_frame, self._devices)
        layouts = {load.name: self.loader.build(load) for load in plan.firmware}
        return self._with_inherited(plan_host(description, layouts, first_frame, self._devices))

    def _with_inherited(self, layout: HostLayout) -> HostLayout:
        """Let the database begin with the domains of an earlier life."""
        names = sorted({domain.zone for domain in self._inherited})
        operations: tuple[AnyOperation, ...] = (
            *layout.genesis.operations,
            *(DefineZone(name, find_zone(self._zones, name).guid_text) for name in names),
            *(
                DefineDomain(domain.name, domain.zone, encode_definition(domain).decode())
                for domain in self._inherited
            ),
        )
        return replace(layout, genesis=replace(layout.genesis, operations=operations))

    def _publish(self) -> None:
        """Publish what the genesis says, as the ultravisor itself will at its first turn."""
        genesis = self.layout.genesis
        database = ResourceDatabase.open(MemoryJournal(), genesis.machine)
        transaction = database.begin("firmware")
        scribe = OperationScribe(database, transaction)
        for operation in genesis.operations:
            scribe.write(operation)
        transaction.commit()
        Publisher(self.views).rebuild(database)
        database.close()
