# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's log as lines of text.

Owns their form: clock, processor, who, what. Called by ultravisor.host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ultravisor.machine.abi import CALLS, VIRTUAL_PROCESSOR_LIMIT, Error, Hypercall, StopReason
from ultravisor.machine.interface import LogCategory, LogNumber
from ultravisor.machine.traps import trap_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ultravisor.machine.records import LogRecord

CATEGORY_NAMES = tuple(category.name.lower() for category in LogCategory if category.name)


def parse_categories(names: Iterable[str]) -> LogCategory:
    """Return the categories with these names; `all` is every one. Raises KeyError."""
    categories = LogCategory(0)
    for name in names:
        categories |= ~LogCategory(0) if name == "all" else LogCategory[name.upper()]
    return categories


def log_line(record: LogRecord, virtual_processors: list[str]) -> str:
    """Return one record as text; `virtual_processors` are names by global number."""
    who = _who(record.virtual_processor, virtual_processors)
    name = record.category.name.lower() if record.category.name else "unknown"
    what = _what(record, virtual_processors)
    return f"{record.clock_cycles:>14} p{record.processor} {who:<16} {name:<9} {what}"


def _who(number: int, virtual_processors: list[str]) -> str:
    if number < len(virtual_processors):
        return virtual_processors[number]
    return "idle" if number >= VIRTUAL_PROCESSOR_LIMIT else f"#{number}"


def _what(record: LogRecord, virtual_processors: list[str]) -> str:
    if record.category == LogCategory.HYPERCALL:
        return _hypercall(record)
    first, second, third = record.arguments
    match record.category:
        case LogCategory.TRAP:
            return f"{_trap(record.number)} at {second:#x}, error {first:#x}, address {third:#x}"
        case LogCategory.EVENT:
            return f"{LogNumber(record.number).name.lower()} at {second:#x}"
        case LogCategory.SWITCH:
            return f"to {_who(record.number, virtual_processors)}"
        case LogCategory.PARTITION:
            reason = StopReason(record.number).name.lower()
            return f"stopped: {reason}, code {first}, at {second:#x}, address {third:#x}"
        case _:
            return f"{first} value {second:#x}, after {third} cycles of work"


def _trap(number: int) -> str:
    if number >= LogNumber.INTERRUPT:
        return f"int_{number - LogNumber.INTERRUPT:#x}"
    return "system_call" if number == LogNumber.SYSTEM_CALL else trap_name(number)


def _hypercall(record: LogRecord) -> str:
    """Return the call as it would be written, and what it returned."""
    try:
        call = Hypercall(record.number)
    except ValueError:
        return f"call {record.number} = {_result(record.result)}"
    names = [argument.name for argument in CALLS[call].arguments]
    shown = ", ".join(
        f"{name}={value:#x}" for name, value in zip(names, record.arguments, strict=False)
    )
    more = ", ..." if len(names) > len(record.arguments) else ""
    return f"{call.name.lower()}({shown}{more}) = {_result(record.result)}"


def _result(result: int) -> str:
    if -len(Error) < result < 0:
        return Error(-result).name.lower()
    return f"{result:#x}"
