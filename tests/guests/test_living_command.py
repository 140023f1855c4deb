# SPDX-License-Identifier: GPL-2.0-or-later
"""The command at a living host: verbs, JSON, exit codes, several clients, deaths of processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.guests import living_processes
from tests.guests.living_processes import (
    call,
    end_of,
    kill_group,
    machine_process,
    start,
    until,
)
from ultravisor.cli import run
from ultravisor.life import protocol
from ultravisor.life.client import connect
from ultravisor.life.places import living_places, place_named
from ultravisor.resolution import BUNDLED

if TYPE_CHECKING:
    from collections.abc import Iterator

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.slow
ENDLESS = f"""
[[domain]]
name = "compute"
image = "{BUNDLED / "verdicts" / "never_ends_64.elf"}"
"""


@pytest.fixture(autouse=True)
def folder() -> Iterator[Path]:
    """Stand for the user's folder; its path is short enough for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="uv-") as name,
        living_processes.runtime_folder(Path(name)),
    ):
        yield Path(name)


@pytest.fixture
def host(capsys: Captured, tmp_path: Path) -> str:
    """Bring a host up with a guest that never ends by itself."""
    (tmp_path / "p.toml").write_text(ENDLESS, encoding="utf-8")
    words = ["up", "hello", "--policy", str(tmp_path / "p.toml"), "--name", "lab", "--detach"]
    assert run(words) == 0
    capsys.readouterr()
    until(lambda: state_of("compute") == "running" and state_of("hello") == "stopped")
    return "lab"


def state_of(partition: str) -> str:
    with connect() as client:
        rows: list[dict[str, Any]] = client.ask(protocol.Ps())
    return next((row["state"] for row in rows if row["name"] == partition), "absent")


def said(capsys: Captured, *words: str, code: int = 0) -> Any:
    """Run a verb with --json; return its object."""
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refused(capsys: Captured, *words: str, code: int) -> str:
    """Run a verb that is refused; return its message."""
    assert run(list(words)) == code
    return capsys.readouterr().err


def test_a_host_is_brought_up_looked_at_and_brought_down(capsys: Captured, folder: Path) -> None:
    up = said(capsys, "up", "hello", "--detach")
    socket_path = folder / "ultravisor" / "hello.sock"
    assert up == {"schema": "ultravisor.up/1", "name": "hello", "socket": str(socket_path)}
    until(lambda: state_of("hello") == "stopped")
    listed = said(capsys, "ps")
    assert listed["schema"] == "ultravisor.ps/1"
    assert [row["name"] for row in listed["partitions"]] == [
        "boot",
        "ultravisor",
        "idle",
        "command",
        "operations",
        "hello",
    ]
    assert said(capsys, "inspect")["protocol"] == "ultravisor.life/1"
    shown = said(capsys, "inspect", "hello")
    assert (shown["schema"], shown["row"]["reason"]) == (
        "ultravisor.inspect/1",
        "guest_main returned",
    )
    assert said(capsys, "logs", "hello")["text"].count("\n") == 3
    assert said(capsys, "logs", "hello", "--tail", "1")["text"].count("\n") == 1
    assert said(capsys, "down") == {"schema": "ultravisor.down/1", "name": "hello"}
    assert not socket_path.exists()
    assert living_places() == []
    assert "no host lives" in refused(capsys, "ps", code=6)


def test_every_order_is_carried_out_and_said_in_json(host: str, capsys: Captured) -> None:
    for order, state in [
        ("pause", "paused"),
        ("resume", "running"),
        ("kill", "stopped"),
        ("start", "running"),
        ("reset", "running"),
        ("destroy", "absent"),
    ]:
        answer = said(capsys, order, "compute")
        assert answer["schema"] == "ultravisor.order/1"
        assert (answer["order"], answer["partition"], answer["state"]) == (
            order,
            "compute",
            state,
        )
    created = said(capsys, "create", "second", "--image", "hello", "--memory", "4", "--no-start")
    assert created["state"] == "ready"
    assert said(capsys, "inspect", "second")["image"] == "hello"
    assert run(["start", "second"]) == 0
    assert capsys.readouterr().out.startswith("second: running (generation ")


def test_a_killed_ultravisor_answers_with_the_generation_that_it_was_rebuilt_to(
    host: str, capsys: Captured
) -> None:
    before = said(capsys, "inspect")["generation"]
    answer = said(capsys, "kill", "ultravisor")
    assert (answer["partition"], answer["state"]) == ("ultravisor", "restarted")
    assert answer["generation"] >= before
    assert said(capsys, "pause", "compute")["state"] == "paused"


