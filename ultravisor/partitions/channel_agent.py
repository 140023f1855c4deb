# SPDX-License-Identifier: GPL-2.0-or-later
"""The channel agent: where a channel lies, and what it is called at each of its ends.

Owns the choice of frames, guest-physical places and event ports, a pure function of the facts. A
channel lies behind everything that its partition has, so that it never covers memory. Called by the
planner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ultravisor.machine.abi import EVENT_PORT_LIMIT, PORT_LINK_FIRST
from ultravisor.partitions.decisions import Reason
from ultravisor.partitions.memory_agent import choose_run
from ultravisor.resources.records import FrameRange

if TYPE_CHECKING:
    from collections.abc import Iterable

CLIENT_SIDE = 0
SERVER_SIDE = 1
POLLED = 0
"""The port of an end without events: it looks by itself."""
CONTROL_PORT = PORT_LINK_FIRST
"""The event port of every partition's own end of its control channel."""


class NoPortError(Exception):
    """All event ports of a partition that links may use are taken."""

    def __init__(self, sentence: str) -> None:
        """Keep the sentence that the asker is told."""
        super().__init__(sentence)
        self.sentence = sentence


class EndPlace(Struct, frozen=True):
    """What a partition has already, as far as an end of a channel must avoid it."""

    partition: int
    end_guest_frame: int
    """The first guest frame behind its memory and its channels."""
    ports: frozenset[int] = frozenset()


class EndChoice(Struct, frozen=True):
    """One end of a channel."""

    partition: int
    side: int
    guest_frame: int
    port: int


class ChannelChoice(Struct, frozen=True):
    """The frames and both ends: the client's, the server's."""

    frames: FrameRange
    client: EndChoice
    server: EndChoice
    reason: Reason


def choose_channel(
    free: tuple[FrameRange, ...], frame_count: int, client: EndPlace, server: EndPlace, name: str
) -> ChannelChoice:
    """Choose frames, places and ports; raise NoMemoryError or NoPortError."""
    return _choice(
        free, frame_count, (client, free_port(client)), (server, free_port(server)), name
    )


def choose_control_channel(
    free: tuple[FrameRange, ...], frame_count: int, client: EndPlace, server: EndPlace, name: str
) -> ChannelChoice:
    """Choose as for any channel; a server that has no port left polls: its end has none."""
    try:
        port = free_port(server)
    except NoPortError:
        port = POLLED
    own = CONTROL_PORT if port != POLLED else POLLED
    return _choice(free, frame_count, (client, own), (server, port), name)


def _choice(
    free: tuple[FrameRange, ...],
    frame_count: int,
    client: tuple[EndPlace, int],
    server: tuple[EndPlace, int],
    name: str,
) -> ChannelChoice:
    chosen = choose_run(free, frame_count, f"channel `{name}`")
    first, second = (
        EndChoice(place.partition, side, place.end_guest_frame, port)
        for side, (place, port) in ((CLIENT_SIDE, client), (SERVER_SIDE, server))
    )
    (frames,) = chosen.ranges
    places = " and ".join(
        f"partition {end.partition} at guest frame {end.guest_frame:#x}, "
        + (f"port {end.port}" if end.port else "polled")
        for end in (first, second)
    )
    sentence = f"{chosen.reason.sentence}; {places}"
    return ChannelChoice(frames, first, second, Reason("channel", chosen.reason.rule, sentence))


def free_port(place: EndPlace) -> int:
    """Return the lowest event port of a partition that is free; raise NoPortError."""
    # The first is kept for the control channel, which a partition knows without being told.
    for port in range(CONTROL_PORT + 1, EVENT_PORT_LIMIT):
        if port not in place.ports:
            return port
    raise NoPortError(f"partition {place.partition}: all {EVENT_PORT_LIMIT} event ports are taken")


def end_of(places: Iterable[tuple[int, int]]) -> int:
    """Return the first guest frame behind all of `(guest_frame, frame_count)`."""
    return max((first + count for first, count in places), default=0)
