# SPDX-License-Identifier: GPL-2.0-or-later
"""A child process that may die, and a parent that says why.

Owns the fork, the two pipes with framed messages, the lifeline by which a child dies
with its parent, and the reading of the child's last words. What the messages mean is
the caller's: ultravisor.supervised_host runs a host in such a child. It must not know
machines or configurations.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import select
import signal
import struct
import sys
from typing import TYPE_CHECKING, ClassVar, NoReturn
from weakref import WeakSet

from ultravisor.errors import SupervisedFailure

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = struct.Struct("<I")
# Sent to the child to make it look up from its work.
INTERRUPT_SIGNAL = signal.SIGUSR1
LAST_WORDS_BYTES = 65_536
LAST_WORDS_LINES = 12
STDERR_NUMBER = 2


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a pair of pipes; messages are bytes with a length before them."""

    def __init__(self, read_number: int, write_number: int) -> None:
        self._read_number = read_number
        self._write_number = write_number

    def send(self, message: bytes) -> None:
        """Send one message; raise ChannelClosed when nobody reads it."""
        data = memoryview(LENGTH.pack(len(message)) + message)
        try:
            while data:
                data = data[os.write(self._write_number, data) :]
        except BrokenPipeError:
            raise ChannelClosed from None

    def receive(self) -> bytes:
        """Wait for one message; raise ChannelClosed when none can come any more."""
        (size,) = LENGTH.unpack(self._read_exactly(LENGTH.size))
        return self._read_exactly(size)

    def fileno(self) -> int:
        """Return what `select` waits on for a message, or for the end."""
        return self._read_number

    def waiting(self) -> bool:
        """Say whether a message, or the end, can be received without waiting."""
        return bool(select.select([self._read_number], [], [], 0)[0])

    def close(self) -> None:
        """Close both directions; closing twice is allowed."""
        for number in (self._read_number, self._write_number):
            if number >= 0:
                os.close(number)
        self._read_number = self._write_number = -1

    def _read_exactly(self, size: int) -> bytes:
        parts = []
        while size > 0:
            part = os.read(self._read_number, min(size, 1 << 20))
            if not part:
                raise ChannelClosed
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class Child:
    """A forked process that serves one channel; the parent's side."""

    _living: ClassVar[WeakSet[Child]] = WeakSet()

    def __init__(self, serve: Callable[[Channel], None]) -> None:
        """Fork; the child calls `serve` and ends with it, whatever happens there."""
        to_child, to_parent, lifeline = os.pipe(), os.pipe(), os.pipe()
        self._last_words = os.memfd_create("ultravisor-child-stderr")
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        # A Ctrl-C waits until the child ignores it, and until there is something to close here.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process = os.fork()
            if self.process == 0:
                _run_child(serve, to_child, to_parent, lifeline, self._last_words)
            os.close(to_child[0])
            os.close(to_parent[1])
            os.close(lifeline[0])
            self._lifeline = lifeline[1]
            self.channel = Channel(to_parent[0], to_child[1])
            Child._living.add(self)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def interrupt(self) -> None:
        """Make the child look up from its work; safe in a signal handler."""
        if self._status is None:
            os.kill(self.process, INTERRUPT_SIGNAL)

    def kill(self) -> None:
        """End the child at once."""
        if self._status is None:
            os.kill(self.process, signal.SIGKILL)

    def close(self) -> None:
        """Close the channel, wait for the child's end, and pass on what it complained of."""
        if self._last_words < 0:
            return
        self.release()
        self._wait()
        words = self._read_last_words()
        if words:
            sys.stderr.write(words)
        self._forget()

    def release(self) -> None:
        """Let go of the child: it ends at once, even in the middle of its work."""
        self.channel.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def death(self) -> SupervisedFailure:
        """Return why the child died; call it when the channel is closed."""
        self.release()
        status = self._wait()
        words = self._read_last_words().strip().splitlines()[-LAST_WORDS_LINES:]
        self._forget()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            end = f"was killed by {signal.Signals(number).name} ({signal.strsignal(number)})"
        else:
            end = f"ended by itself with status {os.waitstatus_to_exitcode(status)}"
        said = "".join(f"\n  {line}" for line in words)
        reason = f"; its last words:{said}" if said else "; it said nothing"
        return SupervisedFailure(f"the machine's process {end}{reason}")

    def _wait(self) -> int:
        if self._status is None:
            _, self._status = os.waitpid(self.process, 0)
        return self._status

    def _read_last_words(self) -> str:
        if self._last_words < 0:
            return ""
        size = os.fstat(self._last_words).st_size
        start = max(0, size - LAST_WORDS_BYTES)
        return os.pread(self._last_words, LAST_WORDS_BYTES, start).decode("utf-8", "replace")

    def _forget(self) -> None:
        if self._last_words >= 0:
            os.close(self._last_words)
            self._last_words = -1
        Child._living.discard(self)


def _run_child(
    serve: Callable[[Channel], None],
    to_child: tuple[int, int],
    to_parent: tuple[int, int],
    lifeline: tuple[int, int],
    last_words: int,
) -> NoReturn:
    """Serve, and leave without returning into the parent's code."""
    status = 70
    try:
        os.close(to_child[1])
        os.close(to_parent[0])
        os.close(lifeline[1])
        # The terminal's Ctrl-C reaches the whole group; the parent decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(INTERRUPT_SIGNAL, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        # Another child's pipes, kept open here, would hide its parent's end from it.
        for other in list(Child._living):
            other.release()
        os.dup2(last_words, STDERR_NUMBER)
        # The parent says why the child died; a dump of its own stack would only hide that.
        faulthandler.disable()
        channel = Channel(to_child[0], to_parent[1])
        with contextlib.suppress(ChannelClosed):
            _die_with_parent(lifeline[0])
            serve(channel)
        status = 0
    except BaseException:
        _complain()
    finally:
        os._exit(status)


def _die_with_parent(lifeline: int) -> None:
    """Be killed when the lifeline's other end is closed, by whatever ends the parent.

    The kernel sends SIGIO, whose default is death, also while C code runs that never
    looks up; a parent that was killed itself cannot do that.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        raise ChannelClosed


def _complain() -> None:
    """Leave the traceback where the parent finds it."""
    import traceback

    os.write(STDERR_NUMBER, traceback.format_exc().encode("utf-8", "replace"))
