# SPDX-License-Identifier: GPL-2.0-or-later
"""How a host begins: what is laid before the first turn, and boot's order.

Owns the plan of the partitions that every host has: where their memory is, which channels join
them, in which order they come. A pure function of where it may begin. Called by the composition
root, which lays boot and the ultravisor by it; boot and the ultravisor are given the rest.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ultravisor.channels.command_protocol import (
    AnyOperation,
    AssignMemory,
    CreateDevice,
    CreatePartition,
    CreateVirtualProcessor,
    EndPlan,
    MapChannel,
    SetLayout,
    SetPartitionState,
    SetQuanta,
    SlotPlan,
)
from ultravisor.configuration import QUANTUM_DEFAULT_CYCLES
from ultravisor.machine.abi import Right
from ultravisor.partitions.boot import BootStep
from ultravisor.partitions.channel_agent import CONTROL_PORT
from ultravisor.partitions.channel_types import (
    TYPE_COMMAND,
    TYPE_CONTROL,
    TYPE_LOADER,
    TYPE_OPERATIONS,
)
from ultravisor.partitions.messages import FrameRun, Load
from ultravisor.partitions.planner import CONTROL_FRAME_COUNT
from ultravisor.partitions.transactions import CONTROL_POLICY
from ultravisor.partitions.ultravisor import Genesis
from ultravisor.resources.records import FRAME_SIZE_BYTES, MachineDescription

HOSTED_FRAME_COUNT: Final = 512
COMMAND_FRAME_COUNT: Final = 256
"""Of command's channel to the ultravisor: 1 MiB, since its answers hold all facts."""
MESSAGE_FRAME_COUNT: Final = 64
NUMBERS: Final = {"boot": 1, "ultravisor": 2, "idle": 3, "command": 4, "operations": 5}
HOSTED_RIGHTS: Final = int(Right.CONSOLE | Right.EVENTS)
HOSTED_IMAGE: Final = "hosted"
PROGRAM_POLICY: Final = "programs"
"""The one rule by which the programs' channels exist: none of them is of a zone."""


class Place(Struct, frozen=True):
    """Where a hosted partition's memory lies."""

    name: str
    number: int
    machine_frame: int


class Join(Struct, frozen=True):
    """A channel between two hosted partitions."""

    type_guid: str
    client: str
    server: str
    machine_frame: int
    frame_count: int
    policy: str = PROGRAM_POLICY


class RegisterFrame(Struct, frozen=True):
    """A device that the machine has, and the frame of its registers."""

    kind: str
    """`block`, `network` or `console`."""
    name: str
    """Of the medium and the port: `disk0.1`."""
    machine_frame: int


class HostLayout(Struct, frozen=True):
    """Everything that is laid before the first turn, and what boot does then."""

    genesis: Genesis
    order: tuple[BootStep, ...]
    firmware: tuple[Load, ...]
    """What the composition root lays itself: boot and the ultravisor."""


class _Plan:
    """The frames and ends of the hosted partitions, given out one after the other."""

    def __init__(self, first_frame: int) -> None:
        self._next_frame = first_frame
        self.places: dict[str, Place] = {}
        self.joins: list[Join] = []

    def place(self, name: str) -> None:
        """Give a partition its memory, and its control channel.

        The ultravisor is the server of all control channels, and tells itself nothing.
        """
        self.places[name] = Place(name, NUMBERS[name], self._take(HOSTED_FRAME_COUNT))
        if name != "ultravisor":
            control = str(TYPE_CONTROL)
            self.join(control, name, "ultravisor", CONTROL_FRAME_COUNT, CONTROL_POLICY)

    def join(
        self,
        type_guid: str,
        client: str,
        server: str,
        frame_count: int,
        policy: str = PROGRAM_POLICY,
    ) -> None:
        """Put a channel between two partitions."""
        frame = self._take(frame_count)
        self.joins.append(Join(type_guid, client, server, frame, frame_count, policy))

    def _take(self, frame_count: int) -> int:
        frame = self._next_frame
        self._next_frame += frame_count
        return frame

    def end(self, join: Join, name: str) -> tuple[int, int]:
        """Return guest frame and port of one end: behind memory, in the order of the channels."""
        guest_frame, port = HOSTED_FRAME_COUNT, CONTROL_PORT + 1
        for other in self.joins:
            if name not in (other.client, other.server):
                continue
            own_control = other.client == name and other.type_guid == str(TYPE_CONTROL)
            if other is join:
                return guest_frame, CONTROL_PORT if own_control else port
            guest_frame += other.frame_count
            port += 0 if own_control else 1
        raise AssertionError(f"{name} is at no end of the channel")

    def channel(self, join: Join, *, fixed: bool = False) -> MapChannel:
        """Return the operation that makes a channel, in frames that are fixed or wherever."""
        client, server = (
            EndPlan(NUMBERS[name], *self.end(join, name)) for name in (join.client, join.server)
        )
        return MapChannel(
            type_guid=join.type_guid,
            ends=(client, server),
            frame_count=join.frame_count,
            policy=join.policy,
            machine_frame=join.machine_frame if fixed else None,
        )

    def make(self, name: str) -> CreatePartition:
        """Return the operation that makes a hosted partition."""
        return CreatePartition(
            name=name,
            kind="hosted",
            rights=HOSTED_RIGHTS,
            image=HOSTED_IMAGE,
            number=NUMBERS[name],
        )

    def furnish(self, name: str, *, fixed: bool = False) -> tuple[AnyOperation, ...]:
        """Return the operations that give a hosted partition memory and a processor."""
        number = NUMBERS[name]
        memory = AssignMemory(
            partition=number,
            frame_count=HOSTED_FRAME_COUNT,
            guest_frame=0,
            machine_frame=self.places[name].machine_frame if fixed else None,
        )
        return (memory, CreateVirtualProcessor(number, 0))

    def load(self, name: str) -> Load:
        """Return what has to be known to lay a hosted partition."""
        place = self.places[name]
        mine = [join for join in self.joins if name in (join.client, join.server)]
        controls = (
            join for join in mine if join.client == name and join.type_guid == str(TYPE_CONTROL)
        )
        control = next(controls, None)
        return Load(
            partition=place.number,
            incarnation=1,
            name=name,
            image=HOSTED_IMAGE,
            command_line="",
            rights=HOSTED_RIGHTS,
            processors=1,
            extents=(FrameRun(0, place.machine_frame, HOSTED_FRAME_COUNT),),
            # A program reaches its channels by the view alone: what its kernel mapped could only be
            # taken away by force.
            channels=(),
            control_channel_address=0
            if control is None
            else self.end(control, name)[0] * FRAME_SIZE_BYTES,
        )


