# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person is told when a TOML text is wrong.

Owns the form of the refusal: file, line where it can be told, key, sentence, hint. Called by the
readers of configurations and of policies; knows neither.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from ultravisor.errors import ConfigurationError
from ultravisor.toml_lines import TomlLines, place

if TYPE_CHECKING:
    from collections.abc import Mapping


def syntax_error(path: str, message: str, hint: str) -> ConfigurationError:
    """Turn what the parser said into a place and a sentence; `hint` says where help is."""
    match = re.search(r"\(at line (\d+), column (\d+)\)", message)
    if match is None:
        return ConfigurationError(f"{path}: not TOML: {message}", hint)
    where = f"{path}:{match.group(1)}:{match.group(2)}"
    return ConfigurationError(f"{where}: not TOML: {message[: match.start()].strip()}", hint)


def validation_error(
    path: str, lines: TomlLines, message: str, table_fields: Mapping[str, tuple[str, ...]]
) -> ConfigurationError:
    """Turn `Expected ... - at `$.partition[0].name`` into a place, a key and a sentence."""
    what, _, where = message.partition(" - at `$")
    match = re.match(r"\.?(\w+)?(?:\[(\d+)\])?(?:\.(\w+))?", where.rstrip("`"))
    table, index, key = match.groups() if match is not None else (None, None, None)
    unknown = re.search(r"unknown field `(.*)`", what)
    missing = re.search(r"missing required field `(.*)`", what)
    hint = ""
    if unknown is not None:
        key = unknown.group(1)
        known = table_fields.get(table or "", ())
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
