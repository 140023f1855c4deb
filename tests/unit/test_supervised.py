# SPDX-License-Identifier: GPL-2.0-or-later
"""A child process: messages, deaths of every kind, and its end with its parent."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from ultravisor.machine.supervised import INTERRUPT_SIGNAL, Channel, ChannelClosed, Child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ultravisor.errors import SupervisedFailure


def echo(channel: Channel) -> None:
    while True:
        channel.send(channel.receive())


def spin(channel: Channel) -> NoReturn:
    channel.send(b"spinning")
    while True:
        pass


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.close()


def death_of(child: Child) -> SupervisedFailure:
    with pytest.raises(ChannelClosed):
        child.channel.receive()
    failure = child.death()
    assert failure.exit_code == 70
    return failure


def test_messages_of_every_size(children: list[Child]) -> None:
    child = Child(echo)
    children.append(child)
    for size in (0, 1, 4096, 60_000):
        child.channel.send(b"x" * size)
        assert child.channel.receive() == b"x" * size
    assert not child.channel.waiting()


def test_a_signal_is_named() -> None:
    child = Child(spin)
    assert child.channel.receive() == b"spinning"
    os.kill(child.process, signal.SIGKILL)
    message = death_of(child).message
    assert message == "the machine's process was killed by SIGKILL (Killed); it said nothing"


def test_an_abort_comes_with_the_last_words() -> None:
    def abort(channel: Channel) -> None:
        os.write(2, b"translate.c:17: assertion failed\n")
        os.abort()

    message = death_of(Child(abort)).message
    assert "SIGABRT (Aborted)" in message
    assert message.endswith("its last words:\n  translate.c:17: assertion failed")


def test_only_the_last_lines_are_kept() -> None:
    def chatter(channel: Channel) -> None:
        os.write(2, b"".join(b"line %d\n" % number for number in range(100)))
        os._exit(3)

    message = death_of(Child(chatter)).message
    assert "ended by itself with status 3" in message
    assert "line 88\n" in message
    assert "line 87\n" not in message


def test_an_exception_in_the_child_is_told() -> None:
    def fail(channel: Channel) -> None:
        raise ValueError("what went wrong")

    message = death_of(Child(fail)).message
    assert "status 70" in message
    assert "ValueError: what went wrong" in message


def test_a_child_never_returns_into_its_parents_code() -> None:
    def serve(channel: Channel) -> None:
        channel.send(b"done")

    child = Child(serve)
    assert child.channel.receive() == b"done"
    assert "status 0" in death_of(child).message


def test_a_dead_child_cannot_be_written_to() -> None:
    child = Child(spin)
    child.channel.receive()
    child.kill()
    os.waitid(os.P_PID, child.process, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ChannelClosed):
        child.channel.send(b"anybody there?")
    child.close()


def test_closing_ends_a_child_that_never_looks_up() -> None:
    child = Child(spin)
    child.channel.receive()
    child.close()
    child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child.process, 0)


def test_closing_one_child_leaves_the_others(children: list[Child]) -> None:
    first, second = Child(echo), Child(echo)
    children += [first, second]
    first.close()
    second.channel.send(b"alive")
    assert second.channel.receive() == b"alive"


def test_a_later_child_does_not_hide_an_earlier_ones_end(children: list[Child]) -> None:
    earlier = Child(spin)
    earlier.channel.receive()
    children.append(Child(echo))
    earlier.close()


def test_interrupting_reaches_the_childs_handler() -> None:
    def wait(channel: Channel) -> None:
        seen: list[int] = []
        signal.signal(INTERRUPT_SIGNAL, lambda number, _frame: seen.append(number))
        channel.send(b"ready")
        while not seen:
            pass
        channel.send(b"interrupted")

    child = Child(wait)
    assert child.channel.receive() == b"ready"
    child.interrupt()
    assert child.channel.receive() == b"interrupted"
    child.close()


def test_ctrl_c_of_the_terminal_does_not_end_the_child(children: list[Child]) -> None:
    child = Child(echo)
    children.append(child)
    child.channel.send(b"started")
    child.channel.receive()
    os.kill(child.process, signal.SIGINT)
    child.channel.send(b"alive")
    assert child.channel.receive() == b"alive"


def test_a_ctrl_c_at_birth_reaches_the_parent_only(
    children: list[Child], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The signal comes between the fork and the child's first own instruction."""
    real = os.fork

    def fork() -> int:
        process = real()
        os.kill(process or os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(os, "fork", fork)
    child = Child(echo)
    children.append(child)
    child.channel.send(b"alive")
    assert child.channel.receive() == b"alive"
    assert capfd.readouterr().err == ""


def test_a_parent_that_leaves_at_once_hears_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        Child(echo).close()
    assert capfd.readouterr().err == ""


def test_what_a_child_complained_of_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    def complain(channel: Channel) -> None:
        os.write(2, b"a warning\n")
        channel.send(b"done")

    child = Child(complain)
    child.channel.receive()
    child.close()
    assert capfd.readouterr().err == "a warning\n"


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_child_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    place = tmp_path / "process"
    parent = os.fork()
    if parent == 0:
        child = Child(spin)
        child.channel.receive()
        place.write_text(str(child.process))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    process = int(place.read_text())
    for _ in range(1000):
        if not is_running(process):
            return
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    pytest.fail("the child outlived its parent")
