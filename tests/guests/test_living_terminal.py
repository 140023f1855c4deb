# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at a living host's terminal: typing, following, leaving; and what ends meanwhile."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.guests import living_processes
from tests.guests.living_processes import (
    COMMAND,
    PATIENCE_SECONDS,
    Ended,
    call,
    kill_group,
    machine_process,
    until,
)
from tests.guests.terminal_sessions import CTRL_C, CTRL_D, Terminal
from tests.unit import tiny_guests as tiny
from ultravisor.cli import run
from ultravisor.life import protocol
from ultravisor.life.client import connect
from ultravisor.machine.abi import CONSOLE_LIMIT, Hypercall

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
GREETING = b"ready\r\n"


def echo() -> bytes:
    """Code that greets, and then writes back whatever it reads, for ever."""
    begin = tiny.say(len(GREETING))
    loop = (
        tiny.call(Hypercall.BLOCK)
        + tiny.call(Hypercall.CONSOLE_READ, tiny.DATA_ADDRESS, CONSOLE_LIMIT)
        + tiny.load(7, tiny.DATA_ADDRESS)
        + b"\x48\x89\xc6"  # mov rsi, rax
        + tiny.load(0, Hypercall.CONSOLE_WRITE)
        + tiny.VMCALL
    )
    # jmp back to the beginning of the loop
    return begin + loop + b"\xe9" + (-len(loop) - 5).to_bytes(4, "little", signed=True)


@pytest.fixture(autouse=True)
def folder() -> Iterator[Path]:
    """Stand for the user's folder; its path is short enough for a socket."""
    with (
        tempfile.TemporaryDirectory(prefix="uv-") as name,
        living_processes.runtime_folder(Path(name)),
    ):
        yield Path(name)


