# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes, maps and links of a host, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.elf_builder import Elf, Program, note
from ultravisor.configuration_reader import parse_configuration
from ultravisor.errors import ConfigurationError, ImageError, NotFoundError
from ultravisor.machine.abi import Right
from ultravisor.plan import MIB, HostPlan, PlannedLink, PlannedSlot, make_plan

if TYPE_CHECKING:
    from pathlib import Path


def plan_of(folder: Path, text: str, image: bytes | None = None) -> HostPlan:
    (folder / "guest.elf").write_bytes(Elf().build() if image is None else image)
    return make_plan(parse_configuration(text, "host.toml", folder))


def partition(name: str, extra: str = "") -> str:
    return f'[[partition]]\nname = "{name}"\nimage = "guest.elf"\n{extra}'


def test_memory_comes_from_the_note(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, partition("a"), Elf(note=note(memory=3 * MIB + 1)).build())
    assert plan.partitions[0].memory_size_bytes == 4 * MIB
    assert plan.memory_size_bytes == 64 * MIB


def test_the_configuration_goes_before_the_note(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, partition("a", "memory_mib = 70\n"))
    assert plan.partitions[0].memory_size_bytes == 70 * MIB
    assert plan.memory_size_bytes == 128 * MIB


def test_a_default_where_nobody_says_how_much(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, partition("a"), Elf(note=note(memory=0)).build())
    assert plan.partitions[0].memory_size_bytes == 8 * MIB


def test_too_much_memory_is_refused(tmp_path: Path) -> None:
    text = "[host]\nmemory_mib = 64\n" + partition("a", "memory_mib = 64\n")
    with pytest.raises(ConfigurationError, match=r"need 64 MiB.*the host has 64 MiB"):
        plan_of(tmp_path, text)
    with pytest.raises(ConfigurationError, match=r"need 8192 MiB.*the host has 8192 MiB"):
        plan_of(tmp_path, partition("a", "memory_mib = 8192\n"))


def test_an_image_larger_than_its_partition_is_refused(tmp_path: Path) -> None:
    image = Elf([Program(memory_size=2 * MIB)]).build()
    with pytest.raises(ConfigurationError, match=r"partition `a`: .*needs 2097152 bytes"):
        plan_of(tmp_path, partition("a", "memory_mib = 1\n"), image)


def test_each_virtual_processor_has_a_slot(tmp_path: Path) -> None:
    text = partition("a", "processors = [0, 1]\nquantum_cycles = 50\n") + partition("b")
    assert plan_of(tmp_path, text).slots == (
        PlannedSlot(0, 0, 0, 50, False),
        PlannedSlot(1, 0, 1, 50, False),
        PlannedSlot(1, 1, 0, 100_000, False),
    )


def test_slots_given_replace_a_whole_map(tmp_path: Path) -> None:
    text = (
        partition("a", "processors = [0]\n")
        + partition("b", "processors = [1]\n")
        + '[[slot]]\nprocessor = 0\npartition = "a"\nquantum_cycles = 20\ndonates = true\n' * 2
    )
    assert plan_of(tmp_path, text).slots == (
        PlannedSlot(0, 0, 0, 20, True),
        PlannedSlot(0, 0, 0, 20, True),
        PlannedSlot(1, 1, 0, 100_000, False),
    )


def test_links_go_both_ways(tmp_path: Path) -> None:
    text = partition("a") + partition("b", "processors = [0, 0]\n")
    link = '[[link]]\nfrom = "a:8"\nto = "b:9:1"\n'
    there, back = PlannedLink(0, 8, 1, 9, 1), PlannedLink(1, 9, 0, 8, 0)
    assert plan_of(tmp_path, text + link).links == (there, back)
    assert plan_of(tmp_path, text + link + "both = false\n").links == (there,)


def test_rights_become_bits(tmp_path: Path) -> None:
    text = partition("a", 'rights = ["console", "trace"]\n') + partition("b", "rights = []\n")
    plan = plan_of(tmp_path, text + partition("c"))
    rights = [row.rights for row in plan.partitions]
    assert rights == [Right.CONSOLE | Right.TRACE, Right.NONE, Right.ALL]


def test_an_image_is_read_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, partition("a") + partition("b"))
    assert plan.partitions[0].image is plan.partitions[1].image
    assert plan.index("b") == 1
    with pytest.raises(KeyError):
        plan.index("c")


def test_a_wrong_image_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"guest\.elf: offset 0x0: not an ELF image"):
        plan_of(tmp_path, partition("a"), b"text")
    with pytest.raises(NotFoundError, match="absent: no such file"):
        plan_of(tmp_path, partition("a").replace("guest.elf", "absent"))


@pytest.mark.guest
def test_the_simulated_monitor_is_read(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, '[host]\nmonitor = "simulated"\n' + partition("a"))
    assert plan.monitor is not None
    assert len(plan.monitor.data) > 4096
    assert plan_of(tmp_path, partition("a")).monitor is None
