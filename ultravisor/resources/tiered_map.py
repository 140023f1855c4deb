# SPDX-License-Identifier: GPL-2.0-or-later
"""The tiered map of machine memory: who has which block, with split, merge and best fit.

Owns the table `block`. Tiers are 1 GiB, 2 MiB and 4 KiB; an index page has 2^9 entries. A
row stands for a run of entries of one page that say the same, so that a page costs what its
contents do and not 512 rows. The form is canonical: neighbours that say the same are one
row, and a page that is free as a whole is gone again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.resources.errors import LimitError, OwnershipError
from ultravisor.resources.records import (
    BLOCKS_A_PAGE,
    Block,
    BlockState,
    FrameRange,
    Tier,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.resources.store import Store

_LOWER = {Tier.G: Tier.M, Tier.M: Tier.K}
_HIGHER = {Tier.M: Tier.G, Tier.K: Tier.M}
_FRAMES = {tier: tier.frame_count for tier in Tier}

# The leaf rows that overlap [?1, ?2).
_LEAVES = (
    "state <> 'split' AND machine_frame + frame_count > ?1 AND machine_frame < ?2 "
    "AND machine_frame >= coalesce((SELECT max(machine_frame) FROM block "
    "WHERE state <> 'split' AND machine_frame <= ?1), 0) "
    "ORDER BY machine_frame"
)
_FIT = "state = 'free' AND frame_count >= ? ORDER BY frame_count, machine_frame LIMIT 1"
_LARGEST = "state = 'free' ORDER BY frame_count DESC, machine_frame LIMIT 1"
_BEFORE = "tier = ? AND machine_frame < ? ORDER BY machine_frame DESC LIMIT 1"

Holder = tuple[BlockState, int | None]
"""What a block's entry says: its state and owner."""
FREE: Holder = (BlockState.FREE, None)


def format_map(store: Store, frame_count: int) -> None:
    """Write the map of a machine whose frames are all free."""
    first = 0
    for tier in Tier:
        size = _FRAMES[tier]
        end = frame_count // size * size
        for run in _page_runs(tier, first, end):
            store.insert(Block(tier, run.machine_frame, run.frame_count, *FREE, 0))
        if end < frame_count:
            store.insert(Block(tier, end, size, BlockState.SPLIT, None, 0))
        else:
            return
        first = end


