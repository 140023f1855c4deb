# SPDX-License-Identifier: GPL-2.0-or-later
"""One line of progress on standard error, on a terminal only.

Owns its drawing and its removal before anything else is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from ultravisor.results import Progress

# Drawn once in so many reports: reports come every few milliseconds.
REPORTS_PER_DRAWING = 16
ERASE = "\r\x1b[K"


class ProgressLine:
    """Draws how far a run has come; silent where nobody watches."""

    def __init__(self, stream: TextIO, *, wanted: bool) -> None:
        self._stream = stream
        self._wanted = wanted and stream.isatty()
        self._reports = 0
        self._drawn = False

    @property
    def active(self) -> bool:
        """Say whether progress is shown at all."""
        return self._wanted

    def report(self, progress: Progress) -> None:
        """Draw the line now and then."""
        self._reports += 1
        if not self._wanted or self._reports % REPORTS_PER_DRAWING:
            return
        self._stream.write(
            f"{ERASE}{progress.clock_cycles:,} cycles, {progress.guest_cycles:,} of guests, "
            f"{progress.running} running"
        )
        self._stream.flush()
        self._drawn = True

    def clear(self) -> None:
        """Remove the line."""
        if self._drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._drawn = False
