# SPDX-License-Identifier: GPL-2.0-or-later
"""Saved states: restored runs end as straight ones, and no file is half or wrong."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit import tiny_guests as tiny
from ultravisor import Host, SupervisedHost, parse_configuration, resolve
from ultravisor.cli import run
from ultravisor.errors import OutputError, SnapshotError, SupervisedFailure
from ultravisor.machine.abi import Hypercall
from ultravisor.machine.machine import Machine
from ultravisor.saved_state import TRAILER, TRAILER_MAGIC, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ultravisor.configuration import Configuration
    from ultravisor.results import HostResult

pytestmark = pytest.mark.guest

Maker = type[Host] | type[SupervisedHost]
both_ways = pytest.mark.parametrize("make", [Host, SupervisedHost])
both_builds = pytest.mark.parametrize("monitor", ["native", "simulated"])
STATE = Path("host.state")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@cache
def straight(configuration: Configuration) -> HostResult:
    """Run a host in one go, once for all tests of it."""
    with Host(configuration) as host:
        return host.run()


@both_ways
@both_builds
@pytest.mark.parametrize(
    ("names", "settings"),
    [
        (["pingpong", "duo", "smp"], {"processors": 2, "seed": 3}),
        (["demo"], {}),
        (["pingpong"], {"timing": "unit", "clock": "machine"}),
    ],
)
@pytest.mark.parametrize(
    "cycles",
    [pytest.param(0, marks=pytest.mark.slow), 300_000, pytest.param(None, marks=pytest.mark.slow)],
)
def test_a_restored_run_ends_as_the_straight_one(
    make: Maker, monitor: str, names: list[str], settings: dict[str, Any], cycles: int | None
) -> None:
    configuration = resolve(names, monitor=monitor, **settings)
    expected = straight(configuration)
    with make(configuration) as host:
        half = host.run(cycles)
        host.save(STATE)
        assert host.result() == half, "saving changes nothing"
        assert host.run() == expected
        position = host.position_cycles if cycles is None else cycles
    with make(configuration, state=STATE) as host:
        assert host.position_cycles == position
        assert host.result() == half
        assert host.run() == expected
    assert [path.name for path in Path().iterdir()] == ["host.state"]


@both_ways
@both_builds
def test_inputs_before_and_after_are_kept(make: Maker, monitor: str, tmp_path: Path) -> None:
    read = tiny.call(Hypercall.CONSOLE_READ, tiny.DATA_ADDRESS, 4)
    write = tiny.say(4)
    code = tiny.count_down(50_000) + read + write + tiny.count_down(90_000) + read + write
    guest = tiny.write(tmp_path, "reader", code + tiny.leave(), b"----")
    text = (
        f'[host]\nmonitor = "{monitor}"\n[[partition]]\nname = "reader"\nimage = "{guest}"\n'
        '[[input]]\npartition = "reader"\ntext = "one!"\n'
        '[[input]]\npartition = "reader"\nat_cycles = 300_000\ntext = "two!"\n'
    )
    configuration = parse_configuration(text, "host.toml")
    expected = straight(configuration)
    assert expected.partition("reader").console == "one!two!"
    with make(configuration) as host:
        host.run(250_000)
        host.save(STATE)
        inputs = host.inputs
    with make(configuration, state=STATE) as host:
        assert host.inputs == inputs
        assert host.run() == expected


def test_a_state_can_be_saved_again_and_replaces_a_file() -> None:
    configuration = resolve(["pingpong"])
    STATE.write_text("something else")
    with Host(configuration) as host:
        host.run(100_000)
        host.save(STATE)
    with Host(configuration, state=STATE) as host:
        host.run(200_000)
        host.save(STATE)
    with Host(configuration, state=STATE) as host:
        assert host.position_cycles == 300_000
        assert host.run() == straight(configuration)


def rewrite(change: Callable[[dict[str, Any]], None]) -> None:
    """Change a state's manifest, and make the trailer fit it."""
    data = STATE.read_bytes()
    _, size, _ = TRAILER.unpack(data[-TRAILER.size :])
    start = len(data) - TRAILER.size - size
    manifest = json.loads(data[start : start + size])
    change(manifest)
    encoded = json.dumps(manifest).encode()
    trailer = TRAILER.pack(TRAILER_MAGIC, len(encoded), hashlib.sha256(encoded).digest())
    STATE.write_bytes(data[:start] + encoded + trailer)


