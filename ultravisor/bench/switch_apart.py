# SPDX-License-Identifier: GPL-2.0-or-later
"""Measuring in a child process, for a monitor that may hang or bring the engine down.

Owns the child, what it says, and how long it may say nothing: an entry path of the user's own
that loops with interrupts off never lets the machine pause. Called by the command.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any, Final

from ultravisor.bench.switch_measure import measure
from ultravisor.errors import MachineError, UltravisorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from ultravisor.bench.switch_measure import Request
    from ultravisor.bench.switch_results import SwitchResult
    from ultravisor.bench.switch_run import Setting

# Of the host's time: many times what the guests of one path take on a slow host.
SILENCE_LIMIT_SECONDS: Final = 60.0


def measure_apart(
    setting: Setting,
    request: Request,
    *,
    entry: str,
    on_progress: Callable[[str], None] = lambda _: None,
    silence_limit_seconds: float = SILENCE_LIMIT_SECONDS,
) -> SwitchResult:
    """Measure as `measure` does; raise MachineError when the child does not come back."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(theirs, setting, request, entry), daemon=True)
    child.start()
    theirs.close()
    last = "starting"
    try:
        while True:
            if not ours.poll(silence_limit_seconds):
                raise _failure(entry, f"does not come back to the guests ({last})")
            kind, value = ours.recv()
            if kind == "done":
                return value  # type: ignore[no-any-return]
            if kind == "failed":
                failure, message, hint = value
                raise failure(message, hint)
            last = value
            on_progress(last)
    except EOFError:
        raise _failure(entry, f"brought the engine down ({last})") from None
    finally:
        child.kill()
        child.join()
        ours.close()


def _failure(entry: str, what: str) -> MachineError:
    return MachineError(
        f"{entry}: the monitor built with it {what}", "compare it with monitor/entry/entry.S"
    )


def _child(answers: Connection, setting: Setting, request: Request, entry: str) -> None:
    def tell(kind: str, value: Any) -> None:
        answers.send((kind, value))

    try:
        result = measure(
            setting, request, entry=entry, on_progress=lambda what: tell("progress", what)
        )
    except UltravisorError as failure:
        tell("failed", (type(failure), failure.message, failure.hint))
    else:
        tell("done", result)