def test_refusals_have_their_exit_codes(host: str, capsys: Captured, tmp_path: Path) -> None:
    assert "pause is possible when it is running" in refused(capsys, "pause", "hello", code=2)
    assert "no domain is named `nobody`" in refused(capsys, "pause", "nobody", code=6)
    assert "there are boot," in refused(capsys, "inspect", "nobody", code=6)
    assert "no partition is named" in refused(capsys, "logs", "nobody", code=6)
    assert "no partition is named" in refused(capsys, "console", "nobody", code=6)
    assert "`../x` cannot be a name" in refused(
        capsys, "create", "../x", "--image", "hello", code=3
    )
    assert "there is no channel 99" in refused(capsys, "chan", "stat", "99", code=6)
    assert "can only be killed" in refused(capsys, "pause", "ultravisor", code=2)
    assert "either --image or --file" in refused(capsys, "create", "x", code=2)
    assert "nonsuch" in refused(capsys, "create", "x", "--image", "nonsuch", code=6)
    file = tmp_path / "txn.json"
    for text, code, why in [
        ('[["SetPartitionState", 4, "stopped", ""]]', 4, "partition `command`"),
        ('[["DestroyPartition", 99]]', 6, "no such partition"),
        ('[["Nonsense"]]', 3, "Invalid value 'Nonsense'"),
        ("{}", 3, "not an array of operations"),
        ("[" * 5000, 3, "not an array of operations"),
    ]:
        file.write_text(text, encoding="utf-8")
        assert why in refused(capsys, "txn", str(file), code=code)
    assert "cannot be read" in refused(capsys, "txn", str(tmp_path / "none"), code=6)


def test_a_transaction_can_be_tried_and_committed(
    host: str, capsys: Captured, tmp_path: Path
) -> None:
    file = tmp_path / "txn.json"
    file.write_text('[["DefineZone", "extra", "00000000-0000-0000-0000-000000000009"]]')
    before = said(capsys, "inspect")["generation"]
    tried = said(capsys, "txn", str(file), "--dry-run")
    assert (tried["schema"], tried["dry_run"]) == ("ultravisor.txn/1", True)
    assert said(capsys, "db", "ls", "zone")["name"] == "default"
    done = said(capsys, "txn", str(file))
    assert done["generation"] == before + 1
    assert said(capsys, "db", "get", "zone", "extra")["guid"].endswith("9")


