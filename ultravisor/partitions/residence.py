# SPDX-License-Identifier: GPL-2.0-or-later
"""How a hosted program learns what it has: the partition's end of its control channel.

Owns taking and answering control messages, and the list of channels they introduce. A program that
begins anew asks to be introduced again. Called by command, operations and boot at the beginning of
each turn; the ultravisor is at the other end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ultravisor.channels.channel import read_header
from ultravisor.channels.control_channel import CONTROL_SIZE_DEFAULT_BYTES
from ultravisor.channels.control_client import ControlClient
from ultravisor.channels.control_messages import (
    BusState,
    ControlMessage,
    CreateBus,
    CreateDevice,
    Device,
    DeviceState,
    InitChipset,
    Nothing,
    Packet,
)
from ultravisor.channels.memory import ChannelWindow
from ultravisor.channels.queue import Insertion
from ultravisor.channels.structures import field_offset
from ultravisor.machine.abi import (
    GUID_CONTROL,
    ChipsetFeature,
    CompletionStatus,
    ControlFlag,
    ControlMessageId,
    Hypercall,
    SegmentState,
)
from ultravisor.partitions.channel_agent import CONTROL_PORT
from ultravisor.partitions.media import PHYSICAL_BUS
from ultravisor.partitions.message_link import LOST, ChannelPlace

if TYPE_CHECKING:
    from ultravisor.machine.hosted import HostedTurn

_CONTROL_ADDRESS: Final = field_offset("start_page", "control_channel_address")
# A message is taken only once there is room for its answer.
_NOTHING: Final = Nothing()


class Grant(Struct, frozen=True):
    """A channel that the partition has been introduced to."""

    type: UUID
    place: ChannelPlace
    operating: bool
    """False: the other end is away, and the channel is not to be touched."""
    serial: int
    """Another one is another channel, though it may be at the same place."""


class SavedResidence(Struct, frozen=True):
    """What a residence must know to go on."""

    whole: bool
    """False: the introduction has to be repeated, since answers were still to be sent, or to be
    asked for."""
    initialized: bool
    buses: tuple[int, ...]
    grants: tuple[tuple[int, int, Grant], ...]
    told: int
    fault: str


class Residence:
    """A partition's list of what it has, kept by its control channel."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.fault = ""
        """The first reason why the control channel is not used; empty: none."""
        self.told = 0
        """How many messages were taken."""
        self._window: ChannelWindow | None = None
        self._client: ControlClient | None = None
        self._initialized = False
        self._buses: set[int] = set()
        self._grants: dict[tuple[int, int], Grant] = {}
        self._restored = False
        self._answers: list[tuple[ControlMessage, CompletionStatus, Packet]] = []

    def grant(self, kind: UUID) -> Grant | None:
        """Return the channel of a type, the lowest device's where there are several."""
        for key in sorted(self._grants):
            if self._grants[key].type == kind:
                return self._grants[key]
        return None

    def attend(self, turn: HostedTurn) -> None:
        """Take and answer what the ultravisor says."""
        if self.fault:
            return
        try:
            if self._attach(turn):
                self._take_all(turn)
        except LOST as failure:
            self.fault = failure.message

    def _attach(self, turn: HostedTurn) -> bool:
        if self._window is not None:
            self._window.memory = turn
        if self._client is not None:
            return True
        data = turn.read(turn.start_page_address + _CONTROL_ADDRESS, 8)
        address = int.from_bytes(data, "little")
        if address == 0:
            return False
        self._window = ChannelWindow(turn, address)
        if read_header(self._window).type != GUID_CONTROL:
            return False
        self._client = ControlClient(self._window, CONTROL_SIZE_DEFAULT_BYTES)
        if not self._restored:
            packet = BusState(bus=0, state=0)
            self._client.tell(ControlMessageId.BUS_CHANGE_STATE_EVENT, packet)
            self._signal(turn)
        return True

    def _take_all(self, turn: HostedTurn) -> None:
        assert self._client is not None
        notify = False
        while self._answer():
            received = self._client.receive()
            if received is None:
                break
            self.told += 1
            notify = True
            status, packet = self._act(received.message)
            self._answers.append((received.message, status, packet))
        if notify:
            self._signal(turn)

    def _answer(self) -> bool:
        """Send the answers that wait; say whether there is room for more."""
        assert self._client is not None
        while self._answers:
            if self._client.answer(*self._answers[0]) is Insertion.FULL:
                return False
            del self._answers[0]
        return True

    def _signal(self, turn: HostedTurn) -> None:
        """Wake the ultravisor; where it polls, the call is refused, and that is all."""
        turn.call(Hypercall.EVENT_SEND, CONTROL_PORT)

    def _act(self, message: ControlMessage) -> tuple[CompletionStatus, Packet]:
        packet = message.packet
        match packet:
            case InitChipset():
                done = self._initialized
                self._initialized = True
                answer = InitChipset(features=int(ChipsetFeature.REPLY))
                status = CompletionStatus.ALREADY_DONE if done else CompletionStatus.SUCCESS
                return status, answer
            case _ if not self._initialized:
                return CompletionStatus.EXPECTED_CHIPSET_INIT, _NOTHING
            case CreateBus():
                if packet.bus in self._buses:
                    return CompletionStatus.ALREADY_DONE, _NOTHING
                self._buses.add(packet.bus)
            case CreateDevice():
                return self._create(message, packet), _NOTHING
            case DeviceState():
                return self._change(packet), _NOTHING
            case Device() if message.id == ControlMessageId.DEVICE_DESTROY:
                key = (packet.bus, packet.device)
                if self._grants.pop(key, None) is None:
                    return CompletionStatus.DEVICE_INVALID, _NOTHING
            case Nothing() if message.id == ControlMessageId.CHIPSET_READY:
                pass
            case _:
                return CompletionStatus.ID_UNKNOWN, _NOTHING
        return CompletionStatus.SUCCESS, _NOTHING

    def _create(self, message: ControlMessage, packet: CreateDevice) -> CompletionStatus:
        if packet.bus not in self._buses and packet.bus != PHYSICAL_BUS:
            return CompletionStatus.BUS_INVALID
        place = ChannelPlace(
            address=packet.channel_address,
            size_bytes=packet.channel_size_bytes,
            port=packet.interrupt.send_handle,
            is_server=bool(message.flags & ControlFlag.SERVER),
        )
        key = (packet.bus, packet.device)
        present = self._grants.get(key)
        if present is not None and (present.type, present.place) == (packet.type, place):
            self._grants[key] = replace(present, operating=True)
            return CompletionStatus.ALREADY_DONE
        self._grants[key] = Grant(packet.type, place, operating=True, serial=self.told)
        return CompletionStatus.SUCCESS

    def _change(self, packet: DeviceState) -> CompletionStatus:
        key = (packet.bus, packet.device)
        grant = self._grants.get(key)
        if grant is None:
            return CompletionStatus.DEVICE_INVALID
        operating = bool(packet.state & SegmentState.OPERATING)
        self._grants[key] = replace(grant, operating=operating)
        return CompletionStatus.SUCCESS

    def save(self) -> SavedResidence:
        """Return what must be known to go on; not during a turn."""
        grants = tuple((*key, self._grants[key]) for key in sorted(self._grants))
        buses = tuple(sorted(self._buses))
        whole = not self._answers and (self._client is not None or self._restored)
        return SavedResidence(whole, self._initialized, buses, grants, self.told, self.fault)

    def load(self, saved: SavedResidence) -> None:
        """Go on from what was saved."""
        self._initialized = saved.initialized
        self._buses = set(saved.buses)
        self._grants = {(bus, device): grant for bus, device, grant in saved.grants}
        self.told = saved.told
        self._restored, self.fault = saved.whole, saved.fault
