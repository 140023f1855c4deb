# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C while a command runs, and while it ends.

Owns the rule: the first Ctrl-C that nobody else takes raises KeyboardInterrupt; what comes
after it finds the command ending, and disturbs neither that nor the exit code. Used by the
command's top level; imports nothing heavy.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Interrupt:
    """Whether there was a Ctrl-C that ends the command."""

    def __init__(self) -> None:
        """Begin without one."""
        self.has_come = False
        self._over = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, once, and not when all is over anyway."""
        if not (self.has_come or self._over):
            self.has_come = True
            raise KeyboardInterrupt

    def end(self) -> None:
        """Raise no more."""
        self._over = True


@contextmanager
def interruptible_once() -> Iterator[Interrupt]:
    """Let one Ctrl-C through; where none comes, of a job in the background, say, do nothing."""
    interrupt = Interrupt()
    if _gets_none():
        yield interrupt
        return
    previous = signal.signal(signal.SIGINT, interrupt.on_signal)
    try:
        try:
            yield interrupt
        finally:
            interrupt.end()
    finally:
        signal.signal(signal.SIGINT, previous)


def ignore_from_now_on() -> None:
    """Let Ctrl-C do nothing until another handler is installed."""
    if not _gets_none():
        signal.signal(signal.SIGINT, lambda _number, _frame: None)


def block() -> None:
    """Keep Ctrl-C from a process that ends: the interpreter's end restores its default."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _gets_none() -> bool:
    in_other_thread = threading.current_thread() is not threading.main_thread()
    return in_other_thread or signal.getsignal(signal.SIGINT) == signal.SIG_IGN
