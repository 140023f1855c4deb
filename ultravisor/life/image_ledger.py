# SPDX-License-Identifier: GPL-2.0-or-later
"""The images that a life reads: which, when, and what came of it.

Owns the reading of images for a living host. Files come from outside as much as orders do: each
reading is noted, that of a file that was not there too, and a replay gets what the life got.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from ultravisor.errors import RecordError, UltravisorError
from ultravisor.life.protocol import ErrorBody, exception_of
from ultravisor.machine.image import read_image
from ultravisor.resolution import find_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ultravisor.machine.image import Image


class ImageRead(Struct, frozen=True):
    """An image that was read, so many times in a row with the same outcome."""

    name: str
    """As the one who wanted it called it: a bundled image, or a path."""
    sha256: str | None
    """Of the file; None: it could not be read."""
    failure: ErrorBody | None = None
    """Why not."""
    count: Annotated[int, Meta(ge=1)] = 1


class ImageLedger:
    """Reads images for one host, and remembers."""

    def __init__(self, expected: Iterable[ImageRead] | None = None) -> None:
        """Begin empty; with what a life has read, a reading that failed fails again."""
        self.reads: list[ImageRead] = []
        self.on_read: Callable[[ImageRead], None] | None = None
        """Told of each reading, before anything comes of it."""
        self._expected: dict[str, deque[ImageRead]] = {}
        for row in expected or ():
            self._expected.setdefault(row.name, deque()).append(row)

    def read(self, name: str) -> Image:
        """Return the image of a name; raise UltravisorError where there is none."""
        failure = self._expected_failure(name)
        try:
            if failure is not None:
                raise exception_of(failure)
            image = read_image(find_image(name))
        except UltravisorError as raised:
            body = ErrorBody(type(raised).__name__, raised.message, raised.hint)
            self._note(ImageRead(name, None, body))
            raise
        self._note(ImageRead(name, image.sha256))
        return image

    def _note(self, row: ImageRead) -> None:
        if self.on_read is not None:
            self.on_read(row)
        add_read(self.reads, row)

    def _expected_failure(self, name: str) -> ErrorBody | None:
        """Return why the next reading of a name is to fail; None: it is not."""
        rows = self._expected.get(name)
        if not rows:
            return None
        row = rows.popleft()
        if row.count > 1:
            rows.appendleft(replace(row, count=row.count - 1))
        return row.failure


def add_read(reads: list[ImageRead], row: ImageRead) -> None:
    """Add a reading; one that repeats the last of its name is counted there."""
    for place in range(len(reads) - 1, -1, -1):
        last = reads[place]
        if last.name != row.name:
            continue
        if replace(last, count=1) == replace(row, count=1):
            reads[place] = replace(last, count=last.count + row.count)
            return
        break
    reads.append(row)


def require_same_images(
    reads: Sequence[ImageRead], kind: type[UltravisorError] = RecordError
) -> None:
    """Refuse where an image is not what was read, or was not the same all the time."""
    hashes: dict[str, str] = {}
    for row in reads:
        if row.sha256 is None:
            continue
        before = hashes.setdefault(row.name, row.sha256)
        if before != row.sha256:
            message = f"{row.name}: the image was changed while the host lived"
            raise kind(message, "both contents would be needed to repeat it")
    for name, recorded in hashes.items():
        image = read_image(find_image(name))
        if image.sha256 != recorded:
            raise kind(
                f"{image.path}: not the image that was recorded "
                f"(sha256 {image.sha256[:16]}..., recorded {recorded[:16]}...)",
                "restore the image",
            )
