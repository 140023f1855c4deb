# SPDX-License-Identifier: GPL-2.0-or-later
"""A partition's console under test.

Owns what it means that a text is there: each expectation looks only behind what the one
before it found. Reached as `console` of a guest under test.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ultravisor.testing.limits import EXPECTATION_LIMIT_CYCLES

if TYPE_CHECKING:
    from ultravisor.testing.booted_host import BootedHost


class ConsoleUnderTest:
    """What a partition writes and reads, as a test sees it."""

    def __init__(self, name: str, host: BootedHost) -> None:
        self._name = name
        self._host = host
        self._position = 0

    @property
    def text(self) -> str:
        """Return all that the partition has written so far."""
        return self._host.result.partition(self._name).console

    @property
    def rest(self) -> str:
        """Return what no expectation has found yet."""
        return self.text[self._position :]

    def expect(
        self, wanted: str | re.Pattern[str], *, within_cycles: int = EXPECTATION_LIMIT_CYCLES
    ) -> re.Match[str]:
        """Run the host until the text, or a match of the expression, is there; return it."""
        __tracebackhide__ = True
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted
        self._host.run_until(
            lambda: pattern.search(self.text, self._position) is not None, within_cycles
        )
        found = pattern.search(self.text, self._position)
        if found is None:
            what = repr(wanted) if isinstance(wanted, str) else f"a match of {wanted.pattern!r}"
            behind = f" behind its first {self._position} characters" if self._position else ""
            expected = f"{what} on the console of `{self._name}`{behind}"
            self._host.fail(self._name, expected, self._host.why_not(self._name, within_cycles))
        self._position = found.end()
        return found

    def send(self, text: str) -> None:
        """Type a text: the partition can read it from now on."""
        self._host.input(self._name, text.encode())
