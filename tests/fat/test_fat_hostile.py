# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes that lie: refused with a reason, or damaged, and harmless under sanitizers.

The program that holds them ends when the disk is touched beyond its end; the sanitizers watch the
rest, and every command must end.
"""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest

from tests.fat.c_volume import Status, Volume, c_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = 512
ROOT = (1 + 2 * 20) * 512
DATA = ROOT + 32 * 512
SEED_COUNT = 150
COMMANDS = (
    ("list", "/"),
    ("list", "d"),
    ("list", "d/e"),
    ("read", "old"),
    ("read", "d/f3"),
    ("append", "old", "ab" * 2000),
    ("write", "d/new", "cd" * 2000),
    ("write", "d/f3", "cd" * 2000),
    ("mkdir", "d/e/x"),
    ("mv", "d/f3", "d/f4x"),
    ("rm", "old"),
    ("rm", "d/f2"),
    ("rmdir", "d/e"),
    ("rmdir", "d"),
    ("free",),
    ("sync",),
)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    with c_volume(tmp_path) as made:
        made.start()
        made.do("mkdir", "d")
        made.do("mkdir", "d/e")
        for i in range(20):
            made.write(f"d/f{i}", bytes([i]) * 600)
        made.write("old", bytes(range(256)) * 11)
        assert made.do("sync") == Status.OK
        made.do("save")
        yield made


def change(volume: Volume, *changes: tuple[int, bytes]) -> None:
    """Write over the durable image and have the disk show it."""
    with volume.image.open("r+b") as file:
        for place, data in changes:
            file.seek(place)
            file.write(data)
    volume.do("load")


def link(cluster: int, value: int) -> tuple[int, bytes]:
    """Return the change that gives a cluster this link."""
    return TABLE + 2 * cluster, struct.pack("<H", value)


def entry_of(volume: Volume, name: bytes) -> int:
    """Return where the root's entry of a name is in the image."""
    return volume.image.read_bytes().index(name.ljust(11), ROOT)


@pytest.mark.parametrize(
    ("place", "data", "reason"),
    [
        (510, b"\0\0", "its first sector has no signature"),
        (11, b"\0\4", "its sectors are not of 512 bytes"),
        (13, b"\0", "the sectors of a cluster are no power of two"),
        (13, b"\3", "the sectors of a cluster are no power of two"),
        (13, b"\x80", "it has too few or too many clusters for FAT16"),
        (14, b"\0\0", "it has no table of FAT16"),
        (14, b"\xff\xff", "its tables do not fit it"),
        (16, b"\0", "it has no table of FAT16"),
        (16, b"\xff", "its tables do not fit it"),
        (17, b"\0\0", "its root directory does not fill whole sectors"),
        (17, b"\1\0", "its root directory does not fill whole sectors"),
        (17, b"\xf0\xff", "it has too few or too many clusters for FAT16"),
        (19, b"\xff\xff", "it is larger than the disk"),
        (19, b"\1\0", "its tables do not fit it"),
        (19, b"\0\0", "its tables do not fit it"),
        (22, b"\0\0", "it has no table of FAT16"),
        (22, b"\1\0", "its table is too short for its clusters"),
        (22, b"\xff\xff", "its tables do not fit it"),
    ],
)
def test_a_volume_that_cannot_be_is_refused_with_a_reason(
    volume: Volume, place: int, data: bytes, reason: str
) -> None:
    change(volume, (place, data))
    assert volume.mount() == (Status.NO_VOLUME, reason)


def test_a_file_whose_chain_is_too_short_is_damaged(volume: Volume) -> None:
    first = struct.unpack_from("<H", volume.image.read_bytes(), entry_of(volume, b"OLD") + 26)[0]
    change(volume, link(first, 0xFFFF))
    volume.mount()
    status, content = volume.read("old")
    assert (status, len(content)) == (Status.DAMAGED, 512)
    assert volume.append("old", b"x") == Status.DAMAGED


@pytest.mark.parametrize("value", [0, 1, 0xFFF7, 0xFFF0, 2 + 5047])
def test_a_link_that_leads_nowhere_is_damage(volume: Volume, value: int) -> None:
    first = struct.unpack_from("<H", volume.image.read_bytes(), entry_of(volume, b"OLD") + 26)[0]
    change(volume, link(first, value))
    volume.mount()
    assert volume.read("old")[0] == Status.DAMAGED


def test_a_file_that_is_a_loop_has_the_size_it_says(volume: Volume) -> None:
    first = struct.unpack_from("<H", volume.image.read_bytes(), entry_of(volume, b"OLD") + 26)[0]
    change(volume, link(first, first))
    volume.mount()
    assert volume.read("old") == (Status.OK, (bytes(range(256)) * 11)[:512] * 5 + bytes(range(256)))
    assert volume.do("rm", "old") == Status.DAMAGED


def test_a_directory_that_is_a_loop_is_damage(volume: Volume) -> None:
    image = volume.image.read_bytes()
    first = struct.unpack_from("<H", image, entry_of(volume, b"D") + 26)[0]
    change(volume, link(first, first))
    volume.mount()
    assert volume.ask("list", "d").endswith(f" {Status.DAMAGED}")
    assert volume.do("write", "d/none", "00") == Status.DAMAGED


def test_a_directory_that_contains_its_parent_can_be_left(volume: Volume) -> None:
    place = volume.image.read_bytes().index(b"E".ljust(11), DATA)
    first = struct.unpack_from("<H", volume.image.read_bytes(), entry_of(volume, b"D") + 26)[0]
    change(volume, (place + 26, struct.pack("<H", first)))
    volume.mount()
    assert volume.read("d/e/e/e/e/f1")[0] == Status.OK


@pytest.mark.parametrize("seed", range(6))
def test_no_garbage_does_harm(volume: Volume, seed: int) -> None:
    """Bytes and words of the first sector, the table, the root and directories, by a seed."""
    chance = random.Random(seed)
    for _ in range(SEED_COUNT // 6):
        volume.do("restore")
        # The first sector is seldom hit: what is refused there tries out nothing else.
        areas = chance.choices(
            [(0, 64), (TABLE, 300), (ROOT, 256), (DATA, 4096)], [1, 8, 6, 9], k=12
        )
        change(
            volume,
            *(
                (begin + chance.randrange(size), chance.randbytes(chance.choice([1, 2, 4])))
                for begin, size in areas
            ),
        )
        if volume.mount()[0] == Status.OK:
            for words in COMMANDS:
                assert volume.ask(*words)
