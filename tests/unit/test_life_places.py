# SPDX-License-Identifier: GPL-2.0-or-later
"""Where living hosts are found, and whom their folder trusts."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from ultravisor.errors import NotFoundError, UsageError
from ultravisor.life.places import (
    find_place,
    is_living,
    living_places,
    make_folder,
    place_named,
    runtime_folder,
    take_lock,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return make_folder()


def test_the_folder_is_its_users_alone(folder: Path, tmp_path: Path) -> None:
    assert folder == tmp_path / "ultravisor"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_runtime_folder_it_lies_among_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_folder() == Path(tempfile.gettempdir()) / f"ultravisor-{os.getuid()}"


def test_a_folder_that_others_can_reach_is_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with pytest.raises(UsageError, match="others than you can reach it"):
        make_folder()


def test_a_link_in_the_folders_place_is_refused(folder: Path, tmp_path: Path) -> None:
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        make_folder()


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "a b", "x" * 32, "a\nb"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a host"):
        place_named(name)


def test_a_path_that_no_socket_takes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(UsageError, match="too long a path"):
        place_named("host")


def test_a_host_lives_as_long_as_its_lock_is_held() -> None:
    place = place_named("one")
    assert not is_living(place)
    number = take_lock(place)
    assert number is not None
    assert is_living(place)
    assert [row.name for row in living_places()] == ["one"]
    os.close(number)
    assert not is_living(place)


def test_a_name_is_taken_once() -> None:
    first = take_lock(place_named("one"))
    assert first is not None
    assert take_lock(place_named("one")) is None
    os.close(first)


def test_the_only_host_is_found_without_a_name() -> None:
    with pytest.raises(NotFoundError, match="no host lives"):
        find_place(None)
    first = take_lock(place_named("one"))
    assert first is not None
    assert find_place(None).name == "one"
    second = take_lock(place_named("two"))
    assert second is not None
    with pytest.raises(UsageError, match="several hosts live: one, two"):
        find_place(None)
    assert find_place("two").name == "two"
    with pytest.raises(NotFoundError, match="no host named `three` lives"):
        find_place("three")
    os.close(first)
    os.close(second)
