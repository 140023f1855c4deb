# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees when something goes wrong.

Owns the form of messages on standard error. Called by the command's top level only.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ultravisor.cli.terminal import paint, printable

if TYPE_CHECKING:
    from ultravisor.errors import UltravisorError


def report_failure(failure: UltravisorError) -> None:
    """Say what is wrong and what to do; no traceback."""
    label = paint("error:", "red", sys.stderr)
    message = "\n".join(printable(line) for line in failure.message.split("\n"))
    print(f"{label} {message}", file=sys.stderr)
    if failure.hint:
        print(f"  {printable(failure.hint)}", file=sys.stderr)


def report_unexpected(failure: Exception) -> None:
    """Say that we are wrong, and what a report needs."""
    import traceback

    from ultravisor.recording import versions

    traceback.print_exception(failure, file=sys.stderr)
    label = paint("internal error:", "red", sys.stderr)
    print(f"{label} {type(failure).__name__}: {printable(str(failure))}", file=sys.stderr)
    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    print(
        f"  please report the lines above, the command and these versions: {found}",
        file=sys.stderr,
    )
