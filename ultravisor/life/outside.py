# SPDX-License-Identifier: GPL-2.0-or-later
"""The outside of a living host: which TAP interface each of its switches is joined to.

Owns the way of frames between the two, and what becomes of a switch whose interface is lost: the
host lives on, and the switch has nobody behind its port. Called by the loop that runs a host, once
before each piece of the run. It must not know sockets of clients, or what is in a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.errors import SnapshotError, UltravisorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ultravisor.life.living_host import LivingHost
    from ultravisor.life.tap import Tap

HINT = "ultravisor up FILE --tap lan=tap0"


class OutsideRow(Struct, frozen=True):
    """A switch that is joined to an interface, and what has gone by that way."""

    switch: str
    interface: str
    state: str
    """`joined`, or why it no longer is."""
    entered_frames: int
    left_frames: int
    lost_frames: int
    """Those that were no frames of 14 to 1514 bytes, or for which the interface had no room."""


class _Wire:
    """What is behind the port of one switch."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.failure = ""
        self.entered_frames = 0
        self.left_frames = 0

    def row(self, switch: str) -> OutsideRow:
        return OutsideRow(
            switch,
            self.tap.name,
            self.failure or "joined",
            self.entered_frames,
            self.left_frames,
            self.tap.lost_count,
        )


def parse_joins(texts: Sequence[str]) -> dict[str, str]:
    """Read `SWITCH=NAME`, each switch and each interface once; raise UsageError."""
    joins: dict[str, str] = {}
    for text in texts:
        switch, equals, name = text.partition("=")
        if not (switch and equals and name):
            raise UsageError(f"`{text}` is no switch and an interface", f"write: {HINT}")
        if switch in joins:
            raise UsageError(f"switch `{switch}` is joined twice", "one --tap a switch")
        if name in joins.values():
            message = f"TAP interface {name} is named twice"
            raise UsageError(message, "give each switch an interface of its own")
        joins[switch] = name
    return joins


def require_joins(what: str, outsides: Sequence[str], joins: Mapping[str, str]) -> None:
    """Refuse a saved host whose switches are not joined as they were; raise SnapshotError.

    What its guests talk with would be gone without a word, or come where there is no port.
    """
    missing = [switch for switch in outsides if switch not in joins]
    if missing:
        names = ", ".join(f"`{switch}`" for switch in missing)
        hint = "join it again: " + " ".join(f"--tap {switch}=NAME" for switch in missing)
        message = f"{what}: saved with switch {names} joined to the outside"
        raise SnapshotError(message, hint)
    for switch in joins:
        if switch not in outsides:
            message = f"{what}: saved without a port to the outside at switch `{switch}`"
            raise SnapshotError(message, "leave --tap out, or bring the host up anew with it")


class Outside:
    """The interfaces of one host; whoever opened them closes them."""

    def __init__(
        self,
        host: LivingHost,
        taps: Mapping[str, Tap],
        on_loss: Callable[[str, str], None],
    ) -> None:
        """Join switches, by name, to interfaces.

        `on_loss` is told the switch and why, when an interface is gone.
        """
        self._host = host
        self._wires = {switch: _Wire(tap) for switch, tap in taps.items()}
        self._on_loss = on_loss
        host.on_frame = self._leave

    @property
    def descriptors(self) -> list[int]:
        """Return what can be waited for while the host rests."""
        return [wire.tap.fileno() for wire in self._wires.values() if not wire.failure]

    def rows(self) -> tuple[OutsideRow, ...]:
        """Return a row for each switch that was joined."""
        return tuple(wire.row(switch) for switch, wire in self._wires.items())

    def enter(self) -> None:
        """Let in what has come, as input of the piece that is about to be run.

        An interface gives a bounded number of frames; what comes faster waits in the interface's
        own queue, and is lost there.
        """
        for switch, wire in self._wires.items():
            if wire.failure:
                continue
            try:
                frames = wire.tap.read()
            except UltravisorError as failure:
                self._lose(switch, failure)
                continue
            for frame in frames:
                self._host.frame(switch, frame)
            wire.entered_frames += len(frames)

    def _leave(self, switch: str, frame: bytes) -> None:
        wire = self._wires.get(switch)
        if wire is None or wire.failure:
            return
        try:
            wire.left_frames += wire.tap.write(frame)
        except UltravisorError as failure:
            self._lose(switch, failure)

    def _lose(self, switch: str, failure: UltravisorError) -> None:
        wire = self._wires[switch]
        wire.failure = failure.message
        wire.tap.close()
        self._on_loss(switch, failure.message)
