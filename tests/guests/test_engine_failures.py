# SPDX-License-Identifier: GPL-2.0-or-later
"""Code on which the engine fails, or did what no processor does: each found by random code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guests.both_builds import BUILDS, LONG_CYCLES, Guest, boot, make_machine, run_both
from tests.guests.machine_code import TEXT
from tests.unit.tiny_guests import count_down, leave
from ultravisor.machine.abi import Hypercall, StopReason

if TYPE_CHECKING:
    from ultravisor.machine.interface import MonitorBuild

pytestmark = pytest.mark.guest

UNDEFINED = 6
LOCKED_BIT_TESTS = {
    "lock_bts": b"\xf0\x0f\xab\xd1",
    "lock_btr": b"\xf0\x0f\xb3\xd1",
    "lock_btc": b"\xf0\x0f\xbb\xd1",
    "lock_bts_immediate": b"\xf0\x0f\xba\xe9\x01",
}
"""With a register as destination: undefined, but the engine aborts while it translates them."""


@pytest.mark.parametrize("name", LOCKED_BIT_TESTS)
def test_an_abort_of_the_engine_stops_the_partition_whose_code_it_was(name: str) -> None:
    code = count_down(10) + LOCKED_BIT_TESTS[name] + leave()
    outcome = run_both(Guest(text=code)).outcome
    assert outcome.statistics.stop_reason == StopReason.UNSUPPORTED
    # The last thing that ran is the loop; what follows it was to be translated as one block.
    assert outcome.statistics.stop_rip == TEXT + len(count_down(10))


@pytest.mark.parametrize("build", BUILDS)
def test_an_abort_hurts_no_neighbour(build: MonitorBuild) -> None:
    """The neighbour shares the processor, in the simulated build the engine too."""
    hashes = []
    for text in (LOCKED_BIT_TESTS["lock_bts"], leave()):
        neighbour = Guest(text=count_down(5000) + leave(3), name="neighbour")
        with make_machine(build) as machine:
            boot(machine, (Guest(text=text, quantum_cycles=500), neighbour))
            machine.run(LONG_CYCLES)
            assert machine.partition_statistics(2).exit_code == 3
            hashes.append(machine.partition_hash(2))
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("build", BUILDS)
def test_a_snapshot_taken_before_an_abort_can_be_restored(build: MonitorBuild) -> None:
    code = count_down(2000) + LOCKED_BIT_TESTS["lock_bts"]
    with make_machine(build) as machine:
        boot(machine, (Guest(text=code),))
        machine.run(2000)
        before = machine.snapshot()
        ends = []
        for _ in range(2):
            machine.run(LONG_CYCLES)
            ends.append((machine.state_hash(), machine.partition_statistics(1)))
            machine.restore(before)
        assert ends[0] == ends[1]
        assert ends[0][1].stop_reason == StopReason.UNSUPPORTED


@pytest.mark.parametrize("prefix", [b"\x48", b"\x4d", b"\x66", b"\x2e\x48"], ids=bytes.hex)
def test_a_prefix_does_not_change_where_a_system_call_enters(prefix: bytes) -> None:
    """The engine adds the instruction's own size to where the entry is."""
    version = b"\x31\xc0" + prefix + b"\x0f\x05"  # xor eax, eax; syscall
    outcome = run_both(Guest(text=version + leave(7))).outcome
    assert outcome.statistics.exit_code == 7
    assert outcome.statistics.hypercalls[Hypercall.VERSION] == 1


@pytest.mark.parametrize(
    "code", [b"\xf0\xcf", b"\xf0\x48\xcf", b"\xf0\xcb", b"\xf0\xec"], ids=bytes.hex
)
def test_what_cannot_be_decoded_is_undefined(code: bytes) -> None:
    """The engine would ignore the prefix, and execute an instruction nobody has looked at."""
    statistics = run_both(Guest(text=code + leave())).outcome.statistics
    assert (statistics.stop_vector, statistics.stop_rip) == (UNDEFINED, TEXT)


@pytest.mark.parametrize("before", [99, 100, 101])
def test_a_refused_instruction_at_the_end_of_a_slot_traps_before_the_tick(before: int) -> None:
    """The trap is delivered at rest: the tick must wait until the monitor has taken it."""
    guest = Guest(text=b"\x90" * before + b"\xf0\xcf" + leave(), quantum_cycles=100)
    neighbour = Guest(text=count_down(500) + leave(3), name="neighbour", quantum_cycles=100)
    refused, other = run_both(guest, neighbour).outcomes
    assert refused.statistics.stop_rip == TEXT + before
    assert refused.statistics.stop_vector == UNDEFINED
    assert other.statistics.exit_code == 3
