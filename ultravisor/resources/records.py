# SPDX-License-Identifier: GPL-2.0-or-later
"""The records of the resource database, a class for each table; a field is a column.

Owns names and meaning of the columns. Used by every module of the package and by whoever
reads the database; it must not know SQL. Frames are machine or guest frames of 4 KiB.
`version` is the generation of the commit that last changed the record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

TIER_BITS = 9
"""An index page has 2^9 entries, each a block of the next lower tier."""
BLOCKS_A_PAGE = 1 << TIER_BITS
FRAME_SIZE_BYTES = 4096


class Tier(StrEnum):
    """The size of a block."""

    G = "g"
    """1 GiB."""
    M = "m"
    """2 MiB."""
    K = "k"
    """4 KiB: one frame."""

    @property
    def frame_count(self) -> int:
        """Return the frames of one block."""
        return {Tier.G: BLOCKS_A_PAGE**2, Tier.M: BLOCKS_A_PAGE, Tier.K: 1}[self]


class Descriptor(NamedTuple):
    """The place of a partition's descriptor in the tiered map, one index a tier."""

    g: int
    m: int
    k: int

    @classmethod
    def of_frame(cls, frame: int) -> Descriptor:
        """Return the place of a machine frame."""
        mask = BLOCKS_A_PAGE - 1
        return cls(frame >> 2 * TIER_BITS, frame >> TIER_BITS & mask, frame & mask)

    @property
    def frame(self) -> int:
        """Return the machine frame at this place."""
        return self.g << 2 * TIER_BITS | self.m << TIER_BITS | self.k

    def __str__(self) -> str:
        return f"[{self.g},{self.m},{self.k}]"


class BlockState(StrEnum):
    """What an entry of an index page says of its block."""

    FREE = "free"
    OWNED = "owned"
    SPLIT = "split"
    """An index page of the next lower tier says it."""
    CHANNEL = "channel"
    RESERVED = "reserved"
    """The monitor's own; never handed out."""
    DEVICE = "device"
    DESCRIPTOR = "descriptor"
    """The frame that names a partition."""


class PartitionKind(StrEnum):
    """As in the contract's `partition_kind`."""

    GUEST = "guest"
    IO = "io"
    HOSTED = "hosted"
    IDLE = "idle"


class PartitionState(StrEnum):
    """Where a partition is in its life; `transitions.py` says what may follow."""

    DEFINED = "defined"
    """It has a number and a descriptor."""
    ALLOCATED = "allocated"
    """It has memory and virtual processors."""
    READY = "ready"
    """Its image, tables and start page are in its memory."""
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    """It ended, or was told to."""
    FAILED = "failed"
    """It was stopped for what it did."""
    DESTROYED = "destroyed"
    """It owns nothing; its number waits for the next incarnation."""


class ProcessorState(StrEnum):
    """Whether a virtual processor may be scheduled."""

    OFFLINE = "offline"
    ONLINE = "online"


class ChannelState(StrEnum):
    """Where a channel is in its life; `transitions.py` says what may follow."""

    PLANNED = "planned"
    """It has frames and two ends, and is in no view."""
    MAPPED = "mapped"
    """Both ends can reach it."""
    ATTACHED = "attached"
    """Both ends were told of it and have answered."""
    LEAVING = "leaving"
    """Its ends are asked to let go of it; both can still reach it."""
    REVOKED = "revoked"
    """It is in no view any more; its frames are not free yet."""
    UNMAPPED = "unmapped"
    """All processors have acknowledged: its frames are free, and its record goes."""


REACHABLE: Final = (ChannelState.MAPPED, ChannelState.ATTACHED, ChannelState.LEAVING)
"""The states in which the views show a channel."""


class DeviceState(StrEnum):
    """Where a device is in its life; `transitions.py` says what may follow.

    Only one that is OPERATING acts: the view fences all others.
    """

    ALLOCATED = "allocated"
    KNOWN = "known"
    READY = "ready"
    ALIVE = "alive"
    OPERATING = "operating"
    STANDBY = "standby"
    FAILED = "failed"
    """It erred, or whoever uses it lost its way to it; it operates again after a recovery."""
    REVOKED = "revoked"


class QuotaScope(StrEnum):
    """Whose use a quota bounds."""

    MACHINE = "machine"
    """All of it: the limits of monitor/abi/limits.h are quotas of the machine."""
    ZONE = "zone"
    PARTITION = "partition"


class QuotaResource(StrEnum):
    """What a quota bounds."""

    PARTITIONS = "partitions"
    FRAMES = "frames"
    EXTENTS = "extents"
    VIRTUAL_PROCESSORS = "virtual_processors"
    CHANNELS = "channels"
    CHANNEL_FRAMES = "channel_frames"
    LINKS = "links"


class Record(msgspec.Struct, frozen=True):
    """What all records have in common: nothing but being one."""


class Machine(Record, frozen=True):
    """The one row that says what there is, and what the limits are."""

    id: int
    """Always 1."""
    frame_count: int
    processor_count: int
    partition_limit: int
    slot_limit: int
    partition_processor_limit: int
    partition_extent_limit: int
    port_limit: int
    quantum_minimum_cycles: int
    next_channel: int
    """Ids are never used again."""
    next_device: int
    version: int


