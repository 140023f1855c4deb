# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes abi.py, interface.py and the reference pages in docs/ from the contract's headers.

Run as `python -m ultravisor.machine.generate_abi [--check]`; the results are
committed, and a test runs --check, so that they cannot drift from the headers. Owns
the Python form of the contract; contract.py reads the headers.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from ultravisor.errors import UltravisorError
from ultravisor.machine.contract import (
    Contract,
    ContractCall,
    ContractGuid,
    ContractNumber,
    ContractStructure,
    read_contract,
)
from ultravisor.machine.reference_page import render_channel_page, render_page

ENUM_PREFIXES = {
    "callback": "CALLBACK_",
    "segment_base": "BASE_",
    "view_record": "VIEW_RECORD_",
    "view_state": "VIEW_STATE_",
    "view_channel_state": "VIEW_CHANNEL_",
    "stop_reason": "STOP_",
    "verdict": "VERDICT_",
    "partition_kind": "PARTITION_",
    "partition_state": "PARTITION_",
    "server_state": "SERVER_STATE_",
    "client_state": "CLIENT_STATE_",
    "client_error": "CLIENT_ERROR_",
    "channel_feature": "CHANNEL_FEATURE_",
    "queue_error": "QUEUE_ERROR_",
    "control_message_id": "CONTROL_",
    "control_flag": "CONTROL_FLAG_",
    "completion_status": "COMPLETION_",
    "segment_state": "SEGMENT_STATE_",
    "chipset_feature": "CHIPSET_FEATURE_",
    "command_kind": "COMMAND_",
    "disk_operation": "DISK_OPERATION_",
    "disk_status": "DISK_STATUS_",
    "network_operation": "NETWORK_OPERATION_",
    "network_status": "NETWORK_STATUS_",
    "native_error": "NATIVE_",
    "monitor_build": "MONITOR_",
    "timing_model": "TIMING_",
    "clock_source": "CLOCK_",
    "machine_model": "MODEL_",
    "exit_reason": "EXIT_",
    "frame_use": "FRAME_USE_",
    "log_category": "LOG_",
    "log_number": "LOG_NUMBER_",
    "timing_ideal": "TIMING_IDEAL_",
    "timing_cause": "TIMING_CAUSE_",
    "timing_event": "TIMING_EVENT_",
    "timing_transition": "TIMING_TRANSITION_",
    "timing_path": "TIMING_PATH_",
    "timing_forget": "TIMING_FORGET_",
    "trace_kind": "TRACE_",
}
FLAG_ENUMS = frozenset(
    {"log_category", "machine_model", "timing_forget"}
    | {"client_error", "channel_feature", "queue_error"}
    | {"control_flag", "segment_state", "chipset_feature"}
)
ENUM_SENTENCES = {
    "callback": "The entries that callback_set registers.",
    "segment_base": "The bases that base_set and base_get name.",
    "view_record": "The records that view_get copies.",
    "view_state": "What a view wants of a partition.",
    "view_channel_state": "Whether the ends of a channel may map it.",
    "stop_reason": "Why a partition is no longer running; the first reason is kept.",
    "verdict": "The exit code of an image that is a test; any other end is a crash.",
    "partition_kind": "What a partition is.",
    "partition_state": "Whether a partition runs.",
    "server_state": "Whether the server has built a channel.",
    "client_state": "What a client does with a channel, for its boot code and for its system.",
    "client_error": "Why a client could not acquire a channel.",
    "channel_feature": "What the ends of a channel do, and let each other do.",
    "queue_error": "What one end of a queue found wrong in what the other wrote.",
    "control_message_id": "What a control message asks or tells.",
    "control_flag": "How a control message is meant, and how it went.",
    "completion_status": "How a control message went.",
    "segment_state": "The state of a bus or device, in control messages.",
    "chipset_feature": "What a partition can do, in the answer to chipset_init.",
    "command_kind": "What a signal of a command channel is.",
    "disk_operation": "What a guest asks of a disk.",
    "disk_status": "How a request of a disk went.",
    "network_operation": "What a signal of a network's channel is.",
    "network_status": "How a request of a network went.",
    "native_error": "What a function of the native extension returns.",
    "monitor_build": "Which build of the monitor runs.",
    "timing_model": "Which timing model counts cycles.",
    "timing_ideal": "What a core leaves out, to see what bounds a block.",
    "timing_forget": "What of a core's knowledge is made useless.",
    "trace_kind": "What one record of a trace is.",
    "timing_cause": "Where a core's cycles went; the parts add up.",
    "timing_event": "What a core counts.",
    "timing_path": "On whose behalf, and in what, a core spent its cycles.",
    "timing_transition": "What happens to a core without an instruction, or beside one.",
    "clock_source": "Which clock slots and timers run by.",
    "machine_model": "What the emulated machine lacks around a switch, and a core can count.",
    "exit_reason": "Why machine_run returned.",
    "frame_use": "What becomes of a frame.",
    "log_category": "What the log records.",
    "log_number": "What is in the log beside calls and exceptions.",
}
# Made from tables of their own.
OWN_ENUMS = {"hypercall", "error"}
LINE_LIMIT = 100

