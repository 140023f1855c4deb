# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the contract's C headers into records.

Owns the reading of monitor/abi and of native/native.h, and nothing of what is made
from them. Called by generate_abi. It must not be imported by anything that runs a
machine: it needs a C compiler and the source tree.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cffi

from ultravisor.errors import UltravisorError

if TYPE_CHECKING:
    from pathlib import Path

HYPERCALL_ROW = re.compile(
    r'HYPERCALL\((\d+),\s*(\w+),\s*(\w+),\s*\((.*?)\),\s*"((?:[^"\\]|\\.)*)"\)', re.DOTALL
)
ERROR_ROW = re.compile(r'ERROR\((\d+),\s*(\w+),\s*"((?:[^"\\]|\\.)*)"\)', re.DOTALL)
DEFINE = re.compile(
    r"^#define[ \t]+(\w+)[ \t]+(0x[0-9a-fA-F]+|\d+)(?:u?ll|u)?[ \t]*(?:/\*(.*?)\*/)?[ \t]*$",
    re.MULTILINE,
)
GUID_ROW = re.compile(r'GUID\((\w+),\s*((?:0x[0-9a-f]+,\s*){5})"((?:[^"\\]|\\.)*)"\)')
TRANSITION_ROW = re.compile(r"^CLIENT_TRANSITION\((\w+), (\w+)\)", re.MULTILINE)
DEFINED_NAME = re.compile(r"^(?:#define|enum|struct) (\w+)", re.MULTILINE)
ARGUMENT = re.compile(r"\s*(\w+)(?:\(([^)]*)\))?\s+([a-z_]\w*)\s*(?=,|$)")
COMMENTED_FIELD = re.compile(r"^\s+[^/]*?(\w+)(?:\[[^\]]*\])?;[ \t]*/\*(.*?)\*/", re.MULTILINE)
STRUCTURE = re.compile(r"(?:/\*((?:(?!\*/).)*?)\*/\n)?struct (\w+) \{(.*?)^\};", re.DOTALL | re.M)
ENUM_MEMBER_COMMENT = re.compile(r"(\w+) = (?:0x[0-9a-f]+|-?\d+),?[ \t]*/\*(.*?)\*/")
ENUM_MEMBER_HEXADECIMAL = re.compile(r"^\s+(\w+) = (0x[0-9a-f]+)", re.MULTILINE)
# Argument types whose parameter names the argument that holds their size or count.
COUNTED_TYPES = {"in_bytes", "out_bytes", "in_array"}
ARGUMENT_LIMIT = 5
# Those that say more than limits, in the order of the generated files.
NATIVE_HEADERS = ("native.h", "native_devices.h", "native_timing.h")
HEADERS = ("abi.h", "view.h", "hosted.h", "io.h")


class ContractError(UltravisorError):
    """A header of the contract does not have the form that the generator reads."""


@dataclass(frozen=True, slots=True)
class ContractArgument:
    """One argument of a call: its type in the grammar, and what the type refers to."""

    name: str
    type: str
    of: str
    counted_by: str


