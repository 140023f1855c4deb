# SPDX-License-Identifier: GPL-2.0-or-later
"""A program's channels by what they are for.

Owns following the residence: a channel that is introduced gets a link, one that is taken away loses
it. Called by command, operations and boot in each turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from ultravisor.partitions.channel_types import TYPE_COMMAND, TYPE_LOADER, TYPE_OPERATIONS
from ultravisor.partitions.message_link import MessageLink, SavedLink

if TYPE_CHECKING:
    from ultravisor.machine.hosted import HostedTurn
    from ultravisor.partitions.residence import Residence

TYPES = (TYPE_COMMAND, TYPE_LOADER, TYPE_OPERATIONS)


class SavedLinks(Struct, frozen=True):
    """All links, by type, each with the serial of its channel."""

    links: dict[UUID, tuple[int, SavedLink]]


class LinkTable:
    """The links of one program."""

    def __init__(self) -> None:
        """Begin with none."""
        self._links: dict[UUID, MessageLink] = {}
        self._serials: dict[UUID, int] = {}
        self._restored: dict[UUID, tuple[int, SavedLink]] = {}

    def get(self, kind: UUID) -> MessageLink | None:
        """Return the link of a type."""
        return self._links.get(kind)

    def attend(self, turn: HostedTurn, residence: Residence) -> set[UUID]:
        """Begin a turn: follow the residence; return the types whose links are new."""
        new = set()
        for kind in TYPES:
            grant = residence.grant(kind)
            link = self._links.get(kind)
            if grant is None:
                self._links.pop(kind, None)
                self._restored.pop(kind, None)
                continue
            known = self._serials.get(kind)
            if link is None or link.place != grant.place or known != grant.serial:
                link = MessageLink(grant.place, turn)
                self._serials[kind] = grant.serial
                serial, saved = self._restored.pop(kind, (None, None))
                if saved is not None and serial == grant.serial:
                    link.restore(saved)
                else:
                    new.add(kind)
                self._links[kind] = link
            link.attend(turn)
        return new

    def flush(self, turn: HostedTurn) -> bool:
        """End a turn: send what there is room for; say whether all is sent."""
        sent = [link.flush(turn) for link in self._links.values()]
        return all(sent)

    def save(self) -> SavedLinks:
        """Return what must be known to go on."""
        links = {kind: (self._serials[kind], link.save()) for kind, link in self._links.items()}
        return SavedLinks({**self._restored, **links})

    def load(self, saved: SavedLinks) -> None:
        """Go on from what was saved."""
        self._links = {}
        self._restored = dict(saved.links)
