# SPDX-License-Identifier: GPL-2.0-or-later
"""Arrows from where an event is sent to where its callback is taken.

Owns which sends lead to a delivery: an event is a bit a port, so that several sends before a
delivery are one flow, and a delivery ends the flows of all ports that are pending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.machine.abi import EVENT_PORT_LIMIT, Hypercall
from ultravisor.machine.interface import TraceKind

if TYPE_CHECKING:
    from ultravisor.machine.records import TraceRecord
    from ultravisor.trace.layout import HostLayout


class EventFlows:
    """The events of a host that were sent and are not delivered yet."""

    def __init__(self, layout: HostLayout) -> None:
        self._layout = layout
        self._pending: dict[int, dict[int, int]] = {}
        self._last = 0

    def sent(self, record: TraceRecord) -> tuple[int, ...]:
        """Return the flow that a call begins or goes on with, if it sent an event."""
        target = self._target(record)
        if target is None:
            return ()
        processor, port = target
        pending = self._pending.setdefault(processor, {})
        if port not in pending:
            self._last += 1
            pending[port] = self._last
        return (pending[port],)

    def delivered(self, virtual_processor: int) -> tuple[int, ...]:
        """Return the flows that end where a virtual processor takes its callback."""
        return tuple(self._pending.pop(virtual_processor, {}).values())

    def _target(self, record: TraceRecord) -> tuple[int, int] | None:
        if record.kind != TraceKind.HYPERCALL or record.result != 0:
            return None
        partition = self._layout.virtual_processors[record.virtual_processor].partition
        if record.number == Hypercall.EVENT_SEND:
            link = self._layout.links.get((partition, record.argument_0))
            if link is None:
                return None
            target, index, port = link
            return self._layout.global_number(target, index), port
        if record.number == Hypercall.EVENT_SEND_PROCESSOR:
            port = record.argument_1 % EVENT_PORT_LIMIT
            return self._layout.global_number(partition, record.argument_0), port
        return None
