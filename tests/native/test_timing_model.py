# SPDX-License-Identifier: GPL-2.0-or-later
"""What a model adds to a core: tags of spaces, roots that nobody executed, barriers."""

from __future__ import annotations

import pytest

from ultravisor.machine.cores import CORES
from ultravisor.machine.cycle_core import Access, Core, costs
from ultravisor.machine.interface import MachineModel, TimingEvent, TimingTransition
from ultravisor.machine.models import MODEL_NAMES, model_bits, model_text, parse_model

PAGE = 4096
LINE = 64
DATA = 1 << 30
MONITOR = 1 << 40
MONITOR_SIZE_BYTES = 1 << 39
LOAD = bytes.fromhex("488b00")  # mov rax, [rax]
SPACES = 64
OWNER = 2
# Of a transition: the row of tables/system.inc that says its cost.
ROWS = {
    TimingTransition.ENTRY_ROOT: "MOV_TO_CR3",
    TimingTransition.EXIT_ROOT: "MOV_TO_CR3",
    TimingTransition.ENTRY_RESTRICTION: "WRMSR",
    TimingTransition.EXIT_RESTRICTION: "WRMSR",
    TimingTransition.BUFFER_CLEARING: "VERW",
    TimingTransition.TARGET_BARRIER: "TARGET_BARRIER",
    TimingTransition.DATA_CACHE_FLUSH: "DATA_CACHE_FLUSH",
    TimingTransition.RETURN_FILLING: "RETURN_FILLING",
}


def root(number: int, owner: int = 1) -> int:
    """Return the name of a root: its machine address, and whose it is."""
    return number * PAGE | owner * OWNER


class Walker:
    """A core that loads from one page, and counts walks; its code is the monitor's, and stays."""

    def __init__(self, model: MachineModel, name: str = "skylake") -> None:
        self.core = Core(name)
        self.core.model(model, MONITOR, MONITOR_SIZE_BYTES)
        self.code = self.core.decode(LOAD)

    def load(self, address: int = DATA) -> int:
        """Return how many walks a load takes, that of its code left out."""
        self.core.execute(self.code, [Access(address + 8 * PAGE, DATA, 8, is_write=False)])
        before = self.core.statistics().events[TimingEvent.PAGE_WALK]
        self.core.execute(self.code, [Access(address, DATA, 8, is_write=False)])
        return self.core.statistics().events[TimingEvent.PAGE_WALK] - before

    def go(self, number: int, owner: int = 1) -> None:
        self.core.transition(TimingTransition.ROOT, root(number, owner))


def test_the_names_are_the_bits_of_the_interface() -> None:
    assert {name: model_bits([name]) for name in MODEL_NAMES} == {
        member.name.lower(): member.value for member in MachineModel if member.name is not None
    }
    assert parse_model("global, pcid") == ("pcid", "global")
    assert model_text(("global", "pcid")) == "pcid,global"
    assert model_text(parse_model("none")) == "none"


def test_without_tags_a_root_drops_all_translations() -> None:
    walker = Walker(MachineModel(0))
    walker.go(1)
    assert [walker.load(), walker.load()] == [1, 0]
    walker.go(2)
    walker.go(1)
    assert walker.load() == 1


def test_with_tags_translations_stay_for_when_the_root_comes_back() -> None:
    walker = Walker(MachineModel.PCID)
    walker.go(1)
    assert walker.load() == 1
    walker.go(2)
    assert walker.load() == 1, "another space's are not its own"
    walker.go(1)
    assert walker.load() == 0
    walker.go(2)
    assert walker.load() == 0


def test_tags_run_out_and_the_one_unused_for_longest_is_taken() -> None:
    walker = Walker(MachineModel.PCID)
    # Elsewhere in each: all of one address would fall into one set.
    for number in range(1, SPACES + 2):
        walker.go(number)
        walker.load(DATA + number * 9 * PAGE)
    walker.go(2)
    assert walker.load(DATA + 2 * 9 * PAGE) == 0
    walker.go(1)
    assert walker.load(DATA + 9 * PAGE) == 1, "its tag was given to another, with nothing under it"


def test_a_root_over_itself_drops_its_translations_and_makes_its_owners_others_stale() -> None:
    walker = Walker(MachineModel.PCID)
    for number, owner in ((1, 1), (2, 1), (3, 7)):
        walker.go(number, owner)
        walker.load()
    walker.go(1)
    walker.go(1)
    assert walker.load() == 1
    walker.go(2)
    assert walker.load() == 1
    walker.go(3, 7)
    assert walker.load() == 0, "another owner's tables did not change"


def test_a_page_that_is_dropped_makes_its_owners_other_spaces_stale() -> None:
    walker = Walker(MachineModel.PCID)
    for number, owner in ((2, 1), (3, 7), (1, 1)):
        walker.go(number, owner)
        walker.load()
    walker.core.transition(TimingTransition.FLUSH_PAGE, DATA)
    assert walker.load() == 1
    walker.go(2)
    assert walker.load() == 1
    walker.go(1)
    assert walker.load() == 0
    walker.go(3, 7)
    assert walker.load() == 0


@pytest.mark.parametrize("in_force_too", [False, True])
def test_what_another_processor_changed_is_dropped_when_it_is_loaded(in_force_too: bool) -> None:
    walker = Walker(MachineModel.PCID)
    for number in (1, 2):
        walker.go(number)
        walker.load()
    walker.core.stale(1, in_force_too=in_force_too)
    walker.go(1)
    assert walker.load() == 1
    walker.go(2)
    assert walker.load() == in_force_too


