# SPDX-License-Identifier: GPL-2.0-or-later
"""What the records of a trace are called, and what is written beside them.

Owns names, categories and annotations of slices and instants; the contract says what a call's
arguments are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ultravisor.machine.abi import CALLS, Error, Hypercall, StopReason
from ultravisor.machine.interface import LogNumber, TraceKind
from ultravisor.machine.traps import trap_name
from ultravisor.trace.packets import Address

if TYPE_CHECKING:
    from ultravisor.machine.records import TraceRecord
    from ultravisor.trace.packets import Annotations, Value

SIGN_BIT = 1 << 63
# Types of the contract's grammar that people read as decimal numbers.
DECIMAL_TYPES = frozenset({"size", "count", "level", "port", "processor", "time", "choice"})
# Those that take two registers of a 32-bit caller.
WIDE_TYPES = frozenset({"entry", "descriptor", "time"})
# What these leave behind is not theirs: another frame's register, or nothing.
WITHOUT_RESULT = frozenset({Hypercall.IRET, Hypercall.PARTITION_EXIT})


@lru_cache
def entry_name(kind: int, number: int) -> str:
    """Return the name of what made a processor enter the monitor."""
    if kind == TraceKind.HYPERCALL:
        call = _call(number)
        return call.name.lower() if call is not None else f"call_{number}"
    if kind == TraceKind.INTERRUPT:
        return LogNumber(number).name.lower()
    if number >= LogNumber.INTERRUPT:
        return f"int_{number - LogNumber.INTERRUPT:#x}"
    if number == LogNumber.SYSTEM_CALL:
        return "system_call"
    return trap_name(number)


@lru_cache
def entry_category(kind: int, number: int) -> str:
    """Return the category of a slice: as results count it."""
    if kind == TraceKind.TRAP and number == LogNumber.SYSTEM_CALL:
        return "system_call"
    return TraceKind(kind).name.lower()


@lru_cache
def _call(number: int) -> Hypercall | None:
    try:
        return Hypercall(number)
    except ValueError:
        return None


@lru_cache
def _arguments(call: Hypercall, width: int) -> tuple[tuple[str, str, bool], ...]:
    """Return name, form and whether it takes two registers, argument by argument."""
    return tuple(
        (
            argument.name,
            argument.type
            if argument.type == "value"
            else "decimal"
            if argument.type in DECIMAL_TYPES
            else "address",
            width == 32 and argument.type in WIDE_TYPES,
        )
        for argument in CALLS[call].arguments
    )


def entry_annotations(record: TraceRecord, width: int) -> Annotations:
    """Return arguments and result, and what the monitor took of the processor."""
    cycles = ("monitor_cycles", record.machine_cycles)
    if record.kind == TraceKind.HYPERCALL:
        return (*_call_annotations(record, width), cycles)
    error_code, rip, address, _, _ = record.arguments
    annotations: Annotations = (("rip", Address(rip)), cycles)
    if record.kind == TraceKind.TRAP:
        annotations += (("error_code", Address(error_code)),)
        if address:
            annotations += (("address", Address(address)),)
    return annotations


def _call_annotations(record: TraceRecord, width: int) -> Annotations:
    call = _call(record.number)
    if call is None:
        return (("result", _result(record.result)),)
    annotations: Annotations = ()
    registers = iter(record.arguments)
    for name, form, is_wide in _arguments(call, width):
        value = next(registers, 0)
        if is_wide:
            value |= next(registers, 0) << 32
        if form == "address":
            value = Address(value)
        elif form == "value" and value & SIGN_BIT:
            value -= 2 * SIGN_BIT
        annotations += ((name, value),)
    if call not in WITHOUT_RESULT:
        annotations += (("result", _result(record.result)),)
    return annotations


def _result(result: int) -> Value:
    if -len(Error) <= result < 0:
        return Error(-result).name.lower()
    return result


def instant_name(record: TraceRecord) -> str:
    """Return the name of what happened within an entry."""
    if record.kind == TraceKind.MARK:
        return f"mark {record.argument_0}"
    if record.kind == TraceKind.CONSOLE:
        return "console"
    return f"stopped: {StopReason(record.number).name.lower()}"


def instant_annotations(record: TraceRecord) -> Annotations:
    """Return what is written beside it."""
    first, second, third, fourth, _ = record.arguments
    if record.kind == TraceKind.MARK:
        return (("id", first), ("value", second), ("guest_cycles", third))
    if record.kind == TraceKind.CONSOLE:
        return (("size_bytes", record.result), ("text", _text(record)))
    code = second - 2 * SIGN_BIT if second & SIGN_BIT else second
    return (("exit_code", code), ("rip", Address(third)), ("address", Address(fourth)))


def _text(record: TraceRecord) -> str:
    """Return the beginning of what was written to a console."""
    data = b"".join(word.to_bytes(8, "little") for word in record.arguments)
    return data[: record.result].decode("utf-8", "replace")
