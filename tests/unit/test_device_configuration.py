# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices of a configuration: defaults, the exact words for what is wrong, and the host's files."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor.cli import run
from ultravisor.configuration import Configuration, DeviceConfiguration
from ultravisor.configuration_reader import load_configuration, parse_configuration
from ultravisor.device_check import SWITCH_PORT_LIMIT, check_host_files
from ultravisor.errors import ConfigurationError, RecordError, UsageError
from ultravisor.life.life_plan import plan_life
from ultravisor.life.life_record import origin_of, plan_of, repeatable
from ultravisor.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def table(name: str, kind: str, *lines: str) -> str:
    return "\n".join(("[[device]]", f'name = "{name}"', f'kind = "{kind}"', *lines, ""))


DISK = table("disk0", "block", "size_mib = 4")
NETWORK = table("net0", "network")
CONSOLE = table("line0", "console")


def devices(text: str) -> Configuration:
    return parse_configuration(text, "host.toml")


def test_a_disk_and_a_network_have_two_ports_and_a_console_has_one() -> None:
    found = devices(DISK + NETWORK + CONSOLE)
    assert found.device_names == ("disk0.0", "disk0.1", "net0.0", "net0.1", "line0.0")
    assert found.device[0] == DeviceConfiguration(name="disk0", kind="block", size_mib=4)
    assert {row.latency_cycles for row in found.device} == {10_000}
    assert found.device[1].switch_name == "lan"


