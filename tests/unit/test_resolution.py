# SPDX-License-Identifier: GPL-2.0-or-later
"""From names on the command line to a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from ultravisor import resolution
from ultravisor.errors import ConfigurationError, NotFoundError, UsageError
from ultravisor.resolution import (
    bundled_names,
    find_image,
    monitor_image,
    policy_paths,
    resolve,
)

PAIR = """
[[partition]]
name = "left"
image = "some"
[[partition]]
name = "right"
image = "some"
[[link]]
from = "left:8"
to = "right:9:0"
[[input]]
partition = "right"
text = "x"
"""
SLOTS = """
[[slot]]
processor = 0
partition = "left"
[[slot]]
processor = 0
partition = "right"
"""


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of bundled files: image `some`, image and configuration `pair`, the monitor."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in ("some.elf", "pair.elf", "monitor.elf"):
        (folder / name).write_bytes(b"\x7fELF")
    (folder / "pair.toml").write_text(PAIR)
    monkeypatch.setattr(resolution, "BUNDLED", folder)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.usefixtures("bundle")
def test_a_bundled_image_is_found_by_name() -> None:
    (partition,) = resolve(["some"]).partition
    assert (partition.name, partition.image) == ("some", "some")


@pytest.mark.usefixtures("bundle")
def test_a_bundled_configuration_goes_before_an_image_of_its_name() -> None:
    assert [row.name for row in resolve(["pair"]).partition] == ["left", "right"]


@pytest.mark.usefixtures("bundle")
def test_a_file_goes_before_what_is_bundled(tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes(b"\x7fELF")
    assert find_image(resolve(["some"]).partition[0].image).resolve() == tmp_path / "some"


@pytest.mark.usefixtures("bundle")
def test_a_file_that_ends_in_toml_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(PAIR)
    assert len(resolve(["host.toml"]).partition) == 2


@pytest.mark.usefixtures("bundle")
def test_names_become_unique() -> None:
    names = [row.name for row in resolve(["some", "pair", "some", "some", "pair"]).partition]
    assert names == ["some", "left", "right", "some-2", "some-3", "left-2", "right-2"]


@pytest.mark.usefixtures("bundle")
def test_links_inputs_and_slots_follow_renamed_partitions(tmp_path: Path) -> None:
    (tmp_path / "slots.toml").write_text(PAIR + SLOTS)
    configuration = resolve(["slots.toml", "slots.toml"])
    assert [(row.from_, row.to) for row in configuration.link] == [
        ("left:8", "right:9:0"),
        ("left-2:8", "right-2:9:0"),
    ]
    assert [row.partition for row in configuration.input] == ["right", "right-2"]
    assert [row.partition for row in configuration.slot] == ["left", "right", "left-2", "right-2"]


@pytest.mark.usefixtures("bundle")
def test_a_name_is_made_of_a_file_name(tmp_path: Path) -> None:
    path = tmp_path / ("-my guest:1" + "x" * 40 + ".elf")
    path.write_bytes(b"\x7fELF")
    names = [row.name for row in resolve([str(path), str(path)]).partition]
    assert names[0] == ("my_guest_1" + "x" * 40)[:31]
    assert names[1] == names[0][:29] + "-2"


@pytest.mark.usefixtures("bundle")
def test_settings_replace_those_of_the_configuration() -> None:
    configuration = resolve(["pair"], seed=9, monitor="simulated", processors=None)
    assert (configuration.host.seed, configuration.host.monitor) == (9, "simulated")


@pytest.mark.usefixtures("bundle")
def test_images_are_spread_over_the_processors_asked_for() -> None:
    configuration = resolve(["some", "some", "some"], processors=2)
    assert [configuration.processors_of(index) for index in range(3)] == [(0,), (1,), (0,)]


@pytest.mark.usefixtures("bundle")
def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="Expected `int` >= 1"):
        resolve(["some"], processors=0)
    with pytest.raises(UsageError, match="no setting colour"):
        resolve(["some"], colour=1)
    with pytest.raises(ConfigurationError, match="99 is not a multiple of 2"):
        resolve(["some"], memory_mib=99)


@pytest.mark.usefixtures("bundle")
def test_an_unknown_name_is_not_found_with_a_suggestion() -> None:
    with pytest.raises(NotFoundError, match="sone: no such file") as caught:
        resolve(["sone"])
    assert caught.value.hint == "did you mean `some`?"
    with pytest.raises(NotFoundError) as caught:
        resolve(["zzz"])
    assert caught.value.hint == "bundled: pair, some"


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("name", ["monitor", "./some", "../bundle/absent.elf", "some.elf", ""])
def test_what_is_no_bundled_name_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError):
        resolve([name])


@pytest.mark.usefixtures("bundle")
def test_a_folder_is_not_bootable(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is a directory"):
        resolve([str(tmp_path)])


def test_nothing_to_boot_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="nothing to boot"):
        resolve([])


@pytest.mark.usefixtures("bundle")
def test_two_configurations_must_agree_on_the_host(tmp_path: Path) -> None:
    for number in (1, 2):
        text = f"[host]\nseed = {number}\n{PAIR}"
        (tmp_path / f"{number}.toml").write_text(text)
    with pytest.raises(UsageError, match=r"set \[host\] differently"):
        resolve(["1.toml", "2.toml"])
    assert resolve(["1.toml", "pair"]).host.seed == 1


def test_the_monitor_is_no_guest(bundle: Path) -> None:
    assert bundled_names(".elf") == ["pair", "some"]
    assert monitor_image() == bundle / "monitor.elf"
    (bundle / "monitor.elf").unlink()
    with pytest.raises(NotFoundError, match="the simulated monitor's image is not installed"):
        monitor_image()


@pytest.mark.guest
def test_every_bundled_configuration_resolves() -> None:
    names = bundled_names(".toml")
    assert {"demo", "pingpong", "smp"} <= set(names)
    for name in names:
        for partition in resolve([name]).partition:
            assert find_image(partition.image).is_file()


def test_a_policy_is_a_file_or_else_a_bundled_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolution, "BUNDLED", tmp_path)
    bundled = tmp_path / "system.policy.toml"
    bundled.write_text("", encoding="utf-8")
    other = tmp_path / "other.toml"
    assert policy_paths(["system", other, "absent"]) == [bundled, other, Path("absent")]
    assert bundled_names(".toml") == []
