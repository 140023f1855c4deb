# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the kernel beside this file, under Ultravisor; run by pytest after `make`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ultravisor.testing.host_factory import HostFactory

KERNEL = Path(__file__).parent / "build" / "kernel.elf"
MARK_BEGIN, MARK_END = 1, 2


def test_it_answers_what_is_typed(host: HostFactory) -> None:
    """A line in, a sum out, and it ends when it is told to."""
    kernel = host.boot(KERNEL, memory_mib=8)
    kernel.console.expect("ready")
    kernel.console.send("1, 2 and 39\n")
    assert kernel.console.expect(re.compile(r"sum (\d+)"))[1] == "15"
    kernel.console.send("q\n")
    kernel.expect_exit(0)


def test_it_sleeps_while_nothing_is_typed(host: HostFactory) -> None:
    """It reads once, finds nothing and blocks: it does not poll."""
    kernel = host.boot(KERNEL)
    kernel.console.expect("ready")
    kernel.run()
    kernel.expect_hypercalls({"console_read": 1, "block": 1})


def test_a_sum_takes_time_by_its_length(host: HostFactory) -> None:
    """Between its marks it does nothing but sum: some instructions a character."""
    kernel = host.boot(KERNEL, timing="unit")
    kernel.console.send("1234567890")
    kernel.console.expect("sum 45")
    kernel.cycles_within(20, 200, between=(MARK_BEGIN, MARK_END))


def test_it_can_be_stopped_from_outside(host: HostFactory) -> None:
    """The operator's order is its first reason: nothing of its own came before."""
    kernel = host.boot(KERNEL)
    kernel.console.expect("ready")
    kernel.stop("kernel")
    kernel.expect_stop("operator")
