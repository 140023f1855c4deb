# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing hides a refused instruction from the decoder.

Some byte sequences the engine executes and the decoder does not know, or takes for longer
ones: whatever followed them in a block used to be executed unseen, far returns that read the
monitor's memory included. They are undefined now, or what follows them is seen.
"""

from __future__ import annotations

import pytest

from tests.guests.both_builds import Guest, run_both
from tests.guests.machine_code import TEXT
from ultravisor.machine.abi import StopReason

pytestmark = pytest.mark.guest

INVALID_OPCODE = 6
PAGE_FAULT = 14
# Of the monitor's state: supervisor memory in the simulated build.
MONITOR_STACK = 0xFFFF800000300100
IRETQ = bytes.fromhex("48cf")

HIDING = {
    "an alias of fcom": "dcd0",
    "an alias of fxch": "ddc8",
    "an alias of fcomp": "ded0",
    "an alias of fstp": "dfd0",
    "a reserved no-operation": "0f1dc0",
    "a prefetch of a register": "0f0dc0",
    "mov with lock": "f089c8",
    "add of a register with lock": "f001c8",
    "a repeated movnti": "f30fc308",
    "movmskps of memory": "0f5008",
    "extrq, whose memory operand the engine does not see": "66480f7805",
}


@pytest.mark.parametrize("name", HIDING)
def test_what_follows_is_not_hidden(name: str) -> None:
    load_stack = b"\x48\xbc" + MONITOR_STACK.to_bytes(8, "little")  # mov rsp, imm64
    text = load_stack + bytes.fromhex(HIDING[name]) + IRETQ + b"\x90" * 16
    stopped = run_both(Guest(text=text)).outcome.statistics
    assert stopped.stop_reason == StopReason.UNHANDLED_TRAP
    if stopped.stop_vector == INVALID_OPCODE:
        assert stopped.stop_rip == TEXT + len(load_stack)
    else:
        assert (stopped.stop_vector, stopped.stop_address) == (PAGE_FAULT, MONITOR_STACK)


def test_what_stands_before_it_runs() -> None:
    result = run_both(Guest(text=bytes.fromhex("b82a000000f089c8") + IRETQ))
    assert result.outcome.statistics.stop_rip == TEXT + 5