def test_global_translations_outlive_roots_and_are_in_every_space() -> None:
    for model in (MachineModel.GLOBAL, MachineModel.GLOBAL | MachineModel.PCID):
        walker = Walker(model)
        walker.go(1)
        assert [walker.load(MONITOR), walker.load(DATA)] == [1, 1]
        walker.go(2)
        assert [walker.load(MONITOR), walker.load(DATA)] == [0, 1]
        walker.core.transition(TimingTransition.FLUSH_PAGE, MONITOR)
        assert walker.load(MONITOR) == 1, "not one that is dropped by itself"
    walker = Walker(MachineModel.PCID)
    walker.go(1)
    walker.load(MONITOR)
    walker.go(2)
    assert walker.load(MONITOR) == 1, "each space has its own otherwise"


def test_the_monitors_side_of_a_root_is_a_space_of_its_own() -> None:
    walker = Walker(MachineModel.PCID | MachineModel.KPTI)
    walker.go(1)
    walker.load()
    walker.core.transition(TimingTransition.ENTRY_ROOT, root(1) | 1)
    assert walker.load(MONITOR) == 1
    for _ in range(2):
        walker.core.transition(TimingTransition.EXIT_ROOT, root(1))
        walker.core.transition(TimingTransition.ENTRY_ROOT, root(1) | 1)
    assert walker.load(MONITOR) == 0, "loaded without an instruction, it drops nothing"


def test_the_owner_is_the_last_that_had_one() -> None:
    core = Core("skylake")
    core.model(MachineModel.IBPB)
    assert core.owner == 0
    core.transition(TimingTransition.ROOT, root(1, 5))
    core.transition(TimingTransition.ROOT, root(9, 0))
    assert core.owner == 5


@pytest.mark.parametrize("name", CORES)
def test_each_costs_what_its_row_says(name: str) -> None:
    cycles = {row.name: row.cycles for row in costs(name)}
    core = Core(name)
    core.model(MachineModel.VERW)
    found = {transition: core.transition(transition, root(1)) for transition in ROWS}
    assert found == {transition: cycles[row] for transition, row in ROWS.items()}
    assert core.statistics().events[TimingEvent.TRANSITION] == len(ROWS)


def test_what_drains_waits_for_stores() -> None:
    core = Core("skylake")
    core.model(MachineModel.VERW)
    quiet = core.transition(TimingTransition.BUFFER_CLEARING)
    store = core.decode(bytes.fromhex("488903"))  # mov [rbx], rax
    core.execute(store, [Access(DATA, DATA, 8, is_write=True)])
    assert core.transition(TimingTransition.BUFFER_CLEARING) > quiet


def test_an_empty_first_data_cache_leaves_lines_to_the_second() -> None:
    core = Core("skylake")
    core.model(MachineModel.L1D)
    code = core.decode(LOAD)
    access = [Access(DATA, DATA, 8, is_write=False)]
    core.execute(code, access)
    before = core.statistics().events
    core.transition(TimingTransition.DATA_CACHE_FLUSH)
    core.execute(code, access)
    after = core.statistics().events
    missed = [
        after[event] - before[event]
        for event in (TimingEvent.DATA_CACHE_MISS, TimingEvent.SECOND_CACHE_MISS)
    ]
    assert missed == [1, 0]


def mispredicts(core: Core, code: str, target: int, times: int = 1) -> int:
    """Run a block that jumps; return how often its target was predicted wrongly."""
    block = core.decode(bytes.fromhex(code))
    before = core.statistics().events
    for _ in range(times):
        core.execute(block, target=target)
    after = core.statistics().events
    wrong = (TimingEvent.MISPREDICT, TimingEvent.RESTEER)
    return sum(after[event] - before[event] for event in wrong)


def test_a_barrier_forgets_targets_and_keeps_directions() -> None:
    core = Core("skylake")
    core.model(MachineModel.IBPB)
    for code in ("ffe0", "740a"):  # jmp rax; jz
        mispredicts(core, code, DATA, 50)
        assert mispredicts(core, code, DATA) == 0
        core.transition(TimingTransition.TARGET_BARRIER)
        before = core.statistics().events[TimingEvent.MISPREDICT]
        assert mispredicts(core, code, DATA) == 1
        wrong = core.statistics().events[TimingEvent.MISPREDICT] - before
        assert wrong == (code == "ffe0"), "that a branch is taken is still known"


def test_filled_returns_are_all_predicted_wrongly() -> None:
    core = Core("skylake")
    core.model(MachineModel.RSB)
    call = core.decode(bytes.fromhex("e800000000"))
    back = call.address + 5
    core.execute(call, [Access(DATA, DATA, 8, is_write=True)], target=back)
    core.transition(TimingTransition.RETURN_FILLING)
    assert mispredicts(core, "c3", back) == 1


def test_retpolines_are_the_monitors_and_never_predicted() -> None:
    core = Core("skylake")
    for address, expected in ((MONITOR, 20), (MONITOR + MONITOR_SIZE_BYTES, 0)):
        core.model(MachineModel.RETPOLINE, MONITOR, MONITOR_SIZE_BYTES)
        block = core.decode(bytes.fromhex("ffe0"), address)
        found = []
        for _ in range(70):
            before = core.statistics().events[TimingEvent.MISPREDICT]
            core.execute(block, target=DATA)
            found.append(core.statistics().events[TimingEvent.MISPREDICT] - before)
        assert sum(found[-20:]) == expected
