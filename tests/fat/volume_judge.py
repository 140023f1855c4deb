# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads FAT16 images by the published layout, and finds what is wrong with them.

Shares nothing with the guests' code: it is what that is judged by where no other tool is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SECTOR = 512
END = 0xFFF8
DIRECTORY = 0x10
LABEL = 0x08


@dataclass
class Judgement:
    """What an image holds."""

    tree: dict[str, bytes | None] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lost_clusters: int = 0
    free_clusters: int = 0


class _Reader:
    def __init__(self, image: bytes) -> None:
        self.found = Judgement()
        size, per_cluster, reserved, tables, roots, sectors = struct.unpack_from(
            "<HBHBHH", image, 11
        )
        table_sectors = struct.unpack_from("<H", image, 22)[0]
        sectors = sectors or struct.unpack_from("<I", image, 32)[0]
        assert size == SECTOR
        assert image[510:512] == b"\x55\xaa"
        root = reserved + tables * table_sectors
        self.image = image
        self.data = root + roots * 32 // SECTOR
        self.cluster_bytes = per_cluster * SECTOR
        self.count = (sectors - self.data) // per_cluster
        self.links = struct.unpack_from(f"<{self.count + 2}H", image, reserved * SECTOR)
        self.owner: dict[int, str] = {}
        self.walk("", image[root * SECTOR : self.data * SECTOR])
        used = sum(link != 0 for link in self.links[2:])
        self.found.free_clusters = self.count - used
        self.found.lost_clusters = used - sum(self.links[cluster] != 0 for cluster in self.owner)

    def chain(self, first: int, path: str, limit: int) -> bytes:
        """Return what the chain holds, at most so many clusters of it."""
        content, cluster = b"", first
        for _ in range(limit):
            if not 2 <= cluster < self.count + 2:
                self.found.faults.append(f"{path}: its chain leads to {cluster:#x}")
                break
            if cluster in self.owner:
                self.found.faults.append(f"{path}: cluster {cluster} is {self.owner[cluster]}'s")
                break
            if self.links[cluster] == 0:
                self.found.faults.append(f"{path}: cluster {cluster} is free")
            self.owner[cluster] = path
            begin = self.data * SECTOR + (cluster - 2) * self.cluster_bytes
            content += self.image[begin : begin + self.cluster_bytes]
            if self.links[cluster] >= END:
                break
            cluster = self.links[cluster]
        return content

    def walk(self, path: str, directory: bytes) -> None:
        """Take all entries of a directory, and of those below."""
        names = set[bytes]()
        for place in range(0, len(directory), 32):
            raw = directory[place : place + 32]
            if raw[0] == 0:
                break
            if raw[0] == 0xE5 or raw[11] & LABEL or raw[:1] == b".":
                continue
            if raw[:11] in names:
                self.found.faults.append(f"{path}: {raw[:11]!r} is there twice")
            names.add(raw[:11])
            self.entry(path, raw)

    def entry(self, path: str, raw: bytes) -> None:
        """Take one entry."""
        base, extension = raw[:8].rstrip().decode("latin-1"), raw[8:11].rstrip().decode("latin-1")
        base = base.lower() if raw[12] & 0x08 else base
        extension = extension.lower() if raw[12] & 0x10 else extension
        whole = f"{path}/{base}.{extension}" if extension else f"{path}/{base}"
        first, size = struct.unpack_from("<HI", raw, 26)
        if raw[11] & DIRECTORY:
            self.found.tree[whole] = None
            self.walk(whole, self.chain(first, whole, self.count))
            return
        content = self.chain(first, whole, -(-size // self.cluster_bytes)) if size else b""
        if len(content) < size:
            self.found.faults.append(f"{whole}: its chain is too short")
        self.found.tree[whole] = content[:size]


def judge(image: bytes) -> Judgement:
    """Return what an image holds and what is wrong with it."""
    return _Reader(image).found
