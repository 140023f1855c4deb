# SPDX-License-Identifier: GPL-2.0-or-later
"""The options by which the command line overrides [host] of a configuration.

Owns them once, for every verb that makes a host. Imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from ultravisor.machine.cores import TIMING_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

OPTIONS = (
    click.option("--seed", type=click.IntRange(0), help="The one source of randomness."),
    click.option("--processors", type=click.IntRange(1, 8), help="Physical processors, 1 to 8."),
    click.option(
        "--memory",
        "memory_mib",
        type=click.IntRange(64),
        metavar="MIB",
        help="Machine memory in MiB.",
    ),
    click.option(
        "--monitor", type=click.Choice(["native", "simulated"]), help="Which build of the monitor."
    ),
    click.option(
        "--fpu",
        type=click.Choice(["eager", "lazy"]),
        help="When the simulated monitor gives guests FPU and SSE: every switch, or first use.",
    ),
    click.option(
        "--timing",
        type=click.Choice(TIMING_NAMES),
        help="off: work is bytes of code; unit: one cycle an instruction; else a core's cycles.",
    ),
    click.option(
        "--clock",
        type=click.Choice(["guest", "machine"]),
        help="What slots and timers run by: guest work, or the monitor's too (with a core).",
    ),
    click.option(
        "--check-refusals",
        is_flag=True,
        default=None,
        help="Check that a refused call changes nothing; slow; native build only.",
    ),
)
NAMES = ("seed", "processors", "memory_mib", "monitor", "fpu", "timing", "clock", "check_refusals")


def host_options(function: Function) -> Function:
    """Give a verb the options that override [host]."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def take_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Take what these options yielded out of a verb's arguments; None: not given."""
    return {name: given.pop(name) for name in NAMES}