class Block(Record, frozen=True):
    """A run of entries of one index page that say the same; a split entry stands alone."""

    tier: Tier
    machine_frame: int
    frame_count: int
    state: BlockState
    owner: int | None
    """A partition's number, or a channel's or device's id, as the state says."""
    version: int


class Partition(Record, frozen=True):
    """A partition; its number is its place in the view."""

    number: int
    name: str
    kind: PartitionKind
    state: PartitionState
    incarnation: int
    """Counts the lives of the number, resets too: what an older life was told is stale."""
    descriptor_frame: int | None
    """None once destroyed."""
    zone: str | None
    domain: str | None
    width: int
    """32 or 64 bits."""
    rights: int
    """Bits of the contract's rights."""
    image: str
    command_line: str
    layout: bytes
    """What the loader needs to say again where tables and pages lie; not read here."""
    reason: str
    """Why it stopped or failed; the first reason is kept."""
    version: int

    @property
    def descriptor(self) -> Descriptor | None:
        """Return the place of its descriptor, [G,M,K]."""
        frame = self.descriptor_frame
        return None if frame is None else Descriptor.of_frame(frame)


class Extent(Record, frozen=True):
    """A run of machine frames at a guest-physical place of its partition."""

    partition: int
    guest_frame: int
    machine_frame: int
    frame_count: int
    version: int


class VirtualProcessor(Record, frozen=True):
    """A virtual processor, and the physical one whose map may hold its slots."""

    partition: int
    index: int
    processor: int
    state: ProcessorState
    version: int


class Processor(Record, frozen=True):
    """A physical processor; its version stands for its whole map of slots."""

    number: int
    capacity_cycles: int
    """The quanta of its map together are at most this."""
    version: int


class Slot(Record, frozen=True):
    """A slot of a processor's cyclic map; slots lie back to back by position."""

    processor: int
    position: int
    partition: int
    index: int
    """Of the virtual processor within the partition."""
    quantum_cycles: int
    donates: bool
    version: int


class Channel(Record, frozen=True):
    """Frames shared by exactly two ends."""

    id: int
    type_guid: str
    zone: str | None
    policy: str
    """The name of the policy that lets it leave a zone; empty: its ends share its zone."""
    state: ChannelState
    machine_frame: int
    frame_count: int
    version: int


class ChannelEnd(Record, frozen=True):
    """One of the two ends: 0 the client's, 1 the server's."""

    channel: int
    side: int
    partition: int
    guest_frame: int
    port: int
    """The event port that the other end's signals arrive at."""
    writable: bool
    version: int


class Link(Record, frozen=True):
    """Directed: an event sent on (partition, port) arrives at the target."""

    partition: int
    port: int
    target_partition: int
    target_port: int
    target_processor: int
    version: int


class Device(Record, frozen=True):
    """A device; what has no frames of its own has a frame count of 0."""

    id: int
    kind: str
    name: str
    state: DeviceState
    owner: int | None
    """The partition that may use it."""
    machine_frame: int
    frame_count: int
    guest_frame: int
    """Where its owner finds its registers; 0 while nobody owns it."""
    port: int
    """The owner's event port that its interrupts arrive at; 0: none, or nobody owns it."""
    version: int


DEVICE_AT_REST: Final = (DeviceState.ALLOCATED, DeviceState.REVOKED)
"""The states in which a device may be nobody's, and change its owner."""


class Zone(Record, frozen=True):
    """A named set of partitions; channels stay inside it unless a policy lets them leave."""

    name: str
    guid: str
    version: int


class Quota(Record, frozen=True):
    """A bound on what a zone or a partition uses."""

    scope: QuotaScope
    subject: str
    """The zone's name, or the partition's number in decimal; empty for the machine."""
    resource: QuotaResource
    amount: int
    used: int
    """Kept by the database itself; no part of the version."""
    version: int


class Domain(Record, frozen=True):
    """A definition of partitions that outlives them and is bound to no host."""

    name: str
    zone: str | None
    definition: str
    """Not read here."""
    version: int


class Request(Record, frozen=True):
    """The answer to a request that was committed, for whoever asks again."""

    asker: str
    request_id: int
    digest: bytes
    """Of what was asked: the same id for something else is refused."""
    answer: bytes
    version: int
    """The generation of its commit."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of monitor/abi/limits.h, for tests and larger machines to raise."""

    partition_limit: int = 128
    virtual_processor_limit: int = 256
    slot_limit: int = 128
    extent_limit: int = 1024
    link_limit: int = 1024
    channel_limit: int = 1024
    partition_processor_limit: int = 8
    partition_extent_limit: int = 16
    port_limit: int = 64
    quantum_minimum_cycles: int = 16


class FrameRange(msgspec.Struct, frozen=True):
    """A run of machine frames."""

    machine_frame: int
    frame_count: int


class MachineDescription(msgspec.Struct, frozen=True, kw_only=True):
    """What a new database starts from; a journal that says otherwise is refused."""

    frame_count: int
    processor_count: int = 1
    processor_capacity_cycles: int = 1 << 40
    """What the quanta of one processor's map may be together."""
    reserved: tuple[FrameRange, ...] = ()
    """The monitor's own frames."""
    limits: Limits = Limits()
