# SPDX-License-Identifier: GPL-2.0-or-later
"""Commits of the resource database on a real machine: what they say of a guest is what it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, Guest
from tests.guests.live_views import LiveMachine
from tests.unit.tiny_guests import SPIN
from ultravisor.machine.interface import FrameUse
from ultravisor.partitions.messages import FrameRun, Load
from ultravisor.partitions.publication import Publisher
from ultravisor.program_capabilities import ImageLoader, ProgramViews
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.processor_operations import SlotPlan
from ultravisor.resources.records import Extent, FrameRange, MachineDescription

if TYPE_CHECKING:
    from ultravisor.machine.interface import MonitorBuild
    from ultravisor.resources.transaction import Transaction

pytestmark = pytest.mark.guest

FRAME_COUNT = 2048
RIGHTS = 0x1F
GUEST = 7


class Tracked:
    """A machine whose views say what a database says, and nothing else."""

    def __init__(self, build: MonitorBuild) -> None:
        self.live = LiveMachine.boot(build, Guest(text=SPIN, name="first"))
        frames = self.live.last_frame()
        first = self.live.views.first_frame()
        self.journal = MemoryJournal()
        description = MachineDescription(
            frame_count=frames, processor_count=1, reserved=(FrameRange(0, first),)
        )
        self.database = ResourceDatabase.open(self.journal, description)
        self.publisher = Publisher(ProgramViews(self.live.machine, self.live.views))
        self.publisher.rebuild(self.database)
        self.settle()
        self.loader = ImageLoader(self.live.loader)

    def settle(self) -> None:
        self.live.acknowledge(self.publisher.generation)

    def commit(self, transaction: Transaction) -> None:
        self.publisher.add(transaction.commit())
        self.publisher.publish()

    def create(self) -> None:
        """Make a guest: resources, image, start, each a commit."""
        transaction = self.database.begin("test")
        transaction.create_partition("hello", number=GUEST, rights=RIGHTS, image="hello")
        transaction.assign_memory(GUEST, FRAME_COUNT, 0)
        transaction.add_virtual_processor(GUEST, 0)
        transaction.set_quanta(0, [SlotPlan(GUEST, 0, 100_000)])
        transaction.set_partition_state(GUEST, "allocated")
        self.commit(transaction)
        self.start("ready", "running")

    def start(self, *states: str) -> None:
        """Lay the image and go through states."""
        (extent,) = self.database.records_of(Extent, GUEST)
        load = Load(
            partition=GUEST,
            incarnation=1,
            name="hello",
            image="hello",
            command_line="",
            rights=RIGHTS,
            processors=1,
            extents=(FrameRun(0, extent.machine_frame, extent.frame_count),),
            channels=(),
            control_channel_address=0,
        )
        layout = self.loader.build(load)
        transaction = self.database.begin("test")
        transaction.set_layout(GUEST, layout)
        for state in states:
            transaction.set_partition_state(GUEST, state)
        self.commit(transaction)

    def console(self) -> bytes:
        """Run for long, and return what the guest wrote."""
        self.live.run(5_000_000)
        return b"".join(chunk.data for chunk in self.live.machine.consoles())


@pytest.mark.parametrize("build", BUILDS)
def test_a_guest_that_the_database_has_says_hello(build: MonitorBuild) -> None:
    tracked = Tracked(build)
    assert tracked.console() == b""
    tracked.create()
    assert b"hello" in tracked.console().lower()


@pytest.mark.parametrize("build", BUILDS)
def test_a_guest_whose_image_is_laid_again_says_hello_again(build: MonitorBuild) -> None:
    tracked = Tracked(build)
    tracked.create()
    assert b"hello" in tracked.console().lower()
    transaction = tracked.database.begin("test")
    transaction.set_partition_state(GUEST, "stopped", "operator")
    transaction.set_layout(GUEST, b"")
    tracked.commit(transaction)
    tracked.settle()
    tracked.start("ready", "running")
    assert b"hello" in tracked.console().lower()


@pytest.mark.parametrize("build", BUILDS)
def test_a_publisher_that_begins_anew_finds_its_rows_where_they_were(build: MonitorBuild) -> None:
    tracked = Tracked(build)
    tracked.create()
    tracked.settle()
    views = ProgramViews(tracked.live.machine, tracked.live.views)
    before = views.places()
    tracked.publisher = Publisher(views)
    tracked.publisher.rebuild(ResourceDatabase.open(tracked.journal))
    assert views.places() == before
    assert before.extents == {GUEST: (0, 1)}
    assert b"hello" in tracked.console().lower()


def test_what_a_destroyed_guest_had_is_free_once_it_is_acknowledged() -> None:
    tracked = Tracked(BUILDS[0])
    tracked.create()
    tracked.console()
    frames = tracked.live.views
    (extent,) = ProgramViews(tracked.live.machine, frames).places().extents.values()
    assert extent == (0, 1)
    transaction = tracked.database.begin("test")
    transaction.set_partition_state(GUEST, "stopped", "operator")
    transaction.destroy_partition(GUEST)
    tracked.commit(transaction)
    assert tracked.publisher.wait_for(None) == tracked.publisher.generation
    tracked.settle()
    first = tracked.live.views.first_frame()
    count = tracked.live.last_frame() - first
    assert tracked.live.views.use(first, count) is FrameUse.FREE
