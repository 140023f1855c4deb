# SPDX-License-Identifier: GPL-2.0-or-later
"""The resource database against a plain model of dictionaries, over random histories.

The model knows who holds each frame and what each partition has; it does not know tiers,
SQL or journals. What the database chooses (frames, numbers) the model takes over and judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.resource_examples import FRAMES, GUID, MACHINE, RESERVED, ZONE_GUID
from ultravisor.resources.channel_operations import EndPlan
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.errors import ResourceError
from ultravisor.resources.journal import MemoryJournal
from ultravisor.resources.processor_operations import SlotPlan
from ultravisor.resources.records import (
    Block,
    Channel,
    Device,
    Extent,
    Partition,
    Quota,
    Slot,
    VirtualProcessor,
)
from ultravisor.resources.transitions import TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Collection

    from ultravisor.resources.changes import Commit
    from ultravisor.resources.transaction import Transaction

numbers = st.integers(1, 9)
places = st.sampled_from((0, 1, 3, 7, 64))
counts = st.sampled_from((1, 2, 7, 511, 512, 513, 1500))
states = st.sampled_from([str(step.after) for step in TRANSITIONS["partition"]])
STEPS = {(str(step.before), str(step.after)) for step in TRANSITIONS["partition"]}
ENDED = ("stopped", "failed")
device_states = st.sampled_from([str(step.after) for step in TRANSITIONS["device"]])
DEVICE_STEPS = {(str(step.before), str(step.after)) for step in TRANSITIONS["device"]}
AT_REST = ("allocated", "revoked")
DEVICES = (1, 2)
"""Their registers are the last frames of the machine."""
Holder = tuple[str, int | None]


@dataclass
class ModelPartition:
    """What the model knows of a partition."""

    name: str
    state: str = "defined"
    zone: str | None = None
    incarnation: int = 1
    frames: dict[int, int] = field(default_factory=dict)
    """Guest frame to machine frame."""
    processors: list[int] = field(default_factory=list)


@dataclass
class ModelChannel:
    """What the model knows of a channel."""

    state: str
    frames: range
    ends: tuple[EndPlan, ...]


@dataclass
class ModelDevice:
    """What the model knows of a device."""

    state: str = "allocated"
    owner: int | None = None
    guest_frame: int = 0
    port: int = 0


class ResourceModel(RuleBasedStateMachine):
    """Random operations, each a transaction; the database and the model must agree."""

    channels: Bundle[int] = Bundle("channels")

    @initialize()
    def start(self) -> None:
        self.journal = MemoryJournal()
        self.database = ResourceDatabase.open(self.journal, MACHINE)
        reserved: list[Holder] = [("reserved", None)] * RESERVED
        self.holders: list[Holder] = reserved + [("free", None)] * (FRAMES - RESERVED)
        self.partitions: dict[int, ModelPartition] = {}
        self.incarnations: dict[int, int] = {}
        self.channel_records: dict[int, ModelChannel] = {}
        self.slots: dict[int, list[tuple[int, int, int]]] = {0: [], 1: []}
        self.hashes = {0: self.database.state_hash()}
        transaction = self.database.begin("command")
        transaction.create_zone("z", ZONE_GUID)
        transaction.set_quota("zone", "z", "frames", 600)
        self.devices = {device: ModelDevice() for device in DEVICES}
        for device in DEVICES:
            frame = FRAMES - len(DEVICES) + device - 1
            assert transaction.add_device("block", f"disk0.{device}", frame, 1) == device
            self.holders[frame] = ("device", device)
        transaction.commit()
        self.hashes[1] = self.database.state_hash()

    def commit(self, transaction: Transaction) -> Commit | None:
        """Return the commit, or None where it was refused and rightly changed nothing."""
        before = self.database.state_hash()
        try:
            commit = transaction.commit()
        except ResourceError:
            assert self.database.state_hash() == before
            return None
        self.hashes[commit.generation] = self.database.state_hash()
        return commit

    def used_by(self, zone: str) -> int:
        return sum(len(p.frames) for p in self.partitions.values() if p.zone == zone)

    def take(self, frames: range, holder: Holder) -> None:
        assert {self.holders[frame] for frame in frames} == {("free", None)}
        for frame in frames:
            self.holders[frame] = holder

    def give(self, frames: list[int] | range) -> None:
        for frame in frames:
            self.holders[frame] = ("free", None)

    @rule(zone=st.sampled_from((None, "z")), name=st.sampled_from("abcdefghij"))
    def create(self, zone: str | None, name: str) -> None:
        transaction = self.database.begin("command")
        number = transaction.create_partition(name, zone=zone)
        commit = self.commit(transaction)
        taken = name in {partition.name for partition in self.partitions.values()}
        free = self.holders.count(("free", None))
        assert (commit is None) == (taken or number > 8 or not free)
        if commit is None:
            return
        assert number not in self.partitions
        self.incarnations[number] = self.incarnations.get(number, 0) + 1
        partition = ModelPartition(name, zone=zone, incarnation=self.incarnations[number])
        self.partitions[number] = partition
        descriptor = self.database.get(Partition, number).descriptor
        assert descriptor is not None
        self.take(range(descriptor.frame, descriptor.frame + 1), ("descriptor", number))

    @rule(number=numbers)
    def destroy(self, number: int) -> None:
        transaction = self.database.begin("command")
        transaction.destroy_partition(number)
        commit = self.commit(transaction)
        partition = self.partitions.get(number)
        assert (commit is None) == (partition is None or partition.state in ("running", "paused"))
        if commit is None or partition is None:
            return
        self.give(
            [
                f
                for f, holder in enumerate(self.holders)
                if holder[1] == number and holder[0] in ("owned", "descriptor")
            ]
        )
        for id, channel in list(self.channel_records.items()):
            if number in [end.partition for end in channel.ends]:
                self.give(channel.frames)
                del self.channel_records[id]
        for device, row in self.devices.items():
            if row.owner == number:
                self.devices[device] = ModelDevice("revoked")
        for processor, slots in self.slots.items():
            self.slots[processor] = [slot for slot in slots if slot[0] != number]
        del self.partitions[number]

    @rule(number=numbers, state=states)
    def move_on(self, number: int, state: str) -> None:
        transaction = self.database.begin("command")
        transaction.set_partition_state(number, state)
        commit = self.commit(transaction)
        partition = self.partitions.get(number)
        legal = (
            partition is not None
            and (partition.state, state) in STEPS
            and state != "destroyed"
            and (partition.state != "defined" or (partition.frames and partition.processors))
        )
        assert (commit is not None) == bool(legal)
        if legal and partition is not None:
            if partition.state in ENDED:
                partition.incarnation += 1
                self.incarnations[number] = partition.incarnation
                self.move_devices(number, ("revoked",), "allocated")
            elif state in ENDED:
                self.move_devices(number, set(dict(DEVICE_STEPS)) - set(AT_REST), "revoked")
            partition.state = state

    def move_devices(self, number: int, before: Collection[str], after: str) -> None:
        for row in self.devices.values():
            if row.owner == number and row.state in before:
                row.state = after

    @rule(number=numbers, count=counts, place=st.none() | places)
    def assign(self, number: int, count: int, place: int | None) -> None:
        transaction = self.database.begin("command")
        transaction.assign_memory(number, count, place)
        commit = self.commit(transaction)
        partition = self.partitions.get(number)
        if commit is None or partition is None:
            assert partition is None or self.may_refuse(number, partition, count, place)
            return
        (runs,) = commit.values
        assert sum(run[2] for run in runs) == count
        for guest, machine, length in runs:
            self.take(range(machine, machine + length), ("owned", number))
            for offset in range(length):
                assert guest + offset not in partition.frames
                partition.frames[guest + offset] = machine + offset
        assert partition.zone is None or self.used_by("z") <= 600

    def may_refuse(
        self, number: int, partition: ModelPartition, count: int, place: int | None
    ) -> bool:
        """Say whether the model knows a reason: no frames, a quota, a place, or pieces."""
        if self.holders.count(("free", None)) < count:
            return True
        if partition.zone == "z" and self.used_by("z") + count > 600:
            return True
        if place is not None or self.channel_records:
            return True
        if number in [row.owner for row in self.devices.values()]:
            return True
        # Four extents are the limit: memory in pieces, or a partition that has some.
        return bool(partition.frames) or not self.has_run(count)

    def has_run(self, count: int) -> bool:
        length = 0
        for frame, holder in enumerate(self.holders):
            length = 0 if holder[0] != "free" or frame % 512 == 0 else length
            length += holder[0] == "free"
            if length >= count:
                return True
        return False

    @rule(number=numbers, place=places, count=st.sampled_from((1, 2, 3, 512)))
    def release(self, number: int, place: int, count: int) -> None:
        transaction = self.database.begin("command")
        transaction.release_memory(number, place, count)
        commit = self.commit(transaction)
        partition = self.partitions.get(number)
        wanted = range(place, place + count)
        if partition is None or not all(frame in partition.frames for frame in wanted):
            assert commit is None
            return
        if commit is None:
            # It would be left without memory, or in more pieces than there may be.
            bare = len(partition.frames) == count and partition.state != "defined"
            assert bare or len(self.database.records_of(Extent, number)) == 4
            return
        self.give([partition.frames.pop(frame) for frame in wanted])

    @rule(number=numbers, processor=st.integers(0, 2))
    def add_processor(self, number: int, processor: int) -> None:
        transaction = self.database.begin("command")
        transaction.add_virtual_processor(number, processor)
        commit = self.commit(transaction)
        partition = self.partitions.get(number)
        legal = partition is not None and processor < 2 and len(partition.processors) < 8
        assert (commit is not None) == legal
        if partition is not None and legal:
            partition.processors.append(processor)

    @rule(
        processor=st.integers(0, 1),
        wanted=st.lists(
            st.tuples(numbers, st.integers(0, 1), st.sampled_from((15, 16, 300, 400))), max_size=5
        ),
    )
    def set_quanta(self, processor: int, wanted: list[tuple[int, int, int]]) -> None:
        transaction = self.database.begin("command")
        transaction.set_quanta(processor, [SlotPlan(*slot) for slot in wanted])
        commit = self.commit(transaction)
        legal = (
            len(wanted) <= 4
            and sum(slot[2] for slot in wanted) <= 1000
            and all(self.fits(processor, *slot) for slot in wanted)
        )
        assert (commit is not None) == legal
        if legal:
            self.slots[processor] = wanted

    def fits(self, processor: int, number: int, index: int, quantum: int) -> bool:
        partition = self.partitions.get(number)
        return (
            partition is not None
            and index < len(partition.processors)
            and partition.processors[index] == processor
            and quantum >= 16
        )

    @rule(target=channels, first=numbers, second=numbers, port=st.integers(0, 8))
    def plan_channel(self, first: int, second: int, port: int) -> int:
        transaction = self.database.begin("command")
        plan = (EndPlan(first, 5000 + port, port), EndPlan(second, 5000 + port, port))
        id = transaction.plan_channel(GUID, 2, plan)
        transaction.map_channel(id)
        commit = self.commit(transaction)
        one, two = self.partitions.get(first), self.partitions.get(second)
        used = {(end.partition, end.port) for c in self.channel_records.values() for end in c.ends}
        used |= {(row.owner, row.port) for row in self.devices.values() if row.owner and row.port}
        places = {(row.owner, row.guest_frame) for row in self.devices.values()}
        wanted = {(end.partition, end.guest_frame + part) for end in plan for part in range(2)}
        legal = (
            one is not None
            and two is not None
            and first != second
            and one.zone == two.zone
            and port < 8
            and not used & {(first, port), (second, port)}
            and not places & wanted
        )
        if commit is None:
            assert not legal or not self.has_run(2)
            return id
        assert legal
        record = self.database.get(Channel, id)
        frames = range(record.machine_frame, record.machine_frame + 2)
        self.take(frames, ("channel", id))
        self.channel_records[id] = ModelChannel("mapped", frames, plan)
        return id

    @rule(id=channels)
    def unmap_channel(self, id: int) -> None:
        transaction = self.database.begin("command")
        transaction.unmap_channel(id)
        commit = self.commit(transaction)
        channel = self.channel_records.pop(id, None)
        assert (commit is not None) == (channel is not None)
        if channel is not None:
            self.give(channel.frames)

    @rule(
        device=st.sampled_from((*DEVICES, 3)),
        owner=st.none() | numbers,
        place=st.sampled_from((0, 5000, 5002, 5003, 6000)),
        port=st.sampled_from((0, 1, 2, 7, 8)),
    )
    def assign_device(self, device: int, owner: int | None, place: int, port: int) -> None:
        transaction = self.database.begin("command")
        transaction.assign_device(device, owner, place, port)
        commit = self.commit(transaction)
        row = self.devices.get(device)
        legal = (
            row is not None and row.state in AT_REST and self.may_own(device, owner, place, port)
        )
        assert (commit is not None) == legal
        if commit is not None and row is not None:
            assert commit.revokes == (row.owner not in (None, owner))
            row.owner, row.guest_frame, row.port = owner, place, port

    def may_own(self, device: int, owner: int | None, place: int, port: int) -> bool:
        """Say whether an owner exists, and has this place and port free."""
        if owner is None:
            return (place, port) == (0, 0)
        if owner not in self.partitions or port >= 8:
            return False
        others = [row for id, row in self.devices.items() if id != device and row.owner == owner]
        ends = [
            end
            for channel in self.channel_records.values()
            for end in channel.ends
            if end.partition == owner
        ]
        places = {row.guest_frame for row in others} | set(self.partitions[owner].frames)
        places |= {end.guest_frame + offset for end in ends for offset in range(2)}
        ports = {row.port for row in others} | {end.port for end in ends}
        return place not in places and (port == 0 or port not in ports)

    @rule(device=st.sampled_from((*DEVICES, 3)), state=device_states)
    def move_device(self, device: int, state: str) -> None:
        transaction = self.database.begin("command")
        transaction.set_device_state(device, state)
        commit = self.commit(transaction)
        row = self.devices.get(device)
        legal = (
            row is not None
            and (row.state, state) in DEVICE_STEPS
            and (row.owner is not None or state in AT_REST)
            and (state in AT_REST or not self.has_ended(row.owner))
            # All are ports of one medium.
            and (state != "operating" or not self.operates())
        )
        assert (commit is not None) == legal
        if commit is not None and row is not None:
            assert commit.revokes == (row.state == "operating")
            row.state = state

    def operates(self) -> bool:
        return any(row.state == "operating" for row in self.devices.values())

    def has_ended(self, owner: int | None) -> bool:
        return owner in self.partitions and self.partitions[owner].state in ENDED

    @rule()
    def open_again(self) -> None:
        again = ResourceDatabase.open(self.journal, MACHINE)
        assert list(again.dump()) == list(self.database.dump())
        assert again.state_hash() == self.database.state_hash()
        self.database = again

    @rule(keep=st.integers(0, 5))
    def compact(self, keep: int) -> None:
        self.database.compact(keep)
        assert self.database.first_generation >= self.database.generation - keep

    @rule(back=st.integers(0, 8))
    def look_back(self, back: int) -> None:
        generation = max(self.database.first_generation, self.database.generation - back)
        assert self.database.at(generation).state_hash() == self.hashes[generation]

    @invariant()
    def all_invariants_hold(self) -> None:
        assert self.database.check() == []

    @invariant()
    def the_map_agrees(self) -> None:
        holders: list[Holder | None] = [None] * FRAMES
        for block in self.database.records(Block):
            if block.state != "split":
                for frame in range(block.machine_frame, block.machine_frame + block.frame_count):
                    assert holders[frame] is None
                    holders[frame] = (str(block.state), block.owner)
        assert holders == self.holders

    @invariant()
    def the_partitions_agree(self) -> None:
        found = {p.number: p for p in self.database.records(Partition) if p.state != "destroyed"}
        assert {
            number: (p.name, p.state, p.zone, p.incarnation) for number, p in found.items()
        } == {n: (p.name, p.state, p.zone, p.incarnation) for n, p in self.partitions.items()}
        for number, partition in self.partitions.items():
            frames = {
                extent.guest_frame + offset: extent.machine_frame + offset
                for extent in self.database.records_of(Extent, number)
                for offset in range(extent.frame_count)
            }
            assert frames == partition.frames
            processors = self.database.records_of(VirtualProcessor, number)
            assert [p.processor for p in processors] == partition.processors

    @invariant()
    def the_devices_agree(self) -> None:
        found = {
            row.id: ModelDevice(str(row.state), row.owner, row.guest_frame, row.port)
            for row in self.database.records(Device)
        }
        assert found == self.devices

    @invariant()
    def maps_and_counters_agree(self) -> None:
        for processor, slots in self.slots.items():
            found = self.database.records_of(Slot, processor)
            assert [(s.partition, s.index, s.quantum_cycles) for s in found] == slots
        assert self.database.get(Quota, "zone", "z", "frames").used == self.used_by("z")
        assert {c.id for c in self.database.records(Channel)} == set(self.channel_records)


class DeviceModel(ResourceModel):
    """The same with partitions that live, so that devices are given, used and taken away."""

    @initialize()
    def start(self) -> None:
        super().start()
        for number, name in ((1, "a"), (2, "b")):
            self.create(None, name)
            self.assign(number, 2, None)
            self.add_processor(number, 0)
            for state in ("allocated", "ready", "running"):
                self.move_on(number, state)

    @rule(
        device=st.sampled_from(DEVICES),
        owner=st.sampled_from((1, 2)),
        place=st.sampled_from((5000, 6000)),
        port=st.integers(0, 3),
    )
    def lend(self, device: int, owner: int, place: int, port: int) -> None:
        self.assign_device(device, owner, place, port)

    @rule(device=st.sampled_from(DEVICES))
    def use(self, device: int) -> None:
        self.assign_device(device, device, 6000, 3)
        for state in ("allocated", "known", "ready", "alive", "operating"):
            self.move_device(device, state)

    @rule(number=st.sampled_from((1, 2)), state=st.sampled_from((*ENDED, "ready", "running")))
    def live(self, number: int, state: str) -> None:
        self.move_on(number, state)


TestResourceModel = ResourceModel.TestCase
TestDeviceModel = DeviceModel.TestCase
TestResourceModel.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestDeviceModel.settings = settings(
    TestResourceModel.settings, max_examples=30, stateful_step_count=30
)
