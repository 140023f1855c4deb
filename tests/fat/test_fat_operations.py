# SPDX-License-Identifier: GPL-2.0-or-later
"""Files and directories of a volume: each operation by its rule, and any series of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.channels.c_ends import VARIANTS
from tests.fat.c_volume import LARGE_SIZE_BYTES, SMALL_SIZE_BYTES, Status, Volume, c_volume
from tests.fat.volume_judge import judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("a", "b.txt", "Mixed.C", "long8888.ext")
FOLDERS = ("", "/d", "/d/e")
PATHS = [f"{folder}/{name}" for folder in FOLDERS for name in NAMES]


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    with c_volume(tmp_path) as made:
        made.start()
        yield made


def test_a_new_volume_is_empty_and_free(volume: Volume) -> None:
    assert volume.list("/") == {}
    assert volume.number("free") == 5120 - 1 - 32 - 2 * 20
    assert judge(volume.image.read_bytes()).free_clusters == 5047


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 776, 4096, 100_000])
def test_what_was_written_is_read(volume: Volume, size: int) -> None:
    content = bytes(i * 7 % 251 for i in range(size))
    assert volume.write("/a.bin", content) == Status.OK
    assert volume.read("/a.bin") == (Status.OK, content)


@pytest.mark.parametrize("first", [0, 1, 511, 512, 513, 1024])
@pytest.mark.parametrize("second", [0, 1, 511, 512, 700, 2000])
def test_what_was_appended_follows_what_was_there(volume: Volume, first: int, second: int) -> None:
    volume.write("a", b"x" * first)
    assert volume.append("a", b"y" * second) == Status.OK
    assert volume.read("a")[1] == b"x" * first + b"y" * second
    volume.do("sync")
    judged = judge(volume.image.read_bytes())
    assert (judged.faults, judged.lost_clusters) == ([], 0)


def test_append_makes_a_file_that_is_not_there(volume: Volume) -> None:
    assert volume.append("a", b"one") == Status.OK
    assert volume.read("a")[1] == b"one"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("read", "none"), None),
        (("rm", "none"), Status.NOT_FOUND),
        (("rm", "d"), Status.IS_DIRECTORY),
        (("rmdir", "d"), Status.NOT_EMPTY),
        (("rmdir", "f"), Status.NO_DIRECTORY),
        (("rmdir", "/"), Status.NOT_EMPTY),
        (("mkdir", "d"), Status.EXISTS),
        (("mkdir", "f"), Status.EXISTS),
        (("mkdir", "/"), Status.EXISTS),
        (("mkdir", "f/x"), Status.NO_DIRECTORY),
        (("mkdir", "none/x"), Status.NOT_FOUND),
        (("mkdir", "ninechars"), Status.BAD_NAME),
        (("mkdir", "a.long"), Status.BAD_NAME),
        (("mkdir", "a.b.c"), Status.BAD_NAME),
        (("mkdir", "a+b"), Status.BAD_NAME),
        (("mkdir", ".x"), Status.BAD_NAME),
        (("mkdir", "a."), Status.BAD_NAME),
        (("mv", "f", "d"), Status.EXISTS),
        (("mv", "f", "d/f"), Status.OTHER_DIRECTORY),
        (("mv", "none", "x"), Status.NOT_FOUND),
        (("mv", "/", "x"), Status.IS_DIRECTORY),
        (("write", "d", "00"), Status.IS_DIRECTORY),
        (("write", "/", "00"), Status.IS_DIRECTORY),
        (("append", "d/..", "00"), Status.IS_DIRECTORY),
    ],
)
def test_what_cannot_be_done_is_refused(
    volume: Volume, words: tuple[str, ...], status: Status | None
) -> None:
    volume.do("mkdir", "d")
    volume.write("d/x", b"x")
    volume.write("f", b"f")
    before = volume.tree()
    if status is None:
        assert volume.read(words[1]) == (Status.NOT_FOUND, b"")
    else:
        assert volume.do(*words) == status
    assert volume.tree() == before


def test_paths_lead_up_and_stay(volume: Volume) -> None:
    volume.do("mkdir", "d")
    volume.do("mkdir", "d/e")
    volume.write("d/e/../f", b"up")
    assert volume.read("/d/./e/../../d/F")[1] == b"up"
    assert volume.read("/../../d/f")[1] == b"up"


def test_letters_of_either_size_are_the_same_name(volume: Volume) -> None:
    volume.write("Read.me", b"1")
    assert volume.write("READ.ME", b"2") == Status.OK
    assert volume.tree() == {"/READ.me": b"2"}


def test_a_name_changes(volume: Volume) -> None:
    volume.do("mkdir", "d")
    volume.write("d/a", b"x")
    assert volume.do("mv", "d/a", "d/b.c") == Status.OK
    assert volume.do("mv", "d", "dd") == Status.OK
    assert volume.tree() == {"/dd": None, "/dd/b.c": b"x"}


def test_a_full_volume_says_so_and_stays_whole(volume: Volume) -> None:
    volume.write("a", b"a")
    assert volume.write("big", bytes(2_000_000)) == Status.OK
    assert volume.write("more", bytes(1_000_000)) == Status.FULL
    assert volume.append("a", bytes(1_000_000)) == Status.FULL
    assert volume.do("rm", "big") == Status.OK
    assert volume.tree() == {"/a": b"a"}
    assert volume.number("free") == 5046


def test_a_full_root_says_so_and_stays_whole(volume: Volume) -> None:
    statuses = [volume.write(f"f{i}", b"x") for i in range(513)]
    assert statuses == [Status.OK] * 512 + [Status.ROOT_FULL]
    assert volume.number("free") == 5047 - 512


def test_a_directory_grows(volume: Volume) -> None:
    volume.do("mkdir", "d")
    assert {volume.write(f"d/f{i}", b"x") for i in range(200)} == {Status.OK}
    assert len(volume.list("d")) == 200
    assert judge(volume.image.read_bytes()).faults == []


@pytest.mark.parametrize("sectors", [1, 33, 4000, 4151])
def test_a_disk_that_is_too_small_is_refused(tmp_path: Path, sectors: int) -> None:
    with c_volume(tmp_path, sectors * 512) as volume:
        assert volume.do("format", 1) == Status.BAD_SIZE
        assert volume.mount() == (Status.NO_VOLUME, "its first sector has no signature")


def test_the_smallest_disk_has_the_fewest_clusters(tmp_path: Path) -> None:
    with c_volume(tmp_path, 4152 * 512) as volume:
        volume.start()
        assert volume.number("free") == 4085


OPERATION = st.one_of(
    st.tuples(
        st.sampled_from(["write", "append"]), st.sampled_from(PATHS), st.binary(max_size=1500)
    ),
    st.tuples(st.sampled_from(["rm", "rmdir", "mkdir"]), st.sampled_from([*PATHS, "/d", "/d/e"])),
    st.tuples(st.just("mv"), st.sampled_from(PATHS), st.sampled_from(PATHS)),
)


def expected(model: dict[str, bytes | None], operation: tuple[object, ...]) -> bool:
    """Do it to the model; say whether it can be done."""
    kind, path, *rest = operation
    assert isinstance(path, str)
    parent = path.rpartition("/")[0]
    is_directory = path in model and model[path] is None
    if parent and not (parent in model and model[parent] is None):
        return False
    if kind in {"write", "append"}:
        if is_directory:
            return False
        old = model.get(path) or b""
        model[path] = (old if kind == "append" else b"") + rest[0]  # type: ignore[operator]
        return True
    if kind == "mkdir":
        fits = path not in model
        model.setdefault(path, None)
        return fits
    if kind == "mv":
        return _renamed(model, path, str(rest[0]))
    wanted = is_directory if kind == "rmdir" else path in model and not is_directory
    if not wanted or any(other.startswith(path + "/") for other in model):
        return False
    del model[path]
    return True


def _renamed(model: dict[str, bytes | None], path: str, new: str) -> bool:
    if path.rpartition("/")[0] != new.rpartition("/")[0] or path not in model:
        return False
    if new in model and new != path:
        return False
    moved = {one: text for one, text in model.items() if one == path or one.startswith(path + "/")}
    for one in moved:
        del model[one]
    model |= {new + one[len(path) :]: text for one, text in moved.items()}
    return True


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "size_bytes",
    [SMALL_SIZE_BYTES, pytest.param(LARGE_SIZE_BYTES, marks=pytest.mark.slow)],
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(operations=st.lists(OPERATION, max_size=40))
def test_a_volume_is_a_dictionary(
    tmp_path: Path, variant: str, size_bytes: int, operations: list[tuple[object, ...]]
) -> None:
    model: dict[str, bytes | None] = {}
    with c_volume(tmp_path, size_bytes, variant) as volume:
        volume.start()
        for operation in operations:
            words = [w.hex() or "-" if isinstance(w, bytes) else str(w) for w in operation]
            done = volume.do(*words) == Status.OK
            assert done == expected(model, operation), operation
        kept = {spelled(path): text for path, text in model.items()}
        assert volume.tree() == kept
        assert volume.do("sync") == Status.OK
        judged = judge(volume.image.read_bytes())
    assert (judged.tree, judged.faults, judged.lost_clusters) == (kept, [], 0)


def spelled(path: str) -> str:
    """Return a path as a volume shows it: parts with capital letters have no small ones."""
    return path.replace("Mixed", "MIXED")