def _page_runs(tier: Tier, first: int, end: int) -> Iterator[FrameRange]:
    """Cut [first, end) where a page of this tier ends."""
    page = _FRAMES[tier] * BLOCKS_A_PAGE
    while first < end:
        last = min(end, (first // page + 1) * page)
        yield FrameRange(first, last - first)
        first = last


def allocate(store: Store, frame_count: int, holder: Holder, runs: int) -> list[FrameRange]:
    """Take free frames for a holder: at most `runs` runs, the best fit of each.

    The smallest free run that is large enough is taken, the lowest among equals; where none
    is, the largest is taken whole and the rest looked for again. Raises LimitError.
    """
    taken: list[FrameRange] = []
    missing = frame_count
    while missing:
        found = store.select(Block, _FIT, missing) or store.select(Block, _LARGEST)
        if not found or len(taken) == runs:
            free = (
                store.value("SELECT coalesce(sum(frame_count), 0) FROM block WHERE state = 'free'")
                + frame_count
                - missing
            )
            raise LimitError(
                f"table block: {frame_count} frames in at most {runs} runs cannot be had; "
                f"{free} frames are free",
                "free-memory",
            )
        count = min(missing, found[0].frame_count)
        taken.append(FrameRange(found[0].machine_frame, count))
        assign(store, taken[-1], FREE, holder)
        missing -= count
    return taken


def assign(store: Store, run: FrameRange, before: Holder, after: Holder) -> None:
    """Hand a run from one holder to another; raise OwnershipError where it is not the first's."""
    first, end = run.machine_frame, run.machine_frame + run.frame_count
    rows = store.select(Block, _LEAVES, first, end)
    edit = _Edit(store)
    position = first
    for row in rows:
        if (row.state, row.owner) != before:
            raise OwnershipError(
                f"table block: frames {max(first, row.machine_frame)} and on are "
                f"{_said(row.state, row.owner)}, not {_said(*before)}",
                "one-owner",
            )
        position = min(end, row.machine_frame + row.frame_count)
        edit.drop(row)
        edit.carve(row.tier, row, max(first, row.machine_frame), position, after)
    if position != end or not rows or first < 0:
        raise OwnershipError(
            f"table block: frames {first} to {end} are not all of this machine", "one-owner"
        )
    edit.merge()
    edit.write()


def _said(state: BlockState, owner: int | None) -> str:
    return str(state) if owner is None else f"{state} by {owner}"


class _Edit:
    """Rows of the map that are to go and to come, merged before they are written."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.old: dict[tuple[Tier, int], Block] = {}
        self.new: dict[tuple[Tier, int], Block] = {}

    def drop(self, row: Block) -> None:
        """Take a row out, be it one of the table or of this edit."""
        key = (row.tier, row.machine_frame)
        if self.new.pop(key, None) is None:
            self.old[key] = row

    def put(self, tier: Tier, first: int, end: int, holder: Holder) -> None:
        """Put a run in; nothing when it is empty."""
        if first < end:
            self.new[tier, first] = Block(tier, first, end - first, *holder, 0)

    def carve(self, tier: Tier, row: Block, first: int, end: int, after: Holder) -> None:
        """Write a row again, with [first, end) for another holder; split what is cut."""
        self._carve(
            tier,
            (row.machine_frame, row.machine_frame + row.frame_count),
            (first, end),
            (row.state, row.owner),
            after,
        )

    def _carve(
        self, tier: Tier, whole: tuple[int, int], part: tuple[int, int], old: Holder, new: Holder
    ) -> None:
        size = _FRAMES[tier]
        first, end = part
        position = first - first % size
        self.put(tier, whole[0], position, old)
        if first % size:
            self._split(tier, position, (first, min(end, position + size)), old, new)
            position += size
        full = end - end % size
        self.put(tier, position, full, new)
        position = max(position, full)
        if position < end:
            self._split(tier, position, (position, end), old, new)
            position += size
        self.put(tier, position, whole[1], old)

    def _split(
        self, tier: Tier, block: int, part: tuple[int, int], old: Holder, new: Holder
    ) -> None:
        """Make an index page of one block, and carve there."""
        size = _FRAMES[tier]
        self.put(tier, block, block + size, (BlockState.SPLIT, None))
        self._carve(_LOWER[tier], (block, block + size), part, old, new)

    def merge(self) -> None:
        """Join neighbours that say the same; give up pages that are free as a whole."""
        work = sorted(self.new, key=lambda key: key[1])
        while work:
            row = self.new.get(work.pop())
            if row is None or row.state is BlockState.SPLIT:
                continue
            row = self._joined(row)
            if row.state is BlockState.FREE and row.tier in _HIGHER:
                higher = _HIGHER[row.tier]
                if row.frame_count == _FRAMES[higher]:
                    work.append(self._collapse(higher, row))

    def _joined(self, row: Block) -> Block:
        """Return the row with its neighbours in it."""
        start, end = row.machine_frame, row.machine_frame + row.frame_count
        for other in (self._ending_at(row.tier, start), self._starting_at(row.tier, end)):
            if other is not None and self._alike(row, other):
                self.drop(row)
                self.drop(other)
                start = min(start, other.machine_frame)
                end = max(end, other.machine_frame + other.frame_count)
                self.put(row.tier, start, end, (row.state, row.owner))
                row = self.new[row.tier, start]
        return row

    @staticmethod
    def _alike(row: Block, other: Block) -> bool:
        page = _FRAMES[row.tier] * BLOCKS_A_PAGE
        return (
            row.state is other.state
            and row.owner == other.owner
            and row.machine_frame // page == other.machine_frame // page
        )

    def _collapse(self, higher: Tier, row: Block) -> tuple[Tier, int]:
        """Replace a page by its block, free; return the block's key."""
        first = row.machine_frame
        split = self._starting_at(higher, first)
        assert split is not None, "a page without its entry"
        self.drop(row)
        self.drop(split)
        self.put(higher, first, first + _FRAMES[higher], FREE)
        return (higher, first)

    def _starting_at(self, tier: Tier, frame: int) -> Block | None:
        found = self.new.get((tier, frame))
        if found is None and (tier, frame) not in self.old:
            found = self.store.get(Block, tier, frame)
        return found

    def _ending_at(self, tier: Tier, frame: int) -> Block | None:
        for row in self.new.values():
            if row.tier is tier and row.machine_frame + row.frame_count == frame:
                return row
        for row in self.store.select(Block, _BEFORE, tier, frame):
            gone = (tier, row.machine_frame) in self.old
            if not gone and row.machine_frame + row.frame_count == frame:
                return row
        return None

    def write(self) -> None:
        """Write the difference."""
        for key, row in self.old.items():
            if key not in self.new:
                self.store.delete(row)
        for key, row in self.new.items():
            before = self.old.get(key)
            if before is None:
                self.store.insert(row)
            elif (before.frame_count, before.state, before.owner) != (
                row.frame_count,
                row.state,
                row.owner,
            ):
                self.store.update(
                    before, frame_count=row.frame_count, state=row.state, owner=row.owner
                )