def test_an_address_is_made_of_the_name_or_given() -> None:
    (made,) = devices(NETWORK).device
    (other,) = devices(table("net1", "network")).device
    (given,) = devices(table("net0", "network", 'address = "02:00:00:00:00:0A"')).device
    assert made.address_bytes.hex(":") == "02:94:04:ee:a3:25"
    assert other.address_bytes[0] == 2
    assert other.address_bytes != made.address_bytes
    assert given.address_bytes == bytes([2, 0, 0, 0, 0, 10])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            table("disk0", "block"),
            "host.toml:1: device[0].size_mib: `disk0` has neither a file nor a size",
        ),
        (
            table("disk0", "block", "size_mib = 1", "read_only = true"),
            "host.toml:5: device[0].read_only: a disk in memory that nobody writes has nothing in "
            "it",
        ),
        (
            NETWORK + table("line0", "console", "ports = 2"),
            "host.toml:7: device[1].ports: a console has one port",
        ),
        (
            table("net0", "network", "size_mib = 1"),
            "host.toml:4: device[0].size_mib: `net0` is no block",
        ),
        (
            table("disk0", "block", "size_mib = 1", 'pcap = "x.pcap"'),
            "host.toml:5: device[0].pcap: `disk0` is no network",
        ),
        (
            DISK + DISK,
            "host.toml:6: device[1].name: `disk0` and `disk0` make two of the name `disk0`",
        ),
        (
            DISK + table("disk0.1", "console"),
            "host.toml:6: device[1].name: `disk0` and `disk0.1` make two of the name `disk0.1`",
        ),
        (
            table("net0", "network", 'address = "03:00:00:00:00:01"'),
            "host.toml:4: device[0].address: 03:00:00:00:00:01 is the address of a group",
        ),
        (
            table("net0", "network", 'address = "02:00:00:00:00:01"')
            + table("net1", "network", 'address = "02:00:00:00:00:01"'),
            "host.toml:8: device[1].address: `net0` has the address 02:00:00:00:00:01 already",
        ),
        (
            table("net0", "network", 'pcap = "a.pcap"')
            + table("net1", "network", 'pcap = "b.pcap"'),
            "host.toml:8: device[1].pcap: switch `lan` writes a.pcap already",
        ),
        (
            table("disk0", "block", 'file = "a"') + table("disk1", "block", 'file = "a"'),
            "host.toml:8: device[1].file: a is the file of `disk0` already",
        ),
        (
            table("disk0", "block", 'file = "a"') + table("net0", "network", 'pcap = "a"'),
            "host.toml:8: device[1].pcap: a is the file of `disk0` already",
        ),
        (
            "".join(table(f"net{index}", "network") for index in range(9)),
            "host.toml:25: device[8].switch: switch `lan` gets 18 ports; it has 16",
        ),
        (
            "".join(table(f"d{index}", "block", "size_mib = 1") for index in range(33)),
            "host.toml:129: device[32].ports: 66 devices; the limit is 64",
        ),
        (
            table("disk0", "floppy"),
            "host.toml:3: device[0].kind: invalid enum value 'floppy'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_key(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        devices(text)
    assert caught.value.message == message


def test_two_networks_on_one_switch_may_name_its_capture_twice() -> None:
    text = "".join(table(name, "network", 'pcap = "a.pcap"') for name in ("net0", "net1"))
    assert [row.pcap for row in devices(text).device] == ["a.pcap", "a.pcap"]


def test_a_switch_has_the_ports_of_the_machine() -> None:
    count = SWITCH_PORT_LIMIT // 2
    text = "".join(table(f"net{index}", "network") for index in range(count))
    assert len(devices(text).device_names) == SWITCH_PORT_LIMIT


def test_files_are_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(
        table("disk0", "block", 'file = "disk.img"') + table("n", "network", 'pcap = "n.pcap"')
    )
    disk, network = load_configuration(tmp_path / "host.toml").device
    assert (disk.file, network.pcap) == (str(tmp_path / "disk.img"), str(tmp_path / "n.pcap"))


def disk(path: Path, **settings: Any) -> tuple[DeviceConfiguration, ...]:
    return (DeviceConfiguration(name="disk0", kind="block", file=str(path), **settings),)


def test_an_existing_file_has_its_own_size_and_a_missing_one_is_made_of_a_size(
    tmp_path: Path,
) -> None:
    (tmp_path / "disk.img").write_bytes(bytes(3 * 512))
    check_host_files(disk(tmp_path / "disk.img"))
    check_host_files(disk(tmp_path / "disk.img", read_only=True))
    check_host_files(disk(tmp_path / "new.img", size_mib=1))
    assert not (tmp_path / "new.img").exists()


@pytest.mark.parametrize(
    ("settings", "size_bytes", "message"),
    [
        ({}, None, "no such file"),
        ({"size_mib": 1, "read_only": True}, None, "no such file"),
        ({}, 0, "0 bytes are no whole number of sectors"),
        ({}, 513, "513 bytes are no whole number of sectors"),
        ({"size_mib": 1}, 512, "has 512 bytes, and size_mib says 1 MiB"),
        ({"size_mib": 1}, 2 * MIB, "has 2097152 bytes, and size_mib says 1 MiB"),
    ],
)
def test_a_file_that_is_no_such_disk_is_refused(
    tmp_path: Path, settings: dict[str, Any], size_bytes: int | None, message: str
) -> None:
    path = tmp_path / "disk.img"
    if size_bytes is not None:
        path.write_bytes(bytes(size_bytes))
    with pytest.raises(ConfigurationError) as caught:
        check_host_files(disk(path, **settings))
    assert caught.value.message == f"device[0] `disk0`: file {path}: {message}"
    assert caught.value.hint or message == "may not be read"


def test_a_folder_is_no_disk(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a directory"):
        check_host_files(disk(tmp_path))


def test_a_new_file_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        check_host_files(disk(tmp_path / "none" / "disk.img", size_mib=1))


def test_a_file_that_may_not_be_written_is_refused_unless_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(512))
    # The superuser may write everything: what `access` says is what is looked at.
    monkeypatch.setattr(os, "access", lambda _path, mode: mode == os.R_OK)
    with pytest.raises(ConfigurationError) as caught:
        check_host_files(disk(path))
    assert caught.value.message == f"device[0] `disk0`: file {path}: may not be written"
    assert caught.value.hint == "read_only = true makes it a disk that guests only read"
    check_host_files(disk(path, read_only=True))


def test_one_file_under_two_names_is_refused(tmp_path: Path) -> None:
    path, link = tmp_path / "disk.img", tmp_path / "again.img"
    path.write_bytes(bytes(512))
    link.symlink_to(path)
    rows = tuple(
        DeviceConfiguration(name=name, kind="block", file=str(file))
        for name, file in (("disk0", path), ("disk1", link))
    )
    with pytest.raises(ConfigurationError) as caught:
        check_host_files(rows)
    assert caught.value.message == (f"device `disk1`: {link} is the same file as {path} of `disk0`")


def test_a_host_that_boots_has_no_devices() -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(devices(DISK))
    assert caught.value.message == "[[device]] `disk0`: a host that boots has no devices"
    assert caught.value.hint == "a living host has: `ultravisor up` takes the same file"


def test_a_living_host_is_planned_with_its_devices_and_no_partition(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(DISK + NETWORK)
    plan = plan_life([str(tmp_path / "host.toml")], [], {})
    assert plan.machine.configuration.device_names == ("disk0.0", "disk0.1", "net0.0", "net0.1")
    assert plan_of(origin_of(plan), "it").machine.configuration == plan.machine.configuration


def test_a_life_with_a_file_cannot_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(
        table("disk0", "block", 'file = "disk.img"', "size_mib = 1")
    )
    plan = plan_life([str(tmp_path / "host.toml")], [], {})
    with pytest.raises(RecordError, match="a record has no files"):
        repeatable(plan)


def test_a_life_is_repeated_without_its_captures(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(DISK + table("n", "network", 'pcap = "n.pcap"'))
    plan = plan_life([str(tmp_path / "host.toml")], [], {})
    assert [row.pcap for row in repeatable(plan).machine.configuration.device] == [None, None]


def test_up_refuses_to_record_a_life_with_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.toml").write_text(
        table("disk0", "block", 'file = "disk.img"', "size_mib = 1")
    )
    arguments = ["up", str(tmp_path / "host.toml"), "--record", str(tmp_path / "life.json")]
    assert run(arguments) == 2
    assert "and a record has no files" in capsys.readouterr().err
    assert not (tmp_path / "disk.img").exists()


def test_the_effective_configuration_has_the_devices_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write(tmp_path, "guest", tiny.leave())
    text = '[[partition]]\nname = "a"\nimage = "guest.elf"\n' + DISK + NETWORK + CONSOLE
    (tmp_path / "host.toml").write_text(text)
    assert run(["config", "show", "host.toml"]) == 0
    shown = tomllib.loads(capsys.readouterr().out)["device"]
    assert shown == [
        {
            "name": "disk0",
            "kind": "block",
            "ports": 2,
            "latency_cycles": 10_000,
            "size_mib": 4,
            "read_only": False,
        },
        {
            "name": "net0",
            "kind": "network",
            "ports": 2,
            "latency_cycles": 10_000,
            "switch": "lan",
            "address": "02:94:04:ee:a3:25",
        },
        {"name": "line0", "kind": "console", "ports": 1, "latency_cycles": 10_000},
    ]
