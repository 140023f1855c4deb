# SPDX-License-Identifier: GPL-2.0-or-later
"""Renders docs/hypercalls.md and docs/channel-layouts.md, the contract's reference pages.

Owns the form of the pages. Called by generate_abi; knows the contract's records only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ultravisor.machine.contract import (
        Contract,
        ContractArgument,
        ContractCall,
        ContractNumber,
        ContractStructure,
    )

REGISTERS_64 = ("RDI", "RSI", "RDX", "R10", "R8")
REGISTERS_32 = ("EBX", "ECX", "EDX", "ESI", "EDI")
# These take two registers of a 32-bit caller.
WIDE_TYPES = frozenset({"entry", "descriptor", "time"})

INTRODUCTION = """\
<!-- Generated from monitor/abi by `python -m ultravisor.machine.generate_abi`. Do not edit. -->
# Hypercalls

The contract between the monitor and its guests, as `monitor/abi` defines it. The call's
number goes into RAX or EAX, its arguments into the registers that each table names, in their
order; of two registers the first holds the low half. The result is in RAX, or in EAX with its
high half in EDX. Below zero it is a negated error; a call that fails has changed nothing. Calls
are accepted in kernel mode only.

A guest calls the stub of call N at `hypercall_page_address + N * {stub}` of its start page, which
makes the call by `syscall` (64-bit) or by `int 0x82` (32-bit); `vmcall` does the same in both.
Contract version: {version}.
"""

TYPES = """\
Argument types: `in_bytes(S)` and `out_bytes(S)` are addresses of buffers whose size is argument
S; `in_array(T,N)` is the address of N structures T; `in_struct(T)` and `out_struct(T)` of one;
`frame` is a machine frame number; `time` is in absolute cycles of the guest-visible clock;
`choice(E)` is a member of an enum below.
"""

CHANNEL_INTRODUCTION = """\
<!-- Generated from monitor/abi by `python -m ultravisor.machine.generate_abi`. Do not edit. -->
# Layouts of channels

Structures and numbers of memory channels, as `monitor/abi/channel.h` defines them; the rules
are in [channels](channels.md). Everything is little-endian. The published layout names some
fields otherwise: that name comes first in the meaning. What only a command channel has is ours.
"""


def render_channel_page(contract: Contract) -> str:
    """Return the whole page of the layouts of channels."""
    ours = contract.channel_names
    parts = [
        CHANNEL_INTRODUCTION,
        "\n## Types\n\n| name | GUID | meaning |\n|---|---|---|\n",
        *(f"| `{row.name}` | `{row.text}` | {row.sentence} |\n" for row in contract.guids),
        "\n## Structures\n",
        *(_structure(structure) for structure in contract.structures if structure.name in ours),
        "\n## Enums\n",
        *(_enum(name, members) for name, members in contract.enums.items() if name in ours),
        "\n## Constants\n",
        _numbers(tuple(row for row in contract.constants if row.name in ours)),
        "\n## States of a client\n\n```mermaid\nstateDiagram-v2\n    [*] --> detached\n",
        *(f"    {old} --> {new}\n" for old, new in contract.client_transitions),
        "```\n",
    ]
    return "".join(parts)


def render_page(contract: Contract) -> str:
    """Return the whole page of the calls."""
    elsewhere = contract.channel_names
    constants = {row.name: row.text for row in contract.constants}
    parts = [
        INTRODUCTION.format(
            stub=constants["HYPERCALL_STUB_SIZE_BYTES"], version=constants["ABI_VERSION"]
        ),
        "\n## Calls\n\n",
        TYPES,
        *(_call(call) for call in contract.calls),
        "\n## Errors\n\n| number | name | meaning |\n|---|---|---|\n",
        *(f"| -{row.text} | `{row.name}` | {row.sentence} |\n" for row in contract.errors),
        "\n## Enums\n",
        *(
            _enum(name, members)
            for name, members in contract.enums.items()
            if name not in {"hypercall", "error"} | elsewhere
        ),
        "\n## Rights\n\nBits of a partition's rights in its view.\n",
        _numbers(contract.rights),
        "\n## Constants\n",
        _numbers(tuple(row for row in contract.constants if row.name not in elsewhere)),
        "\n## Limits\n\nAbove a limit a call is refused with `limit`.\n",
        _numbers(contract.limits),
        "\n## Structures\n\nThe same layout at both widths; every offset is asserted.\n",
        *(_structure(row) for row in contract.structures if row.name not in elsewhere),
    ]
    return "".join(parts)


def _type(argument: ContractArgument) -> str:
    parameters = ",".join(word for word in (argument.of, argument.counted_by) if word)
    return f"{argument.type}({parameters})" if parameters else argument.type


def _call(call: ContractCall) -> str:
    right = "no right" if call.right == "none" else f"right `{call.right}`"
    text = f"\n### {call.number} `{call.name}`\n\n{call.sentence} Needs {right}.\n"
    if call.arguments:
        text += "\n| 64-bit | 32-bit | argument | type |\n|---|---|---|---|\n"
        narrow = list(REGISTERS_32)
        for register, argument in zip(REGISTERS_64, call.arguments, strict=False):
            taken = [narrow.pop(0) for _ in range(1 + (argument.type in WIDE_TYPES))]
            text += (
                f"| {register} | {', '.join(taken)} | `{argument.name}` | `{_type(argument)}` |\n"
            )
    return text


def _enum(name: str, members: tuple[ContractNumber, ...]) -> str:
    return f"\n### `enum {name}`\n" + _numbers(
        tuple(member for member in members if not member.name.endswith("_COUNT"))
    )


def _numbers(rows: tuple[ContractNumber, ...]) -> str:
    text = "\n| name | value | meaning |\n|---|---|---|\n"
    for row in rows:
        text += f"| `{row.name}` | {row.text} | {row.sentence} |\n"
    return text


def _structure(structure: ContractStructure) -> str:
    sentence = f"\n{structure.sentence}\n" if structure.sentence else ""
    text = f"\n### `struct {structure.name}`, {structure.size_bytes} bytes\n{sentence}"
    text += "\n| offset | size | field | type | meaning |\n|---|---|---|---|---|\n"
    for field in structure.fields:
        text += (
            f"| {field.offset} | {field.size_bytes} | `{field.name}` | `{field.type}` "
            f"| {field.sentence} |\n"
        )
    return text
