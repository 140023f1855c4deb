# SPDX-License-Identifier: GPL-2.0-or-later
"""A crash at each sector that an operation writes: the volume is as before, or as afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fat.c_volume import LARGE_SIZE_BYTES, SMALL_SIZE_BYTES, Status, Volume, c_volume
from tests.fat.volume_judge import judge

if TYPE_CHECKING:
    from pathlib import Path

OPERATIONS = {
    "new file": ("write", "new.txt", "ab" * 3000),
    "new file in a full directory": ("write", "d/new.txt", "ab" * 3000),
    "replaced": ("write", "old", "cd" * 2500),
    "emptied": ("write", "old", "-"),
    "appended in its cluster": ("append", "old", "ef" * 10),
    "appended beyond": ("append", "old", "ef" * 3000),
    "appended at a cluster's end": ("append", "even", "ef" * 20),
    "removed": ("rm", "old"),
    "directory made": ("mkdir", "x"),
    "directory made in a full one": ("mkdir", "d/x"),
    "directory removed": ("rmdir", "e"),
    "name changed": ("mv", "old", "older"),
}
SEEDS = 3


def prepare(volume: Volume) -> None:
    """Leave a volume with something in it, all of it durable."""
    volume.start()
    volume.do("mkdir", "d")
    volume.do("mkdir", "e")
    for i in range(14):  # with `.` and `..` its sector is full
        volume.write(f"d/f{i}", b"x")
    volume.write("even", b"e" * 4096)
    volume.write("old", bytes(range(256)) * 11)
    assert volume.do("sync") == Status.OK
    volume.do("save")


@pytest.mark.parametrize(
    "size_bytes",
    [SMALL_SIZE_BYTES, pytest.param(LARGE_SIZE_BYTES, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_leaves_a_volume_as_it_was_or_as_it_is_to_be(
    tmp_path: Path, name: str, size_bytes: int
) -> None:
    words = OPERATIONS[name]
    with c_volume(tmp_path, size_bytes, "plain") as volume:
        prepare(volume)
        before = volume.tree()
        first = volume.number("writes")
        assert volume.do(*words) == Status.OK
        count = volume.number("writes") - first
        after = volume.tree()
        assert before != after
        seen = []
        for die in range(count + 1):
            for seed in range(SEEDS if die < count else 5 * SEEDS):
                volume.do("restore")
                assert volume.mount()[0] == Status.OK
                volume.do("die", die)
                done = volume.do(*words)
                # Dead at the last write is too late for what comes before it.
                assert done in {Status.OK, Status.DISK_FAILED}
                volume.do("crash", die * 1000 + seed)
                assert volume.mount()[0] == Status.OK
                judged = judge(volume.image.read_bytes())
                assert judged.faults == []
                assert judged.tree in (before, after)
                assert volume.tree() == judged.tree
                seen.append(judged.tree == after)
    assert any(seen)
    assert not all(seen)


def test_what_is_lost_in_a_crash_is_at_most_what_was_being_written(tmp_path: Path) -> None:
    with c_volume(tmp_path, variant="plain") as volume:
        prepare(volume)
        lost = set[int]()
        for die in range(40):
            volume.do("restore")
            volume.mount()
            volume.do("die", die)
            volume.write("old", bytes(8192))
            volume.do("crash", die)
            lost.add(judge(volume.image.read_bytes()).lost_clusters)
    assert max(lost) <= 16
    assert len(lost) > 1


@pytest.mark.parametrize("seed", range(8))
def test_what_was_synchronised_survives_a_series_of_operations_that_is_cut(
    tmp_path: Path, seed: int
) -> None:
    """Each crash goes on where the last one left the volume; what is lost stays lost."""
    series = [*OPERATIONS.values(), ("rm", "even"), ("write", "d/f3", "77" * 900)]
    with c_volume(tmp_path, variant="plain") as volume:
        prepare(volume)
        volume.write("kept", b"kept" * 500)
        assert volume.do("sync") == Status.OK
        for turn in range(20):
            volume.do("die", 5 + seed * 7 + turn * 3)
            for words in series[turn % 5 :]:
                volume.do(*words)
            volume.do("crash", seed * 100 + turn)
            assert volume.mount()[0] == Status.OK
            judged = judge(volume.image.read_bytes())
            assert judged.faults == []
            assert judged.tree["/kept"] == b"kept" * 500
            assert volume.tree() == judged.tree