def saved(name: str = "hello", cycles: str = "2000") -> None:
    assert run(["snap", "save", name, "--cycles", cycles, "--output", str(STATE), "-q"]) == 0


def refused(capsys: pytest.CaptureFixture[str], words: str, code: int = 3) -> None:
    capsys.readouterr()
    for more in ([], ["--no-supervise"], ["--json"]):
        assert run(["snap", "restore", str(STATE), *more]) == code
        output = capsys.readouterr()
        assert words in output.err
        assert "Traceback" not in output.err
        assert output.out == ""


def test_damage_anywhere_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    saved()
    whole = STATE.read_bytes()
    for place in [0, 8, *range(100, len(whole), len(whole) // 60), len(whole) - 1]:
        STATE.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        assert run(["snap", "restore", str(STATE), "--no-supervise"]) == 3, place
    for size in [0, 1, TRAILER.size, len(whole) // 2, len(whole) - 1]:
        STATE.write_bytes(whole[:size])
        refused(capsys, "not a snapshot of a host, or truncated")
    STATE.write_bytes(whole + b"\0")
    refused(capsys, "not a snapshot of a host, or truncated")
    STATE.write_bytes(whole[100:])
    refused(capsys, "truncated or damaged")
    STATE.write_bytes(whole)
    assert run(["snap", "restore", str(STATE)]) == 0
    capsys.readouterr()


def test_what_was_written_by_another_version_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved()
    whole = STATE.read_bytes()
    for name in ("ultravisor", "abi", "unicorn", "capstone"):
        rewrite(lambda manifest, name=name: manifest["run"]["versions"].update({name: "9.9"}))  # type: ignore[misc]
        refused(capsys, f"host.state: written with {name} 9.9, this is ")
        STATE.write_bytes(whole)
    rewrite(lambda manifest: manifest.update(schema="ultravisor.snapshot/2"))
    refused(capsys, "schema `ultravisor.snapshot/2`, this version reads `ultravisor.snapshot/1`")


def test_a_manifest_that_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    saved()
    whole = STATE.read_bytes()
    rewrite(lambda manifest: manifest.pop("consoles"))
    refused(capsys, "host.state: damaged: Object missing required field `consoles`")
    STATE.write_bytes(whole)
    rewrite(lambda manifest: manifest.update(state_hash="0" * 16))
    refused(capsys, "the restored host is not the one that was saved")
    STATE.write_bytes(whole)
    rewrite(lambda manifest: manifest["run"]["configuration"]["host"].update(seed=1))
    refused(capsys, "cannot be restored: the snapshot is of another machine")
    STATE.write_bytes(whole)
    rewrite(lambda manifest: manifest.update(exit_reason=99))
    refused(capsys, "damaged")
    STATE.write_bytes(whole)
    rewrite(lambda manifest: manifest.update(consoles=[]))
    refused(capsys, "damaged")


def test_a_changed_image_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    guest = tiny.write(tmp_path, "guest", tiny.count_down(5000) + tiny.leave())
    saved(guest)
    Path(guest).write_bytes(tiny.image(tiny.leave(1)))
    refused(capsys, "guest.elf: not the image that was recorded")
    Path(guest).unlink()
    refused(capsys, "guest.elf: no such file", 6)


def test_what_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, "host.state: no such file", 6)
    STATE.mkdir()
    refused(capsys, "host.state: cannot be read: Is a directory", 6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["duo"], "partition, link not the same"),
        (["pingpong", "--seed", "1"], "seed not the same"),
        (["pingpong", "--monitor", "simulated"], "monitor, monitor image not the same"),
        (["pingpong", "hello"], "partition not the same"),
    ],
)
def test_a_boot_refuses_the_state_of_another_host(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved("pingpong")
    capsys.readouterr()
    assert run(["boot", *arguments, "--snapshot", str(STATE)]) == 3
    assert f"host.state: a snapshot of another host: {words}" in capsys.readouterr().err


def test_a_boot_refuses_a_state_with_other_inputs(tmp_path: Path) -> None:
    text = '[[partition]]\nname = "hello"\nimage = "hello"\n'
    more = '[[input]]\npartition = "hello"\ntext = "x"\n'
    saved()
    with pytest.raises(SnapshotError, match="another host: input not the same"):
        Host(parse_configuration(text + more, "host.toml"), state=STATE)


def test_boot_and_restore_show_what_a_straight_run_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["boot", "hello", "--record", "a.json"]) == 0
    expected = capsys.readouterr().out
    saved("hello", "6000")
    assert "saved host.state: at 6000 cycles" in capsys.readouterr().out
    assert 0 < len(read_manifest(STATE).consoles[0].data) < 160
    assert run(["snap", "restore", str(STATE)]) == 0
    assert capsys.readouterr().out == expected
    command = ["boot", "hello", "--snapshot", str(STATE), "--record", "b.json"]
    assert run(command) == 0
    assert capsys.readouterr().out == expected
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()
    assert run(["snap", "restore", str(STATE), "--cycles", "6001"]) == 7
    assert run(["replay", "b.json", "--verify"]) == 0


