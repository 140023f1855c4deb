# SPDX-License-Identifier: GPL-2.0-or-later
"""From records of all instructions to cycles by phase.

Owns what is measured in which order, and the sums: those of a path's phases are the path's,
exactly, in every repeat. The representative repeat is the one with the lower median. Called
by the command; shows nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from ultravisor.bench.switch_paths import IMAGES, NOTHING, PAGE_TRANSPORTS, TRANSPORTS
from ultravisor.bench.switch_phases import TRANSITION_PHASES, Phase, PhaseMap, is_monitor
from ultravisor.bench.switch_references import REFERENCES
from ultravisor.bench.switch_results import (
    InstructionResult,
    PathResult,
    PhaseResult,
    RefillResult,
    SwitchResult,
    distribution,
)
from ultravisor.bench.switch_rows import path_bounds, path_rows, work_cycles
from ultravisor.bench.switch_run import Guests
from ultravisor.bench.switch_symbols import text_symbols
from ultravisor.cycles import EVENT_NAMES
from ultravisor.machine.cores import VALIDATED, unit_of
from ultravisor.machine.flat_image import read_flat_image
from ultravisor.machine.image import read_image
from ultravisor.machine.interface import TimingCause, TimingEvent, TimingTransition
from ultravisor.resolution import find_image
from ultravisor.timing.disassembly import instruction_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ultravisor.bench.switch_paths import Path, Scenario, StateName, TransportName
    from ultravisor.bench.switch_rows import Record, Row
    from ultravisor.bench.switch_run import Setting
    from ultravisor.configuration import FpuName
    from ultravisor.machine.symbols import SymbolTable

INTERRUPTED: Final = "interrupted"
RESUMED: Final = "resumed"
UNDISTURBED: Final = "warm"


class Request(NamedTuple):
    """What is to be measured."""

    paths: Sequence[Path]
    widths: Sequence[int]
    states: Sequence[StateName]
    transports: Sequence[TransportName] = ()
    """Of paths that begin with a call; by default the one of the hypercall page."""


class _Job(NamedTuple):
    """Paths that the same guests go."""

    scenario: Scenario
    width: int
    transport: TransportName
    paths: tuple[Path, ...]


class _Lens(NamedTuple):
    """What addresses mean, and what work takes that no path came before, by state."""

    phases: PhaseMap
    symbols: SymbolTable
    width: int
    fpu: FpuName | None
    alone_cycles: dict[StateName, int]


class _Repeat(NamedTuple):
    """One repeat of a path, and the cycles of the guests' own work after it."""

    rows: list[Row]
    works: dict[str, int]


def measure(
    setting: Setting,
    request: Request,
    *,
    entry: str | None = None,
    fpu: FpuName = "eager",
    on_progress: Callable[[str], None] = lambda _: None,
) -> SwitchResult:
    """Measure everything; the same every time. `fpu` says what the setting's monitor does."""
    scheme = None if entry is not None else fpu
    phases = PhaseMap(text_symbols(setting.monitor.read_bytes()))
    found: list[PathResult] = []
    for width in request.widths:
        on_progress(f"{width} bits: the work alone")
        symbols = read_image(find_image(IMAGES[width])).symbols
        alone_cycles = _work_alone(setting, width, request.states)
        lens = _Lens(phases, symbols, width, scheme, alone_cycles)
        for job in _jobs(request, width):
            on_progress(f"{width} bits: {', '.join(path.name for path in job.paths)}")
            found.extend(_measure_job(setting, job, request.states, lens))
    states = list(request.states)
    # Whoever compares wants one state of one width in a piece.
    found.sort(key=lambda result: (-result.width, states.index(result.state)))  # type: ignore[arg-type]
    sha256 = read_flat_image(setting.monitor).sha256
    return SwitchResult(
        core=setting.core,
        validated=setting.core in VALIDATED,
        unit=unit_of(setting.core),
        pages=setting.pages,
        repeats=setting.repeats,
        monitor_sha256=sha256,
        entry=entry,
        paths=tuple(found),
        monitors={} if scheme is None else {scheme: sha256},
    )


def _jobs(request: Request, width: int) -> Iterator[_Job]:
    """Group the paths that the same guests go, in the order in which they were named."""
    transports = [name for name in request.transports if name in TRANSPORTS[width]]
    page = PAGE_TRANSPORTS[width]
    groups: defaultdict[tuple[Scenario, TransportName], list[Path]] = defaultdict(list)
    for path in request.paths:
        chosen = transports if path.is_call and request.transports else [page]
        for transport in chosen:
            groups[path.scenario, transport].append(path)
    for (scenario, transport), paths in groups.items():
        yield _Job(scenario, width, transport, tuple(paths))


def _work_alone(setting: Setting, width: int, states: Iterable[StateName]) -> dict[StateName, int]:
    with Guests(setting, NOTHING, width, vmcall=False) as guests:
        return {
            state: distribution(
                work_cycles(record, NOTHING.client, 0)
                for record in guests.records(state, setting.repeats)
            ).median
            for state in dict.fromkeys((UNDISTURBED, *states))
        }


