# SPDX-License-Identifier: GPL-2.0-or-later
"""The tiered map: best fit, split and merge, descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.resource_examples import MACHINE, add_partition, make_database
from ultravisor.resources.errors import LimitError
from ultravisor.resources.records import (
    Block,
    Descriptor,
    Extent,
    FrameRange,
    MachineDescription,
    Partition,
    Tier,
)
from ultravisor.resources.tables import TABLES

if TYPE_CHECKING:
    from random import Random

Row = tuple[str, int, int, str, int | None]
G = 512 * 512
EMPTY = MachineDescription(frame_count=2 * G + 512 + 3)


def rows(machine: MachineDescription, *sizes: int) -> list[Row]:
    """Return the map after partitions of these sizes were made, one after another."""
    database = make_database(machine=machine)
    for number, frames in enumerate(sizes):
        add_partition(database, f"p{number}", frames=frames)
    return [
        (block.tier, block.machine_frame, block.frame_count, block.state, block.owner)
        for block in database.records(Block)
        if block.state != "split"
    ]


def test_a_new_map_has_the_largest_blocks_that_fit() -> None:
    assert rows(EMPTY) == [
        ("g", 0, 2 * G, "free", None),
        ("k", 2 * G + 512, 3, "free", None),
        ("m", 2 * G, 512, "free", None),
    ]


def test_the_best_fit_is_the_smallest_and_lowest() -> None:
    # The descriptor takes one of the three frames; the partition fits into the 2 MiB block.
    assert rows(EMPTY, 500) == [
        ("g", 0, 2 * G, "free", None),
        ("k", 2 * G, 500, "owned", 1),
        ("k", 2 * G + 500, 12, "free", None),
        ("k", 2 * G + 512, 1, "descriptor", 1),
        ("k", 2 * G + 513, 2, "free", None),
    ]


def test_a_block_is_split_down_to_what_is_needed() -> None:
    # Two blocks of 2 MiB and two frames, from the first block of 1 GiB.
    assert rows(EMPTY, 2 * 512 + 2) == [
        ("g", G, G, "free", None),
        ("k", 1024, 2, "owned", 1),
        ("k", 1026, 510, "free", None),
        ("k", 2 * G + 512, 1, "descriptor", 1),
        ("k", 2 * G + 513, 2, "free", None),
        ("m", 0, 1024, "owned", 1),
        ("m", 1536, G - 1536, "free", None),
        ("m", 2 * G, 512, "free", None),
    ]


def test_whole_blocks_are_not_split() -> None:
    assert ("g", 0, G, "owned", 1) in rows(EMPTY, G)


def test_what_fits_nowhere_is_taken_in_pieces_the_largest_first() -> None:
    database = make_database(machine=EMPTY)
    add_partition(database, "a", frames=2 * G + 512 + 1)
    extents = database.records_of(Extent, 1)
    # The third run lies behind the second one, and continues it.
    assert [(e.guest_frame, e.machine_frame, e.frame_count) for e in extents] == [
        (0, 0, 2 * G + 512),
        (2 * G + 512, 2 * G + 513, 1),
    ]


def test_pieces_are_bounded() -> None:
    reserved = tuple(FrameRange(frame, 1) for frame in range(16, 48, 2))
    machine = msgspec.structs.replace(MACHINE, frame_count=48, reserved=reserved)
    database = make_database(machine=machine)
    # The only long run goes; what is left are single frames.
    add_partition(database, "a", frames=16)
    with pytest.raises(LimitError, match="5 frames in at most 4 runs cannot be had"):
        add_partition(database, "b", frames=5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_released_memory_merges_back_to_the_first_map(sizes: list[int], random: Random) -> None:
    database = make_database(machine=EMPTY)
    before = [row for row in database.dump() if row[0] == "block"]
    numbers = [add_partition(database, f"p{n}", frames=size) for n, size in enumerate(sizes)]
    random.shuffle(numbers)
    for number in numbers:
        transaction = database.begin("command")
        transaction.destroy_partition(number)
        transaction.commit()
    version = TABLES["block"].columns.index("version")
    after = [row for row in database.dump() if row[0] == "block"]
    assert [row[1][:version] for row in after] == [row[1][:version] for row in before]


@given(st.integers(0, 511), st.integers(0, 511), st.integers(0, 511))
def test_a_descriptor_is_a_place_in_the_map(g: int, m: int, k: int) -> None:
    descriptor = Descriptor(g, m, k)
    assert Descriptor.of_frame(descriptor.frame) == descriptor
    assert descriptor.frame == (g * 512 + m) * 512 + k
    assert str(descriptor) == f"[{g},{m},{k}]"


def test_a_partition_is_named_by_its_descriptor() -> None:
    database = make_database(machine=EMPTY)
    add_partition(database, "a")
    assert database.get(Partition, 1).descriptor == (2, 1, 0)


def test_tiers_are_512_times_each_other() -> None:
    assert [tier.frame_count for tier in Tier] == [512 * 512, 512, 1]
