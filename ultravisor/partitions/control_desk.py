# SPDX-License-Identifier: GPL-2.0-or-later
"""What the ultravisor tells one partition of its resources, and what the partition answered.

Owns the order of an introduction: chipset, bus, devices, ready; later, what comes and goes. One
desk a partition, so that one that answers wrongly, twice or never harms no other. Called by the
ultravisor program, which says what there is; knows neither the database nor time.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ultravisor.channels.channel import read_header
from ultravisor.channels.control_channel import (
    CONTROL_SIZE_DEFAULT_BYTES,
    build_control_channel,
    plan_control_channel,
)
from ultravisor.channels.control_messages import (
    BusState,
    ControlMessage,
    CreateBus,
    CreateDevice,
    Device,
    DeviceState,
    InitChipset,
    Interrupt,
    Nothing,
    Packet,
)
from ultravisor.channels.control_server import (
    Answered,
    ControlServer,
    ControlServerState,
    Stray,
    Told,
)
from ultravisor.channels.errors import ChannelError
from ultravisor.channels.vbus_channel import build_vbus_channel, vbus_channel_size_bytes
from ultravisor.machine.abi import (
    CONTROL_PHYSICAL_DEVICE,
    GUID_CONTROL,
    GUID_VBUS,
    SEGMENT_STATE_PAUSED,
    SEGMENT_STATE_RUNNING,
    CompletionStatus,
    ControlMessageId,
    SegmentState,
)
from ultravisor.partitions.media import PHYSICAL_BUS

if TYPE_CHECKING:
    from ultravisor.channels.control_server import Sent
    from ultravisor.channels.memory import ChannelWindow

BUS: Final = 1
"""The bus of channels."""
DEVICE_RECORDS: Final = 29
"""Devices of which a partition can say more in its bus's channel; it may have others."""
VBUS_OFFSET: Final = CONTROL_SIZE_DEFAULT_BYTES
CONTROL_AND_BUS_SIZE_BYTES: Final = VBUS_OFFSET + vbus_channel_size_bytes(DEVICE_RECORDS)
"""What is mapped as a partition's control channel: behind it lies the channel of its bus."""
STRAY_LIMIT: Final = 1024
"""Messages that belong to nothing; a partition that sends more is told nothing any more."""
_DONE: Final = frozenset({CompletionStatus.SUCCESS, CompletionStatus.ALREADY_DONE})


class Stage(IntEnum):
    """How far the introduction is."""

    NEW = 0
    CHIPSET = 1
    BUS = 2
    DEVICES = 3
    READY = 4


class Introduction(Struct, frozen=True):
    """One thing that a partition is to know: a channel, or a physical device."""

    device: int
    """The channel's id, or the physical device's."""
    type: UUID
    instance: UUID
    address: int
    """Guest-physical: of the channel, or of the device's registers; 0: it has none."""
    size_bytes: int
    port: int
    server: bool
    operating: bool | None = True
    """Whether it is to be said to operate; None: nothing is to be said of that yet.

    In what a partition knows: what it has answered last; None: another desk has told it."""
    bus: int = BUS
    told_apart: bool = False
    """It is of a medium: it does not operate before that is said."""

    @property
    def key(self) -> tuple[int, int]:
        """Return bus and device."""
        return (self.bus, self.device)


class SavedDesk(Struct, frozen=True):
    """All of a desk's state; what is on its way is in the channel."""

    stage: int
    known: tuple[Introduction, ...]
    waiting: tuple[tuple[int, str, Introduction | None], ...]
    failures: tuple[tuple[int, int, int], ...]
    """Bus, device, completion status."""
    strays: int
    fault: str
    server: ControlServerState
    inherited: bool
    gone: tuple[tuple[int, int], ...]
    lost: tuple[tuple[int, int], ...] = ()


