# SPDX-License-Identifier: GPL-2.0-or-later
"""From a machine's counters to the results of a run.

Owns the step from numbers to names and sentences, and the exit code. Called by
ultravisor.host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.cycles import cycle_results
from ultravisor.errors import ExitCode
from ultravisor.machine.abi import Hypercall, StopReason
from ultravisor.machine.cores import unit_of
from ultravisor.machine.interface import ExitReason, PartitionState
from ultravisor.machine.symbols import SymbolTable
from ultravisor.machine.traps import trap_name
from ultravisor.marks import span_results
from ultravisor.reasons import stop_sentence
from ultravisor.results import (
    CycleResult,
    ExitResult,
    HostResult,
    PartitionResult,
    PartitionStateName,
    ProcessorResult,
    StopResult,
)

if TYPE_CHECKING:
    from ultravisor.consoles import Console
    from ultravisor.machine.machine import Machine
    from ultravisor.machine.records import PartitionStatistics
    from ultravisor.marks import MarkLog
    from ultravisor.plan import HostPlan


def build_result(
    plan: HostPlan,
    machine: Machine,
    consoles: list[Console],
    marks: MarkLog,
    reason: ExitReason,
    *,
    interrupted: bool,
) -> HostResult:
    """Return the results as they are now."""
    # Hashing brings lazily kept state up to date, and with it the work of who was cut off.
    state_hash = f"{machine.state_hash():016x}"
    statistics = [
        machine.partition_statistics(number) for number in range(1, len(plan.partitions) + 1)
    ]
    return HostResult(
        seed=plan.configuration.host.seed,
        state_hash=state_hash,
        exit=_exit(plan, machine, statistics, reason, interrupted),
        processors=tuple(
            _processor_result(machine, number) for number in range(machine.options.processor_count)
        ),
        partitions=tuple(
            _partition_result(plan, machine, consoles[index], index, row)
            for index, row in enumerate(statistics)
        ),
        unit=unit_of(plan.configuration.host.timing),
        assumed_cycles=machine.path_costs(),
        cycles=_cycles(plan, machine),
        spans=span_results(marks.rows),
        marks_dropped=marks.dropped,
    )


def _cycles(plan: HostPlan, machine: Machine) -> tuple[CycleResult, ...]:
    if plan.configuration.host.core is None:
        return ()
    return cycle_results(machine, [row.configuration.name for row in plan.partitions])


def _exit(
    plan: HostPlan,
    machine: Machine,
    statistics: list[PartitionStatistics],
    reason: ExitReason,
    interrupted: bool,
) -> ExitResult:
    """Return why the run ended. A failed guest is told before what ended the run."""
    names = [row.configuration.name for row in plan.partitions]
    if reason in (ExitReason.MONITOR_PANIC, ExitReason.ENGINE_FAILURE):
        what = reason.name.lower().replace("_", " ")
        return ExitResult(f"{what}: {machine.error()}", ExitCode.INTERNAL)
    if interrupted and reason <= ExitReason.PAUSED:
        return ExitResult("interrupted", ExitCode.INTERRUPTED)
    if reason <= ExitReason.PAUSED:
        return ExitResult("cycle budget reached", ExitCode.BUDGET)
    failed = [name for name, row in zip(names, statistics, strict=True) if _has_failed(row)]
    living = [
        name
        for name, row in zip(names, statistics, strict=True)
        if row.state == PartitionState.RUNNING
    ]
    if reason == ExitReason.IDLE:
        sentence = f"idle: nothing can ever wake {', '.join(living)}"
        if failed:
            sentence += f"; failed: {', '.join(failed)}"
        return ExitResult(sentence, ExitCode.GUEST_FAILED)
    if failed:
        return ExitResult(f"halted: failed: {', '.join(failed)}", ExitCode.GUEST_FAILED)
    return ExitResult("halted: every partition has exited", ExitCode.OK)


def _processor_result(machine: Machine, number: int) -> ProcessorResult:
    row = machine.processor_statistics(number)
    return ProcessorResult(
        id=number,
        guest_cycles=row.guest_cycles,
        machine_cycles=row.machine_cycles,
        switches=row.switches,
        idle_cycles=row.idle_cycles,
    )


def _partition_result(
    plan: HostPlan, machine: Machine, console: Console, index: int, row: PartitionStatistics
) -> PartitionResult:
    partition = plan.partitions[index]
    exited = row.stop_reason == StopReason.EXIT
    # Symbols are read only where they are shown.
    quiet = row.stop_reason in (StopReason.NONE, StopReason.EXIT)
    symbols = SymbolTable(()) if quiet else partition.image.symbols
    return PartitionResult(
        name=partition.configuration.name,
        kind=partition.kind.name.lower(),
        width=partition.image.width,
        state=_state_name(row),
        exit_code=row.exit_code if exited else None,
        reason=stop_sentence(row, symbols),
        state_hash=f"{machine.partition_hash(index + 1):016x}",
        work=row.work,
        hypercalls={_call_name(number): count for number, count in row.hypercalls.items()},
        traps={trap_name(number): count for number, count in row.traps.items()},
        console=console.text(),
        stop=_stop_result(row),
    )


def _stop_result(row: PartitionStatistics) -> StopResult | None:
    if row.stop_reason in (StopReason.NONE, StopReason.EXIT):
        return None
    return StopResult(
        reason=row.stop_reason.name.lower(),
        vector=row.stop_vector,
        error_code=row.stop_error_code,
        rip=f"{row.stop_rip:#x}",
        address=f"{row.stop_address:#x}",
    )


def _state_name(row: PartitionStatistics) -> PartitionStateName:
    if row.state == PartitionState.RUNNING:
        return "running"
    return "exited" if row.stop_reason == StopReason.EXIT else "stopped"


def _has_failed(row: PartitionStatistics) -> bool:
    if row.stop_reason == StopReason.EXIT:
        return row.exit_code != 0
    return row.state == PartitionState.STOPPED


def _call_name(number: int) -> str:
    try:
        return Hypercall(number).name.lower()
    except ValueError:
        return f"call_{number}"
