# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's FAT against ours, both ways: mtools and dosfstools where they are, and pyfatfs."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from pyfatfs.PyFat import PyFat

from tests.fat.c_volume import LARGE_SIZE_BYTES, SMALL_SIZE_BYTES, Status, Volume, c_volume

if TYPE_CHECKING:
    from pathlib import Path

PATH = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
SIZES = (SMALL_SIZE_BYTES, LARGE_SIZE_BYTES)
FILES = {
    "/empty": b"",
    "/one.txt": b"1",
    "/d/sector.bin": bytes(range(256)) * 2,
    "/d/e/large.bin": bytes(i * 13 % 253 for i in range(70_001)),
}


def tool(*words: str) -> str:
    """Run a tool, or skip the test where there is none."""
    path = shutil.which(words[0], path=PATH)
    if path is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run([path, *words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def write_all(volume: Volume) -> None:
    """Make a volume with the files, some of them in a roundabout way."""
    volume.start()
    for directory in ("d", "d/e", "gone"):
        assert volume.do("mkdir", directory) == Status.OK
    for path, content in FILES.items():
        assert volume.write(path, b"replaced" * 200) == Status.OK
        assert volume.write(path, content[:700]) == Status.OK
        assert volume.append(path, content[700:]) == Status.OK
    volume.write("gone/x", bytes(3000))
    assert volume.do("rm", "gone/x") == Status.OK
    assert volume.do("rmdir", "gone") == Status.OK
    assert volume.do("mkdir", "before") == Status.OK
    assert volume.do("mv", "before", "after") == Status.OK
    assert volume.do("sync") == Status.OK


@pytest.mark.parametrize("size_bytes", SIZES)
def test_a_checker_finds_nothing_wrong_with_our_volume(tmp_path: Path, size_bytes: int) -> None:
    with c_volume(tmp_path, size_bytes) as volume:
        write_all(volume)
        tool("fsck.fat", "-n", "-V", str(volume.image))


@pytest.mark.parametrize("size_bytes", SIZES)
def test_mtools_reads_what_we_wrote(tmp_path: Path, size_bytes: int) -> None:
    with c_volume(tmp_path, size_bytes) as volume:
        write_all(volume)
        for path, content in FILES.items():
            target = tmp_path / "out"
            tool("mcopy", "-n", "-o", "-i", str(volume.image), f"::{path}", str(target))
            assert target.read_bytes() == content, path
        listed = tool("mdir", "-b", "-i", str(volume.image), "::/")
        assert sorted(listed.split()) == ["::/after/", "::/d/", "::/empty", "::/one.txt"]


@pytest.mark.parametrize("cluster_sectors", [1, 2, 4])
def test_we_read_what_mtools_wrote(tmp_path: Path, cluster_sectors: int) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(24 << 19))
    tool("mkfs.fat", "-F", "16", "-s", str(cluster_sectors), "-n", "LABEL", str(image))
    tool("mmd", "-i", str(image), "::/d", "::/d/e")
    source = tmp_path / "in"
    for path, content in FILES.items():
        source.write_bytes(content)
        tool("mcopy", "-i", str(image), str(source), f"::{path}")
    source.write_bytes(b"passed over, but there under its short name")
    tool("mcopy", "-i", str(image), str(source), "::/a long name.text")
    with c_volume(tmp_path) as volume:
        assert volume.mount() == (Status.OK, "")
        tree = volume.tree()
        assert tree.pop("/ALONGN~1.TEX") == source.read_bytes()
        assert tree == {**FILES, "/d": None, "/d/e": None}
        assert volume.append("/d/e/large.bin", b"more") == Status.OK
        assert volume.write("/d/new", b"new") == Status.OK
        assert volume.do("sync") == Status.OK
        tool("fsck.fat", "-n", str(image))
        tool("mcopy", "-n", "-o", "-i", str(image), "::/d/e/large.bin", str(source))
        assert source.read_bytes() == FILES["/d/e/large.bin"] + b"more"


def library(image: Path) -> Any:
    """Open an image by the library."""
    volume = PyFat()
    volume.open(str(image), read_only=True)
    return volume


@pytest.mark.parametrize("size_bytes", SIZES)
def test_the_library_reads_what_we_wrote(tmp_path: Path, size_bytes: int) -> None:
    with c_volume(tmp_path, size_bytes) as volume:
        write_all(volume)
        other = library(volume.image)
        assert other.fat_type == PyFat.FAT_TYPE_FAT16
        for path, content in FILES.items():
            entry = other.root_dir.get_entry(path.upper())
            assert entry.filesize == len(content)
            chain = other.get_cluster_chain(entry.get_cluster()) if content else ()
            read = b"".join(other.read_cluster_contents(cluster) for cluster in chain)
            assert read[: len(content)] == content, path
        other.close()


def test_we_use_what_the_library_made(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(16 << 20))
    made = PyFat()
    made.mkfs(str(image), PyFat.FAT_TYPE_FAT16, 16 << 20, label="LIBRARY")
    made.close()
    with c_volume(tmp_path) as volume:
        assert volume.mount() == (Status.OK, "")
        assert volume.list("/") == {}
        assert volume.do("mkdir", "d") == Status.OK
        assert volume.write("d/f", b"ours" * 1000) == Status.OK
        assert volume.do("sync") == Status.OK
        other = library(image)
        entry = other.root_dir.get_entry("D/F")
        read = b"".join(
            other.read_cluster_contents(c) for c in other.get_cluster_chain(entry.get_cluster())
        )
        assert read[:4000] == b"ours" * 1000
        other.close()