class ControlDesk:
    """The introduction of one partition."""

    def __init__(self, window: ChannelWindow, address: int, partition: int, first: int) -> None:
        """Build the channel where it is not there; raise ChannelError.

        `address` is where the partition finds it, `first` a message handle that was never used.
        """
        self.window = window
        self.fault = ""
        """The first reason why nothing more is told; empty: none."""
        self.strays = 0
        self.notify = False
        """Whether the partition may be waiting for an event."""
        self.failures: dict[tuple[int, int], int] = {}
        """What the partition refused, with its completion status."""
        self._address = address
        self._stage = Stage.NEW
        self._wanted: dict[tuple[int, int], Introduction] = {}
        self._known: dict[tuple[int, int], Introduction] = {}
        self._waiting: dict[int, tuple[str, Introduction | None]] = {}
        self._busy: set[tuple[int, int]] = set()
        self._leaving: frozenset[tuple[int, int]] = frozenset()
        self._gone: set[tuple[int, int]] = set()
        self._lost: set[tuple[int, int]] = set()
        # What another desk has told over a channel that is there already, this one cannot know.
        self._inherited = read_header(window).type == GUID_CONTROL
        self._is_first = True
        plan = plan_control_channel(CONTROL_SIZE_DEFAULT_BYTES)
        if not self._inherited:
            build_control_channel(window, plan, address=address, partition=partition)
            bus = _Behind(window, VBUS_OFFSET)
            build_vbus_channel(bus, DEVICE_RECORDS, bus=BUS, partition=partition)
        self._plan = plan
        self._server = ControlServer(window, plan, ControlServerState(next_handle=first))

    @property
    def is_introduced(self) -> bool:
        """Say whether the partition has answered that it is ready."""
        return self._stage is Stage.READY

    @property
    def is_settled(self) -> bool:
        """Say whether nothing is to be said and no answer is waited for."""
        if self.fault:
            return True
        done = self._known.keys() <= (self._wanted.keys() | self.failures.keys()) and all(
            (known := self._known.get(key)) is not None and _is_told(row, known)
            for key, row in self._wanted.items()
        )
        return self._stage is Stage.READY and not self._waiting and done

    @property
    def known(self) -> frozenset[tuple[int, int]]:
        """Return what the partition has answered that it knows, by bus and device."""
        return frozenset(self._known)

    @property
    def lost(self) -> frozenset[tuple[int, int]]:
        """Return what operates, but not for this partition: it said so, or refused to be told."""
        refused = {
            key
            for key in self.failures
            if (row := self._wanted.get(key)) is not None
            and row.operating
            and row.told_apart
            # A client that has taken no path at all has nothing that it could lose.
            and (key in self._known or row.server)
        }
        return frozenset(self._lost | refused)

    def operates(self, key: tuple[int, int]) -> bool:
        """Say whether the partition has answered that something operates."""
        row = self._known.get(key)
        return row is not None and row.operating is True and key not in self._busy

    def may_operate(self, key: tuple[int, int]) -> bool:
        """Say whether the partition may use something: it was told so, answered or not yet."""
        row = self._known.get(key)
        return (row is not None and row.operating is True) or any(
            told is not None and told.key == key and told.operating is True
            for _, told in self._waiting.values()
        )

    def holds(self, key: tuple[int, int]) -> bool:
        """Say whether the partition may still use what it is to let go of."""
        if key in self._known or key in self._busy:
            return True
        return self._inherited and key not in self._gone

    def save(self) -> SavedDesk:
        """Return what must be known to go on."""
        return SavedDesk(
            stage=self._stage,
            known=tuple(self._known[key] for key in sorted(self._known)),
            waiting=tuple((handle, *row) for handle, row in sorted(self._waiting.items())),
            failures=tuple((*key, status) for key, status in sorted(self.failures.items())),
            strays=self.strays,
            fault=self.fault,
            server=self._server.state,
            inherited=self._inherited,
            gone=tuple(sorted(self._gone)),
            lost=tuple(sorted(self._lost)),
        )

    def load(self, saved: SavedDesk) -> None:
        """Go on from what was saved; the channel is as it was then."""
        self._stage = Stage(saved.stage)
        self._known = {row.key: row for row in saved.known}
        self._waiting = {handle: (what, row) for handle, what, row in saved.waiting}
        self._busy = {row.key for _, row in self._waiting.values() if row is not None}
        self.failures = {(bus, device): status for bus, device, status in saved.failures}
        self.strays, self.fault = saved.strays, saved.fault
        self._inherited, self._gone = saved.inherited, set(saved.gone)
        self._is_first = False
        self._lost = set(saved.lost)
        self._server = ControlServer(self.window, self._plan, saved.server)

    def want(
        self,
        wanted: dict[tuple[int, int], Introduction],
        leaving: frozenset[tuple[int, int]] = frozenset(),
    ) -> None:
        """Say what the partition is to know from now on, and what of the rest it is to leave."""
        for key in self._wanted.keys() | self._leaving:
            # What was refused as it was may be possible as it is now.
            if self._wanted.get(key) != wanted.get(key):
                self.failures.pop(key, None)
        self._wanted = wanted
        self._leaving = leaving
        self._gone &= leaving

    def attend(self) -> bool:
        """Read what has come and send what is to be said; say whether anything happened."""
        # What the lost one sent last may have come without its event.
        self.notify, self._is_first = self._inherited and self._is_first, False
        if self.fault:
            return False
        try:
            reports = self._server.poll()
            for report in reports:
                if isinstance(report, Answered):
                    self._answered(report.handle, report.answer)
                elif isinstance(report, Told):
                    self._told(report.message)
                elif isinstance(report, Stray):
                    self._stray(report.sentence)
            return self._speak() or bool(reports)
        except ChannelError as failure:
            self.fault = failure.message
            return False

    def _stray(self, sentence: str) -> None:
        self.strays += 1
        if self.strays > STRAY_LIMIT:
            raise ChannelError(f"{self.strays} messages that belong to nothing; {sentence}")

    def _told(self, message: ControlMessage) -> None:
        """Take what a partition lost, and begin again where it says that it knows nothing."""
        packet = message.packet
        if isinstance(packet, DeviceState):
            key = (packet.bus, packet.device)
            row = self._wanted.get(key)
            if row is not None and row.told_apart and not packet.state & SegmentState.OPERATING:
                # Of what it was told to leave already this is no news.
                known = self._known.get(key)
                if known is None or known.operating is not False or self.may_operate(key):
                    self._lost.add(key)
        if isinstance(packet, BusState) and packet.state == 0:
            self._stage = Stage.NEW
            self._known = {}
            self._busy = set()
            self._waiting = {}
            self._lost = set()
            self.failures = {}

    def _answered(self, handle: int, answer: ControlMessage) -> None:
        what, introduction = self._waiting.pop(handle, ("", None))
        done = answer.completion_status in _DONE
        if what == "stage":
            if done:
                self._stage = Stage(self._stage + 1)
            else:
                self.failures[PHYSICAL_BUS, 0] = answer.completion_status
        if introduction is None:
            return
        key = introduction.key
        self._busy.discard(key)
        status = answer.completion_status
        if what == "destroy" and (done or status == CompletionStatus.DEVICE_INVALID):
            self._known.pop(key, None)
            self.failures.pop(key, None)
            self._lost.discard(key)
            self._gone.add(key)
        elif not done:
            self.failures[key] = status
        else:
            self._known[key] = _as_answered(what, status, introduction)
            self.failures.pop(key, None)
            if self._known[key].operating is False:
                self._lost.discard(key)

    def _speak(self) -> bool:
        """Send what comes next, as far as there is room."""
        if self._stage in {Stage.NEW, Stage.CHIPSET}:
            return self._speak_stage()
        spoken = False
        for key in sorted(self._wanted.keys() | self._known.keys() | self._leaving):
            if key not in self._busy and key not in self.failures:
                spoken = self._speak_of(key) or spoken
        if self._stage is Stage.BUS and self._wanted.keys() <= self._settled():
            self._stage = Stage.DEVICES
        if self._stage is Stage.DEVICES:
            spoken = self._speak_stage() or spoken
        return spoken

    def _settled(self) -> set[tuple[int, int]]:
        return self._known.keys() | self.failures.keys()

    def _speak_stage(self) -> bool:
        if (PHYSICAL_BUS, 0) in self.failures:
            return False
        if any(what == "stage" for what, _ in self._waiting.values()):
            return False
        match self._stage:
            case Stage.NEW:
                packet: Packet = InitChipset(bus_count=1)
                return self._send(ControlMessageId.CHIPSET_INIT, packet, "stage")
            case Stage.CHIPSET:
                packet = CreateBus(
                    bus=BUS,
                    device_count=DEVICE_RECORDS,
                    channel_address=self._address + VBUS_OFFSET,
                    channel_size_bytes=vbus_channel_size_bytes(DEVICE_RECORDS),
                    device_type=GUID_VBUS,
                )
                return self._send(ControlMessageId.BUS_CREATE, packet, "stage")
            case _:
                return self._send(ControlMessageId.CHIPSET_READY, Nothing(), "stage")

    def _speak_of(self, key: tuple[int, int]) -> bool:
        """Bring one thing that the partition knows a step towards what it is to know."""
        wanted, known = self._wanted.get(key), self._known.get(key)
        if wanted is None and known is None:
            return self.holds(key) and self._take_away(key)
        if known is not None and (wanted is None or not _same_place(wanted, known)):
            return self._take_away(key, known)
        assert wanted is not None, "it is wanted, or it was known"
        if known is None:
            return self._send(ControlMessageId.DEVICE_CREATE, _create(wanted), "create", wanted)
        if _is_told(wanted, known):
            return False
        return self._send(ControlMessageId.DEVICE_CHANGE_STATE, _state(wanted), "state", wanted)

    def _take_away(self, key: tuple[int, int], known: Introduction | None = None) -> bool:
        if known is None:
            known = _unknown(key)
        return self._send(ControlMessageId.DEVICE_DESTROY, Device(*key), "destroy", known)

    def _send(
        self,
        number: ControlMessageId,
        packet: Packet,
        what: str,
        introduction: Introduction | None = None,
    ) -> bool:
        server = introduction is not None and introduction.server
        sent: Sent | None = self._server.send(number, packet, server=server)
        if sent is None:
            return False
        self.notify = self.notify or sent.notify
        self._waiting[sent.handle] = (what, introduction)
        if introduction is not None:
            self._busy.add(introduction.key)
        return True


