# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor config show`: every value of a host, and where it came from.

Owns the form: TOML that can be booted, and the schema "ultravisor.config/1".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ultravisor.cli.completion import complete_hosts
from ultravisor.cli.host_options import host_options, take_settings
from ultravisor.cli.terminal import CONTROL, printable

if TYPE_CHECKING:
    from ultravisor.effective_configuration import Setting, Table


@click.command(
    "show",
    help="""Show the effective configuration, as TOML that can be booted.

\b
Examples:
  ultravisor config show pingpong
  ultravisor config show demo --seed 7 --origin

FILE... and the options are those of boot. With --origin each value says where it came
from: file and line, an option, an argument, an image's note, computed, or a default.

\b
Exit codes: 0; 2, 3 and 6 as with boot.
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=complete_hosts)
@host_options
@click.option("--origin", is_flag=True, help="Say where each value came from.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
def command(files: tuple[str, ...], origin: bool, as_json: bool, **given: Any) -> int:
    """Read and check everything as boot does, and print it."""
    from ultravisor.effective_configuration import effective_configuration

    tables = effective_configuration(files, **take_settings(given))
    if as_json:
        print(json.dumps(_object(tables, origin=origin), ensure_ascii=False))
        return 0
    print("\n\n".join(_table_text(table, origin=origin) for table in tables))
    return 0


def _object(tables: tuple[Table, ...], *, origin: bool) -> dict[str, Any]:
    configuration: dict[str, Any] = {"host": {}, "partition": [], "slot": [], "link": []}
    configuration["input"] = []
    for table in tables:
        values = {setting.key: setting.value for setting in table.settings}
        if table.index is None:
            configuration[table.name] = values
        else:
            configuration[table.name].append(values)
    shown: dict[str, Any] = {"schema": "ultravisor.config/1", "configuration": configuration}
    if origin:
        shown["origins"] = {
            f"{table.path}.{setting.key}": _origin(setting)
            for table in tables
            for setting in table.settings
        }
    return shown


def _origin(setting: Setting) -> dict[str, Any]:
    found = setting.origin
    return {"kind": found.kind, "text": found.text, "file": found.file, "line": found.line}


def _table_text(table: Table, *, origin: bool) -> str:
    header = f"[{table.name}]" if table.index is None else f"[[{table.name}]]"
    rows = [(f"{row.key} = {_toml(row.value)}", row.origin.text) for row in table.settings]
    if not origin:
        return "\n".join([header, *(text for text, _ in rows)])
    width = max(len(text) for text, _ in rows)
    return "\n".join([header, *(f"{text:<{width}}  # {printable(why)}" for text, why in rows)])


def _toml(value: Any) -> str:
    """Return a value as TOML; nothing in it can steer a terminal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
    return str(value)
