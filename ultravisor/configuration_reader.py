# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a configuration from TOML.

Owns the form of what is wrong in a file: every refusal names the file, the line where
it can be told, and the key. Called by ultravisor.resolution and by whoever has TOML.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING

import msgspec

from ultravisor.configuration import (
    Configuration,
    HostConfiguration,
    InputConfiguration,
    LinkConfiguration,
    PartitionConfiguration,
    SlotConfiguration,
)
from ultravisor.configuration_check import check_configuration
from ultravisor.errors import ConfigurationError, NotFoundError
from ultravisor.toml_lines import TomlLines, place

if TYPE_CHECKING:
    from pathlib import Path


def load_configuration(path: Path) -> Configuration:
    """Read and check a TOML file; image paths become absolute where a file is there."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", "give the path of a configuration") from None
    except UnicodeDecodeError as failure:
        message = f"{path}: offset {failure.start:#x}: not UTF-8 text"
        raise ConfigurationError(message, "a configuration is a TOML file") from None
    except OSError as failure:
        raise NotFoundError(f"{path}: cannot be read: {failure.strerror}") from None
    return parse_configuration(text, str(path), path.parent)


def parse_configuration(text: str, path: str, directory: Path | None = None) -> Configuration:
    """Read and check TOML text; `path` is what errors call it."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        raise _syntax_error(path, str(failure)) from None
    lines = TomlLines(text)
    try:
        configuration = msgspec.convert(data, Configuration)
    except msgspec.ValidationError as failure:
        raise _validation_error(path, lines, str(failure)) from None
    if directory is not None:
        configuration = _with_absolute_images(configuration, directory)
    check_configuration(configuration, path, lines)
    return configuration


def _with_absolute_images(configuration: Configuration, directory: Path) -> Configuration:
    partitions = tuple(
        msgspec.structs.replace(row, image=str((directory / row.image).resolve()))
        if (directory / row.image).is_file()
        else row
        for row in configuration.partition
    )
    return msgspec.structs.replace(configuration, partition=partitions)


def _syntax_error(path: str, message: str) -> ConfigurationError:
    match = re.search(r"\(at line (\d+), column (\d+)\)", message)
    hint = "see examples/ for configurations that work"
    if match is None:
        return ConfigurationError(f"{path}: not TOML: {message}", hint)
    where = f"{path}:{match.group(1)}:{match.group(2)}"
    return ConfigurationError(f"{where}: not TOML: {message[: match.start()].strip()}", hint)


TABLE_FIELDS: dict[str, tuple[str, ...]] = {
    "": Configuration.__struct_encode_fields__,
    "host": HostConfiguration.__struct_encode_fields__,
    "partition": PartitionConfiguration.__struct_encode_fields__,
    "slot": SlotConfiguration.__struct_encode_fields__,
    "link": LinkConfiguration.__struct_encode_fields__,
    "input": InputConfiguration.__struct_encode_fields__,
}


def _validation_error(path: str, lines: TomlLines, message: str) -> ConfigurationError:
    """Turn `Expected ... - at `$.partition[0].name`` into a place, a key and a sentence."""
    what, _, where = message.partition(" - at `$")
    match = re.match(r"\.?(\w+)?(?:\[(\d+)\])?(?:\.(\w+))?", where.rstrip("`"))
    table, index, key = match.groups() if match is not None else (None, None, None)
    unknown = re.search(r"unknown field `(.*)`", what)
    missing = re.search(r"missing required field `(.*)`", what)
    hint = ""
    if unknown is not None:
        key = unknown.group(1)
        known = TABLE_FIELDS.get(table or "", ())
        close = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean `{close[0]}`?" if close else f"keys here: {', '.join(known)}"
        what = "unknown key"
    elif missing is not None:
        what, hint = f"`{missing.group(1)}` is missing", "add it to this table"
    number = int(index) if index is not None else 0
    name = ".".join(word for word in (_table_name(table, index), key) if word)
    line = lines.find(table or "", number, key)
    return ConfigurationError(f"{place(path, line)}: {name}: {_lowered(what)}", hint)


def _table_name(table: str | None, index: str | None) -> str:
    if table is None:
        return ""
    return f"{table}[{index}]" if index is not None else table


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