class _Behind:
    """A part of a channel's memory, as a channel of its own."""

    def __init__(self, window: ChannelWindow, offset: int) -> None:
        self._window = window
        self._offset = offset

    def read(self, offset: int, size_bytes: int) -> bytes:
        return self._window.read(self._offset + offset, size_bytes)

    def write(self, offset: int, data: bytes) -> None:
        self._window.write(self._offset + offset, data)


def _as_answered(what: str, status: int, introduction: Introduction) -> Introduction:
    """Return what a partition knows once it has answered."""
    if what != "create":
        return introduction
    # Of a device that was there already, the partition is told anew.
    is_new = status == CompletionStatus.SUCCESS
    return replace(introduction, operating=not introduction.told_apart if is_new else None)


def _unknown(key: tuple[int, int]) -> Introduction:
    """Return what is known of a channel of which another desk has told."""
    none = UUID(int=0)
    return Introduction(key[1], none, none, 1, 0, 0, server=False, bus=key[0])


def _is_told(wanted: Introduction, known: Introduction) -> bool:
    """Say whether nothing is left to be said of a thing."""
    said = wanted.operating is None or wanted.operating is known.operating
    return said and _same_place(wanted, known)


def _same_place(wanted: Introduction, known: Introduction) -> bool:
    return replace(wanted, operating=None) == replace(known, operating=None)


def _create(row: Introduction) -> CreateDevice:
    return CreateDevice(
        bus=row.bus,
        device=row.device,
        channel_address=row.address,
        channel_size_bytes=row.size_bytes,
        type=row.type,
        instance=row.instance,
        interrupt=Interrupt(send_handle=row.port, receive_handle=row.port, vector=row.port),
    )


def _state(row: Introduction) -> DeviceState:
    state = SEGMENT_STATE_RUNNING if row.operating else SEGMENT_STATE_PAUSED
    flags = bytes([CONTROL_PHYSICAL_DEVICE if row.bus == PHYSICAL_BUS else 0]) + bytes(7)
    return DeviceState(bus=row.bus, device=row.device, state=state, flags=flags)
