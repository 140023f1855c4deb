# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts from the ultravisor's answers.

Owns which tables command reads before it decides, and their form on the channel. Called by command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ultravisor.channels.command_protocol import Done, Query, Read, read_value
from ultravisor.partitions.facts import Facts, merge_free
from ultravisor.resources import records
from ultravisor.resources.records import BlockState, FrameRange

if TYPE_CHECKING:
    from ultravisor.resources.records import Record

_TABLES: Final[dict[str, tuple[str, type[Record]]]] = {
    "partition": ("partitions", records.Partition),
    "extent": ("extents", records.Extent),
    "virtual_processor": ("virtual_processors", records.VirtualProcessor),
    "processor": ("processors", records.Processor),
    "slot": ("slots", records.Slot),
    "channel": ("channels", records.Channel),
    "channel_end": ("channel_ends", records.ChannelEnd),
    "device": ("devices", records.Device),
    "zone": ("zones", records.Zone),
    "quota": ("quotas", records.Quota),
    "domain": ("domains", records.Domain),
}
FACTS: Final = Read(0, (Query("machine"), Query("block"), *(Query(name) for name in _TABLES)))
"""One request for all of them: they are of one generation."""


def facts_of(answer: Done) -> Facts:
    """Return the facts in an answer to FACTS. Raises ProtocolError."""
    machine, blocks, *tables = answer.values
    found = {
        field: tuple(read_value(rows, list[kind]))  # type: ignore[valid-type]
        for rows, (field, kind) in zip(tables, _TABLES.values(), strict=True)
    }
    free = [
        FrameRange(row.machine_frame, row.frame_count)
        for row in read_value(blocks, list[records.Block])
        if row.state is BlockState.FREE
    ]
    # The database's best fit for one frame: the shortest run, the lowest among equals.
    shortest = min(free, key=lambda run: (run.frame_count, run.machine_frame), default=None)
    return Facts(
        machine=read_value(machine, list[records.Machine])[0],
        free=merge_free(free),
        next_descriptor_frame=None if shortest is None else shortest.machine_frame,
        generation=answer.generation,
        **found,
    )
