# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks and networks of a policy: what is refused where, and the paths that they become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ultravisor.errors import ConfigurationError
from ultravisor.machine.abi import GUID_DISK, GUID_NETWORK
from ultravisor.partitions.decisions import restart_rule
from ultravisor.partitions.explanation import empty_host, explain
from ultravisor.partitions.media import medium_of, paths_of
from ultravisor.partitions.policy_reader import parse_policy

if TYPE_CHECKING:
    from ultravisor.partitions.policy import PlacedPolicy

DOMAINS = """[[domain]]
name = "io-a"
kind = "io"
image = "hello"
devices = ["disk0.0", "net0.0"]
[[domain]]
name = "io-b"
kind = "io"
image = "hello"
devices = ["disk0.1"]
[[domain]]
name = "web-1"
image = "hello"
[[domain]]
name = "web-2"
image = "hello"
"""
DISK = '[[disk]]\ndevice = "disk0"\nclient = "web-1"\n'
NETWORK = '[[network]]\ndevice = "net0"\nclient = "web-1"\n'
DEVICES = ("disk0.0", "disk0.1", "net0.0")


def parse(text: str) -> PlacedPolicy:
    return parse_policy([(DOMAINS + text, "host.toml")])


def test_a_medium_becomes_a_path_for_each_domain_that_owns_a_port() -> None:
    policy = parse(DISK + NETWORK).policy
    rows = [
        (row.port, row.server, row.client, row.type, row.size_kib)
        for row in paths_of(policy, policy.domain)
    ]
    assert rows == [
        ("disk0.0", "io-a", "web-1", str(GUID_DISK), 512),
        ("disk0.1", "io-b", "web-1", str(GUID_DISK), 512),
        ("net0.0", "io-a", "web-1", str(GUID_NETWORK), 256),
    ]


@pytest.mark.parametrize(("device", "medium"), [("disk0.1", "disk0"), ("a.b.0", "a.b"), ("x", "x")])
def test_the_medium_is_the_name_without_the_port(device: str, medium: str) -> None:
    assert medium_of(device) == medium


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DISK.replace("web-1", "web-9"),
            "host.toml:19: disk[0].client: no domain is named `web-9`",
        ),
        (
            DISK.replace("web-1", "io-b"),
            "host.toml:19: disk[0].client: `io-b` is of kind io, which serves others",
        ),
        (
            DISK + DISK.replace("web-1", "web-2"),
            "host.toml:21: disk[1].device: `disk0` is `web-1`'s already",
        ),
        (
            DISK + '[[network]]\ndevice = "disk0"\nclient = "web-2"\n',
            "host.toml:21: network[0].device: `disk0` is `web-1`'s already",
        ),
        (
            DISK.replace("disk0", "disk7"),
            "host.toml:18: disk[0].device: no io domain owns a port of `disk7`",
        ),
        (DISK + "size_kib = 66\n", "host.toml:20: disk[0].size_kib: 66 is not a multiple of 4"),
        (
            '[[domain]]\nname = "io-c"\nkind = "io"\nimage = "hello"\ndevices = ["d.0", "d.1"]\n',
            "host.toml:21: domain[4].devices: `io-c` would own two ports of `d`",
        ),
    ],
    ids=["client", "kind", "twice", "both-tables", "no-port", "size", "both-ports"],
)
def test_what_is_wrong_is_refused_with_file_line_and_key(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        parse(text)
    assert failure.value.message == message


def test_an_explanation_names_each_path_and_its_record() -> None:
    rows = [row for row in explain(parse(DISK)) if row.noun == "path"]
    assert [(row.name, row.accepted) for row in rows] == [("disk0.0", True), ("disk0.1", True)]
    assert rows[0].reasons[0].rule == "disk[0] at host.toml:17"
    assert rows[0].reasons[0].sentence == "`web-1` reaches `disk0.0` by `io-a`"


def test_a_port_that_the_host_has_not_is_refused_at_plan_time() -> None:
    host = empty_host(2, 512, ("disk0.0", "net0.0"))
    rows = {row.name: row for row in explain(parse(DISK), host=host) if row.noun == "path"}
    assert rows["disk0.0"].accepted
    assert not rows["disk0.1"].accepted
    assert "no device is named `disk0.1`" in rows["disk0.1"].reasons[-1].sentence


def test_with_all_ports_every_path_has_a_place() -> None:
    host = empty_host(2, 512, DEVICES)
    rows = [row for row in explain(parse(DISK + NETWORK), host=host) if row.noun == "path"]
    assert [row.accepted for row in rows] == [True, True, True]


@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_an_io_domain_is_restarted_where_no_rule_says_otherwise(end: str) -> None:
    placed = parse("")
    rules = [restart_rule(placed, row, end)[0] for row in placed.policy.domain]  # type: ignore[arg-type]
    assert [rule is not None for rule in rules] == [True, True, False, False]


def test_a_rule_says_otherwise() -> None:
    placed = parse('[[restart]]\nkind = ["io"]\nattempts_maximum = 0\n')
    rule, reason = restart_rule(placed, placed.policy.domain[0], "failed")
    assert rule is not None
    assert rule.attempts_maximum == 0
    assert reason.rule == "restart[0] at host.toml:17"
