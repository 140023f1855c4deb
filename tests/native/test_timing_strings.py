# SPDX-License-Identifier: GPL-2.0-or-later
"""String instructions: the pointers move by an operation of their own, whatever is loaded.

INSTLAT, as native/timing/parameters.c names it, has one of each after the other: cycles of a
Haswell Xeon, an i7-3770K and an EPYC 9654. Such a chain is made of the pointers alone.
"""

from __future__ import annotations

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import BlockMeter, Core
from ultravisor.machine.interface import TimingEvent

TEXT = 1 << 22
CARRY, FLAGS = 16, 17
COUNTER, SOURCE, DESTINATION = 1, 6, 7
# Intel's (Haswell), AMD's.
MEASURED = {
    "ac": (1.25, 3),  # lodsb
    "66ad": (1.25, 3),  # lodsw
    "ad": (1.0, 3),  # lodsd
    "48ad": (1.05, 3),  # lodsq
    "aa": (1.0, 3),  # stosb
    "ab": (1.05, 3),  # stosd
    "a4": (4.0, 3),  # movsb
    "48a5": (4.0, 3),  # movsq
    "ae": (1.25, 3),  # scasb
    "af": (1.3, 3),  # scasd
    "a6": (4.0, 3),  # cmpsb
    "48a7": (4.0, 3),  # cmpsq
}


def cycles(core: str, code: str) -> float:
    return BlockMeter(core).measure(bytes.fromhex(code)).cycles_per_copy


@pytest.mark.parametrize("code", MEASURED)
@pytest.mark.parametrize("core", CORES)
def test_one_after_the_other_is_as_measured(core: str, code: str) -> None:
    intel, amd = MEASURED[code]
    assert cycles(core, code) == pytest.approx(amd if core == "zen4" else intel, abs=0.15)


@pytest.mark.parametrize("core", ["skylake", "haswell", "ivybridge"])
def test_a_pointer_is_ready_a_cycle_later(core: str) -> None:
    # lodsd and twelve times inc rsi: a chain of 13.
    assert cycles(core, "ad" + "48ffc6" * 12) == pytest.approx(13, abs=0.2)
    # stosd and twelve times inc rdi.
    assert cycles(core, "ab" + "48ffc7" * 12) == pytest.approx(13, abs=0.2)


@pytest.mark.parametrize("core", ["skylake", "haswell", "ivybridge"])
def test_what_is_loaded_takes_as_long_as_any_load(core: str) -> None:
    # lodsd; lea rsi, [rax]: through the data. mov eax, [rsi]; lea rsi, [rax] is the same load.
    assert cycles(core, "ad488d30") == cycles(core, "8b06488d30")


@pytest.mark.parametrize("core", ["skylake", "haswell", "ivybridge"])
def test_a_comparison_waits_for_its_data(core: str) -> None:
    # scasd; sbb rdi, rdi: load, comparison, sbb.
    sbb = 1 if core == "skylake" else 2
    assert cycles(core, "af4819ff") == 5 + 1 + sbb


@pytest.mark.parametrize("core", CORES)
def test_a_repeated_comparison_writes_all_flags(core: str) -> None:
    _, destinations = Core(core).decode(bytes.fromhex("f3a6"), TEXT).effects(0)
    slots = (COUNTER, SOURCE, DESTINATION, CARRY, FLAGS)
    assert destinations == sum(1 << slot for slot in slots)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("code", "loads", "stores"),
    [("ac", 1, 0), ("aa", 0, 1), ("a4", 1, 1), ("ae", 1, 0), ("a6", 2, 0)],
)
def test_accesses_are_those_of_the_instruction(
    core: str, code: str, loads: int, stores: int
) -> None:
    timed = Core(core)
    timed.execute(timed.decode(bytes.fromhex(code), TEXT))
    events = timed.statistics().events
    assert (events[TimingEvent.LOAD], events[TimingEvent.STORE]) == (loads, stores)
