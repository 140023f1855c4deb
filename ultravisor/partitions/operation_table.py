# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the database's operations each operation of the command protocol is.

Owns the table alone. Called by transaction_service; decides nothing: the database checks every
operation again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ultravisor.channels import command_protocol as protocol
from ultravisor.channels.command_protocol import AnyOperation, resolve
from ultravisor.resources.channel_operations import EndPlan
from ultravisor.resources.processor_operations import SlotPlan
from ultravisor.resources.records import ChannelEnd, Partition, PartitionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.resources.database import ResourceDatabase
    from ultravisor.resources.transaction import Transaction

REVOKED: Final = "revoked"
_LIVE: Final = (PartitionState.RUNNING, PartitionState.PAUSED)


class OperationScribe:
    """Writes a request's operations into a transaction, and finds each one's answer again."""

    def __init__(self, database: ResourceDatabase, transaction: Transaction) -> None:
        """Begin with no operation."""
        self._database = database
        self._transaction = transaction
        self._known: list[Any] = []
        self._places: list[int] = []
        self._to_stop: dict[int, None] = {}

    def write(self, operation: AnyOperation) -> Any:
        """Add one operation; return its answer as far as it is known before the commit."""
        known = _WRITERS[type(operation)](self, operation)
        self._known.append(known)
        return known

    def finish(self) -> None:
        """Stop those from whom something is taken by force: last, so that answers keep places."""
        for number in self._to_stop:
            found = self._database.find(Partition, number)
            if found is not None and found.state in _LIVE:
                stopped = PartitionState.STOPPED
                self._transaction.set_partition_state(number, stopped, REVOKED)

    def answers(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the answer of each operation, from what the commit returned.

        Of several operations of the database that one of the protocol takes, the first answers.
        """
        return tuple(values[place] for place in self._places)

    def number(self, number: int) -> int:
        """Return a number, or the answer that it stands for."""
        return number if number >= 0 else resolve(number, self._known)

    def begin(self) -> Transaction:
        """Note that the next operation of the database answers for one of the protocol."""
        self._places.append(len(self._transaction.operations))
        return self._transaction

    def _create_partition(self, row: protocol.CreatePartition) -> int:
        return self.begin().create_partition(
            row.name,
            number=row.number,
            kind=row.kind,
            zone=row.zone,
            domain=row.domain,
            width=row.width,
            rights=row.rights,
            image=row.image,
            command_line=row.command_line,
        )

    def _assign_memory(self, row: protocol.AssignMemory) -> None:
        partition = self.number(row.partition)
        self.begin().assign_memory(partition, row.frame_count, row.guest_frame, row.machine_frame)

    def _release_memory(self, row: protocol.ReleaseMemory) -> None:
        if row.forced:
            self._to_stop[row.partition] = None
        self.begin().release_memory(row.partition, row.guest_frame, row.frame_count)

    def _set_quanta(self, row: protocol.SetQuanta) -> None:
        slots = [
            SlotPlan(self.number(slot.partition), slot.index, slot.quantum_cycles, slot.donates)
            for slot in row.slots
        ]
        self.begin().set_quanta(row.processor, slots)

    def _map_channel(self, row: protocol.MapChannel) -> int:
        ends = [
            EndPlan(self.number(end.partition), end.guest_frame, end.port, end.writable)
            for end in row.ends
        ]
        transaction = self.begin()
        channel = transaction.plan_channel(
            row.type_guid, row.frame_count, ends, row.policy, row.machine_frame
        )
        transaction.map_channel(channel)
        return channel

    def _unmap_channel(self, row: protocol.UnmapChannel) -> None:
        if row.forced:
            for end in self._database.records_of(ChannelEnd, row.channel):
                self._to_stop[end.partition] = None
        self.begin().unmap_channel(row.channel)

    def _set_link(self, row: protocol.SetLink) -> None:
        partition = self.number(row.partition)
        if row.target_partition is None:
            self.begin().drop_link(partition, row.port)
            return
        target = self.number(row.target_partition)
        self.begin().set_link(partition, row.port, target, row.target_port, row.target_processor)

    def _create_device(self, row: protocol.CreateDevice) -> int:
        return self.begin().add_device(row.kind, row.name, row.machine_frame, row.frame_count)

    def _assign_device(self, row: protocol.AssignDevice) -> None:
        owner = None if row.partition is None else self.number(row.partition)
        device = self.number(row.device)
        self.begin().assign_device(device, owner, row.guest_frame, row.port)

    def _define_zone(self, row: protocol.DefineZone) -> None:
        self.begin().create_zone(row.name, row.guid)

    def _set_quota(self, row: protocol.SetQuota) -> None:
        if row.amount is None:
            self.begin().drop_quota(row.scope, row.subject, row.resource)
        else:
            self.begin().set_quota(row.scope, row.subject, row.resource, row.amount)

    def _plain(self, row: Any) -> None:
        name, fields, numbered = _PLAIN[type(row)]
        values = [
            self.number(getattr(row, field)) if field == numbered else getattr(row, field)
            for field in fields
        ]
        getattr(self.begin(), name)(*values)


# Operations that are one of the database's, their fields in its order; the field that may stand
# for an earlier answer.
_PLAIN: Final[dict[type, tuple[str, tuple[str, ...], str]]] = {
    protocol.DestroyPartition: ("destroy_partition", ("partition",), ""),
    protocol.SetPartitionState: (
        "set_partition_state",
        ("partition", "state", "reason"),
        "partition",
    ),
    protocol.SetLayout: ("set_layout", ("partition", "layout"), "partition"),
    protocol.CreateVirtualProcessor: (
        "add_virtual_processor",
        ("partition", "processor"),
        "partition",
    ),
    protocol.SetProcessorState: (
        "set_virtual_processor_state",
        ("partition", "index", "state"),
        "",
    ),
    protocol.SetChannelState: ("set_channel_state", ("channel", "state"), "channel"),
    protocol.SetDeviceState: ("set_device_state", ("device", "state"), "device"),
    protocol.RemoveZone: ("destroy_zone", ("name",), ""),
    protocol.DefineDomain: ("set_domain", ("name", "definition", "zone"), ""),
    protocol.RemoveDomain: ("drop_domain", ("name",), ""),
}
_WRITERS: Final[dict[type, Callable[[OperationScribe, Any], Any]]] = {
    **dict.fromkeys(_PLAIN, OperationScribe._plain),
    protocol.CreatePartition: OperationScribe._create_partition,
    protocol.AssignMemory: OperationScribe._assign_memory,
    protocol.ReleaseMemory: OperationScribe._release_memory,
    protocol.SetQuanta: OperationScribe._set_quanta,
    protocol.MapChannel: OperationScribe._map_channel,
    protocol.UnmapChannel: OperationScribe._unmap_channel,
    protocol.SetLink: OperationScribe._set_link,
    protocol.CreateDevice: OperationScribe._create_device,
    protocol.AssignDevice: OperationScribe._assign_device,
    protocol.DefineZone: OperationScribe._define_zone,
    protocol.SetQuota: OperationScribe._set_quota,
}
