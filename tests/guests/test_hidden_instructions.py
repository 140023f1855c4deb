# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing hides a refused instruction from the decoder.

Some byte sequences the engine executes and the decoder does not know, or takes for longer
ones: whatever followed them in a block used to be executed unseen, far returns that read the
monitor's memory included. They are undefined now, in both builds.
"""

from __future__ import annotations

import pytest

from tests.guests.both_builds import Guest, run_both
from tests.guests.machine_code import TEXT
from ultravisor.machine.abi import StopReason

pytestmark = pytest.mark.guest

INVALID_OPCODE = 6
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
def test_what_the_decoder_does_not_know_is_undefined(name: str) -> None:
    code = bytes.fromhex(HIDING[name])
    result = run_both(Guest(text=b"\x90" + code + IRETQ + b"\x90" * 16))
    stopped = result.outcome.statistics
    assert stopped.stop_reason == StopReason.UNHANDLED_TRAP
    assert (stopped.stop_vector, stopped.stop_rip) == (INVALID_OPCODE, TEXT + 1)


def test_what_stands_before_it_runs() -> None:
    result = run_both(Guest(text=bytes.fromhex("b82a000000f089c8") + IRETQ))
    assert result.outcome.statistics.stop_rip == TEXT + 5