@pytest.fixture(autouse=True)
def host(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> str:
    """Bring a host up with a guest that writes back what it reads."""
    image = tiny.write(tmp_path, "echo", echo(), GREETING.ljust(CONSOLE_LIMIT, b"\0"))
    assert run(["up", image, "--name", "lab", "--detach"]) == 0
    capfd.readouterr()
    until(lambda: "ready" in console_of("echo"))
    return "lab"


def console_of(partition: str) -> str:
    """Return what a partition has written; nothing while it is not there."""
    with connect() as client:
        rows: list[dict[str, Any]] = client.ask(protocol.Ps())
        if partition not in {row["name"] for row in rows}:
            return ""
        logs: dict[str, Any] = client.ask(protocol.Logs(partition=partition))
        text: str = logs["text"]
        return text


def type_to(partition: str, text: str) -> None:
    with connect() as client:
        client.ask(protocol.Input(partition=partition, text=text))


def piped(data: bytes, *words: str) -> Ended:
    """Run a command whose input is not a terminal."""
    done = subprocess.run(
        [str(COMMAND), *words],
        input=data,
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_what_is_typed_reaches_the_guest_and_its_answer_the_terminal() -> None:
    with Terminal("console", "echo") as terminal:
        terminal.until("ready\n")
        terminal.type("hello\n")
        # The terminal shows what is typed, and the guest writes it back.
        terminal.until("hello\n", times=2)
        terminal.type("grün\n")
        terminal.until("grün\n", times=2)
        terminal.type(CTRL_D)
        assert terminal.end() == 0
    assert console_of("echo") == "ready\r\nhello\ngrün\n"


def test_ctrl_c_leaves_and_the_partition_goes_on() -> None:
    with Terminal("console", "echo") as terminal:
        terminal.until("ready\n")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        assert "Traceback" not in terminal.shown
    assert call("console", "echo", "--input", "again").code == 0
    until(lambda: console_of("echo").endswith("again\n"))


def test_two_people_at_one_console_see_the_same() -> None:
    with Terminal("console", "echo") as first, Terminal("console", "echo") as second:
        first.until("ready\n")
        second.until("ready\n")
        first.type("from the first\n")
        second.until("from the first\n")
        second.type("from the second\n")
        first.until("from the second\n")


def test_who_is_attached_when_the_host_is_brought_down_is_told(host: str) -> None:
    with Terminal("console", "echo") as terminal:
        terminal.until("ready\n")
        assert call("down").code == 0
        assert terminal.end() == 70
        assert f"the host `{host}` has ended" in terminal.shown
        assert "Traceback" not in terminal.shown


def test_who_is_attached_when_the_host_is_killed_is_told(host: str) -> None:
    with Terminal("console", "echo") as terminal:
        terminal.until("ready\n")
        kill_group(machine_process(host))
        assert terminal.end() == 70
        assert f"the host `{host}` has ended" in terminal.shown


def test_who_types_to_a_partition_that_has_gone_is_told() -> None:
    with Terminal("console", "echo") as terminal:
        terminal.until("ready\n")
        assert call("destroy", "echo").code == 0
        terminal.type("anybody?\n")
        assert terminal.end() == 6
        assert "no partition is named `echo`" in terminal.shown


def test_the_end_of_a_file_leaves_and_all_of_it_has_been_typed() -> None:
    # Its characters of two bytes lie across the borders of what is read at once.
    text = "x" + "ü" * 10_000 + "\n"
    done = piped(text.encode(), "console", "echo")
    assert (done.code, done.err) == (0, "")
    until(lambda: console_of("echo") == "ready\r\n" + text)


def test_a_closed_input_is_an_end_of_the_input() -> None:
    done = subprocess.run(
        f"'{COMMAND}' console echo <&-",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")


def test_who_follows_logs_sees_more_and_leaves_with_ctrl_c() -> None:
    with Terminal("logs", "echo", "--follow") as terminal:
        terminal.until("ready\n")
        assert call("console", "echo", "--input", "more").code == 0
        terminal.until("more\n")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        assert "Traceback" not in terminal.shown


def test_who_follows_logs_of_a_host_that_goes_is_told(host: str) -> None:
    with Terminal("logs", "echo", "--follow") as terminal:
        terminal.until("ready\n")
        assert call("down").code == 0
        assert terminal.end() == 70
        assert f"the host `{host}` has ended" in terminal.shown


def test_an_end_of_a_line_that_is_written_in_two_pieces_is_one() -> None:
    with Terminal("logs", "echo", "--follow") as terminal:
        terminal.until("ready\n")
        type_to("echo", "a\r")
        until(lambda: console_of("echo").endswith("a\r"))
        type_to("echo", "\nb\n")
        terminal.until("b\n")
        assert terminal.shown.endswith("ready\na\nb\n")


def command_channel() -> int:
    with connect() as client:
        rows: list[dict[str, Any]] = client.ask(protocol.Channels(query="ls"))
    number: int = next(row["id"] for row in rows if row["type"] == "command")
    return number


def test_who_follows_a_tap_sees_what_is_sent_and_leaves_with_ctrl_c() -> None:
    with Terminal("chan", "tap", str(command_channel()), "--follow") as terminal:
        terminal.until("Transact(")
        assert call("pause", "echo").code == 0
        terminal.until("state='paused'")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        assert "Traceback" not in terminal.shown


def test_who_follows_a_tap_of_a_host_that_is_killed_is_told(host: str) -> None:
    with Terminal("chan", "tap", str(command_channel()), "--follow") as terminal:
        terminal.until("Transact(")
        kill_group(machine_process(host))
        assert terminal.end() == 70
        assert f"the host `{host}` has ended" in terminal.shown


def test_who_follows_a_tap_of_a_channel_that_goes_is_told() -> None:
    with connect() as client:
        rows: list[dict[str, Any]] = client.ask(protocol.Channels(query="ls"))
    (channel,) = [row["id"] for row in rows if "echo" in {end["partition"] for end in row["ends"]}]
    with Terminal("chan", "tap", str(channel), "--follow") as terminal:
        terminal.until("chipset_init")
        assert call("destroy", "echo").code == 0
        assert terminal.end() == 6
        assert f"there is no channel {channel}" in terminal.shown