@dataclass(frozen=True, slots=True)
class ContractCall:
    """One row of hypercalls.def."""

    number: int
    name: str
    right: str
    arguments: tuple[ContractArgument, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class ContractNumber:
    """A named number: a macro, an error or a member of an enum."""

    name: str
    value: int
    text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ContractField:
    """A field of a shared structure, as the compiler lays it out."""

    name: str
    type: str
    offset: int
    size_bytes: int
    sentence: str


@dataclass(frozen=True, slots=True)
class ContractStructure:
    """A shared structure."""

    name: str
    size_bytes: int
    fields: tuple[ContractField, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class ContractGuid:
    """One row of guids.def; `text` is the GUID as it is written."""

    name: str
    text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything that the headers say; `channel_names` are those that channel.h defines."""

    calls: tuple[ContractCall, ...]
    errors: tuple[ContractNumber, ...]
    limits: tuple[ContractNumber, ...]
    constants: tuple[ContractNumber, ...]
    rights: tuple[ContractNumber, ...]
    enums: dict[str, tuple[ContractNumber, ...]]
    structures: tuple[ContractStructure, ...]
    guids: tuple[ContractGuid, ...]
    client_transitions: tuple[tuple[str, str], ...]
    channel_names: frozenset[str]
    native_enums: dict[str, tuple[ContractNumber, ...]]


def read_contract(root: Path) -> Contract:
    """Read the headers below `root`, the top of the source tree."""
    abi = root / "monitor" / "abi"
    texts = {path.name: path.read_text() for path in sorted(abi.iterdir()) if path.is_file()}
    headers = "".join(texts[name] for name in HEADERS)
    channel = texts["channel.h"]
    native_text = "".join((root / "native" / name).read_text() for name in NATIVE_HEADERS)
    monitor_text = (root / "monitor" / "core" / "monitor.h").read_text()
    types = _parse_types(*(abi / name for name in HEADERS))
    channel_types = _parse_types(abi / "channel.h")
    native_types = _parse_types(root / "native" / "native.h")
    defines = _defines(headers + channel)
    return Contract(
        calls=_calls(texts["hypercalls.def"]),
        errors=_errors(texts["errors.def"]),
        limits=_defines(texts["limits.h"]),
        constants=tuple(row for row in defines if not row.name.startswith("RIGHT_")),
        rights=tuple(row for row in defines if row.name.startswith("RIGHT_")),
        enums=_enums(types, headers) | _enums(channel_types, channel),
        structures=_structures(types, headers) + _structures(channel_types, channel),
        guids=_guids(texts["guids.def"]),
        channel_names=frozenset(DEFINED_NAME.findall(channel)),
        client_transitions=_transitions(texts["client_transitions.def"], channel),
        native_enums=_enums(native_types, native_text)
        | {"partition_state": _textual_enum(monitor_text, "partition_state")},
    )


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "cc"))


def preprocess(
    header: Path, include_directories: tuple[Path, ...], *, before: tuple[Path, ...] = ()
) -> str:
    """Return what cffi parses of a header: `cc -E -P -DABI_CDEF`, nothing stripped."""
    options = [f"-I{directory}" for directory in include_directories]
    for path in before:
        options += ["-include", str(path)]
    command = [*_compiler(), "-E", "-P", "-DABI_CDEF", *options, str(header)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ContractError(f"{header}: the preprocessor failed: {done.stderr.strip()}")
    return done.stdout


def _parse_types(*headers: Path) -> cffi.FFI:
    """Return what the headers define; each is seen once, whoever includes it."""
    types = cffi.FFI()
    types.cdef(preprocess(headers[-1], (), before=headers[:-1]))
    return types


def _sentence(text: str | None) -> str:
    """Join a comment's lines into one sentence."""
    lines = [line.strip().lstrip("*").strip() for line in (text or "").splitlines()]
    return " ".join(line for line in lines if line)


def _arguments(text: str, call: str) -> tuple[ContractArgument, ...]:
    arguments = []
    position = 0
    while position < len(text.rstrip()):
        match = ARGUMENT.match(text, position)
        if match is None:
            raise ContractError(f"hypercalls.def: {call}: cannot read arguments ({text})")
        kind, parameters, name = match.groups()
        words = [word.strip() for word in (parameters or "").split(",") if word.strip()]
        counted_by = words.pop() if kind in COUNTED_TYPES and words else ""
        arguments.append(ContractArgument(name, kind, words[0] if words else "", counted_by))
        position = match.end() + 1
    names = {argument.name for argument in arguments}
    for argument in arguments:
        if argument.counted_by and argument.counted_by not in names:
            raise ContractError(f"hypercalls.def: {call}: no argument {argument.counted_by}")
    if len(arguments) > ARGUMENT_LIMIT:
        raise ContractError(f"hypercalls.def: {call}: more than {ARGUMENT_LIMIT} arguments")
    return tuple(arguments)


def _calls(text: str) -> tuple[ContractCall, ...]:
    calls = tuple(
        ContractCall(int(number), name, right, _arguments(arguments, name), sentence)
        for number, name, right, arguments, sentence in HYPERCALL_ROW.findall(text)
    )
    rows = len(re.findall(r"^HYPERCALL\(", text, re.MULTILINE))
    if len(calls) != rows or [call.number for call in calls] != list(range(rows)):
        raise ContractError("hypercalls.def: a row cannot be read, or numbers are not 0, 1, 2...")
    return calls


def _errors(text: str) -> tuple[ContractNumber, ...]:
    return tuple(
        ContractNumber(name, int(number), number, sentence)
        for number, name, sentence in ERROR_ROW.findall(text)
    )


def _guids(text: str) -> tuple[ContractGuid, ...]:
    rows = []
    for name, numbers, sentence in GUID_ROW.findall(text):
        digits = [number.strip().removeprefix("0x") for number in numbers.split(",")[:-1]]
        if [len(part) for part in digits] != [8, 4, 4, 4, 12]:
            raise ContractError(f"guids.def: {name}: 8, 4, 4, 4 and 12 digits, not {numbers}")
        rows.append(ContractGuid(name, "-".join(digits), sentence))
    if len(rows) != len(re.findall(r"^GUID\(", text, re.MULTILINE)):
        raise ContractError("guids.def: a row cannot be read")
    return tuple(rows)


def _transitions(text: str, header: str) -> tuple[tuple[str, str], ...]:
    rows = tuple(TRANSITION_ROW.findall(text))
    if len(rows) != len(re.findall(r"^CLIENT_TRANSITION\(", text, re.MULTILINE)):
        raise ContractError("client_transitions.def: a row cannot be read")
    for state in {state for row in rows for state in row}:
        if f"CLIENT_STATE_{state} =" not in header:
            raise ContractError(f"client_transitions.def: {state}: no such state")
    return rows


def _defines(text: str) -> tuple[ContractNumber, ...]:
    return tuple(
        ContractNumber(name, int(value, 0), value, _sentence(comment))
        for name, value, comment in DEFINE.findall(text)
    )


def _enums(types: cffi.FFI, text: str) -> dict[str, tuple[ContractNumber, ...]]:
    comments = {name: _sentence(comment) for name, comment in ENUM_MEMBER_COMMENT.findall(text)}
    texts = dict(ENUM_MEMBER_HEXADECIMAL.findall(text))
    enums = {}
    for name in re.findall(r"^enum (\w+) \{", text, re.MULTILINE):
        members = types.typeof(f"enum {name}").relements
        enums[name] = tuple(
            ContractNumber(member, value, texts.get(member, str(value)), comments.get(member, ""))
            for member, value in sorted(members.items(), key=lambda item: abs(item[1]))
        )
    return enums


def _textual_enum(text: str, name: str) -> tuple[ContractNumber, ...]:
    """Read an enum of a header that cffi cannot parse whole."""
    match = re.search(rf"^enum {name} \{{(.*?)\}};", text, re.DOTALL | re.MULTILINE)
    if match is None:
        raise ContractError(f"no enum {name}")
    members = re.findall(r"(\w+) = (-?\d+)", match.group(1))
    return tuple(ContractNumber(member, int(value), value, "") for member, value in members)


def _structures(types: cffi.FFI, text: str) -> tuple[ContractStructure, ...]:
    structures = []
    for comment, name, body in STRUCTURE.findall(text):
        layout = types.typeof(f"struct {name}")
        comments = {field: _sentence(words) for field, words in COMMENTED_FIELD.findall(body)}
        fields = tuple(
            _field(types, field, details, comments.get(field, ""))
            for field, details in layout.fields
        )
        structures.append(ContractStructure(name, types.sizeof(layout), fields, _sentence(comment)))
    return tuple(structures)


def _field(types: cffi.FFI, name: str, details: Any, sentence: str) -> ContractField:
    return ContractField(
        name=name,
        type=details.type.cname,
        offset=details.offset,
        size_bytes=types.sizeof(details.type),
        sentence=sentence,
    )
