# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor topology`: its data, its picture and its command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from tests.unit.resource_examples import (
    GUID,
    add_channel,
    add_partition,
    ends,
    make_database,
    set_state,
)
from ultravisor.cli import run
from ultravisor.machine.abi import GUID_CONTROL
from ultravisor.resources.file_journal import FileJournal
from ultravisor.topology import gather
from ultravisor.topology_picture import draw

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert(1)</script>&\x00\x1b\ud800\"'"


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """Return a journal whose last generation starts a partition."""
    path = tmp_path / "host.journal"
    database = make_database(FileJournal.open(path))
    set_state(database, add_partition(database, "guest1"), "running")
    database.close()
    return str(path)


def test_data_has_exactly_what_the_database_has() -> None:
    database = make_database()
    first, second = add_partition(database, "first"), add_partition(database, "second")
    channel = add_channel(database, first, second)
    host = gather(database, "small")
    names = [(found["name"], found["memory_kib"]) for found in host["partitions"]]
    assert names == [("first", 16), ("second", 16)]
    (found,) = host["channels"]
    ends = (found["id"], found["client"], found["server"], found["state"], found["size_kib"])
    assert ends == (channel, first, second, "mapped", 8)


def test_a_device_is_a_port_of_its_medium_and_the_one_that_acts_has_a_thick_line() -> None:
    database = make_database()
    owner = add_partition(database, "io-a")
    transaction = database.begin("command")
    for port in range(3):
        transaction.add_device("block", f"disk0.{port}", 1000 + port, 1)
    for device in (1, 2):
        transaction.assign_device(device, owner, 500 + device, 2 + device)
    for state in ("known", "ready", "alive", "operating"):
        transaction.set_device_state(1, state)
    transaction.commit()
    host = gather(database, "small")
    assert host["devices"][0] == {
        "id": 1,
        "kind": "block",
        "name": "disk0.0",
        "medium": "disk0",
        "owner": owner,
        "guest_frame": 501,
        "port": 3,
        "state": "operating",
    }
    assert [row["medium"] for row in host["devices"]] == ["disk0"] * 3
    picture = draw(host)
    ElementTree.fromstring(picture)
    assert picture.count('stroke-width="4"') == 1
    assert picture.count('stroke-width="1"') == 2
    assert picture.count(">io-a<") - picture.count("<title>io-a</title>") == 2
    assert picture.count(">nobody<") == 1


def test_a_path_whose_port_does_not_operate_is_dashed() -> None:
    database = make_database()
    client = add_partition(database, "client")
    servers = [add_partition(database, name) for name in ("io-a", "io-b")]
    transaction = database.begin("command")
    devices = [transaction.add_device("block", f"disk0.{port}", 1530 + port, 1) for port in (0, 1)]
    for port, (server, device) in enumerate(zip(servers, devices, strict=True)):
        transaction.assign_device(device, server, 500, 3)
        place = 200 + 10 * port
        path = transaction.plan_channel(GUID, 2, ends(client, server, place), "medium disk0")
        transaction.map_channel(path)
    for state in ("known", "ready", "alive", "operating"):
        transaction.set_device_state(devices[1], state)
    transaction.commit()
    add_channel(database, servers[0], servers[1])
    host = gather(database, "small")
    assert [row["stands_by"] for row in host["channels"]] == [True, False, False]
    assert draw(host).count("stroke-dasharray") == 1


def test_a_control_channel_is_one_by_its_type() -> None:
    database = make_database()
    first, second = add_partition(database, "first"), add_partition(database, "second")
    transaction = database.begin("command")
    transaction.map_channel(transaction.plan_channel(str(GUID_CONTROL), 2, ends(first, second)))
    transaction.map_channel(transaction.plan_channel(GUID, 2, ends(first, second, 200), "control"))
    transaction.commit()
    found = [(row["type"], row["control"]) for row in gather(database, "small")["channels"]]
    assert found == [("control", True), (GUID, False)]


def test_memory_adds_up_to_the_machine() -> None:
    database = make_database()
    add_partition(database, "first")
    host = gather(database, "small")
    assert sum(row["size_kib"] for row in host["memory"]) == host["memory_kib"] == 6172


def test_an_empty_host_is_drawn() -> None:
    picture = draw(gather(make_database(), "empty"))
    ElementTree.fromstring(picture)
    assert "host empty, generation 0" in picture


def test_equal_states_give_equal_pictures() -> None:
    pictures = []
    for _ in range(2):
        database = make_database()
        add_channel(database, add_partition(database, "a"), add_partition(database, "b"))
        pictures.append(draw(gather(database, "same")))
    assert pictures[0] == pictures[1]


def test_hostile_names_are_text_only() -> None:
    host = gather(make_database(), HOSTILE)
    picture = draw(host)
    ElementTree.fromstring(picture.encode())
    assert "<script" not in picture


def test_a_hundred_partitions_each_have_a_row() -> None:
    database = make_database()
    add_partition(database, "guest")
    host = gather(database, "large")
    (one,) = host["partitions"]
    host["partitions"] = [{**one, "number": n, "name": f"guest{n}"} for n in range(1, 101)]
    root = ElementTree.fromstring(draw(host))
    rows = [e.get("y") for e in root.findall(".//{*}text") if (e.text or "").endswith(" bit")]
    assert len(set(rows)) == 100


def texts(host: dict[str, Any]) -> list[str]:
    """Return what a picture says, without tooltips."""
    root = ElementTree.fromstring(draw(host))
    titles = root.findall(".//{*}text/{*}title")
    hidden = {id(title) for title in titles}
    return [
        "".join((part.text or "") for part in found.iter() if id(part) not in hidden)
        for found in root.findall(".//{*}text")
    ]


def test_all_zones_are_named_however_many() -> None:
    host = gather(make_database(), "large")
    host["zones"] = [f"zone-with-a-long-name-{number:02}" for number in range(40)]
    lines = [line for line in texts(host) if line.startswith("zone-with-a-long-name")]
    assert ", ".join(line.removesuffix(",") for line in lines) == ", ".join(host["zones"])
    assert len(lines) > 1


def test_the_longest_names_are_written_whole() -> None:
    database = make_database()
    names = ["a" * 31, "b" * 31]
    for name in names:
        add_partition(database, name)
    shown = texts(gather(database, "large"))
    assert {f"{number} {name}" for number, name in enumerate(names, 1)} <= set(shown)


def test_what_fits_nowhere_is_cut_and_whole_in_its_tooltip() -> None:
    database = make_database()
    first, second = add_partition(database, "a" * 31), add_partition(database, "b" * 31)
    add_channel(database, first, second)
    host = gather(database, "large")
    root = ElementTree.fromstring(draw(host))
    whole = f"{'a' * 31} → {'b' * 31}"
    assert whole in [title.text for title in root.findall(".//{*}text/{*}title")]
    (cut,) = [text for text in texts(host) if text.startswith("aaa") and "→" in text]
    assert cut.endswith("bb…")


def test_command_draws_now_and_the_past(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["topology", "--journal", journal, "--json"]
    states = []
    for more in ([], ["--at", "1"]):
        assert run([*words, *more]) == 0
        host = json.loads(capsys.readouterr().out)
        assert host["schema"] == "ultravisor.topology/1"
        states.append(host["partitions"][0]["state"])
    assert states == ["running", "ready"]


def test_command_writes_a_page(journal: str, tmp_path: Path) -> None:
    page = tmp_path / "host.html"
    assert run(["topology", "--journal", journal, "--html", "--output", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_command_refuses_two_forms(journal: str) -> None:
    assert run(["topology", "--journal", journal, "--html", "--json"]) == 2
