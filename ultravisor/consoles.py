# SPDX-License-Identifier: GPL-2.0-or-later
"""What partitions wrote to their consoles, kept.

Owns the bound on what is kept. Used by ultravisor.host; knows nothing of terminals.
"""

from __future__ import annotations

# What is kept of one console; a guest that writes for ever must not fill the host's memory.
CONSOLE_KEPT_BYTES = 16 << 20


class Console:
    """What one partition wrote; keeps a bounded part of it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.dropped_bytes = 0

    def write(self, data: bytes) -> None:
        """Keep what fits, count what does not."""
        kept = data[: CONSOLE_KEPT_BYTES - len(self.data)]
        self.data += kept
        self.dropped_bytes += len(data) - len(kept)

    def text(self) -> str:
        """Return the console as text; bytes that are not UTF-8 are replaced."""
        text = self.data.decode("utf-8", "replace")
        if self.dropped_bytes:
            text += f"\n[ultravisor: {self.dropped_bytes} further bytes were not kept]\n"
        return text