def plan_host(
    machine: MachineDescription,
    layouts: dict[str, bytes],
    first_frame: int,
    devices: tuple[RegisterFrame, ...] = (),
) -> HostLayout:
    """Plan the hosted partitions from a machine frame on, a multiple of 512.

    Between what is reserved and that frame at least 512 free ones are left, where the database puts
    descriptors. `layouts` says where the composition root laid boot and the ultravisor; without
    them the plan still says where they are to be (`firmware`): lay them, and plan again.

    The devices get ids from 1 on in their order, as the machine has numbered them.
    """
    plan = _plan_all(first_frame)
    running = ("ready", "running")
    # Descriptors first: the database puts them where nothing is fixed yet.
    genesis: list[AnyOperation] = [plan.make(name) for name in ("boot", "ultravisor")]
    for name in ("boot", "ultravisor"):
        genesis += plan.furnish(name, fixed=True)
    genesis.append(SetQuanta(0, slots_of(("boot", "ultravisor"))))
    genesis += [plan.channel(join, fixed=True) for join in plan.joins if _is_first(join)]
    for name in ("boot", "ultravisor"):
        number = NUMBERS[name]
        genesis.append(SetPartitionState(number, "allocated"))
        genesis.append(SetLayout(number, layouts.get(name, b"")))
        genesis += [SetPartitionState(number, state) for state in running]
    genesis += [
        CreateDevice(kind=row.kind, name=row.name, frame_count=1, machine_frame=row.machine_frame)
        for row in devices
    ]
    return HostLayout(
        Genesis(machine, tuple(genesis)),
        _order(plan, machine.processor_count),
        (plan.load("boot"), plan.load("ultravisor")),
    )


def _plan_all(first_frame: int) -> _Plan:
    plan = _Plan(first_frame)
    plan.place("ultravisor")
    plan.place("boot")
    plan.join(str(TYPE_COMMAND), "boot", "ultravisor", MESSAGE_FRAME_COUNT)
    plan.place("command")
    plan.join(str(TYPE_COMMAND), "command", "ultravisor", COMMAND_FRAME_COUNT)
    plan.join(str(TYPE_LOADER), "command", "boot", MESSAGE_FRAME_COUNT)
    plan.place("operations")
    plan.join(str(TYPE_OPERATIONS), "operations", "command", MESSAGE_FRAME_COUNT)
    return plan


def _is_first(join: Join) -> bool:
    """Say whether a channel is there before the first turn."""
    return {join.client, join.server} == {"boot", "ultravisor"}


def slots_of(names: tuple[str, ...]) -> tuple[SlotPlan, ...]:
    """Return the map of processor 0 with a slot for each; what one leaves goes to the next."""
    return tuple(SlotPlan(NUMBERS[name], 0, QUANTUM_DEFAULT_CYCLES, donates=True) for name in names)


def _idle(processor_count: int) -> BootStep:
    """Return the step that makes idle: a virtual processor for each physical one, and a frame."""
    number = NUMBERS["idle"]
    states = ("allocated", "ready", "running")
    return BootStep(
        "idle",
        (
            CreatePartition(name="idle", kind="idle", number=number),
            AssignMemory(partition=number, frame_count=1, guest_frame=0),
            *(CreateVirtualProcessor(number, index) for index in range(processor_count)),
            *(SetPartitionState(number, state) for state in states),
        ),
    )


def _order(plan: _Plan, processor_count: int) -> tuple[BootStep, ...]:
    steps = [_idle(processor_count)]
    present = ["boot", "ultravisor"]
    for name in ("command", "operations"):
        present.append(name)
        joined = [
            join
            for join in plan.joins
            if name in (join.client, join.server) and {join.client, join.server} <= set(present)
        ]
        make = (
            plan.make(name),
            *plan.furnish(name),
            SetQuanta(0, slots_of(tuple(present))),
            *(plan.channel(join) for join in joined),
            SetPartitionState(NUMBERS[name], "allocated"),
        )
        steps.append(BootStep(name, make, NUMBERS[name]))
    return tuple(steps)