def _measure_job(
    setting: Setting, job: _Job, states: Iterable[StateName], lens: _Lens
) -> Iterator[PathResult]:
    with Guests(setting, job.scenario, job.width, vmcall=job.transport == "vmcall") as guests:
        for state in states:
            repeats: dict[str, list[_Repeat]] = {path.name: [] for path in job.paths}
            for record in guests.records(state, setting.repeats):
                for path in job.paths:
                    repeats[path.name].append(_repeat(record, path))
            for path in job.paths:
                transport = job.transport if path.is_call else None
                yield _path_result(path, transport, state, repeats[path.name], lens)


def _repeat(record: Record, path: Path) -> _Repeat:
    begin, end = path_bounds(record, path)
    works = {}
    if path.scenario.is_preempted:
        # The one that now runs is the one that was interrupted a slot before.
        works[RESUMED] = work_cycles(record, record.rows[end].partition, end)
    else:
        works[INTERRUPTED] = work_cycles(record, path.scenario.client, begin)
    if path.resumed is not None:
        works[RESUMED] = work_cycles(record, path.resumed, begin)
    return _Repeat(path_rows(record, path), works)


def _path_result(
    path: Path,
    transport: TransportName | None,
    state: StateName,
    repeats: Sequence[_Repeat],
    lens: _Lens,
) -> PathResult:
    cycles = distribution(sum(row.cycles for row in repeat.rows) for repeat in repeats)
    place = cycles.values.index(cycles.median)
    rows = repeats[place].rows
    return PathResult(
        path=path.name,
        sentence=path.sentence,
        width=lens.width,
        transport=transport,
        state=state,
        cycles=cycles,
        representative=place,
        stack=_stack(rows),
        events=_events(rows),
        phases=tuple(_phase_results(repeats, place, lens)),
        instructions=tuple(_instruction_results(rows, lens)),
        refill=tuple(
            _refill(who, [repeat.works[who] for repeat in repeats], lens.alone_cycles, state)
            for who in repeats[0].works
        ),
        references=REFERENCES.get(path.name, ()),
        fpu=lens.fpu,
    )


def _refill(
    who: str, values: Sequence[int], alone_cycles: dict[StateName, int], state: StateName
) -> RefillResult:
    cycles = distribution(values)
    undisturbed_cycles = alone_cycles[UNDISTURBED]
    refill_cycles = cycles.median - undisturbed_cycles
    return RefillResult(who, cycles, alone_cycles[state], undisturbed_cycles, refill_cycles)


def _phase_of(row: Row, lens: _Lens) -> Phase:
    if row.transition:
        return TRANSITION_PHASES[TimingTransition(row.transition - 1)]
    return lens.phases.phase(row.address, row.code)


def _phase_results(repeats: Sequence[_Repeat], place: int, lens: _Lens) -> Iterator[PhaseResult]:
    """Return the phases that the path has, in their order; each repeat's add up to it."""
    split: list[defaultdict[Phase, list[Row]]] = []
    for repeat in repeats:
        by_phase: defaultdict[Phase, list[Row]] = defaultdict(list)
        for row in repeat.rows:
            by_phase[_phase_of(row, lens)].append(row)
        split.append(by_phase)
    for phase in Phase:
        if any(phase in by_phase for by_phase in split):
            yield PhaseResult(
                phase,
                distribution(sum(row.cycles for row in by_phase[phase]) for by_phase in split),
                _stack(split[place][phase]),
                _events(split[place][phase]),
            )


def _instruction_results(rows: Iterable[Row], lens: _Lens) -> Iterator[InstructionResult]:
    """Return each address once, in the order in which it was first executed."""
    same: defaultdict[tuple[int, int, bytes], list[Row]] = defaultdict(list)
    for row in rows:
        same[row.address, row.transition, row.code].append(row)
    for (address, transition, code), executions in same.items():
        if transition:
            name = TimingTransition(transition - 1).name.lower().replace("_", " ")
            label, text = "", f"({name})"
        else:
            label = _label(address, lens)
            text = instruction_text(code, address, executions[0].width_bits)
        yield InstructionResult(
            phase=_phase_of(executions[0], lens),
            address=f"{address:#x}",
            symbol=label,
            text=text,
            count=len(executions),
            cycles=sum(row.cycles for row in executions),
            uops=sum(row.events[TimingEvent.UOP] for row in executions),
        )


def _label(address: int, lens: _Lens) -> str:
    if is_monitor(address):
        return lens.phases.label(address)
    # What no symbol of the image covers: the monitor's page of calls, or the copied program.
    return lens.symbols.nearest(address) or "guest"


def _stack(rows: Sequence[Row]) -> dict[str, int]:
    return {cause.name.lower(): sum(row.causes[cause] for row in rows) for cause in TimingCause}


def _events(rows: Sequence[Row]) -> dict[str, int]:
    return {name: sum(row.events[event] for row in rows) for event, name in EVENT_NAMES.items()}
