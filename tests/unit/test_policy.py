# SPDX-License-Identifier: GPL-2.0-or-later
"""Policies: read from TOML with errors that name the line, and rules that decide in their order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ultravisor.cli import run
from ultravisor.errors import ConfigurationError, NotFoundError
from ultravisor.partitions.decisions import (
    admit,
    may_join,
    place_rule,
    priority_of,
    quota_of,
    restart_rule,
)
from ultravisor.partitions.definitions import ChannelDefinition, Domain, Zone
from ultravisor.partitions.explanation import empty_host, explain
from ultravisor.partitions.policy import PlacedPolicy
from ultravisor.partitions.policy_reader import load_policy, parse_policy

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "policy.toml"
DISK = "414815ed-c58c-11da-95a9-00e08161165f"


def read(text: str) -> PlacedPolicy:
    return parse_policy([(text, "p.toml")])


WRONG = [
    ("[[domain]]\nimage = 'x'\n", "p.toml:1: domain[0]: `name` is missing"),
    ("[[domain]]\nname = 'a'\nimage = 'x'\nmemory_mb = 3\n",
     "p.toml:4: domain[0].memory_mb: unknown key"),
    ("[[domain]]\nname = 'a'\nimage = 'x'\nzone = 'nowhere'\n",
     "p.toml:4: domain[0].zone: no zone is named `nowhere`"),
    ("[[domain]]\nname = 'a'\nimage = 'x'\n[[domain]]\nimage = 'x'\nname = 'a'\n",
     "p.toml:6: domain[1].name: two records of domain are named `a`"),
    ("[[domain]]\nname = 'a'\nimage = 'x'\ndevices = ['d']\n",
     "p.toml:4: domain[0].devices: `a` is of kind guest"),
    ("[[domain]]\nname = 'a'\nimage = 'x'\ncommand_line = \"\\u0000\"\n",
     "p.toml:4: domain[0].command_line: contains a zero byte"),
    ("[[placement]]\nquantum_cycles = 15\n", "p.toml:2: placement[0].quantum_cycles: expected"),
    ("[[placement]]\nprocessors = [8]\n", "p.toml:2: placement[0].processors: expected"),
    ("[[placement]]\nslots_maximum = 129\n", "p.toml:2: placement[0].slots_maximum: expected"),
    ("[[placement]]\nstrategy = 'best'\n", "p.toml:2: placement[0].strategy: invalid"),
    ("[[priority]]\npriority = 256\n", "p.toml:2: priority[0].priority: expected"),
    ("[[restart]]\nback_off_cycles = 10\nback_off_maximum_cycles = 9\n",
     "p.toml:3: restart[0].back_off_maximum_cycles: 9 is below back_off_cycles, 10"),
    ("[[quota]]\nzone = 'nowhere'\n", "p.toml:2: quota[0].zone: no zone is named `nowhere`"),
    ("[[quota]]\nzone = 'default'\n[[quota]]\nzone = 'default'\n",
     "p.toml:4: quota[1].zone: zone `default` has a quota already"),
    ("[[admission]]\n[[admission]]\nname = 'a'\n",
     "p.toml:3: admission[1].name: never decides: admission[0] before it selects every domain"),
    ("[[zone]]\nname = 'a'\nreaches = ['b']\n", "p.toml:3: zone[0].reaches: no zone is named `b`"),
    ("[[zone]]\nname = 'a'\n\nnonsense\n", "p.toml:4:"),
    ("[[channel]]\nname = 'c'\nserver = 's'\nclient = 'c'\ntype = '" + DISK + "'\n",
     "p.toml:3: channel[0].server: no domain is named `s`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert caught.value.message.startswith(message), caught.value.message


@pytest.mark.parametrize(
    "text",
    ["[[placement]]\nquantum_cycles = 16\n", "[[placement]]\nprocessors = [7]\n",
     "[[placement]]\nslots_maximum = 128\n", "[[priority]]\npriority = 255\n"],
)  # fmt: skip
def test_the_limits_themselves_are_accepted(text: str) -> None:
    read(text)


def test_several_files_are_one_policy_and_rules_keep_their_places() -> None:
    zones = "# zones\n[[zone]]\nname = 'web'\n[[admission]]\nname = 'a'\nadmit = false\n"
    domains = "\n\n[[domain]]\nname = 'b'\nimage = 'x'\nzone = 'web'\n[[admission]]\n"
    placed = parse_policy([(zones, "zones.toml"), (domains, "domains.toml")])
    decision = admit(placed, placed.policy.domain[0])
    assert decision.admitted
    assert decision.reason.rule == "admission[1] at domains.toml:7"


def test_an_error_in_the_second_file_names_that_file() -> None:
    with pytest.raises(ConfigurationError, match=r"^two.toml:2: zone\[0\].name"):
        parse_policy(
            [("[[zone]]\nname = 'a'\n", "one.toml"), ("[[zone]]\nname = 'a'\n", "two.toml")]
        )


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_policy([tmp_path / "none.toml"])


def test_the_first_rule_that_selects_a_domain_decides() -> None:
    placed = read("""
        [[priority]]
        name = "web-[12]"
        priority = 1
        [[priority]]
        zone = "default"
        kind = ["guest"]
        priority = 2
        [[priority]]
        priority = 3
    """)
    domains = [Domain(name="web-1", image="x"), Domain(name="web-3", image="x"),
               Domain(name="io", image="x", kind="io")]  # fmt: skip
    assert [priority_of(placed, domain)[0] for domain in domains] == [1, 2, 3]


def test_without_rules_the_defaults_decide_and_say_so() -> None:
    placed, domain = PlacedPolicy(), Domain(name="a", image="x")
    assert admit(placed, domain).reason.rule == "default"
    assert priority_of(placed, domain)[0] == 100
    assert place_rule(placed, domain)[0].strategy == "spread"
    assert restart_rule(placed, domain, "failed")[0] is None
    assert quota_of(placed, "default")[0] is None


@pytest.mark.parametrize(
    ("memory_mib", "processors", "admitted"),
    [(32, 2, True), (33, 2, False), (32, 3, False)],
)
def test_admission_bounds_memory_and_processors(
    memory_mib: int, processors: int, admitted: bool
) -> None:
    placed = read("[[admission]]\nmemory_maximum_mib = 32\nprocessors_maximum = 2\nreason = 'no'\n")
    decision = admit(
        placed, Domain(name="a", image="x", memory_mib=memory_mib, processors=processors)
    )
    assert decision.admitted is admitted
    assert decision.reason.sentence.endswith(": no") is not admitted


@pytest.mark.parametrize(
    ("here", "there", "admitted"),
    [(("b",), ("a",), True), (("b",), (), False), ((), ("a",), False)],
)
def test_a_channel_leaves_a_zone_only_where_both_reach_out(
    here: tuple[str, ...], there: tuple[str, ...], admitted: bool
) -> None:
    placed = read(
        f"[[zone]]\nname='a'\nreaches={list(here)}\n[[zone]]\nname='b'\nreaches={list(there)}\n"
    )
    channel = ChannelDefinition(name="c", server="s", client="k", type=DISK)
    server = Domain(name="s", image="x", zone="a")
    client = Domain(name="k", image="x", zone="b")
    assert may_join(placed, channel, server, client).admitted is admitted
    assert may_join(placed, channel, server, server).admitted


def test_the_guid_of_a_zone_is_made_from_its_name() -> None:
    assert Zone(name="a").guid_text == Zone(name="a").guid_text != Zone(name="b").guid_text


def test_an_explanation_on_a_host_places_domains_by_priority() -> None:
    found = explain(load_policy([EXAMPLE]), (), empty_host(2, 128, ("disk0",)))
    assert [row.name for row in found] == ["storage", "test", "web-1", "web-2", "disk-web-1"]
    assert all(row.accepted for row in found)
    seats = [r.sentence for row in found for r in row.reasons if r.question == "processor"]
    assert [text.split(":")[0][-1] for text in seats] == ["0", "1", "0", "1", "0"]


def test_a_host_that_is_too_small_refuses_with_the_limit() -> None:
    found = explain(load_policy([EXAMPLE]), ("web-2",), empty_host(2, 52, ("disk0",)))
    refused = [row for row in found if not row.accepted]
    assert [row.name for row in refused] == ["web-2"]
    assert "frames are wanted" in refused[0].reasons[0].sentence


def test_explain_command_prints_rules_and_exits_by_the_verdict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[[domain]]\nname='a'\nimage='x'\n[[admission]]\nadmit=false\n")
    assert run(["policy", "explain", str(path), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["schema"] == "ultravisor.policy-explain/1"
    reason = shown["explanations"][0]["reasons"][0]
    assert reason["rule"] == f"admission[0] at {path}:4"
    assert run(["policy", "explain", str(EXAMPLE), "--domain", "test"]) == 0
    assert "domain test: accepted" in capsys.readouterr().out


def test_check_command_counts_and_names_what_is_wrong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["policy", "check", str(EXAMPLE), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"]["domain"] == 4
    path = tmp_path / "p.toml"
    path.write_text("[[quota]]\nzone = 'x'\n")
    assert run(["policy", "check", str(path)]) == 3
    assert f"{path}:2: quota[0].zone" in capsys.readouterr().err
    assert run(["policy", "check", str(tmp_path / "none")]) == 6
    assert run(["policy", "explain", str(EXAMPLE), "--processors", "2"]) == 2
    assert run(["policy", "explain", str(EXAMPLE), "--domain", "nobody"]) == 6
