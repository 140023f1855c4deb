# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of the database's records that follows its commits by their changes.

Owns the copy and the ways to ask it that view_rows needs, so that a publication costs what changed
and not what there is. Knows neither the view nor the database.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from ultravisor.resources.records import ChannelEnd, Device, Link, Slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ultravisor.resources.changes import Change
    from ultravisor.resources.records import Channel, Extent, Partition, VirtualProcessor

Key = tuple[int | str, ...]
TABLES: Final = (
    "partition",
    "extent",
    "virtual_processor",
    "slot",
    "channel",
    "channel_end",
    "link",
    "device",
)

_INDEXED: Final = ("slot", "channel_end", "link", "device")
"""Tables whose records are also found by what they name."""


class RecordMirror:
    """Records by table, by the first column of their key, by their key."""

    def __init__(self) -> None:
        """Begin empty, as a new database is."""
        self._tables: dict[str, dict[Any, dict[Key, Any]]] = {
            table: defaultdict(dict) for table in TABLES
        }
        self._channels_of: defaultdict[int, set[int]] = defaultdict(set)
        self._links_of: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)
        self._devices_of: defaultdict[int, set[int]] = defaultdict(set)
        self._processors_of: defaultdict[int, defaultdict[int, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        self._touched: dict[str, set[Key]] = {}

    def apply(self, changes: Iterable[Change]) -> dict[str, set[int]]:
        """Take in changes in their order; return what was touched, by the keys' first columns."""
        self._touched = {table: set() for table in TABLES}
        # What several commits changed is taken in once, as the last one left it.
        before: dict[tuple[str, Key], Any] = {}
        after: dict[tuple[str, Key], Any] = {}
        for change in changes:
            place = (change.table, change.key)
            before.setdefault(place, change.before)
            after[place] = change.after
        for (name, key), record in after.items():
            if name in self._tables:
                self._touched[name].add(key)
                self._take(name, key, before[name, key], record)
        return {
            table: {key[0] for key in keys if isinstance(key[0], int)}
            for table, keys in self._touched.items()
        }

    def _take(self, name: str, key: Key, before: object, after: object) -> None:
        """Take in what one record has become."""
        if name in _INDEXED:
            self._index(before, -1)
            self._index(after, 1)
        group = self._tables[name][key[0]]
        if after is None:
            group.pop(key, None)
        else:
            group[key] = after

    def keys_touched(self, table: str) -> set[Key]:
        """Return the whole keys that the last changes touched."""
        return self._touched[table]

    def _index(self, record: object, sign: int) -> None:
        """Keep who is at the ends of channels and links, and on which processors slots are."""
        match record:
            case ChannelEnd():
                _move(self._channels_of[record.partition], record.channel, sign)
            case Link():
                key = (record.partition, record.port)
                for number in (record.partition, record.target_partition):
                    _move(self._links_of[number], key, sign)
            case Device() if record.owner is not None:
                _move(self._devices_of[record.owner], record.id, sign)
            case Slot():
                self._processors_of[record.partition][record.processor] += sign

    def partition(self, number: int) -> Partition | None:
        """Return a partition's record."""
        found: Partition | None = self._tables["partition"][number].get((number,))
        return found

    def extents(self, number: int) -> list[Extent]:
        """Return a partition's extents by guest frame."""
        return _sorted(self._tables["extent"][number])

    def virtual_processors(self, number: int) -> list[VirtualProcessor]:
        """Return a partition's virtual processors by index."""
        return _sorted(self._tables["virtual_processor"][number])

    def virtual_processor(self, number: int, index: int) -> VirtualProcessor | None:
        """Return one of a partition's virtual processors."""
        group = self._tables["virtual_processor"][number]
        found: VirtualProcessor | None = group.get((number, index))
        return found

    def slots(self, processor: int) -> list[Slot]:
        """Return a processor's slots by position."""
        return _sorted(self._tables["slot"][processor])

    def channel(self, channel: int) -> Channel | None:
        """Return a channel's record."""
        found: Channel | None = self._tables["channel"][channel].get((channel,))
        return found

    def ends(self, channel: int) -> list[ChannelEnd]:
        """Return a channel's ends: the client's, the server's."""
        return _sorted(self._tables["channel_end"][channel])

    def link(self, key: tuple[int, int]) -> Link | None:
        """Return a link's record."""
        found: Link | None = self._tables["link"][key[0]].get(key)
        return found

    def channels_of(self, number: int) -> set[int]:
        """Return the channels with an end at a partition."""
        return self._channels_of[number]

    def devices_of(self, number: int) -> list[Device]:
        """Return a partition's devices by id."""
        return [self._tables["device"][key][key,] for key in sorted(self._devices_of[number])]

    def device(self, device: int) -> Device | None:
        """Return a device's record."""
        found: Device | None = self._tables["device"][device].get((device,))
        return found

    def links_of(self, number: int) -> set[tuple[int, int]]:
        """Return the keys of links from or to a partition."""
        return self._links_of[number]

    def processors_of(self, number: int) -> set[int]:
        """Return the processors whose maps have slots of a partition."""
        return {key for key, count in self._processors_of[number].items() if count > 0}


def _move(keys: set[Any], key: Any, sign: int) -> None:
    if sign > 0:
        keys.add(key)
    else:
        keys.discard(key)


def _sorted(group: dict[Key, Any]) -> list[Any]:
    return [group[key] for key in sorted(group)]