HEADER = '''\
# SPDX-License-Identifier: {licence}
"""{title}

Generated from {source} by
ultravisor.machine.generate_abi. Do not edit: change the header and generate again.
"""

from __future__ import annotations

'''

RECORDS = '''

class Argument(NamedTuple):
    """One argument of a call, in the typed grammar of hypercalls.def."""

    type: str
    name: str
    of: str = ""
    """The structure or enum that the type refers to."""
    counted_by: str = ""
    """The argument that holds the size or the count."""


class Call(NamedTuple):
    """One call: the right it needs, its arguments in register order, its sentence."""

    right: Right
    arguments: tuple[Argument, ...]
    sentence: str


class Field(NamedTuple):
    """A field of a shared structure."""

    name: str
    type: str
    offset: int
    size_bytes: int


class Structure(NamedTuple):
    """A shared structure; the layout is the same at both widths."""

    size_bytes: int
    fields: tuple[Field, ...]
'''


def main(arguments: list[str] | None = None) -> int:
    """Write the generated files, or with --check say which are out of date."""
    parser = argparse.ArgumentParser(prog="python -m ultravisor.machine.generate_abi")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on drift")
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parents[2]
    stale = [path for path, text in render_all(root).items() if _read(path) != text]
    if options.check:
        for path in stale:
            print(f"{path.relative_to(root)}: out of date; run generate_abi", file=sys.stderr)
        return 1 if stale else 0
    for path, text in render_all(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


def render_all(root: Path) -> dict[Path, str]:
    """Return the text of every generated file, by path."""
    contract = read_contract(root)
    package = root / "ultravisor" / "machine"
    return {
        package / "abi.py": render_abi(contract),
        package / "interface.py": render_interface(contract),
        root / "docs" / "hypercalls.md": render_page(contract),
        root / "docs" / "channel-layouts.md": render_channel_page(contract),
    }


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def render_abi(contract: Contract) -> str:
    """Render ultravisor/machine/abi.py."""
    parts = [
        HEADER.format(licence="MIT", title="The contract, in Python.", source="monitor/abi"),
        "from enum import IntEnum, IntFlag\n",
        "from typing import Final, NamedTuple\n",
        "from uuid import UUID\n\n",
        *(_constant(row) for row in contract.constants),
        "\n",
        *(_constant(row) for row in contract.limits),
        "\n",
        *(_guid(row) for row in contract.guids),
        _enum("Right", "IntFlag", "What a view can grant.", _plain(contract.rights, "RIGHT_")),
        _enum("Hypercall", "IntEnum", "The calls, by number.", _call_members(contract)),
        _enum("Error", "IntEnum", "What a call may return, negated.", _error_members(contract)),
    ]
    enums = {name: rows for name, rows in contract.enums.items() if name not in OWN_ENUMS}
    parts += [_enum_of(name, members) for name, members in enums.items()]
    parts += [_transitions_table(contract)]
    parts += [RECORDS, _calls_table(contract), _structures_table(contract)]
    return "".join(parts)


def render_interface(contract: Contract) -> str:
    """Render ultravisor/machine/interface.py."""
    parts = [
        HEADER.format(
            licence="GPL-2.0-or-later",
            title="The numbers of the native extension's interface.",
            source="native/native.h and monitor/core/monitor.h",
        ),
        "from enum import IntEnum, IntFlag\n",
    ]
    parts += [_enum_of(name, members) for name, members in contract.native_enums.items()]
    return "".join(parts)


def _enum_of(name: str, members: tuple[ContractNumber, ...]) -> str:
    base = "IntFlag" if name in FLAG_ENUMS else "IntEnum"
    return _enum(_class_name(name), base, ENUM_SENTENCES[name], _prefixed(name, members))


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _constant(row: ContractNumber) -> str:
    sentence = row.sentence.replace('"', "'")
    comment = f'"""{_capitalised(sentence)}"""\n' if sentence else ""
    return f"{row.name}: Final = {_literal(row.text)}\n{comment}"


def _guid(row: ContractGuid) -> str:
    return f'GUID_{row.name.upper()}: Final = UUID("{row.text}")\n"""{row.sentence}"""\n'


def _transitions_table(contract: Contract) -> str:
    rows = "".join(
        f"        (ClientState.{old.upper()}, ClientState.{new.upper()}),\n"
        for old, new in contract.client_transitions
    )
    return (
        "\n\nCLIENT_TRANSITIONS: Final[frozenset[tuple[ClientState, ClientState]]] = frozenset(\n"
        f"    {{\n{rows}    }}\n)\n"
        '"""Which changes a channel\'s client state may go through."""\n'
    )


def _literal(text: str) -> str:
    return "0x" + text[2:].upper() if text.startswith("0x") else text


def _capitalised(sentence: str) -> str:
    sentence = sentence[0].upper() + sentence[1:]
    return sentence if sentence.endswith(".") else sentence + "."


def _plain(rows: tuple[ContractNumber, ...], prefix: str) -> list[tuple[str, str, str]]:
    return [(row.name.removeprefix(prefix).upper(), row.text, row.sentence) for row in rows]


def _prefixed(name: str, rows: tuple[ContractNumber, ...]) -> list[tuple[str, str, str]]:
    return _plain(
        tuple(row for row in rows if not row.name.endswith("_COUNT")), ENUM_PREFIXES[name]
    )


def _call_members(contract: Contract) -> list[tuple[str, str, str]]:
    return [(call.name.upper(), str(call.number), call.sentence) for call in contract.calls]


def _error_members(contract: Contract) -> list[tuple[str, str, str]]:
    rows = [(row.name.upper(), row.text, row.sentence) for row in contract.errors]
    return [("NONE", "0", "The call succeeded."), *rows]


def _enum(name: str, base: str, sentence: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f'\n\nclass {name}({base}):\n    """{sentence}"""\n\n']
    for member, value, text in rows:
        lines.append(f"    {member} = {_literal(value)}\n")
        if text:
            lines.append(_docstring(_capitalised(text)))
    return "".join(lines)


def _docstring(text: str) -> str:
    line = f'    """{text}"""\n'
    if len(line) <= LINE_LIMIT:
        return line
    wrapped = textwrap.wrap(text, LINE_LIMIT - 8)
    return '    """' + "\n    ".join(wrapped) + '"""\n'


def _calls_table(contract: Contract) -> str:
    rows = "".join(_call_row(call) for call in contract.calls)
    return (
        f"\n\nCALLS: Final[dict[Hypercall, Call]] = {{\n{rows}}}\n"
        '"""Every call of the contract."""\n\n'
        "GRAMMAR: Final[dict[Hypercall, tuple[Argument, ...]]] = {\n"
        "    call: row.arguments for call, row in CALLS.items()\n}\n"
        '"""The typed arguments of every call, in register order."""\n'
    )


def _call_row(call: ContractCall) -> str:
    return (
        f"    Hypercall.{call.name.upper()}: Call(\n"
        f"        Right.{call.right.upper()},\n"
        f"{_argument_rows(call)}"
        f"{_string_row(call.sentence)}"
        "    ),\n"
    )


def _argument_rows(call: ContractCall) -> str:
    if not call.arguments:
        return "        (),\n"
    rows = []
    for argument in call.arguments:
        extra = f', of="{argument.of}"' if argument.of else ""
        extra += f', counted_by="{argument.counted_by}"' if argument.counted_by else ""
        rows.append(f'            Argument("{argument.type}", "{argument.name}"{extra}),\n')
    if len(rows) == 1:
        return "        (" + rows[0].strip() + "),\n"
    return "        (\n" + "".join(rows) + "        ),\n"


def _string_row(text: str) -> str:
    line = f'        "{text}",\n'
    if len(line) <= LINE_LIMIT:
        return line
    words = textwrap.wrap(text, LINE_LIMIT - 14)
    pieces = [f'        "{piece} "\n' for piece in words[:-1]]
    return "".join(pieces) + f'        "{words[-1]}",\n'


def _structures_table(contract: Contract) -> str:
    rows = "".join(_structure_row(structure) for structure in contract.structures)
    return (
        f"\nSTRUCTURES: Final[dict[str, Structure]] = {{\n{rows}}}\n"
        '"""Every shared structure of the contract."""\n'
    )


def _structure_row(structure: ContractStructure) -> str:
    fields = "".join(
        f'            Field("{field.name}", "{field.type}", {field.offset}, {field.size_bytes}),\n'
        for field in structure.fields
    )
    return (
        f'    "{structure.name}": Structure(\n'
        f"        {structure.size_bytes},\n        (\n{fields}        ),\n    ),\n"
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UltravisorError as failure:
        sys.exit(f"error: {failure}")
