# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios are found by what a person names, and their notes are read and checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit import scenario_images as images
from tests.unit import tiny_guests as tiny
from ultravisor.errors import ImageError, NotFoundError, UsageError
from ultravisor.machine.abi import STRUCTURES, StopReason
from ultravisor.testing.scenario import (
    bundled_sets,
    find_images,
    find_scenarios,
    read_scenario,
    scenario_name,
)


def test_a_note_is_read(tmp_path: Path) -> None:
    note = images.scenario_note(b"It is stopped.", stop=2, vector=14)
    scenario = read_scenario(images.write(tmp_path, "stops_64", tiny.leave(), scenario=note))
    assert scenario.sentence == "It is stopped."
    assert (scenario.expected_stop, scenario.expected_vector) == (StopReason.UNHANDLED_TRAP, 14)
    assert scenario.expectation == "stop: unhandled_trap, vector 14"
    assert (scenario.width, Path(scenario.name).name) == (64, "stops")


def test_an_image_without_a_note_ends_with_a_verdict(tmp_path: Path) -> None:
    scenario = read_scenario(Path(tiny.write(tmp_path, "plain", tiny.leave())))
    assert (scenario.sentence, scenario.expectation) == ("", "a verdict")


def test_the_tests_know_the_note_as_the_contract_does() -> None:
    fields = {field.name: field.offset for field in STRUCTURES["scenario_note"].fields}
    assert fields == {
        "abi_version": 0,
        "expected_stop": 4,
        "expected_vector": 8,
        "reserved0": 12,
        "sentence": 16,
    }
    assert STRUCTURES["scenario_note"].size_bytes == 16 + images.SENTENCE_LIMIT


def test_a_sentence_has_a_limit(tmp_path: Path) -> None:
    longest = images.scenario_note(b"x" * (images.SENTENCE_LIMIT - 1))
    scenario = read_scenario(images.write(tmp_path, "a", tiny.leave(), scenario=longest))
    assert scenario.sentence == "x" * (images.SENTENCE_LIMIT - 1)
    endless = images.scenario_note(b"x" * images.SENTENCE_LIMIT)
    path = images.write(tmp_path, "b", tiny.leave(), scenario=endless)
    with pytest.raises(ImageError, match="the scenario's sentence has no end"):
        read_scenario(path)


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (
            images.scenario_note(abi_version=9),
            "the scenario is made for contract version 9; this is version 1",
        ),
        (images.scenario_note(stop=1), "no stop that can be expected has the number 1"),
        (images.scenario_note(stop=10), "no stop that can be expected has the number 10"),
        (images.scenario_note(vector=32), "no trap has the vector 32"),
        (images.scenario_note(b"x" * 132), "the scenario's note has 148 bytes, not 144"),
    ],
)
def test_a_wrong_note_is_refused_with_its_place(tmp_path: Path, note: bytes, words: str) -> None:
    path = images.write(tmp_path, "wrong", tiny.leave(), scenario=note)
    with pytest.raises(ImageError, match=rf"wrong\.elf: offset 0x[0-9a-f]+: {words}") as caught:
        read_scenario(path)
    assert caught.value.hint


def test_a_note_of_another_type_is_none_of_ours(tmp_path: Path) -> None:
    note = images.scenario_note(kind=3)
    assert (
        read_scenario(images.write(tmp_path, "other", tiny.leave(), scenario=note)).sentence == ""
    )


def test_a_folder_stands_for_all_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b_64", "a_32", "deep/c"):
        images.write(tmp_path / "set", name, tiny.leave())
    (tmp_path / "set" / "readme.txt").write_text("not an image")
    monkeypatch.chdir(tmp_path)
    assert [row.name for row in find_scenarios(["set"])] == ["set/a", "set/b", "set/deep/c"]


def test_what_is_named_twice_is_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.write(tmp_path / "set", "a", tiny.leave())
    images.write(tmp_path / "set", "b", tiny.leave())
    monkeypatch.chdir(tmp_path)
    found = find_scenarios(["set/b.elf", "set", "set/a.elf"])
    assert [row.name for row in found] == ["set/b", "set/a"]


@pytest.mark.guest
def test_a_bundled_set_and_one_of_its_scenarios_have_names() -> None:
    assert "example" in bundled_sets()
    names = {scenario_name(path) for path in find_images("example")}
    assert {"example/stopped", "example/traps", "example/version"} <= names
    assert {scenario_name(path) for path in find_images("example/traps")} == {"example/traps"}
    assert {scenario_name(path) for path in find_images("hello")} == {"hello"}


@pytest.mark.guest
def test_a_folder_without_images_does_not_hide_a_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "example").mkdir()
    monkeypatch.chdir(tmp_path)
    assert {scenario_name(path) for path in find_images("example")} >= {"example/version"}


def test_the_monitor_is_no_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError):
        find_images("monitor")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("exampel", "did you mean `example`?"),
        ("monitor_", ""),
        ("../images", ""),
        ("zzzz", "sets: "),
    ],
)
def test_what_is_not_there_is_told(name: str, hint: str) -> None:
    with pytest.raises(NotFoundError, match="no such file") as caught:
        find_scenarios([name])
    assert hint in caught.value.hint


def test_an_empty_folder_and_nothing_at_all_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no image is there"):
        find_scenarios([str(tmp_path)])
    with pytest.raises(UsageError, match="nothing to test"):
        find_scenarios([])
