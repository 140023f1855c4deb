# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that has counters of partitions and memory, and nothing else: for what only looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ultravisor.machine.abi import StopReason
from ultravisor.machine.interface import PartitionState
from ultravisor.machine.records import PartitionStatistics

if TYPE_CHECKING:
    from ultravisor.machine.machine import Machine

ABSENT = PartitionStatistics(
    state=PartitionState.ABSENT,
    stop_reason=StopReason.NONE,
    stop_vector=0,
    stop_error_code=0,
    stop_rip=0,
    stop_address=0,
    stop_text="",
    exit_code=0,
    work=0,
    events_sent=0,
    events_delivered=0,
    system_calls=0,
)


def statistics(**fields: Any) -> PartitionStatistics:
    """Return counters of a partition that runs, but for what is given."""
    values = {name: getattr(ABSENT, name) for name in ABSENT.__dataclass_fields__}
    return PartitionStatistics(**{**values, "state": PartitionState.RUNNING, **fields})


class StatisticsMachine:
    """Counters by partition, and a memory that is read."""

    def __init__(self) -> None:
        self.partitions: dict[int, PartitionStatistics] = {}
        self.memory = bytearray()

    @property
    def machine(self) -> Machine:
        """Return this as what it stands for."""
        return cast("Machine", self)

    def partition_statistics(self, number: int) -> PartitionStatistics:
        return self.partitions.get(number, ABSENT)

    def memory_read(self, address: int, size_bytes: int) -> bytes:
        assert 0 <= address <= len(self.memory) - size_bytes, "outside the machine"
        return bytes(self.memory[address : address + size_bytes])
