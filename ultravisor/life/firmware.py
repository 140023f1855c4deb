# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware of a living host: what lies in memory, and in the view, before the first turn.

Owns the first step of the boot order: boot and the ultravisor are laid, and published as the
view that a database of nothing else would publish. All that follows is done by transactions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.assembly import make_machine, populate
from ultravisor.machine.loader import Loader
from ultravisor.machine.views import Views
from ultravisor.partitions.genesis import plan_host
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
    from ultravisor.machine.machine import Machine
    from ultravisor.partitions.genesis import HostLayout
    from ultravisor.plan import HostPlan


class Firmware:
    """A machine that has been brought to where boot and the ultravisor can begin."""

    def __init__(self, plan: HostPlan) -> None:
        """Make and boot the machine; `plan` has no partitions."""
        self.machine: Machine = make_machine(plan)
        try:
            populate(self.machine, plan)
            self.machine.boot()
            views = Views(self.machine)
            self._first_free_frame = views.first_frame()
            self.views = ProgramViews(self.machine, views)
            self.loader = ImageLoader(Loader(self.machine))
            self.layout = self._lay()
            self._publish()
        except BaseException:
            self.machine.close()
            raise

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
        plan = plan_host(description, {}, first_frame)
        layouts = {load.name: self.loader.build(load) for load in plan.firmware}
        return plan_host(description, layouts, first_frame)

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
