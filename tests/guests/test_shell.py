# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions with the shell: exact output, on a disk in its own memory, and served by I/O partitions.

What a session leaves on a served disk is read by the judge of volumes, which knows nothing of it.
"""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.fat.volume_judge import judge
from tests.guests.io_host import IoHost, Medium
from ultravisor.cli import run
from ultravisor.machine.abi import COMMAND_LINE_LIMIT
from ultravisor.machine.interface import MonitorBuild

pytestmark = pytest.mark.guest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "shell.md"
BUILDS = tuple(MonitorBuild)
WIDTHS = (64, 32)
LINE_LIMIT = 511
DISK_SIZE_BYTES = 8192 * 512
Captured = pytest.CaptureFixture[str]


def session(
    capsys: Captured, folder: Path, script: str, *, width: int = 64, typed: str = "", **more: str
) -> Any:
    """Boot a shell with a disk in memory; return what JSON says of the run."""
    suffix = "_32" if width == 32 else ""
    line = f'{more.pop("options", "disk=memory")} script="{script}"'
    assert len(line) < COMMAND_LINE_LIMIT
    text = f"[[partition]]\nname = 'shell'\nimage = 'shell{suffix}'\ncommand_line = '{line}'\n"
    if typed:
        text += f"[[input]]\npartition = 'shell'\ntext = {json.dumps(typed)}\n"
    (folder / "host.toml").write_text(text, encoding="utf-8")
    words = ["boot", str(folder / "host.toml"), "--json"]
    words += [word for name, value in more.items() for word in (f"--{name}", value)]
    run(words)
    return json.loads(capsys.readouterr().out)


def console(result: Any) -> list[str]:
    """Return the lines that the shell has printed."""
    lines: list[str] = result["partitions"][0]["console"].splitlines()
    return lines


FILES = (
    "format;write a.txt hello  world;append a.txt more;append b;cat a.txt;ls;rm b;ls;cat b",
    ["hello  world", "more", "a.txt 18", "b 0", "a.txt 18"],
    "cat: b: no such file or directory.",
)
DIRECTORIES = (
    "format;mkdir d;mkdir d/e;write d/e/f x;ls d;ls d/e;cp d/e/f g;mv g d/h;mv d/h d/i;ls d;ls;"
    "rmdir d;rm d/e/f;rmdir d/e;rm d/i;rmdir d;ls",
    ["e/", "f 2", "e/", "i 2", "d/", "rmdir: d: the directory is not empty."],
)
COPIES = (
    "format;fill a 10000 3;cp a b;verify b 3;verify b 4;cp a A;cp a none/b;cp none c;mv a b",
    [
        "cp: A: it is the same file.",
        "cp: none/b: no such file or directory.",
        "cp: none: no such file or directory.",
        "mv: a: the name is taken.",
    ],
)
SPACE = (
    "df;format;df;fill a 1000000;df;fill b 9000000;df;rm a;df;sync",
    [
        "df: the disk has no volume: its first sector has no signature.",
        "8095 clusters of 512 bytes, 8095 free",
        "8095 clusters of 512 bytes, 6141 free",
        "fill: b: the volume is full.",
        "8095 clusters of 512 bytes, 6141 free",
        "8095 clusters of 512 bytes, 8095 free",
    ],
)


@pytest.mark.parametrize("width", WIDTHS)
def test_files_are_made_changed_and_removed(capsys: Captured, tmp_path: Path, width: int) -> None:
    result = session(capsys, tmp_path, f"{FILES[0]};exit", width=width)
    assert console(result) == [*FILES[1], FILES[2]]
    assert result["partitions"][0]["exit_code"] == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_directories_are_made_and_removed(capsys: Captured, tmp_path: Path, width: int) -> None:
    result = session(capsys, tmp_path, f"{DIRECTORIES[0]};exit", width=width)
    assert console(result) == DIRECTORIES[1]


@pytest.mark.parametrize("width", WIDTHS)
def test_copies_are_what_was_filled_and_no_file_is_copied_onto_itself(
    capsys: Captured, tmp_path: Path, width: int
) -> None:
    lines = console(session(capsys, tmp_path, f"{COPIES[0]};exit", width=width))
    assert lines[0] == "b: 10000 bytes are as they were filled"
    assert lines[1].startswith("verify: b: byte 0 is ")
    assert lines[2:] == COPIES[1]


@pytest.mark.parametrize("width", WIDTHS)
def test_space_is_used_and_given_back(capsys: Captured, tmp_path: Path, width: int) -> None:
    assert console(session(capsys, tmp_path, f"{SPACE[0]};exit", width=width)) == SPACE[1]


def test_a_sum_is_the_crc_that_everybody_computes(capsys: Captured, tmp_path: Path) -> None:
    lines = console(session(capsys, tmp_path, "format;write a 123456789;sum a;write e;sum e;exit"))
    assert lines == [f"{zlib.crc32(b'123456789' + bytes([10])):08x} 10 a", "00000000 0 e"]


def test_a_script_on_the_disk_is_carried_out_and_not_without_end(
    capsys: Captured, tmp_path: Path
) -> None:
    script = "format;write s echo from the disk;append s run s;run s;run none;exit"
    assert console(session(capsys, tmp_path, script)) == [
        *["from the disk"] * 4,
        "run: s: scripts run each other too deep.",
        "run: none: no such file or directory.",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("frob x", "shell: frob: no such command; `help` has all of them."),
        ("rm", "rm: it is called as `rm FILE`."),
        ("ls a b", "ls: it is called as `ls [DIRECTORY]`."),
        ("df 1 2 3 4 5 6 7 8", "df: it is called as `df`."),
        ("fill a many", "fill: many: it is no number."),
        ("fill a 99999999999999999999", "fill: 99999999999999999999: it is no number."),
        ("exit 256", "exit: 256: codes end at 255."),
        (
            "write toolongname x",
            "write: toolongname: a name has up to 8 characters, a dot and up to 3.",
        ),
        ("ping 10.0.0.1", "ping: the network: there is no address yet; give one: `address`."),
        ("address 10.0.0.2", "address: the network: this partition has none."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    capsys: Captured, tmp_path: Path, line: str, said: str
) -> None:
    result = session(capsys, tmp_path, f"format;{line};exit")
    assert console(result) == [said]
    assert result["partitions"][0]["exit_code"] == 1


def test_a_partition_without_a_disk_says_so(capsys: Captured, tmp_path: Path) -> None:
    lines = console(session(capsys, tmp_path, "ls;exit 7", options="none"))
    assert lines == ["ls: the disk: this partition has none; try disk=memory."]


def test_an_exit_code_is_given(capsys: Captured, tmp_path: Path) -> None:
    assert session(capsys, tmp_path, "exit 7")["partitions"][0]["exit_code"] == 7


def test_help_names_every_command(capsys: Captured, tmp_path: Path) -> None:
    lines = console(session(capsys, tmp_path, "help;exit"))
    names = [line.partition(":")[0].split()[0] for line in lines]
    assert names == [
        *("ls", "cat", "write", "append", "rm", "mkdir", "rmdir", "mv", "cp"),
        *("sum", "fill", "verify", "format", "df", "sync", "address", "ping", "udp", "serve"),
        *(
            "memory",
            "start",
            "ps",
            "kill",
            "wait",
            "counters",
            "uptime",
            "echo",
            "run",
            "help",
            "exit",
        ),
    ]


def test_the_document_has_every_command(capsys: Captured, tmp_path: Path) -> None:
    shown = PAGE.read_text(encoding="utf-8").partition("## Commands")[2].partition("## Volumes")[0]
    for line in console(session(capsys, tmp_path, "help;exit")):
        assert f"`{line.partition(':')[0]}`" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_processes_run_and_one_that_is_killed_harms_nobody(
    capsys: Captured, tmp_path: Path, width: int
) -> None:
    script = "memory;start alpha;start beta;start crash;ps;wait;ps;memory;exit"
    lines = console(session(capsys, tmp_path, script, width=width))
    count = 7 if width == 64 else 6
    assert lines[count : count + 6] == [
        "process 1: alpha",
        "process 2: beta",
        "process 3: crash",
        "1 alpha: 0 pages, 0 system calls",
        "2 beta: 0 pages, 0 system calls",
        "3 crash: 0 pages, 0 system calls",
    ]
    assert "crash: killed: vector 14, error code 0x6, address 0x0" in lines
    assert "process 3: crash was killed" in lines
    assert "process 1: alpha has exited with 0" in lines
    assert "process 2: beta has exited with 0" in lines
    # What `duo` computes under its own schedule.
    assert "beta: patched 9527dbd8840b63b1" in lines
    assert "alpha: patched 4a93f4f280aa4931" in lines
    # All frames are given back.
    assert lines[-count:] == lines[:count]


@pytest.mark.parametrize("width", WIDTHS)
def test_processes_run_while_the_shell_waits_for_input(
    capsys: Captured, tmp_path: Path, width: int
) -> None:
    result = session(capsys, tmp_path, "start alpha", width=width)
    lines = console(result)
    assert lines[0] == "process 1: alpha"
    assert lines[-1] == "process 1: alpha has exited with 0"
    assert result["partitions"][0]["state"] != "exited"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("start x", ["start: x: the programs are alpha, beta and crash."]),
        ("kill 1", ["kill: 1: there is no such process."]),
        ("kill 0", ["kill: 0: there is no such process."]),
        ("kill x", ["kill: x: it is no number."]),
        ("start alpha;kill 1;ps", ["process 1: alpha", "process 1: alpha was killed"]),
        (
            ";".join(["start crash"] * 5),
            [
                *(f"process {number}: crash" for number in (1, 2, 3, 4)),
                "start: crash: four processes run already.",
            ],
        ),
    ],
)
def test_processes_are_started_and_killed_by_rules(
    capsys: Captured, tmp_path: Path, script: str, said: list[str]
) -> None:
    assert console(session(capsys, tmp_path, f"{script};exit")) == said


def test_no_process_takes_memory_that_is_not_there(capsys: Captured, tmp_path: Path) -> None:
    options = "disk=memory disk_kib=100000"
    lines = console(session(capsys, tmp_path, "start alpha;start beta;exit", options=options))
    assert lines[0] == "process 1: alpha"
    assert lines[1] == "start: beta: there is not enough memory."


def test_memory_adds_up(capsys: Captured, tmp_path: Path) -> None:
    lines = console(session(capsys, tmp_path, "memory;exit"))
    assert lines[0].startswith("extent: guest frames 0 to fff, machine frames from ")
    words = lines[-1].replace(",", "").split()
    assert words[0] == "frames:"
    numbers = [int(word) for word in words if word.isdigit()]
    assert numbers[0] == sum(numbers[1:]) == 4096
    assert numbers[2] == 1024


def test_counters_count(capsys: Captured, tmp_path: Path) -> None:
    lines = console(session(capsys, tmp_path, "ls;format;write a b;counters;exit"))[1:]
    assert lines[0] == "commands: 4, of which 1 failed"
    assert lines[1] == "console: 0 bytes read"
    assert lines[3:] == ["paths of the disk: none", "network: none"]


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_are_typed_and_edited(capsys: Captured, tmp_path: Path, width: int) -> None:
    typed = "echo onee\b\nrubbish\x15echo two words\x17three\n\x1b[A\x1bOPecho\tfo\x7four\r\nexit\n"
    result = session(capsys, tmp_path, "echo first", width=width, typed=typed)
    assert console(result) == ["first", "one", "two three", "four"]


def test_what_is_typed_is_shown_where_it_is_asked_for(capsys: Captured, tmp_path: Path) -> None:
    result = session(capsys, tmp_path, "", typed="echp\bo x\nexit\n", options="echo prompt")
    text = result["partitions"][0]["console"]
    assert text == "> echp\b \bo x\nx\n> exit\n"


@pytest.mark.parametrize("length", [LINE_LIMIT, LINE_LIMIT + 1, 4000])
def test_a_line_that_is_too_long_is_refused_whole(
    capsys: Captured, tmp_path: Path, length: int
) -> None:
    line = "exit " + " " * (length - 6) + "3"
    result = session(capsys, tmp_path, "", typed=f"{line}\nexit 4\n")
    if length == LINE_LIMIT:
        assert result["partitions"][0]["exit_code"] == 3
    else:
        assert console(result) == ["shell: the line: it is longer than 511 characters."]
        assert result["partitions"][0]["exit_code"] == 4


@pytest.mark.parametrize("seed", range(4))
def test_garbage_from_the_console_does_no_harm(capsys: Captured, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    garbage = "".join(
        chr(chance.choice([chance.randrange(1, 128), 10, 32, 59])) for _ in range(3000)
    )
    result = session(capsys, tmp_path, "format", typed=f"{garbage}\n\x1b[Z\x15\nexit 9\n")
    row = result["partitions"][0]
    assert (row["state"], row["exit_code"]) == ("exited", 9), row


@pytest.mark.parametrize("width", WIDTHS)
def test_both_builds_agree(capsys: Captured, tmp_path: Path, width: int) -> None:
    script = f"start alpha;{FILES[0]};{COPIES[0]};start beta;wait;exit"
    seen = [
        session(capsys, tmp_path, script, width=width, monitor=build.name.lower())
        for build in BUILDS
    ]
    rows = [result["partitions"][0] for result in seen]
    assert rows[0]["state_hash"] == rows[1]["state_hash"]
    assert rows[0]["console"] == rows[1]["console"]
    assert rows[0]["work"] == rows[1]["work"]


def served(
    path: Path, script: str, width: int = 64, build: MonitorBuild = MonitorBuild.NATIVE
) -> tuple[IoHost, Medium]:
    """Return a host with I/O partitions 2 and 3, a shell, 4, and its disk at the first."""
    host = IoHost.boot(build)
    servers = (host.add_io(), host.add_io())
    number = host.add_client(f'script="{script}"', width, image="shell", memory_size_bytes=16 << 20)
    medium = host.add_medium(servers, number, size_bytes=DISK_SIZE_BYTES, path=path)
    host.operate(medium, 0)
    return host, medium


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("width", WIDTHS)
def test_files_arrive_on_a_disk_that_others_serve(
    tmp_path: Path, width: int, build: MonitorBuild
) -> None:
    script = "format;write a.txt hello;mkdir d;fill d/f 5000 1;verify d/f 1;sync;exit"
    host, _ = served(tmp_path / "disk", script, width, build)
    host.run_until_ended(4)
    assert host.console(4) == "d/f: 5000 bytes are as they were filled\n"
    judged = judge((tmp_path / "disk").read_bytes())
    assert (judged.faults, judged.lost_clusters) == ([], 0)
    assert set(judged.tree) == {"/a.txt", "/d", "/d/f"}
    assert judged.tree["/a.txt"] == b"hello\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_shell_goes_on_over_takeovers_in_the_middle_of_a_write(
    tmp_path: Path, width: int
) -> None:
    script = "format;fill a 300000 1;fill b 300000 2;verify a 1;verify b 2;sync;counters;exit"
    host, medium = served(tmp_path / "disk", script, width)
    moves = 0
    while host.is_running(4):
        host.run(3_000_000)
        if host.is_running(4) and moves < 6:
            moves += 1
            host.take_over(medium, moves % 2)
    lines = host.console(4).splitlines()
    assert lines[:2] == [f"{name}: 300000 bytes are as they were filled" for name in "ab"]
    assert moves > 2
    judged = judge((tmp_path / "disk").read_bytes())
    assert (judged.faults, judged.lost_clusters) == ([], 0)


def test_a_shell_goes_on_when_its_server_dies(tmp_path: Path) -> None:
    script = "format;fill a 300000 1;verify a 1;sync;exit"
    host, medium = served(tmp_path / "disk", script)
    host.run(20_000_000)
    assert host.is_running(4)
    host.machine.partition_stop(2)
    host.run(100_000)
    host.fail_over(medium, 1)
    host.run_until_ended(4)
    assert host.console(4) == "a: 300000 bytes are as they were filled\n"
    judged = judge((tmp_path / "disk").read_bytes())
    assert (judged.faults, judged.lost_clusters) == ([], 0)


@pytest.mark.parametrize("widths", [(64, 32), (32, 64)])
def test_two_shells_ask_each_other(widths: tuple[int, int]) -> None:
    host = IoHost.boot(MonitorBuild.NATIVE)
    servers = (host.add_io(), host.add_io())
    switch = host.devices.open_switch(port_count=4)
    scripts = (
        "ping 10.0.0.2;address 10.0.0.1;ping 10.0.0.2 5;udp 10.0.0.2 7 hello there;"
        "udp 10.0.0.2 8 nobody;ping 10.0.0.9 1;ping 10.0.0.300;udp 10.0.0.2 0 x;exit",
        "address 10.0.0.2;serve 7",
    )
    for index in (1, 0):
        number = host.add_client(
            f'script="{scripts[index]}"', widths[index], image="shell", memory_size_bytes=16 << 20
        )
        host.operate(host.add_network(switch, 2 * index, servers, number), 0)
    host.run_until_ended(5, limit_cycles=20_000_000_000)
    lines = host.console(5).splitlines()
    assert lines == [
        "ping: the network: there is no address yet; give one: `address`.",
        "card 02:00:00:00:00:05",
        "ping 10.0.0.2: 5 asked, 5 answered",
        "11 bytes came back: hello there",
        "udp: 10.0.0.2: nothing came back.",
        "ping 10.0.0.9: 1 asked, 0 answered",
        "ping: 10.0.0.300: it is no address.",
        "udp: 0: ports are 1 to 65535.",
    ]
    assert host.console(4) == "card 02:00:00:00:00:04\n"