def test_channels_are_listed_counted_and_tapped(host: str, capsys: Captured) -> None:
    rows = said(capsys, "chan", "ls")["channels"]
    command = next(row for row in rows if row["type"] == "command")
    assert [end["partition"] for end in command["ends"]] == ["command", "ultravisor"]
    number = str(command["id"])
    assert said(capsys, "chan", "stat", number)["type"] == "command"
    assert run(["chan", "tap", number]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("Transact(" in line for line in lines)
    assert max(len(line) for line in lines) < 200


def test_two_clients_at_once_each_get_their_own(host: str) -> None:
    words = (("pause", "compute"), ("create", "new", "--image", "hello"), ("resume", "hello"))
    asked = [start(*row, "--json") for row in words]
    paused, created, refused_too = [end_of(process) for process in asked]
    assert json.loads(paused.out)["partition"] == "compute"
    assert json.loads(created.out)["partition"] == "new"
    assert (refused_too.code, refused_too.out) == (2, "")


def test_who_follows_sees_what_happens_and_leaves_with_ctrl_c(host: str, capsys: Captured) -> None:
    follower = start("events", "--follow", "--json")
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["number"] == 0
    said(capsys, "pause", "compute")
    while True:
        row = json.loads(follower.stdout.readline())
        if row["subject"] == "compute" and row["text"].startswith("running -> paused"):
            break
    os.killpg(follower.pid, signal.SIGINT)
    assert end_of(follower).code == 130
    assert said(capsys, "resume", "compute")["state"] == "running"


def test_the_database_of_a_living_host_is_asked_and_watched(host: str, capsys: Captured) -> None:
    before = set(Path(tempfile.gettempdir()).glob("ultravisor-*"))
    assert said(capsys, "db", "check")["broken"] == []
    assert said(capsys, "db", "get", "partition", "2", "--host", "lab")["name"] == "ultravisor"
    assert "either --journal" in refused(
        capsys, "db", "check", "--journal", "x", "--host", "lab", code=2
    )
    watcher = start("db", "watch", "--after", "0", "--follow", "--json")
    assert watcher.stdout is not None
    assert json.loads(watcher.stdout.readline())["generation"] == 1
    paused = said(capsys, "pause", "compute")["generation"]
    seen = 1
    while seen < paused:
        generation = json.loads(watcher.stdout.readline())["generation"]
        assert generation == seen + 1
        seen = generation
    os.killpg(watcher.pid, signal.SIGINT)
    assert end_of(watcher).code == 130
    assert set(Path(tempfile.gettempdir()).glob("ultravisor-*")) <= before


def test_a_host_in_the_foreground_ends_with_ctrl_c_or_a_signal() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start("up", "hello")
        until(lambda: [place.name for place in living_places()] == ["hello"])
        until(place_named("hello").socket.exists)
        process.send_signal(number)
        ended = end_of(process)
        assert ended.code == 130, ended.err
        assert living_places() == []


def test_down_ends_a_host_in_the_foreground_well() -> None:
    process = start("up", "hello")
    until(place_named("hello").socket.exists)
    until(lambda: state_of("hello") == "stopped")
    assert call("down").code == 0
    ended = end_of(process)
    assert ended.code == 0
    assert "hello" in ended.out


def test_a_machine_that_is_killed_is_told_and_its_name_is_free(capsys: Captured) -> None:
    process = start("up", "compute", "--name", "lab")
    until(place_named("lab").socket.exists)
    os.kill(machine_process("lab"), signal.SIGKILL)
    ended = end_of(process)
    assert ended.code == 70
    assert "killed by SIGKILL" in ended.err
    assert not place_named("lab").socket.exists()
    assert run(["up", "hello", "--name", "lab", "--detach"]) == 0


def test_a_host_that_is_killed_whole_leaves_its_name_free(host: str, capsys: Captured) -> None:
    follower = start("events", "--follow")
    assert follower.stdout is not None
    assert "boot" in follower.stdout.readline()
    kill_group(machine_process("lab"))
    ended = end_of(follower)
    assert ended.code == 70
    assert "the host `lab` has ended" in ended.err
    assert living_places() == []
    assert "no host lives" in refused(capsys, "ps", code=6)
    assert run(["up", "hello", "--name", "lab", "--detach"]) == 0


def test_a_name_is_taken_once_and_the_living_hosts_log_stays(host: str, capsys: Captured) -> None:
    log = place_named("lab").log
    before = log.stat().st_ino, log.read_bytes()
    message = refused(capsys, "up", "hello", "--name", "lab", "--detach", code=2)
    assert "a host named `lab` lives already" in message
    assert (log.stat().st_ino, log.read_bytes()) == before
    assert run(["up", "hello", "--name", "other", "--detach"]) == 0
    assert "several hosts live: lab, other" in refused(capsys, "ps", code=2)


def test_hostile_bytes_on_the_socket_harm_nobody(host: str, capsys: Captured) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.connect(str(place_named("lab").socket))
        raw.sendall(b"\xff\x00{[" * 100 + b"\n" + b'{"verb":"order","order":"nonsense"}\n')
        raw.sendall(b'{"verb":"input","partition":"hello","text":"' + b"x" * 5000 + b'"}\n')
        answers = b""
        while answers.count(b"\n") < 3:
            answers += raw.recv(65536)
        assert all(b"UsageError" in line for line in answers.splitlines())
        raw.sendall(b"{" * 1000)
    assert said(capsys, "ps")["partitions"]


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ('[[domain]]\nname = "a"\nimage = "hello"\nmemory = 3\n', 3, "p.toml:4: domain[0].memory"),
        ('[[domain]]\nname = "a"\nimage = "nonsuch"\n', 6, "p.toml:1: `a`: nonsuch"),
        ("[[domain]\n", 3, "p.toml:1"),
    ],
)
def test_a_wrong_policy_is_refused_before_anything_starts(
    capsys: Captured, tmp_path: Path, text: str, code: int, why: str
) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    assert why in refused(capsys, "up", "--policy", str(path), "--detach", code=code)
    assert living_places() == []


def test_what_cannot_live_is_refused(capsys: Captured, tmp_path: Path) -> None:
    place = tmp_path / "none" / "host.journal"
    message = refused(capsys, "up", "hello", "--journal", str(place), "--detach", code=3)
    assert f"{place}: cannot be opened: No such file or directory" in message
    assert "nonsuch" in refused(capsys, "up", "nonsuch", code=6)
    slots = str(Path(__file__).resolve().parents[2] / "examples" / "slots.toml")
    assert "takes no [[slot]]" in refused(capsys, "up", slots, code=2)
    assert "nothing to bring up" in refused(capsys, "up", code=2)
    assert living_places() == []


def test_a_journal_outlives_its_host_and_its_domains_come_back(
    capsys: Captured, tmp_path: Path
) -> None:
    path = str(tmp_path / "host.journal")
    assert run(["up", "hello", "--journal", path, "--detach"]) == 0
    until(lambda: state_of("hello") == "stopped")
    assert run(["kill", "ultravisor"]) == 0
    assert run(["down"]) == 0
    capsys.readouterr()
    # In processes of their own: who looks has the journal until it ends.
    assert call("db", "check", "--journal", path).code == 0
    shown = call("db", "get", "partition", "6", "--journal", path, "--json")
    assert json.loads(shown.out)["state"] == "stopped"
    shown = call("up", "--journal", path, "--name", "again", "--detach")
    assert shown.code == 0, shown.err
    assert "1 domain taken over" in shown.err
    until(lambda: state_of("hello") == "stopped")
    assert Path(f"{path}.previous").exists()
