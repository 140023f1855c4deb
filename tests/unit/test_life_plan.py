# SPDX-License-Identifier: GPL-2.0-or-later
"""From files to a host that can live: which domains, how much memory, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ultravisor.errors import ConfigurationError, NotFoundError, UsageError
from ultravisor.life.inheritance import Inheritance
from ultravisor.life.life_plan import absolute_image, plan_life
from ultravisor.partitions.definitions import Domain
from ultravisor.resolution import BUNDLED

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """
[[domain]]
name = "web"
image = "hello"
memory_mib = 100
zone = "front"

[[zone]]
name = "front"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def configured(folder: Path, text: str) -> list[str]:
    """Return a configuration file as `up` is given it."""
    path = folder / "host.toml"
    path.write_text('[[partition]]\nname = "a"\nimage = "hello"\n' + text, encoding="utf-8")
    return [str(path)]


def test_an_image_becomes_a_domain_and_the_machine_has_no_partitions() -> None:
    plan = plan_life(["hello"], [], {})
    (domain,) = plan.policy.policy.domain
    assert (domain.name, domain.image, domain.processors) == ("hello", "hello", 1)
    assert (plan.machine.partitions, plan.machine.slots, plan.machine.links) == ((), (), ())


def test_domains_of_a_policy_come_before_those_of_files(policy: Path) -> None:
    plan = plan_life(["hello", "duo"], [policy], {})
    assert [row.name for row in plan.policy.policy.domain] == ["web", "hello", "duo"]


@pytest.mark.parametrize(
    ("asked_mib", "whole_mib"),
    # 64 for the infrastructure and 448 to spare, up to a whole number of 64.
    [(None, 576), (64, 576), (65, 640), (8000, 8192)],
)
def test_memory_is_what_domains_ask_for_and_some_to_spare(
    tmp_path: Path, asked_mib: int | None, whole_mib: int
) -> None:
    path = tmp_path / "p.toml"
    memory = "" if asked_mib is None else f"memory_mib = {asked_mib}\n"
    path.write_text(f'[[domain]]\nname = "a"\nimage = "hello"\n{memory}', encoding="utf-8")
    plan = plan_life([], [path], {})
    assert plan.machine.memory_size_bytes == whole_mib << 20


def test_memory_that_is_given_is_taken(policy: Path) -> None:
    plan = plan_life([], [policy], {"memory_mib": 192})
    assert plan.machine.memory_size_bytes == 192 << 20


def test_a_name_that_is_defined_twice_is_refused(policy: Path, tmp_path: Path) -> None:
    files = configured(tmp_path, '[[partition]]\nname = "web"\nimage = "hello"\n')
    with pytest.raises(ConfigurationError) as refused:
        plan_life(files, [policy], {})
    assert refused.value.message == f"domain `web` is defined by a policy and by {files[0]}"
    assert refused.value.hint == "rename one of them"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("slot", '[[slot]]\nprocessor = 0\npartition = "a"\n'),
        ("link", '[[link]]\nfrom = "a:8"\nto = "a:9"\n'),
        ("input", '[[input]]\npartition = "a"\nat_cycles = 5\ntext = "x"\n'),
    ],
)
def test_what_only_boot_takes_is_refused(tmp_path: Path, table: str, text: str) -> None:
    files = configured(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        plan_life(files, [], {})
    assert refused.value.message == f"{files[0]}: a living host takes no [[{table}]]"
    assert refused.value.hint


def test_an_image_that_a_policy_names_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('\n[[domain]]\nname = "a"\nimage = "nonsuch"\n', encoding="utf-8")
    with pytest.raises(NotFoundError) as refused:
        plan_life([], [path], {})
    assert refused.value.message.startswith(f"domain[0] at {path}:2: `a`: nonsuch")


def test_what_is_defined_anew_is_not_inherited(policy: Path) -> None:
    old = tuple(Domain(name=name, image="duo", memory_mib=128) for name in ("web", "kept"))
    plan = plan_life([], [policy], {}, Inheritance(old, source="x.journal", generation=9))
    assert plan.inheritance == Inheritance(old[1:], source="x.journal", generation=9)
    # 64 + 448 + 100 of `web` + 128 of `kept`, up to a whole number of 64.
    assert plan.machine.memory_size_bytes == 768 << 20


def test_a_bundled_image_keeps_its_name_and_another_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.elf").write_bytes((BUNDLED / "hello.elf").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert absolute_image("hello") == "hello"
    assert absolute_image("own.elf") == str(tmp_path / "own.elf")


def test_a_simulated_monitor_is_part_of_the_machine(policy: Path) -> None:
    assert plan_life([], [policy], {}).machine.monitor is None
    assert plan_life([], [policy], {"monitor": "simulated"}).machine.monitor is not None