def test_saving_tells_in_json_what_was_saved(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["snap", "save", "hello", "--cycles", "2000", "--output", str(STATE), "--json"]
    assert run(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "schema": "ultravisor.snap/1",
        "file": "host.state",
        "size_bytes": STATE.stat().st_size,
        "position_cycles": 2000,
        "state_hash": read_manifest(STATE).state_hash,
        "reason": "cycle budget reached",
    }


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("folder").mkdir()
    for place in ("absent/x.state", "folder"):
        assert run(["snap", "save", "hello", "--cycles", "1", "--output", place]) == 2
        output = capsys.readouterr()
        assert f"{place}: cannot be written" in output.err
        assert output.out == ""


@both_ways
def test_a_disk_that_is_full_leaves_the_old_file(make: Maker) -> None:
    STATE.write_text("the old one")
    with make(resolve(["hello"])) as host:
        process = host.process if isinstance(host, SupervisedHost) else os.getpid()
        before = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(OutputError, match="could not be written whole"):
                host.save(STATE)
        finally:
            resource.prlimit(process, resource.RLIMIT_FSIZE, before)
        assert [path.name for path in Path().iterdir()] == ["host.state"]
        assert STATE.read_text() == "the old one"
        assert host.run().exit.code == 0, "the host goes on"


def test_a_child_that_dies_while_it_saves_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_machine: Machine, path: Path) -> None:
        path.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(Machine, "write", die)
    host = SupervisedHost(resolve(["hello"]), replay_path=Path("replay.json"))
    with host, pytest.raises(SupervisedFailure, match="SIGKILL"):
        host.save(STATE)
    assert [path.name for path in Path().iterdir()] == ["replay.json"]


@both_ways
def test_an_interruption_while_saving_leaves_nothing(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with make(resolve(["hello"])) as host:
        if isinstance(host, SupervisedHost):
            monkeypatch.setattr(host, "_answer", interrupt)
        else:
            monkeypatch.setattr(Machine, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            host.save(STATE)
    assert not [path for path in Path().iterdir() if path != STATE]


def test_saving_where_nothing_may_be_written_is_an_output_error() -> None:
    with Host(resolve(["hello"])) as host, pytest.raises(OutputError):
        host.save(Path("absent/x.state"))
