# SPDX-License-Identifier: GPL-2.0-or-later
"""A file under a journal that records what is done to it, and makes what a crash can leave."""

from __future__ import annotations

import errno
import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Action(NamedTuple):
    """Something that was done and is not durable before the next sync."""

    kind: str
    offset: int
    data: bytes


class FakeStorage:
    """A storage in memory; `durable` is what survives, `pending` what may or may not."""

    name = "fake"

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.durable = content
        self.pending: list[Action] = []
        self.fail_at = -1
        """Which call from now on fails: 0 is the next."""
        self.written_before_failure = 0
        """How many bytes a failing write still writes."""
        self.fails_forever = False

    def _count(self) -> bool:
        """Say whether this call fails."""
        self.fail_at -= 1
        return self.fail_at == -1 or (self.fails_forever and self.fail_at < -1)

    def _fail(self, number: int = errno.EIO) -> None:
        raise OSError(number, os.strerror(number))

    def read(self) -> bytes:
        return self.content

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        return self.content[offset : offset + size_bytes]

    def write(self, offset: int, data: bytes) -> None:
        fails = self._count()
        if fails:
            data = data[: self.written_before_failure]
        self._do(Action("write", offset, data))
        if fails:
            self._fail(errno.ENOSPC)

    def truncate(self, size_bytes: int) -> None:
        if self._count():
            self._fail()
        self._do(Action("truncate", size_bytes, b""))

    def sync(self) -> None:
        if self._count():
            self._fail()
        self.durable = self.content
        self.pending.clear()

    def replace(self, data: bytes) -> None:
        if self._count():
            self._fail(errno.ENOSPC)
        self.content = self.durable = data
        self.pending.clear()

    def close(self) -> None:
        pass

    def _do(self, action: Action) -> None:
        self.content = apply(self.content, action)
        self.pending.append(action)

    def images(self) -> Iterator[bytes]:
        """Return every content that a crash now can leave: what was not synced may be there
        whole, torn at some place, or not at all, whatever came after it."""
        for chosen in itertools.product(*(tuple(torn(action)) for action in self.pending)):
            content = self.durable
            for action in chosen:
                if action is not None:
                    content = apply(content, action)
            yield content


def apply(content: bytes, action: Action) -> bytes:
    """Return a content after an action."""
    if action.kind == "truncate":
        return content[: action.offset]
    padded = content.ljust(action.offset, b"\0")
    return padded[: action.offset] + action.data + padded[action.offset + len(action.data) :]


def torn(action: Action) -> Iterator[Action | None]:
    """Return what a crash can leave of an action: all, nothing, its beginning, its end."""
    yield action
    yield None
    if action.kind == "write":
        size = len(action.data)
        for cut in sorted({1, 39, 40, size // 2, size - 1}):
            if 0 < cut < size:
                yield Action("write", action.offset, action.data[:cut])
                yield Action("write", action.offset + cut, action.data[cut:])
