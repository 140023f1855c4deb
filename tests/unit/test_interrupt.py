# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C at moments at which nothing can be done about it any more; and where it does not count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from ultravisor.cli.interrupt import interruptible_once

# A verb that ends as `verb` says, and what sends Ctrl-C after `run` has returned.
COMMAND = """
import atexit, os, signal, sys
import ultravisor.cli as cli

def press():
    os.kill(os.getpid(), signal.SIGINT)

class AtLast:
    def __del__(self, press=press):
        press()

def verb(arguments):
    {verb}

cli._run_group = verb
{late}
cli.main()
"""


def end_of(verb: str, late: str = "") -> tuple[int, str, str]:
    code = COMMAND.format(verb=verb, late=late)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "late", ["", "atexit.register(press)", "sys.at_last = AtLast()", "cli.at_last = AtLast()"]
)
@pytest.mark.parametrize(("verb", "code"), [("press()", 130), ("return 0", 0), ("return 7", 7)])
def test_the_exit_code_stands_whatever_comes_while_the_process_ends(
    verb: str, code: int, late: str
) -> None:
    assert end_of(verb, late) == (code, "", "")


def test_what_fails_because_of_an_interruption_is_no_failure() -> None:
    verb = "try:\n        press()\n    finally:\n        os.close(1 << 20)"
    assert end_of(verb) == (130, "", "")


def test_a_second_one_does_not_disturb_the_end() -> None:
    verb = "try:\n        press()\n    finally:\n        press(); print('ended', flush=True)"
    assert end_of(verb) == (130, "ended\n", "")


def test_the_handler_of_before_is_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible_once() as interrupt, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert interrupt.has_come
    assert signal.getsignal(signal.SIGINT) is before


def test_a_job_in_the_background_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible_once() as interrupt:
            os.kill(os.getpid(), signal.SIGINT)
        assert not interrupt.has_come
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_leaves_the_handler_alone() -> None:
    found = []

    def look() -> None:
        with interruptible_once():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
